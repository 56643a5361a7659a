"""Newton's method for limit networks: `polish` where their scales differ by many orders, and a finish that passes bends.

Departs from `polish` alone in the coordinates, and in its last steps: along a soft direction that is bent a step raises the
gradient, which the next one lowers again; such a pair of steps is taken.

Source: Nocedal & Wright, sections 2.2 (scaling) and 3.3.
"""

from dataclasses import replace

import numpy as np

from flatchannels.polish import RESOLUTION, polish

FINISHING = 8  # steps at most


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


def finished(objective, end):
    """The `Polish` `end`, or the point with the smallest gradient of the plain Newton steps that follow it, if it is no higher."""
    best, theta, gradient, hessian = end, end.theta, end.gradient, end.hessian
    for _ in range(FINISHING):
        theta = theta + newton_step(gradient, hessian)
        with np.errstate(all="ignore"):  # far steps may overflow, and end it
            loss, gradient, hessian = objective.derivatives(theta)
        if not (np.isfinite(hessian).all() and loss <= end.loss * (1 + RESOLUTION)):
            break
        if abs(gradient).max() < abs(best.gradient).max():
            best = replace(end, theta=theta, loss=loss, gradient=gradient, hessian=hessian)
    return best


def newton_step(gradient, hessian):
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
        loss, gradient = self.objective.loss_and_gradient(self.scale * part)
        return loss, self.scale * gradient

    def derivatives(self, part):
        loss, gradient, hessian = self.objective.derivatives(self.scale * part)
        return loss, self.scale * gradient, hessian * np.multiply.outer(self.scale, self.scale)
