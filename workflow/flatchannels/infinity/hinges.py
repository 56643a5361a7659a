"""Steep neurons, whose input weights diverge: followed beyond the norm wall until they are hinges.

A neuron a σ(w·x) of softplus or g with |w| → ∞ at fixed A = a |w| becomes the hinge A max(0, ŵ·x), and the loss of finitely
many samples gets kinks where samples lie on it. A minimum may well sit there: the samples on the kink keep finite z = w·x as
|w| → ∞, because σ'(z) balances the forces on the hinge from both sides; all others have |z| → ∞. With c = ±a and the form
c w·x the loss is then smooth in c up to c = 0, with the slope

    ∂L/∂c = Σ_n (∂L/∂f)_n [σ(z_n) − z_n σ'(z_n)],

which is positive for softplus: the bracket is an entropy that vanishes off the kink, and the kink must be convex. So such a
minimum is one at infinity. For g the bracket is 1 far on the positive side, and the sum may have either sign. Without samples on
the kink the loss of softplus tends to its limit exponentially. At the wall |w| is far too small to tell which samples will be
on the kink: z of thousands is of order one.

Departs from the flow in following the minima at a wall that recedes, by steps that may pass from one of many neighbouring
minima to the next. Source: this project's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.dynamics.newton import minimum, scaled_newton_step
from flatchannels.dynamics.objectives import Affine
from flatchannels.dynamics.polish import Polish
from flatchannels.infinity.limits import AnyLimit
from flatchannels.precision import LOSS_RESOLUTION

Array = NDArray[np.float64]

FACTOR = 100.0  # by which the pull of the wall falls from stage to stage
LEAST_FACTOR = 2.0  # to which it is lowered where Newton's method fails
STAGES, ITERATIONS, ALL_ITERATIONS = 30, 60, 400  # at most, and of Newton's method in each, and until no further stage begins
FOLLOWED = 1e-6  # gradient up to which a minimum on the way counts as found
ON_THE_WAY = 1e-10  # gradient, in coordinates with ones on the diagonal of the Hessian, at which Newton's method ends in the stages
GROWS = -0.1  # Newton's step in log |c| without pull from which on a neuron counts as a hinge, where it is −1; 0 if it stays finite
IN_THE_MINIMUM = 0.01  # change of log |w| by Newton's method up to which it then is in its minimum
ON_THE_KINK, OFF_THE_KINK = 20.0, 50.0  # a hinge has come out once no sample has |z| in between
STEEPER, SHARPER, RATIO = 4.0, 10, 0.01  # then |w| grows by this factor, so many times at most, until the slopes predict the loss so well


class Receded(NamedTuple):
    """The end of `recede`.

    Attributes
    ----------
    wall : (P,)
        The minimum at the wall, if everything but the steep neurons were at infinity.
    theta : (P,)
        The limit.
    loss : float
    gradient : float array
        Without the c of the hinges, which are 0 there.
    hessian : float array
        Without the c of the hinges.
    hinges : bool (units,)
    rises : float array
        For each hinge by how much the loss at `theta` exceeds that at infinity.
    ratio : float
        The difference of two such losses over the one that they predict; NaN without samples on kinks, where the loss is that at
        infinity to rounding.
    iterations : int
        Of Newton's method.
    pulls : tuple of float
        μ of the minima on the way, falling from that of the wall.
    outermost : Polish or None
        The last of them.
    """

    wall: Array
    theta: Array
    loss: float
    gradient: Array
    hessian: Array
    hinges: NDArray[np.bool_]
    rises: Array
    ratio: float
    iterations: int
    pulls: tuple[float, ...] = ()
    outermost: Polish | None = None


def recede(limit: AnyLimit, theta: Array, pull: float) -> Receded | None:
    """Follow the minimum of L + μ/2 Σ (a² + |w|²) over the steep units of a limit while μ falls to nothing.

    It is the minimum at a norm wall that recedes. Neurons that stop growing are finite, the others end as hinges.

    Parameters
    ----------
    limit : AnyLimit
    theta : (P,)
    pull : float
        μ at the start.

    Returns
    -------
    Receded or None
        None where Newton's method loses the minimum.
    """
    steep = np.array([unit.kind == "steep" for unit in limit.units])
    scales = limit.first[:-1][steep]  # log |c| of a steep unit is its first parameter
    place, factor = Pulled(limit, pull), FACTOR
    end = minimum(place, [theta], ITERATIONS)
    wall, iterations, pulls = end.theta, end.iterations, [pull]
    if not abs(end.gradient).max() < FOLLOWED:
        return None
    for _ in range(STAGES):
        hinges = steep.copy()
        hinges[steep] = scaled_newton_step(*limit.derivatives(end.theta)[1:])[scales] < GROWS
        hinges |= [kind and abs(_z(limit, end.theta, n)).min() > ON_THE_KINK for n, kind in enumerate(steep)]
        if all(come_out(limit, end.theta, n) for n in np.flatnonzero(hinges).tolist()):
            found = _at_infinity(limit, end.theta, hinges, wall, iterations)
            if found:
                return found._replace(pulls=tuple(pulls), outermost=end)
        ahead = Pulled(limit, place.pull / factor)
        alike = np.zeros(theta.size)
        alike[scales] = -np.log(factor) / 3  # what all hinges do in the end
        changes = np.log(factor) * place.tangent(end), alike
        trial = minimum(ahead, [end.theta, *(sharpened(limit, end.theta, change, steep) for change in changes)], ITERATIONS, ON_THE_WAY)
        iterations += trial.iterations
        if abs(trial.gradient).max() < FOLLOWED and _loss(limit, trial.theta) < _loss(limit, end.theta) * (1 + LOSS_RESOLUTION):
            place, end, factor = ahead, trial, min(FACTOR, factor**1.5)
            pulls.append(place.pull)
        else:
            factor = np.sqrt(factor)
            if factor < LEAST_FACTOR:
                return None
        if iterations > ALL_ITERATIONS:
            return None
    return None


def _loss(limit: AnyLimit, theta: Array) -> float:
    return limit.loss_and_gradient(theta)[0]


def come_out(limit: AnyLimit, theta: Array, n: int) -> bool:
    """Whether the samples on the kink of a steep unit are clearly told from those off it, or there are none.

    Parameters
    ----------
    limit : AnyLimit
    theta : (P,)
    n : int
        The unit.

    Returns
    -------
    bool
    """
    z = abs(_z(limit, theta, n))
    return z.min() > ON_THE_KINK or not np.any((z > ON_THE_KINK) & (z < OFF_THE_KINK))


def _z(limit: AnyLimit, theta: Array, n: int) -> Array:
    """w·x (N,) of the steep unit n, up to the sign."""
    c, forms = limit.unpack(theta)[0][n]
    return forms[0] @ limit.features(theta, n) * np.exp(-c)


def sharpened(limit: AnyLimit, theta: Array, change: Array, steep: NDArray[np.bool_]) -> Array:
    """θ after a change, but for the forms of those steep units on whose kinks few samples lie: there these keep their z.

    Few: not more than a form has coefficients.

    Parameters
    ----------
    limit : AnyLimit
    theta : (P,)
    change : (P,)
    steep : bool (units,)

    Returns
    -------
    (P,)
    """
    result = theta + change
    for n in np.flatnonzero(steep).tolist():
        start, end = limit.first[n : n + 2]
        z = _z(limit, theta, n)
        near = abs(z) < ON_THE_KINK
        form = theta[start + 1 : end]
        if near.sum() <= form.size:
            x = limit.features(theta, n)[:, near]
            result[start + 1 : end] = form + np.linalg.lstsq(x.T, np.expm1(change[start]) * (form @ x), rcond=None)[0]
    return result


def _at_infinity(limit: AnyLimit, theta: Array, hinges: NDArray[np.bool_], wall: Array, iterations: int) -> Receded | None:
    """`Receded` from the minima at several c of the hinges, or None where one is higher than the one before."""
    fixed = limit.first[:-1][hinges]
    free = np.ones(theta.size, dtype=bool)
    free[fixed] = False
    before, ratio, guesses = (np.inf, 0.0), np.nan, [theta]
    for _ in range(SHARPER):
        end = minimum(Affine.coordinates(limit, guesses[0], free), [guess[free] for guess in guesses], ITERATIONS)
        theta = guesses[0].copy()
        theta[free] = end.theta
        iterations += end.iterations
        rises = limit.loss_and_gradient(theta)[1][fixed]
        if rises.sum() < LOSS_RESOLUTION * end.loss:
            break
        if before[1]:
            ratio = float((before[0] - end.loss) / (before[1] * (1 - 1 / STEEPER)))
        if not end.loss < before[0]:
            return None
        if abs(ratio - 1) < RATIO:
            break
        before = end.loss, float(rises.sum())
        change = np.where(free, 0.0, -np.log(STEEPER))
        guesses = [sharpened(limit, theta, change, hinges), theta + change]
    finite = np.isin(np.flatnonzero(free), limit.first[:-1][[unit.kind == "steep" for unit in limit.units] & ~hinges])
    if np.any(abs(scaled_newton_step(end.gradient, end.hessian)[finite]) > IN_THE_MINIMUM):
        return None
    return Receded(wall, theta, end.loss - float(rises.sum()), end.gradient, end.hessian, hinges, rises, ratio, iterations)


class Pulled:
    """L + μ/2 Σ (a² + |w|²) over the steep units of a `LimitNetwork`: an objective for `polish`.

    Parameters
    ----------
    limit : AnyLimit
    pull : float
        μ.
    """

    def __init__(self, limit: AnyLimit, pull: float) -> None:
        self.limit, self.pull = limit, pull
        spans = zip(limit.units, limit.first, limit.first[1:])
        self.spans = [(start, slice(start + 1, end)) for unit, start, end in spans if unit.kind == "steep"]

    def _penalty(self, theta: Array) -> tuple[float, Array, Array]:
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

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Loss and gradient.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        loss, gradient = self.limit.loss_and_gradient(theta)
        penalty = self._penalty(theta)
        return loss + penalty[0], gradient + penalty[1]

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Loss, gradient and Hessian.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
            loss, gradient, hessian = self.limit.derivatives(theta)
            penalty = self._penalty(theta)
            return loss + penalty[0], gradient + penalty[1], hessian + penalty[2]

    def tangent(self, end: Polish) -> Array:
        """dθ/d(−log μ) along the minima.

        Parameters
        ----------
        end : Polish
            At the minimum.

        Returns
        -------
        (P,)
        """
        return -scaled_newton_step(self._penalty(end.theta)[1], end.hessian)
