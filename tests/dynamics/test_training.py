"""A whole run through the public interface: flow, wall, polish, spectrum."""

import numpy as np
import pytest

from flatchannels import Dataset, Network, train
from flatchannels.data.datasets import make
from flatchannels.dynamics import training
from flatchannels.dynamics.polish import Polish
from flatchannels.dynamics.training import initial
from flatchannels.networks.norm import weight_norm
from flatchannels.reasons import Finish, Stop


@pytest.fixture(scope="module")
def data():
    return make({"target": "rosenbrock", "inputs": "grid", "points": 101}, 2, 1, "grid")


@pytest.fixture(scope="module")
def runs(data):
    net = Network(inputs=2, widths=(2,), activation="g", bias=False)
    return net, [train(net, data, seed=seed, rtol=1e-5, maxnorm=1e3) for seed in range(6)]


def test_a_run_describes_its_end(runs, data):
    net, runs = runs
    for run in runs:
        assert run.loss == net.loss(run.theta, data) and run.loss_initial == net.loss(run.theta_initial, data)
        assert run.gradient_norm == pytest.approx(abs(net.gradient(run.theta, data, 1e3)).max(), rel=1e-6, abs=1e-15)
        assert run.weight_norm == weight_norm(run.theta)
        values = np.linalg.eigvalsh(net.hessian(run.theta, data, 1e3))
        assert (run.hessian_min, run.hessian_max) == pytest.approx((values[0], values[-1]), rel=1e-6, abs=1e-9)
        assert run.flow.t.shape == (250,) and run.flow.theta.shape == (250, net.parameters)
        assert run.spectrum_t.shape == run.spectrum_min.shape == run.spectrum_max.shape == (50,)
        assert run.loss <= run.flow.loss_end * (1 + 1e-12) <= run.loss_initial


def test_runs_end_by_themselves_and_converged(runs):
    for run in runs[1]:
        assert run.stop in (Stop.STATIONARY, Stop.FLAT, Stop.WALL) and run.finish in (Finish.CONVERGED, Finish.RESOLUTION)
        assert run.gradient_norm < 1e-9 and run.hessian_min > -1e-6 * run.hessian_max


def test_both_ends_occur_and_runs_at_one_minimum_agree_to_rounding(runs):
    infinite = [run for run in runs[1] if run.weight_norm >= 1e3]
    finite = [run for run in runs[1] if run.weight_norm < 1e3]
    assert infinite and finite
    assert all(run.stop == Stop.WALL for run in infinite)
    for group in (infinite, finite):
        losses = np.sort([run.loss for run in group])
        gaps = np.diff(losses) / losses[1:]
        assert np.all((gaps < 1e-14) | (gaps > 1e-6))


def test_at_the_wall_the_regulariser_balances_the_gradient(runs, data):
    net, runs = runs
    run = next(run for run in runs if run.stop == Stop.WALL)
    gradient = net.gradient(run.theta, data)
    pull = (weight_norm(run.theta) - 1e3) ** 2 * run.theta / run.theta.size
    assert abs(gradient).max() > 1e3 * run.gradient_norm and np.allclose(gradient, -pull, atol=1e-9)


def test_a_permuted_start_ends_in_the_permuted_minimum(runs, data):
    net, runs = runs
    (W, _), (A, _) = net.unpack(runs[0].theta_initial)
    other = train(net, data, net.pack([(W[::-1], None), (A[:, ::-1], None)]))
    (W, _), (A, _) = net.unpack(runs[0].theta)
    assert other.loss == pytest.approx(runs[0].loss, rel=1e-13)
    assert np.allclose(other.theta, net.pack([(W[::-1], None), (A[:, ::-1], None)]), rtol=1e-6)


def test_a_tighter_tolerance_ends_at_the_same_loss(runs, data):
    net, runs = runs
    for run in runs[:3]:
        assert train(net, data, run.theta_initial, rtol=1e-8).loss == pytest.approx(run.loss, rel=1e-13)


