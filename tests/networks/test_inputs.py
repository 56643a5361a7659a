"""No public function hands unchecked shapes or types to a kernel: a result of the right shape, or one clear ValueError."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flatchannels.data.dataset import Dataset
from flatchannels.networks.network import Network

TYPES = ["float64", "float32", "int64", "uint8", "bool", "complex128", "object", "U4"]
SIZES = st.lists(st.integers(0, 4), min_size=0, max_size=3).map(tuple)
NETWORKS = [Network(inputs, widths, "g", bias) for inputs, widths, bias in [(1, (2,), True), (3, (2,), False), (2, (2, 3), True)]]
CASES = st.tuples(st.sampled_from(NETWORKS), SIZES, st.sampled_from(TYPES), st.booleans(), st.booleans())


def array(shape, kind, fortran, strided):
    values = np.random.default_rng(0).integers(1, 9, size=(*shape[:-1], 2 * shape[-1]) if strided and shape else shape)
    values = values[..., ::2] if strided and shape else values
    return np.asarray(values, dtype=kind, order="F" if fortran else "C")


def outcome(function, *arguments):
    """What a function returns, or None where it refuses with one line."""
    try:
        return function(*arguments)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) > 10
        return None


@settings(max_examples=300)
@given(CASES)
def test_predict_and_first_layer_take_what_fits_and_refuse_the_rest(case):
    net, shape, kind, fortran, strided = case
    theta = np.random.default_rng(1).normal(size=net.parameters)
    x = array(shape, kind, fortran, strided)
    fits = kind in TYPES[:5] and ((x.ndim == 2 and x.shape[1] == net.inputs) or (x.ndim == 1 and net.inputs == 1))
    for function in (net.predict, net.first_layer):
        found = outcome(function, theta, x)
        assert (found is not None) == fits
        if fits:
            plain = function(theta, np.ascontiguousarray(x.reshape(-1, net.inputs), dtype=float))
            assert len(found) == len(x) and np.array_equal(found, plain)


@settings(max_examples=300)
@given(CASES)
def test_every_function_of_theta_takes_vectors_of_its_length_alone(case):
    net, shape, kind, fortran, strided = case
    data = Dataset(np.ones((5, net.inputs)), np.ones(5))
    functions = [
        lambda theta: net.loss(theta, data), lambda theta: net.gradient(theta, data, 1.0), lambda theta: net.hessian(theta, data),
        lambda theta: net.predict(theta, data.x), net.matrices, net.unpack, net.gauge,
    ]  # fmt: skip
    theta = array(shape, kind, fortran, strided)
    fits = kind in TYPES[:5] and theta.shape == (net.parameters,)
    right = array((net.parameters,), kind, fortran, strided)
    for function in functions:
        assert (outcome(function, theta) is not None) == fits
        assert (outcome(function, right) is not None) == (kind in TYPES[:5])


@settings(max_examples=300)
@given(SIZES, SIZES, st.none() | SIZES, st.sampled_from(TYPES), st.sampled_from(TYPES))
def test_datasets_are_whole_or_refused(x_shape, y_shape, weights_shape, x_type, y_type):
    x, y = array(x_shape, x_type, False, False), array(y_shape, y_type, False, False)
    weights = None if weights_shape is None else np.ones(weights_shape) / max(np.prod(weights_shape), 1)
    data = outcome(Dataset, x, y, weights)
    if data is not None:
        assert data.x.shape == (len(data.y), data.dimension) and data.weights.shape == data.y.shape == y_shape
        assert {data.x.dtype, data.y.dtype, data.weights.dtype} == {np.dtype(float)} and data.weights.sum() == pytest.approx(1)


def test_a_dataset_keeps_its_own_copy():
    x, y = np.ones((4, 2)), np.ones(4)
    data = Dataset(x, y)
    x[:] = y[:] = 7.0
    assert data.x.max() == data.y.max() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        data.x[0, 0] = 2.0


@pytest.mark.parametrize(
    "wrong", [{"inputs": 2.5}, {"widths": "44"}, {"widths": 4}, {"widths": (2.7,)}, {"bias": 2}, {"activation": "step"}]
)
def test_networks_of_no_sense_are_refused_in_one_line(wrong):
    with pytest.raises(ValueError) as caught:
        Network(**{"inputs": 2, "widths": (2,)} | wrong)
    assert "\n" not in str(caught.value) and repr(next(iter(wrong.values()))) in str(caught.value)
