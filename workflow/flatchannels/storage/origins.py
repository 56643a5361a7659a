"""By which configuration a file was made: its root seed, dataset, settings, against those that a job was asked for.

Records, datasets and products of the toy carry them in their metadata. Where the pipeline reads one that has the right place but
another origin, it is refused.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from flatchannels.names import dataset_family
from flatchannels.storage.continuation import REASON_OF_LIMIT
from flatchannels.storage.errors import RecordError

ASKED = "FLATCHANNELS_ASKED"  # environment variable: `config.origin` of the pipeline's configuration, in JSON


def check_origin(
    path: str | os.PathLike[str], meta: Mapping[str, Any], asked: Mapping[str, Any] | None = None, reasons: Collection[str] = ()
) -> None:
    """Compare the origin of a record of runs, a dataset or a product of the toy with the one asked for.

    Parameters
    ----------
    path : of the file, for the message.
    meta : its metadata; of seed, spec, training and toy those are compared that it has.
    asked : of `config.origin`; None for what the Snakefile asks all its jobs for, and for anything where there is no Snakefile.
    reasons : names of stop reasons in a record of runs. A limit that no run met did not change them.

    Raises
    ------
    RecordError
        It was made by another configuration.
    """
    asked = asked or json.loads(os.environ.get(ASKED, "null"))
    if not asked:
        return
    pairs: dict[str, tuple[Any, Any]] = {"seed": (meta.get("seed"), asked["seed"])}
    if "training" in meta:
        idle = {key for key, reason in REASON_OF_LIMIT.items() if asked["training"]["continue_unfinished"] or reason not in reasons}
        idle.add("continue_unfinished")
        compared = [{key: value for key, value in each["training"].items() if key not in idle} for each in (meta, asked)]
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
