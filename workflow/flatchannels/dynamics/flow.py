"""Gradient flow dθ/dt = −∇L(θ), integrated until θ is stationary. This is the ODE solver.

The driver: `integrator` takes the steps, with the formulas of `ndf` and the Newton iteration of `implicit`, and `stopping` says
when the flow has ended by itself (`reasons.Stop`): nothing here depends on how long somebody cared to wait.

A start beyond the norm wall follows −∇(L + R), as in the paper, until it has come back to the wall or to rest where the pull of the
regulariser R balances the slope: that is an end at the wall.

The norm wall itself is not integrated. Inside it the regulariser is zero; a run that reaches it goes on along the sphere ‖θ‖ = maxnorm,
with the multiplier μ of the constraint as one more unknown of the Newton iteration, and leaves the sphere again where μ changes
sign.
"""

import copy
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.dynamics import ndf
from flatchannels.dynamics.checks import check_counts, check_numbers, check_objective, checked_theta
from flatchannels.dynamics.integrator import Bdf, StepTooSmall
from flatchannels.dynamics.objectives import Regularised, TwiceDifferentiable, exact_loss
from flatchannels.dynamics.stopping import Watch, end_at_the_start, fits_slowly
from flatchannels.networks.norm import weight_norm
from flatchannels.precision import ON_THE_WALL
from flatchannels.reasons import Stop

Array = NDArray[np.float64]

LIMITS = (Stop.TIME_LIMIT, Stop.STEP_LIMIT, Stop.T_LIMIT)


@dataclass
class Flow:
    """A flow and its end.

    t (samples,), theta (samples, P), loss (samples,): the trajectory at log-spaced times, from the first step to the end.
    """

    t: Array
    theta: Array
    loss: Array
    theta_end: Array
    loss_end: float
    gradient_norm: float  # ‖∇L‖∞, on the sphere without its component along θ
    weight_norm: float
    multiplier: float  # μ ≥ 0 at the end on the sphere: there −∇L = μθ; 0 inside
    t_end: float
    stop: Stop
    steps: int
    rejections: int
    gradients: int
    hessians: int
    seconds: float
    message: str = ""
    state: tuple | None = None  # what `gradient_flow` needs to go on from here, where a limit ended the flow


def gradient_flow(
    objective: TwiceDifferentiable,
    theta: ArrayLike,
    *,
    rtol: float = 1e-5,
    maxnorm: float = np.inf,
    max_seconds: float = 3600.0,
    max_steps: int = 20_000,
    max_t: float = 1e16,
    samples: int = 250,
    state: tuple | None = None,
) -> Flow:
    """Integrate dθ/dt = −∇L(θ) from t = 0 until it ends by itself or meets a limit.

    Parameters
    ----------
    objective : TwiceDifferentiable
        What else of it is used says `objectives`.
    theta : (P,)
    rtol : float
        Relative tolerance; the absolute one is a thousandth of it.
    maxnorm : float
        The wall in ‖θ‖ = Σθ²/(2P); a start beyond it is drawn back by R.
    max_seconds : float
        Wall time.
    max_steps : int
        Of steps, and damped iterations since the wall or the start.
    max_t : float
        In mean-loss time.
    samples : int
        How many points of the trajectory to keep.
    state : tuple, optional
        That of a Flow of this objective from this θ that a limit ended, to go on with. But for its seconds, the flow ends as
        if it had never been interrupted. max_seconds counts anew; the other limits are those of the whole flow.

    Returns
    -------
    Flow
        Nothing is raised for a run that goes wrong: its `stop` says so.

    Raises
    ------
    ValueError
        An argument is out of its range, or the objective does not give what `TwiceDifferentiable` promises.
    """
    begin = time.perf_counter()
    theta = checked_theta(theta)
    check_numbers(rtol=rtol, maxnorm=maxnorm, max_t=max_t)  # max_seconds may be over already
    check_counts(max_steps=max_steps, samples=samples)
    check_objective(objective, theta)
    course = _Course(objective, theta.size, maxnorm)
    if state is None:
        course.begin(theta, rtol, max_t)
    else:
        course.resume(state, max_t)
    stop, message = course.end_at_the_start()
    while stop is None:
        stop = course.limit(max_steps, max_t, late=time.perf_counter() - begin > max_seconds)
        if stop is None:
            stop, message = course.step()
    course.seconds += time.perf_counter() - begin
    return course.flow(stop, message, samples)


