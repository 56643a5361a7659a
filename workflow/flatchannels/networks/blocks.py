"""Samples in blocks, as the kernels take them: contiguous, aligned, padded."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLES_AT_ONCE = 16  # the loops of `vectors` take two vectors of up to eight, and have no remainder
# Not a power of two, so that rows at the same sample share no cache set. Any multiple from 240 to 480 does as well.
SAMPLES_PER_BLOCK = 336


class Samples(Protocol):
    """What a network's loss is taken over: a `data.dataset.Dataset`."""

    @property
    def dimension(self) -> int:
        """The number d of inputs."""
        ...

    @property
    def blocks(self) -> tuple[NDArray[np.float64], ...]:
        """Inputs, targets and weights as `in_blocks` lays them out."""
        ...


def aligned(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Zeros at a 64-byte boundary: rows that straddle cache lines are 1.7 times slower, and NumPy aligns to 16.

    Parameters
    ----------
    shape : tuple of int

    Returns
    -------
    float64 array
    """
    count = int(np.prod(shape))
    raw = np.zeros(count + 8)
    offset = (-raw.ctypes.data % 64) // 8
    return raw[offset : offset + count].reshape(shape)


def in_blocks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Samples cut into blocks and padded with zeros.

    Parameters
    ----------
    values : (N,) or (N, d)

    Returns
    -------
    (blocks, samples) or (blocks, d, samples)
    """
    size = SAMPLES_PER_BLOCK
    count = -(-len(values) // size)
    rest = values.shape[1:]
    padded = np.zeros((count * size, *rest))
    padded[: len(values)] = values
    result = aligned((count, *rest, size))
    result[:] = np.moveaxis(padded.reshape(count, size, *rest), 1, -1)
    return result