def test_the_initial_point_belongs_to_the_run_alone():
    net = Network(2, (3,), "g", False)
    start = initial(net, 7, "rosenbrock-grid", 1)
    assert np.array_equal(start, initial(Network(2, (3,), "g", False), 7, "rosenbrock-grid", 1))
    others = [initial(net, 8, "rosenbrock-grid", 1), initial(net, 7, "rosenbrock-d2", 1), initial(net, 7, "rosenbrock-grid", 2)]
    others.append(initial(Network(2, (3,), "erf", False), 7, "rosenbrock-grid", 1))
    assert not any(np.array_equal(start, other) for other in others)


@pytest.mark.parametrize("settings", [{}, {"seed": 1, "rtol": 0}, {"seed": 1, "maxnorm": -1}, {"seed": 1, "max_steps": 0}])
def test_settings_out_of_range_are_refused(settings, data):
    with pytest.raises(ValueError):
        train(Network(2, (2,)), data, **settings)


def test_a_linear_target_is_learned_to_zero_loss():
    x = np.random.default_rng(0).normal(size=(100, 1))
    run = train(Network(1, (1,), "relu", True), Dataset(x, 0 * x[:, 0] + 2.0), seed=3, max_steps=2000)
    assert run.loss < 1e-12


def test_relu_flows_keep_the_balance_of_every_neuron():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 2))
    net, data = Network(2, (3,), "relu", True), Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1])
    run = train(net, data, seed=4)

    def balance(theta):
        w, a = net.matrices(theta)
        return (w**2).sum(axis=1) - a[0, :-1] ** 2

    assert run.stop in (Stop.STATIONARY, Stop.FLAT)
    assert np.allclose(balance(run.flow.theta_end), balance(run.theta_initial), atol=5e-3)
    assert run.loss <= run.loss_cusp * (1 + 1e-9) and run.gradient_norm < 1e-9


@pytest.mark.parametrize("seed", [0, 8])
def test_relu_finish_stays_in_the_basin_in_which_the_flow_ended(seed):
    """Rounding changes a loss by 1e-4 here. A finish that begins with wider rounding loses a quarter of it, in another basin."""
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 3))
    data = Dataset(x, np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2])
    run = train(Network(3, (6,), "relu", True), data, seed=seed, spectrum_samples=1)
    assert run.stop == Stop.STATIONARY and run.gradient_norm < 1e-9
    assert run.loss == pytest.approx(run.flow.loss_end, rel=1e-3) and run.loss == pytest.approx(run.loss_cusp, rel=1e-4)


def test_relu_finish_begins_with_the_rounding_of_the_flow_and_ends_with_that_of_its_own_weights():
    net, random = Network(2, (3, 2), "relu", True), np.random.default_rng(0)
    start, end = random.normal(size=(2, net.parameters))
    path = training.smoothing_path(net, start, end)
    assert np.allclose(path[0], net.smoothed(start, training.FLOW_SMOOTHING).smoothing, rtol=1e-14)
    assert np.allclose(path[-1], net.smoothed(end, training.LAST_SMOOTHING).smoothing, rtol=1e-14)
    assert np.allclose(path[1:] / path[:-1], path[1] / path[0]) and (path[1:] < path[:-1]).all()


@pytest.mark.parametrize(("last_loss", "kept"), [(0.5 + 1e-11, 1), (0.5 + 1e-6, 2)])
def test_relu_finish_keeps_the_last_rounding_with_a_zero_gradient_where_the_loss_is_the_same(monkeypatch, last_loss, kept):
    data = Dataset(np.linspace(-1.0, 1.0, 8)[:, None], np.linspace(0.0, 1.0, 8))
    net, theta = Network(1, (1,), "relu", False), np.ones(2)
    ends = [(1.0, 1e-13), (0.5, 1e-13), (last_loss, 1e-5)]
    points = iter(Polish(theta + k, loss, np.full(2, slope), np.eye(2), Finish.RESOLUTION, 1, 0.0) for k, (loss, slope) in enumerate(ends))
    monkeypatch.setattr(training, "polish", lambda *_, **__: next(points))
    end = training.follow_smoothing(net, data, theta, 1e3, 60.0, np.array([[1e-6], [1e-7], [1e-8]]))
    assert end.iterations == 3 and np.array_equal(end.theta, theta + kept)
