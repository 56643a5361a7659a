"""The symmetry of networks with a homogeneous activation, σ(cz) = cσ(z) for c > 0: a neuron's w grows as its a shrinks.

Source: Kunin et al. 2021 (rescale symmetry, and what a gradient flow conserves by it).
"""

import numpy as np
from numpy.typing import NDArray

from flatchannels.networks.layout import Layout

Array = NDArray[np.float64]


def scalings(layout: Layout) -> Array:
    """Signs, a column for each neuron: 1 on the weights into it, −1 on those out of it, else 0.

    A homogeneous neuron's weights times e^(s · sign) compute the same f for every s, and a gradient flow conserves
    half the sum of sign · θ².

    Parameters
    ----------
    layout : Layout

    Returns
    -------
    (P, hidden units)
    """
    indices = layout.matrices(np.arange(layout.parameters))
    neurons = [(row, above[:, i]) for rows, above in zip(indices, indices[1:]) for i, row in enumerate(rows)]
    signs = np.zeros((layout.parameters, len(neurons)))
    for i, (into, out) in enumerate(neurons):
        signs[into, i], signs[out, i] = 1.0, -1.0
    return signs


def gauge(signs: Array, theta: Array) -> Array:
    """Directions that leave the function of a homogeneous network unchanged; a neuron without weights has none.

    Parameters
    ----------
    signs : (P, hidden units)
        `scalings` of its layout.
    theta : (P,)

    Returns
    -------
    (P, n), orthonormal columns
    """
    directions = signs * theta[:, None]
    lengths = np.linalg.norm(directions, axis=0)
    return np.linalg.qr(directions[:, lengths > 0] / lengths[lengths > 0])[0]
