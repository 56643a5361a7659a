"""The activations against scipy, their derivatives against central differences."""

import numpy as np
import pytest
from scipy import special

from flatchannels.networks.activations import ACTIVATIONS, activate, relu

Z = np.concatenate([np.linspace(-45, 45, 4001), np.linspace(-1e-3, 1e-3, 201), [-800.0, 800.0]])
EXACT = {
    "g": lambda z: special.expit(4 * z) + np.logaddexp(0, z),
    "softplus": lambda z: np.logaddexp(0, z),
    "erf": lambda z: special.erf(z / np.sqrt(2)),
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": special.expit,
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_agree_with_scipy_to_rounding(name):
    exact = EXACT[name](Z)
    assert np.all(abs(ACTIVATIONS[name](Z)[0] - exact) <= 1e-15 * np.maximum(1, abs(exact)))


@pytest.mark.parametrize("name", ["g", "softplus", "sigmoid"])
def test_left_tails_keep_their_relative_accuracy(name):
    z = np.linspace(-700, -1, 500)
    assert np.allclose(ACTIVATIONS[name](z)[0], EXACT[name](z), rtol=2e-15, atol=0)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "relu"])
def test_each_derivative_is_the_slope_of_the_one_before(name):
    z, step = np.linspace(-6, 6, 301), 1e-3
    # Fourth-order central differences: truncation 1e-12 times a fifth derivative, rounding 1e-13.
    at = {k: ACTIVATIONS[name](z + k * step) for k in (-2, -1, 1, 2)}
    for order in range(3):
        slope = (8 * (at[1][order] - at[-1][order]) - (at[2][order] - at[-2][order])) / (12 * step)
        assert np.allclose(slope, ACTIVATIONS[name](z)[order + 1], atol=3e-8)


def test_smoothed_relu_tends_to_relu_and_has_its_own_derivatives():
    z, step, epsilon = np.linspace(-3, 3, 100), 1e-4, 0.3
    values = np.array([relu(v, epsilon) for v in z])
    for order in range(3):
        slope = [(relu(v + step, epsilon)[order] - relu(v - step, epsilon)[order]) / (2 * step) for v in z]
        assert np.allclose(slope, values[:, order + 1], atol=1e-5)
    assert np.allclose([relu(v, 1e-9)[0] for v in z], np.maximum(z, 0), atol=1e-9)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_rows_hold_what_the_scalar_function_gives(name):
    z = np.linspace(-20, 20, 77)
    h, d1, d2 = z.copy(), np.empty_like(z), np.empty_like(z)
    activate(ACTIVATIONS[name].code, 0.0, h, d1, d2)
    value, first, second, _ = ACTIVATIONS[name](z)
    for row, expected in ((h, value), (d1, first), (d2, second)):
        assert np.allclose(row, expected, rtol=1e-13, atol=1e-15)


def test_linear_above_is_where_the_slope_is_one_to_1e_6():
    for activation in ACTIVATIONS.values():
        if np.isfinite(activation.linear_above):
            z = activation.linear_above + np.array([0.0, 5.0, 50.0])
            value, slope, *_ = activation(z)
            assert np.allclose(slope, 1, atol=1e-6) and np.ptp(value - z) < 1e-6
