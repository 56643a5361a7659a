"""The norm wall: starts beyond it, the regulariser of any function, what counts as on the wall."""

import pickle

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from test_flow import Quadratic, rotated

from flatchannels import Dataset, Network, gradient_flow, train
from flatchannels.dynamics.objectives import Objective, Regularised
from flatchannels.networks.norm import weight_norm
from flatchannels.precision import on_the_wall
from flatchannels.reasons import Stop

A = rotated([0.5, 1.0, 2.0])


def at_norm(direction, norm):
    direction = np.asarray(direction, dtype=float)
    return direction * np.sqrt(norm / weight_norm(direction))


def test_the_regulariser_of_any_function_has_the_derivatives_of_finite_differences():
    objective = Regularised(Quadratic(A, np.ones(3)), 2.0)
    for norm in (1.0, 3.0):
        theta, h = at_norm([1.0, -2.0, 0.5], norm), 1e-6
        loss, gradient, hessian = objective.derivatives(theta)
        assert loss == pytest.approx(Quadratic(A, np.ones(3)).loss_and_gradient(theta)[0] + max(norm - 2, 0) ** 3 / 3)
        ends = [[objective.loss_and_gradient(theta + sign * h * e) for sign in (1, -1)] for e in np.eye(3)]
        assert np.allclose([(a[0] - b[0]) / (2 * h) for a, b in ends], gradient, atol=1e-8)
        assert np.allclose([(a[1] - b[1]) / (2 * h) for a, b in ends], hessian, atol=1e-7)
    net, x = Network(2, (2,), "softplus"), np.random.default_rng(0).normal(size=(20, 2))
    data, theta = Dataset(x, x[:, 0]), np.linspace(-3, 3, 9)
    given, of_any = Objective(net, data, 0.5), Regularised(Objective(net, data), 0.5)
    assert all(np.allclose(a, b, rtol=1e-14) for a, b in zip(given.derivatives(theta), of_any.derivatives(theta)))
    assert of_any.loss_scale == Objective(net, data).loss_scale  # what else the function has it keeps


def test_a_start_beyond_the_wall_is_drawn_back_and_goes_on_inside():
    minimum = np.array([1.0, 0.5, -0.5])
    objective = Quadratic(A, minimum)
    start = at_norm([2.0, 1.0, -3.0], 40.0)
    flow = gradient_flow(objective, start, maxnorm=10.0, rtol=1e-7)
    assert flow.stop == Stop.STATIONARY and flow.multiplier == 0 and np.allclose(flow.theta_end, minimum, atol=1e-5)
    middle = np.argmax([weight_norm(point) < 20 for point in flow.theta])
    reference = solve_ivp(
        lambda t, y: -Regularised(objective, 10.0).loss_and_gradient(y)[1], (0, flow.t[middle]), start, "Radau", rtol=1e-10, atol=1e-11
    )
    assert np.allclose(reference.y[:, -1], flow.theta[middle], rtol=1e-4)
    norms = np.array([weight_norm(point) for point in flow.theta])
    assert norms[0] > 20 and np.all(np.diff(norms[norms > 10]) < 0)
    assert np.allclose(flow.loss, [objective.loss_and_gradient(point)[0] for point in flow.theta])  # without R


@pytest.mark.parametrize("norm", [10.1, 40.0, 1e4])
def test_a_start_beyond_the_wall_with_a_minimum_far_out_ends_where_the_pull_balances(norm):
    far = np.array([30.0, -20.0, 10.0])
    objective = Quadratic(A, far)
    flow = gradient_flow(objective, at_norm([1.0, 1.0, 1.0], norm), maxnorm=10.0)
    assert flow.stop == Stop.WALL and flow.weight_norm > 10
    assert abs(Regularised(objective, 10.0).loss_and_gradient(flow.theta_end)[1]).max() < 1e-4
    gradient = objective.loss_and_gradient(flow.theta_end)[1]
    assert flow.multiplier > 0 and np.allclose(-gradient, flow.multiplier * flow.theta_end, rtol=1e-4)
    assert flow.gradient_norm < 1e-4


def test_a_flow_beyond_the_wall_that_was_cut_goes_on_as_if_it_had_not_been():
    objective, start = Quadratic(A, np.array([1.0, 0.5, -0.5])), at_norm([2.0, 1.0, -3.0], 40.0)
    whole = gradient_flow(objective, start, maxnorm=10.0)
    for cut in (1, 5, whole.steps // 2, whole.steps - 1):
        part = gradient_flow(objective, start, maxnorm=10.0, max_steps=cut)
        assert part.stop == Stop.STEP_LIMIT
        on = gradient_flow(objective, start, maxnorm=10.0, state=pickle.loads(pickle.dumps(part.state)))
        assert on.stop == whole.stop and on.steps == whole.steps and np.array_equal(on.theta, whole.theta)


@pytest.mark.parametrize("activation", ["softplus", "erf"])
def test_a_network_that_starts_beyond_the_wall_ends_converged(activation):
    x = np.random.default_rng(1).normal(size=(200, 2))
    data, net = Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1]), Network(2, (3,), activation)
    start = at_norm(net.initialise(np.random.default_rng(2)), 50.0)
    run = train(net, data, start, maxnorm=20.0, spectrum_samples=2)
    assert run.stop in (Stop.STATIONARY, Stop.WALL, Stop.FLAT, Stop.LINEAR) and run.flow.steps > 20 and run.gradient_norm < 1e-8
    assert run.weight_norm < 25 and run.loss < run.loss_initial
    assert run.loss == pytest.approx(run.flow.loss_end, rel=1e-2)  # the finish goes from the sphere to where R balances


def test_on_the_wall_is_told_with_a_tolerance():
    assert on_the_wall(999.999998, 1000.0) and on_the_wall(1000.0, 1000.0) and on_the_wall(1100.0, 1000.0)
    assert not on_the_wall(999.0, 1000.0) and not on_the_wall(5.0, np.inf)
    assert list(on_the_wall(np.array([999.9999999, 10.0]), 1000.0)) == [True, False]
