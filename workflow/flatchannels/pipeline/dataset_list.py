"""The datasets of a configuration, for `make datasets`: their files, and afterwards their checksums.

python -m flatchannels.pipeline.dataset_list CONFIG              the files that snakemake is to make, one a line
python -m flatchannels.pipeline.dataset_list CONFIG --checksums  writes SHA256SUMS beside them, for `sha256sum -c`
"""

import argparse
import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

from flatchannels.pipeline import config as settings
from flatchannels.pipeline import expansion
from flatchannels.storage.atomic import write_text

CHECKSUMS = "SHA256SUMS"


def files(config: dict, with_draws: bool = True) -> list[Path]:
    """The files of the datasets that some sweep uses.

    Parameters
    ----------
    config : dict
        A validated configuration.
    with_draws : bool
        Also those of Gaussian processes, which need torch.

    Returns
    -------
    list of Path
    """
    used = expansion.datasets(config).items()
    return [
        Path(config["results_dir"], "datasets", f"{name}.npz")
        for name, job in sorted(used)
        if with_draws or job["spec"]["target"] != "gaussian-process"
    ]


def write_checksums(paths: list[Path]) -> Path:
    """Write SHA256SUMS into the folder of some files, of those that are there.

    Equal datasets are equal files: their zip times are fixed.

    Parameters
    ----------
    paths : list of Path
        In one folder.

    Returns
    -------
    Path
        Of the file written.
    """
    there = [path for path in paths if path.exists()]
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in there]
    sums = paths[0].parent / CHECKSUMS
    write_text(sums, "".join(lines))
    return sums


def main() -> None:
    """As the command line says; a mistake in the configuration gets one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config")
    parser.add_argument("--checksums", action="store_true", help="write them")
    given = parser.parse_args()
    try:
        config = settings.validate(settings.load(given.config), given.config)
    except settings.ConfigError as error:
        sys.exit(str(error))
    if not given.checksums:
        drawn = bool(find_spec("gpytorch")) or Path(".venv-gp").exists()
        print(*files(config, drawn), sep="\n")
        return
    wanted = files(config)
    sums = write_checksums(wanted)
    left_out = [path.stem for path in wanted if not path.exists()]
    print(f"{len(wanted) - len(left_out)} datasets, with their checksums in {sums}")
    if left_out:
        print(f"left out for want of torch: {', '.join(left_out)}", file=sys.stderr)


if __name__ == "__main__":
    main()
