"""A dataset: inputs, targets and sample weights."""

import math
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.networks.blocks import in_blocks
from flatchannels.networks.checks import as_array

SINGLE_SUM = 1e-6  # how far a sum of weights that were normalised in float32 may be from 1
CONSTANT = 1e-14  # standard deviation over the largest value below which a column is one value with rounding


class Dataset:
    """Inputs, targets and sample weights, which cannot be changed: copies of what was given.

    Parameters
    ----------
    x : float array (N, d) or (N,)
    y : float array (N,)
    weights : float array (N,), optional
        Nonnegative, summing to 1; 1/N each by default.

    Raises
    ------
    ValueError
        Shapes that do not match, values that are not finite real numbers, weights that are negative or do not sum to 1.
    """

    def __init__(self, x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> None:
        x, y = real_array("x", x), real_array("y", y)
        x = x[:, None] if x.ndim == 1 else x
        if x.ndim != 2 or y.shape != x.shape[:1] or not x.size:
            raise ValueError(f"x has shape {x.shape} and y {y.shape}; they must be (N, d) and (N,) with N ≥ 1 and d ≥ 1")
        q = np.full(y.size, 1.0 / y.size) if weights is None else real_array("weights", weights)
        single = weights is not None and as_array(weights).dtype == np.float32
        if q.shape != y.shape or not (np.all(q >= 0) and math.isclose(q.sum(), 1.0, rel_tol=SINGLE_SUM if single else 1e-9)):
            told = (
                f"shape {q.shape} for {y.size} samples" if q.shape != y.shape else f"a sum of {q.sum():.9g} and a least one of {q.min():g}"
            )
            raise ValueError(f"weights have {told}; they must be one nonnegative number per sample, summing to 1")
        if single:  # their sum is 1 to fewer digits than that of the weights of others
            q /= q.sum()
        self.x, self.y, self.weights = x, y, q
        for array in (x, y, q):
            array.flags.writeable = False

    @property
    def dimension(self) -> int:
        """The number d of inputs."""
        return self.x.shape[1]

    def standardised(self, other: "Dataset | None" = None) -> "tuple[Dataset, Dataset | None]":
        """This dataset with every input and the target at mean 0 and variance 1, and another moved and scaled as it was.

        The flow works in any units, but its walls do not: steps, stops and the norm wall suppose data of order one. A constant
        input or target is shifted alone.

        Parameters
        ----------
        other : Dataset, optional
            Such as the test samples.

        Returns
        -------
        Dataset
        Dataset or None
            The other one.

        Raises
        ------
        ValueError
            The other one is no dataset, or has another number of inputs; values whose squares overflow.
        """
        if other is not None and not isinstance(other, Dataset):
            raise ValueError(f"other is {type(other).__name__}; it must be a Dataset")
        if other is not None and other.dimension != self.dimension:
            raise ValueError(f"the other dataset has {other.dimension} inputs; this one has {self.dimension}")
        (shift, scale), (level, size) = (self._moments(values) for values in (self.x, self.y))

        def moved(data: Dataset) -> Dataset:
            return Dataset((data.x - shift) / scale, (data.y - level) / size, data.weights)

        return moved(self), other and moved(other)

    def _moments(self, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weighted mean and standard deviation of the columns; a deviation that is rounding counts as 1."""
        mean = self.weights @ values
        with np.errstate(over="ignore"):
            deviation = np.sqrt(self.weights @ (values - mean) ** 2)
        if not np.isfinite(deviation).all():
            raise ValueError("the data are too large to be standardised: squares of numbers above 1e150 overflow")
        return mean, np.where(deviation > CONSTANT * abs(values).max(axis=0), deviation, 1.0)

    @cached_property
    def blocks(self) -> tuple[NDArray[np.float64], ...]:
        """x (blocks, d, samples), y and weights (blocks, samples), padded with samples of weight 0: what the kernels take."""
        return in_blocks(self.x), in_blocks(self.y), in_blocks(self.weights)

    def __getstate__(self) -> dict:
        return {"x": self.x, "y": self.y, "weights": self.weights}

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state
        for array in state.values():  # a copy too cannot be changed; kernels are compiled for such arrays
            array.flags.writeable = False


def real_array(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """A copy of some values as float64.

    Parameters
    ----------
    name : str
        What the values are called in the message.
    values : array_like, or tensor of torch

    Returns
    -------
    float64 array of the same shape

    Raises
    ------
    ValueError
        The values are not finite real numbers.
    """
    try:
        array = as_array(values)
        if array.dtype.kind not in "biuf":
            raise TypeError
        array = np.array(array, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of real numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array
