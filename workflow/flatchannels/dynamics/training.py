"""One run: initialise, follow the gradient flow to its end, polish to the nearest minimum, and look at the spectrum.

In place of the flow an optimiser of finite steps can run; all else stays the same.

Source: paper, Appendix B (training protocol).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh

from flatchannels.data.dataset import Dataset
from flatchannels.data.seeds import generator
from flatchannels.dynamics.flow import Flow, gradient_flow
from flatchannels.dynamics.objectives import GaugeFixed, Objective
from flatchannels.dynamics.optimisers import Optimiser, check_same_kind, descend
from flatchannels.dynamics.polish import Polish, polish
from flatchannels.dynamics.settings import check_settings, check_start
from flatchannels.names import widths_name
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.norm import weight_norm
from flatchannels.precision import CONVERGED_GRADIENT, SAME_MINIMUM
from flatchannels.reasons import Finish, Stop

Array = NDArray[np.float64]

# ASSUME: the paper says only that relu runs get stuck. Our flow rounds each relu over this fraction of the length of the
# neuron's initial input weights; the finish then follows the minimum from there to the last fraction, of the input weights at the end,
# at which it is found to rounding (at 1e-9 samples on a kink hold the gradient up).
FLOW_SMOOTHING, LAST_SMOOTHING = 3e-3, 1e-8
SMOOTHINGS = 12
# Steps cannot follow every sample over its kink. In few dimensions they need not: ends agree with those at 1e-5. At d = 16 it decides
# in which of many basins, 1e-3 of the loss apart, a run ends (docs/numerics.md, section 3).
KINKED_RTOL = 1e-3
FLOW_SHARE = 0.9  # of the time of a run, at most; the finish and the spectra have the rest
SMOOTHED_ITERATIONS = 50  # per smoothing; nearer than that to each minimum on the way does not change the end


@dataclass
class Run:
    """A run from its initial point to the minimum it ends in.

    theta : (P,), with its loss (without R), gradient_norm = ‖∇(L + R)‖∞ and weight_norm = Σθ²/(2P).
    loss_cusp : for relu that of the cusp next to the end of the flow, where an unrounded flow gets stuck; else the loss.
    stop : why the flow ended.  finish : why the polish ended.
    hessian_min, hessian_max : extreme eigenvalues of ∇²(L + R) at θ.
    spectrum_t, spectrum_min, spectrum_max : those of ∇²L at log-spaced times of the flow; NaN where the time was over.
    """

    seed: int | None
    theta_initial: Array
    theta: Array
    loss_initial: float
    loss: float
    loss_cusp: float
    gradient_norm: float
    weight_norm: float
    stop: Stop
    finish: Finish
    hessian_min: float
    hessian_max: float
    flow: Flow
    polish: Polish
    spectrum_t: Array
    spectrum_min: Array
    spectrum_max: Array

    @property
    def unfinished(self) -> bool:
        """Whether a limit ended the flow, or its time the polish: `train` can go on from `flow`."""
        return self.flow.state is not None or self.finish == Finish.TIME_LIMIT


def initial(net: Network, root_seed: int, dataset: str, seed: int, protocol: Mapping[str, Any] | None = None) -> Array:
    """The start of one run: a draw that belongs to the network, the dataset's name and the seed alone.

    Parameters
    ----------
    net : Network
    root_seed : int
        Of the configuration.
    dataset : str
        Its name.
    seed : int
    protocol : mapping, optional
        scheme and initial_scale, where they are not those of the paper, glorot_normal and 1. Runs of one seed that differ in
        their scale alone begin in the same direction.

    Returns
    -------
    (P,)
    """
    own = protocol or {}
    words = _words(net, dataset, seed)
    random = generator(root_seed, "initialisation", *words)
    return net.initialise(random, own.get("scheme", "glorot_normal"), own.get("initial_scale", 1.0))


def optimiser_of(net: Network, root_seed: int, dataset: str, seed: int, protocol: Mapping[str, Any]) -> Optimiser | None:
    """The optimiser of one run, with orders that belong to the run alone.

    Parameters
    ----------
    net : Network
    root_seed : int
        Of the configuration.
    dataset : str
        Its name.
    seed : int
    protocol : mapping
        optimiser, rate, budget and batch.

    Returns
    -------
    Optimiser or None
        None where the protocol says flow, or nothing.
    """
    if protocol.get("optimiser", "flow") == "flow":
        return None
    order = int(generator(root_seed, "orders", *_words(net, dataset, seed)).integers(2**63))
    return Optimiser(protocol["optimiser"], protocol["rate"], protocol["budget"], protocol.get("batch"), order)


def _words(net: Network, dataset: str, seed: int) -> tuple:
    """What a run's random numbers belong to."""
    return dataset, net.inputs, widths_name(net.widths), net.activation, net.bias, seed


