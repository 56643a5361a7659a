"""Datasets from files: `.npz`, `.csv`, `.parquet`.

An npz holds x (N, d) and y (N,), perhaps weights (N,), perhaps x_test and y_test. A table has a column y and perhaps one
weights; every other column is an input, in their order.
"""

import csv
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset, real_array

Array = NDArray[np.float64]
DATA_SUFFIXES = (".npz", ".csv", ".parquet")
ARRAYS = ("x", "y", "weights", "x_test", "y_test")  # that an npz can hold
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # how an npz begins; the second one is empty


def read(path: str | Path, column: str = "y") -> tuple[Dataset, Dataset | None]:
    """The dataset in a file, and its test samples where it has some.

    Parameters
    ----------
    path : path
    column : str
        The name of the column of targets in a table.

    Returns
    -------
    Dataset
    Dataset or None
        The test samples.

    Raises
    ------
    ValueError
        A file that is not there or cannot be read, arrays of other names, columns that are missing or hold no numbers, values
        that do not make a dataset, test samples with another number of inputs. The text names the file.
    """
    path = Path(path)
    if path.suffix not in DATA_SUFFIXES:
        raise ValueError(f"{path}: the name must end with {', '.join(DATA_SUFFIXES)}")
    try:
        arrays = arrays_in(path) if path.suffix == ".npz" else _columns(path, column)
        train = Dataset(arrays["x"], arrays["y"], _normalised(arrays.get("weights")))
        test = _test_samples(arrays, train.dimension)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except KeyError as error:
        raise ValueError(f"{path} has no {error.args[0]}; it must hold x and y") from None
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
    return train, test


def arrays_in(path: Path) -> dict[str, Array]:
    """The arrays of an npz, of whatever shapes.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict
        Some of `ARRAYS`.

    Raises
    ------
    ValueError
        It is damaged, would have to execute code to be read, or holds other arrays too.
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        if file.read(4) not in ZIP:  # which numpy takes for a single array or for pickled objects
            raise ValueError("it is no npz, such as numpy.savez(file, x=x, y=y) writes")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                names = [name for name in archive.files if name != "meta"]  # a dataset that the pipeline made has it
                arrays = {name: archive[name] for name in names if name in ARRAYS}
        except OSError:
            raise
        except Exception as error:  # whatever a damaged zip or header makes numpy stumble over
            raise ValueError(f"it is no npz of plain arrays: {error}") from None
    if unknown := ", ".join(name for name in names if name not in ARRAYS):
        raise ValueError(f"it holds {unknown}; the arrays of a dataset are {', '.join(ARRAYS)}: rename or remove what is none of these")
    return arrays


def _test_samples(arrays: Mapping[str, Array], dimension: int) -> Dataset | None:
    """The test samples of a file with some, which have as many inputs as the others."""
    if "x_test" not in arrays and "y_test" not in arrays:
        return None
    if len({"x_test", "y_test"} & arrays.keys()) < 2:
        raise ValueError("it holds one of x_test and y_test; test samples need both")
    test = Dataset(arrays["x_test"], arrays["y_test"])
    if test.dimension != dimension:
        raise ValueError(f"x_test has {test.dimension} columns; it must have as many as x, {dimension}")
    return test


def _columns(path: Path, column: str) -> dict[str, Array]:
    import pandas as pd

    if path.suffix == ".csv":
        header = pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True).iloc[0]
        _check_header(["" if pd.isna(name) else str(name) for name in header])
    table = pd.read_csv(path, skipinitialspace=True) if path.suffix == ".csv" else pd.read_parquet(path)
    if path.suffix == ".csv":
        _check_length(path)
    if column not in table:
        raise ValueError(f"there is no column {column!r}; it has {', '.join(map(str, table.columns))}")
    if table.empty:
        raise ValueError("it has no rows: no samples")
    inputs = [name for name in table.columns if name not in (column, "weights")]
    for name in table.columns:
        if table[name].dtype.kind not in "biuf":
            other = next((value for value in table[name] if not _is_number(value)), table[name].iloc[0])
            raise ValueError(f"column {name!r} holds no numbers alone: {str(other)!r} is none")
        if table[name].isna().any():
            raise ValueError(f"column {name!r} lacks {table[name].isna().sum()} values")
    if not inputs:
        raise ValueError(f"there is no column besides {column!r}: no inputs")
    arrays = {"x": table[inputs].to_numpy(dtype=float), "y": table[column].to_numpy(dtype=float)}
    return arrays | ({"weights": table["weights"].to_numpy(dtype=float)} if "weights" in table else {})


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _check_length(path: Path) -> None:
    """A first row that is longer than the header: pandas would take its first values for names of rows."""
    with path.open(newline="", encoding="utf-8") as file:
        header, first = ([*islice(filter(None, csv.reader(file)), 2)] + [[], []])[:2]
    if len(first) > len(header):
        raise ValueError(f"its rows have {len(first)} values, and its header has {len(header)} names")


def _check_header(names: list[str]) -> None:
    """Names of columns as they stand in a file; pandas would give others to those that lack one or are there twice."""
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise ValueError(f"column {twice[0]!r} is there {names.count(twice[0])} times; rename or remove what is not meant")
    if "" in names:
        raise ValueError(f"column {names.index('') + 1} has no name; if it is the index of pandas, write with to_csv(…, index=False)")


def _normalised(weights: Array | None) -> Array | None:
    """Weights that sum to 1."""
    if weights is None:
        return None
    weights = real_array("weights", weights)
    if not (weights.min(initial=0) >= 0 and weights.sum() > 0):
        raise ValueError("weights must be nonnegative, and not all 0")
    return weights / weights.sum()


def split(spec: Mapping[str, Any], dimension: int, random: np.random.Generator) -> tuple[Dataset, Dataset | None]:
    """The training and test samples of a dataset with `target: file`.

    Parameters
    ----------
    spec : mapping
        The keys file, and perhaps target_column, test_samples (so many random samples become the test set), standardise (inputs
        and targets to mean 0 and variance 1 over the training samples).
    dimension : int
        The number of inputs that the sweep asks for.
    random : numpy.random.Generator

    Returns
    -------
    Dataset
    Dataset or None
        The test samples.

    Raises
    ------
    ValueError
        As `read`, another number of inputs, more test samples than there are samples, or test_samples beside those of the file.
    """
    train, test = read(spec["file"], spec.get("target_column", "y"))
    if train.dimension != dimension:
        raise ValueError(f"dimension is {dimension}; {spec['file']} has {train.dimension} inputs")
    count = spec.get("test_samples", 0)
    if count and test is not None:
        raise ValueError(f"test_samples is {count}; {spec['file']} has {len(test.y)} test samples of its own: remove one of the two")
    if count:
        if count >= len(train.y):
            raise ValueError(f"test_samples is {count}; {spec['file']} has {len(train.y)} samples in all")
        order = random.permutation(len(train.y))
        rest, chosen = np.sort(order[count:]), np.sort(order[:count])
        test = Dataset(train.x[chosen], train.y[chosen])
        train = Dataset(train.x[rest], train.y[rest], train.weights[rest] / train.weights[rest].sum())
    return train.standardised(test) if spec.get("standardise", False) else (train, test)
