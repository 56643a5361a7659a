"""The coordinates of a pair of neurons that stay finite along a channel.

Source: paper, section 3.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Pair(NamedTuple):
    """Two neurons in the coordinates that stay finite along a channel, where ε → 0.

    As ε → 0 the pair computes c σ(w·x) + a (Δ·x) σ'(w·x).  Source: paper, section 3.

    Attributes
    ----------
    w : (k,)
        The mean of the input weights.
    epsilon : float
        Half their L2 distance.
    direction : (k,)
        The unit vector Δ from w_j to w_i.
    a : float or (m,)
        ε (a_i − a_j); a vector below another hidden layer.
    c : float or (m,)
        a_i + a_j.
    """

    w: Array
    epsilon: float
    direction: Array
    a: float | Array
    c: float | Array


def to_channel(w_i: ArrayLike, w_j: ArrayLike, a_i: float | Array, a_j: float | Array) -> Pair:
    """The coordinates of two neurons.

    Parameters
    ----------
    w_i, w_j : (k,)
        Input weights.
    a_i, a_j : float or (m,)
        Output weights.

    Returns
    -------
    Pair

    Raises
    ------
    ValueError
        w_i = w_j: Δ is undefined.
    """
    w_i, w_j = np.asarray(w_i, dtype=float), np.asarray(w_j, dtype=float)
    distance = float(np.linalg.norm(w_i - w_j))
    if not distance > 0:
        raise ValueError(f"both neurons have the input weights {w_i}; the direction between them is undefined")
    return Pair((w_i + w_j) / 2, distance / 2, (w_i - w_j) / distance, distance / 2 * (a_i - a_j), a_i + a_j)


def from_channel(pair: Pair) -> tuple[Array, Array, float | Array, float | Array]:
    """The weights of two neurons: the inverse of `to_channel`.

    Parameters
    ----------
    pair : Pair

    Returns
    -------
    w_i, w_j : (k,)
    a_i, a_j : float or (m,)

    Raises
    ------
    ValueError
        ε ≤ 0: the weights are infinite.
    """
    if not pair.epsilon > 0:
        raise ValueError(f"epsilon is {pair.epsilon}; it must be positive")
    step = pair.epsilon * pair.direction
    half = pair.a / pair.epsilon
    return pair.w + step, pair.w - step, (pair.c + half) / 2, (pair.c - half) / 2
