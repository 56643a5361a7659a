"""θ is taken apart in one way: every parameter stands in one matrix, in the order of θ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flatchannels.networks.layout import Layout
from flatchannels.networks.norm import weight_norm

LAYOUTS = st.builds(Layout, st.integers(1, 5), st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple), st.booleans())


@given(LAYOUTS)
def test_matrices_hold_every_parameter_once_and_are_views(layout):
    theta = np.arange(layout.parameters, dtype=float)
    matrices = layout.matrices(theta)
    assert np.array_equal(np.concatenate([matrix.ravel() for matrix in matrices]), theta)
    assert [matrix.shape for matrix in matrices] == list(layout.shapes)
    matrices[-1][:] = -1.0
    assert (theta == -1).sum() == matrices[-1].size
    many = layout.matrices(np.tile(np.arange(layout.parameters), (3, 2, 1)))
    assert all(part.shape == (3, 2, *shape) for part, shape in zip(many, layout.shapes))


@given(LAYOUTS)
def test_columns_are_the_output_weights_of_the_neurons_of_rows(layout):
    theta = np.random.default_rng(0).normal(size=layout.parameters)
    matrices = layout.matrices(theta)
    for layer, (below, above) in zip(layout.hidden_layers, zip(matrices, matrices[1:])):
        assert np.array_equal(theta[layer.rows], below)
        assert np.array_equal(theta[layer.columns], above[:, : len(below)].T)


@given(LAYOUTS)
def test_unpacked_and_packed_again_theta_is_the_same(layout):
    theta = np.random.default_rng(0).normal(size=layout.parameters)
    layers = layout.unpack(theta)
    assert np.array_equal(layout.pack(layers), theta)
    assert all((b is None) != layout.bias for _, b in layers)
    layers[0][0][:] = 7.0
    assert not (theta == 7).any()


def test_a_bias_of_another_length_is_named():
    with pytest.raises(ValueError, match=r"W of shape \(3, 2\) and b of shape \(2,\)"):
        Layout(2, (3,), True).pack([(np.ones((3, 2)), np.ones(2)), (np.ones((1, 3)), np.ones(1))])


def test_the_norm_of_large_integers_does_not_overflow():
    assert weight_norm(np.array([60000], np.int32)) == 1.8e9
