"""Gradient descent, stochastic gradient descent and Adam for any network, where a gradient flow would otherwise run.

The steps run in compiled loops around `kernels.loss_and_gradient`; what they minimise is L + R, as beyond the wall in a flow. An
optimiser takes the steps of its budget. It ends before only where every sample is fitted, where gradient descent has come to rest at a
strict minimum, and where the time is over. (`descent` has faster loops for the toy, a network of four parameters.)

Sources: Robbins & Monro 1951; Kingma & Ba 2015 (Adam).
"""

import copy
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.descent import BETA1, BETA2, STABILISER
from flatchannels.dynamics.flow import Flow
from flatchannels.dynamics.objectives import Objective, exact_loss
from flatchannels.dynamics.stopping import at_a_strict_minimum
from flatchannels.networks import kernels
from flatchannels.networks.blocks import SAMPLES_AT_ONCE, SAMPLES_PER_BLOCK, aligned
from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.network import Network
from flatchannels.networks.norm import weight_norm
from flatchannels.networks.workspace import allocated
from flatchannels.precision import on_the_wall
from flatchannels.reasons import Stop

Array = NDArray[np.float64]

METHODS = ("gd", "sgd", "adam")
MOST_STEPS = 10**12  # of a budget, as in a configuration
SECONDS_AT_ONCE = 0.2  # of compiled steps, about, between two looks at the clock


class Diverged(ArithmeticError):
    """A loss that is not finite: the steps are too long for the curvature."""


@dataclass(frozen=True)
class Optimiser:
    """An optimiser of finite steps.

    Each epoch goes through the samples in a new order; those left over at its end wait for the next one.

    Parameters
    ----------
    name : str
        gd, sgd or adam.
    rate : float
        Learning rate.
    budget : int
        Number of steps.
    batch : int or None
        Samples in a step, of sgd and adam; None for all, as gd has it.
    seed : int
        Of the orders.

    Raises
    ------
    ValueError
        Another name, a number out of its range, a batch of gd, or none of sgd.
    """

    name: str
    rate: float
    budget: int
    batch: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in METHODS:
            raise ValueError(f"optimiser is {self.name!r}; it must be one of {', '.join(METHODS)}")
        if isinstance(self.rate, bool) or not (isinstance(self.rate, int | float | np.number) and 0 < self.rate < np.inf):
            raise ValueError(f"rate is {self.rate!r}; it must be a positive number")
        for key, least in (("budget", 1), ("batch", 1), ("seed", 0)):
            value = getattr(self, key)
            if key == "batch" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
                raise ValueError(f"{key} is {value!r}; it must be an integer of at least {least}")
        if (self.name == "gd" and self.batch is not None) or (self.name == "sgd" and self.batch is None):
            raise ValueError(f"batch is {self.batch!r}; gd takes all samples, sgd needs a number of them")
        if self.budget > MOST_STEPS:
            raise ValueError(f"budget is {self.budget}; it must be at most {MOST_STEPS}")
        plain = {"rate": float(self.rate), "budget": int(self.budget), "batch": self.batch and int(self.batch), "seed": int(self.seed)}
        for key, value in plain.items():  # of NumPy's numbers, which JSON does not take
            object.__setattr__(self, key, value)


@dataclass
class _Walk:
    """How far an optimiser is, and all that its next step depends on."""

    theta: Array
    memory: Array  # (2, P): Adam's mean gradient and mean square
    order: NDArray[np.int64]  # (N,), of the samples in this epoch
    random: Mapping[str, Any]  # state of the generator of orders
    exact_loss: float
    taken: int = 0
    hessians: int = 0
    seconds: float = 0.0
    at: list[int] = field(default_factory=list)  # steps after which θ was kept
    kept: list[Array] = field(default_factory=list)


def checked_batch(optimiser: Optimiser, data: Dataset) -> int:
    """How many samples a step takes.

    Parameters
    ----------
    optimiser : Optimiser
    data : Dataset

    Returns
    -------
    int

    Raises
    ------
    ValueError
        More than there are.
    """
    batch = optimiser.batch or data.y.size
    if batch > data.y.size:
        raise ValueError(f"batch is {batch}; there are {data.y.size} samples")
    return batch


def check_same_kind(flow: Flow | None, optimiser: Optimiser | None) -> None:
    """Check that a flow to go on with was made in the way in which it is to go on.

    Parameters
    ----------
    flow : Flow, optional
    optimiser : Optimiser, optional

    Raises
    ------
    ValueError
        It was not.
    """
    if flow is None or not flow.state:
        return
    descended = isinstance(flow.state[0], _Walk)
    if descended and optimiser is None:
        raise ValueError("flow is that of an optimiser; to go on, give the same optimiser, as in optimiser=run.settings['optimiser']")
    if not descended and optimiser is not None:
        raise ValueError(f"flow is a gradient flow; it cannot go on by {optimiser.name}: leave optimiser out")


