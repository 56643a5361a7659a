"""What a block of runs must fulfil: types, shapes, codes, seeds, NaN and place, against its metadata."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.names import record_place
from flatchannels.storage.errors import RecordError
from flatchannels.storage.run_format import RUN_ARRAYS, axis_lengths


def check_runs(path: str | PathLike[str], meta: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> None:
    """Check that the arrays of a record contradict neither its metadata nor each other.

    Parameters
    ----------
    path : path
        Of the file.
    meta : mapping
        Metadata, JSON types.
    arrays : mapping
        Name → array; `stop` must be among them.

    Raises
    ------
    RecordError
        They do.
    """
    lengths = axis_lengths(path, meta)
    for key, array in arrays.items():
        dtype, axes = RUN_ARRAYS[key].dtype, RUN_ARRAYS[key].axes
        if array.dtype.kind != "U" if dtype == "str" else array.dtype != dtype:
            raise RecordError(path, f"{key} has type {array.dtype}; it must be {dtype}")
        shape = (lengths["B"], *(lengths[axis] for axis in axes))
        if array.shape != shape:
            raise RecordError(path, f"{key} has shape {array.shape}; the metadata implies {shape}")
    if "seed" in arrays and not np.array_equal(arrays["seed"], np.arange(meta["first_seed"], meta["last_seed"] + 1)):
        raise RecordError(path, f"seeds are not {meta['first_seed']}…{meta['last_seed']}")
    for key in {"stop", "finish"} & set(arrays):
        unknown = set(arrays[key].tolist()) - set(meta[f"{key}_codes"].values())
        if unknown:
            raise RecordError(path, f"{key} holds unknown codes {sorted(unknown)}")
    failed = arrays["stop"] == meta["stop_codes"]["FAILED"]
    for key, array in arrays.items():
        if array.dtype.kind == "f":
            _check_finite(path, key, array[~failed], tail=RUN_ARRAYS[key].nan == "tail")
    if "message" in arrays and np.any((arrays["message"] == "") == failed):
        raise RecordError(path, "messages and failures do not belong together")


def _check_finite(path: str | PathLike[str], key: str, array: NDArray, tail: bool) -> None:
    """Every number finite; with `tail` the samples (second axis) of a run may end with ones that are NaN altogether."""
    finite = np.isfinite(array)
    if tail and array.size:
        finite = finite.reshape(*array.shape[:2], -1)
        filled = np.isnan(array).reshape(finite.shape).all(axis=2)
        filled &= np.logical_and.accumulate(filled[:, ::-1], axis=1)[:, ::-1]  # only from the end
        finite = finite.all(axis=2) | filled
    if not finite.all():
        raise RecordError(path, f"{key} is not finite in a run that did not fail")


def check_place(path: str | PathLike[str], meta: Mapping[str, Any]) -> None:
    """Check that a record that stands under runs/ is the one that its path says.

    Parameters
    ----------
    path : path
        Of the file.
    meta : mapping
        Metadata, JSON types.

    Raises
    ------
    RecordError
        It is another.
    """
    network = meta["sweep"], meta["dataset"], meta["activation"], meta["widths"], meta["bias"]
    place = record_place(*network, meta["first_seed"], meta["last_seed"], meta.get("protocol"))
    found = "/".join(Path(path).parts[-len(Path(place).parts) :])
    if found.startswith("runs/") and found != place:
        raise RecordError(path, f"is out of place: it holds {place}")
