"""Finds what is damaged among the results, and removes it: python -m flatchannels.pipeline.repair [CONFIGURATION].

Every record, dataset, product and table in the configuration's folder of results is read whole. Those that cannot be used, and
those in the place of something that the configuration asks for, but made by another one, are named with the reason, and removed.
The paths of those that the configuration asks for are printed, for snakemake to make them again.
"""

import sys
from collections.abc import Collection, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from flatchannels.pipeline import config, expansion
from flatchannels.storage import archives, dataset_files, products, run_records, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.catalogue import SCHEMAS
from flatchannels.storage.schemas.infinity import ROUTES

SEALED_SUFFIXES = {".npz", ".parquet", ".unfinished"}
FOLDERS_OF_RESULTS = ["datasets", "routes", "runs", "saddles", "statistics", "sweeps", "toy"]


def damaged(
    results: str | PathLike[str] = "results", made: Collection[str] = (), asked: Mapping[str, Any] | None = None
) -> dict[Path, str]:
    """Every file that cannot be used.

    Parameters
    ----------
    results : path
        The folder of the results.
    made : collection of str
        Paths of the records and datasets that the configuration asks for.
    asked : mapping, optional
        Of `config.origin`, by which it must have been made; by default any.

    Returns
    -------
    dict
        Path → what is wrong.
    """
    found: dict[Path, str] = {}
    for folder in FOLDERS_OF_RESULTS:
        for path in sorted((Path(results) / folder).rglob("*")):
            if path.suffix in SEALED_SUFFIXES:
                try:
                    check(path, folder, asked if str(path) in made else None)
                except RecordError as error:
                    found[path] = str(error)
    return found


def check(path: Path, folder: str, asked: Mapping[str, Any] | None = None) -> None:
    """Read a file as what it must be.

    Parameters
    ----------
    path : path
        Of the file.
    folder : str
        Below the folder of results, which tells what it must be.
    asked : mapping, optional
        Of `config.origin`, by which it must have been made; by default any.

    Raises
    ------
    RecordError
        It cannot be used, or was not made as asked.
    """
    if path.suffix == ".parquet":
        schema = ROUTES if folder == "routes" else SCHEMAS.get(path.stem)
        if schema is None:
            raise RecordError(path, "is no table of this package")
        table_files.read_table(path, schema)
    elif path.suffix == ".npz" and folder == "runs":
        run_records.read_runs(path, asked=asked)
    elif path.suffix == ".npz" and folder == "datasets":
        dataset_files.read_dataset_arrays(path, asked)
    elif path.suffix == ".npz" and folder == "saddles":
        products.read_saddles(path, path.stem)
    elif path.suffix == ".npz" and folder == "toy":
        products.read_toy(path, path.stem if path.stem in products.TOY else f"toy_{path.stem}", asked)
    else:
        archives.check_seal(path)


def asked_for(configuration: dict) -> Iterator[str]:
    """The paths of what a validated configuration asks for, but for tables that do not belong to one network.

    Parameters
    ----------
    configuration : dict
        A validated one.

    Yields
    ------
    str
    """
    blocks, results = expansion.blocks(configuration), configuration["results_dir"]
    yield from (f"{results}/{block.record}" for block in blocks)
    yield from {f"{results}/routes/{block.folder}.parquet" for block in blocks}
    yield from (f"{results}/datasets/{name}.npz" for name in expansion.datasets(configuration))
    yield from (f"{results}/toy/{name.removeprefix('toy_')}.npz" for name in products.TOY)
    yield from (f"{results}/saddles/{name}.npz" for name in products.SADDLES)


def main(configuration: str) -> None:
    """Name and remove what is damaged; print what is to be made again.

    Parameters
    ----------
    configuration : path
    """
    try:
        given = config.validate(config.load(configuration), configuration)
    except config.ConfigError as error:
        sys.exit(str(error))
    made = set(asked_for(given))
    found = damaged(given["results_dir"], made, config.origin(given))
    for path, problem in found.items():
        print(f"{problem}: removed", file=sys.stderr)
        path.unlink()
    print(f"{len(found)} damaged files" if found else "nothing is damaged", file=sys.stderr)
    tables = {"statistics", *given["sweeps"]}  # names of folders with tables that the configuration asks for
    print(*[path for path in found if str(path) in made or path.suffix == ".parquet" and path.parent.name in tables])


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "config/config.yaml")
