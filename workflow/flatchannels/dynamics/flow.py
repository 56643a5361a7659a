"""Gradient flow dθ/dt = −∇L(θ), integrated until θ is stationary. This is the ODE solver.

Variable-step NDF formulas of orders 1–5 with full Newton (Shampine & Reichelt 1997; Hairer & Wanner II, sections III.1
and V.3). Departs from the usual code in three ways, because channels are stiff *curved* valleys in which a Jacobian shared
by several steps holds the step size down:

- the Hessian is re-evaluated in every step, and at every Newton iteration for a while after convergence was slow; in
  turn one iteration is often enough. Only large networks keep a Hessian, for as long as that pays (`_kept_newton`);
- a step that raises the loss is refused (along a gradient flow it never rises), and so is one so long that it would damp
  a perturbation that should grow: with it an implicit formula comes to rest on saddles;
- the norm wall is not integrated. Inside it the regulariser is zero; a run that reaches it goes on along the sphere
  ‖θ‖ = maxnorm, with the multiplier μ of the constraint as one more unknown of the Newton iteration, and leaves the
  sphere again where μ changes sign.

The flow ends by itself (`reasons.Stop`): nothing here depends on how long somebody cared to wait.
"""

import copy
import time
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh, eigvalsh, lapack

from flatchannels.networks.network import weight_norm
from flatchannels.reasons import Stop

# Shampine & Reichelt 1997, table 1: the NDF coefficients κ, and what follows from them.
MAX_ORDER = 5
KAPPA = np.array([0.0, -0.1850, -1 / 9, -0.0823, -0.0415, 0.0])
GAMMA = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, MAX_ORDER + 1))])
ALPHA = (1 - KAPPA) * GAMMA
ERROR_CONSTANT = KAPPA * GAMMA + 1 / np.arange(1, MAX_ORDER + 2)

SMALLEST_FACTOR, LARGEST_FACTOR = 0.2, 10.0  # bounds on the change of the step size
NEWTON_ITERATIONS = 10
FAST_CONTRACTION = 0.2  # a kept factorisation must contract at least this fast
SLOW_CONTRACTION = 0.9  # a fresh one that contracts more slowly has failed
PATIENCE_WITH_ORDER = 3  # refused steps in a row after which the order falls to 1 (Shampine & Gordon 1975)
FRESH_STEPS = 30  # steps with a Hessian at every iteration after a slow or refused step
KEPT_SIZE = 40  # parameters from which on a Hessian is kept over several steps
KEPT_ITERATIONS = 5
KEPT_AGE = 1.5  # of t, as a factor
LONGEST_PAUSE = 64  # steps
CURVATURE_AGE = 10  # steps before the contraction of Newton's iteration is measured again
LOSS_RISE = 1e-7  # relative rise of the loss over a step that is still taken for rounding and tolerance
STATIONARY_STEP = 1e-7  # Newton step to the minimum, relative to max(1, ‖θ‖∞)
STATIONARY_DECREASE = 1e-12  # predicted decrease of the loss, relative
FLAT_CHANGE = 1e-12  # relative decrease of the loss over a decade of t that counts as none
SADDLE_PATIENCE = 300  # steps of about half a growth time without a change of the loss: e^150 is more than rounding needs
NOISE = 2e-15  # eigenvalues below this fraction of the largest, times √P, are rounding


@dataclass
class Flow:
    """A flow and its end.

    t (samples,), theta (samples, P), loss (samples,): the trajectory at log-spaced times, from the first step to the end.
    """

    t: np.ndarray
    theta: np.ndarray
    loss: np.ndarray
    theta_end: np.ndarray
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


class StepTooSmall(ArithmeticError):
    """The step size fell below the resolution of t."""


