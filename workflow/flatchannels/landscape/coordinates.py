"""The coordinates of a pair of neurons that stay finite along a channel.

Source: paper, section 3.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Pair(NamedTuple):
    """Two neurons in the coordinates that stay finite along a channel, where ε → 0.

    w (k,) : mean of the input weights.  epsilon : half their L2 distance.  direction (k,) : the unit vector Δ from w_j to w_i.
    a = ε (a_i − a_j) and c = a_i + a_j : numbers, or vectors below another hidden layer.

    As ε → 0 the pair computes c σ(w·x) + a (Δ·x) σ'(w·x).  Source: paper, section 3.
    """

    w: Array
    epsilon: float
    direction: Array
    a: float | Array
    c: float | Array


def to_channel(w_i: ArrayLike, w_j: ArrayLike, a_i: float | Array, a_j: float | Array) -> Pair:
    """The `Pair` of two neurons with input weights w (k,) and output weights a (numbers or vectors).

    Raises ValueError where w_i = w_j: Δ is undefined.
    """
    w_i, w_j = np.asarray(w_i, dtype=float), np.asarray(w_j, dtype=float)
    distance = float(np.linalg.norm(w_i - w_j))
    if not distance > 0:
        raise ValueError(f"both neurons have the input weights {w_i}; the direction between them is undefined")
    return Pair((w_i + w_j) / 2, distance / 2, (w_i - w_j) / distance, distance / 2 * (a_i - a_j), a_i + a_j)


def from_channel(pair: Pair) -> tuple[Array, Array, float | Array, float | Array]:
    """w_i, w_j, a_i, a_j of a `Pair`; the inverse of `to_channel`.  Raises ValueError for ε ≤ 0: the weights are infinite."""
    if not pair.epsilon > 0:
        raise ValueError(f"epsilon is {pair.epsilon}; it must be positive")
    step = pair.epsilon * pair.direction
    half = pair.a / pair.epsilon
    return pair.w + step, pair.w - step, (pair.c + half) / 2, (pair.c - half) / 2