class _Course:
    """A flow on its way.

    objective : without R.  size : P.  radius : of the wall.  history : the segments, one for each step.  earlier : how many of these are
    of earlier calls.  seconds : of all calls.
    """

    bdf: Bdf
    watch: Watch
    history: list[ndf.Segment]
    earlier: int
    seconds: float

    def __init__(self, objective: TwiceDifferentiable, size: int, maxnorm: float) -> None:
        self.objective, self.maxnorm = objective, maxnorm
        self.count = _Counter(objective)
        self.radius = float(np.sqrt(2 * size * maxnorm))

    def begin(self, theta: Array, rtol: float, max_t: float) -> None:
        """From t = 0."""
        beyond = weight_norm(theta) * ON_THE_WALL > self.maxnorm
        on_the_wall = weight_norm(theta) >= self.maxnorm and not beyond
        followed = Regularised(self.count, self.maxnorm) if beyond else self.count
        self.bdf = Bdf(followed, theta, 0.0, rtol, self.radius if on_the_wall else None)
        self.bdf.exact_loss = exact_loss(self.objective, 0.0 if beyond else self.bdf.loss)  # from beyond, θ returns to smaller outputs
        self.watch, self.history, self.earlier, self.seconds = Watch(self.bdf.loss, max_t), [], 0, 0.0

    def resume(self, state: tuple, max_t: float) -> None:
        """From where a limit ended it: the `state` of a `Flow`."""
        (self.bdf, self.watch), self.history, self.earlier = copy.deepcopy(state[0]), list(state[1]), len(state[1])
        (self.count.gradients, self.count.hessians), self.seconds = state[2:]
        self.bdf.observe(self._followed(self.count))
        self.watch.max_t = max_t

    def end_at_the_start(self) -> tuple[Stop | None, str]:
        """Why there is no step to take, and what is wrong."""
        if not np.isfinite(self.bdf.loss):
            return Stop.FAILED, "the loss is not finite at the initial point"
        return None if self.history else end_at_the_start(self.bdf, self._followed(self.objective)), ""

    def limit(self, max_steps: int, max_t: float, late: bool) -> Stop | None:
        """The limit that is met before the next step; the first one of a call is taken however late it is."""
        if self.bdf.t >= max_t:
            return Stop.EXACT if fits_slowly(self.bdf) else Stop.T_LIMIT
        if len(self.history) + self.bdf.newton.damped_iterations >= max_steps:  # a step in trouble may take a hundred of these
            return Stop.STEP_LIMIT
        return Stop.TIME_LIMIT if late and len(self.history) > self.earlier else None

    def step(self) -> tuple[Stop | None, str]:
        """Take a step. Whether the flow ends with it, and what went wrong."""
        before = self.bdf
        try:
            before.step()
        except StepTooSmall as error:
            return (Stop.EXACT, "") if fits_slowly(before) else (Stop.FAILED, str(error))
        self.bdf, segment = _across_the_wall(before, self.radius, self.count)
        self.history.append(segment)
        return self.watch(self.bdf, self._followed(self.objective)) if self.bdf is before else None, ""

    def flow(self, stop: Stop, message: str, samples: int) -> Flow:
        """What it has come to."""
        theta, count = self.bdf.theta, self.count
        excess = max(weight_norm(theta) - self.maxnorm, 0.0) if is_beyond(self.bdf, self.radius) else 0.0
        if excess and stop in (Stop.STATIONARY, Stop.FLAT, Stop.LINEAR):
            stop = Stop.WALL
        loss, gradient = self.objective.loss_and_gradient(theta)
        if self.bdf.radius is not None or excess:
            gradient = gradient - theta * (theta @ gradient) / (theta @ theta)
        t, thetas = ndf.sample(self.history, samples, theta)
        state = (self.bdf, self.watch), self.history, (count.gradients, count.hessians), self.seconds
        return Flow(
            t=t,
            theta=thetas,
            loss=np.array([self.objective.loss_and_gradient(point)[0] for point in thetas]),
            theta_end=theta,
            loss_end=loss,
            gradient_norm=float(abs(gradient).max()),
            weight_norm=weight_norm(theta),
            multiplier=excess**2 / theta.size if excess else self.bdf.multiplier,
            t_end=self.bdf.t,
            stop=stop,
            steps=len(self.history),
            rejections=self.bdf.rejections,
            gradients=count.gradients,
            hessians=count.hessians,
            seconds=self.seconds,
            message=message,
            state=state if stop in LIMITS else None,
        )

    def _followed(self, objective: TwiceDifferentiable) -> TwiceDifferentiable:
        """What the flow follows: beyond the wall with R."""
        return Regularised(objective, self.maxnorm) if is_beyond(self.bdf, self.radius) else objective


