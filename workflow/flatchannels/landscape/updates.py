"""The updates of a trajectory: which of them count, and how they lie to a direction or a subspace.

ASSUME: the updates made on the norm wall do not count; there this project's flow moves along the sphere ‖θ‖ = maxnorm, which is no
part of a channel, and the original's stops.

Source: paper, Appendix B.3, Figures 3e and 4b.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.precision import on_the_wall

Array = NDArray[np.float64]

LATE_UPDATES = 51  # over which the last updates are averaged (Appendix B.3, condition 3)


def inside_the_wall(points: Array, maxnorm: float) -> Array:
    """The leading points of a trajectory up to where it meets the wall for good; NaN at its end is cut off.

    A trajectory that ends within the wall is kept whole; one that starts on it keeps its first point.

    Parameters
    ----------
    points : (T, P)
    maxnorm : float
        The wall in ‖θ‖.

    Returns
    -------
    (T', P)
    """
    points = points[np.isfinite(points).all(axis=1)]
    norms = (points**2).sum(axis=1) / (2 * points.shape[1])
    within = np.flatnonzero(~on_the_wall(norms, maxnorm))
    return points[: within[-1] + 1] if within.size else points[:1]


def update_ratios(points: Array, basis: Array) -> Array:
    """‖Δθ_proj‖ / ‖Δθ‖ of the updates between successive points.

    Source: paper, Figure 4b.

    Parameters
    ----------
    points : (T, P)
    basis : (P, n), orthonormal columns

    Returns
    -------
    (T − 1,)
        NaN for an update of zero.
    """
    updates = np.diff(points, axis=0)
    lengths = np.linalg.norm(updates, axis=1)
    projected = np.linalg.norm(updates @ basis, axis=1)
    return np.divide(projected, lengths, out=np.full(len(updates), np.nan), where=lengths > 0)


def current_ratios(points: Array, basis_at: Callable[[Array], Array]) -> Array:
    """‖Δθ_proj‖ / ‖Δθ‖ where the basis is that of the point at which each update starts.

    Parameters
    ----------
    points : (T, P)
    basis_at : function, θ (P,) → (P, n)

    Returns
    -------
    (T − 1,)
        NaN for an update of zero.
    """
    return np.concatenate([np.zeros(0), *(update_ratios(points[k : k + 2], basis_at(points[k])) for k in range(len(points) - 1))])


def update_cosines(thetas: ArrayLike, direction: Array) -> Array:
    """Cosine between a direction and each update of a trajectory.

    Source: paper, Figure 3e.

    Parameters
    ----------
    thetas : (T, P)
    direction : (P,), of length 1

    Returns
    -------
    (T − 1,)
        NaN where nothing moved.
    """
    updates = np.diff(np.asarray(thetas, dtype=float), axis=0)
    with np.errstate(invalid="ignore"):
        return updates @ direction / np.linalg.norm(updates, axis=1)


def late_cosine(thetas: ArrayLike, direction: Array, maxnorm: float = np.inf) -> float:
    """Mean |cosine| with a direction of the last updates of a trajectory inside the norm wall.

    Parameters
    ----------
    thetas : (T, P)
    direction : (P,), of length 1
    maxnorm : float
        The wall in ‖θ‖.

    Returns
    -------
    float
        NaN where nothing moved.
    """
    cosines = abs(update_cosines(inside_the_wall(np.asarray(thetas), maxnorm), direction))[-LATE_UPDATES:]
    moved = np.isfinite(cosines)
    return float(cosines[moved].mean()) if moved.any() else float("nan")