def gradient_flow(
    objective, theta, *, rtol=1e-5, maxnorm=np.inf, max_seconds=3600.0, max_steps=20_000, max_t=1e16, samples=250, state=None
):
    """Integrate dθ/dt = −∇L(θ) from t = 0 until it ends by itself or meets a limit.

    Parameters
    ----------
    objective : has `loss_and_gradient(theta)` → float, (P,), `derivatives(theta)` → float, (P,), (P, P), and
        `linear_neurons(theta)` → int; perhaps `gauge(theta)` → (P, n), orthonormal directions along which L is constant
        but for what smoothing does to it: the flow need not come to rest there.
    theta : float64 (P,).  rtol : float, relative tolerance; the absolute one is a thousandth of it.
    maxnorm : float, the wall in ‖θ‖ = Σθ²/(2P).  max_seconds : wall time.  max_t : in mean-loss time.
    samples : int, how many points of the trajectory to keep.
    state : that of a Flow of this objective from this θ that a limit ended, to go on with. But for its seconds, the flow
        ends as if it had never been interrupted. max_seconds counts anew; the other limits are those of the whole flow.

    Returns
    -------
    Flow.  Nothing is raised for a run that goes wrong: its `stop` says so.
    """
    begin = time.perf_counter()
    count = _Counter(objective)
    theta = np.array(theta, dtype=float)
    radius = np.sqrt(2 * theta.size * maxnorm)
    stop, message = None, ""
    if state is None:
        bdf = Bdf(count, theta, 0.0, rtol, radius if weight_norm(theta) >= maxnorm else None)
        watch, history, seconds = _Watch(bdf.loss), [], 0.0
    else:
        (bdf, watch), history, (count.gradients, count.hessians), seconds = copy.deepcopy(state[0]), list(state[1]), state[2], state[3]
        bdf.objective = count
    if not np.isfinite(bdf.loss):
        stop, message = Stop.FAILED, "the loss is not finite at the initial point"
    while stop is None:
        if bdf.t >= max_t:
            stop = Stop.T_LIMIT
        elif len(history) >= max_steps:
            stop = Stop.STEP_LIMIT
        elif history and time.perf_counter() - begin > max_seconds:
            stop = Stop.TIME_LIMIT
        if stop is not None:
            break
        try:
            bdf.step()
        except StepTooSmall as error:
            stop, message = Stop.FAILED, str(error)
            break
        before = bdf
        bdf, segment = _across_the_wall(before, radius)
        history.append(segment)
        if bdf is before:
            stop = watch(bdf, objective)
    seconds += time.perf_counter() - begin
    limited = stop in (Stop.TIME_LIMIT, Stop.STEP_LIMIT, Stop.T_LIMIT)
    loss, gradient = objective.loss_and_gradient(bdf.theta)
    if bdf.radius is not None:
        gradient = gradient - bdf.theta * (bdf.theta @ gradient) / (bdf.theta @ bdf.theta)
    t, thetas = sample(history, samples, bdf.theta)
    return Flow(
        t=t,
        theta=thetas,
        loss=np.array([objective.loss_and_gradient(point)[0] for point in thetas]),
        theta_end=bdf.theta,
        loss_end=loss,
        gradient_norm=float(abs(gradient).max()),
        weight_norm=weight_norm(bdf.theta),
        multiplier=bdf.multiplier,
        t_end=bdf.t,
        stop=stop,
        steps=len(history),
        rejections=bdf.rejections,
        gradients=count.gradients,
        hessians=count.hessians,
        seconds=seconds,
        message=message,
        state=((bdf, watch), history, (count.gradients, count.hessians), seconds) if limited else None,
    )


def _across_the_wall(bdf, radius):
    """After a step: the integrator to go on with, on the other side of the wall where the step met it, and its segment.

    A free flow that has crossed |θ| = radius goes on along the sphere from there; a flow on the sphere whose multiplier
    has become negative is drawn inward and goes on freely.
    """
    if bdf.radius is None and np.linalg.norm(bdf.theta) >= radius:
        t, theta = bdf.crossing(radius)
        onward = Bdf(bdf.objective, theta * (radius / np.linalg.norm(theta)), t, bdf.rtol, radius, bdf.h / 10)
        segment = bdf.segment(t)
    elif bdf.radius is not None and bdf.multiplier < 0:
        onward = Bdf(bdf.objective, bdf.theta * (1 - 1e-14), bdf.t, bdf.rtol, None, bdf.h / 10)
        segment = bdf.segment(bdf.t)
    else:
        return bdf, bdf.segment(bdf.t)
    onward.rejections = bdf.rejections
    return onward, segment


class _Counter:
    """An objective that counts its evaluations."""

    def __init__(self, objective):
        self.objective, self.gradients, self.hessians = objective, 0, 0

    def loss_and_gradient(self, theta):
        """The objective's."""
        self.gradients += 1
        return self.objective.loss_and_gradient(theta)

    def derivatives(self, theta):
        """The objective's."""
        self.hessians += 1
        return self.objective.derivatives(theta)