def descend(
    net: Network,
    data: Dataset,
    theta: ArrayLike,
    optimiser: Optimiser,
    *,
    maxnorm: float = np.inf,
    max_seconds: float = 3600.0,
    samples: int = 250,
    state: tuple | None = None,
) -> Flow:
    """The steps of an optimiser from θ, in the form of a flow.

    Parameters
    ----------
    net : Network
    data : Dataset
    theta : array_like (P,)
    optimiser : Optimiser
    maxnorm : float
        Where R begins.
    max_seconds : float
        Wall time.
    samples : int
        How many points to keep, spaced evenly in the logarithm of the number of steps.
    state : tuple or None
        That of an earlier Flow of this optimiser from this θ, which the time ended, to go on with.

    Returns
    -------
    Flow
        ASSUME: t is the rate times the number of steps, for gd and sgd the time of the flow that they follow; Adam's has no such
        meaning. `gradients` counts steps, `hessians` tests for a minimum.

    Raises
    ------
    Diverged
        A loss that is not finite.
    ValueError
        A batch that is larger than the data.
    """
    begin = time.perf_counter()
    number, batch = data.y.size, checked_batch(optimiser, data)
    objective, penalised = Objective(net, data), Objective(net, data, maxnorm)
    if state is None:
        start = np.array(theta, dtype=float)
        random = np.random.default_rng(optimiser.seed).bit_generator.state
        limit = exact_loss(objective, net.loss(start, data))
        walk = _Walk(start, np.zeros((2, start.size)), np.arange(number), random, limit)
    else:
        walk = copy.deepcopy(state[0])
    steps = _Steps(net, data, optimiser, batch, maxnorm)
    marks = np.unique(np.geomspace(optimiser.budget, 1, samples).round().astype(np.int64)).tolist()
    stop = Stop.EXACT if net.loss(walk.theta, data) <= walk.exact_loss else None
    piece, first = 16, walk.taken
    while stop is None:
        mark = next(mark for mark in marks if mark > walk.taken)
        while walk.taken < mark and stop is None:
            if walk.taken > first and time.perf_counter() - begin > max_seconds:
                stop = Stop.TIME_LIMIT
                break
            before = time.perf_counter()
            steps.take(walk, min(mark, walk.taken + piece))
            piece *= 2 if time.perf_counter() - before < SECONDS_AT_ONCE / 2 else 1
        if stop is None:
            walk.at.append(walk.taken)
            walk.kept.append(walk.theta.copy())
            stop = _end(walk, penalised, optimiser)
    walk.seconds += time.perf_counter() - begin
    return _flow(walk, objective, optimiser, maxnorm, stop)


def _flow(walk: _Walk, objective: Objective, optimiser: Optimiser, maxnorm: float, stop: Stop) -> Flow:
    """What the steps have come to."""
    at, kept = (walk.at, walk.kept) if walk.at[-1:] == [walk.taken] else ([*walk.at, walk.taken], [*walk.kept, walk.theta])
    loss, gradient = objective.loss_and_gradient(walk.theta)
    excess = max(weight_norm(walk.theta) - maxnorm, 0.0)
    if excess:
        gradient = gradient - walk.theta * (walk.theta @ gradient) / (walk.theta @ walk.theta)
    return Flow(
        t=optimiser.rate * np.array(at, dtype=float),
        theta=np.array(kept),
        loss=np.array([objective.network.loss(point, objective.data) for point in kept]),
        theta_end=walk.theta,
        loss_end=loss,
        gradient_norm=float(abs(gradient).max()),
        weight_norm=weight_norm(walk.theta),
        multiplier=excess**2 / walk.theta.size,
        t_end=optimiser.rate * walk.taken,
        stop=stop,
        steps=walk.taken,
        rejections=0,
        gradients=walk.taken,
        hessians=walk.hessians,
        seconds=walk.seconds,
        state=(walk,) if stop == Stop.TIME_LIMIT else None,
    )


def _end(walk: _Walk, objective: Objective, optimiser: Optimiser) -> Stop | None:
    """Why the steps end here: `Stop`, or None. Noise, or momentum, would carry sgd and adam away from a minimum again."""
    loss = objective.network.loss(walk.theta, objective.data)
    if not np.isfinite(loss):
        raise _diverged(optimiser, walk.taken)
    if loss <= walk.exact_loss:
        return Stop.EXACT
    if optimiser.name == "gd":
        walk.hessians += 1
        value, gradient, hessian = objective.derivatives(walk.theta)
        if not np.isfinite(value):
            raise _diverged(optimiser, walk.taken)
        if at_a_strict_minimum(gradient, hessian, walk.theta, value):
            outside = objective.maxnorm is not None and on_the_wall(weight_norm(walk.theta), objective.maxnorm)
            return Stop.WALL if outside else Stop.STATIONARY
    return Stop.BUDGET if walk.taken >= optimiser.budget else None


