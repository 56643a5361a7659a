"""When a flow has ended: the criteria on their own, flows that begin deep in a channel, flat and linear ends, false saddles."""

import numpy as np
import pytest
from test_flow import Custom, Quadratic, rotated

from flatchannels import Dataset, Network, gradient_flow, polish
from flatchannels.dynamics.curvature import newton_step, resolution
from flatchannels.dynamics.objectives import Objective
from flatchannels.dynamics.stopping import Decade, at_a_flat_minimum, at_a_strict_minimum, negligible, slides
from flatchannels.networks.norm import weight_norm
from flatchannels.reasons import Stop

STIFF = 1e9

# A channel: the loss falls as 1/γ² along a floor, beside which it rises steeply. Far out the curvature along the floor, 6/γ⁴, is
# below what rounding adds to that across, and γ⁴ grows as 8t.
CHANNEL = Custom(
    lambda p: 1 + 1 / p[0] ** 2 + 0.5 * STIFF * p[1] ** 2,
    lambda p: np.array([-2 / p[0] ** 3, STIFF * p[1]]),
    lambda p: np.diag([6 / p[0] ** 4, STIFF]),
)


def of_a_network(activation="tanh", width=3, bias=True, samples=200):
    rng = np.random.default_rng(3)
    x = rng.normal(size=(samples, 2))
    net = Network(2, (width,), activation, bias)
    return net, Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2), rng


@pytest.mark.parametrize("start", [100.0, 1000.0])
def test_a_flow_that_begins_deep_in_a_channel_goes_on_to_the_wall(start):
    theta = np.array([start, 0.0])
    values = np.linalg.eigvalsh(CHANNEL.derivatives(theta)[2])
    assert values[0] < resolution(values)  # the floor looks flat
    wall = weight_norm(3 * theta)
    flow = gradient_flow(CHANNEL, theta, maxnorm=wall)
    assert flow.stop == Stop.WALL and flow.weight_norm == pytest.approx(wall, rel=1e-9)
    reached = flow.theta[:, 0] < 0.999 * 3 * start
    assert np.allclose(flow.theta[reached, 0] ** 4, start**4 + 8 * flow.t[reached], rtol=1e-3)


def test_a_slope_along_null_directions_is_told_from_rounding():
    assert slides(CHANNEL, np.array([1000.0, 0.0]), 1.0, 1e16)
    assert not slides(CHANNEL, np.array([1000.0, 0.0]), 1.0, 1e3)  # so short that the loss would not change
    assert not slides(CHANNEL, np.array([1e8, 0.0]), 1.0, 1e16)
    net, data, rng = of_a_network(width=2)
    objective = Objective(Network(2, (1,), "tanh"), data)
    narrow = polish(objective, gradient_flow(objective, np.array([0.5, 0.1, 0.2, 1.0, 0.0])).theta_end)
    W, a = Network(2, (1,), "tanh").matrices(narrow.theta)
    twice = np.concatenate([W.ravel(), W.ravel(), [0.3 * a[0, 0], 0.7 * a[0, 0], a[0, 1]]])  # a plateau: its slope is rounding
    _, gradient, hessian = net.derivatives(twice, data)
    values, vectors = np.linalg.eigh(hessian)
    null = vectors[:, abs(values) < resolution(values)]
    assert null.shape[1] == 1 and not slides(Objective(net, data), twice, net.loss(twice, data), np.inf)


def test_a_plateau_that_attracts_is_flat():
    net, data, _ = of_a_network("g", width=3, samples=400)
    narrow = Network(2, (2,), "g")
    found = 0
    for seed in range(6):
        end = gradient_flow(Objective(narrow, data), narrow.initialise(np.random.default_rng(seed)), rtol=1e-9, maxnorm=1e3)
        W, a = narrow.matrices(end.theta_end)
        for share in (-0.5, 0.5, 1.5):  # of the first neuron, in two
            copies = np.vstack([W[0], W]).ravel()
            start = np.concatenate([copies, [share * a[0, 0], (1 - share) * a[0, 0], *a[0, 1:]]])
            values = np.linalg.eigvalsh(net.hessian(start, data))
            if end.stop == Stop.STATIONARY and values[0] > -resolution(values):
                flow = gradient_flow(Objective(net, data), start, maxnorm=1e3)
                # The eigenvalue along the plateau is rounding, of either sign.
                assert flow.stop in (Stop.FLAT, Stop.STATIONARY) and np.allclose(flow.loss, flow.loss[0], rtol=1e-10)
                found += 1
    assert found


def test_negligible_is_relative_to_theta_and_to_the_loss():
    theta = np.array([0.0, 50.0])
    assert negligible(np.array([4e-6, 0.0]), 9e-13, theta, 1.0) and negligible(np.array([4e-6, 0.0]), 9e-13, theta, -1.0)
    assert not negligible(np.array([6e-6, 0.0]), 0.0, theta, 1.0)
    assert not negligible(np.zeros(2), 2e-12, theta, 1.0) and negligible(np.zeros(2), 2e-12, theta, 10.0)


def test_minima_are_told_by_hessian_and_step():
    A = rotated([0.0, 1.0, 3.0])
    gradient = A @ np.full(3, 1e-9)
    theta, strict = np.ones(3), A + 1e-3 * np.eye(3)
    assert at_a_flat_minimum(gradient, A, theta, 1.0) and not at_a_strict_minimum(gradient, A - 1e-9 * np.eye(3), theta, 1.0)
    assert at_a_strict_minimum(strict @ np.full(3, 1e-9), strict, theta, 1.0)
    assert not at_a_flat_minimum(gradient, A - 1e-6 * np.eye(3), theta, 1.0)
    assert not at_a_flat_minimum(A @ np.full(3, 1e-3), A, theta, 1.0)


