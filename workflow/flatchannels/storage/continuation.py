"""What runs that met a limit need to go on: beside a record the runs of its block, whole, as long as one is unfinished."""

import io
import json
import pickle
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from flatchannels.storage.archives import read_archive, read_meta, write_archive
from flatchannels.storage.errors import RecordError

UNFINISHED_FORM = "flatchannels unfinished runs"

ENGINE = ("flatchannels.dynamics.", "flatchannels.networks.", "flatchannels.data.", "flatchannels.runs.")  # a run consists of their classes
ARRAY_MODULES = ("numpy", "numpy._core.multiarray", "numpy._core.numeric")
ARRAY_NAMES = ("scalar", "_reconstruct", "_frombuffer", "ndarray", "dtype")
LONGEST_MESSAGE = 200  # characters
REASON_OF_LIMIT = {"max_seconds": "TIME_LIMIT", "max_steps": "STEP_LIMIT", "max_t": "T_LIMIT"}  # training setting → reason


def unfinished_path(record: str | PathLike[str]) -> Path:
    """The file with what the unfinished runs of a record need to go on.

    Parameters
    ----------
    record : path
        Of the record.

    Returns
    -------
    Path
    """
    return Path(record).with_suffix(".unfinished")


def write_unfinished(record: str | PathLike[str], origin: Mapping[str, Any], runs: Sequence[Any]) -> None:
    """Keep the runs of a block for `read_unfinished`; where all are finished, remove what was kept.

    Parameters
    ----------
    record
        Of the record.
    origin
        What they belong to, JSON types: {"job": {…, "training": …}, …}.
    runs : sequence of training.Run
    """
    path = unfinished_path(record)
    reasons = {run.seed: (run.stop if run.flow.state else run.finish).name for run in runs if run.unfinished}
    if reasons:
        write_archive(path, UNFINISHED_FORM, {**origin, "reasons": reasons}, {"runs": np.frombuffer(pickle.dumps(runs), np.uint8)})
    elif path.exists():
        path.unlink()


def read_unfinished(record: str | PathLike[str], origin: Mapping[str, Any]) -> dict[int, Any]:
    """The runs that were kept for a record.

    Parameters
    ----------
    record : path
        Of the record.
    origin : mapping
        What they must belong to, as for `write_unfinished`.

    Returns
    -------
    dict
        Seed → Run; none where the file is missing or belongs to something else.

    Raises
    ------
    RecordError
        The file is damaged.
    """
    path = unfinished_path(record)
    if not path.exists():
        return {}
    meta, arrays = read_archive(path, UNFINISHED_FORM)
    if any(_without_limits(meta.get(key)) != _without_limits(json.loads(json.dumps(origin[key]))) for key in origin):
        return {}
    try:
        return {run.seed: run for run in _Unpickler(io.BytesIO(arrays["runs"].tobytes())).load()}
    except Exception as error:  # whatever a foreign or an older pickle makes it stumble over; nothing of it is executed
        raise RecordError(path, " ".join(f"what is kept of its runs cannot be read: {error}".split())[:LONGEST_MESSAGE]) from error


def _without_limits(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: _without_limits(item) for key, item in value.items() if key not in REASON_OF_LIMIT}


class _Unpickler(pickle.Unpickler):
    """Loads numbers, arrays and classes of the engine alone: a pickle could otherwise run anything.

    Names are judged before anything is imported, and a class counts where it is defined, not where it can be reached: a module of
    this package may import `subprocess`.
    """

    def find_class(self, module: str, name: str) -> Any:
        """The class; UnpicklingError for others."""
        engine = module.startswith(ENGINE) or module == "flatchannels.reasons"
        array = module in ARRAY_MODULES and name in ARRAY_NAMES
        if "." not in name and (engine or array):
            found = super().find_class(module, name)
            if array or isinstance(found, type) and found.__module__ == module:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} does not belong to a run")


def can_go_on(record: str | PathLike[str], training: Mapping[str, Any]) -> bool:
    """Whether runs of a record can be taken up again: the clock ended one, or a limit of `training` is now higher.

    True where what is kept of them cannot be read: then they start anew.

    Parameters
    ----------
    record : path
        Of the record.
    training : mapping
        The training settings that are asked for now.

    Returns
    -------
    bool
    """
    path = unfinished_path(record)
    if not path.exists():
        return False
    try:
        meta = read_meta(path)
    except RecordError:
        return True
    higher = {reason for key, reason in REASON_OF_LIMIT.items() if training[key] > meta["job"]["training"][key]}
    return not {"TIME_LIMIT", *higher}.isdisjoint(meta["reasons"].values())


def limits_kept(record: str | PathLike[str], training: Mapping[str, Any]) -> dict[str, Any]:
    """The limits in `training`, or those with which a record was made that has nothing unfinished under the new ones.

    Parameters
    ----------
    record : path
        Of the record.
    training : mapping
        The training settings that are asked for now.

    Returns
    -------
    dict
    """
    try:
        before = training if can_go_on(record, training) else read_meta(record)["training"]
    except RecordError:
        before = training
    return {key: before[key] for key in REASON_OF_LIMIT}
