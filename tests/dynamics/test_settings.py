"""What `train` refuses, before it does anything; limits of time; numbers of other types."""

import json
import time
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from flatchannels import Dataset, Network, train
from flatchannels.dynamics import training
from flatchannels.dynamics.optimisers import Optimiser
from flatchannels.reasons import Finish, Stop

X = np.random.default_rng(0).normal(size=(40, 2))
DATA = Dataset(X, np.sin(X[:, 0]))
NET = Network(2, (2,), "tanh")
START = np.linspace(-1, 1, NET.parameters)


@pytest.fixture
def untouched(monkeypatch):
    """No flow may begin."""
    monkeypatch.setattr(training, "gradient_flow", lambda *_, **__: pytest.fail("a flow has begun"))


@pytest.mark.parametrize(
    "settings, said",
    [
        ({}, "theta0 or seed"),
        ({"seed": 1, "theta0": START}, "both"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"theta0": np.full(NET.parameters, np.nan)}, "finite"),
        ({"theta0": np.where(START > 0.9, np.inf, START)}, "1 of its 9"),
        ({"theta0": START + 1j}, "real"),
        ({"theta0": START[:-1]}, "9 parameters"),
        ({"theta0": ["a"] * NET.parameters}, "real"),
        ({"theta0": np.full(NET.parameters, 1e200)}, "not finite"),
        ({"seed": 1, "rtol": 0}, "rtol is 0"),
        ({"seed": 1, "rtol": 1.0}, "below 1"),
        ({"seed": 1, "rtol": float("nan")}, "rtol is nan"),
        ({"seed": 1, "rtol": "1e-5"}, "rtol is '1e-5'"),
        ({"seed": 1, "maxnorm": -1}, "maxnorm is -1"),
        ({"seed": 1, "maxnorm": float("nan")}, "maxnorm is nan"),
        ({"seed": 1, "max_seconds": 0}, "max_seconds is 0"),
        ({"seed": 1, "max_t": -1.0}, "max_t is -1.0"),
        ({"seed": 1, "max_steps": 0}, "max_steps is 0"),
        ({"seed": 1, "max_steps": 10.5}, "max_steps is 10.5"),
        ({"seed": 1, "max_steps": True}, "max_steps is True"),
        ({"seed": 1, "trajectory_samples": 0}, "trajectory_samples is 0"),
        ({"seed": 1, "spectrum_samples": 0}, "spectrum_samples is 0"),
        ({"seed": 1, "spectrum_samples": -3}, "spectrum_samples is -3"),
        ({"seed": 1, "spectrum_samples": 2.5}, "spectrum_samples is 2.5"),
    ],
)
def test_a_mistake_gets_one_line_before_anything_runs(settings, said, untouched):
    with pytest.raises(ValueError, match=said) as caught:
        train(NET, DATA, **settings)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (2, 2.7),
        (2, "44"),
        (2, 4),
        (2, (2.7,)),
        (2, ()),
        (2, (0,)),
        (2.5, (2,)),
        (2, (2,), "tanh", 2),
        (2, (2,), "tanh", None),
        (2, (2,), "cos"),
    ],
)
def test_networks_that_are_none_are_refused(arguments):
    with pytest.raises(ValueError) as caught:
        Network(*arguments)
    assert len(str(caught.value).splitlines()) == 1


def test_data_that_do_not_fit_are_refused(untouched):
    for x, y in ((X + 1j, X[:, 0]), (X, X[:, 0] + 1j), (np.where(X > 2, np.nan, X), X[:, 0]), (X, X)):
        with pytest.raises(ValueError):
            Dataset(x, y)
    with pytest.raises(ValueError, match="inputs"):
        train(Network(3, (2,)), DATA, seed=1)
    with pytest.raises(ValueError, match="Dataset"):
        train(NET, (X, X[:, 0]), seed=1)


def test_numbers_of_other_types_are_converted():
    weights = np.random.default_rng(1).uniform(size=40)
    weights /= weights.sum()
    single = Dataset(X.astype(np.float32), np.sin(X[:, 0]).astype(np.float32), weights.astype(np.float32))
    assert single.weights.dtype == np.float64 and single.weights.sum() == pytest.approx(1, abs=1e-14)
    run = train(NET, single, START.astype(np.float32), max_steps=np.int64(5), spectrum_samples=2)
    assert run.theta_initial.dtype == np.float64 and run.stop == Stop.STEP_LIMIT
    assert train(NET, DATA, [float(v) for v in START], max_steps=5, spectrum_samples=2).flow.steps == 5
    assert np.array_equal(Dataset(X, X[:, 0], weights).weights, weights)


