"""Whether a flow has come to its end: the criteria as functions, and what a flow must remember for them.

- exact: the loss is 0 to rounding. It has no scale of its own there, hence what is negligible is so relative to the data;
- stationary: the Hessian is positive definite, and the Newton step to the minimum and the decrease it predicts are negligible;
- flat: the same over the directions whose eigenvalue is above rounding, no eigenvalue is negative beyond it, the loss has
  not changed over a decade of t, and the slope along the others is rounding or would not lower the loss in the time that is left.
  Plateau saddles, dead and duplicate neurons have exact null directions; along a channel eigenvalues are rounding, but the slope
  is not, however early in a flow that begins there;
- saddle: a perturbation would grow, yet the loss has not changed over so many growth times that rounding should have fed it.

Source: this project's; the numbers are relative to what float64 can tell apart.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh, lapack

from flatchannels.dynamics.curvature import newton_step, resolution, tangential
from flatchannels.dynamics.integrator import Bdf
from flatchannels.dynamics.objectives import TwiceDifferentiable, gauge, linear_neurons
from flatchannels.precision import EXACT_FIT, EXACT_FIT_OF_A_SLOW_FLOW, SIGN_RESOLUTION
from flatchannels.reasons import Stop

Array = NDArray[np.float64]

STATIONARY_STEP = 1e-7  # Newton step to the minimum, relative to max(1, ‖θ‖∞)
STATIONARY_DECREASE = 1e-12  # predicted decrease of the loss, relative
FLAT_CHANGE = 1e-12  # relative decrease of the loss over a decade of t that counts as none
SADDLE_PATIENCE = 300  # steps of about half a growth time without a change of the loss: e^150 is more than rounding needs
SLIDE_PATIENCE = 300  # steps without a change of the loss after which a real slope no longer matters
POINTS_AROUND, ABOVE_ROUNDING = 3, 4.0  # points at which the rounding of a slope is measured, and how far above it a real one is
LEAVING = 1e10  # growth of the slope along unstable directions, over half as many steps, from which on a flow is leaving: e^75 is usual


def negligible(step: Array, decrease: float, theta: Array, loss: float) -> bool:
    """Whether a Newton step, and the decrease of the loss that it predicts, are too small to matter.

    Parameters
    ----------
    step : (P,)
    decrease : float
    theta : (P,)
        Where the step begins.
    loss : float
        There.

    Returns
    -------
    bool
    """
    small = STATIONARY_STEP * max(1.0, abs(theta).max())
    return abs(step).max() < small and decrease < STATIONARY_DECREASE * abs(loss)


def at_a_strict_minimum(gradient: Array, hessian: Array, theta: Array, loss: float) -> bool:
    """Whether the Hessian is positive definite and the minimum of its quadratic form is here.

    Parameters
    ----------
    gradient : (P,)
    hessian : (P, P)
    theta : (P,)
    loss : float

    Returns
    -------
    bool
    """
    factor, indefinite = lapack.dpotrf(hessian, lower=1, clean=0)
    if indefinite:
        return False
    step = lapack.dpotrs(factor, gradient, lower=1)[0]
    return negligible(step, 0.5 * gradient @ step, theta, loss)


def at_a_flat_minimum(gradient: Array, hessian: Array, theta: Array, loss: float) -> bool:
    """Whether no eigenvalue is negative beyond rounding, and the minimum over the directions above rounding is here.

    Parameters
    ----------
    gradient : (P,)
    hessian : (P, P)
    theta : (P,)
    loss : float

    Returns
    -------
    bool
    """
    step, decrease, values = newton_step(gradient, hessian)
    return not values[0] < -resolution(values) and negligible(step, decrease, theta, loss)


def slides(objective: TwiceDifferentiable, theta: Array, loss: float, duration: float) -> bool:
    """Whether the slope along the directions whose eigenvalue is rounding is a real one, and lowers the loss over `duration`.

    What rounding adds to it is measured: where every parameter is changed to a number next to it, that alone changes the slope.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)
    loss : float
    duration : float, in t

    Returns
    -------
    bool
    """
    _, gradient, hessian = objective.derivatives(theta)
    values, vectors = eigh(hessian)
    null = vectors[:, abs(values) <= resolution(values)]
    slope = null.T @ gradient
    if slope @ slope * duration <= FLAT_CHANGE * abs(loss):
        return False
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(POINTS_AROUND, theta.size))
    changes = [null.T @ (objective.loss_and_gradient(np.nextafter(theta, np.inf * sign))[1] - gradient) for sign in signs]
    return bool(np.linalg.norm(slope) > ABOVE_ROUNDING * max(np.linalg.norm(change) for change in changes))


class Decade:
    """The loss over the last decade of t: one entry (t, loss) for each tenth of it."""

    def __init__(self, loss: float) -> None:
        self.entries: list[tuple[float, float]] = [(0.0, loss)]

    def add(self, t: float, loss: float) -> None:
        """Enter the loss at t, and forget what is more than a decade old but for the last of it.

        Parameters
        ----------
        t : float
        loss : float
        """
        while len(self.entries) > 1 and self.entries[1][0] <= t / 10:
            self.entries.pop(0)
        if t > 1.25 * self.entries[-1][0]:
            self.entries.append((t, loss))

    def shows_no_change(self, t: float, loss: float) -> bool:
        """Whether a whole decade before t is known, the first step not counted, and the loss has not changed over it.

        Parameters
        ----------
        t : float
        loss : float

        Returns
        -------
        bool
        """
        since, before = self.entries[0]
        return 0 < since <= t / 10 and not before - loss > FLAT_CHANGE * abs(loss)


def fits_exactly(bdf: Bdf) -> bool:
    """Whether the loss is 0 to rounding: that at θ itself, as an integrator knows its loss from a quadratic form.

    A network's loss is never negative. Of another objective, without a `loss_scale`, 0 may be the value at a saddle, which the flow leaves.

    Parameters
    ----------
    bdf : Bdf

    Returns
    -------
    bool
    """
    if abs(bdf.loss) > bdf.exact_loss or abs(bdf.objective.loss_and_gradient(bdf.theta)[0]) > bdf.exact_loss:
        return False
    return hasattr(bdf.objective, "loss_scale") or unstable_slope(bdf, bdf.objective) is None


def fits_slowly(bdf: Bdf) -> bool:
    """Whether a flow that cannot go on has a loss that would be 0 to rounding if it could.

    Parameters
    ----------
    bdf : Bdf

    Returns
    -------
    bool
    """
    return abs(bdf.loss) <= bdf.exact_loss * EXACT_FIT_OF_A_SLOW_FLOW / EXACT_FIT


def unstable_slope(bdf: Bdf, objective: TwiceDifferentiable) -> float | None:
    """The length of the gradient along the directions that grow at θ.

    Parameters
    ----------
    bdf : Bdf
    objective : TwiceDifferentiable

    Returns
    -------
    float or None
        None where there are none whose sign is certain.
    """
    _, gradient, hessian = objective.derivatives(bdf.theta)
    gradient, hessian = along_the_surface(objective, bdf.theta, gradient, hessian, bdf.multiplier, bdf.radius)
    values, vectors = eigh(hessian)
    grows = values < -SIGN_RESOLUTION * values[-1]
    return float(np.linalg.norm(vectors[:, grows].T @ gradient)) if grows.any() else None


def end_at_the_start(bdf: Bdf, objective: TwiceDifferentiable) -> Stop | None:
    """The end of a flow that cannot begin: its start fits exactly, or is a critical point, whose Hessian then tells its kind.

    Parameters
    ----------
    bdf : Bdf
    objective : TwiceDifferentiable

    Returns
    -------
    Stop or None
        None where it can begin.
    """
    if fits_exactly(bdf):
        return Stop.EXACT
    if bdf.D[1].any() or not np.isfinite(bdf.D[1]).all():
        return None
    _, gradient, hessian = objective.derivatives(bdf.theta)
    _, hessian = along_the_surface(objective, bdf.theta, gradient, hessian, bdf.multiplier, bdf.radius)
    values = eigvalsh(hessian)
    if values[0] < -resolution(values):
        return Stop.SADDLE
    if bdf.radius is not None:
        return Stop.WALL
    if values[0] > resolution(values):
        return Stop.STATIONARY
    return Stop.LINEAR if linear_neurons(objective, bdf.theta) else Stop.FLAT


class Watch:
    """Says after each step whether the flow has ended by itself: its `Stop`, or None.

    loss : that at which the flow starts.  max_t : until when it would go on.

    Parameters
    ----------
    loss : float
        Where the flow starts.
    max_t : float
        Until when it would go on.
    """

    def __init__(self, loss: float, max_t: float = np.inf) -> None:
        self.max_t = max_t
        self.decade = Decade(loss)
        self.next_flat_test = 0.0
        self.lowest, self.idle_steps = loss, 0
        self.next_saddle_test = SADDLE_PATIENCE // 2  # in idle steps
        self.slope_before: float | None = None  # along unstable directions, half of SADDLE_PATIENCE ago
        self.seen: Sequence | None = None

    def __call__(self, bdf: Bdf, objective: TwiceDifferentiable) -> Stop | None:
        """Look at the flow after a step.

        Parameters
        ----------
        bdf : Bdf
        objective : TwiceDifferentiable
            What the flow descends.

        Returns
        -------
        Stop or None
            Why the flow has ended; None where it goes on.
        """
        if fits_exactly(bdf):
            return Stop.EXACT
        self.decade.add(bdf.t, bdf.loss)
        self.idle_steps += 1
        if bdf.loss < self.lowest - FLAT_CHANGE * abs(self.lowest):
            self.lowest, self.idle_steps, bdf.at_rest = bdf.loss, 0, False
            self.slope_before, self.next_saddle_test = None, SADDLE_PATIENCE // 2
        if bdf.growth_steps > 0 and self._idle_on_a_saddle(bdf, objective):
            return Stop.SADDLE
        if bdf.last_point is self.seen:
            return None
        self.seen = bdf.last_point
        return self._at_rest(bdf, objective)

    def _idle_on_a_saddle(self, bdf: Bdf, objective: TwiceDifferentiable) -> bool:
        """Whether the loss has not changed for SADDLE_PATIENCE steps, and in half of them no perturbation grew as it should.

        Judged at θ itself, not where steps that were refused would have led. Where nothing grows the integrator is told so. A
        perturbation may have to grow for longer: from a start of 1e-300 next to a saddle it takes a thousand steps.
        """
        if self.idle_steps < self.next_saddle_test:
            return False
        slope, before = unstable_slope(bdf, objective), self.slope_before
        self.slope_before, self.next_saddle_test = slope, self.idle_steps + SADDLE_PATIENCE // 2
        bdf.at_rest = slope is None
        return slope is not None and before is not None and not slope > LEAVING * before

    def _at_rest(self, bdf: Bdf, objective: TwiceDifferentiable) -> Stop | None:
        theta, gradient, hessian, multiplier = bdf.last_point
        gradient, hessian = along_the_surface(objective, theta, gradient, hessian, multiplier, bdf.radius)
        if at_a_strict_minimum(gradient, hessian, bdf.theta, bdf.loss):
            return Stop.STATIONARY if bdf.radius is None else Stop.WALL
        if bdf.t < self.next_flat_test or not self.decade.shows_no_change(bdf.t, bdf.loss):
            return None
        self.next_flat_test = 1.5 * bdf.t
        if not at_a_flat_minimum(gradient, hessian, bdf.theta, bdf.loss):
            return None
        if bdf.radius is not None:
            return Stop.WALL
        if self.idle_steps < SLIDE_PATIENCE and slides(objective, bdf.theta, bdf.loss, self.max_t - bdf.t):
            return None
        return Stop.LINEAR if linear_neurons(objective, theta) else Stop.FLAT


def along_the_surface(
    objective: TwiceDifferentiable, theta: Array, gradient: Array, hessian: Array, multiplier: float, radius: float | None
) -> tuple[Array, Array]:
    """Gradient and Hessian without the directions in which the flow need not come to rest.

    These are the objective's gauge, and on the sphere the one along θ. There the Hessian is that of the Lagrangian, L + μ|θ|²/2.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)
    gradient : (P,)
    hessian : (P, P)
    multiplier : float
        μ.
    radius : float or None
        Of the sphere; None for the free flow.

    Returns
    -------
    gradient : (P,)
    hessian : (P, P)
    """
    normals = gauge(objective, theta)
    if radius is not None:
        hessian = hessian + multiplier * np.eye(theta.size)
        normals = np.linalg.qr(np.column_stack([theta, normals]))[0]
    if not normals.size:
        return gradient, hessian
    return tangential(gradient, hessian, normals, np.linalg.norm(hessian) / theta.size**0.5)
