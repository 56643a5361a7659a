"""The updates of a trajectory: which of them count, and how they lie to a direction or a subspace.

Departs from the paper in leaving out the updates made on the norm wall: there this project's flow moves along the sphere
‖θ‖ = maxnorm, which is no part of a channel.

Source: paper, Appendix B.3, Figures 3e and 4b.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.precision import on_the_wall

Array = NDArray[np.float64]

LATE_UPDATES = 51  # over which the last updates are averaged (Appendix B.3, condition 3)


def inside_the_wall(points: Array, maxnorm: float) -> Array:
    """The leading points (T', P) of a trajectory (T, P) up to where it meets the wall for good; NaN at its end is cut off.

    A trajectory that ends within the wall is kept whole; one that starts on it keeps its first point.
    """
    points = points[np.isfinite(points).all(axis=1)]
    norms = (points**2).sum(axis=1) / (2 * points.shape[1])
    within = np.flatnonzero(~on_the_wall(norms, maxnorm))
    return points[: within[-1] + 1] if within.size else points[:1]


def update_ratios(points: Array, basis: Array) -> Array:
    """‖Δθ_proj‖ / ‖Δθ‖ of the updates between successive points: (T − 1,) from points (T, P) and a basis (P, n).

    NaN for an update of zero.  Source: paper, Figure 4b.
    """
    updates = np.diff(points, axis=0)
    lengths = np.linalg.norm(updates, axis=1)
    projected = np.linalg.norm(updates @ basis, axis=1)
    return np.divide(projected, lengths, out=np.full(len(updates), np.nan), where=lengths > 0)


def current_ratios(points: Array, basis_at: Callable[[Array], Array]) -> Array:
    """The same ratios (T − 1,) where the basis (P, n) is that of the point at which each update starts."""
    return np.concatenate([np.zeros(0), *(update_ratios(points[k : k + 2], basis_at(points[k])) for k in range(len(points) - 1))])


def update_cosines(thetas: ArrayLike, direction: Array) -> Array:
    """Cosine between a unit vector (P,) and each update of a trajectory: thetas (T, P) → (T − 1,), NaN where nothing moved.

    Source: paper, Figure 3e.
    """
    updates = np.diff(np.asarray(thetas, dtype=float), axis=0)
    with np.errstate(invalid="ignore"):
        return updates @ direction / np.linalg.norm(updates, axis=1)


def late_cosine(thetas: ArrayLike, direction: Array, maxnorm: float = np.inf) -> float:
    """Mean |cosine| with a unit vector (P,) of the last updates of a trajectory (T, P) inside the norm wall; NaN where nothing moved."""
    cosines = abs(update_cosines(inside_the_wall(np.asarray(thetas), maxnorm), direction))[-LATE_UPDATES:]
    moved = np.isfinite(cosines)
    return float(cosines[moved].mean()) if moved.any() else float("nan")
