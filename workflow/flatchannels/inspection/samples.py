"""Data on which a network is judged: inputs, targets of any number of outputs, weights."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.data import files
from flatchannels.data.dataset import Dataset, real_array
from flatchannels.inspection.model import Model

Array = NDArray[np.float64]
SUM_OF_PROBABILITIES = 1e-6  # how far from 1 the probabilities of the classes of one sample may sum up


@dataclass(frozen=True)
class Samples:
    """Data that fit a network.

    Parameters
    ----------
    x : (N, d)
    y : (N, m)
        Values, or for cross entropy probabilities of the classes.
    weights : (N,)
        They sum to 1.
    """

    x: Array
    y: Array
    weights: Array

    @property
    def dataset(self) -> Dataset:
        """The same for the engine, which has one output.  ValueError for several."""
        if self.y.shape[1] != 1:
            raise ValueError(f"the data have {self.y.shape[1]} outputs; the engine has one")
        return Dataset(self.x, self.y[:, 0], self.weights)


def samples_for(model: Model, x: ArrayLike, y: ArrayLike, loss: str = "mse", weights: ArrayLike | None = None) -> Samples:
    """Samples that fit a network.

    Parameters
    ----------
    model : Model
    x : (N, d), or (N,) where d is 1
    y : (N, m), or (N,) where m is 1
        For cross entropy the numbers of the classes (N,), from 0, or their probabilities (N, m).
    loss : str
        A key of `losses.LOSSES`.
    weights : (N,), optional
        Of any sum; equal ones by default.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        Shapes that do not fit each other or the network, values that are no finite numbers, or that are no classes.
    """
    inputs, outputs = model.layers[0].W.shape[1], len(model.layers[-1].W)
    x, y = real_array("x", x), real_array("y", y)
    x = x[:, None] if x.ndim == 1 else x
    if x.ndim != 2 or not len(x) or x.shape[1] != inputs:
        raise ValueError(f"x has shape {x.shape}; the network takes (N, {inputs})")
    if loss == "cross-entropy":
        y = _probabilities(y, outputs)
    y = y[:, None] if y.ndim == 1 else y
    if y.shape != (len(x), outputs):
        raise ValueError(f"y has shape {y.shape}; for {len(x)} samples and {outputs} outputs it must be {(len(x), outputs)}")
    q = np.ones(len(x)) if weights is None else real_array("weights", weights)
    if q.shape != (len(x),) or not (q.min() >= 0 and q.sum() > 0):
        raise ValueError("weights must be one nonnegative number for each sample, and not all 0")
    return Samples(x, y, q / q.sum())


def _probabilities(y: Array, outputs: int) -> Array:
    """Classes (N,) or probabilities as probabilities (N, m); with one logit m is 1 and y that of class 1."""
    if y.ndim == 1 and outputs > 1:
        classes = y.astype(int)
        if (classes != y).any() or classes.min() < 0 or classes.max() >= outputs:
            raise ValueError(f"y holds values between {y.min():g} and {y.max():g}; classes are whole numbers from 0 to {outputs - 1}")
        return np.eye(outputs)[classes]
    sums = y.sum(axis=-1) if y.ndim == 2 and outputs > 1 else np.ones(1)
    if (y < 0).any() or (y > 1).any() or abs(sums - 1).max() > SUM_OF_PROBABILITIES:
        raise ValueError("y must hold classes (N,), or probabilities (N, m) between 0 and 1 that sum to 1 in each row")
    return y


def read_samples(path: str | PathLike[str], model: Model, loss: str = "mse") -> Samples:
    """Samples from `.npz` (x, y, perhaps weights), `.csv` or `.parquet` (a column y, perhaps weights, all others inputs).

    Parameters
    ----------
    path : path
        Of the file.
    model : Model
    loss : str
        A key of `losses.LOSSES`.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        As `samples_for` and `data.files.read`; the text names the file.
    """
    path = Path(path)
    if path.suffix != ".npz":
        data, _ = files.read(path)  # which names the file itself
        return samples_for(model, data.x, data.y, loss, data.weights)
    try:
        arrays = files.arrays_in(path)
        return samples_for(model, arrays["x"], arrays["y"], loss, arrays.get("weights"))
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
    except KeyError as error:
        raise ValueError(f"{path} has no {error.args[0]}; it must hold x and y") from None
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
