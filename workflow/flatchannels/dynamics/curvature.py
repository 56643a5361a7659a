"""Gradient and Hessian at a point: what of the eigenvalues is rounding, the Newton step, the share along a surface.

Source: Golub & Van Loan, section 8.1 (eigenvalues are perturbed by at most the norm of the rounding); Nocedal & Wright, chapter 3.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from flatchannels.precision import EIGENVALUE_NOISE

Array = NDArray[np.float64]


def resolution(values: Array) -> float:
    """Eigenvalues of a Hessian below this are rounding; `values` (P,) ascending."""
    return EIGENVALUE_NOISE * values[-1] * values.size**0.5


def newton_step(gradient: Array, hessian: Array) -> tuple[Array, float, Array]:
    """The Newton step to the minimum, over the directions whose eigenvalue is above rounding.

    Returns
    -------
    step (P,); the decrease it predicts; the eigenvalues, ascending.
    """
    values, vectors = eigh(hessian)
    components = vectors.T @ gradient
    used = values > resolution(values)
    step = -vectors[:, used] @ (components[used] / values[used])
    return step, 0.5 * float(np.sum(components[used] ** 2 / values[used])), values


def tangential(gradient: Array, hessian: Array, normals: Array, curvature: float) -> tuple[Array, Array]:
    """Gradient and Hessian without their share along the orthonormal columns of `normals` (P, n), where the Hessian becomes `curvature`."""
    gradient = gradient - normals @ (normals.T @ gradient)
    half = hessian @ normals
    half -= 0.5 * normals @ (normals.T @ half)
    return gradient, hessian - half @ normals.T - normals @ half.T + curvature * normals @ normals.T