def _diverged(optimiser: Optimiser, taken: int) -> Diverged:
    return Diverged(f"{optimiser.name} with the rate {optimiser.rate:g} has no finite loss after {taken} steps; the rate must be lower")


class _Steps:
    """The compiled steps, with all that they need but for the walk."""

    def __init__(self, net: Network, data: Dataset, optimiser: Optimiser, batch: int, maxnorm: float) -> None:
        self.plan, self.data, self.optimiser, self.batch, self.maxnorm = net.plan, data, optimiser, batch, float(maxnorm)
        self.random = np.random.default_rng()
        size = min(SAMPLES_PER_BLOCK, -(-batch // SAMPLES_AT_ONCE) * SAMPLES_AT_ONCE)
        blocks = -(-batch // size)
        self.x = aligned((blocks, net.inputs, size))
        self.y, self.weights = aligned((blocks, size)), aligned((blocks, size))
        self.rows, self.gradient = allocated(net.plan, size), np.empty(net.parameters)
        if batch == data.y.size:
            _gather(data.x, data.y, data.weights, np.arange(batch), 0, batch, self.x, self.y, self.weights)

    def take(self, walk: _Walk, until: int) -> None:
        """Steps until so many are taken.  Diverged where the loss is not finite before one."""
        whole = self.batch == self.data.y.size
        per_epoch = self.data.y.size // self.batch
        while walk.taken < until:
            first, last = (0, until - walk.taken) if whole else (walk.taken % per_epoch, per_epoch)
            if not whole and first == 0:
                self.random.bit_generator.state = walk.random
                walk.order = self.random.permutation(self.data.y.size)
                walk.random = self.random.bit_generator.state
            last = min(last, first + until - walk.taken)
            done = _take(
                self.plan, walk.theta, walk.memory, walk.taken, self.data.x, self.data.y, self.data.weights, walk.order, self.batch, first,
                last, self.x, self.y, self.weights, self.rows, self.gradient, float(self.optimiser.rate), self.optimiser.name == "adam",
                self.maxnorm,
            )  # fmt: skip
            walk.taken += done
            if done < last - first:
                raise _diverged(self.optimiser, walk.taken)


@njit(**SETTINGS)
def _take(plan, theta, memory, taken, x, y, weights, order, batch, first, last, xs, ys, ws, rows, gradient, rate, adam, maxnorm):  # type: ignore[no-untyped-def]
    """Take the batches first … last − 1 of an epoch, θ (P,) and memory (2, P) in place. Returns how many had a finite loss."""
    for step in range(first, last):
        if batch < y.size:
            _gather(x, y, weights, order, step * batch, batch, xs, ys, ws)
        loss = kernels.loss_and_gradient(plan, theta, xs, ys, ws, rows, gradient)
        if not np.isfinite(loss):
            return step - first
        _add_pull(theta, maxnorm, gradient)
        if adam:
            _adapt(gradient, memory, taken + step - first + 1)
        for p in range(theta.size):
            theta[p] -= rate * gradient[p]
    return last - first


@njit(**SETTINGS)
def _gather(x, y, weights, order, start, batch, xs, ys, ws):  # type: ignore[no-untyped-def]
    """The samples order[start : start + batch] into blocks (blocks, d, samples), (blocks, samples); weights so that no batch counts more.

    With them the gradient is, in the mean over orders, that of all samples.
    """
    size, factor = ys.shape[1], y.size / batch
    for j in range(batch):
        n, block, place = order[start + j], j // size, j % size
        for k in range(x.shape[1]):
            xs[block, k, place] = x[n, k]
        ys[block, place], ws[block, place] = y[n], factor * weights[n]


@njit(**SETTINGS)
def _add_pull(theta, maxnorm, gradient):  # type: ignore[no-untyped-def]
    """Add ∇R (`network.regulariser`)."""
    square = 0.0
    for p in range(theta.size):
        square += theta[p] * theta[p]
    excess = square / (2 * theta.size) - maxnorm
    if excess > 0:
        for p in range(theta.size):
            gradient[p] += excess * excess * theta[p] / theta.size


@njit(**SETTINGS)
def _adapt(gradient, memory, step):  # type: ignore[no-untyped-def]
    """Adam's direction in place of the gradient (P,) of its step-th step, from 1."""
    for p in range(gradient.size):
        memory[0, p] = BETA1 * memory[0, p] + (1 - BETA1) * gradient[p]
        memory[1, p] = BETA2 * memory[1, p] + (1 - BETA2) * gradient[p] ** 2
        gradient[p] = memory[0, p] / (1 - BETA1**step) / (np.sqrt(memory[1, p] / (1 - BETA2**step)) + STABILISER)
