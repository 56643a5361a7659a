"""The second-order finish: quadratics in one step, curved valleys, null directions, convergence to rounding."""

import numpy as np
import pytest
from test_flow import Custom, Quadratic, example, rotated

from flatchannels.flow import gradient_flow
from flatchannels.polish import polish, trust_region_step
from flatchannels.reasons import Finish


def test_a_quadratic_takes_a_few_steps():
    minimum = np.array([0.3, -0.2, 0.5])
    end = polish(Quadratic(rotated([1e-4, 1.0, 1e6]), minimum), np.zeros(3))
    assert np.allclose(end.theta, minimum, atol=1e-9) and end.iterations < 20


def test_a_curved_valley_is_followed_to_its_minimum():
    rosenbrock = Custom(
        lambda p: (1 - p[0]) ** 2 + 1e4 * (p[1] - p[0] ** 2) ** 2 + 1.0,
        lambda p: np.array([-2 * (1 - p[0]) - 4e4 * p[0] * (p[1] - p[0] ** 2), 2e4 * (p[1] - p[0] ** 2)]),
        lambda p: np.array([[2 - 4e4 * (p[1] - 3 * p[0] ** 2), -4e4 * p[0]], [-4e4 * p[0], 2e4]]))
    end = polish(rosenbrock, np.array([-1.2, 1.0]))
    assert np.allclose(end.theta, 1, atol=1e-10) and end.finish in (Finish.CONVERGED, Finish.RESOLUTION)


def test_null_directions_are_left_alone():
    A = rotated([0.0, 0.0, 1.0, 5.0], seed=2)
    start = np.array([1.0, 2.0, 3.0, 4.0])
    end = polish(Quadratic(A), start)
    null = np.linalg.eigh(A)[1][:, :2]
    assert np.allclose(null.T @ end.theta, null.T @ start, atol=1e-9) and abs(A @ end.theta).max() < 1e-12


def test_a_saddle_is_left_downhill():
    objective = Custom(lambda p: 0.25 * p[1] ** 4 - 0.5 * p[1] ** 2 + 0.5 * p[0] ** 2 + 1,
                       lambda p: np.array([p[0], p[1] ** 3 - p[1]]), lambda p: np.diag([1.0, 3 * p[1] ** 2 - 1]))
    end = polish(objective, np.array([0.1, 1e-3]))
    assert end.theta == pytest.approx([0, 1], abs=1e-9)


def test_different_starts_near_one_minimum_end_with_the_same_loss_to_rounding():
    _, objective, theta = example(activation="g")
    bottom = gradient_flow(objective, theta).theta_end
    rng = np.random.default_rng(1)
    ends = [polish(objective, bottom + 1e-4 * rng.normal(size=theta.size)) for _ in range(4)]
    assert np.ptp([end.loss for end in ends]) < 3e-15 * ends[0].loss
    assert max(abs(end.gradient).max() for end in ends) < 1e-12


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
