"""Extreme eigenvalues of a Hessian: all of it where it is small, by Lanczos iterations where only its products can be had.

Source: Golub & Van Loan 2013, chapter 10; scipy's ARPACK.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from flatchannels.inspection.objective import Objective

Array = NDArray[np.float64]

DENSE = 400  # parameters up to which the whole Hessian is made
LANCZOS_TOLERANCE = 1e-6  # of λ_max, to which Lanczos iterations find the ends of the spectrum
RESTARTS = 40  # of Lanczos iterations, each of up to BASIS products
BASIS = 24


@dataclass(frozen=True)
class Spectrum:
    """The extreme eigenvalues of ∇²L.

    Parameters
    ----------
    smallest, largest : float
    resolution : float
        What is below it is rounding, or not resolved.
    products : int
        Hessian-vector products that it took; 0 where the whole Hessian was made.
    """

    smallest: float
    largest: float
    resolution: float
    products: int = 0


def spectrum(objective: Objective) -> Spectrum:
    """The extreme eigenvalues of the Hessian of a loss.

    Where the iterations do not converge to `RESOLUTION`, the resolution is infinite and the values are the last estimates.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    Spectrum
    """
    size = objective.model.parameters
    if size <= DENSE:
        values = eigvalsh(objective.hessian())
        return Spectrum(float(values[0]), float(values[-1]), float(size * np.finfo(float).eps * abs(values).max()))
    count = 0

    def product(direction: Array) -> Array:
        nonlocal count
        count += 1
        return objective.hessian_product(np.ravel(direction))

    start = np.random.default_rng(0).normal(size=size)
    furthest, converged = _furthest(product, size, start)
    # From the end that is furthest from 0 the other end is the furthest: relative accuracy there is relative to the whole spectrum.
    other, also = _furthest(lambda direction: product(direction) - furthest * np.ravel(direction), size, start)
    ends = sorted([furthest, furthest + other])
    resolution = LANCZOS_TOLERANCE * abs(furthest) if converged and also else np.inf
    return Spectrum(ends[0], ends[1], resolution, count)


def largest_eigenvalue(objective: Objective) -> float:
    """λ_max of ∇²L, to `RESOLUTION`.

    Parameters
    ----------
    objective : Objective

    Returns
    -------
    float
        NaN where the iterations do not converge.
    """
    size = objective.model.parameters
    if size <= 2 * BASIS:
        return float(eigvalsh(objective.hessian())[-1])
    operator = LinearOperator((size, size), matvec=lambda direction: objective.hessian_product(np.ravel(direction)), dtype=np.float64)
    start = np.random.default_rng(0).normal(size=size)
    try:
        values = eigsh(operator, 1, which="LA", ncv=BASIS, tol=LANCZOS_TOLERANCE, maxiter=RESTARTS, v0=start, return_eigenvectors=False)
    except ArpackError:
        return float("nan")
    return float(values[0])


def _furthest(product: Callable[[Array], Array], size: int, start: Array) -> tuple[float, bool]:
    """The eigenvalue of largest modulus of a symmetric operator, and whether the iterations converged."""
    operator = LinearOperator((size, size), matvec=product, dtype=np.float64)
    try:
        values = eigsh(operator, 1, which="LM", ncv=BASIS, tol=LANCZOS_TOLERANCE, maxiter=RESTARTS, v0=start, return_eigenvectors=False)
        return float(values[0]), True
    except ArpackError:  # not converged, or a Hessian that is 0
        # A Rayleigh quotient after as many steps of the power method as ARPACK has restarts: a bound from inside.
        vector = start / np.linalg.norm(start)
        value = 0.0
        for _ in range(RESTARTS):
            image = product(vector)
            value, vector = float(vector @ image), image / max(np.linalg.norm(image), np.finfo(float).tiny)
        return value, False