class Bdf:
    """The integrator: `step` advances t, theta and loss by one accepted step.

    radius : None for the free flow; else θ stays on the sphere |θ| = radius, and `multiplier` is μ in θ' = −∇L − μθ.
    D : (MAX_ORDER + 3, P), the backward differences of θ scaled to the step size h.
    """

    def __init__(self, objective, theta, t, rtol, radius=None, first_step=None):
        self.objective, self.theta, self.radius = objective, theta, radius
        self.t_start, self.elapsed = t, 0.0
        self.rtol, self.atol = rtol, 1e-3 * rtol
        self.newton_tolerance = max(2e-15 / rtol, min(0.03, rtol**0.5))
        self.loss, gradient = objective.loss_and_gradient(theta)
        self.multiplier = 0.0
        if radius is not None:
            self.multiplier = -float(gradient @ theta) / radius**2
        slope = -gradient - self.multiplier * theta
        scale = self.atol + rtol * abs(theta)
        # A first step over which the Euler predictor moves by a hundredth of θ (Hairer & Wanner I, section II.4).
        rate = _rms(slope / scale)
        largest = 0.01 * _rms(theta / scale) / rate if rate > 0 else 1.0
        self.h = largest if first_step is None else min(first_step, largest)
        self.order, self.equal_steps, self.rejections, self.failures, self.fresh_steps = 1, 0, 0, 0, 0
        self.D = np.zeros((MAX_ORDER + 3, theta.size))
        self.D[0], self.D[1] = theta, self.h * slope
        self.curvature, self.curvature_age = 0.0, CURVATURE_AGE  # see `_contraction`
        self.growth_steps = 0  # steps to go in which the step size may at most double, after `_growth_rate` cut one
        # See `_kept_newton`. A Hessian costs as much as P / 25 gradients, and two gradients replace it.
        self.keep, self.pause, self.wait, self.point_t = theta.size >= KEPT_SIZE, 1, 0, 0.0
        self.point = None  # the last θ, gradient, Hessian, μ evaluated together

    def __getstate__(self):
        return vars(self) | {"objective": None}  # the data are not part of the state

    @property
    def t(self):
        """The time reached."""
        return self.t_start + self.elapsed

    def step(self):
        """One accepted step. Raises StepTooSmall."""
        while True:
            # Resolution of the time since the start of this integrator: the flow is autonomous, and after the wall is hit
            # at a late t the first steps can be far shorter than the spacing of the numbers there.
            if not self.h > 16 * np.spacing(self.elapsed):
                raise StepTooSmall(f"step size {self.h:.1e} at t = {self.t:.3e}")
            order, D = self.order, self.D
            predicted = D[: order + 1].sum(axis=0)
            equation = predicted, GAMMA[1 : order + 1] @ D[1 : order + 1] / ALPHA[order], self.h / ALPHA[order]
            solution = self._kept_newton(*equation) or self._newton(*equation)
            if solution is None:
                self._reject(0.5)
                continue
            d, iterations, loss, multiplier, indefinite = solution
            growth = self._growth_rate() if indefinite else 0.0
            if growth > 0:
                self.growth_steps = 2 * FRESH_STEPS
                self._reject(min(0.5, 0.5 * ALPHA[order] / (growth * self.h)))
                continue
            theta = predicted + d
            scale = self.atol + self.rtol * abs(theta)
            error = _rms(ERROR_CONSTANT[order] * d / scale)
            safety = 0.9 * (2 * NEWTON_ITERATIONS + 1) / (2 * NEWTON_ITERATIONS + iterations)
            if error > 1:
                self._reject(max(SMALLEST_FACTOR, safety * error ** (-1 / (order + 1))), fresh=False)
                continue
            break
        self.elapsed += self.h
        self.theta, self.loss, self.multiplier = theta, loss, multiplier
        self.last_h, self.last_order = self.h, order
        self.failures = 0
        self.equal_steps += 1
        self.fresh_steps -= 1
        self.growth_steps -= 1
        D[order + 2] = d - D[order + 1]
        D[order + 1] = d
        for i in range(order, -1, -1):
            D[i] += D[i + 1]
        self.output = D[: order + 1].copy()
        if self.equal_steps > order:
            self._choose_order(error, scale, safety)

    def _choose_order(self, error, scale, safety):
        """The order among this one and its neighbours that allows the longest step."""
        order, D = self.order, self.D
        errors = np.full(3, np.inf)
        errors[1] = error
        if order > 1:
            errors[0] = _rms(ERROR_CONSTANT[order - 1] * D[order] / scale)
        if order < MAX_ORDER:
            errors[2] = _rms(ERROR_CONSTANT[order + 1] * D[order + 2] / scale)
        with np.errstate(divide="ignore"):
            factors = errors ** (-1 / np.arange(order, order + 3))
        self.order += int(np.argmax(factors)) - 1
        self._rescale(min(LARGEST_FACTOR if self.growth_steps <= 0 else 2.0, safety * factors.max()))

    def _growth_rate(self):
        """−λ_min of the last Hessian where that is above rounding, else 0.

        A step longer than the time in which a perturbation grows is not allowed: the implicit formula would damp what
        should grow, and lead the flow onto a saddle that it must leave.
        """
        _, _, hessian, multiplier = self.point
        values = eigvalsh(hessian)
        return max(-values[0] - multiplier, 0.0) if values[0] + multiplier < -_noise(values) else 0.0

    def _reject(self, factor, fresh=True):
        self.rejections += 1
        self.curvature_age = CURVATURE_AGE
        if fresh:
            self.fresh_steps = FRESH_STEPS
        self._rescale(factor)
        self.failures += 1
        if self.failures == PATIENCE_WITH_ORDER:
            self._restart()

    def _restart(self):
        """Order 1 from the present point: a shorter step does not help where the differences of the past mislead."""
        _, gradient = self.objective.loss_and_gradient(self.theta)
        self.order = 1
        self.D[:] = 0.0
        self.D[0], self.D[1] = self.theta, -self.h * (gradient + self.multiplier * self.theta)

    def _rescale(self, factor):
        """Change the step size by `factor` and the differences with it (Shampine & Reichelt 1997, section 2.3)."""
        order = self.order
        change = _differences(order, factor) @ _differences(order, 1.0)
        self.D[: order + 1] = change.T @ self.D[: order + 1]
        self.h *= factor
        self.equal_steps = 0

    def _kept_newton(self, predicted, psi, c):
        """`_newton` of the free flow with the Hessian of an earlier step; None where that is not tried or does not pay.

        A failed attempt costs gradients, hence after each the next ones are left out for twice as long. The Hessian is
        not kept for long in t, so that a direction that has begun to grow is noticed.
        """
        self.wait -= 1
        usable = self.point is not None and self.radius is None and self.growth_steps <= 0
        if not (self.keep and usable and self.wait <= 0 and self.t <= KEPT_AGE * self.point_t):
            return None
        factor = Factor(self.point[2], c)
        scale = self.atol + self.rtol * abs(predicted)
        d, theta, previous = np.zeros_like(predicted), predicted, np.inf
        for left in range(KEPT_ITERATIONS - 1, -1, -1):
            loss, gradient = self.objective.loss_and_gradient(theta)
            residual = -(c * gradient + psi + d)
            delta = factor.solve(residual)
            loss += _change_of_loss(gradient, delta, residual, c)
            norm = _rms(delta / scale)
            rate = norm / previous
            if factor.indefinite or not rate < 1 or (rate > 0 and rate**left / (1 - rate) * norm > self.newton_tolerance):
                break
            d = d + delta
            theta = predicted + d
            if 0 < rate / (1 - rate) * norm < self.newton_tolerance or norm == 0:
                if loss > self.loss * (1 + LOSS_RISE):
                    break
                self.pause = 1
                return d, KEPT_ITERATIONS - left, loss, 0.0, False
            previous = norm
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        self.wait = self.pause
        return None

    def _newton(self, predicted, psi, c):
        """Solve c(∇L(θ) + μθ) + ψ + d = 0 for θ = predicted + d, with |θ| = radius where there is one.

        Returns d, iterations, loss, μ, whether I + c(H + μI) is indefinite; None where it does not converge or the loss rises.
        """
        scale = self.atol + self.rtol * abs(predicted)
        d, theta, multiplier = np.zeros_like(predicted), predicted, self.multiplier
        factor, previous = None, None
        for iteration in range(NEWTON_ITERATIONS):
            fresh = factor is None
            if fresh:
                loss, gradient, hessian = self.objective.derivatives(theta)
                factor = Factor(hessian, c, multiplier)
                self.point, self.point_t = (theta, gradient, hessian, multiplier), self.t
            else:
                loss, gradient = self.objective.loss_and_gradient(theta)
            if not (np.isfinite(loss) and factor.usable):
                return None
            residual = -(c * (gradient + multiplier * theta) + psi + d)
            delta = factor.solve(residual)
            loss += _change_of_loss(gradient, delta, residual, c)
            if self.radius is not None:
                border = factor.solve(c * theta)
                change = (theta @ delta + 0.5 * (theta @ theta - self.radius**2)) / (theta @ border)
                delta -= change * border
                multiplier += change
            norm = _rms(delta / scale)
            # One iteration may do, but not on the sphere, which it leaves by its square, nor where the extrapolation may
            # be what made the matrix indefinite.
            single = self.radius is None and not factor.indefinite
            rate = self._contraction(norm, previous) if iteration > 0 or single else np.inf
            if not np.isfinite(norm) or (iteration > 1 and rate >= SLOW_CONTRACTION and norm > self.newton_tolerance):
                return None
            d = d + delta
            theta = predicted + d
            if (norm < self.newton_tolerance and rate < np.inf) or (rate < 1 and rate / (1 - rate) * norm < self.newton_tolerance):
                if loss > self.loss * (1 + LOSS_RISE):
                    return None
                return d, iteration + 1, loss, multiplier, factor.indefinite
            previous = norm
            if self.fresh_steps > 0 or factor.indefinite:
                factor = None
            elif rate > FAST_CONTRACTION and not fresh:
                factor, self.fresh_steps = None, FRESH_STEPS
        return None

    def _contraction(self, norm, previous):
        """The factor by which the next Newton iteration will shrink the correction, infinite where nothing tells.

        previous : the correction before, None at the first iteration. There the ratio of a second correction to the
        square of the first, kept from an earlier step, tells: it changes slowly, and most steps can do without the
        second iteration that would only confirm it.
        """
        if previous is None:
            self.curvature_age += 1
            return 10 * self.curvature * norm if self.curvature_age <= CURVATURE_AGE else np.inf
        if previous == 0:
            return 0.0
        rate = norm / previous
        self.curvature, self.curvature_age = max(rate / previous, 0.1 * self.curvature), 0
        return rate

    def segment(self, t_end):
        """What `sample` needs of the last step, up to t_end."""
        return t_end, self.t, self.last_h, self.last_order, self.output

    def crossing(self, radius):
        """The time and θ within the last step at which |θ| reaches radius, by bisection of the interpolant."""
        low, high = self.t - self.last_h, self.t
        segment = self.segment(self.t)
        for _ in range(60):
            middle = 0.5 * (low + high)
            if np.linalg.norm(_interpolate(segment, middle)) < radius:
                low = middle
            else:
                high = middle
        return high, _interpolate(segment, high)


