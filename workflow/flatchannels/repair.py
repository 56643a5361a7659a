"""Finds what is damaged among the results, and removes it: python -m flatchannels.repair [CONFIGURATION].

Every file under results that can be sealed is read whole. Those that cannot be used are named with the reason, and
removed. The paths of those that the configuration asks for are printed, for snakemake to make them again.
"""

import sys
from pathlib import Path

from flatchannels import config, records

SUFFIXES = {".npz", ".parquet", ".unfinished"}


def damaged(results="results"):
    """Path → what is wrong, of every file that cannot be used."""
    found = {}
    for path in sorted(Path(results).rglob("*")):
        if path.suffix in SUFFIXES and "cache" not in path.parts:
            try:
                check(path, path.relative_to(results).parts[0])
            except records.RecordError as error:
                found[path] = str(error)
    return found


def check(path, folder):
    """Read a file as what it must be; RecordError where it cannot be used."""
    if path.suffix == ".parquet":
        records.read_table(path, path.stem)
    elif path.suffix == ".npz" and folder in ("runs", "datasets"):
        (records.read_runs if folder == "runs" else records.read_dataset_arrays)(path)
    else:
        records.check_seal(path)


def main(configuration):
    """Name and remove what is damaged; print what is to be made again."""
    given = config.validate(config.load(configuration), configuration)
    made = {block.record for block in config.blocks(given)} | {f"results/datasets/{name}.npz" for name in config.datasets(given)}
    found = damaged()
    for path, problem in found.items():
        print(f"{problem}: removed", file=sys.stderr)
        path.unlink()
    print(f"{len(found)} damaged files" if found else "nothing is damaged", file=sys.stderr)
    elsewhere = ("results/runs/", "results/datasets/")
    print(*[path for path in map(str, found) if path in made or not path.startswith(elsewhere)])


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "config/config.yaml")
