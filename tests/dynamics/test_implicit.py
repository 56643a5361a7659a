"""The implicit equation of a step in a narrow, curved valley, beside its solution by elimination."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from flatchannels.dynamics.implicit import Equation, Factor, Newton
from flatchannels.dynamics.integrator import Bdf

STIFFNESS = 1e6


class Valley:
    """½ λ (y − x²/2)² + s x, whose floor is a parabola that the flow follows to the left."""

    def __init__(self, slope=1e-3):
        self.slope = slope

    def loss_and_gradient(self, theta):
        return self.derivatives(theta)[:2]

    def derivatives(self, theta):
        x, y = theta
        away = y - 0.5 * x * x
        gradient = STIFFNESS * away * np.array([-x, 1.0]) + np.array([self.slope, 0.0])
        hessian = STIFFNESS * np.array([[x * x - away, -x], [-x, 1.0]])
        return 0.5 * STIFFNESS * away**2 + self.slope * x, gradient, hessian


def equation(predicted, centre, c, objective):
    predicted, centre = np.array(predicted), np.array(centre)
    scale = 1e-5 * abs(predicted)
    return Equation(predicted, predicted - centre, c, scale, 1.0, objective.loss_and_gradient(predicted)[0] + 1.0, 0.0)


def eliminated(centre, c, objective):
    """The minimum of the potential: y is known for each x, and x from a search along the line."""

    def y_of(x):
        return (STIFFNESS * 0.5 * x * x + centre[1] / c) / (STIFFNESS + 1 / c)

    def potential(x):
        away = np.array([x, y_of(x)]) - centre
        return objective.loss_and_gradient(np.array([x, y_of(x)]))[0] + away @ away / (2 * c)

    x = minimize_scalar(potential, bounds=(0.0, 2.0), method="bounded", options={"xatol": 1e-12}).x
    return np.array([x, y_of(x)])


@pytest.mark.parametrize("above", [1e-6, 1e-5, 1e-4, 1e-3])
@pytest.mark.parametrize("c", [1.0, 1e2])
def test_damped_newton_finds_the_minimum_of_the_potential_from_off_the_floor(above, c):
    objective, x = Valley(), 0.951
    centre = np.array([x, 0.5 * x * x]) + c * objective.slope / (1 + x * x) * np.array([1.0, x])  # a step along the floor to about x
    problem = equation([0.95, 0.5 * 0.95**2 + above], centre, c, objective)
    solution = Newton(objective, 2, 3e-3, None).descend(problem)
    end = problem.predicted + solution.d
    loss, gradient, hessian = objective.derivatives(end)
    assert abs(end - eliminated(centre, c, objective)).max() < 1e-7
    assert abs(c * gradient + problem.psi + solution.d).max() < 1e-4  # the equation itself, whose matrix has the size c λ
    assert not Factor(hessian, c).indefinite and not solution.indefinite
    assert solution.loss == pytest.approx(loss, abs=1e-9)


@pytest.mark.parametrize("above", [-1e-3, 1e-6, 1e-3])
@pytest.mark.parametrize("c", [1.0, 1e2])
def test_on_the_sphere_damped_newton_finds_the_minimum_along_it(above, c):
    objective, start = Valley(), np.array([0.95, 0.5 * 0.95**2 + above])
    radius = np.linalg.norm(start)
    problem = equation(start, [0.9, 0.405], c, objective)
    solution = Newton(objective, 2, 3e-3, radius).descend(problem)
    end = problem.predicted + solution.d
    loss, gradient, _ = objective.derivatives(end)
    assert np.linalg.norm(end) == pytest.approx(radius, rel=1e-12)
    assert abs(c * (gradient + solution.multiplier * end) + problem.psi + solution.d).max() < 1e-4 * c
    assert solution.loss == pytest.approx(loss, abs=1e-9)

    def on_the_circle(angle):
        theta = radius * np.array([np.cos(angle), np.sin(angle)])
        return theta, objective.derivatives(theta)[1] + (theta - problem.centre) / c  # θ and the gradient of the potential there

    def along_it(angle):
        theta, slope = on_the_circle(angle)
        return slope @ np.array([-theta[1], theta[0]])

    angle = np.arctan2(end[1], end[0])
    best = brentq(along_it, angle - 1e-3, angle + 1e-3, xtol=1e-15)
    assert best == pytest.approx(angle, abs=1e-6)
    theta, slope = on_the_circle(best)
    assert solution.multiplier == pytest.approx(-(slope @ theta) / radius**2, abs=1e-10)


def test_the_matrix_of_the_step_is_indefinite_off_the_floor():
    floor, off = (Valley().derivatives(np.array([0.95, 0.5 * 0.95**2 + above]))[2] for above in (0.0, 1e-3))
    assert not Factor(floor, 1.0).indefinite and Factor(off, 1.0).indefinite


def test_a_minimum_at_a_higher_loss_is_no_solution():
    objective, centre = Valley(), np.array([0.9, 0.405])
    problem = equation([0.95, 0.46], centre, 1.0, objective)._replace(highest_loss=-1.0)
    assert Newton(objective, 2, 3e-3, None).descend(problem) is None


def test_a_loss_that_is_not_finite_is_no_solution():
    class Undefined(Valley):
        def derivatives(self, theta):
            return np.nan, np.full(2, np.nan), np.full((2, 2), np.nan)

    assert Newton(Undefined(), 2, 3e-3, None).descend(equation([0.95, 0.46], [0.9, 0.405], 1.0, Valley())) is None


class Rounded:
    """½ λ x² + ½ h y² + 1, whose gradient along y is known to ± `noise` alone."""

    def __init__(self, h=0.0, noise=0.0):
        self.h, self.noise, self.rng = h, noise, np.random.default_rng(1)

    def loss_and_gradient(self, theta):
        return self.derivatives(theta)[:2]

    def derivatives(self, theta):
        x, y = theta
        curvatures = np.array([STIFFNESS, self.h])
        gradient = curvatures * theta + [0.0, self.rng.choice([-1.0, 1.0]) * self.noise]
        return 1.0 + 0.5 * STIFFNESS * x * x + 0.5 * self.h * y * y, gradient, np.diag(curvatures)


def test_damped_newton_ends_where_rounding_moves_the_solution_by_a_tenth_of_the_tolerance():
    c, tolerance = 1e13, 1e-5
    objective = Rounded(noise=0.1 * tolerance / c)
    newton = Newton(objective, 2, 3e-3, None)
    problem = equation([1e-6, 1.0], [1e-6, 1.0], c, objective)._replace(scale=np.full(2, tolerance))
    end = problem.predicted + newton.descend(problem).d
    assert abs(end - [0.0, 1.0]).max() < 0.3 * tolerance and newton.damped_iterations <= 3


@pytest.mark.parametrize(("h", "is_rounding"), [(-1e-10, True), (-1e-8, False)])  # over λ: 1e-16 and 1e-14
def test_damped_newton_overlooks_negative_curvature_that_is_rounding_and_no_other(h, is_rounding):
    c = 1e12
    objective = Rounded(h)
    assert Factor(objective.derivatives(np.zeros(2))[2], c).indefinite
    solution = Newton(objective, 2, 3e-3, None).descend(equation([1e-6, 0.0], [0.0, 0.0], c, objective)._replace(scale=np.full(2, 1e-3)))
    assert (solution is not None) == is_rounding


def test_a_gradient_along_a_surface_has_no_potential():
    class OnASurface(Valley):
        def gauge(self, theta):
            return np.array([[1.0], [0.0]])

    assert Bdf(Valley(), np.array([0.95, 0.46]), 0.0, 1e-5).has_potential
    assert not Bdf(OnASurface(), np.array([0.95, 0.46]), 0.0, 1e-5).has_potential
