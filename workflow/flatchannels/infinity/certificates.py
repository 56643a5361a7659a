"""Certificates of minima at infinity.

The loss near the end of a channel is smooth in the small number s that leads away from infinity (`LimitNetwork.slopes`). So a
minimum of the loss of the limit network is a minimum at infinity if the loss rises with each s, and Newton's method finds
it to rounding.

Source: paper, section 4 (the slope h of a pair); the certificate is this project's.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.polish import polish
from flatchannels.infinity.candidates import Candidate
from flatchannels.infinity.charts import Chart
from flatchannels.infinity.hinges import Receded, recede
from flatchannels.infinity.limits import SECOND_ORDER, AnyLimit
from flatchannels.infinity.predictions import Approach
from flatchannels.networks.network import Network
from flatchannels.precision import CONVERGED_GRADIENT, SIGN_RESOLUTION

Array = NDArray[np.float64]

RATIO_TOLERANCE = 0.1  # of (L − L_∞) over what the slopes at infinity predict
BEYOND = 10.0  # times Σθ² at the wall, where the loss is predicted too
RUNAWAY = 100.0  # factor by which Σθ² of the limit may grow over its first guess
FURTHER = 2.0, 4.0, 8.0, 16.0  # times the K of the wall
ITERATIONS = 60  # of Newton's method per candidate

UNLIKE_PREDICTED = "the loss at the wall is not near the one predicted"
CERTIFIED, TURNS_BACK, UNDECIDED = VERDICTS = "certified", "turns back", "undecided"


@dataclass
class Route:
    """How a network at the norm wall goes to infinity.

    Parameters
    ----------
    route : str
        The units of its limit that are not neurons, such as "pair" or "2 pair + steep"; duplicates count there too.
    verdict : str
        One of `VERDICTS`.
    reason : str
        What keeps the verdict from being "certified".
    loss_infinity, gradient_norm, hessian_min, hessian_max : float
        Of the limit network at its minimum.
    h : tuple of float
        Of each pair, as in the paper: ∂L/∂ε² at infinity.
    epsilon : tuple of float
        ε of each group at the wall.
    ratio : float
        (L − L_∞) over the difference that is predicted: by the slopes at infinity, at the wall or further along its pairs; for
        hinges by the way back from infinity to the wall, and by their slopes where they have come out; the one that is further
        from 1.
    iterations : int
        Of Newton's method.
    finite_loss, finite_norm : float
        Loss and ‖θ‖ of the minimum that a network turns back to.
    flat : int
        How many directions of the limit have no curvature beyond rounding. The certificate says nothing about them.
    wall : float
        ‖θ‖ of the wall at which it was judged.
    predicted_wall, predicted_beyond : float
        The loss there and at ten times that norm, as the minimum at infinity predicts them (`predictions`).
    loss_beyond, norm_beyond : float
        Of the flow continued to ten times the wall, where it was.
    pairs : tuple of (layer, i, j)
        Each pair, layers counted from 0, the highest first; none if one is antiparallel.
    end : (LimitNetwork or LayeredLimit, θ) or None
        At the minimum.
    """

    route: str = "unknown"
    verdict: str = UNDECIDED
    reason: str = ""
    loss_infinity: float = np.nan
    gradient_norm: float = np.nan
    hessian_min: float = np.nan
    hessian_max: float = np.nan
    h: tuple[float, ...] = ()
    epsilon: tuple[float, ...] = ()
    ratio: float = np.nan
    iterations: int = 0
    finite_loss: float = np.nan
    finite_norm: float = np.nan
    flat: int = 0
    wall: float = np.nan
    predicted_wall: float = np.nan
    predicted_beyond: float = np.nan
    loss_beyond: float = np.nan
    norm_beyond: float = np.nan
    pairs: tuple[tuple[int, ...], ...] = ()
    end: tuple[AnyLimit, Array] | None = field(default=None, repr=False)


def certify(guess: Candidate, loss: float, multiplier: float, squares: float = np.nan) -> Route:
    """Judge a candidate.

    Parameters
    ----------
    guess : Candidate
    loss : float
        Of the network.
    multiplier : float
        The pull μ of the wall.
    squares : float
        Σθ² of the network.

    Returns
    -------
    Route
    """
    limit = guess.limit
    kinds = np.array([unit.kind for unit in limit.units])
    end = recede(limit, guess.start, multiplier) if "steep" in kinds else at_rest(limit, guess.start)
    if end is None:
        return Route(route=name([*guess.names, "steep"]), reason="a steep neuron is lost on its way beyond the wall")
    names = [*guess.names, *["steep"] * int(end.hinges.sum())]
    values, slopes, parts = eigvalsh(end.hessian), limit.slopes(end.theta), limit.unpack(end.theta)[0]
    pairs = np.flatnonzero(kinds == "pair")
    found = tuple((limit.layer_of[n], *limit.units[n].neurons) for n in reversed(pairs))
    # At the wall the slope is orthogonal to all affine functions: what is left of a linear neuron is its curvature.
    bent = float(limit.slope(end.wall) @ guess.straight)
    # How the outputs of quadratic units grow with the norm no formula tells.
    at_a_wall = multiplier > 0 and np.isfinite(squares) and "quadratic" not in kinds
    approach = Approach(guess, end.theta, multiplier, end.pulls, end.outermost if end.hinges.any() else None) if at_a_wall else None
    expected = approach.loss_at(squares) if approach else np.nan
    route = Route(
        route=name(names),
        loss_infinity=end.loss,
        gradient_norm=float(abs(end.gradient).max()),
        hessian_min=float(values[0]),
        hessian_max=float(values[-1]),
        flat=int(np.sum(abs(values) < SIGN_RESOLUTION * values[-1])),
        predicted_wall=expected,
        iterations=end.iterations,
        h=tuple(float(slopes[n] / np.sum(parts[n][1][1] ** 2)) for n in pairs),
        epsilon=tuple(guess.epsilon[guess.epsilon > 0].tolist()),
        ratio=_ratio(guess, end, loss, multiplier, bent, expected),
        pairs=() if any("antiparallel" in name for name in guess.names) else found,
        end=(limit, end.theta),
    )
    _judge(route, guess, end, values, falls=bool(np.any(slopes < 0) or bent < 0 or np.any(end.rises < 0)))
    if route.verdict == CERTIFIED and approach:
        route.predicted_beyond = approach.loss_at(BEYOND * squares)
    return route


def _ratio(guess: Candidate, end: Receded, loss: float, multiplier: float, bent: float, expected: float) -> float:
    """By how much the loss differs from that at infinity over what was predicted, by the prediction that is furthest off.

    bent : what linear neurons add.  expected : loss at the wall, of which hinges have a prediction of their own.
    """
    kinds = np.array([unit.kind for unit in guess.limit.units])
    # At the wall, where everything but the steep neurons is at infinity.
    there = guess.limit.slopes(end.wall)
    slow = np.where(np.isnan(there), 0.0, there * guess.small)
    predicted = np.where(np.isin(kinds, SECOND_ORDER), multiplier * guess.diverging, slow).sum() + bent
    ratios = [(loss - guess.limit.loss_and_gradient(end.wall)[0]) / predicted if predicted else np.nan]
    if end.hinges.any():
        ratios += [end.ratio, (loss - end.loss) / (expected - end.loss)]
    known = [ratio for ratio in ratios if not np.isnan(ratio)]
    return float(max(known, key=lambda ratio: abs(ratio - 1), default=np.nan))


def _judge(route: Route, guess: Candidate, end: Receded, values: Array, falls: bool) -> None:
    """The verdict on a route, with its reason.  values : of the Hessian, ascending.  falls : whether the loss falls inwards."""
    at_infinity = bool(guess.names) or bool(end.hinges.any())
    if not route.gradient_norm < CONVERGED_GRADIENT:
        route.reason = "Newton's method does not converge"
    elif not values[0] > -SIGN_RESOLUTION * values[-1]:
        route.reason = "the limit is a saddle"
    elif not at_infinity and not values[0] > SIGN_RESOLUTION * values[-1]:
        route.route, route.reason = "flat", "flat directions lead beyond the wall"
    elif not at_infinity:
        route.finite_loss, route.finite_norm = end.loss, guess.limit.squares(end.theta) / (2 * end.theta.size)
        route.route, route.loss_infinity = "steep", np.nan
        route.verdict, route.reason = TURNS_BACK, "a finite minimum lies beyond the wall"
    else:
        compare(route, end.theta, guess.start, falls)


def at_rest(limit: AnyLimit, start: Array) -> Receded:
    """The minimum of a limit without steep units: the wall is at infinity already.

    Parameters
    ----------
    limit : AnyLimit
    start : (P,)

    Returns
    -------
    Receded
    """
    end = polish(limit, start, max_iterations=ITERATIONS)
    none = np.zeros(len(limit.units), dtype=bool)
    return Receded(end.theta, end.theta, end.loss, end.gradient, end.hessian, none, np.zeros(0), np.nan, end.iterations)


def compare(route: Route, theta: Array, start: Array, falls: bool) -> None:
    """Judge a route whose limit is a minimum: by its ratio, and whether the loss falls inwards.

    Parameters
    ----------
    route : Route
    theta : (P,)
        The minimum of the limit.
    start : (P,)
        From where it was reached.
    falls : bool
        Whether the loss falls inwards.
    """
    close = abs(route.ratio - 1) < RATIO_TOLERANCE
    if theta @ theta > RUNAWAY * max(float(start @ start), 1.0):
        route.reason = "the limit runs away"
    elif falls:
        # Where the minimum of finite norm lies that polynomials turn back to is found by following them.
        route.verdict = TURNS_BACK if close and "quadratic" not in route.route else UNDECIDED
        route.reason = "the loss falls on the way back from infinity"
    elif not close:
        route.reason = UNLIKE_PREDICTED
    else:
        route.verdict = CERTIFIED


def follow_pairs(route: Route, network: Network, data: Dataset, theta: Array, loss: float) -> None:
    """Judge again, further along the channels of its pairs, a route whose loss at the wall is not the one predicted.

    Their slopes predict the loss to leading order in K⁻² alone. So K grows, and the minimum with it.

    Parameters
    ----------
    route : Route
    network : Network
    data : Dataset
    theta : (P,)
    loss : float
        At the wall.
    """
    chart = Chart(network, data, theta, route.pairs)
    predicted, eta, before = (loss - route.loss_infinity) / route.ratio, chart.start, np.inf
    for factor in FURTHER:
        here = polish(chart.at(factor), eta, max_iterations=ITERATIONS)
        if not here.loss < before:
            break
        eta, before = here.theta, here.loss
        route.ratio = float((here.loss - route.loss_infinity) / (predicted / factor**2))
        if abs(route.ratio - 1) < RATIO_TOLERANCE:
            route.verdict, route.reason = CERTIFIED, ""
            break


def name(units: Iterable[str]) -> str:
    """The name of a route from those of its units: "2 pair + steep".

    Parameters
    ----------
    units : iterable of str

    Returns
    -------
    str
    """
    counts = Counter(units)
    return " + ".join(f"{counts[unit]} {unit}" if counts[unit] > 1 else unit for unit in sorted(counts)) or "unknown"
