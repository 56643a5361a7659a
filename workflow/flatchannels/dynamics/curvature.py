"""Gradient and Hessian at a point: what of the eigenvalues is rounding, the Newton step, the share along a surface.

Source: Golub & Van Loan, section 8.1 (eigenvalues are perturbed by at most the norm of the rounding); Nocedal & Wright, chapter 3.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from flatchannels.precision import EIGENVALUE_NOISE

Array = NDArray[np.float64]


def resolution(values: Array) -> float:
    """The size below which eigenvalues of a Hessian are rounding.

    Parameters
    ----------
    values : (P,)
        The eigenvalues, ascending.

    Returns
    -------
    float
    """
    return EIGENVALUE_NOISE * values[-1] * values.size**0.5


def newton_step(gradient: Array, hessian: Array) -> tuple[Array, float, Array]:
    """The Newton step to the minimum, over the directions whose eigenvalue is above rounding.

    Parameters
    ----------
    gradient : (P,)
    hessian : (P, P)

    Returns
    -------
    step : (P,)
    decrease : float
        Of the loss, as the quadratic form predicts it.
    values : (P,)
        The eigenvalues of the Hessian, ascending.
    """
    values, vectors = eigh(hessian)
    components = vectors.T @ gradient
    used = values > resolution(values)
    step = -vectors[:, used] @ (components[used] / values[used])
    return step, 0.5 * float(np.sum(components[used] ** 2 / values[used])), values


def tangential(gradient: Array, hessian: Array, normals: Array, curvature: float) -> tuple[Array, Array]:
    """Gradient and Hessian without their share along some directions.

    Parameters
    ----------
    gradient : (P,)
    hessian : (P, P)
    normals : (P, n)
        The directions, orthonormal.
    curvature : float
        The eigenvalue that the Hessian gets along them.

    Returns
    -------
    gradient : (P,)
    hessian : (P, P)
    """
    gradient = gradient - normals @ (normals.T @ gradient)
    half = hessian @ normals
    half -= 0.5 * normals @ (normals.T @ half)
    return gradient, hessian - half @ normals.T - normals @ half.T + curvature * normals @ normals.T
