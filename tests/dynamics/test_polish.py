"""The second-order finish: quadratics in one step, curved valleys, null directions, convergence to rounding."""

import numpy as np
import pytest
from test_flow import Custom, Quadratic, example, rotated

from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.polish import polish, trust_region_step
from flatchannels.precision import LOSS_RESOLUTION
from flatchannels.reasons import Finish


def test_a_quadratic_takes_a_few_steps():
    minimum = np.array([0.3, -0.2, 0.5])
    end = polish(Quadratic(rotated([1e-4, 1.0, 1e6]), minimum), np.zeros(3))
    assert np.allclose(end.theta, minimum, atol=1e-9) and end.iterations < 20


def test_a_curved_valley_is_followed_to_its_minimum():
    rosenbrock = Custom(
        lambda p: (1 - p[0]) ** 2 + 1e4 * (p[1] - p[0] ** 2) ** 2 + 1.0,
        lambda p: np.array([-2 * (1 - p[0]) - 4e4 * p[0] * (p[1] - p[0] ** 2), 2e4 * (p[1] - p[0] ** 2)]),
        lambda p: np.array([[2 - 4e4 * (p[1] - 3 * p[0] ** 2), -4e4 * p[0]], [-4e4 * p[0], 2e4]]),
    )
    end = polish(rosenbrock, np.array([-1.2, 1.0]))
    assert np.allclose(end.theta, 1, atol=1e-10) and end.finish in (Finish.CONVERGED, Finish.RESOLUTION)


def test_a_valley_too_flat_for_the_loss_to_show_is_followed_to_its_minimum():
    # The floor of the valley bends, and along it the loss falls by less than rounding: a Newton step along the floor
    # raises the gradient a million times, and the next one across returns to the floor.
    floor, wall, end = 1e-6, 1e4, 1e-4
    valley = Custom(
        lambda p: 1 + 0.5 * floor * (p[0] - end) ** 2 + 0.5 * wall * (p[1] - p[0] ** 2) ** 2,
        lambda p: np.array([floor * (p[0] - end) - 2 * wall * p[0] * (p[1] - p[0] ** 2), wall * (p[1] - p[0] ** 2)]),
        lambda p: np.array([[floor - 2 * wall * (p[1] - 3 * p[0] ** 2), -2 * wall * p[0]], [-2 * wall * p[0], wall]]),
    )
    found = polish(valley, np.zeros(2))
    assert np.allclose(found.theta, [end, end**2], rtol=0, atol=1e-3 * end) and abs(found.gradient).max() < 1e-13


def test_null_directions_are_left_alone():
    A = rotated([0.0, 0.0, 1.0, 5.0], seed=2)
    start = np.array([1.0, 2.0, 3.0, 4.0])
    end = polish(Quadratic(A), start)
    null = np.linalg.eigh(A)[1][:, :2]
    assert np.allclose(null.T @ end.theta, null.T @ start, atol=1e-9) and abs(A @ end.theta).max() < 1e-12


def test_a_saddle_is_left_downhill():
    objective = Custom(
        lambda p: 0.25 * p[1] ** 4 - 0.5 * p[1] ** 2 + 0.5 * p[0] ** 2 + 1,
        lambda p: np.array([p[0], p[1] ** 3 - p[1]]),
        lambda p: np.diag([1.0, 3 * p[1] ** 2 - 1]),
    )
    end = polish(objective, np.array([0.1, 1e-3]))
    assert end.theta == pytest.approx([0, 1], abs=1e-9)


def test_different_starts_near_one_minimum_end_with_the_same_loss_to_rounding():
    _, objective, theta = example(activation="g")
    bottom = gradient_flow(objective, theta).theta_end
    rng = np.random.default_rng(1)
    ends = [polish(objective, bottom + 1e-4 * rng.normal(size=theta.size)) for _ in range(4)]
    assert np.ptp([end.loss for end in ends]) < 3e-15 * ends[0].loss
    assert max(abs(end.gradient).max() for end in ends) < 1e-12


@pytest.mark.parametrize("activation", ["g", "softplus"])
def test_a_point_that_rounding_does_not_let_improve_is_returned_as_it_is_or_better(activation):
    _, objective, theta = example(activation=activation)
    bottom = gradient_flow(objective, theta).theta_end
    for seed in range(4):
        first = polish(objective, bottom + 1e-4 * np.random.default_rng(seed).normal(size=theta.size))
        again = polish(objective, first.theta)
        assert again.loss <= first.loss * (1 + 10 * LOSS_RESOLUTION)
        assert abs(again.gradient).max() <= abs(first.gradient).max() or again.loss < first.loss


def test_trust_region_step_is_the_best_within_the_radius():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, g, radius = np.sort(rng.normal(size=4)), rng.normal(size=4), rng.uniform(0.1, 3)
        step, decrease, inside = trust_region_step(g, values, radius)
        assert np.linalg.norm(step) <= radius * (1 + 1e-6)
        trials = rng.normal(size=(2000, 4))
        trials *= radius * rng.random((2000, 1)) ** 0.25 / np.linalg.norm(trials, axis=1, keepdims=True)
        best = (trials @ g + 0.5 * (trials**2) @ values).min()
        assert -decrease <= best + 1e-9 and inside == (np.linalg.norm(step) < radius * (1 - 1e-6))


def test_limits_and_failures_are_named():
    _, objective, theta = example()
    assert polish(objective, theta, max_iterations=1).finish == Finish.STEP_LIMIT
    assert polish(objective, theta, max_seconds=1e-9).finish == Finish.TIME_LIMIT
    assert polish(objective, np.full_like(theta, np.nan)).finish == Finish.FAILED


class BentValley:
    """1 + ½ 1e4 (y − 500 x²)² + ½ 1e-3 x²: near its minimum what a step along the floor gains is lost in the rounding of the 1."""

    def derivatives(self, theta):
        x, y = theta
        away, stiffness, bend = y - 500 * x * x, 1e4, -1e3 * x
        gradient = stiffness * away * np.array([bend, 1.0]) + np.array([1e-3 * x, 0.0])
        hessian = stiffness * np.array([[bend * bend - 1e3 * away, bend], [bend, 1.0]])
        hessian[0, 0] += 1e-3
        return 1 + 0.5 * stiffness * away**2 + 0.5e-3 * x * x, gradient, hessian


@pytest.mark.parametrize("x", [8e-6, 1e-5, 1.3e-5])
def test_a_step_that_leaves_the_floor_of_a_bent_valley_is_shortened_along_it(x):
    start = np.array([x, 500 * x * x])
    undamped = start - np.linalg.solve(*BentValley().derivatives(start)[:0:-1])
    assert BentValley().derivatives(undamped)[0] > 1 + 1e-12  # visibly higher
    end = polish(BentValley(), start)
    assert abs(end.gradient).max() < 1e-12


def test_a_point_without_a_finite_hessian_is_refused():
    class OnOneSide:  # ½ (x + 3)², whose Hessian is not known beyond x < −1 while the loss goes on falling there
        def derivatives(self, theta):
            hessian = np.array([[1.0 if theta[0] > -1 else np.nan]])
            return 0.5 * (theta[0] + 3) ** 2, theta + 3, hessian

    end = polish(OnOneSide(), np.array([4.0]), max_iterations=60)
    assert -1 < end.theta[0] < 0 and np.isfinite(end.hessian).all()
