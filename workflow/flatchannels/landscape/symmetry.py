"""Neurons up to the symmetry of their activation: where σ(−z) is ±σ(z) + a constant, a neuron and its mirror image are one.

A neuron (w, a) then does the same as (−w, ±a) with another output bias. Two antiparallel neurons form a channel as two parallel
ones do, and a criterion that looks for parallel ones has to turn one of them first. Turning changes signs in θ alone: lengths and
angles of updates stay as they are.

Source: paper, Figure B9 (erf, whose channels the paper counts by parallel neurons); the symmetries are in `networks.activations`.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order

from flatchannels.landscape.geometry import GROUP_DISTANCE, cosine_distances
from flatchannels.networks.activations import Activation
from flatchannels.networks.layout import Layout

Array = NDArray[np.float64]


def neuron_signs(input_weights: Array, threshold: float = GROUP_DISTANCE) -> Array:
    """Signs that turn neurons so that those nearly parallel or antiparallel to each other all are nearly parallel.

    They are linked as by `geometry.groups`, with 1 − |cos| for the distance; of each set so linked the first keeps its sign.

    Parameters
    ----------
    input_weights : (r, k)
        Bias included.
    threshold : float

    Returns
    -------
    (r,)
    """
    distances = cosine_distances(input_weights)
    opposite = distances > 1
    linked = np.where(opposite, 2 - distances, distances) < threshold  # never with NaN
    signs = np.zeros(len(linked))
    for start in range(len(linked)):
        if signs[start] == 0:
            order, before = breadth_first_order(linked, start, directed=False)
            signs[start] = 1
            for neuron in order[1:]:
                signs[neuron] = signs[before[neuron]] * (-1 if opposite[before[neuron], neuron] else 1)
    return signs


def mirror_signs(theta: Array, layout: Layout, activation: Activation) -> Array:
    """Signs by which θ becomes one of the same function, but for output biases, without antiparallel neurons.

    All 1 where the activation has no such symmetry. ASSUME: with a constant in the symmetry (sigmoid) networks of several hidden
    layers are left as they are, because there the constant changes the directions of the layer above.

    Parameters
    ----------
    theta : (P,)
    layout : Layout
    activation : Activation

    Returns
    -------
    (P,)
    """
    signs, mirror = np.ones(layout.parameters), activation.reflection
    if mirror is None or not activation.is_even_or_odd(layout.bias) or (mirror.constant and len(layout.widths) > 1):
        return signs
    for layer in layout.hidden_layers:
        turn = neuron_signs((theta * signs)[layer.rows])[:, None]
        signs[layer.rows] *= turn
        if mirror.sign < 0:
            signs[layer.columns] *= turn
    return signs
