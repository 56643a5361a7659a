"""By which configuration a file was made: its root seed, dataset, settings, against those that a job was asked for.

Records, datasets and products of the toy carry them in their metadata. Where the pipeline reads one that has the right place but
another origin, it is refused.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from flatchannels.names import dataset_family
from flatchannels.storage.archives import peek
from flatchannels.storage.continuation import REASON_OF_LIMIT
from flatchannels.storage.errors import RecordError


def check_origins(paths: Iterable[str | os.PathLike[str]], asked: Mapping[str, Any]) -> None:
    """`check_origin` of the records, datasets and products among some files, before anybody reads them.

    Parameters
    ----------
    paths : iterable of path
    asked : mapping, optional
        Of `config.origin`, by which it must have been made; by default any.

    Raises
    ------
    RecordError
        One of them was made by another configuration. (A damaged one is left to its reader, who says what is wrong with it.)
    """
    for path in paths:
        if Path(path).suffix != ".npz":
            continue
        try:
            meta, codes = peek(path, ["stop", "finish"])
        except RecordError:
            continue
        if "found" not in meta:  # examples of saddle lines are made from records, which are looked at themselves
            names = {(key, code): name for key in codes for name, code in meta.get(f"{key}_codes", {}).items()}
            check_origin(path, meta, asked, {names.get((key, code), "") for key, array in codes.items() for code in array.tolist()})


def check_origin(
    path: str | os.PathLike[str], meta: Mapping[str, Any], asked: Mapping[str, Any] | None = None, reasons: Collection[str] = ()
) -> None:
    """Compare the origin of a record of runs, a dataset or a product of the toy with the one asked for.

    Parameters
    ----------
    path
        Of the file, for the message.
    meta
        Its metadata; of seed, spec, training and toy those are compared that it has.
    asked
        Of `config.origin`; None for anything.
    reasons
        Names of stop reasons in a record of runs. A limit that no run met did not change them.

    Raises
    ------
    RecordError
        It was made by another configuration.
    """
    if not asked:
        return
    pairs: dict[str, tuple[Any, Any]] = {"seed": (meta.get("seed"), asked["seed"])}
    if "training" in meta:
        idle = {key for key, reason in REASON_OF_LIMIT.items() if asked["training"]["continue_unfinished"] or reason not in reasons}
        idle.add("continue_unfinished")
        own = {key for key in meta.get("protocol", {}) if key in asked["training"]}  # of the sweep's entry; its place tells these
        compared = [{key: value for key, value in each["training"].items() if key not in idle | own} for each in (meta, asked)]
        pairs["training"] = compared[0], compared[1]
    if "toy" in meta:
        pairs["toy"] = meta["toy"], asked["toy"]
    if "spec" in meta:
        product, dimension = (meta["dataset"], meta["inputs"]) if "dataset" in meta else (meta["name"], meta["dimension"])
        name = dataset_family(product, dimension, meta["spec"])
        pairs[f"datasets.{name}"] = meta["spec"], asked["datasets"].get(name, "nothing of that name")
    for name, (made, wanted) in pairs.items():
        for difference in _differences(made, wanted, name):
            raise RecordError(path, f"was made with {difference}")


def _differences(made: Any, asked: Any, name: str) -> Iterator[str]:
    """'training.rtol 0.001; the configuration says 1e-05' for each leaf of two mappings that differs."""
    if isinstance(made, dict) and isinstance(asked, dict):
        for key in sorted(made.keys() | asked.keys()):
            yield from _differences(made.get(key), asked.get(key), f"{name}.{key}")
    elif made != asked:
        yield f"{name} {made}; the configuration says {asked}"
