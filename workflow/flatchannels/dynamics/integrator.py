"""The integrator of θ' = −∇L(θ), free or on the norm sphere: steps of variable size and order, accepted or refused.

Departs from the usual code in refusing a step that raises the loss (along a gradient flow it never rises), and one so long
that it would damp a perturbation that should grow: with it an implicit formula comes to rest on saddles.

The variable of the steps is s = log(t + delay), with `delay` of the size of the first step: θ' = −e^s ∇L(θ). On its way along a
channel a flow is a sum of powers of t, and so are the other slow parts of flows. In t the length of a step is then a few hundredths
of t at any order; in s a power of t is a slow exponential, and steps of one e-fold of t are accurate. Where something happens in a time
much shorter than t, steps are as they would be in t.

Source: Shampine & Reichelt 1997 (order and step size); Hairer & Wanner II, section III.1.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from flatchannels.dynamics import ndf
from flatchannels.dynamics.curvature import resolution
from flatchannels.dynamics.implicit import FRESH_STEPS, NEWTON_ITERATIONS, Equation, Factor, Newton, Point, Solution
from flatchannels.dynamics.objectives import TwiceDifferentiable, gauge

Array = NDArray[np.float64]

FIRST_STEP = 0.1  # in s
LONGEST_STEP = float(np.log(10.0))  # in s: a decade of t, the unit in which `stopping` judges that nothing happens any more
SAFETY = 0.8  # of the step size that the error allows: with 0.9 every eighth step is refused
SMALLEST_FACTOR, LARGEST_FACTOR = 0.2, 10.0  # bounds on the change of the step size
LOSS_RISE = 1e-7  # relative rise of the loss over a step that is still taken for rounding and tolerance
SMALLEST_GROWTH_FACTOR = 1e-4  # where a step hides growth: the end of one that is longer still says nothing about a shorter one
CAUTIOUS_FACTOR = 2.0  # the upper one after a step was found so long that it hides growth
TROUBLE_MEMORY = 50  # accepted steps after which a troubled one counts 1/e
LONGEST_WAIT = 8  # of such steps, after failures of the damped iteration
MUCH_TROUBLE = 5.0  # from which on a step is not refused before the damped iteration has failed too
FEW_ITERATIONS = 4  # of the damped iteration, after which the next step is tried without
PATIENCE_WITH_ORDER = 3  # refused steps in a row after which the order falls to 1 (Shampine & Gordon 1975)


class StepTooSmall(ArithmeticError):
    """The step size fell below the resolution of t."""


def growth_rate(hessian: Array, multiplier: float) -> float:
    """The rate at which a perturbation grows: −λ_min of the Hessian of L + μ|θ|²/2 where that is above rounding, else 0.

    Parameters
    ----------
    hessian : (P, P)
        Of L.
    multiplier : float
        μ.

    Returns
    -------
    float, per unit of t
    """
    values = eigvalsh(hessian)
    return max(-values[0] - multiplier, 0.0) if values[0] + multiplier < -resolution(values) else 0.0


class Bdf:
    """The integrator: `step` advances t, theta and loss by one accepted step.

    Its attribute `D` (MAX_ORDER + 3, P) holds the backward differences of θ at steps of `h` in s = log(t − t_start + delay).

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)
        Where it starts.
    t : float
        When it starts.
    rtol : float
        Relative tolerance of a step; the absolute one is a thousandth of it.
    radius : float, optional
        θ stays on the sphere |θ| = radius, and `multiplier` is μ in θ' = −∇L − μθ. None for the free flow.
    first_step : float, optional
        An upper bound on the first step.
    exact_loss : float
        The loss up to which one is 0 to rounding.
    """

    def __init__(
        self,
        objective: TwiceDifferentiable,
        theta: Array,
        t: float,
        rtol: float,
        radius: float | None = None,
        first_step: float | None = None,
        exact_loss: float = 0.0,
    ) -> None:
        self.objective, self.theta, self.radius = objective, theta, radius
        self.t_start, self.elapsed = t, 0.0
        self.rtol, self.atol = rtol, 1e-3 * rtol
        self.exact_loss = exact_loss
        self.newton = Newton(objective, theta.size, max(2e-15 / rtol, min(0.03, rtol**0.5)), radius)
        self.loss, gradient = objective.loss_and_gradient(theta)
        self.multiplier = 0.0
        if radius is not None:
            self.multiplier = -float(gradient @ theta) / radius**2
        slope = -gradient - self.multiplier * theta
        largest = ndf.first_step(theta, slope, self._scale(theta), self.atol)
        time_step = largest if first_step is None else min(first_step, largest)
        self.h, self.delay = FIRST_STEP, time_step / FIRST_STEP
        self.order, self.equal_steps, self.rejections, self.failures = 1, 0, 0, 0
        self.D = np.zeros((ndf.MAX_ORDER + 3, theta.size))
        self.D[0], self.D[1] = theta, time_step * slope
        self.at_rest = False  # whether nothing grows here and the loss no longer falls: set from outside, see `_growth_rate`
        self.growth_steps = 0  # steps to go in which the step size may at most double, after `_growth_rate` cut one
        # Steps whose equation Newton's iteration did not solve, or that hid growth, the last TROUBLE_MEMORY above all; see `_descend`.
        self.trouble, self.pause, self.wait = 0.0, 1, 0
        self.damped = False  # whether the next step begins with the damped iteration
        self.has_potential = not gauge(objective, theta).size  # a gradient along a surface is the gradient of nothing

    def __getstate__(self) -> dict:
        return vars(self) | {"objective": None}  # the data are not part of the state

    def observe(self, objective: TwiceDifferentiable) -> None:
        """Take up an objective again, after its state was copied or stored without it.

        Parameters
        ----------
        objective : TwiceDifferentiable
        """
        self.objective = self.newton.objective = objective

    @property
    def t(self) -> float:
        """The time reached."""
        return self.t_start + self.elapsed

    @property
    def time_step(self) -> float:
        """The length of the next step in t, to first order."""
        return self.h * self._rate()

    def _rate(self) -> float:
        """dt/ds at t."""
        return self.elapsed + self.delay

    def _scale(self, theta: Array) -> Array:
        """The unit (P,) of errors and corrections: what the tolerances allow at θ."""
        return self.atol + self.rtol * abs(theta)

    def step(self) -> None:
        """Take one accepted step.

        Raises
        ------
        StepTooSmall
            The step size fell below the resolution of t.
        """
        while True:
            if self._too_small():
                raise StepTooSmall(f"step size {self.time_step:.1e} at t = {self.t:.3e}")
            predicted = ndf.predicted(self.D, self.order)
            # In trouble the undamped iteration mostly fails, so a step after one that had to be damped begins damped.
            solution = self._descend(predicted) if self.damped else None
            self.damped = solution is not None and solution.iterations > FEW_ITERATIONS
            solution = solution or self._solve(predicted)
            growth = self._growth_rate() if solution is not None and solution.indefinite else 0.0
            if solution is None or growth > 0:
                descended = self._descend(predicted)
                if descended is not None:
                    solution, growth, self.damped = descended, 0.0, descended.iterations > FEW_ITERATIONS
            if solution is None:
                self._refuse(0.5)
                continue
            if growth > 0:
                self.growth_steps = 2 * FRESH_STEPS
                self._refuse(min(0.5, max(SMALLEST_GROWTH_FACTOR, 0.5 / (growth * self._c()))))
                continue
            theta = predicted + solution.d
            scale = self._scale(theta)
            error = ndf.rms(ndf.ERROR_CONSTANT[self.order] * solution.d / scale)
            safety = SAFETY * (2 * NEWTON_ITERATIONS + 1) / (2 * NEWTON_ITERATIONS + solution.iterations)
            if error > 1:
                self._refuse(max(SMALLEST_FACTOR, safety * error ** (-1 / (self.order + 1))), fresh=False)
                continue
            break
        self._accept(theta, solution)
        if self.equal_steps > self.order:
            self._choose_order(error, scale, safety)

    def _too_small(self) -> bool:
        # Resolution of the time since the start of this integrator: the flow is autonomous, and after the wall is hit at a
        # late t the first steps can be far shorter than the spacing of the numbers there.
        return not self.time_step > 16 * np.spacing(self.elapsed)

    @property
    def last_point(self) -> Point:
        """Where the Hessian was last evaluated."""
        assert self.newton.point is not None, "no step has been tried"
        return self.newton.point

    def _solve(self, predicted: Array) -> Solution | None:
        return self.newton.solve(self._equation(predicted), self.growth_steps > 0, self.trouble > MUCH_TROUBLE)

    def _descend(self, predicted: Array) -> Solution | None:
        """The solution of `Newton.descend`, where there is much trouble and the solution passes the error test.

        Steps may be as long as the error allows even where they lead over a kink. After a failure the next ones are left out.
        """
        if not self.has_potential:
            return None
        self.trouble += 1.0
        self.wait -= 1
        if self.trouble <= MUCH_TROUBLE or self.wait > 0:
            return None
        solution = self.newton.descend(self._equation(predicted))
        if solution is not None:
            error = ndf.rms(ndf.ERROR_CONSTANT[self.order] * solution.d / self._scale(predicted + solution.d))
            if error <= 1:
                self.pause = 1
                return solution
        self.pause = min(2 * self.pause, LONGEST_WAIT)
        self.wait = self.pause
        return None

    def _equation(self, predicted: Array) -> Equation:
        psi = ndf.history_term(self.D, self.order)
        highest_loss = self.loss + LOSS_RISE * abs(self.loss) + max(self.exact_loss, 0.0)
        return Equation(predicted, psi, self._c(), self._scale(predicted), self.t, highest_loss, self.multiplier)

    def _c(self) -> float:
        """The factor of ∇L in the implicit equation of the next step: h/α times dt/ds at its end."""
        return self.time_step * float(np.exp(self.h)) / ndf.ALPHA[self.order]

    def _accept(self, theta: Array, solution: Solution) -> None:
        self.elapsed += self._rate() * float(np.expm1(self.h))
        self.theta, self.loss, self.multiplier = theta, solution.loss, solution.multiplier
        self.failures = 0
        self.equal_steps += 1
        self.growth_steps -= 1
        self.trouble *= 1 - 1 / TROUBLE_MEMORY
        self.newton.step_taken()
        ndf.advance(self.D, self.order, solution.d)
        self.last = self._rate(), self.h, self.order, self.D[: self.order + 1].copy()

    def _choose_order(self, error: float, scale: Array, safety: float) -> None:
        self.order, factor = ndf.best_order(self.D, self.order, error, scale)
        self._rescale(min(LARGEST_FACTOR if self.growth_steps <= 0 else CAUTIOUS_FACTOR, safety * factor))

    def _growth_rate(self) -> float:
        """By how much a perturbation grows per unit of time at the end of the step that is tried.

        A step longer than the time in which a perturbation grows is not allowed: the implicit formula would damp what
        should grow, and lead the flow onto a saddle that it must leave. Where a step that is far too long ends, the Hessian
        says nothing about the flow, but as a rule it does no harm to shorten it.
        """
        there = growth_rate(self.last_point.hessian, self.last_point.multiplier)
        if there > 0 and self.at_rest:
            return min(there, growth_rate(self.objective.derivatives(self.theta)[2], self.multiplier))
        return there

    def _refuse(self, factor: float, fresh: bool = True) -> None:
        self.rejections += 1
        self.newton.step_refused(fresh)
        self._rescale(factor)
        self.failures += 1
        if self.failures == PATIENCE_WITH_ORDER:
            self._restart()

    def _restart(self) -> None:
        """Order 1 from the present point, with its loss evaluated.

        A shorter step does not help where the differences of the past mislead, nor where the loss, known from a quadratic form alone,
        was taken for lower than it is.

        The first difference is that of a linearly implicit Euler step. The slope itself will not do: next to the floor of a narrow
        valley it points across, and leads as far beyond the floor as λ_max h is large. Nor may the step be longer than a perturbation
        takes to grow, which would turn its sign along that direction.

        Source: Hairer & Wanner II, section IV.7 (linearly implicit methods).
        """
        self.loss, gradient, hessian = self.objective.derivatives(self.theta)
        factor = Factor(hessian, self.time_step, self.multiplier)
        while factor.indefinite and not self._too_small():
            self.h *= 0.5
            factor = Factor(hessian, self.time_step, self.multiplier)
        difference = -self.time_step * factor.solve(gradient + self.multiplier * self.theta)
        if self.radius is not None:
            border = factor.solve(self.theta)
            difference -= (self.theta @ difference) / (self.theta @ border) * border
        self.order = 1
        self.D[:] = 0.0
        self.D[0], self.D[1] = self.theta, difference

    def _rescale(self, factor: float) -> None:
        """Change the step size by `factor` and the differences with it."""
        factor = min(factor, LONGEST_STEP / self.h)
        ndf.rescale(self.D, self.order, factor)
        self.h *= factor
        self.equal_steps = 0

    def segment(self, t_end: float) -> ndf.Segment:
        """The last step, up to a time within it.

        Parameters
        ----------
        t_end : float

        Returns
        -------
        ndf.Segment
        """
        return ndf.Segment(t_end, self.t, *self.last)