def train(
    net: Network,
    data: Dataset,
    theta0: ArrayLike | None = None,
    seed: int | None = None,
    *,
    rtol: float = 1e-5,
    maxnorm: float = 1e3,
    max_seconds: float = 3600.0,
    max_steps: int = 20_000,
    max_t: float = 1e16,
    trajectory_samples: int = 250,
    spectrum_samples: int = 50,
    scheme: str = "glorot_normal",
    initial_scale: float = 1.0,
    optimiser: Optimiser | None = None,
    flow: Flow | None = None,
) -> Run:
    """Gradient flow from θ₀ to its end, or the steps of an optimiser, then the polish.

    Parameters
    ----------
    net : Network
    data : Dataset
    theta0 : (P,), optional
        Where to start; or None for a draw from `seed`. One of both is given.
    seed : int, optional
    rtol : float
        Relative tolerance of the flow.
    maxnorm : float
        The wall in ‖θ‖.
    max_seconds : float
        Wall time of the whole call, of which the flow takes nine tenths at most. What is begun then is brought to its end: a
        step, an iteration of the finish, the eigenvalues at the end, each a few Hessians. Later spectra are left out.
    max_steps : int
        Limit of the flow.
    max_t : float
        Limit of the flow, in mean-loss time.
    trajectory_samples, spectrum_samples : int
        How many log-spaced times to keep.
    scheme : str
        Of the draw: `Network.initialise`.
    initial_scale : float
        Of the draw.
    optimiser : Optimiser, optional
        In place of the flow, with a budget of steps; rtol, max_steps and max_t have no meaning for it.
    flow : Flow, optional
        That of an earlier run from this θ₀, to go on with where a limit ended it.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        Neither theta0 nor seed, or both, a start that does not fit or has no finite loss, a setting out of its range, or a flow to go on
        with that is an optimiser's where there is none, or the other way round.
    Diverged
        The loss of an optimiser is not finite.
    """
    begin = time.perf_counter()
    check_settings({
        "rtol": rtol, "maxnorm": maxnorm, "max_seconds": max_seconds, "max_steps": max_steps, "max_t": max_t,
        "trajectory_samples": trajectory_samples, "spectrum_samples": spectrum_samples, "scheme": scheme,
        "initial_scale": initial_scale, "optimiser": optimiser,
    })  # fmt: skip
    start = check_start(net, data, theta0, seed, *((scheme, initial_scale) if flow is None or theta0 is None else ()))
    check_same_kind(flow, optimiser)

    def left() -> float:
        return max_seconds - (time.perf_counter() - begin)

    kinks = ACTIVATIONS[net.activation].homogeneous
    state = flow.state if flow else None
    if flow is None or state:
        both: dict[str, Any] = {"maxnorm": maxnorm, "max_seconds": FLOW_SHARE * left(), "samples": trajectory_samples, "state": state}
        if optimiser:
            flow = descend(net, data, start, optimiser, **both)
        else:
            objective = GaugeFixed(net.smoothed(start, FLOW_SMOOTHING), data) if kinks else Objective(net, data)
            flow = gradient_flow(objective, start, rtol=max(rtol, KINKED_RTOL) if kinks else rtol, max_steps=max_steps, max_t=max_t, **both)
    outside = balanced(flow, maxnorm)
    path = smoothing_path(net, start, outside) if kinks else None
    end = (
        polish(Objective(net, data, maxnorm), outside, max_seconds=left())
        if path is None
        else follow_smoothing(net, data, outside, maxnorm, left(), path)
    )
    loss = net.loss(end.theta, data)
    values = eigvalsh(end.hessian)
    cusp = loss if path is None else cusp_loss(net, data, outside, maxnorm, left(), path)
    times = np.unique(np.linspace(0, len(flow.t) - 1, spectrum_samples).round().astype(int))
    spectra = extreme_eigenvalues(net, data, flow.theta[times], left())
    return Run(
        seed=seed,
        theta_initial=start,
        theta=end.theta,
        loss_initial=net.loss(start, data),
        loss=loss,
        loss_cusp=cusp,
        gradient_norm=float(abs(end.gradient).max()),
        weight_norm=weight_norm(end.theta),
        stop=flow.stop,
        finish=end.finish,
        hessian_min=float(values[0]),
        hessian_max=float(values[-1]),
        flow=flow,
        polish=end,
        spectrum_t=np.where(np.isfinite(spectra[:, 0]), flow.t[times], np.nan),
        spectrum_min=spectra[:, 0],
        spectrum_max=spectra[:, 1],
    )


