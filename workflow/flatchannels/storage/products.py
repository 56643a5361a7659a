"""Products that figures draw: two examples of saddle lines, and the toy. Arrays of named axes, checked by their form."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.storage.archives import content_digest, read_archive, write_archive
from flatchannels.storage.errors import RecordError
from flatchannels.storage.origins import check_origin

# Examples of saddle lines: name → key → axes, a letter each; equal letters are equal lengths. NaN: behind the ends of shorter
# trajectories (T), and throughout where no example was found: all lengths are 0 then.
FLOWS = {"start": "F", "size": "F", "curvature": "F", "end_loss": "F", "end_gamma": "F", "end_distance": "F", "flow_t": "FT",
         "flow_gamma": "FT", "flow_distance": "FT", "flow_loss": "FT", "flow_neuron_distances": "FTN"}  # fmt: skip
SADDLES = {
    "plateau": FLOWS | {"theta": "R", "origin": "P", "velocity": "P", "gamma": "G", "eigenvalues": "GP", "angles": "GP",
                        "surface_gamma": "U", "surface_alpha": "A", "surface_loss": "UA"},
    "channel": FLOWS | {"theta": "P", "narrow": "R", "origin": "P", "velocity": "P", "surface_gamma": "U", "surface_alpha": "A",
                        "surface_loss": "UA", "top_gamma": "V", "profile_loss": "VA", "top_alpha": "B", "top_loss": "VB",
                        "flow_alpha": "FT", "flow_cosine": "FT", "loss_infinity": "F"},
}  # fmt: skip
# The toy: name → key → axes, as above.
TOY = {
    "toy_landscape": {"gamma": "G", "alpha": "A", "loss": "GA", "narrow": "R", "w": "W", "limit_loss": "W", "limit_h": "W", "limit_c": "W",
                      "limit_a": "W", "x": "X", "target": "X", "sharp_gamma": "S", "sharp_alpha": "B", "sharp_loss": "SB",
                      "sharpness": "S"},
    "toy_flows": {"gamma": "FT", "alpha": "FT", "theta": "FTP"},
    "toy_descents": {"epoch": "E", "gamma": "ME", "alpha": "ME", "step": "RN", "rate": "R", "sharpness": "RN", "epsilon": "RN"},
    "relu_channel": {"x": "G", "target": "GG", "function": "GG", "teacher": "P", "theta": "P", "t": "T", "loss": "T", "epsilon": "T"},
}  # fmt: skip


def write_saddles(path: str | PathLike[str], name: str, meta: Mapping[str, Any], arrays: Mapping[str, ArrayLike] | None) -> None:
    """Write an example of a saddle line.

    Parameters
    ----------
    path
        Of the npz file to write.
    name
        A key of SADDLES.
    meta
        What is to say about it, JSON types.
    arrays
        With the keys and axes of SADDLES[name]; None says that there is no example.

    Raises
    ------
    RecordError
        The arrays are not of this form. Nothing is written then.
    """
    if arrays is None:
        found = {key: np.empty((0,) * len(axes)) for key, axes in SADDLES[name].items()}
    else:
        found = {key: np.asarray(array, dtype=float) for key, array in arrays.items()}
    _check_axes(path, SADDLES[name], found)
    write_archive(path, f"flatchannels {name}", {**meta, "found": arrays is not None, "sha256": content_digest(found)}, found)


def read_saddles(path: str | PathLike[str], name: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Metadata and arrays of an example of a saddle line.

    meta["found"] says whether there is one: without, the arrays are empty.

    Parameters
    ----------
    path : path
        Of the file.
    name : str
        A key of SADDLES.

    Returns
    -------
    meta : dict
    arrays : dict

    Raises
    ------
    RecordError
        The file is missing, damaged, foreign or inconsistent.
    """
    meta, arrays = read_archive(path, f"flatchannels {name}")
    _check_axes(path, SADDLES[name], arrays)
    return meta, arrays


def write_toy(path: str | PathLike[str], name: str, arrays: Mapping[str, ArrayLike], meta: Mapping[str, Any] | None = None) -> None:
    """Write a product of the toy.

    Parameters
    ----------
    path : path
        Of the file.
    name : str
        A key of TOY.
    arrays : mapping
        With the keys and axes of TOY[name].
    meta : mapping, optional
        What it was made from, JSON types.

    Raises
    ------
    RecordError
        The arrays are not of this form. Nothing is written then.
    """
    found = {key: np.asarray(array, dtype=float) for key, array in arrays.items()}
    _check_axes(path, TOY[name], found)
    write_archive(path, f"flatchannels {name}", {**(meta or {}), "sha256": content_digest(found)}, found)


def read_toy(path: str | PathLike[str], name: str, asked: Mapping[str, Any] | None = None) -> dict[str, NDArray]:
    """The arrays of a product of the toy; RecordError and `asked` as for `run_records.read_runs`.

    Parameters
    ----------
    path : path
        Of the file.
    name : str
        A key of TOY.
    asked : mapping, optional
        Of `config.origin`, by which it must have been made; by default any.

    Returns
    -------
    dict
    """
    meta, arrays = read_archive(path, f"flatchannels {name}")
    _check_axes(path, TOY[name], arrays)
    check_origin(path, meta, asked)
    return arrays


def _check_axes(path: str | PathLike[str], form: Mapping[str, str], arrays: Mapping[str, NDArray]) -> None:
    """Names, types and lengths of arrays against a form, key → axes."""
    if set(arrays) != set(form):
        raise RecordError(path, f"arrays missing or unknown: {sorted(set(arrays) ^ set(form))}")
    lengths: dict[str, int] = {}
    for key, axes in form.items():
        array = arrays[key]
        if array.dtype != np.float64 or array.ndim != len(axes):
            raise RecordError(path, f"{key} has type {array.dtype} and {array.ndim} axes; it must be float64 with {len(axes)}")
        for axis, length in zip(axes, array.shape, strict=True):
            if lengths.setdefault(axis, length) != length:
                raise RecordError(path, f"{key} has shape {array.shape}, other arrays have length {lengths[axis]} there")
        if not np.isfinite(array).all() and "T" not in axes:
            raise RecordError(path, f"{key} is not finite")
