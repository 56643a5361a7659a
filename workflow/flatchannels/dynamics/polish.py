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
    loss, gradient, hessian = checked_derivatives(objective, theta)
    iterations, failures = 0, 0
    finish: Finish | None = None
    best: tuple | None = None
    radius, shift = 0.1 * max(1.0, float(np.linalg.norm(theta))), 0.0
    if not (np.isfinite(loss) and np.isfinite(hessian).all()):
        return Polish(theta, loss, gradient, hessian, Finish.FAILED, 0, time.perf_counter() - begin)
    while finish is None:
        if abs(gradient).max() < enough:
            finish = Finish.CONVERGED
            break
        if time.perf_counter() - begin > max_seconds:
            finish = Finish.TIME_LIMIT
            break
        iterations += 1
        values, vectors = eigh(hessian)
        components = vectors.T @ gradient
        step, decrease, inside = trust_region_step(components, values, radius)
        visible = decrease > LOSS_RESOLUTION * abs(loss)
        if not visible:
            step = newton_step(components, values, shift)
        change = vectors @ step
        trial = objective.derivatives(theta + change)
        if not np.isfinite(trial[2]).all():  # far beyond the region the loss alone may still be finite
            trial = np.inf, *trial[1:]
        if visible:
            gain = (loss - trial[0]) / decrease if np.isfinite(trial[0]) else -1.0
            better = gain > ACCEPT
            if gain < 0.25:
                radius = 0.25 * float(np.linalg.norm(step))
            elif gain > EXPAND and not inside:
                radius *= 2.0
            if not better:
                # Close to the resolution of the loss a step that lowers the gradient is as good as one that lowers it.
                close = decrease < 100 * LOSS_RESOLUTION * abs(loss) and np.isfinite(trial[0])
                better = bool(close and abs(trial[1]).max() < abs(gradient).max())
        else:
            best = _nearer((theta, loss, gradient, hessian), best)
            better = trial[0] <= best[1] + 10 * LOSS_RESOLUTION * abs(loss)
            failures = 0 if better and abs(trial[1]).max() < 0.5 * abs(best[2]).max() else failures + 1
            if better:
                shift /= SHIFT_GROWTH
            else:
                shift = max(SHIFT_GROWTH * shift, float(values[_above_rounding(values)].min(initial=np.inf)))
        if better:
            theta = theta + change
            loss, gradient, hessian = trial
        patience = PATIENCE if best and abs(best[2]).max() < CONVERGED_GRADIENT else LONG_PATIENCE
        if failures >= patience or (visible and radius < ROUNDING * np.linalg.norm(theta)):
            finish = Finish.RESOLUTION
        elif iterations >= max_iterations:
            finish = Finish.STEP_LIMIT
    end, loss, gradient, hessian = _nearer((theta, loss, gradient, hessian), best)
    return Polish(end, loss, gradient, hessian, finish, iterations, time.perf_counter() - begin)


def _nearer(point: tuple, best: tuple | None) -> tuple:
    """Of two points θ, loss, gradient, Hessian the one with the smaller gradient, unless its loss is visibly higher."""
    if best is None or point[1] < best[1] - 10 * LOSS_RESOLUTION * abs(best[1]):
        return point
    return point if abs(point[2]).max() < abs(best[2]).max() else best


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
