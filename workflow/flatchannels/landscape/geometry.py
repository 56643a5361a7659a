"""The geometry of a layer's neurons: distances of their input weights, the closest ones, groups of nearly parallel ones.

A neuron's input weights are its row of [W | b], the bias included. In NumPy and SciPy alone, so that tables can be made without
the engine.

Source: paper, Appendix B.3.
"""

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]

GROUP_DISTANCE = 1e-2  # cosine distance that links neurons to a group (Appendix B.3)


def cosine_distances(input_weights: Array) -> Array:
    """1 − cos(w_i, w_j) of all pairs of rows.

    As |u_i − u_j|² / 2 of the unit vectors, which keeps its digits down to distances of 1e-30.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.

    Returns
    -------
    (r, r)
        0 on the diagonal, NaN for a row that is zero.
    """
    lengths = np.linalg.norm(input_weights, axis=1, keepdims=True)
    units = np.divide(input_weights, lengths, out=np.full_like(input_weights, np.nan), where=lengths > 0)
    return 0.5 * ((units[:, None] - units) ** 2).sum(axis=2)


def euclidean_distances(input_weights: Array) -> Array:
    """|w_i − w_j| of all pairs of rows.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.

    Returns
    -------
    (r, r)
    """
    return np.sqrt(((input_weights[:, None] - input_weights) ** 2).sum(axis=2))


def closest_pair(input_weights: ArrayLike) -> tuple[int, int, float]:
    """The two neurons whose input weights are most nearly parallel.

    Source: paper, Appendix B.3, condition 2.

    Parameters
    ----------
    input_weights : float64 (r, d + 1)
        The last column is the bias.

    Returns
    -------
    i, j : int
        i < j.
    distance : float, in [0, 2]
        1 − cos(w_i, w_j).

    Raises
    ------
    ValueError
        Fewer than two neurons, or a row without direction (zero or not finite).
    """
    (i, j), distance = _closest(input_weights, 2)
    return i, j, distance


def closest_triplet(input_weights: ArrayLike) -> tuple[int, int, int, float]:
    """The three neurons whose input weights are most nearly parallel.

    ASSUME: the distance of a triplet is the largest of its three cosine distances; the paper does not define it.

    Source: paper, Appendices B.3 and C.6.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.

    Returns
    -------
    i, j, k : int
        i < j < k.
    distance : float, in [0, 2]

    Raises
    ------
    ValueError
        Fewer than three neurons, or a row without direction.
    """
    (i, j, k), distance = _closest(input_weights, 3)
    return i, j, k, distance


def least_triplet_mean(input_weights: ArrayLike) -> float:
    """The least mean of the three cosine distances within any triplet, by which the original's code finds the closest one.

    Source: paper, Appendix B.3, Figure B11.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.

    Returns
    -------
    float, in [0, 2]

    Raises
    ------
    ValueError
        Fewer than three neurons, or a row without direction.
    """
    return float(_subset_distances(input_weights, 3)[1].mean(axis=1).min())


def _closest(input_weights: ArrayLike, size: int) -> tuple[list[int], float]:
    """The indices of the `size` neurons with the least largest cosine distance among them, and that distance."""
    subsets, distances = _subset_distances(input_weights, size)
    largest = distances.max(axis=1)
    best = int(np.argmin(largest))
    return subsets[best].tolist(), float(largest[best])


def _subset_distances(input_weights: ArrayLike, size: int) -> tuple[NDArray[np.int64], Array]:
    """All subsets of `size` neurons (S, size), and the cosine distances of the pairs in each (S, size (size − 1)/2)."""
    weights = np.asarray(input_weights, dtype=float)
    if weights.ndim != 2 or len(weights) < size:
        raise ValueError(f"input weights of shape {weights.shape} are not those of at least {size} neurons")
    lengths = np.linalg.norm(weights, axis=1)
    without = np.flatnonzero(~((lengths > 0) & np.isfinite(lengths)))
    if without.size:
        raise ValueError(f"the input weights of neuron {without[0]} are {weights[without[0]]}; they have no direction")
    distances = cosine_distances(weights)
    subsets = np.array(list(combinations(range(len(weights)), size)))
    return subsets, np.stack([distances[subsets[:, a], subsets[:, b]] for a, b in combinations(range(size), 2)], axis=1)


def groups(input_weights: ArrayLike, threshold: float = GROUP_DISTANCE) -> list[list[int]]:
    """The groups of two or more neurons that are linked by small cosine distances.

    Links chain: two neurons of a group may be further apart. A channel of a group has dimension size − 1.

    Source: paper, Appendix B.3.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.
    threshold : float
        Below it two neurons are linked.

    Returns
    -------
    list of list of int
        Increasing; a neuron without direction is in none.
    """
    linked = cosine_distances(np.asarray(input_weights, dtype=float)) < threshold  # never with NaN
    count, labels = connected_components(linked, directed=False)
    found = [np.flatnonzero(labels == label).tolist() for label in range(count)]
    return sorted(group for group in found if len(group) > 1)
