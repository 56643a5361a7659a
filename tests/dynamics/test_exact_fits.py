"""Ends where the loss is 0 or the gradient is: interpolated minima in any scale, starts at minima, saddles and next to them."""

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess
from test_flow import Custom, Quadratic, rotated

from flatchannels import Dataset, Network, gradient_flow, polish, train
from flatchannels.dynamics.objectives import GaugeFixed, Objective, exact_loss
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.precision import EXACT_FIT
from flatchannels.reasons import Stop

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
SMOOTH = [name for name, record in ACTIVATIONS.items() if not record.homogeneous]


def random(seed):
    return np.random.default_rng(seed)


def few_samples(scale=1.0):
    return Dataset(random(1).normal(size=(10, 2)), scale * random(2).normal(size=10))


def of_a_teacher(activation, seed, width=3):
    """Samples of a teacher network, which is returned with its parameters."""
    net = Network(2, (width,), activation)
    x = random(seed).normal(size=(150, 2))
    theta = net.initialise(random(seed + 50)) + 0.3 * random(seed + 90).normal(size=net.parameters)
    return net, theta, Dataset(x, net.predict(theta, x))


def size(data):
    return data.weights @ data.y**2


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("task", ["exclusive or", "more parameters than samples", "constant target"])
def test_a_task_that_can_be_solved_exactly_ends_as_exact(activation, task):
    net, data = {
        "exclusive or": (Network(2, (3,), activation), Dataset(CORNERS, np.array([0, 1, 1, 0.0]))),
        "more parameters than samples": (Network(2, (12,), activation), few_samples()),
        "constant target": (Network(2, (3,), activation), Dataset(few_samples().x, np.full(10, 2.5))),
    }[task]
    for seed in range(3):
        run = train(net, data, seed=seed, spectrum_samples=2)
        assert run.stop == Stop.EXACT and run.loss <= 1e-18 * size(data), (seed, run.stop.name, run.flow.message, run.loss)
        # Some minima of the constant have a singular Hessian, and are approached as a power of t.
        assert run.loss <= EXACT_FIT * size(data) or (task == "constant target" and run.flow.t_end >= 1e16)
        assert run.loss <= run.flow.loss_end


@pytest.mark.parametrize("activation", SMOOTH)
@pytest.mark.parametrize("width", [3, 5])
def test_a_student_of_a_network_fits_exactly_or_ends_elsewhere(activation, width):
    for seed in range(3):
        _, _, data = of_a_teacher(activation, seed)
        run = train(Network(2, (width,), activation), data, seed=seed, spectrum_samples=2)
        # In a channel the flow is as slow as the residuals are small: some are still on their way at the end of time.
        assert run.stop not in (Stop.FAILED, Stop.SADDLE, Stop.STEP_LIMIT), (seed, run.stop.name, run.flow.message)
        assert (run.stop == Stop.EXACT) == (run.loss < 1e-18 * size(data))


@pytest.mark.parametrize("activation", SMOOTH)
def test_a_student_that_starts_near_its_teacher_becomes_one(activation):
    for seed in range(3):
        net, theta, data = of_a_teacher(activation, seed)
        run = train(net, data, theta + 1e-3 * random(seed).normal(size=theta.size), spectrum_samples=2)
        assert run.stop == Stop.EXACT and run.loss <= EXACT_FIT * size(data), (seed, run.stop.name, run.loss)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_an_exact_fit_is_one_in_any_scale_of_the_targets(scale):
    net, data = Network(2, (12,), "tanh"), few_samples(scale)
    for seed in range(2):
        start = net.initialise(random(seed))
        net.matrices(start)[-1][:] *= max(scale, 1.0)  # a start of order one would have to grow by that much
        flow = gradient_flow(Objective(net, data), start)
        assert flow.stop == Stop.EXACT and flow.loss_end < 1e-17 * size(data)


@pytest.mark.parametrize("task", ["more parameters than samples", "constant target"])
def test_relu_fits_exactly_too(task):
    data = few_samples() if task == "more parameters than samples" else Dataset(few_samples().x, np.full(10, 2.5))
    for seed in range(2):
        run = train(Network(2, (12,), "relu"), data, seed=seed, spectrum_samples=2)
        assert run.stop == Stop.EXACT and run.loss < 1e-20 * size(data)


def test_what_is_not_fitted_is_not_exact():
    data = Dataset(np.vstack([CORNERS, CORNERS]), np.append(np.array([0, 1, 1, 0.0]), 1e-3 + np.array([0, 1, 1, 0.0])))
    for seed in range(3):
        run = train(Network(2, (3,), "tanh"), data, seed=seed, spectrum_samples=2)
        assert run.loss >= 0.25e-6 * (1 - 1e-9) and run.stop in (Stop.STATIONARY, Stop.FLAT, Stop.WALL)


