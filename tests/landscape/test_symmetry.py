"""Turned neurons: the function stays, antiparallel neurons become parallel, nothing else changes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_channels import planted

from flatchannels import Network
from flatchannels.landscape.geometry import groups
from flatchannels.landscape.symmetry import mirror_signs, neuron_signs
from flatchannels.networks.activations import ACTIVATIONS


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([-1.0, 1.0]), min_size=5, max_size=5), st.integers(0, 99))
def test_flipped_neurons_of_a_group_are_turned_to_one_side(flips, seed):
    rng = np.random.default_rng(seed)
    direction, flips = rng.normal(size=4), np.array(flips)
    group = flips[:, None] * (direction + 1e-4 * rng.normal(size=(5, 4))) * rng.uniform(0.5, 2, size=(5, 1))
    other = np.array([5.0, -3, 2, 9])
    other -= (other @ direction) / (direction @ direction) * direction  # a direction drawn nearly along it makes it one of the group
    weights = np.concatenate([group, np.zeros((1, 4)), [other]])
    signs = neuron_signs(weights)
    assert np.array_equal(signs, [*(flips * flips[0]), 1, 1])
    assert [0, 1, 2, 3, 4] in groups(signs[:, None] * weights)


@pytest.mark.parametrize("activation, widths", [("erf", (5,)), ("tanh", (5,)), ("erf", (4, 4)), ("sigmoid", (5,))])
def test_the_function_of_a_turned_network_is_the_same_but_for_a_constant(activation, widths):
    net = Network(3, widths, activation, True)
    theta, layers = planted(3, widths, True, {number: [[0, 2]] for number in range(len(widths))})
    for layer in layers:
        theta[layer.rows[2]] *= -1
    signs = mirror_signs(theta, net.layout, ACTIVATIONS[activation])
    assert set(signs) == {-1.0, 1.0}
    x = np.random.default_rng(1).normal(size=(50, 3))
    difference = net.predict(signs * theta, x) - net.predict(theta, x)
    constant = 0.0 if activation != "sigmoid" else difference.mean()
    assert np.allclose(difference, constant, atol=1e-12)
    for layer in layers:
        assert [0, 2] in groups((signs * theta)[layer.rows]) and [0, 2] not in groups(theta[layer.rows])


@pytest.mark.parametrize("activation, widths, bias", [("softplus", (4,), True), ("g", (4,), True), ("relu", (4,), True),
                                                      ("sigmoid", (4,), False), ("sigmoid", (4, 4), True)])  # fmt: skip
def test_nothing_is_turned_without_the_symmetry(activation, widths, bias):
    net = Network(3, widths, activation, bias)
    theta, layers = planted(3, widths, bias, {0: [[0, 2]]})
    theta[layers[0].rows[2]] *= -1
    assert np.array_equal(mirror_signs(theta, net.layout, ACTIVATIONS[activation]), np.ones(theta.size))
