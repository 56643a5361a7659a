"""The implicit equation of a step in a narrow, curved valley, beside its solution by elimination."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

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

    def potential(angle):
        theta = radius * np.array([np.cos(angle), np.sin(angle)])
        return problem.potential(theta, objective.loss_and_gradient(theta)[0])

    angle = np.arctan2(end[1], end[0])
    best = minimize_scalar(potential, bounds=(angle - 0.1, angle + 0.1), method="bounded", options={"xatol": 1e-12})
    assert best.x == pytest.approx(angle, abs=1e-6)


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


def test_a_gradient_along_a_surface_has_no_potential():
    class OnASurface(Valley):
        def gauge(self, theta):
            return np.array([[1.0], [0.0]])

    assert Bdf(Valley(), np.array([0.95, 0.46]), 0.0, 1e-5).has_potential
    assert not Bdf(OnASurface(), np.array([0.95, 0.46]), 0.0, 1e-5).has_potential