def is_beyond(bdf: Bdf, radius: float) -> bool:
    """Whether a free flow began beyond |θ| = radius and is still there: inside none gets further.

    Parameters
    ----------
    bdf : Bdf
    radius : float
        Of the wall.

    Returns
    -------
    bool
    """
    return isinstance(bdf.objective, Regularised) or bool(
        bdf.objective is None and bdf.radius is None and np.linalg.norm(bdf.theta) > radius
    )


def _across_the_wall(bdf: Bdf, radius: float, inside: TwiceDifferentiable) -> tuple[Bdf, ndf.Segment]:
    """After a step: the integrator to go on with, on the other side of the wall where the step met it, and its segment.

    A free flow that has crossed |θ| = radius goes on along the sphere from there; a flow on the sphere whose multiplier
    has become negative is drawn inward and goes on freely, as does one that began beyond.  inside : the objective without R.
    """
    h = bdf.time_step / 10
    if is_beyond(bdf, radius):
        if np.linalg.norm(bdf.theta) > radius:
            return bdf, bdf.segment(bdf.t)
        t, theta = ndf.crossing(bdf.segment(bdf.t), radius)
        onward = Bdf(inside, theta * ((1 - 1e-14) * radius / np.linalg.norm(theta)), t, bdf.rtol, None, h, bdf.exact_loss)
        segment = bdf.segment(t)
    elif bdf.radius is None and np.linalg.norm(bdf.theta) >= radius:
        t, theta = ndf.crossing(bdf.segment(bdf.t), radius)
        onward = Bdf(bdf.objective, theta * (radius / np.linalg.norm(theta)), t, bdf.rtol, radius, h, bdf.exact_loss)
        segment = bdf.segment(t)
    elif bdf.radius is not None and bdf.multiplier < 0:
        onward = Bdf(bdf.objective, bdf.theta * (1 - 1e-14), bdf.t, bdf.rtol, None, h, bdf.exact_loss)
        segment = bdf.segment(bdf.t)
    else:
        return bdf, bdf.segment(bdf.t)
    onward.rejections = bdf.rejections
    return onward, segment


class _Counter:
    """An objective that counts its evaluations, and gives new arrays, where it may fill the same ones at every call."""

    def __init__(self, objective: TwiceDifferentiable) -> None:
        self.objective, self.gradients, self.hessians = objective, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["objective"], name)

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """The objective's."""
        self.gradients += 1
        loss, gradient = self.objective.loss_and_gradient(theta)
        return loss, gradient.copy()

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """The objective's."""
        self.hessians += 1
        loss, gradient, hessian = self.objective.derivatives(theta)
        return loss, gradient.copy(), hessian.copy()
