"""Steep neurons, whose input weights diverge: followed beyond the norm wall until they are hinges.

A neuron a σ(w·x) of softplus or g with |w| → ∞ at fixed A = a |w| becomes the hinge A max(0, ŵ·x), and the loss of finitely
many samples gets kinks where samples lie on it. A minimum may well sit there: the samples on the kink keep finite z = w·x as
|w| → ∞, because σ'(z) balances the forces on the hinge from both sides; all others have |z| → ∞. With c = ±a and the form
c w·x the loss is then smooth in c up to c = 0, with the slope

    ∂L/∂c = Σ_n (∂L/∂f)_n [σ(z_n) − z_n σ'(z_n)],

which is positive at a kink of softplus: the bracket is an entropy, and the kink must be convex. So such a minimum is one at
infinity. At the wall |w| is far too small to tell which samples will be on the kink: z of thousands is of order one.

Source: this project's.
"""

from typing import NamedTuple

import numpy as np

from .polish import polish

FACTOR = 100.0  # by which the pull of the wall falls from stage to stage
STAGES, ITERATIONS = 16, 60  # at most, and of Newton's method in each
RESTS = 0.02  # change of log |w| in a stage below which a neuron counts as one that stays finite
ON_THE_KINK, OFF_THE_KINK = 20.0, 50.0  # a hinge has come out once no sample has |z| in between
STEEPER = 4.0  # factor of |w| over which the slope at infinity is checked


class Receded(NamedTuple):
    """The end of `recede`.

    wall : (P,), the minimum at the wall, if everything but the steep neurons were at infinity.
    theta, loss, gradient, hessian : of the limit; the latter two without the c of the hinges, which are 0 there.
    hinges : (units,) bool.  predicted, ratio : by how much the loss at `theta` exceeds that at infinity, and the difference of
    two such losses over the difference that their slopes predict; 0 and NaN without hinges.  iterations : of Newton's method.
    """

    wall: np.ndarray
    theta: np.ndarray
    loss: float
    gradient: np.ndarray
    hessian: np.ndarray
    hinges: np.ndarray
    predicted: float
    ratio: float
    iterations: int


def recede(limit, theta, pull, tolerance):
    """Follow the minimum of L + μ/2 Σ (a² + |w|²) over the steep units of a `LimitNetwork` while μ falls from `pull` to nothing.

    It is the minimum at a norm wall that recedes. Neurons that stop growing are finite, the others end as hinges.
    Returns `Receded`, or None where Newton's method loses the minimum: its gradient stays above `tolerance`.
    """
    steep = np.array([unit.kind == "steep" for unit in limit.units])
    scales, iterations = limit.first[:-1], 0  # log |c| of a steep unit is its first parameter
    place = Pulled(limit, pull)
    end = polish(place, theta, max_iterations=ITERATIONS)
    wall = end.theta
    for _ in range(STAGES):
        iterations += end.iterations
        if not abs(end.gradient).max() < tolerance:
            return None
        before, guess = end.theta, end.theta + np.log(FACTOR) * place.tangent(end)
        place = Pulled(limit, place.pull / FACTOR)
        end = polish(place, guess, max_iterations=ITERATIONS)
        rests = abs(end.theta - before)[scales] < RESTS
        hinges = steep & ~rests
        if all(come_out(limit, end.theta, n) for n in np.flatnonzero(hinges)):
            return _at_infinity(limit, end.theta, hinges, wall, iterations + end.iterations)
    return None


def come_out(limit, theta, n):
    """Whether every sample is on the kink of the steep unit n, or clearly off it."""
    c, forms = limit.unpack(theta)[0][n]
    z = np.concatenate([abs(forms[0] @ block.x) for block in limit.blocks]) * np.exp(-c)
    return not np.any((z > ON_THE_KINK) & (z < OFF_THE_KINK))


def _at_infinity(limit, theta, hinges, wall, iterations):
    """`Receded` from the minima at two sizes of the c of the hinges."""
    fixed, losses, rises = limit.first[:-1][hinges], [], []
    free = np.ones(theta.size, dtype=bool)
    free[fixed] = False
    for _ in range(2 if hinges.any() else 1):
        theta = theta.copy()
        theta[fixed] -= np.log(STEEPER) * bool(losses)
        end = polish(Restricted(limit, theta, free), theta[free], max_iterations=ITERATIONS)
        theta[free] = end.theta
        iterations += end.iterations
        losses.append(end.loss)
        rises.append(float(limit.loss_and_gradient(theta)[1][fixed].sum()))
    ratio = (losses[0] - losses[-1]) / (rises[0] * (1 - 1 / STEEPER)) if hinges.any() else np.nan
    return Receded(wall, theta, losses[-1] - rises[-1], end.gradient, end.hessian, hinges, rises[-1], ratio, iterations)


class Pulled:
    """L + μ/2 Σ (a² + |w|²) over the steep units of a `LimitNetwork`: an objective for `polish`."""

    def __init__(self, limit, pull):
        self.limit, self.pull = limit, pull
        spans = zip(limit.units, limit.first, limit.first[1:])
        self.spans = [(start, slice(start + 1, end)) for unit, start, end in spans if unit.kind == "steep"]

    def _penalty(self, theta):
        """float, (P,), (P, P)."""
        value, gradient, hessian = 0.0, np.zeros(theta.size), np.zeros((theta.size, theta.size))
        for scale, span in self.spans:
            squeeze, form = self.pull * np.exp(-2 * theta[scale]), theta[span]
            inputs, output = squeeze * (form @ form), self.pull * np.exp(2 * theta[scale])
            value += (inputs + output) / 2
            gradient[scale], gradient[span] = output - inputs, squeeze * form
            hessian[scale, scale] = 2 * (inputs + output)
            hessian[scale, span] = hessian[span, scale] = -2 * squeeze * form
            hessian[span, span] = squeeze * np.eye(form.size)
        return value, gradient, hessian

    def loss_and_gradient(self, theta):
        """float, (P,)."""
        return tuple(a + b for a, b in zip(self.limit.loss_and_gradient(theta), self._penalty(theta)))

    def derivatives(self, theta):
        """float, (P,), (P, P)."""
        with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
            return tuple(a + b for a, b in zip(self.limit.derivatives(theta), self._penalty(theta)))

    def tangent(self, end):
        """dθ/d(−log μ) (P,) along the minima, at the `Polish` that found one."""
        return np.linalg.lstsq(end.hessian, self._penalty(end.theta)[1], rcond=None)[0]


class Restricted:
    """An objective with some of its parameters fixed at those of θ; those in `free` (P,) vary."""

    def __init__(self, objective, theta, free):
        self.objective, self.theta, self.free = objective, theta, free

    def _full(self, part):
        theta = self.theta.copy()
        theta[self.free] = part
        return theta

    def loss_and_gradient(self, part):
        """float, (Q,)."""
        loss, gradient = self.objective.loss_and_gradient(self._full(part))
        return loss, gradient[self.free]

    def derivatives(self, part):
        """float, (Q,), (Q, Q)."""
        loss, gradient, hessian = self.objective.derivatives(self._full(part))
        return loss, gradient[self.free], hessian[np.ix_(self.free, self.free)]