class Factor:
    """A factorisation of I + c(H + μI): Cholesky where it is positive definite, else LU."""

    def __init__(self, hessian, c, multiplier=0.0):
        matrix = c * hessian
        matrix[np.diag_indices_from(matrix)] += 1.0 + c * multiplier
        self.factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
        self.indefinite = failed > 0
        if self.indefinite:
            self.factor, self.pivots, failed = lapack.dgetrf(matrix)
        self.usable = failed == 0

    def solve(self, right):
        """(I + c(H + μI))⁻¹ right."""
        if not self.indefinite:
            return lapack.dpotrs(self.factor, right, lower=1)[0]
        return lapack.dgetrs(self.factor, self.pivots, right)[0]


class _Watch:
    """Says after each step whether the flow has ended by itself."""

    def __init__(self, loss):
        self.decade = [(0.0, loss)]  # (t, loss) of the past, one entry in each tenth of a decade
        self.next_flat_test = 0.0
        self.lowest, self.idle_steps = loss, 0
        self.seen = None

    def __call__(self, bdf, objective):
        while len(self.decade) > 1 and self.decade[1][0] <= bdf.t / 10:
            self.decade.pop(0)
        if bdf.t > 1.25 * self.decade[-1][0]:
            self.decade.append((bdf.t, bdf.loss))
        self.idle_steps += 1
        if bdf.loss < self.lowest * (1 - FLAT_CHANGE):
            self.lowest, self.idle_steps = bdf.loss, 0
        if bdf.growth_steps > 0 and self.idle_steps > SADDLE_PATIENCE:
            return Stop.SADDLE
        if bdf.point is self.seen:
            return None
        self.seen = bdf.point
        return self._at_rest(bdf, objective)

    def _at_rest(self, bdf, objective):
        theta, gradient, hessian, multiplier = bdf.point
        normals = objective.gauge(theta) if hasattr(objective, "gauge") else np.zeros((theta.size, 0))
        if bdf.radius is not None:
            hessian = hessian + multiplier * np.eye(theta.size)
            normals = np.linalg.qr(np.column_stack([theta, normals]))[0]
        if normals.size:
            gradient, hessian = tangential(gradient, hessian, normals, np.linalg.norm(hessian) / theta.size**0.5)
        factor, indefinite = lapack.dpotrf(hessian, lower=1, clean=0)
        if not indefinite:
            step = lapack.dpotrs(factor, gradient, lower=1)[0]
            if self._negligible(step, 0.5 * gradient @ step, bdf):
                return Stop.STATIONARY if bdf.radius is None else Stop.WALL
        since, before = self.decade[0]
        if since > bdf.t / 10 or before - bdf.loss > FLAT_CHANGE * bdf.loss or bdf.t < self.next_flat_test:
            return None
        self.next_flat_test = 1.5 * bdf.t
        step, decrease, values = newton_step(gradient, hessian)
        if values[0] < -_noise(values) or not self._negligible(step, decrease, bdf):
            return None
        if bdf.radius is not None:
            return Stop.WALL
        return Stop.LINEAR if objective.linear_neurons(theta) else Stop.FLAT

    @staticmethod
    def _negligible(step, decrease, bdf):
        small = STATIONARY_STEP * max(1.0, abs(bdf.theta).max())
        return abs(step).max() < small and decrease < STATIONARY_DECREASE * bdf.loss


