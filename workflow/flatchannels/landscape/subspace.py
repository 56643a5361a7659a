"""The subspace in which the groups of a network move along their channels.

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

    Parameters
    ----------
    theta : (P,).  layers : `Layout.hidden_layers` of the network, or some of them.  threshold : as for `groups`.

    Returns
    -------
    (P, n) float64 with orthonormal columns; n = 0 without any group.

    Source: paper, Appendix B.3, condition 3. ASSUME: every neuron of a group may take up the whole span.
    """
    theta = np.asarray(theta, dtype=float)
    layer_bases = []
    for layer in layers:
        parts = [_group_basis(theta, layer, group) for group in groups(theta[layer.rows], threshold)]
        if parts:
            layer_bases.append(np.concatenate(parts, axis=1))
    if not layer_bases:
        return np.zeros((theta.size, 0))
    basis = np.concatenate(layer_bases, axis=1)
    # Within a layer no two columns share a direction. A weight between two layers may belong to groups of both.
    return basis if len(layer_bases) == 1 else orthonormal(basis)


def _group_basis(theta: Array, layer: HiddenLayer, group: list[int]) -> Array:
    """The columns of `channel_basis` for one group."""
    outputs = layer.columns[group].ravel()
    span = orthonormal(theta[layer.rows[group]].T)
    basis = np.zeros((theta.size, outputs.size + len(group) * span.shape[1]))
    basis[outputs, np.arange(outputs.size)] = 1
    column = outputs.size
    for neuron in group:
        basis[layer.rows[neuron], column : column + span.shape[1]] = span
        column += span.shape[1]
    return basis


def orthonormal(vectors: Array) -> Array:
    """An orthonormal basis (n, rank) of the span of the columns of `vectors` (n, m), all taken at length 1.

    The rank tolerance is near rounding: nearly parallel weights differ in the very direction along which a channel runs.
    """
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(float).tiny)
    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    return left[:, values > SIGN_RESOLUTION * values[0]]
