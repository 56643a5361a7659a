"""Newton's method for limit networks whose scales differ by many orders: `polish` in other coordinates.

Source: Nocedal & Wright, section 2.2 (scaling).
"""

from dataclasses import replace

import numpy as np

from flatchannels.dynamics.polish import polish


def minimum(objective, guesses, iterations):
    """The `Polish` from the guess (P,) at which an objective is lowest, in coordinates in which its Hessian has ones on the diagonal.

    For hinges: along its kink the curvature of one is of the order of |w|, in the log of its scale of 1/|w|.
    """
    guess = min(guesses, key=lambda guess: objective.loss_and_gradient(guess)[0])
    place = _Scaled(objective, _scale(objective.derivatives(guess)[2]))
    with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
        end = polish(place, guess / place.scale, max_iterations=iterations)
    hessian = end.hessian / np.multiply.outer(place.scale, place.scale)
    return replace(end, theta=end.theta * place.scale, gradient=end.gradient / place.scale, hessian=hessian)


def scaled_newton_step(gradient, hessian):
    """−H⁻¹ g (P,), each entry to the precision of its own scale; of least length where H is singular."""
    scale = _scale(hessian)
    return -scale * np.linalg.lstsq(hessian * np.multiply.outer(scale, scale), scale * gradient, rcond=None)[0]


def _scale(hessian):
    """(P,), by which rows and columns are multiplied to have ones on the diagonal."""
    diagonal = abs(np.diag(hessian))
    return 1 / np.sqrt(np.maximum(diagonal, np.finfo(float).tiny * np.maximum(diagonal.max(), 1.0)))


class _Scaled:
    """An objective in the coordinates θ / scale."""

    def __init__(self, objective, scale):
        self.objective, self.scale = objective, scale

    def loss_and_gradient(self, part):
        """float, (P,)."""
        loss, gradient = self.objective.loss_and_gradient(self.scale * part)
        return loss, self.scale * gradient

    def derivatives(self, part):
        """float, (P,), (P, P)."""
        loss, gradient, hessian = self.objective.derivatives(self.scale * part)
        return loss, self.scale * gradient, hessian * np.multiply.outer(self.scale, self.scale)
