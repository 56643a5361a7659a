"""The Hessian along a saddle line: a polynomial in γ, its spectrum, and the smallest eigenvalue with its eigenvector.

Only two output weights vary along the line, and the function does not. The Hessian is therefore a polynomial of degree 2 in γ,
known exactly from three evaluations: a spectrum at ten thousand γ costs as many small eigenproblems.

Source: paper, section 2, Appendix A (Figures A2 and A4).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment

from flatchannels.data.dataset import Dataset
from flatchannels.landscape.saddle_lines import SaddleLine
from flatchannels.precision import EIGENVALUE_RESOLUTION

Array = NDArray[np.float64]


def smallest_eigenvector(hessian: ArrayLike, leaving_out: Array | None = None, towards: Array | None = None) -> tuple[float, Array]:
    """The smallest eigenvalue of a Hessian and its unit eigenvector.

    Parameters
    ----------
    hessian : (P, P), symmetric
    leaving_out : (P,), optional
        A null vector to look beyond. On a plateau the smallest eigenvalue is the 0 along Γ, and the direction of interest is the
        next one; off it, where the smallest is negative, this changes nothing.
    towards : (P,), optional
        The sign is such that the overlap with it is positive, and among several eigenvectors of the same value it is the nearest;
        without it the component of largest magnitude is positive.

    Returns
    -------
    value : float
    vector : (P,)
    """
    hessian = np.asarray(hessian, dtype=float)
    if leaving_out is not None:
        unit = leaving_out / np.linalg.norm(leaving_out)
        hessian = hessian + 2.0 * abs(hessian).sum(axis=1).max() * np.outer(unit, unit)  # to the top of the spectrum
    values, vectors = eigh(hessian)
    vector = vectors[:, 0]
    if towards is not None:
        alike = vectors[:, values - values[0] <= EIGENVALUE_RESOLUTION * abs(values).max()]
        nearest = alike @ (alike.T @ towards)
        length = np.linalg.norm(nearest)
        vector = nearest / length if length > 0 else vector
    elif vector[np.argmax(abs(vector))] < 0:
        vector = -vector
    return float(values[0]), vector


def hessian_polynomial(data: Dataset, line: SaddleLine) -> Array:
    """The coefficients C of the Hessian along Γ: H(γ) = C_0 + C_1 s + C_2 s² with s = γ − ½, exactly.

    On Γ the neurons' values do not change with γ, nor does the function: an entry of the Hessian is a constant times as many
    of the output weights γa*, (1 − γ)a* as input weights of the pair it belongs to. Three Hessians, at s = −1, 0, 1, fix the
    polynomial up to rounding; coefficients that are 0 by that count are made so, or γ² would multiply their rounding.

    Parameters
    ----------
    data : Dataset
    line : SaddleLine

    Returns
    -------
    (3, P, P)
    """
    below, middle, above = (line.net.hessian(line(gamma), data) for gamma in (-0.5, 0.5, 1.5))
    split_weights = np.zeros(line.net.parameters, dtype=int)
    split_weights[line.net.layout.hidden_layers[0].rows[list(line.pair)]] = 1
    degree = np.add.outer(split_weights, split_weights)
    return np.array([middle, 0.5 * (above - below) * (degree > 0), (0.5 * (above + below) - middle) * (degree > 1)])


def hessians_along_line(coefficients: Array, gammas: ArrayLike) -> Iterator[Array]:
    """Evaluate `hessian_polynomial`.

    Parameters
    ----------
    coefficients : (3, P, P)
    gammas : (G,)

    Yields
    ------
    (P, P)
    """
    for s in np.asarray(gammas, dtype=float) - 0.5:
        yield coefficients[0] + s * (coefficients[1] + s * coefficients[2])


@dataclass
class LineSpectrum:
    """The Hessian's spectrum along Γ, each branch followed by the continuity of its eigenvector.

    Parameters
    ----------
    gammas : (G,)
    values : (G, P)
        One column a branch; branches in ascending order at γ = ½.
    vectors : (G, P, P)
        vectors[k, :, b] belongs to values[k, b], its sign continuous.
    angles : (G, P)
        Between each eigenvector and the one of its branch at γ = ½, in [0, π].
    """

    gammas: Array
    values: Array
    vectors: Array
    angles: Array


def spectrum_along_line(data: Dataset, line: SaddleLine, gammas: ArrayLike) -> LineSpectrum:
    """Eigenvalues and eigenvectors of the Hessian along Γ, followed by continuity from γ = ½ to both sides.

    From one γ to the next, eigenvectors are assigned to branches so that Σ|overlaps| is largest. Eigenvectors of equal
    eigenvalues (γ = 0, 1) are any basis of their space: it is turned to be the one nearest to the vectors of the branches
    that pass through. The steps in γ decide what counts as continuous: a repulsion of two eigenvalues that is
    narrower than a step is followed as a crossing.

    Source: paper, Figures A2 and A4.

    Parameters
    ----------
    data : Dataset
    line : SaddleLine
    gammas : (G,), strictly increasing

    Returns
    -------
    LineSpectrum

    Raises
    ------
    ValueError
        The gammas do not increase.
    """
    gammas = np.asarray(gammas, dtype=float)
    if gammas.ndim != 1 or not gammas.size or not np.all(np.diff(gammas) > 0):
        raise ValueError("gammas must be strictly increasing numbers")
    coefficients = hessian_polynomial(data, line)
    reference = eigh(coefficients[0])
    parameters = line.net.parameters
    values, vectors = np.empty((gammas.size, parameters)), np.empty((gammas.size, parameters, parameters))
    middle = int(np.searchsorted(gammas, 0.5))
    for outward in (range(middle, gammas.size), range(middle - 1, -1, -1)):
        previous = reference[1]
        for k, hessian in zip(outward, hessians_along_line(coefficients, gammas[list(outward)]), strict=True):
            values[k], vectors[k] = follow(previous, *eigh(hessian))
            previous = vectors[k]
    return LineSpectrum(gammas, values, vectors, _angles(vectors, reference[1]))


def follow(previous: Array, values: Array, vectors: Array) -> tuple[Array, Array]:
    """Order and sign eigenvectors to continue those before.

    Parameters
    ----------
    previous : (P, P)
        As columns.
    values : (P,), ascending
    vectors : (P, P)
        As columns.

    Returns
    -------
    values : (P,)
    vectors : (P, P)
        Column b is the continuation of previous[:, b].
    """
    overlaps = previous.T @ vectors
    # Eigenvalues that rounding does not tell apart share one eigenspace.
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf) > EIGENVALUE_RESOLUTION * abs(values).max())
    spaces = [slice(start, end) for start, end in zip(starts, [*starts[1:], values.size], strict=True) if end - start > 1]
    order = linear_sum_assignment(abs(overlaps), maximize=True)[1]
    followed = vectors[:, order] * np.where(overlaps[np.arange(order.size), order] < 0, -1.0, 1.0)
    for space in spaces:
        branches = np.flatnonzero((order >= space.start) & (order < space.stop))
        left, _, right = np.linalg.svd(overlaps[branches, space])  # orthogonal Procrustes
        followed[:, branches] = vectors[:, space] @ (left @ right).T
    return values[order], followed


def _angles(vectors: Array, reference: Array) -> Array:
    """Angles between unit vectors, accurate for small ones: vectors (G, P, P), reference (P, P) → (G, P)."""
    return 2.0 * np.arctan2(np.linalg.norm(vectors - reference, axis=1), np.linalg.norm(vectors + reference, axis=1))
