"""The NDF formulas of orders 1–5: coefficients, errors, change of the step size, interpolation. Only formulas, no state.

An integrator keeps D (≥ order + 1, P), the backward differences of θ scaled to the step size h. Source: Shampine & Reichelt
1997, section 2 and table 1; Hairer & Wanner II, section III.1, and I, section II.4 for the first step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Shampine & Reichelt 1997, table 1: the NDF coefficients κ, and what follows from them.
MAX_ORDER = 5
KAPPA = np.array([0.0, -0.1850, -1 / 9, -0.0823, -0.0415, 0.0])
GAMMA = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, MAX_ORDER + 1))])
ALPHA = (1 - KAPPA) * GAMMA
ERROR_CONSTANT = KAPPA * GAMMA + 1 / np.arange(1, MAX_ORDER + 2)

FIRST_MOVE = 0.01  # of θ, by the Euler predictor of the first step


class Segment(NamedTuple):
    """One step of an integrator in s = log(t + constant), or the first part of one.

    Parameters
    ----------
    t_end : float
        Where the part ends.
    t_step : float
        The time that the step reached.
    rate : float
        dt/ds there.
    h : float
        The step size in s.
    order : int
    differences : (order + 1, P)
        D after the step.
    """

    t_end: float
    t_step: float
    rate: float
    h: float
    order: int
    differences: Array


def rms(x: Array) -> float:
    """The root of the mean square.

    Parameters
    ----------
    x : (n,)

    Returns
    -------
    float
    """
    return float(np.sqrt(x @ x / x.size))


def first_step(theta: Array, slope: Array, scale: Array, smallest: float) -> float:
    """The size of a first step, over which the Euler predictor moves by a hundredth of θ.

    Parameters
    ----------
    theta : (P,)
    slope : (P,)
        dθ/dt.
    scale : (P,)
        The unit in which both are measured.
    smallest : float
        What counts as the size of a component that is 0 or nearly so, as the absolute tolerance does in CVODE.

    Returns
    -------
    float
    """
    rate = rms(slope / scale)
    return FIRST_MOVE * max(rms(theta / scale), rms(smallest / scale)) / rate if rate > 0 else 1.0


def predicted(D: Array, order: int) -> Array:
    """θ at the end of the next step, extrapolated.

    Parameters
    ----------
    D : (order + 3 or more, P)
        The backward differences.
    order : int
        Of the formula.

    Returns
    -------
    (P,)
    """
    return D[: order + 1].sum(axis=0)


def history_term(D: Array, order: int) -> Array:
    """ψ in the implicit equation h/α θ' = ψ + d for the correction d of the predicted θ.

    Parameters
    ----------
    D : (order + 3 or more, P)
        The backward differences.
    order : int
        Of the formula.

    Returns
    -------
    (P,)
    """
    return GAMMA[1 : order + 1] @ D[1 : order + 1] / ALPHA[order]


def advance(D: Array, order: int, d: Array) -> None:
    """Put D in place for the next step.

    Parameters
    ----------
    D : (order + 3 or more, P)
        The backward differences.
    order : int
        Of the formula.
    d : (P,)
        The correction of the step just taken.
    """
    D[order + 2] = d - D[order + 1]
    D[order + 1] = d
    for i in range(order, -1, -1):
        D[i] += D[i + 1]


def rescale(D: Array, order: int, factor: float) -> None:
    """Change D in place to another step size.

    Source: Shampine & Reichelt 1997, section 2.3.

    Parameters
    ----------
    D : (order + 3 or more, P)
        The backward differences.
    order : int
        Of the formula.
    factor : float
        The new step size over the old.
    """
    change = _differences(order, factor) @ _differences(order, 1.0)
    D[: order + 1] = change.T @ D[: order + 1]


def _differences(order: int, factor: float) -> Array:
    i = np.arange(1.0, order + 1)[:, None]
    j = np.arange(1.0, order + 1)
    matrix = np.zeros((order + 1, order + 1))
    matrix[1:, 1:] = (i - 1 - factor * j) / i
    matrix[0] = 1
    return np.cumprod(matrix, axis=0, dtype=np.float64)


def best_order(D: Array, order: int, error: float, scale: Array) -> tuple[int, float]:
    """The order, among this one and its neighbours, that allows the longest step.

    Parameters
    ----------
    D : (order + 3 or more, P)
        The backward differences.
    order : int
        Of the formula.
    error : float
        Of the step just taken, in units of `scale`; 1 is what the tolerance allows.
    scale : (P,)
        The unit of errors.

    Returns
    -------
    order : int
    factor : float
        On h, as the order allows it.
    """
    errors = np.full(3, np.inf)
    errors[1] = error
    if order > 1:
        errors[0] = rms(ERROR_CONSTANT[order - 1] * D[order] / scale)
    if order < MAX_ORDER:
        errors[2] = rms(ERROR_CONSTANT[order + 1] * D[order + 2] / scale)
    with np.errstate(divide="ignore"):
        factors = errors ** (-1 / np.arange(order, order + 3))
    return order + int(np.argmax(factors)) - 1, float(factors.max())


def interpolate(segment: Segment, t: float) -> Array:
    """θ(t) within one step, from its differences.

    Parameters
    ----------
    segment : Segment
    t : float

    Returns
    -------
    (P,)
    """
    since = (t - segment.t_step) / segment.rate
    return _after(segment, float(np.log1p(since)) if since > -1 else -segment.h)


def _after(segment: Segment, since: float) -> Array:
    """θ (P,) within one step, where s is `since` ≤ 0 after its end."""
    h, order, differences = segment.h, segment.order, segment.differences
    k = np.arange(float(order))
    since = min(max(since, -h), 0.0)  # a step may be shorter than the spacing of the numbers at t
    return differences[0] + np.cumprod((since + h * k) / (h * (1 + k))) @ differences[1:]


def crossing(segment: Segment, radius: float) -> tuple[float, Array]:
    """Where within a step |θ| passes a radius, outward or inward, by bisection of the interpolant.

    Parameters
    ----------
    segment : Segment
    radius : float

    Returns
    -------
    t : float
    theta : (P,)
    """
    low, high = -segment.h, 0.0
    inward = np.linalg.norm(_after(segment, high)) < radius
    for _ in range(60):
        middle = 0.5 * (low + high)
        if (np.linalg.norm(_after(segment, middle)) < radius) != inward:
            low = middle
        else:
            high = middle
    return segment.t_step + segment.rate * float(np.expm1(high)), _after(segment, high)


def sample(history: Sequence[Segment], samples: int, theta_end: Array) -> tuple[Array, Array]:
    """Points of a trajectory at log-spaced times, from the end of the first step to the end of the last.

    Parameters
    ----------
    history : sequence of Segment
    samples : int
        How many points.
    theta_end : (P,)
        The last one.

    Returns
    -------
    t : (samples,)
    theta : (samples, P)
    """
    if not history:
        return np.zeros(samples), np.tile(theta_end, (samples, 1))
    ends = np.array([segment.t_end for segment in history])
    times = np.geomspace(ends[0], ends[-1], samples)
    times[-1] = ends[-1]
    where = np.minimum(np.searchsorted(ends, times), len(history) - 1)
    points = np.array([interpolate(history[i], t) for i, t in zip(where, times)])
    points[-1] = theta_end
    return times, points
