"""Fused descent takes the steps of its definitions."""

import numpy as np
import pytest

from flatchannels import Dataset, Network
from flatchannels.dynamics.descent import gradient_descent, log_spaced, stochastic

NET = Network(1, (2,), "erf", bias=False)
THETA = np.array([1.3, -0.4, 0.8, 1.7])


def data(samples):
    x = np.random.default_rng(1).normal(size=samples)
    return Dataset(x, np.tanh(2 * x))


def test_gradient_descent_follows_the_gradient():
    sample, theta = data(40), THETA.copy()
    kept = gradient_descent(THETA, sample, 0.2, [0, 1, 7])
    for step in range(7):
        theta = theta - 0.2 * NET.gradient(theta, sample)
        assert step != 0 or kept[1] == pytest.approx(theta, abs=1e-14)
    assert kept[0].tolist() == THETA.tolist() and kept[2] == pytest.approx(theta, abs=1e-13)


def test_a_batch_of_all_samples_makes_sgd_gradient_descent():
    sample = data(32)
    assert stochastic(THETA, sample, 0.1, 32, [0, 5], 3)[1] == pytest.approx(gradient_descent(THETA, sample, 0.1, [5])[0], abs=1e-13)


def test_adam_follows_its_definition():
    sample, theta = data(16), THETA.copy()
    m, v = np.zeros(4), np.zeros(4)
    for step in range(1, 6):
        g = NET.gradient(theta, sample)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    assert stochastic(THETA, sample, 0.01, 16, [5], 1, adam=True)[0] == pytest.approx(theta, abs=1e-12)


def test_every_epoch_visits_every_sample_once_in_an_order_of_its_seed():
    """With steps so small that θ stays where it is, the batches of an epoch add up to the whole gradient."""
    sample, rate = data(64), 1e-7
    kept = stochastic(THETA, sample, rate, 16, [0, 1, 2], 5)
    for before, after in zip(kept, kept[1:]):
        assert (before - after) / (4 * rate) == pytest.approx(NET.gradient(THETA, sample), abs=1e-5)
    far = [stochastic(THETA, sample, 0.1, 16, [3], seed)[0] for seed in (5, 5, 6)]
    assert far[0].tolist() == far[1].tolist() != far[2].tolist()


def test_log_spaced_numbers_go_from_zero_to_the_last():
    numbers = log_spaced(1000, 20)
    assert numbers[0] == 0 and numbers[-1] == 1000 and np.all(np.diff(numbers) > 0) and len(numbers) <= 20


@pytest.mark.parametrize(("change", "message"), [({"rate": 0.0}, "rate is 0.0"), ({"batch": 9}, "batch is 9")])
def test_what_makes_no_sense_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        stochastic(THETA, data(8), **{"rate": 0.1, "batch": 4, "keep": [1], "seed": 0} | change)