def test_a_newton_step_solves_over_the_directions_above_rounding():
    A = rotated([0.0, 1.0, 3.0])
    gradient = A @ np.array([1.0, 2.0, 3.0])
    step, decrease, values = newton_step(gradient, A)
    assert np.allclose(A @ step, -gradient) and abs(values[0]) < resolution(values)
    assert decrease == pytest.approx(0.5 * gradient @ np.linalg.pinv(A, rtol=1e-12) @ gradient)


def test_a_decade_must_be_known_before_it_tells():
    decade = Decade(5.0)
    decade.add(1e3, 1.0)
    assert not decade.shows_no_change(1e3, 1.0)  # a long first step is no decade
    for t in np.geomspace(1e3, 2e4, 40):
        decade.add(t, 1.0)
    assert decade.shows_no_change(2e4, 1.0) and not decade.shows_no_change(2e4, 1.0 - 1e-11)


@pytest.mark.parametrize("seed", range(6))
def test_a_neuron_that_is_linear_on_every_sample_makes_no_saddle(seed):
    net, data, _ = of_a_network("softplus", 2)
    rng = np.random.default_rng(seed)
    start = net.initialise(rng)
    W, a = net.matrices(start)
    W[0], W[0, -1], a[0, 0] = 0.1 * W[0], 25.0, 0.5
    flow = gradient_flow(Objective(net, data), start, maxnorm=1e3)
    assert flow.stop in (Stop.LINEAR, Stop.STATIONARY, Stop.FLAT, Stop.WALL, Stop.T_LIMIT) and flow.steps < 2000
    # At the end of the flow, up to a third of the tolerance off the floor, curvature of 7e-15 λ_max may be real: the minimum tells.
    end = polish(Objective(net, data, 1e3), flow.theta_end)
    values = np.linalg.eigvalsh(net.hessian(end.theta, data))
    assert flow.stop in (Stop.WALL, Stop.T_LIMIT) or values[0] > -resolution(values)
    assert end.loss == pytest.approx(flow.loss_end, rel=1e-9)


@pytest.mark.parametrize("seed", [5, 7])
def test_a_flow_with_a_linear_neuron_ends_when_its_gradient_is_rounding(seed):
    # Near t = 1e13 rounding moves the solution of each step by more than Newton's iteration may leave.
    x = np.random.default_rng(3).normal(size=(40, 1))
    y = np.sin(2 * x[:, 0]) + x[:, 0] ** 2
    net, data = Network(1, (2,), "softplus"), Dataset(x, (y - y.mean()) / y.std())
    flow = gradient_flow(Objective(net, data), net.initialise(np.random.default_rng(seed)), maxnorm=1e3)
    assert flow.stop == Stop.LINEAR and flow.hessians < 6 * flow.steps


def test_steps_far_too_long_at_late_times_do_not_end_a_flow():
    # Where L falls as slowly as here, t grows to 1e20 with steps of that size, which end where Hessians are of another kind.
    net = Network(1, (2,), "sigmoid")
    x = np.linspace(-2, 2, 60)[:, None]
    data = Dataset(x, net.predict(np.array([1.0, 0.3, -0.5, 0.2, 1.0, 2.0, 0.1]), x))
    for seed in range(4):
        flow = gradient_flow(Objective(net, data), net.initialise(np.random.default_rng(seed)), max_t=1e20)
        assert flow.stop not in (Stop.FAILED, Stop.SADDLE), flow.message


def test_a_flow_without_a_wall_ends_at_a_minimum_or_with_its_time():
    for activation in ("softplus", "tanh"):
        net, data, _ = of_a_network(activation)
        for seed in range(3):
            flow = gradient_flow(Objective(net, data), net.initialise(np.random.default_rng(seed)))
            assert flow.stop in (Stop.STATIONARY, Stop.FLAT, Stop.LINEAR, Stop.T_LIMIT), flow.message


def test_a_saddle_of_a_quadratic_form_is_one_only_if_it_falls_somewhere():
    at_rest = gradient_flow(Quadratic(rotated([-1e-4, 1.0, 2.0])), np.zeros(3))
    assert at_rest.stop == Stop.SADDLE


@pytest.mark.parametrize(("start", "stops"), [(0.0, {Stop.SADDLE}), (1e-200, {Stop.STATIONARY})])
def test_the_value_0_at_a_saddle_is_no_exact_fit(start, stops):
    """x² − y² + y⁴ from (1, y): with y = 0 the flow ends at the saddle, whose value is 0; else at a minimum of −1/4."""
    objective = Custom(
        lambda p: p[0] ** 2 - p[1] ** 2 + p[1] ** 4,
        lambda p: np.array([2 * p[0], -2 * p[1] + 4 * p[1] ** 3]),
        lambda p: np.diag([2.0, -2 + 12 * p[1] ** 2]),
    )
    flow = gradient_flow(objective, np.array([1.0, start]))
    assert flow.stop in stops and flow.loss_end == pytest.approx(0.0 if start == 0 else -0.25, abs=1e-9)


@pytest.mark.parametrize("scale", [1e3, 1e5])
def test_the_loss_of_a_start_beyond_the_wall_does_not_tell_what_fits(scale):
    net, data, rng = of_a_network()
    flow = gradient_flow(Objective(net, data), scale * net.initialise(rng), maxnorm=1e3, max_t=1e3)
    assert flow.stop != Stop.EXACT or flow.loss_end < 1e-18