@pytest.mark.parametrize("activation", SMOOTH)
def test_a_start_at_the_minimum_is_its_end(activation):
    net, theta, data = of_a_teacher(activation, 4)
    run = train(net, data, theta, spectrum_samples=2)
    assert run.stop == Stop.EXACT and run.flow.steps == 0 and run.flow.t_end == 0
    assert run.loss <= EXACT_FIT * size(data) and np.allclose(run.theta, theta, atol=1e-9)


def test_targets_that_are_all_zero_are_fitted_relative_to_the_start():
    net, data = Network(2, (3,), "tanh"), Dataset(few_samples().x, np.zeros(10))
    flow = gradient_flow(Objective(net, data), net.initialise(random(3)))
    assert flow.stop == Stop.EXACT and flow.loss_end <= EXACT_FIT * flow.loss[0]
    assert gradient_flow(Objective(net, data), np.zeros(net.parameters)).stop == Stop.EXACT


def test_a_function_that_falls_to_zero_is_minimised_exactly():
    objective = Custom(rosen, rosen_der, rosen_hess)
    flow = gradient_flow(objective, np.array([-1.2, 1.0]))
    assert flow.stop == Stop.EXACT and np.allclose(flow.theta_end, 1, atol=1e-10)
    assert polish(objective, flow.theta_end).loss <= flow.loss_end


def test_a_loss_may_be_negative():
    A = rotated([0.1, 1.0, 3.0])
    above, below = (gradient_flow(Quadratic(A, constant=constant), np.ones(3)) for constant in (1.0, -5.0))
    assert above.stop == below.stop == Stop.STATIONARY and np.allclose(above.theta_end, below.theta_end, atol=1e-6)


def test_the_size_of_an_exact_loss():
    net, data = Network(2, (3,), "tanh"), few_samples(2.0)
    assert exact_loss(Objective(net, data), 1.0) == EXACT_FIT * size(data)
    assert exact_loss(Objective(net, Dataset(data.x, 0 * data.y)), 3.0) == 3 * EXACT_FIT
    assert exact_loss(Quadratic(np.eye(2)), -2.0) == 2 * EXACT_FIT
    assert exact_loss(Quadratic(np.eye(2)), 0.0) < 0  # then nothing tells what is small
    relu = Network(2, (3,), "relu")
    assert exact_loss(GaugeFixed(relu, data), 1.0) > exact_loss(Objective(net, data), 1.0)


# Starts at critical points and next to them


@pytest.mark.parametrize(
    "values, stop", [([1.0, 2.0, 3.0], Stop.STATIONARY), ([0.0, 1.0, 2.0], Stop.FLAT), ([-1.0, 1.0, 2.0], Stop.SADDLE)]
)
@pytest.mark.parametrize("constant", [0.0, 1.0])
def test_a_start_at_a_critical_point_is_judged_by_its_hessian(values, stop, constant):
    flow = gradient_flow(Quadratic(rotated(values), constant=constant), np.zeros(3))
    assert flow.stop == stop and flow.steps == 0 and not flow.theta_end.any()


def test_no_weights_and_no_biases_are_a_saddle():
    net = Network(2, (3,), "tanh", bias=False)
    x = random(7).normal(size=(200, 2))
    data = Dataset(x, np.tanh(x[:, 0]))
    assert not net.gradient(np.zeros(net.parameters), data).any()
    run = train(net, data, np.zeros(net.parameters), spectrum_samples=2)
    assert run.stop == Stop.SADDLE and np.linalg.eigvalsh(net.hessian(run.flow.theta_end, data))[0] < -0.1


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size_of_start", [0.0, 1e-300, 1e-150, 1e-30])
def test_starts_of_any_size_are_followed(bias, size_of_start):
    if not (bias or size_of_start):
        return  # a critical point
    net = Network(2, (2,), "erf", bias)
    x = random(7).normal(size=(200, 2))
    data = Dataset(x, np.sin(x[:, 0]) + 0.5 * x[:, 1] + 0.5)
    start = size_of_start * random(5).normal(size=net.parameters)
    flow = gradient_flow(Objective(net, data), start, maxnorm=1e3)
    assert flow.stop in (Stop.STATIONARY, Stop.WALL, Stop.FLAT) and flow.steps > 20, flow.message
    assert flow.loss_end < 0.9 * net.loss(start, data)


def test_a_small_start_leaves_at_the_rate_of_the_saddle():
    # Next to 0 the flow is linear: |θ| grows as e^(λt), so that a start 1000 times smaller takes ln(1000)/λ longer.
    net = Network(1, (1,), "tanh", bias=False)
    x = random(8).normal(size=(100, 1))
    data = Dataset(x, np.sin(x[:, 0]))
    rate = -np.linalg.eigvalsh(net.hessian(np.zeros(2), data))[0]
    times = []
    for exponent in (-5, -2):
        flow = gradient_flow(Objective(net, data), 10.0**exponent * np.array([1.0, 1.0]), rtol=1e-8, samples=4000)
        times.append(np.interp(-0.5 * flow.loss[0], -flow.loss, flow.t))
    assert times[0] - times[1] == pytest.approx(np.log(1000) / rate, rel=1e-3)
