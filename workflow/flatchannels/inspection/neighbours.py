"""Which neurons of a layer lie close: pairs of rows with their distances, plain and to the mirror image of the other.

All pairs in layers of ordinary width. In wide ones each neuron is compared with its nearest, so that time grows as the square of the
width only in many dimensions, and memory with the width: with a k-d tree in few dimensions, by blocks of products in many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

Array = NDArray[np.float64]
Index = NDArray[np.int64]

WIDE_LAYER = 1500  # neurons up to which all pairs are looked at
NEAREST_KEPT = 16  # neighbours of each neuron in wider layers, of its own and of the mirrored orientation each
TREE_DIMENSIONS = 6  # dimensions up to which a k-d tree is faster
CLOSE_COSINE = 0.8749  # rows at a relative distance of up to ½ have 0.875 and more, as d² ≥ 2 (1 − cos); less what single precision loses
PRODUCTS_AT_ONCE = 2**22  # products at a time


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, first < second, in lexicographic order.

    Parameters
    ----------
    first, second : int (pairs,)
    plain, mirrored : (pairs,)
        The distances |u − v| and |u + v| over the mean length.
    cosine : (pairs,)
        Of the angle between the two.
    """

    first: Index
    second: Index
    plain: Array
    mirrored: Array
    cosine: Array

    def among(self, chosen: NDArray[np.bool_]) -> "Pairs":
        """Those of which both rows are chosen.

        Parameters
        ----------
        chosen : bool (n,)
            A mask over the rows.

        Returns
        -------
        Pairs
        """
        return self.where(chosen[self.first] & chosen[self.second])

    def where(self, mask: NDArray[np.bool_]) -> "Pairs":
        """Some of the pairs.

        Parameters
        ----------
        mask : bool (pairs,)

        Returns
        -------
        Pairs
        """
        return Pairs(self.first[mask], self.second[mask], self.plain[mask], self.mirrored[mask], self.cosine[mask])


def close_pairs(rows: Array) -> Pairs:
    """Pairs of rows: all, or of wide layers those of near neighbours.

    Parameters
    ----------
    rows : (n, k)
        None of them is 0.

    Returns
    -------
    Pairs
    """
    if len(rows) <= WIDE_LAYER:
        first, second = np.triu_indices(len(rows), 1)
        plain = pdist(rows) if len(rows) > 1 else np.zeros(0)
    else:
        first, second = _neighbours(rows)
        plain = _lengths_of_differences(rows, first, second, -1.0)
    lengths = np.linalg.norm(rows, axis=1)
    both = 2 * (lengths[first] ** 2 + lengths[second] ** 2)
    # |u + v|² = 2|u|² + 2|v|² − |u − v|² loses its digits where u ≈ −v: those few are computed again.
    squares = np.maximum(both - plain**2, 0.0)
    near = np.flatnonzero(squares < 1e-4 * both)
    squares[near] = _lengths_of_differences(rows, first[near], second[near], 1.0) ** 2
    scale = (lengths[first] + lengths[second]) / 2
    cosine = (squares - plain**2) / (4 * lengths[first] * lengths[second])
    return Pairs(first, second, plain / scale, np.sqrt(squares) / scale, cosine)


def _lengths_of_differences(rows: Array, first: Index, second: Index, sign: float) -> Array:
    """|u + sign v| of pairs of rows, some at a time."""
    result, size = np.empty(len(first)), max(1, PRODUCTS_AT_ONCE // rows.shape[1])
    for start in range(0, len(first), size):
        here = slice(start, start + size)
        result[here] = np.linalg.norm(rows[first[here]] + sign * rows[second[here]], axis=1)
    return result


def _neighbours(rows: Array) -> tuple[Index, Index]:
    """Pairs of each row with its nearest and with its nearest mirrored, and with those that share its place in a line.

    Of more than `NEAREST_KEPT` copies of one row not each is among the nearest of another; next to each other in a projection they are.
    """
    found = _by_tree(rows) if rows.shape[1] <= TREE_DIMENSIONS else _by_products(rows)
    order = np.argsort(rows @ np.random.default_rng(0).normal(size=rows.shape[1]), kind="stable")
    pairs = np.concatenate([*found, np.column_stack([order[:-1], order[1:]])])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return pairs[:, 0], pairs[:, 1]


def _by_tree(rows: Array) -> list[Index]:
    tree, own = cKDTree(rows), np.repeat(np.arange(len(rows)), NEAREST_KEPT)
    return [np.column_stack([own, tree.query(sign * rows, NEAREST_KEPT)[1].ravel()]) for sign in (1.0, -1.0)]


def _by_products(rows: Array) -> list[Index]:
    """Pairs of rows of a large |cosine|; of each row at most those of the `NEAREST_KEPT` smallest distances."""
    units = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)  # a sieve: twice as fast
    found, size = [], max(1, PRODUCTS_AT_ONCE // len(rows))
    for start in range(0, len(rows), size):
        products = units[start : start + size] @ units.T
        i, j = np.divmod(np.flatnonzero(abs(products) > CLOSE_COSINE), len(rows))
        signs, i = np.sign(products[i, j]), i + start
        i, j, signs = i[i != j], j[i != j], signs[i != j]
        distances = np.where(signs > 0, _lengths_of_differences(rows, i, j, -1.0), _lengths_of_differences(rows, i, j, 1.0))
        order = np.lexsort((distances, signs, i))
        kinds = 2 * i[order] + (signs[order] > 0)  # a row and an orientation
        rank = np.arange(len(kinds)) - np.searchsorted(kinds, kinds)
        found.append(np.column_stack([i, j])[order][rank < NEAREST_KEPT])
    return found
