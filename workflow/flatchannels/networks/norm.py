"""The paper's norm of θ, and the regulariser that is a wall in it.

Source: paper, section 1.
"""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def weight_norm(theta: Vector) -> float:
    """The paper's ‖θ‖ := Σ θ_k² / (2P) (section 8: the code's definition, a mean square).

    Parameters
    ----------
    theta : (P,)

    Returns
    -------
    float
    """
    theta = np.asarray(theta, dtype=float)  # squares of integers may overflow
    return float(theta @ theta) / (2 * theta.size)


def regulariser(theta: Vector, maxnorm: float, gradient: Vector | None = None, hessian: Vector | None = None) -> float:
    """R(θ) = (‖θ‖ − maxnorm)³ / 3 outside the norm wall, 0 inside (paper, section 1).

    Parameters
    ----------
    theta : (P,)
    maxnorm : float
    gradient : (P,), optional
        ∇R is added to it in place.
    hessian : (P, P), optional
        ∇²R is added to it in place.

    Returns
    -------
    float
        R.
    """
    excess = np.float64(weight_norm(theta) - maxnorm)
    if not excess > 0:
        return 0.0
    with np.errstate(over="ignore"):  # far beyond the wall R is infinite
        return _beyond(excess, theta, gradient, hessian)


def _beyond(excess: np.float64, theta: Vector, gradient: Vector | None, hessian: Vector | None) -> float:
    """R where ‖θ‖ exceeds maxnorm by so much."""
    slope = theta / theta.size  # the gradient of ‖θ‖
    if gradient is not None:
        gradient += excess**2 * slope
    if hessian is not None:
        hessian += 2 * excess * np.outer(slope, slope)
        hessian[np.diag_indices_from(hessian)] += excess**2 / theta.size
    return float(excess**3 / 3)