def extreme_eigenvalues(net: Network, data: Dataset, thetas: Array, max_seconds: float) -> Array:
    """The smallest and the largest eigenvalue of ∇²L at some points.

    Values without vectors cost little more than the reduction to tridiagonal form, which the extreme ones need as well.

    Parameters
    ----------
    net : Network
    data : Dataset
    thetas : (n, P)
    max_seconds : float

    Returns
    -------
    (n, 2)
        NaN from where the time is over.
    """
    begin = time.perf_counter()
    values = np.full((len(thetas), 2), np.nan)
    for k, theta in enumerate(thetas):
        if time.perf_counter() - begin > max_seconds:
            break
        values[k] = eigvalsh(net.hessian(theta, data))[[0, -1]]
    return values


def smoothing_path(net: Network, start: Array, end: Array) -> Array:
    """The widths over which the kink of each relu is rounded in the finish, one after the other.

    The first are those of the flow: with wider ones the minimum that it came to may be none, and the finish would leave its basin.

    Parameters
    ----------
    net : Network
    start : (P,)
        Where the flow began.
    end : (P,)
        Where it ended.

    Returns
    -------
    (SMOOTHINGS, neurons)
    """
    first, last = (
        np.array(net.smoothed(theta, fraction).smoothing) for theta, fraction in ((start, FLOW_SMOOTHING), (end, LAST_SMOOTHING))
    )
    shares = np.linspace(0.0, 1.0, SMOOTHINGS)[:, None]
    return first ** (1 - shares) * last**shares


def follow_smoothing(net: Network, data: Dataset, theta: Array, maxnorm: float, max_seconds: float, path: Array) -> Polish:
    """`polish` for relu: the minimum of the smoothed loss, followed while the smoothing falls to nothing.

    The exact loss of finitely many samples is covered with cusps, at which no gradient vanishes; the point returned is
    the cusp in the middle of the smooth basin, its gradient and Hessian those of the last smoothing at whose minimum the
    gradient vanishes. Below 1e-7 a sample in the rounding of a kink may hold it up, and the loss is the same.

    Parameters
    ----------
    net : Network
    data : Dataset
    theta : (P,)
    maxnorm : float
        The wall in ‖θ‖.
    max_seconds : float
    path : (n, neurons)
        The widths over which each relu is rounded, one after the other.

    Returns
    -------
    Polish
    """
    iterations, seconds = 0, 0.0
    settled: Polish | None = None
    for widths in path:
        objective = GaugeFixed(replace(net, smoothing=tuple(widths)), data, maxnorm)
        end = polish(objective, theta, max_seconds=max_seconds - seconds, max_iterations=SMOOTHED_ITERATIONS)
        theta, iterations, seconds = end.theta, iterations + end.iterations, seconds + end.seconds
        if end.finish in (Finish.TIME_LIMIT, Finish.FAILED):
            break
        if abs(end.gradient).max() < CONVERGED_GRADIENT:
            settled = end
    else:
        if settled is not None and abs(settled.loss - end.loss) < SAME_MINIMUM * abs(end.loss):
            end = settled
    return replace(end, iterations=iterations, seconds=seconds)


def cusp_loss(net: Network, data: Dataset, theta: Array, maxnorm: float, max_seconds: float, path: Array) -> float:
    """The loss of the cusp at which a descent gets stuck: that of `follow_smoothing` with its last smoothing alone.

    Parameters
    ----------
    net : Network
    data : Dataset
    theta : (P,)
    maxnorm : float
        The wall in ‖θ‖.
    max_seconds : float
    path : (n, neurons)
        As for `follow_smoothing`.

    Returns
    -------
    float
    """
    return net.loss(follow_smoothing(net, data, theta, maxnorm, max_seconds, path[-1:]).theta, data)


def balanced(flow: Flow, maxnorm: float) -> Array:
    """The end of a flow, scaled to just outside the wall, where the regulariser's pull balances the multiplier of the constraint.

    Parameters
    ----------
    flow : Flow
    maxnorm : float
        The wall in ‖θ‖.

    Returns
    -------
    (P,)
    """
    if not flow.multiplier > 0:
        return flow.theta_end
    excess = np.sqrt(flow.multiplier * flow.theta_end.size)
    return flow.theta_end * np.sqrt((maxnorm + excess) / weight_norm(flow.theta_end))


def compile_kernels() -> None:
    """Exercise every numba signature, so that later processes find all of it in the cache."""
    normal = np.random.default_rng(0)
    data = Dataset(normal.normal(size=(8, 2)), normal.normal(size=8))
    for widths, bias in (((2,), True), ((2, 2, 2), False)):
        net = Network(2, widths, "g", bias)
        theta = net.initialise(normal)
        net.loss_and_gradient(theta, data)
        net.derivatives(theta, data)
        net.predict(theta, data.x)
        descend(net, data, theta, Optimiser("sgd", 0.1, 1, 4), samples=1)
