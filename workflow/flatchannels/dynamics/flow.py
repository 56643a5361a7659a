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
    count = _Counter(objective)
    radius = float(np.sqrt(2 * theta.size * maxnorm))
    stop, message = None, ""
    history: list[ndf.Segment]
    if state is None:
        beyond = weight_norm(theta) * ON_THE_WALL > maxnorm
        on_the_wall = weight_norm(theta) >= maxnorm and not beyond
        bdf = Bdf(Regularised(count, maxnorm) if beyond else count, theta, 0.0, rtol, radius if on_the_wall else None)
        bdf.exact_loss = exact_loss(objective, 0.0 if beyond else bdf.loss)  # from beyond the wall θ returns to smaller outputs
        watch, history, seconds = Watch(bdf.loss, max_t), [], 0.0
    else:
        (bdf, watch), history, (count.gradients, count.hessians), seconds = copy.deepcopy(state[0]), list(state[1]), state[2], state[3]
        bdf.observe(Regularised(count, maxnorm) if is_beyond(bdf, radius) else count)
        watch.max_t = max_t

    def followed() -> TwiceDifferentiable:
        return Regularised(objective, maxnorm) if is_beyond(bdf, radius) else objective

    if not np.isfinite(bdf.loss):
        stop, message = Stop.FAILED, "the loss is not finite at the initial point"
    elif not history:
        stop = end_at_the_start(bdf, followed())
    while stop is None:
        if bdf.t >= max_t:
            stop = Stop.EXACT if fits_slowly(bdf) else Stop.T_LIMIT
        elif len(history) + bdf.newton.damped_iterations >= max_steps:  # a step in trouble may take a hundred of these
            stop = Stop.STEP_LIMIT
        elif history and time.perf_counter() - begin > max_seconds:
            stop = Stop.TIME_LIMIT
        if stop is not None:
            break
        try:
            bdf.step()
        except StepTooSmall as error:
            stop, message = (Stop.EXACT, "") if fits_slowly(bdf) else (Stop.FAILED, str(error))
            break
        before = bdf
        bdf, segment = _across_the_wall(before, radius, count)
        history.append(segment)
        if bdf is before:
            stop = watch(bdf, followed())
    excess = max(weight_norm(bdf.theta) - maxnorm, 0.0) if is_beyond(bdf, radius) else 0.0
    if excess and stop in (Stop.STATIONARY, Stop.FLAT, Stop.LINEAR):
        stop = Stop.WALL
    seconds += time.perf_counter() - begin
    loss, gradient = objective.loss_and_gradient(bdf.theta)
    if bdf.radius is not None or excess:
        gradient = gradient - bdf.theta * (bdf.theta @ gradient) / (bdf.theta @ bdf.theta)
    t, thetas = ndf.sample(history, samples, bdf.theta)
    return Flow(
        t=t,
        theta=thetas,
        loss=np.array([objective.loss_and_gradient(point)[0] for point in thetas]),
        theta_end=bdf.theta,
        loss_end=loss,
        gradient_norm=float(abs(gradient).max()),
        weight_norm=weight_norm(bdf.theta),
        multiplier=excess**2 / theta.size if excess else bdf.multiplier,
        t_end=bdf.t,
        stop=stop,
        steps=len(history),
        rejections=bdf.rejections,
        gradients=count.gradients,
        hessians=count.hessians,
        seconds=seconds,
        message=message,
        state=((bdf, watch), history, (count.gradients, count.hessians), seconds) if stop in LIMITS else None,
    )


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
    """An objective that counts its evaluations."""

    def __init__(self, objective: TwiceDifferentiable) -> None:
        self.objective, self.gradients, self.hessians = objective, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["objective"], name)

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """The objective's."""
        self.gradients += 1
        return self.objective.loss_and_gradient(theta)

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """The objective's."""
        self.hessians += 1
        return self.objective.derivatives(theta)
