"""Losses over infinitely many samples x ~ N(0, I): quadrature in one dimension, closed forms in any.

With one hidden layer and a teacher network of the same kind, the loss is a quadratic form in the output weights. Its
matrix holds K_00 = E[σ(u) σ(v)] for pairs of neurons, u = w·x + b and v = w'·x + b' being jointly normal. Gradient and
Hessian follow from K_pq = E[σ⁽ᵖ⁾(u) σ⁽𐞥⁾(v)], p + q ≤ 4, through integration by parts: for every p and q

    ∂K_pq/∂b = K_{p+1,q},   ∂K_pq/∂w = w K_{p+2,q} + w' K_{p+1,q+1}.

For erf and relu all K_pq follow from the distribution function of two normal variables, which Owen's T gives, and from
its derivatives: (1 + erf(z/√2)) / 2 is the share of a normal variable below z, and the second derivative of relu is δ(z).

The terms of the form cancel along a channel, where they leave an error of 1e-16 (Σ|a|)²; that of quadrature is smaller.

Sources: Owen 1956, 1980; Williams 1997 (erf without bias); Cho & Saul 2009 (relu without bias); paper, Appendix C.3.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, owens_t, roots_hermitenorm

from flatchannels.data.dataset import Dataset
from flatchannels.networks.network import Network

Array = NDArray[np.float64]
Moments = dict[tuple[int, int], Array]  # K_pq by (p, q)

TRAPEZOID_RANGE = 9.0  # standard deviations; 2e-19 lies beyond
LEAST_DETERMINANT = 1e-30  # smallest determinant of two normalised neurons: relu is not smooth where they are parallel


# Quadrature


def gauss_hermite(nodes: int, target: Callable[[Array], Array]) -> Dataset:
    """Data whose weighted means are those over x ~ N(0, 1), exact for polynomials of degree < 2·nodes.

    Neurons with input weight w need about 50 w² nodes for 1e-12.

    Parameters
    ----------
    nodes : int
    target : function
        x (nodes,) → y (nodes,).

    Returns
    -------
    Dataset
    """
    x, weights = roots_hermitenorm(nodes)
    return Dataset(x, target(x), weights / weights.sum())


def trapezoid(nodes: int, target: Callable[[Array], Array]) -> Dataset:
    """Data whose weighted means are those over x ~ N(0, 1), by equally spaced nodes, of which about 30 |w| are enough.

    The error falls like exp(−2π² / (1 + 2w²)h²) with the spacing h, because erf of wx and its products are entire, and no
    nodes are lost in the far tails, where those of Gauss and Hermite lie.  Source: Trefethen & Weideman 2014, section 5.

    Parameters
    ----------
    nodes : int
    target : function
        x (nodes,) → y (nodes,).

    Returns
    -------
    Dataset
    """
    x = TRAPEZOID_RANGE * (2 * np.arange(nodes) + 1 - nodes) / nodes
    weights = np.exp(-0.5 * x**2)
    return Dataset(x, target(x), weights / weights.sum())


# Normal variables


def univariate(m: Array, A: Array | float) -> list[Array]:
    """G(m) = P(X < m) for normal X of variance A, with its first four derivatives.

    Parameters
    ----------
    m : float array
    A : float array

    Returns
    -------
    list of arrays like m
        G, G', G'', …
    """
    G = [ndtr(m / np.sqrt(A)), np.exp(-0.5 * m**2 / A) / np.sqrt(2 * math.pi * A)]
    for order in range(2, 5):
        G.append(-(m * G[-1] + (order - 2) * G[-2]) / A)
    return G


def bivariate(m: Array, n: Array, A: Array, C: Array, B: Array, determinant: Array) -> Moments:
    """F_pq = ∂ᵖ/∂mᵖ ∂𐞥/∂n𐞥 P(X < m, Y < n) for normal (X, Y) with the covariance [[A, C], [C, B]].

    Parameters
    ----------
    m, n, A, C, B : float
        Arrays of one shape.
    determinant
        AB − C² > 0, given because it cancels.

    Returns
    -------
    dict
        (p, q) → array, for q ≤ p, p + q ≤ 4, and (0, 1).
    """
    above_m, above_n = (n - C / A * m) / np.sqrt(determinant / A), (m - C / B * n) / np.sqrt(determinant / B)
    p, q = (B * m - C * n) / determinant, (A * n - C * m) / determinant
    F = {(0, 0): _below(m / np.sqrt(A), n / np.sqrt(B), above_m, above_n, np.arctan2(C, np.sqrt(determinant)))}
    F[1, 0], F[0, 1] = univariate(m, A)[1] * ndtr(above_m), univariate(n, B)[1] * ndtr(above_n)
    F[1, 1] = univariate(m, A)[1] * univariate(above_m, 1.0)[1] * np.sqrt(A / determinant)
    F[2, 1], F[2, 2], F[3, 1] = -p * F[1, 1], (p * q + C / determinant) * F[1, 1], (p * p - B / determinant) * F[1, 1]
    F[2, 0] = -(m * F[1, 0] + C * F[1, 1]) / A
    F[3, 0] = -(m * F[2, 0] + F[1, 0] + C * F[2, 1]) / A
    F[4, 0] = -(m * F[3, 0] + 2 * F[2, 0] + C * F[3, 1]) / A
    return F


def _below(h: Array, k: Array, above_h: Array, above_k: Array, angle: Array) -> Array:
    """P(X < h, Y < k) of standard normal X, Y with the correlation sin(angle).

    above_h = (k − ρh) / √(1 − ρ²), and above_k the same with h and k exchanged.  Source: Owen 1956, equation 2.1.
    """
    h, k = h + 0.0, k + 0.0  # turns −0 into 0
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = owens_t(h, above_h / h) + owens_t(k, above_k / k)
    opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
    both_zero = (h == 0) & (k == 0)
    return np.where(both_zero, 0.25 + angle / (2 * math.pi), 0.5 * (ndtr(h) + ndtr(k)) - parts - 0.5 * opposite)


# Moments of neurons


def erf_moments(m: Array, A: Array) -> list[Array]:
    """E[σ(u)] with its first four derivatives, for σ(z) = erf(z/√2), u ~ N(m, A).

    Parameters
    ----------
    m : float array
    A : float array

    Returns
    -------
    list of arrays like m
    """
    G = univariate(m, A + 1)
    return [2 * G[0] - 1, *(2 * g for g in G[1:])]


def erf_products(m: Array, n: Array, A: Array, C: Array, B: Array, determinant: Array) -> Moments:
    """K_pq of erf neurons: u ~ N(m, A), v ~ N(n, B), covariance C.

    Parameters
    ----------
    m, n, A, C, B : float arrays of one shape
    determinant : float array
        AB − C² > 0, given because it cancels.

    Returns
    -------
    dict
        (p, q) → array for q ≤ p.
    """
    F = bivariate(m, n, A + 1, C, B + 1, determinant + A + B + 1)
    G = univariate(m, A + 1)
    K = {(p, q): 4 * F[p, q] - 2 * G[p] if q == 0 else 4 * F[p, q] for p, q in F}
    K[0, 0] += 1 - 2 * univariate(n, B + 1)[0]
    return K


def relu_moments(m: Array, A: Array) -> list[Array]:
    """As `erf_moments`, for relu.

    Parameters
    ----------
    m : float array
    A : float array

    Returns
    -------
    list of arrays like m
    """
    G = univariate(m, A)
    return [m * G[0] + A * G[1], *G[:4]]


def relu_products(m: Array, n: Array, A: Array, C: Array, B: Array, determinant: Array) -> Moments:
    """As `erf_products`, for relu.

    Where u = v the moments with δ(u)² are infinite, but not the sums of them that a Hessian takes: for E[σσ''' + 3σ'σ''] a
    half of E[(σ²)'''] is put into K_30, with 0 in K_21, and the same for the fourth derivative into K_40.

    Parameters
    ----------
    m, n, A, C, B : float arrays of one shape
    determinant : float array
        AB − C² > 0, given because it cancels.

    Returns
    -------
    dict
        (p, q) → array for q ≤ p.
    """
    determinant = np.maximum(determinant, LEAST_DETERMINANT * A * B)
    F = bivariate(m, n, A, C, B, determinant)
    K = {(p + 1, q + 1): F[p, q] for p, q in F if q <= p and p + q <= 2}
    above, variance = n - C / A * m, determinant / A  # mean and variance of v where u = 0
    K[1, 0] = n * F[0, 0] + C * F[1, 0] + B * F[0, 1]
    K[2, 0] = above * F[1, 0] + variance * F[1, 1]
    K[3, 0] = above * F[2, 0] + variance * F[2, 1] - C / A * F[1, 0]
    K[4, 0] = above * F[3, 0] + variance * F[3, 1] - 2 * C / A * F[2, 0]
    K[0, 0] = m * K[1, 0] + A * K[2, 0] + C * F[0, 0]
    same, G = (A == B) & (A == C) & (m == n), univariate(m, A)
    squares = {(0, 0): (m * m + A) * G[0] + m * A * G[1], (1, 0): m * G[0] + A * G[1], (1, 1): G[0], (3, 0): G[1], (4, 0): G[2]}
    return {pq: np.where(same, squares.get(pq, 0.0), values) for pq, values in K.items()}


MOMENTS = {"erf": (erf_moments, erf_products), "relu": (relu_moments, relu_products)}


# The loss


class Population:
    """The loss of a network against a teacher over x ~ N(0, I): an objective for `gradient_flow` and `polish`.

    Parameters
    ----------
    network : Network
        With one hidden layer of erf or relu neurons.
    teacher : Network
        With as many inputs and the same activation, of any width, with or without biases.
    theta : (P',)
        The teacher's.

    Raises
    ------
    ValueError
        Another number of hidden layers, another activation, a teacher of another kind, or a network of relu neurons with one input
        and no biases.
    """

    def __init__(self, network: Network, teacher: Network, theta: Array) -> None:
        for net in (network, teacher):
            if len(net.widths) != 1 or net.activation not in MOMENTS:
                raise ValueError(f"{net.activation} with widths {net.widths}; closed forms are for one hidden layer of erf or relu")
        if (network.inputs, network.activation) != (teacher.inputs, teacher.activation):
            raise ValueError("network and teacher must have the same number of inputs and the same activation")
        if network.activation == "relu" and network.inputs == 1 and not network.bias:
            raise ValueError("relu neurons of one input need biases: without, all of them are parallel, where closed forms end")
        self.network = network
        self.moments, self.products = MOMENTS[network.activation]
        self.rows, self.outputs, self.constant = _neurons(teacher, theta)
        self.square = self.outputs @ self._products(self.rows, self.rows)[0, 0] @ self.outputs

    def linear_neurons(self, theta: Array) -> int:
        """None: normal samples reach every part of an activation.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        int
            0.
        """
        return 0

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Loss and gradient.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        return self.derivatives(theta)[:2]

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Loss, gradient and Hessian.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        rows, a, constant = _neurons(self.network, theta)
        everyone = np.concatenate([rows, self.rows])
        q, q0 = np.concatenate([a, -self.outputs]), constant - self.constant  # f − y = Σ q σ + q0
        r, k = len(a), rows.shape[1] - (not self.network.bias)  # k input weights of each neuron, a bias among them
        K, M = self._products(rows, everyone), self._moments(everyone)
        v, W = everyone[:, :-1], rows[:, :-1]
        mean = q @ M[0] + q0
        errors = K[0, 0] @ q + q0 * M[0][:r]  # E[(f − y) σ(u_i)]
        loss = a @ (K[0, 0] @ q) - a @ K[0, 0][:, r:] @ self.outputs + self.square + q0 * (2 * mean - q0)

        # Derivatives of K_00 (r, r + t) by the input weights of its first neuron, and of E[σ] by those of its neuron.
        K_1 = _join(K[2, 0][..., None] * W[:, None] + K[1, 1][..., None] * v, K[1, 0])[..., :k]
        M_1 = _join(M[2][:r, None] * W, M[1][:r])[:, :k]
        slopes = np.einsum("ijk,j->ik", K_1, q) + q0 * M_1  # E[(f − y) σ(u_i)] by the weights of u_i, f − y held fixed
        gradient = np.concatenate([(2 * a[:, None] * slopes).ravel(), 2 * errors, [2 * mean]])

        K_11, K_12 = _second(K, W, v, k)
        M_11 = _second_moments(M, W, k)
        hidden = 2 * a[:, None, None, None] * a[:, None, None] * K_12  # (r, r, k, k)
        own = np.arange(r)
        hidden[own, own] += 2 * a[:, None, None] * (np.einsum("ijkl,j->ikl", K_11, q) + q0 * M_11)
        mixed = 2 * a[:, None, None] * K_1[:, :r].transpose(0, 2, 1)  # (r, k, r): weights of u_i and a_j
        mixed[own, :, own] += 2 * slopes
        size = r * k
        hessian = np.zeros((size + r + 1, size + r + 1))
        hessian[:size, :size] = hidden.transpose(0, 2, 1, 3).reshape(size, size)
        hessian[:size, size:-1] = mixed.reshape(size, r)
        hessian[:size, -1] = (2 * a[:, None] * M_1).ravel()
        hessian[size:-1, size:-1] = 2 * K[0, 0][:, :r]
        hessian[size:-1, -1] = 2 * M[0][:r]
        hessian[-1, -1] = 2.0
        hessian[size:, :size] = hessian[:size, size:].T
        hessian[-1, size:-1] = hessian[size:-1, -1]
        P = self.network.parameters  # one less than these without the output's bias
        return loss, gradient[:P], hessian[:P, :P]

    def _moments(self, rows: Array) -> list[Array]:
        return self.moments(rows[:, -1], (rows[:, :-1] ** 2).sum(axis=1))

    def _products(self, rows: Array, others: Array) -> Moments:
        """K_pq (len(rows), len(others)) of all pairs."""
        w, v = rows[:, None, :-1], others[None, :, :-1]
        A, B, C = (w * w).sum(axis=2), (v * v).sum(axis=2), (w * v).sum(axis=2)
        across = v - (C / np.maximum(A, np.finfo(float).tiny))[..., None] * w  # keeps its digits where w and v are nearly parallel
        m, n, A, B = np.broadcast_arrays(rows[:, -1:], others[None, :, -1], A, B)
        return self.products(m, n, A, C, B, A * (across * across).sum(axis=2))


def _neurons(net: Network, theta: Array) -> tuple[Array, Array, float]:
    """[W | b] (r, d + 1), a (r,) and c of a network; zeros stand for biases that it does not have."""
    hidden, output = net.matrices(theta)
    if net.bias:
        return hidden, output[0, :-1], output[0, -1]
    return np.column_stack([hidden, np.zeros(len(hidden))]), output[0], 0.0


def _join(weights: Array, bias: Array) -> Array:
    """(…, d) and (…) to (…, d + 1)."""
    return np.concatenate([weights, bias[..., None]], axis=-1)


def _second(K: Moments, W: Array, v: Array, k: int) -> tuple[Array, Array]:
    """Second derivatives of K_00 by the k weights of the first neuron (r, r + t, k, k), and by those of both (r, r, k, k)."""
    w, r = W[:, None], len(W)
    eye = np.eye(W.shape[1])
    K = {pq: values[..., None] for pq, values in K.items()}
    twice = K[2, 0][..., None] * eye + _outer(K[4, 0] * w + K[3, 1] * v, w) + _outer(K[3, 1] * w + K[2, 2] * v, v)
    twice = _bordered(twice, K[3, 0] * w + K[2, 1] * v, K[2, 0])
    v, K = v[:r], {pq: values[:, :r] for pq, values in K.items()}
    K[1, 2], K[1, 3] = K[2, 1].transpose(1, 0, 2), K[3, 1].transpose(1, 0, 2)
    once = K[1, 1][..., None] * eye + _outer(K[3, 1] * w + K[2, 2] * v, w) + _outer(K[2, 2] * w + K[1, 3] * v, v)
    once = _bordered(once, K[2, 1] * w + K[1, 2] * v, K[1, 1])
    return twice[..., :k, :k], once[..., :k, :k]


def _second_moments(M: list[Array], W: Array, k: int) -> Array:
    """Second derivatives of E[σ] by the k weights of its neuron: (r, k, k)."""
    M = [values[: len(W), None] for values in M]
    return _bordered(M[2][..., None] * np.eye(W.shape[1]) + _outer(M[4] * W, W), M[3] * W, M[2])[..., :k, :k]


def _outer(x: Array, y: Array) -> Array:
    x, y = np.broadcast_arrays(x, y)
    return x[..., :, None] * y[..., None, :]


def _bordered(block: Array, edge: Array, corner: Array) -> Array:
    """The symmetric [[block, edge], [edge, corner]] in the last two axes; the last axis of corner has length 1."""
    last = np.concatenate([edge, corner], axis=-1)[..., None, :]
    return np.concatenate([np.concatenate([block, edge[..., None]], axis=-1), last], axis=-2)