def tangential(gradient, hessian, normals, curvature):
    """Gradient and Hessian without their share along the orthonormal columns of `normals` (P, n), where the Hessian becomes `curvature`."""
    gradient = gradient - normals @ (normals.T @ gradient)
    half = hessian @ normals
    half -= 0.5 * normals @ (normals.T @ half)
    return gradient, hessian - half @ normals.T - normals @ half.T + curvature * normals @ normals.T


def newton_step(gradient, hessian):
    """The Newton step to the minimum, over the directions whose eigenvalue is above rounding.

    Returns
    -------
    step (P,); the decrease it predicts; the eigenvalues, ascending.
    """
    values, vectors = eigh(hessian)
    components = vectors.T @ gradient
    used = values > _noise(values)
    step = -vectors[:, used] @ (components[used] / values[used])
    return step, 0.5 * float(np.sum(components[used] ** 2 / values[used])), values


def _noise(values):
    """Eigenvalues of a Hessian below this are rounding; `values` ascending."""
    return NOISE * values[-1] * values.size**0.5


def sample(history, samples, theta_end):
    """t (samples,) and θ (samples, P) at log-spaced times from the end of the first step to the end of the last."""
    if not history:
        return np.zeros(samples), np.tile(theta_end, (samples, 1))
    ends = np.array([segment[0] for segment in history])
    times = np.geomspace(ends[0], ends[-1], samples)
    times[-1] = ends[-1]
    where = np.minimum(np.searchsorted(ends, times), len(history) - 1)
    points = np.array([_interpolate(history[i], t) for i, t in zip(where, times)])
    points[-1] = theta_end
    return times, points


def _interpolate(segment, t):
    """θ(t) from the differences of one step."""
    _, t_step, h, order, differences = segment
    k = np.arange(order)
    since = min(max(t - t_step, -h), 0.0)  # a step may be shorter than the spacing of the numbers at t
    return differences[0] + np.cumprod((since + h * k) / (h * (1 + k))) @ differences[1:]


def _differences(order, factor):
    i = np.arange(1, order + 1)[:, None]
    j = np.arange(1, order + 1)
    matrix = np.zeros((order + 1, order + 1))
    matrix[1:, 1:] = (i - 1 - factor * j) / i
    matrix[0] = 1
    return np.cumprod(matrix, axis=0)


def _change_of_loss(gradient, delta, residual, c):
    """g·δ + ½ δ·Hδ, by which a correction δ with (I + cH) δ = residual changes the loss."""
    return float(gradient @ delta + 0.5 * (residual - delta) @ delta / c)


def _rms(x):
    return float(np.sqrt(x @ x / x.size))
