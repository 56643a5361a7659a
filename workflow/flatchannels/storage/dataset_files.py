"""Files of datasets: inputs, targets, weights, and perhaps fresh points of the same target to test on."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.storage.archives import content_digest, read_archive, write_archive
from flatchannels.storage.errors import RecordError
from flatchannels.storage.origins import check_origin

DATASET_FORM = "flatchannels dataset"
DATASET_ARRAYS = {"x": 2, "y": 1, "weights": 1}  # key → number of axes
TEST_ARRAYS = {"x_test": 2, "y_test": 1}


def write_dataset(path: str | PathLike[str], dataset: Any, meta: Mapping[str, Any], test: Any = None) -> None:
    """Write a dataset.

    Parameters
    ----------
    path
        Of the npz file to write.
    dataset
        With x (N, d), y (N,) and weights (N,), such as a `Dataset`.
    meta
        Name, spec, seed and more; JSON types.
    test
        With x (M, d) and y (M,), fresh points of the same target, or None; stored as x_test and y_test.

    Raises
    ------
    RecordError
        The arrays do not make a dataset. Nothing is written then.
    """
    arrays = {key: np.asarray(getattr(dataset, key), dtype=float) for key in DATASET_ARRAYS}
    if test is not None:
        arrays |= {"x_test": np.asarray(test.x, dtype=float), "y_test": np.asarray(test.y, dtype=float)}
    _check(path, arrays)
    write_archive(path, DATASET_FORM, {**meta, "sha256": content_digest(arrays)}, arrays)


def read_dataset(path: str | PathLike[str], asked: Mapping[str, Any] | None = None) -> tuple[Dataset, dict[str, Any]]:
    """A dataset and its metadata.

    Parameters
    ----------
    path : path
        Of the file.
    asked : mapping, optional
        Of `config.origin`, by which it must have been made; by default any.

    Returns
    -------
    Dataset
    meta : dict

    Raises
    ------
    RecordError
        As `read_dataset_arrays`.
    """
    arrays, meta = read_dataset_arrays(path, asked)
    return Dataset(**{key: arrays[key] for key in DATASET_ARRAYS}), meta


def read_dataset_arrays(path: str | PathLike[str], asked: Mapping[str, Any] | None = None) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """As `read_dataset`, with plain arrays {x, y, weights} and, where there are test points, {x_test, y_test}.

    Parameters
    ----------
    path
        Of the npz file.
    asked
        As for `run_records.read_runs`.

    Returns
    -------
    arrays : dict
    meta : dict

    Raises
    ------
    RecordError
        The file is missing, damaged, foreign, made by another configuration, or inconsistent.
    """
    meta, arrays = read_archive(path, DATASET_FORM)
    _check(path, arrays)
    if Path(path).parent.name == "datasets" and meta.get("name") != Path(path).stem:
        raise RecordError(path, f"is out of place: it holds the dataset {meta.get('name')}")
    check_origin(path, meta, asked)
    return arrays, meta


def digest(data: Dataset) -> str:
    """SHA-256 of what a dataset holds: x, y and weights.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    str
    """
    return content_digest({key: getattr(data, key) for key in DATASET_ARRAYS})


def _check(path: str | PathLike[str], arrays: Mapping[str, NDArray]) -> None:
    known = DATASET_ARRAYS | TEST_ARRAYS
    if set(arrays) not in (set(DATASET_ARRAYS), set(known)):
        raise RecordError(path, f"holds the arrays {sorted(arrays)}; a dataset has {list(DATASET_ARRAYS)}, perhaps {list(TEST_ARRAYS)}")
    for key, array in arrays.items():
        samples = len(arrays["x_test" if key in TEST_ARRAYS else "x"])
        if array.dtype != np.float64 or array.ndim != known[key] or len(array) != samples or array.size == 0:
            raise RecordError(path, f"{key} has type {array.dtype} and shape {array.shape}; expected float64 for {samples} samples")
        if not np.isfinite(array).all():
            raise RecordError(path, f"{key} is not finite")
    if "x_test" in arrays and arrays["x_test"].shape[1] != arrays["x"].shape[1]:
        raise RecordError(path, f"x_test has {arrays['x_test'].shape[1]} columns; x has {arrays['x'].shape[1]}")
    if np.any(arrays["weights"] < 0) or abs(arrays["weights"].sum() - 1) > 1e-9:
        raise RecordError(path, f"weights must be ≥ 0 and sum to 1; the sum is {arrays['weights'].sum()}")
