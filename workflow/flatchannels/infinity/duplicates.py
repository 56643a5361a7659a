"""Duplicate neurons on the way to infinity.

A member of a channel pair can be split in two like any neuron, and the split can be stable: a plateau saddle at infinity.
Merged again, the neurons have the limit of a narrower network. The second-order change of its loss when the copies k of a
neuron, with outputs a_k, are moved by δ_k with Σ a_k δ_k = 0 is ½ Σ a_k δ_k·M δ_k, M = Σ_n (∂L/∂f)_n σ''(w·x_n) x_n x_nᵀ.

For the member of a pair, M v = 0 at the limit. Along v the sign is that of the pair's slope h, to leading order in 1/K:
a_k v·M v becomes 6 h |v|² times a positive number for either member, and so a split along v raises the loss as the way back does.

Source: paper, section 2 and Appendix A (plateau saddles); their ends at infinity are this project's.
"""

import numpy as np
from numpy.typing import NDArray

from flatchannels.infinity.limits import AnyLimit
from flatchannels.landscape.geometry import euclidean_distances
from flatchannels.landscape.saddle_lines import merge
from flatchannels.networks.network import Network
from flatchannels.precision import DUPLICATE_DISTANCE, SINGULAR_AT_A_MINIMUM

Array = NDArray[np.float64]


def merged(network: Network, theta: Array) -> tuple[Network, Array, list[Array]]:
    """A network with one hidden layer without its duplicates.

    Parameters
    ----------
    network : Network
    theta : (P,)

    Returns
    -------
    Network
    theta : (P',)
    outputs : list of (copies,)
        That each of its neurons had before.
    """
    outputs = [np.array([a]) for a in network.matrices(theta)[1][0, : network.widths[0]]]
    while len(outputs) > 1:
        distances = euclidean_distances(network.matrices(theta)[0]) + np.diag(np.full(len(outputs), np.inf))
        i, j = sorted(map(int, np.unravel_index(np.argmin(distances), distances.shape)))
        if not distances[i, j] < DUPLICATE_DISTANCE:
            break
        network, theta = merge(network, theta, i, j)
        outputs[i] = np.concatenate([outputs[i], outputs.pop(j)])
    return network, theta, outputs


def stable(limit: AnyLimit, end: Array, outputs: list[Array]) -> bool:
    """Whether no split of the duplicates lowers the loss of a limit at its minimum.

    Only copies of neurons alone and in pairs can be judged; others count as unstable.

    Parameters
    ----------
    limit : AnyLimit
    end : (P,)
        The minimum.
    outputs : list of (copies,)
        As by `merged`.

    Returns
    -------
    bool
    """
    slope, x = limit.slope(end), limit.features(end, 0)
    judged = set()
    for unit, (_, forms) in zip(limit.units, limit.unpack(end)[0]):
        for neuron in unit.neurons if unit.kind in ("neuron", "pair") else ():
            judged.add(neuron)
            if len(outputs[neuron]) > 1:
                bend = limit.activation.derivatives(forms[0] @ x)[2]
                matrix = (x * (slope * bend)) @ x.T
                if unit.kind == "pair":
                    across = np.linalg.qr(np.column_stack([forms[1], np.eye(len(x))]))[0][:, 1 : len(x)]
                    matrix = across.T @ matrix @ across
                if not _no_descent(matrix, outputs[neuron]):
                    return False
    return all(neuron in judged for neuron, a in enumerate(outputs) if len(a) > 1)


def _no_descent(matrix: Array, a: Array) -> bool:
    """Whether Σ a_k δ_k·M δ_k ≥ 0 for all δ_k with Σ a_k δ_k = 0, up to rounding."""
    free = np.linalg.qr(np.column_stack([a, np.eye(a.size)]))[0][:, 1 : a.size]
    weights = np.linalg.eigvalsh(free.T @ (a[:, None] * free))
    values = np.linalg.eigvalsh(matrix)
    products = np.multiply.outer(weights, values)
    return bool(products.min() >= -SINGULAR_AT_A_MINIMUM * abs(products).max())
