"""Newton's method for the implicit equation of one step: full Newton, bordered on the norm sphere.

The equation is c(∇L(θ) + μθ) + ψ + d = 0 for θ = predicted + d; μ is 0 in the free flow, and on the sphere |θ| = radius the
multiplier of the constraint, one more unknown. Departs from the usual code in that the Hessian is re-evaluated in every step,
and at every iteration for a while after convergence was slow, because channels are stiff *curved* valleys in which a Jacobian
shared by several steps holds the step size down; in turn one iteration is often enough. Only large networks keep a Hessian,
for as long as that pays.

Source: Hairer & Wanner II, section IV.8 (stopping by the rate of contraction); Nocedal & Wright, chapter 18 (bordering).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from flatchannels.dynamics.ndf import rms
from flatchannels.dynamics.objectives import TwiceDifferentiable
from flatchannels.precision import EIGENVALUE_NOISE, LOSS_RESOLUTION

Array = NDArray[np.float64]

NEWTON_ITERATIONS = 10
FAST_CONTRACTION = 0.2  # a kept factorisation must contract at least this fast
SLOW_CONTRACTION = 0.9  # a fresh one that contracts more slowly has failed
FRESH_STEPS = 30  # steps with a Hessian at every iteration after a slow or refused step
DESCENT_ITERATIONS = 60  # of `Newton.descend`
LARGEST_DAMPING = 1e20  # at which it gives up
LOSS_VISIBLE = 1e-8  # relative, a tenth of the rise for which a step is refused
LOOSE = 0.3  # of what the error test allows: the tolerance where the potential no longer tells one θ from another
SLACK = 1e-11  # of the loss, relative: a change of the potential below it is not looked at
FINEST = 1e-6  # of the tolerance, to which a solution that raises the loss is refined before it is refused
CURVATURE_AGE = 10  # steps before the contraction of the iteration is measured again
KEPT_SIZE = 40  # parameters from which on a Hessian is kept over several steps
KEPT_ITERATIONS = 5
KEPT_AGE = 1.5  # of t, as a factor
LONGEST_PAUSE = 64  # steps


class Point(NamedTuple):
    """Where loss and derivatives were last evaluated together, and μ there."""

    theta: Array
    gradient: Array
    hessian: Array
    multiplier: float


class Equation(NamedTuple):
    """The implicit equation of a step.

    Parameters
    ----------
    predicted : (P,)
        θ at the end of the step, extrapolated.
    psi : (P,)
        ψ, the share of the differences of the past.
    c : float
        The step size over the formula's α.
    scale : (P,)
        The unit of the corrections.
    t : float
        Where the step begins.
    highest_loss : float
        Above it a step is refused.
    multiplier : float
        μ at t.
    """

    predicted: Array
    psi: Array
    c: float
    scale: Array
    t: float
    highest_loss: float
    multiplier: float

    def potential(self, theta: Array, loss: float) -> float:
        """The potential at `theta`, where L is `loss`."""
        away = theta - self.centre
        return loss + float(away @ away) / (2 * self.c)

    @property
    def centre(self) -> Array:
        """The point (P,) for which the solution is a critical point of the potential L + |θ − centre|²/(2c)."""
        return self.predicted - self.psi


class Solution(NamedTuple):
    """The solution of the implicit equation of a step.

    Parameters
    ----------
    d : (P,)
        The correction of the predicted θ.
    iterations : int
    loss : float
    multiplier : float
        μ at the end of the step.
    indefinite : bool
        Whether I + c(H + μI) was indefinite.
    """

    d: Array
    iterations: int
    loss: float
    multiplier: float
    indefinite: bool


class Factor:
    """A factorisation of I + c(H + μI): Cholesky where it is positive definite, else LU."""

    def __init__(self, hessian: Array, c: float, multiplier: float = 0.0) -> None:
        matrix = c * hessian
        matrix[np.diag_indices_from(matrix)] += 1.0 + c * multiplier
        self.factor, failed = lapack.dpotrf(matrix, lower=1, clean=0)
        self.indefinite = failed > 0
        if self.indefinite:
            self.factor, self.pivots, failed = lapack.dgetrf(matrix)
        self.usable = failed == 0

    def solve(self, right: Array) -> Array:
        """The solution z of (I + c(H + μI)) z = right.

        Parameters
        ----------
        right : (P,)

        Returns
        -------
        (P,)
        """
        if not self.indefinite:
            return lapack.dpotrs(self.factor, right, lower=1)[0]
        return lapack.dgetrs(self.factor, self.pivots, right)[0]


class Newton:
    """Solves the equations of one flow after the other, and remembers what makes the next one cheaper.

    Its attribute `point` is the `Point` of the last Hessian, None before the first; `damped_iterations` counts those of `descend`.

    Parameters
    ----------
    objective : TwiceDifferentiable
    parameters : int
        P.
    tolerance : float
        Of the corrections, in units of `Equation.scale`.
    radius : float or None
        Of the sphere; None for the free flow.
    """

    def __init__(self, objective: TwiceDifferentiable, parameters: int, tolerance: float, radius: float | None) -> None:
        self.objective, self.tolerance, self.radius = objective, tolerance, radius
        self.point: Point | None = None
        self.point_t = 0.0
        self.damped_iterations = 0
        self.fresh_steps = 0  # to go
        self.curvature, self.curvature_age = 0.0, CURVATURE_AGE  # see `_contraction`
        # See `_with_a_kept_hessian`. A Hessian costs as much as P / 25 gradients, and two gradients replace it.
        self.keep, self.pause, self.wait = parameters >= KEPT_SIZE, 1, 0

    def __getstate__(self) -> dict:
        return vars(self) | {"objective": None}  # the data are not part of the state

    def solve(self, equation: Equation, growing: bool, careful: bool = False) -> Solution | None:
        """Solve the equation of one step.

        Parameters
        ----------
        equation : Equation
        growing : bool
            Whether a perturbation was found to grow lately: then no Hessian is kept.
        careful : bool
            Whether what the iteration leaves must not show in the loss either; no Hessian is kept.

        Returns
        -------
        Solution or None
            None where the iteration does not converge or the loss rises.
        """
        return self._with_a_kept_hessian(equation, growing or careful) or self._with_fresh_hessians(equation, careful)

    def step_taken(self) -> None:
        """Take note of an accepted step: to be called after each."""
        self.fresh_steps -= 1

    def step_refused(self, fresh: bool) -> None:
        """Take note of a refused step: to be called after each.

        Parameters
        ----------
        fresh : bool
            Whether the next steps need a Hessian at every iteration.
        """
        self.curvature_age = CURVATURE_AGE
        if fresh:
            self.fresh_steps = FRESH_STEPS

    def _with_a_kept_hessian(self, equation: Equation, growing: bool) -> Solution | None:
        """`solve` of the free flow with the Hessian of an earlier step; None where that is not tried or does not pay.

        A failed attempt costs gradients, hence after each the next ones are left out for twice as long. The Hessian is
        not kept for long in t, so that a direction that has begun to grow is noticed.
        """
        self.wait -= 1
        if self.point is None or self.radius is not None or growing:
            return None
        if not (self.keep and self.wait <= 0 and equation.t <= KEPT_AGE * self.point_t):
            return None
        predicted, psi, c, scale = equation[:4]
        factor = Factor(self.point.hessian, c)
        previous = np.inf
        d, theta = np.zeros_like(predicted), predicted
        for left in range(KEPT_ITERATIONS - 1, -1, -1):
            loss, gradient = self.objective.loss_and_gradient(theta)
            residual = -(c * gradient + psi + d)
            delta = factor.solve(residual)
            loss += _change_of_loss(gradient, delta, residual, c)
            norm = rms(delta / scale)
            rate = norm / previous
            if factor.indefinite or not rate < 1 or (rate > 0 and rate**left / (1 - rate) * norm > self.tolerance):
                break
            d = d + delta
            theta = predicted + d
            if 0 < rate / (1 - rate) * norm < self.tolerance or norm == 0:
                if loss > equation.highest_loss:
                    break
                self.pause = 1
                return Solution(d, KEPT_ITERATIONS - left, loss, 0.0, False)
            previous = norm
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        self.wait = self.pause
        return None

    def descend(self, equation: Equation) -> Solution | None:
        """The solution that a damped Newton iteration finds: a minimum of the potential L + |θ − centre|²/(2c), on the sphere or free.

        The extrapolation leaves the floor of a narrow, curved valley by so little that the error test does not mind; but
        with c λ_max = 1e9 the Hessian there is indefinite along the valley, and an undamped correction leads anywhere.
        Damped it leads across, back to the floor, and from there the iteration converges as usual. To divide by 1 + μ is to
        take a step c/(1 + μ) of the flow of the potential: the minimum found is the one that the flow leads to.

        Rounding of the gradient, times c, may move the solution by more than the tolerance, and rounding of the Hessian make the matrix
        indefinite: neither keeps the iteration going where the potential cannot tell.

        None where the iteration does not end, or at a higher loss. Sources: Kelley & Keyes 1998 (pseudo-transient continuation);
        Absil, Mahony & Sepulchre 2008, chapter 6 (Newton's method on a sphere).
        """
        predicted, _, c, scale = equation[:4]
        theta, damping, multiplier = self._onto_sphere(predicted), 0.0, 0.0
        value = equation.potential(theta, self.objective.loss_and_gradient(theta)[0])
        for iteration in range(DESCENT_ITERATIONS if np.isfinite(value) else 0):
            loss, gradient, hessian = self.objective.derivatives(theta)
            self.damped_iterations += 1
            residual = equation.centre - theta - c * gradient
            if self.radius is not None:
                multiplier = float(residual @ theta) / (c * self.radius**2)
                residual -= c * multiplier * theta
            self.point, self.point_t = Point(theta, gradient, hessian, multiplier), equation.t
            slack, tie = SLACK * abs(loss), LOSS_RESOLUTION * abs(loss)
            hidden_damping = c * EIGENVALUE_NOISE * np.linalg.norm(hessian)  # it lifts no eigenvalue by more than its rounding
            while True:
                factor = Factor(hessian, c / (1 + damping), multiplier)
                if not factor.indefinite:
                    delta, pull = self._along_sphere(theta, factor, factor.solve(residual / (1 + damping)))
                    decrease = 0.5 * float(residual @ delta + damping * (delta @ delta)) / c  # of the potential, as predicted
                    there = self._onto_sphere(theta + delta)
                    hidden = decrease < max(slack, 0.01 * (equation.highest_loss - loss))
                    tolerance = LOOSE if (1 + damping) * decrease < tie else self.tolerance
                    if damping <= hidden_damping and hidden and (1 + damping) * rms(delta / scale) < tolerance:
                        loss += _change_of_loss(gradient, delta, residual - damping * delta, c)  # the way back to the sphere adds μ |δ|²/2
                        multiplier += (1 + damping) * pull / c  # that at `theta` has the rounding of θ·∇L, and may have its sign
                        solution = Solution(there - predicted, min(iteration + 1, NEWTON_ITERATIONS), loss, multiplier, False)
                        return solution if loss <= equation.highest_loss else None
                    trial = equation.potential(there, self.objective.loss_and_gradient(there)[0])
                    if value - trial > 0.1 * decrease - slack:
                        break
                damping = max(4 * damping, 1.0)
                if damping > LARGEST_DAMPING:
                    return None
            if value - trial > 0.5 * decrease - slack:
                damping = 0.0
            theta, value = there, trial
        return None

    def _onto_sphere(self, theta: Array) -> Array:
        return theta if self.radius is None else theta * (self.radius / np.linalg.norm(theta))

    def _along_sphere(self, theta: Array, factor: Factor, delta: Array) -> tuple[Array, float]:
        """The solution δ of the same equations with δ·θ = 0 and one more unknown, the factor of θ that is added to their left side."""
        if self.radius is None:
            return delta, 0.0
        border = factor.solve(theta)
        pull = float(theta @ delta) / float(theta @ border)
        return delta - pull * border, pull

    def _with_fresh_hessians(self, equation: Equation, careful: bool) -> Solution | None:
        predicted, psi, c, scale = equation[:4]
        tolerance = self.tolerance
        d, theta, multiplier = np.zeros_like(predicted), predicted, equation.multiplier
        factor: Factor | None = None
        previous: float | None = None
        for iteration in range(NEWTON_ITERATIONS):
            fresh = factor is None
            if factor is None:
                loss, gradient, hessian = self.objective.derivatives(theta)
                factor = Factor(hessian, c, multiplier)
                self.point, self.point_t = Point(theta, gradient, hessian, multiplier), equation.t
            else:
                loss, gradient = self.objective.loss_and_gradient(theta)
            if not (np.isfinite(loss) and factor.usable):
                return None
            if careful and fresh:
                tolerance = min(self.tolerance, max(_visible(loss, hessian, scale), FINEST * self.tolerance))
            residual = -(c * (gradient + multiplier * theta) + psi + d)
            delta = factor.solve(residual)
            loss += _change_of_loss(gradient, delta, residual, c)
            if self.radius is not None:
                border = factor.solve(c * theta)
                change = (theta @ delta + 0.5 * (theta @ theta - self.radius**2)) / (theta @ border)
                delta -= change * border
                multiplier += float(change)
            norm = rms(delta / scale)
            # One iteration may do, but not on the sphere, which it leaves by its square, nor where the extrapolation may
            # be what made the matrix indefinite.
            single = self.radius is None and not factor.indefinite
            rate = self._contraction(norm, previous) if iteration > 0 or single else np.inf
            if not np.isfinite(norm) or (iteration > 1 and rate >= SLOW_CONTRACTION and norm > tolerance):
                return None
            d = d + delta
            theta = predicted + d
            if (norm < tolerance and rate < np.inf) or (rate < 1 and rate / (1 - rate) * norm < tolerance):
                if loss <= equation.highest_loss:
                    return Solution(d, iteration + 1, loss, multiplier, factor.indefinite)
                if not (previous is None or norm < previous) or norm < FINEST * tolerance:
                    return None
            previous = norm
            if self.fresh_steps > 0 or factor.indefinite:
                factor = None
            elif rate > FAST_CONTRACTION and not fresh:
                factor, self.fresh_steps = None, FRESH_STEPS
        return None

    def _contraction(self, norm: float, previous: float | None) -> float:
        """The factor by which the next iteration will shrink the correction, infinite where nothing tells.

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


def _visible(loss: float, hessian: Array, scale: Array) -> float:
    """The rms of a correction, in units of `scale`, that can change the loss by LOSS_VISIBLE of it."""
    return float(np.sqrt(2 * LOSS_VISIBLE * abs(loss) / max(hessian.diagonal().max(), 1e-300) / scale.size) / rms(scale))


def _change_of_loss(gradient: Array, delta: Array, residual: Array, c: float) -> float:
    """g·δ + ½ δ·Hδ, by which a correction δ with (I + cH) δ = residual changes the loss."""
    return float(gradient @ delta + 0.5 * (residual - delta) @ delta / c)
