"""From the end of a flow to the nearest minimum of L + R, converged to rounding.

A trust-region Newton method in the eigenbasis of the Hessian (Nocedal & Wright, section 4.3; Moré & Sorensen 1983) as long
as the decrease it predicts can be seen in the loss; then plain Newton steps over the directions above rounding, from which
the point with the smallest gradient is kept. There a step may raise the gradient: in a curved valley a step along it
leaves the valley's floor, and only the next one, across, returns to it (Grippo, Lampariello & Lucidi 1986: watch several
steps before judging). Networks have null directions (plateau saddles, dead neurons), which a step must not follow, and a
channel's Hessian has a condition number beyond 1e12.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh

from flatchannels.dynamics.checks import check_counts, checked_derivatives, checked_theta
from flatchannels.dynamics.objectives import TwiceDifferentiable
from flatchannels.precision import CONVERGED_GRADIENT, LOSS_RESOLUTION, ROUNDING
from flatchannels.reasons import Finish

Array = NDArray[np.float64]

NEGLIGIBLE_GRADIENT = 1e-15
SHIFT_GROWTH = 10.0  # of the shift from one Newton step that raised the loss to the next
# Newton steps without a gradient half as large before it counts as converged to rounding: where it is small enough, and where not yet.
PATIENCE, LONG_PATIENCE = 6, 24
ACCEPT, EXPAND = 1e-3, 0.75  # trust-region ratios: a step is taken above the first, the radius grows above the second


@dataclass
class Polish:
    """The end of a polish.

    Parameters
    ----------
    theta : (P,)
    loss : float
        L + R.
    gradient : (P,)
        Of L + R.
    hessian : (P, P)
        Of L + R.
    finish : Finish
        Why it ended.
    iterations : int
    seconds : float
    """

    theta: Array
    loss: float
    gradient: Array
    hessian: Array
    finish: Finish
    iterations: int
    seconds: float


def polish(
    objective: TwiceDifferentiable,
    theta: ArrayLike,
    *,
    max_seconds: float = 3600.0,
    max_iterations: int = 1000,
    enough: float = NEGLIGIBLE_GRADIENT,
) -> Polish:
    """Minimise from θ; the loss never rises beyond rounding on the way.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)
    max_seconds : float
    max_iterations : int
    enough : float
        Largest entry of a gradient that counts as 0; by default it ends where rounding lets it come no further.

    Returns
    -------
    Polish

    Raises
    ------
    ValueError
        An argument is out of its range, or the objective does not give what `TwiceDifferentiable` promises.
    """
    begin = time.perf_counter()
    theta = checked_theta(theta)
    check_counts(max_iterations=max_iterations)
    descent = _Descent(_point(theta, *checked_derivatives(objective, theta)))
    iterations = 0
    finish = None if np.isfinite(descent.here.loss) and np.isfinite(descent.here.hessian).all() else Finish.FAILED
    while finish is None:
        if descent.here.slope < enough:
            finish = Finish.CONVERGED
        elif time.perf_counter() - begin > max_seconds:
            finish = Finish.TIME_LIMIT
        else:
            iterations += 1
            descent.iterate(objective)
            if descent.at_resolution():
                finish = Finish.RESOLUTION
            elif iterations >= max_iterations:
                finish = Finish.STEP_LIMIT
    return Polish(*_nearer(descent.here, descent.best), finish, iterations, time.perf_counter() - begin)


class _Point(NamedTuple):
    """θ (P,) with loss, gradient (P,) and Hessian (P, P)."""

    theta: Array
    loss: float
    gradient: Array
    hessian: Array

    @property
    def slope(self) -> float:
        """The largest entry of the gradient."""
        return abs(self.gradient).max()


def _point(theta: Array, loss: float, gradient: Array, hessian: Array) -> _Point:
    """A point with arrays of its own: an objective may fill the same ones at every call."""
    return _Point(theta, loss, gradient.copy(), hessian.copy())


class _Descent:
    """The iterations: a point with its trust region, and since the loss shows nothing any more the best point so far.

    visible : whether the loss shows the decrease that the last step predicted.  shift : of the last Newton step.  failures : Newton
    steps in a row without a gradient half as large as the best one's.
    """

    def __init__(self, here: _Point) -> None:
        self.here = here
        self.best: _Point | None = None
        self.radius = 0.1 * max(1.0, float(np.linalg.norm(here.theta)))
        self.visible, self.shift, self.failures = True, 0.0, 0

    def iterate(self, objective: TwiceDifferentiable) -> None:
        """Try a step, and take it where it is better."""
        values, vectors = eigh(self.here.hessian)
        components = vectors.T @ self.here.gradient
        step, decrease, inside = trust_region_step(components, values, self.radius)
        self.visible = decrease > LOSS_RESOLUTION * abs(self.here.loss)
        if not self.visible:
            step = newton_step(components, values, self.shift)
        theta = self.here.theta + vectors @ step
        trial = _point(theta, *objective.derivatives(theta))
        if not np.isfinite(trial.hessian).all():  # far beyond the region the loss alone may still be finite
            trial = trial._replace(loss=np.inf)
        if self._lowers_loss(trial, step, decrease, inside) if self.visible else self._keeps_loss(trial, values):
            self.here = trial

    def at_resolution(self) -> bool:
        """Whether rounding lets it come no further."""
        patience = PATIENCE if self.best and self.best.slope < CONVERGED_GRADIENT else LONG_PATIENCE
        return self.failures >= patience or bool(self.visible and self.radius < ROUNDING * np.linalg.norm(self.here.theta))

    def _lowers_loss(self, trial: _Point, step: Array, decrease: float, inside: bool) -> bool:
        """Whether the loss falls about as predicted; the radius grows or shrinks by that."""
        gain = (self.here.loss - trial.loss) / decrease if np.isfinite(trial.loss) else -1.0
        if gain < 0.25:
            self.radius = 0.25 * float(np.linalg.norm(step))
        elif gain > EXPAND and not inside:
            self.radius *= 2.0
        if gain > ACCEPT:
            return True
        # Close to the resolution of the loss a step that lowers the gradient is as good as one that lowers it.
        close = decrease < 100 * LOSS_RESOLUTION * abs(self.here.loss) and np.isfinite(trial.loss)
        return bool(close and trial.slope < self.here.slope)

    def _keeps_loss(self, trial: _Point, values: Array) -> bool:
        """Whether the loss rises by rounding at most; steps that raise it are followed by shorter ones."""
        best = self.best = _nearer(self.here, self.best)
        better = bool(trial.loss <= best.loss + 10 * LOSS_RESOLUTION * abs(self.here.loss))
        self.failures = 0 if better and trial.slope < 0.5 * best.slope else self.failures + 1
        if better:
            self.shift /= SHIFT_GROWTH
        else:
            self.shift = max(SHIFT_GROWTH * self.shift, float(values[_above_rounding(values)].min(initial=np.inf)))
        return better


def _nearer(point: _Point, best: _Point | None) -> _Point:
    """The one with the smaller gradient, unless its loss is visibly higher."""
    if best is None or point.loss < best.loss - 10 * LOSS_RESOLUTION * abs(best.loss):
        return point
    return point if point.slope < best.slope else best


def _above_rounding(values: Array) -> NDArray[np.bool_]:
    """Which of ascending eigenvalues are neither rounding nor negative."""
    return values > ROUNDING * values[-1] * values.size


def newton_step(components: Array, values: Array, shift: float = 0.0) -> Array:
    """The Newton step in the eigenbasis, without the directions whose eigenvalue is rounding or negative.

    Parameters
    ----------
    components : (P,)
        The gradient in the eigenbasis of the Hessian.
    values : (P,)
        The eigenvalues, ascending.
    shift : float
        Added to them: where a curved valley is left by steps along it, one across it alone leads back to its floor.

    Returns
    -------
    (P,)
    """
    used = _above_rounding(values)
    step = np.zeros_like(components)
    step[used] = -components[used] / (values[used] + shift)
    return step


def trust_region_step(components: Array, values: Array, radius: float) -> tuple[Array, float, bool]:
    """Minimise g·s + ½ s·diag(values)·s over |s| ≤ radius, in the eigenbasis.

    Null directions, with an eigenvalue and a gradient that are both rounding, are left alone.

    Parameters
    ----------
    components : (P,)
        The gradient in the eigenbasis of the Hessian.
    values : (P,)
        The eigenvalues, ascending.
    radius : float

    Returns
    -------
    step : (P,)
    decrease : float
        That the step predicts.
    inside : bool
        Whether it lies inside the region.
    """
    noise = ROUNDING * abs(values).max() * values.size
    null = (abs(values) <= noise) & (abs(components) <= noise)
    g = np.where(null, 0.0, components)
    low = max(0.0, -values[0] if not null[0] else 0.0)
    curvatures = np.where(null, 1.0, values)

    def at(shift: float) -> Array:
        return -g / np.maximum(curvatures + shift, 1e-300)

    step, inside = at(0.0), True
    if low > 0 or not np.linalg.norm(step) <= radius:
        inside = False
        high = low + np.linalg.norm(g) / radius + noise
        for _ in range(100):
            middle = 0.5 * (low + high)
            if np.linalg.norm(at(middle)) > radius:
                low = middle
            else:
                high = middle
            if high - low <= 1e-10 * high:
                break
        step = at(high)
    decrease = -float(g @ step + 0.5 * (curvatures * step) @ step)
    return step, decrease, inside
