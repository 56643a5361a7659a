"""Flows that begin next to a saddle line: where they go, and whether the line of a merged channel leads back into it.

Sources: paper, Appendices A (Figures 2d and A2) and B.2 (Figure 3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.training import Objective, Run, train
from flatchannels.landscape.saddle_lines import SaddleLine, distance_to_line, merge, projected_gamma, saddle_line
from flatchannels.landscape.spectrum import smallest_eigenvector
from flatchannels.landscape.updates import late_cosine
from flatchannels.networks.network import Network
from flatchannels.reasons import Stop

Array = NDArray[np.float64]

SAME_CHANNEL = 1e-6  # relative difference of two losses on the norm wall that belong to the same channel
ALONG_THE_LINE = 0.9  # mean cosine of the last updates with Γ from which a flow counts as one along it: the paper's for channels
HEUN_COURANT = 0.5  # the step of Heun's method times the largest eigenvalue; the method is stable up to 2


def perturb(theta: ArrayLike, direction: ArrayLike, size: float) -> Array:
    """A point moved along a direction.

    Parameters
    ----------
    theta : (P,)
    direction : (P,)
        Of any length.
    size : float
        Of the move.

    Returns
    -------
    (P,)

    Raises
    ------
    ValueError
        The direction is 0.
    """
    length = np.linalg.norm(direction)
    if not length > 0:
        raise ValueError(f"the direction has length {length}; it must be positive")
    return np.asarray(theta, dtype=float) + size / length * np.asarray(direction, dtype=float)


def heun(
    objective: Any, theta: ArrayLike, step: float, steps: int, every: int = 1, until: Callable[[Array], bool] | None = None
) -> tuple[Array, Array, Array]:
    """Gradient flow by Heun's method with a fixed step: explicit, of order 2, so no error of a Newton iteration.

    For the early phase next to Γ, where what leads away from a saddle is smaller than the tolerance of `gradient_flow`.

    Source: Hairer, Nørsett & Wanner I, section II.1.

    Parameters
    ----------
    objective : object
        With `loss_and_gradient(theta)`.
    theta : (P,)
    step : float, in t
        Stable up to 2 / λ_max.
    steps : int
        At most so many.
    every : int
        Each `every`-th point is kept; the first and the last always are.
    until : function of θ, optional
        The integration ends after the step at whose end it is true.

    Returns
    -------
    t : (K,)
    theta : (K, P)
    loss : (K,)
    """
    point = np.array(theta, dtype=float)
    loss, gradient = objective.loss_and_gradient(point)
    kept = [(0.0, point, loss)]
    for k in range(1, steps + 1):
        predicted = objective.loss_and_gradient(point - step * gradient)[1]
        point = point - 0.5 * step * (gradient + predicted)
        loss, gradient = objective.loss_and_gradient(point)
        last = k == steps or (until is not None and until(point))
        if last or k % every == 0:
            kept.append((k * step, point, loss))
        if last:
            break
    t, thetas, losses = zip(*kept, strict=True)
    return np.array(t), np.array(thetas), np.array(losses)


@dataclass
class PerturbedFlow:
    """A flow that starts next to Γ.

    Parameters
    ----------
    start : float
        γ on Γ.
    size : float
        Of the perturbation, signed.
    curvature : float
        The eigenvalue along it.
    t : (K,)
    theta : (K, P)
        From the perturbed point to the end.
    loss : (K,)
    gamma : (K,)
        `projected_gamma`.
    distance : (K,)
        `distance_to_line`.
    neuron_distances : (K, r + 1)
        `distance_to_line`, neuron by neuron.
    loss_infinity : float
        The loss in the limit of a flow that ended at the wall, to leading order; the loss at the end of others.
    stop : Stop
        How the flow ended.
    """

    start: float
    size: float
    curvature: float
    t: Array
    theta: Array
    loss: Array
    gamma: Array
    distance: Array
    neuron_distances: Array
    loss_infinity: float
    stop: Stop

    @property
    def rise(self) -> float:
        """The largest rise of the loss from one sample to the next, relative; 0 where it falls all the way."""
        return float(max(0.0, np.max(np.diff(self.loss) / self.loss[:-1])))


def perturbed_flow(
    data: Dataset,
    line: SaddleLine,
    gamma: float,
    size: float = 1e-7,
    direction: Array | None = None,
    *,
    heun_steps: int = 500,
    heun_distance: float = 1e-3,
    rtol: float = 1e-6,
    maxnorm: float = 1e3,
    max_seconds: float = 600.0,
    max_steps: int = 20_000,
    samples: int = 250,
) -> PerturbedFlow:
    """Gradient flow from Γ(γ) moved along a direction: Heun's method first, then the stiff solver.

    Source: paper, Appendix A (Figures 2d and A2) and B.2 (Figure 3d).

    Parameters
    ----------
    data : Dataset
    line : SaddleLine
    gamma : float
    size : float
        Of either sign.
    direction : (P,), optional
        By default the eigenvector of the smallest eigenvalue beyond the 0 along Γ.
    heun_steps : int
        At most so many.
    heun_distance : float
        From Γ, at which they end.
    rtol, maxnorm, max_seconds, max_steps, samples
        Settings of `gradient_flow`.

    Returns
    -------
    PerturbedFlow
    """
    objective, point = Objective(line.net, data), line(gamma)
    hessian = line.net.hessian(point, data)
    if direction is None:
        direction = smallest_eigenvector(hessian, line.velocity)[1]
    unit = direction / np.linalg.norm(direction)
    step = HEUN_COURANT / float(np.linalg.norm(hessian, 2))
    early = heun(
        objective,
        perturb(point, unit, size),
        step,
        heun_steps,
        every=max(1, heun_steps // samples),
        until=lambda theta: bool(distance_to_line(theta, line)[0] > heun_distance),
    )
    late = gradient_flow(objective, early[1][-1], rtol=rtol, maxnorm=maxnorm, max_seconds=max_seconds, max_steps=max_steps, samples=samples)
    theta = np.concatenate([early[1], late.theta])
    distance, neuron_distances = distance_to_line(theta, line)
    return PerturbedFlow(
        start=float(gamma),
        size=float(size),
        curvature=float(unit @ hessian @ unit),
        t=np.concatenate([early[0], early[0][-1] + late.t]),
        theta=theta,
        loss=np.concatenate([early[2], late.loss]),
        gamma=projected_gamma(line.net, theta, line.a_star, line.pair),
        distance=distance,
        neuron_distances=neuron_distances,
        loss_infinity=late.loss_end - late.weight_norm * late.multiplier * theta.shape[1],
        stop=late.stop,
    )


def perturbed_flows(
    data: Dataset, line: SaddleLine, gammas: Array, directions: Array, size: float = 1e-7, **settings: Any
) -> list[PerturbedFlow]:
    """`perturbed_flow` from each of many γ along its own direction.

    Parameters
    ----------
    data : Dataset
    line : SaddleLine
    gammas : (F,)
    directions : (F, P)
    size : float
        Of the perturbation, of either sign.
    **settings
        Of `perturbed_flow`.

    Returns
    -------
    list of PerturbedFlow
    """
    return [perturbed_flow(data, line, gamma, size, direction, **settings) for gamma, direction in zip(gammas, directions, strict=True)]


def flow_arrays(flows: list[PerturbedFlow]) -> dict[str, Array]:
    """What perturbed flows did.

    Parameters
    ----------
    flows : list of PerturbedFlow

    Returns
    -------
    dict
        start, size, curvature (F,); end_loss, end_gamma, end_distance (F,). The trajectories are flow_t, flow_gamma,
        flow_distance, flow_loss (F, T) and flow_neuron_distances (F, T, r + 1), with NaN behind the end of the shorter ones.
    """
    starts = {key: np.array([getattr(flow, key) for flow in flows]) for key in ("start", "size", "curvature")}
    ends = {f"end_{key}": np.array([getattr(flow, key)[-1] for flow in flows]) for key in ("loss", "gamma", "distance")}
    return (
        starts
        | ends
        | {f"flow_{key}": padded([getattr(flow, key) for flow in flows]) for key in ("t", "gamma", "distance", "loss", "neuron_distances")}
    )


def padded(arrays: list[Array], length: int | None = None) -> Array:
    """Arrays of different lengths as one, with NaN behind the end of the shorter ones.

    Parameters
    ----------
    arrays : list of (T_k, …)
    length : int, optional
        T; by default the largest T_k.

    Returns
    -------
    (K, T, …)
    """
    out = np.full((len(arrays), length or max(map(len, arrays)), *arrays[0].shape[1:]), np.nan)
    for row, values in zip(out, arrays, strict=True):
        row[: len(values)] = values
    return out


@dataclass
class Return:
    """What the saddle line of a channel's merged pair has to do with the channel.

    Parameters
    ----------
    narrow : Run
        Of the merged network.
    line : SaddleLine
        Of its merged neuron.
    flows : list of PerturbedFlow
        To both sides of Γ; none where the narrow network does not converge at finite norm.
    cosines : list of float
        For each, the mean |cosine| with Γ of the last updates before the norm wall.
    back : list of bool
        For each, whether it ends in the channel that was merged: at its loss, and parallel to Γ.
    """

    narrow: Run
    line: SaddleLine
    flows: list[PerturbedFlow]
    cosines: list[float]
    back: list[bool]


def return_to_channel(
    net: Network,
    theta: Array,
    pair: tuple[int, ...],
    data: Dataset,
    gamma: float = 1.5,
    size: float = 1e-5,
    *,
    maxnorm: float = 1e3,
    **settings: Any,
) -> Return:
    """Merge a channel's pair of neurons, train the narrow network, split it again, and see whether the flow comes back.

    It may not: the narrow network can end elsewhere, and so can the flow from its saddle line, as the paper says too. Both
    tests of `back` are needed: next to Γ also begin ways into channels of other pairs, whose updates are not along Γ.

    Source: paper, Appendix B.2 (Figure 3).

    Parameters
    ----------
    net : Network
    theta : (P,)
        In a channel, at the norm wall.
    pair : (i, j)
        Its neurons (`geometry.closest_pair`).
    data : Dataset
    gamma : float
        Where the flows start.
    size : float
        How far to either side of Γ.
    maxnorm : float
        The wall in ‖θ‖.
    **settings
        Of `perturbed_flow`.

    Returns
    -------
    Return

    Raises
    ------
    ValueError
        As `merge` and `saddle_line`.
    """
    narrow, start = merge(net, theta, *pair)
    run = train(narrow, data, theta0=start, maxnorm=maxnorm, spectrum_samples=1)
    line = saddle_line(narrow, run.theta, min(pair))
    flows = []
    if run.stop in (Stop.STATIONARY, Stop.FLAT, Stop.LINEAR):  # around an exact fit the loss is 0 all along Γ: nothing flows
        flows = [perturbed_flow(data, line, gamma, signed, maxnorm=maxnorm, **settings) for signed in (size, -size)]
    cosines = [late_cosine(flow.theta, line.direction, maxnorm) for flow in flows]
    loss = net.loss(theta, data)
    at_the_loss = [abs(flow.loss[-1] - loss) < SAME_CHANNEL * loss for flow in flows]
    back = [bool(same and cosine > ALONG_THE_LINE) for same, cosine in zip(at_the_loss, cosines, strict=True)]
    return Return(run, line, flows, cosines, back)
