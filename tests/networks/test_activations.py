"""Activations: the compiled formulas against scipy and NumPy's, derivatives against differences, symmetries and asymptotes."""

import numpy as np
import pytest
from scipy import special

from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.scalars import FUNCTIONS, activate, kernel_values, relu

Z = np.concatenate([np.linspace(-45, 45, 4001), np.linspace(-1e-3, 1e-3, 201), [-800.0, 800.0]])
EXACT = {
    "g": lambda z: special.expit(4 * z) + np.logaddexp(0, z),
    "softplus": lambda z: np.logaddexp(0, z),
    "erf": lambda z: special.erf(z / np.sqrt(2)),
    "relu": lambda z: np.maximum(z, 0),
    "sigmoid": special.expit,
    "tanh": np.tanh,
    "gelu": lambda z: z * special.ndtr(z),
    "silu": lambda z: z * special.expit(z),
}
SMOOTH = [name for name, activation in ACTIVATIONS.items() if not activation.homogeneous]


def test_every_record_has_its_kernel_its_own_number_and_its_reference_here():
    assert list(ACTIVATIONS) == list(FUNCTIONS) and set(ACTIVATIONS) == set(EXACT)
    assert sorted(activation.code for activation in ACTIVATIONS.values()) == list(range(len(ACTIVATIONS)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_agree_with_scipy_to_rounding(name):
    exact = EXACT[name](Z)
    for found in (kernel_values(name, Z)[0], ACTIVATIONS[name].derivatives(Z)[0]):
        assert np.all(abs(found - exact) <= 1e-15 * np.maximum(1, abs(exact)))


@pytest.mark.parametrize("name", ["g", "softplus", "sigmoid", "silu"])
def test_left_tails_keep_their_relative_accuracy(name):
    z = np.linspace(-86, -1, 500)
    assert np.allclose(kernel_values(name, z)[0], EXACT[name](z), rtol=3e-15, atol=0)


@pytest.mark.parametrize("name", SMOOTH)
def test_products_of_two_values_are_never_subnormal(name):
    values = np.abs(kernel_values(name, np.linspace(-1000, 1000, 20001)))
    smallest = values[values > 0].min()
    assert smallest**2 > np.finfo(float).tiny


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_kernels_and_records_agree(name):
    z = np.linspace(-30, 30, 1001)
    assert np.allclose(kernel_values(name, z), ACTIVATIONS[name].derivatives(z)[:4], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", SMOOTH)
def test_each_derivative_is_the_slope_of_the_one_before(name):
    z, step = np.linspace(-6, 6, 301), 1e-3
    # Fourth-order central differences: truncation 1e-12 times a fifth derivative, rounding 1e-13.
    for function, orders in ((lambda z: kernel_values(name, z), 3), (ACTIVATIONS[name].derivatives, 4)):
        at = {k: function(z + k * step) for k in (-2, -1, 1, 2)}
        for order in range(orders):
            slope = (8 * (at[1][order] - at[-1][order]) - (at[2][order] - at[-2][order])) / (12 * step)
            assert np.allclose(slope, function(z)[order + 1], atol=5e-8 if order < 3 else 5e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_arrays_of_any_shape_keep_it(name):
    z = np.random.default_rng(0).normal(size=(3, 2, 4))
    found = ACTIVATIONS[name].derivatives(z)
    assert found.shape == (5, 3, 2, 4) and np.array_equal(found[:, 1], ACTIVATIONS[name].derivatives(z[1]))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_reflections_are_symmetries_and_the_others_have_none(name):
    z, activation = np.linspace(-20, 20, 401), ACTIVATIONS[name]
    mirrored, plain = EXACT[name](-z), EXACT[name](z)
    features = np.column_stack([plain, z, np.ones_like(z)])
    coefficients, residual, *_ = np.linalg.lstsq(features, mirrored)
    off = abs(features @ coefficients - mirrored).max()
    if activation.reflection is None:
        assert off > 1e-3
    else:
        sign, slope, constant = activation.reflection.sign, activation.reflection.slope, activation.reflection.constant
        assert np.allclose(sign * plain + slope * z + constant, mirrored, atol=1e-13)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_tails_are_those_of_the_left_end_and_the_others_do_not_vanish_so(name):
    z = np.linspace(-16, -8, 30)
    ratio = kernel_values(name, z)[0] / np.exp(z)
    tail = ACTIVATIONS[name].tail
    if tail is None:
        assert abs(ratio - 1).min() > 0.1
    else:
        assert np.allclose(ratio, 1 + tail * np.exp(z), atol=2 * np.exp(2 * -8.0) * 10)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_hinges_are_what_steep_neurons_become(name):
    z, steep = np.array([-1.0, -0.1, 0.1, 1.0]), 1e4
    is_hinge = np.allclose(kernel_values(name, steep * z)[0] / steep, np.maximum(z, 0), atol=2e-4)
    assert is_hinge == (ACTIVATIONS[name].hinge or ACTIVATIONS[name].homogeneous)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_homogeneous_is_what_scales(name):
    z = np.linspace(-3, 3, 50)
    assert np.allclose(EXACT[name](2.5 * z), 2.5 * EXACT[name](z)) == ACTIVATIONS[name].homogeneous


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
    value, first, second, _ = kernel_values(name, z)
    for row, expected in ((h, value), (d1, first), (d2, second)):
        assert np.allclose(row, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", SMOOTH)
def test_linear_above_is_where_the_slope_is_one_to_1e_6_and_the_others_have_no_such_place(name):
    z = min(ACTIVATIONS[name].linear_above, 40.0) + np.array([0.0, 5.0, 50.0])
    value, slope, *_ = kernel_values(name, z)
    is_linear = np.allclose(slope, 1, atol=1e-6) and np.ptp(value - z) < 1e-6
    assert is_linear == np.isfinite(ACTIVATIONS[name].linear_above)
