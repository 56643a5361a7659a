"""Newton's method for limit networks whose scales differ by many orders: `polish` in other coordinates.

Source: Nocedal & Wright, section 2.2 (scaling).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flatchannels.dynamics.objectives import Affine, TwiceDifferentiable
from flatchannels.dynamics.polish import NEGLIGIBLE_GRADIENT, Polish, polish

Array = NDArray[np.float64]


def minimum(objective: TwiceDifferentiable, guesses: Sequence[Array], iterations: int, enough: float = NEGLIGIBLE_GRADIENT) -> Polish:
    """The minimum from the guess at which an objective is lowest, in coordinates in which its Hessian has ones on the diagonal.

    For hinges: along its kink the curvature of one is of the order of |w|, in the log of its scale of 1/|w|.

    Parameters
    ----------
    objective : TwiceDifferentiable
    guesses : sequence of (P,)
    iterations : int
        At most so many.
    enough : float
        Of `polish`, in those coordinates.

    Returns
    -------
    Polish
    """
    guess = min(guesses, key=lambda guess: objective.loss_and_gradient(guess)[0])
    scale = _scale(objective.derivatives(guess)[2])
    with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
        end = polish(Affine.scaled(objective, scale), guess / scale, max_iterations=iterations, enough=enough)
    hessian = end.hessian / np.multiply.outer(scale, scale)
    return replace(end, theta=end.theta * scale, gradient=end.gradient / scale, hessian=hessian)


def scaled_newton_step(gradient: Array, hessian: Array) -> Array:
    """−H⁻¹ g, each entry to the precision of its own scale; of least length where H is singular.

    Parameters
    ----------
    gradient : (P,)
    hessian : (P, P)

    Returns
    -------
    (P,)
    """
    scale = _scale(hessian)
    return -scale * np.linalg.lstsq(hessian * np.multiply.outer(scale, scale), scale * gradient, rcond=None)[0]


def _scale(hessian: Array) -> Array:
    """(P,), by which rows and columns are multiplied to have ones on the diagonal."""
    diagonal = abs(np.diag(hessian))
    return 1 / np.sqrt(np.maximum(diagonal, np.finfo(float).tiny * np.maximum(diagonal.max(), 1.0)))
