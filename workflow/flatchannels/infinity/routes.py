"""The ends of the ways to infinity: the route of a run at the wall.

Departs from the paper in going to infinity instead of following the flow for as long as patience lasts, and in telling
channels from other ways to infinity. Source: paper, sections 3 and 4, Appendix C; the routes are this project's.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.training import Objective
from flatchannels.infinity.candidates import POLYNOMIAL, candidates
from flatchannels.infinity.certificates import (
    CERTIFIED,
    TURNS_BACK,
    UNDECIDED,
    UNLIKE_PREDICTED,
    VERDICTS,
    Route,
    certify,
    follow_pairs,
    name,
)
from flatchannels.infinity.charts import Chart
from flatchannels.infinity.duplicates import merged, stable
from flatchannels.infinity.layered_candidates import layered_candidates
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.norm import weight_norm
from flatchannels.precision import on_the_wall
from flatchannels.reasons import Stop

Array = NDArray[np.float64]

HOLDS_NORM = 0.01  # share of Σθ² from which on a neuron counts for the route where no limit fits
FURTHER_WALLS = np.array([10.0, 100.0])  # times the wall, to which undecided runs are followed
HINGES_TRIED = 4, 2  # limits with steep neurons that are tried at the wall, and at each wall beyond it
CONTINUED_STEPS, CONTINUED_SECONDS = 1000, 600.0  # of the flow to each: most take 40 to 400 steps, and a few seconds
CONTINUED_ITERATIONS = 100  # of the polish there
AT_REST = (Stop.STATIONARY, Stop.FLAT, Stop.LINEAR, Stop.EXACT)  # stops of a flow at finite norm
EPSILON_GROWTH = 10.0  # of ε, where a channel that turns back is followed on


def find_route(network: Network, data: Dataset, theta: Array, maxnorm: float = 1e3, most_hinges: int = HINGES_TRIED[0]) -> Route:
    """The route of a network that rests at the norm wall.

    A certificate is for a minimum at infinity: gradient and curvature of the limit network, a positive slope of the loss
    with the distance from infinity for each pair and exponential unit, and a loss at θ that these slopes predict to 10 %.
    For groups of three and four no slope is known in closed form, but the pull μ of the wall tells: L − L_∞ ∝ 1/|a| makes it μ Σa².
    Steep neurons are first followed beyond the wall (`hinges`); duplicates are merged, and judged at the end (`duplicates`).

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
        A minimum of L + R.
    maxnorm
        Where R begins.
    most_hinges
        How many limits with steep neurons are tried, of which each may take hundreds of Hessians.

    Returns
    -------
    Route
    """
    if ACTIVATIONS[network.activation].homogeneous:
        return Route(reason=f"{network.activation} has no smooth limit")
    loss = network.loss(theta, data)
    multiplier = max(weight_norm(theta) - maxnorm, 0.0) ** 2 / theta.size
    best: Route | None = None
    outputs: list[Array] = []
    if len(network.widths) > 1:
        guesses = layered_candidates(network, data, theta)
    else:
        network, theta, outputs = merged(network, theta)
        guesses = candidates(network, data, theta)
    with_hinges = [guess for guess in guesses if any(unit.kind == "steep" for unit in guess.limit.units)]
    left_out = {id(guess) for guess in with_hinges[most_hinges:]}
    for route in (certify(guess, loss, multiplier, float(theta @ theta)) for guess in guesses if id(guess) not in left_out):
        if best is None or VERDICTS.index(route.verdict) < VERDICTS.index(best.verdict):
            best = route
        if best.verdict == CERTIFIED:
            break
    if best and best.verdict == TURNS_BACK and np.isnan(best.finite_norm):
        chart = Chart(network, data, theta, best.pairs)
        start = chart.at(1 / EPSILON_GROWTH).theta(chart.start)
        flow = gradient_flow(Objective(network, data), start, maxnorm=maxnorm)
        if not on_the_wall(flow.weight_norm, maxnorm):
            end = polish(Objective(network, data), flow.theta_end)
            best.finite_loss, best.finite_norm = end.loss, weight_norm(end.theta)
        else:
            best.reason += ", to the wall on another route"
    if best and best.reason == UNLIKE_PREDICTED and best.pairs and best.route == name(_pairs(network, best.pairs)):
        follow_pairs(best, network, data, theta, loss)
    route = best or Route(route=first_impression(network, data, theta), reason="no limit network fits")
    route.wall = maxnorm
    copies = sum(len(a) - 1 for a in outputs)
    if copies:
        route.route = name([route.route, *["duplicate"] * copies])
        if route.verdict == CERTIFIED and route.end and not stable(*route.end, outputs):
            route.verdict, route.reason = UNDECIDED, "duplicates may part"
    return route


def _pairs(network: Network, pairs: tuple[tuple[int, ...], ...]) -> list[str]:
    """What the candidates call these pairs."""
    return [f"pair in layer {layer + 1}" if len(network.widths) > 1 else "pair" for layer, *_ in pairs]


def find_route_beyond(network: Network, data: Dataset, theta: Array, maxnorm: float = 1e3) -> Route:
    """The route of a network that rests at the norm wall; one that is undecided is followed to walls ten and a hundred times as far.

    There it may rest at finite norm, or be so much further on its way that the route shows.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
        A minimum of L + R.
    maxnorm : float
        Where R begins.

    Returns
    -------
    Route
    """
    route = find_route(network, data, theta, maxnorm)
    for wall in FURTHER_WALLS * maxnorm:
        if route.verdict != UNDECIDED or ACTIVATIONS[network.activation].homogeneous:
            break
        end = follow(network, data, theta, wall)
        theta = end.theta
        if end.at_the_wall:
            ahead = find_route(network, data, theta, wall, HINGES_TRIED[1])
            route = ahead if ahead.verdict != UNDECIDED else route
        elif end.stop in AT_REST:
            route.verdict, route.reason, route.loss_infinity = TURNS_BACK, "a finite minimum lies beyond the wall", np.nan
            route.finite_loss, route.finite_norm = end.loss, end.norm
        else:
            break
        if np.isnan(route.loss_beyond):
            route.loss_beyond, route.norm_beyond = end.loss, end.norm
    return route


class Followed(NamedTuple):
    """Where a flow from one norm wall to the next ended, polished: θ (P,), L, ‖θ‖, whether that is at the wall, and why it stopped."""

    theta: Array
    loss: float
    norm: float
    at_the_wall: bool
    stop: Stop


def follow(network: Network, data: Dataset, theta: Array, wall: float) -> Followed:
    """Follow the gradient flow of a network to a wall further out.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
    wall : float
        In ‖θ‖.

    Returns
    -------
    Followed
    """
    flow = gradient_flow(Objective(network, data), theta, maxnorm=wall, max_steps=CONTINUED_STEPS, max_seconds=CONTINUED_SECONDS)
    end = polish(Objective(network, data, wall), flow.theta_end, max_iterations=CONTINUED_ITERATIONS).theta
    norm = weight_norm(end)
    return Followed(end, network.loss(end, data), norm, on_the_wall(norm, wall), flow.stop)


def first_impression(network: Network, data: Dataset, theta: Array) -> str:
    """The route by how the neurons of the first hidden layer look that hold the norm, for want of a limit network.

    Polynomial units hardly leave one point of their activation: erf and g have no other way to be linear or quadratic.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)

    Returns
    -------
    str
    """
    hidden, above = network.matrices(theta)[:2]
    outputs = np.linalg.norm(above[:, : len(hidden)], axis=0)
    lengths, z = np.linalg.norm(hidden, axis=1), network.first_layer(theta, data.x)
    names = []
    for i in np.flatnonzero(outputs**2 + lengths**2 > HOLDS_NORM * (theta @ theta)):
        if lengths[i] > outputs[i]:
            names.append("steep")
        elif z[:, i].std() < POLYNOMIAL:
            names.append("polynomial")
        else:
            names.append("unknown")
    return name(names)
