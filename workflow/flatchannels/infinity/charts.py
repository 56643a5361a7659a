"""Channel pairs of networks of any depth in coordinates that stay finite along their channels.

Source: paper, section 3, Appendix C.1; the coordinates for layers below another one are this project's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.objectives import Affine, Objective
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

LOG_STEP = 1e-3  # of K, for the derivative of an affine function of K and 1/K: an error of 2e-7, relative


class Chart:
    """The loss of a network of any depth at given K of some channel pairs, in coordinates that stay finite as K → ∞.

    With D = a_i − a_j = K (n + E e), for a fixed unit vector n and E orthogonal to it, and w_i − w_j = 2v / K, the parameters
    are affine in η = (w, v, c, e, all others), and the loss at K = ∞ is that of gated units with the outputs c and n + E e.
    An objective for `polish`. Pairs of higher layers are transformed first, as the rows that they mix contain the D below.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
        Where n and K come from.
    pairs : sequence of (layer, i, j)
        Layers counted from 0, the highest first.
    """

    def __init__(self, network: Network, data: Dataset, theta: Array, pairs: Sequence[tuple[int, ...]]) -> None:
        layers = network.layout.hidden_layers
        self.network, self.data, self.pairs = network, data, [(layers[number], i, j) for number, i, j in pairs]
        self.normals, self.K = [], []
        self.free = np.ones(theta.size, dtype=bool)
        inside = theta.copy()
        for layer, i, j in self.pairs:
            difference = inside[layer.columns[i]] - inside[layer.columns[j]]
            self.K.append(float(np.linalg.norm(difference)))
            basis = np.linalg.qr(np.column_stack([difference, np.eye(difference.size)]))[0][:, : difference.size]
            self.normals.append((difference / self.K[-1], basis[:, 1:]))
            self.free[layer.columns[j][-1]] = False
            upper, lower = layer.rows[i], layer.rows[j]
            inside[upper], inside[lower] = (inside[upper] + inside[lower]) / 2, self.K[-1] * (inside[upper] - inside[lower]) / 2
            inside[layer.columns[i]] += inside[layer.columns[j]]
            inside[layer.columns[j]] = 0.0
        self.start = inside[self.free]

    def map(self, K: Sequence[float]) -> tuple[Array, Array]:
        """The affine map from the coordinates to the parameters: θ = M η + offset.

        Parameters
        ----------
        K : sequence of float
            Of each pair.

        Returns
        -------
        matrix : (P, Q)
            M.
        offset : (P,)
        """
        matrix, offset = np.eye(self.free.size), np.zeros(self.free.size)
        for (layer, i, j), (normal, basis), k in zip(self.pairs, self.normals, K):
            step, shift = np.eye(self.free.size), np.zeros(self.free.size)
            for plus, minus in zip(layer.rows[i], layer.rows[j]):
                step[plus, minus], step[minus, plus], step[minus, minus] = 1 / k, 1.0, -1 / k
            ahead, behind = layer.columns[i], layer.columns[j]
            step[ahead, ahead], step[behind, behind] = 0.5, 0.0
            step[behind, ahead] = 0.5
            step[np.ix_(ahead, behind[:-1])], step[np.ix_(behind, behind[:-1])] = k / 2 * basis, -k / 2 * basis
            step[:, behind[-1]] = 0.0
            shift[ahead], shift[behind] = k / 2 * normal, -k / 2 * normal
            matrix, offset = matrix @ step, offset + matrix @ shift
        return matrix[:, self.free], offset

    def differences(self, eta: Array) -> tuple[Array, Array]:
        """By how much the loss exceeds that at infinity, L − L_∞ = −(K/2) ∂L/∂K, for each pair, and the pair's ε.

        Parameters
        ----------
        eta : (Q,)

        Returns
        -------
        difference : (pairs,)
        epsilon : (pairs,)
        """
        matrix, offset = self.map(self.K)
        gradient = self.network.gradient(matrix @ eta + offset, self.data)
        full, predicted, epsilon = np.zeros(self.free.size), [], []
        full[self.free] = eta
        for n, (layer, _, j) in enumerate(self.pairs):
            ends = []
            for sign in (1, -1):
                K = [k * np.exp(sign * LOG_STEP * (m == n)) for m, k in enumerate(self.K)]
                matrix, offset = self.map(K)
                ends.append(matrix @ eta + offset)
            predicted.append(-0.5 * gradient @ (ends[0] - ends[1]) / (2 * LOG_STEP))
            epsilon.append(np.linalg.norm(full[layer.rows[j]]) / self.K[n])
        return np.array(predicted), np.array(epsilon)

    def at(self, factor: float) -> Affine:
        """The loss with all K multiplied by a factor, as a function of η: an objective for `polish`.

        Parameters
        ----------
        factor : float

        Returns
        -------
        Affine
        """
        return Affine(Objective(self.network, self.data), *self.map([factor * k for k in self.K]))