def test_a_start_of_ones_own_has_no_seed():
    assert train(NET, DATA, START, max_steps=5).seed is None and train(NET, DATA, seed=3, max_steps=5).seed == 3


# Limits of time, by a clock of our own: it goes on by one second each time somebody looks.


def ticking(monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def look():
        clock.now += 1.0
        return clock.now

    monkeypatch.setattr(time, "perf_counter", look)
    return clock


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("seconds", [1e-9, 40.0, 150.0])
def test_time_is_that_of_the_whole_call(activation, seconds, monkeypatch):
    net = Network(2, (2,), activation)
    clock = ticking(monkeypatch)
    run = train(net, DATA, seed=1, max_seconds=seconds, spectrum_samples=200)
    # After the time is over each part may look at the clock once or twice more, and ends what it has begun.
    assert clock.now < seconds + 25
    assert run.stop == Stop.TIME_LIMIT and run.flow.steps <= seconds + 1 and run.unfinished
    known = np.isfinite(run.spectrum_min)
    assert not known.all() and np.array_equal(known, np.sort(known)[::-1])  # what is left out is the tail
    assert np.array_equal(known, np.isfinite(run.spectrum_t)) and np.array_equal(known, np.isfinite(run.spectrum_max))
    assert np.isfinite([run.loss, run.loss_cusp, run.hessian_min, run.hessian_max, run.gradient_norm]).all()


def test_spectra_stop_where_the_time_is_over(monkeypatch):
    ticking(monkeypatch)
    thetas = np.array([START, 2 * START, 3 * START, 4 * START])
    values = training.extreme_eigenvalues(NET, DATA, thetas, 2.5)
    expected = [np.linalg.eigvalsh(NET.hessian(theta, DATA))[[0, -1]] for theta in thetas[:2]]
    assert np.allclose(values[:2], expected) and np.isnan(values[2:]).all()


def test_a_run_whose_time_was_over_goes_on_to_the_same_end():
    whole = train(NET, DATA, seed=2, spectrum_samples=5)
    part = train(NET, DATA, seed=2, max_seconds=1e-9, spectrum_samples=5)
    assert part.stop == Stop.TIME_LIMIT and np.isnan(part.spectrum_min).all()
    on = train(NET, DATA, seed=2, flow=part.flow, spectrum_samples=5)
    assert on.stop == whole.stop and on.finish != Finish.TIME_LIMIT and np.array_equal(on.theta, whole.theta)
    assert np.array_equal(on.spectrum_min, whole.spectrum_min)


def test_a_drawn_start_is_the_same_where_a_flow_goes_on():
    drawn = {"seed": 1, "scheme": "he_normal", "initial_scale": 0.1, "max_t": 1.0}
    part = train(NET, DATA, max_steps=5, **drawn)
    on, whole = train(NET, DATA, flow=part.flow, **drawn), train(NET, DATA, **drawn)
    assert part.flow.state and np.array_equal(on.theta_initial, part.theta_initial) and np.array_equal(on.theta, whole.theta)


def test_a_flow_goes_on_in_the_way_it_was_made():
    descent = Optimiser("adam", np.float32(0.01), np.int64(10**6))
    flowed, descended = train(NET, DATA, seed=1, max_steps=2), train(NET, DATA, seed=1, optimiser=descent, max_seconds=0.05)
    assert flowed.flow.state and descended.flow.state
    with pytest.raises(ValueError, match="that of an optimiser; to go on, give the same"):
        train(NET, DATA, descended.theta_initial, flow=descended.flow)
    with pytest.raises(ValueError, match="gradient flow; it cannot go on by adam"):
        train(NET, DATA, flowed.theta_initial, flow=flowed.flow, optimiser=descent)


def test_numbers_of_an_optimiser_are_those_that_a_file_can_hold():
    made = Optimiser("sgd", np.float32(0.5), np.int64(20), np.int16(5), np.uint8(3))
    assert json.loads(json.dumps(asdict(made))) == {"name": "sgd", "rate": 0.5, "budget": 20, "batch": 5, "seed": 3}


@pytest.mark.parametrize("smoothing", [("a", 1.0), (-1.0, 1.0), (np.nan, 1.0), (1.0,), [[1.0, 1.0]]])
def test_smoothing_is_a_number_for_each_neuron(smoothing):
    with pytest.raises(ValueError, match="smoothing is"):
        Network(2, (2,), "relu", smoothing=smoothing)


def test_a_network_with_rounded_kinks_is_not_trained_as_one_without(untouched):
    rounded = Network(2, (2,), "relu", smoothing=np.array([0.1, 0.2]))
    assert rounded.smoothing == (0.1, 0.2) and hash(rounded)
    with pytest.raises(ValueError, match="without smoothing"):
        train(rounded, DATA, seed=1)
