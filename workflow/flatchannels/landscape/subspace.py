"""The subspace in which the groups of a network move along their channels, by two readings of the paper's third condition.

The text projects onto the output weights of the neurons of a channel and the span of their input weights: `channel_basis`, which this
project takes at the last point. The code of the original projects the input weights of *all* neurons of a layer onto the mean
input weights of each of its groups, at the current point: `mean_basis`.

Source: paper, Appendix B.3, condition 3.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.landscape.geometry import GROUP_DISTANCE, groups
from flatchannels.networks.layout import HiddenLayer
from flatchannels.precision import SIGN_RESOLUTION

Array = NDArray[np.float64]


def channel_basis(theta: ArrayLike, layers: Sequence[HiddenLayer], threshold: float = GROUP_DISTANCE) -> Array:
    """An orthonormal basis of the directions in which the groups of a network can move along a channel.

    For each neuron of a group these are its output weights, and its input weights within the span of the input weights
    of its group.

    Source: paper, Appendix B.3, condition 3. ASSUME: every neuron of a group may take up the whole span.

    Parameters
    ----------
    theta : (P,)
    layers : sequence of HiddenLayer
        `Layout.hidden_layers` of the network, or some of them.
    threshold : float
        As for `groups`.

    Returns
    -------
    (P, n), orthonormal columns
        n = 0 without any group.
    """
    theta = np.asarray(theta, dtype=float)
    found = [(layer, groups(theta[layer.rows], threshold)) for layer in layers]
    return _joined([np.concatenate([_group_basis(theta, layer, group) for group in here], axis=1) for layer, here in found if here], theta)


def mean_basis(theta: ArrayLike, layers: Sequence[HiddenLayer], members: Sequence[list[list[int]]]) -> Array:
    """An orthonormal basis of the directions onto which the original's code projects an update that starts at θ.

    These are the output weights of all neurons of the groups, and for each neuron of a layer with groups, of a group or not, its
    input weights within the span of the groups' mean input weights.

    ASSUME: the groups are those at the end of the run, because early in it there are none; the current point is the one at which
    an update starts; groups of one layer are taken together, and so are layers.

    Parameters
    ----------
    theta : (P,)
        The current point.
    layers : sequence of HiddenLayer
        `Layout.hidden_layers` of the network, or some of them.
    members : sequence of list of list of int
        Of each layer its groups.

    Returns
    -------
    (P, n), orthonormal columns
        n = 0 without any group.
    """
    theta = np.asarray(theta, dtype=float)
    return _joined([_mean_basis(theta, layer, here) for layer, here in zip(layers, members, strict=True) if here], theta)


def _joined(layer_bases: list[Array], theta: Array) -> Array:
    """The basis (P, n) of the span of the orthonormal bases of some layers."""
    if not layer_bases:
        return np.zeros((theta.size, 0))
    basis = np.concatenate(layer_bases, axis=1)
    # Within a layer no two columns share a direction. A weight between two layers may belong to groups of both.
    return basis if len(layer_bases) == 1 else orthonormal(basis)


def _mean_basis(theta: Array, layer: HiddenLayer, members: list[list[int]]) -> Array:
    """The columns of `mean_basis` for one layer."""
    outputs = layer.columns[sorted({neuron for group in members for neuron in group})].ravel()
    return _layer_basis(theta.size, outputs, layer.rows, np.stack([theta[layer.rows[group]].mean(axis=0) for group in members], axis=1))


def _group_basis(theta: Array, layer: HiddenLayer, group: list[int]) -> Array:
    """The columns of `channel_basis` for one group."""
    return _layer_basis(theta.size, layer.columns[group].ravel(), layer.rows[group], theta[layer.rows[group]].T)


def _layer_basis(parameters: int, outputs: NDArray[np.int64], rows: NDArray[np.int64], directions: Array) -> Array:
    """The unit vectors (P, n) of some output weights, and for each of the rows (m, k) a basis of the span of the directions (k, g)."""
    span = orthonormal(directions)
    basis = np.zeros((parameters, outputs.size + len(rows) * span.shape[1]))
    basis[outputs, np.arange(outputs.size)] = 1
    column = outputs.size
    for row in rows:
        basis[row, column : column + span.shape[1]] = span
        column += span.shape[1]
    return basis


def orthonormal(vectors: Array) -> Array:
    """An orthonormal basis of the span of some vectors, all taken at length 1.

    The rank tolerance is near rounding: nearly parallel weights differ in the very direction along which a channel runs.

    Parameters
    ----------
    vectors : (n, m)
        As columns.

    Returns
    -------
    (n, rank)
    """
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(float).tiny)
    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    return left[:, values > SIGN_RESOLUTION * values[0]]
