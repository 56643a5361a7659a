"""The coordinates of a pair along a channel, and the gated linear unit at its end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatchannels import Network
from flatchannels.landscape.coordinates import Pair, from_channel, to_channel


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 3), st.floats(1e-6, 10))
def test_channel_coordinates_and_back(seed, size, outputs, distance):
    rng = np.random.default_rng(seed)
    w, step = rng.normal(size=(2, size))
    a_i, a_j = rng.normal(size=(2, outputs)) if outputs else rng.normal(size=2)
    pair = to_channel(w + distance * step, w - distance * step, a_i, a_j)
    assert np.linalg.norm(pair.direction) == pytest.approx(1) and pair.epsilon == pytest.approx(distance * np.linalg.norm(step), rel=1e-8)
    back = from_channel(pair)
    for ours, theirs in zip(back, (w + distance * step, w - distance * step, a_i, a_j), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    again = to_channel(*back)
    assert all(np.allclose(ours, theirs, rtol=1e-7, atol=1e-9) for ours, theirs in zip(pair, again, strict=True))


def test_exchanging_the_neurons_reverses_direction_and_a():
    one = to_channel([1.0, 2.0], [3.0, 0.0], 5.0, -4.0)
    other = to_channel([3.0, 0.0], [1.0, 2.0], -4.0, 5.0)
    assert np.array_equal(one.w, other.w) and one.epsilon == other.epsilon and one.c == other.c
    assert np.array_equal(one.direction, -other.direction) and one.a == -other.a


def test_the_limit_is_a_gated_linear_unit_reached_with_the_square_of_epsilon():
    net = Network(3, (2,), "softplus", True)
    x = np.random.default_rng(0).normal(size=(200, 3))
    w, direction = np.array([0.3, -0.8, 0.5, 0.2]), np.array([0.6, 0.0, -0.8, 0.0])
    extended = np.column_stack([x, np.ones(len(x))])
    z = extended @ w
    limit = 0.7 * np.log1p(np.exp(z)) + 1.5 * (extended @ direction) / (1 + np.exp(-z))
    errors = []
    for epsilon in [1e-2, 1e-3]:
        w_i, w_j, a_i, a_j = from_channel(Pair(w, epsilon, direction, 1.5, 0.7))
        theta = np.concatenate([w_i, w_j, [a_i, a_j, 0.0]])
        errors.append(abs(net.predict(theta, x) - limit).max())
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.02)


def test_equal_neurons_and_infinite_weights_have_no_coordinates():
    with pytest.raises(ValueError, match="undefined"):
        to_channel([1.0, 2.0], [1.0, 2.0], 1.0, 2.0)
    with pytest.raises(ValueError, match="positive"):
        from_channel(Pair(np.ones(2), 0.0, np.ones(2), 1.0, 1.0))
