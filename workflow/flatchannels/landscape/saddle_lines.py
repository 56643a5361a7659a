"""Saddle lines: a neuron of a converged network split in two, and the landscape around the line of critical points.

Neuron j of a network of width r is replaced by two with its input weights and the output weights γa*, (1 − γ)a*. The
function does not change, and at a critical point of the narrow loss every γ ∈ ℝ gives a critical point of the wide one:
the saddle line Γ, an affine line, on which only two output weights vary (`spectrum`: the Hessian along it).

One hidden layer, biases on or off: with more layers or outputs a split has more parameters than γ, and B_j says less.

Sources: Fukumizu & Amari 2000 (theorem 3); paper, section 2, Appendices A and B.2.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.scalars import activate
from flatchannels.precision import SIGN_RESOLUTION

Array = NDArray[np.float64]


class Stability(Enum):
    """Which part of a saddle line is stable, where the narrow network is a minimum."""

    STABLE_INSIDE = "stable inside"  # a plateau of local minima at γ in (0, 1), strict saddles outside [0, 1]
    STABLE_OUTSIDE = "stable outside"  # the reverse
    UNSTABLE = "unstable"  # strict saddles at every γ but 0 and 1
    DEGENERATE = "degenerate"  # B_j has eigenvalues that are rounding, and the others do not decide: linear or dead neurons


@dataclass(frozen=True)
class SaddleLine:
    """Γ(γ) = origin + γ velocity, in the parameters of the wide network.

    Parameters
    ----------
    net : Network
        Of width r + 1.
    pair : (i, j)
        The two halves of the split neuron, with a_i = γa*, a_j = (1 − γ)a*.
    origin, velocity : (P,)
    a_star : float
        The output weight that was split.
    """

    net: Network
    pair: tuple[int, int]
    origin: Array
    velocity: Array
    a_star: float

    def __call__(self, gamma: ArrayLike) -> Array:
        """θ at γ: (P,), or (…, P) for an array of γ."""
        return self.origin + np.asarray(gamma, dtype=float)[..., None] * self.velocity

    @property
    def direction(self) -> Array:
        """The unit vector (P,) along which γ grows."""
        return self.velocity / np.linalg.norm(self.velocity)


def split(net: Network, theta: ArrayLike, neuron: int, gamma: float) -> tuple[Network, Array]:
    """Split a neuron of the hidden layer; its halves take the places `neuron` and `neuron` + 1.

    Source: paper, section 2.

    Parameters
    ----------
    net : Network
        With one hidden layer.
    theta : (P,)
    neuron : int
        0 ≤ neuron < r.
    gamma : float
        The share of the output weight that the first half gets; any real number.

    Returns
    -------
    Network
        Of width r + 1, with the same function.
    theta : (P',)

    Raises
    ------
    ValueError
        More than one hidden layer, no such neuron, or γ that is not finite.
    """
    hidden, output = _layers(net, theta)
    _check_neuron(net, neuron)
    if not np.isfinite(gamma):
        raise ValueError(f"gamma is {gamma}; it must be finite")
    hidden = np.insert(hidden, neuron, hidden[neuron], axis=0)
    output = np.insert(output, neuron, gamma * output[:, neuron], axis=1)
    output[:, neuron + 1] *= 1.0 - gamma
    smoothing = tuple(np.insert(net.smoothing, neuron, net.smoothing[neuron])) if net.smoothing else ()
    return replace(net, widths=(len(hidden),), smoothing=smoothing), np.concatenate([hidden.ravel(), output.ravel()])


def merge(net: Network, theta: ArrayLike, first: int, second: int) -> tuple[Network, Array]:
    """Merge two neurons into one with the mean of their input weights and the sum of their output weights.

    The merged neuron takes the place of the one that comes first. It undoes `split` at any γ.

    Source: paper, Appendix B.2.

    Parameters
    ----------
    net : Network
        With one hidden layer.
    theta : (P,)
    first, second : int
        The neurons.

    Returns
    -------
    Network
        Of width r − 1.
    theta : (P',)

    Raises
    ------
    ValueError
        More than one hidden layer, no such neurons, or twice the same.
    """
    hidden, output = _layers(net, theta)
    first, second = sorted((_check_neuron(net, first), _check_neuron(net, second)))
    if first == second:
        raise ValueError(f"neurons {first} and {second} are the same; merging takes two")
    hidden[first] = 0.5 * (hidden[first] + hidden[second])
    output[:, first] += output[:, second]
    hidden, output = np.delete(hidden, second, axis=0), np.delete(output, second, axis=1)
    smoothing = tuple(np.delete(net.smoothing, second)) if net.smoothing else ()
    return replace(net, widths=(len(hidden),), smoothing=smoothing), np.concatenate([hidden.ravel(), output.ravel()])


def saddle_line(net: Network, theta: ArrayLike, neuron: int) -> SaddleLine:
    """Γ of one neuron of a network at a critical point of its loss.

    Source: paper, section 2.

    Parameters
    ----------
    net : Network
    theta : (P,)
    neuron : int
        From 0.

    Returns
    -------
    SaddleLine

    Raises
    ------
    ValueError
        As `split`, or an output weight of 0, with which Γ is a point.
    """
    wide, origin = split(net, theta, neuron, 0.0)
    a_star = float(_layers(net, theta)[1][0, neuron])
    if a_star == 0:
        raise ValueError(f"neuron {neuron} has output weight 0; its saddle line is a point")
    velocity = np.zeros(wide.parameters)
    velocity[_output_index(wide, neuron)] = a_star
    velocity[_output_index(wide, neuron + 1)] = -a_star
    return SaddleLine(wide, (neuron, neuron + 1), origin, velocity, a_star)


def fukumizu_amari(net: Network, theta: ArrayLike, neuron: int, data: Dataset) -> Array:
    """The matrix B_j = Σ_n q_n a_j σ''(w_j·x_n) (∂ℓ/∂f)_n x_n x_nᵀ, x extended by 1 where there are biases.

    q_n are the sample weights (1/N), and ∂ℓ/∂f = 2(f − y).

    Where θ is a critical point with a_j ≠ 0, the Hessian of the wide loss at Γ(γ) is congruent to three blocks: that of
    the narrow loss, a 0 along Γ, and γ(1 − γ) B_j. For move the halves apart by δ without moving their mean weighted with
    γ, 1 − γ: w_j + (1 − γ)δ and w_j − γδ. With A = Σ q_n ℓ'' a_j² σ'² x xᵀ the blocks of the Hessian in the halves'
    input weights are γ²A + γB_j, γ(1 − γ)A and (1 − γ)²A + (1 − γ)B_j, so along δ
        (1 − γ)² (γ²A + γB_j) − 2γ(1 − γ) γ(1 − γ)A + γ² ((1 − γ)²A + (1 − γ)B_j) = γ(1 − γ) B_j.
    The same sums show that δ does not mix with a common shift of the halves (A cancels, and γ(1 − γ)B_j − γ(1 − γ)B_j), and
    its mixed terms with the output weights are multiples of Σ q_n ℓ' σ' x_n, which vanishes with the gradient. By
    Sylvester's law the wide Hessian has as many negative eigenvalues as the narrow one and γ(1 − γ) B_j together.

    Parameters
    ----------
    net : Network
    theta : (P,)
    neuron : int
        From 0.
    data : Dataset

    Returns
    -------
    (d, d), or (d + 1, d + 1) with biases, symmetric
        B_j.

    Raises
    ------
    ValueError
        More than one hidden layer, or no such neuron.
    """
    x, terms = _curvature_terms(net, theta, neuron, data)
    return (x * terms[:, None]).T @ x


def stability(net: Network, theta: ArrayLike, neuron: int, data: Dataset, tolerance: float = SIGN_RESOLUTION) -> Stability:
    """Which part of a neuron's saddle line is stable, from the definiteness of its `fukumizu_amari` matrix.

    The reduced Hessian is γ(1 − γ) B_j: positive B_j is stable where γ(1 − γ) > 0, negative B_j where γ(1 − γ) < 0.

    Parameters
    ----------
    net : Network
    theta : (P,)
    neuron : int
        From 0.
    data : Dataset
    tolerance : float
        Eigenvalues below this fraction of Σ_n |terms of tr B_j| count as rounding.

    Returns
    -------
    Stability
        It says "stable" of a narrow network that is a minimum; at a saddle of the narrow loss all of Γ is unstable.
    """
    x, terms = _curvature_terms(net, theta, neuron, data)
    values = np.linalg.eigvalsh((x * terms[:, None]).T @ x)
    noise = tolerance * float(abs(terms) @ (x * x).sum(axis=1))
    if values[0] < -noise and values[-1] > noise:
        return Stability.UNSTABLE
    if values[0] > noise:
        return Stability.STABLE_INSIDE
    return Stability.STABLE_OUTSIDE if values[-1] < -noise else Stability.DEGENERATE


def _curvature_terms(net: Network, theta: ArrayLike, neuron: int, data: Dataset) -> tuple[Array, Array]:
    """x (N, d + bias), and q_n a_j σ''(w_j·x_n) 2 (f − y)_n (N,)."""
    output = _layers(net, theta)[1]
    _check_neuron(net, neuron)
    z = np.ascontiguousarray(net.first_layer(theta, data.x)[:, neuron])
    slope, curvature = np.empty_like(z), np.empty_like(z)
    activate(ACTIVATIONS[net.activation].code, net.smoothing[neuron] if net.smoothing else 0.0, z, slope, curvature)
    x = np.column_stack([data.x, np.ones(data.y.size)]) if net.bias else data.x
    return x, data.weights * output[0, neuron] * curvature * 2.0 * (net.predict(theta, data.x) - data.y)


def projected_gamma(net: Network, theta: ArrayLike, a_star: float, pair: tuple[int, int]) -> Array:
    """γ = (a_i − a_j + a*) / (2a*) of a pair (i, j): that of the nearest point of Γ.

    Source: paper, Appendix A (Figure 2d).

    Parameters
    ----------
    net : Network
    theta : (…, P)
        One point or many.
    a_star : float
    pair : (i, j)
        Two neurons.

    Returns
    -------
    (…)
    """
    theta = np.asarray(theta, dtype=float)
    first, second = (theta[..., _output_index(net, _check_neuron(net, neuron))] for neuron in pair)
    return (first - second + a_star) / (2.0 * a_star)


def distance_to_line(theta: ArrayLike, line: SaddleLine) -> tuple[Array, Array]:
    """Euclidean distance to the nearest point of Γ, in all and neuron by neuron.

    Source: paper, Figures 2d and B6.

    Parameters
    ----------
    theta : (…, P)
        One point or many, in the parameters of line.net.
    line : SaddleLine

    Returns
    -------
    distance : (…)
    neuron_distances : (…, r + 1)
        Of the vectors (w_i, b_i, a_i) from those of the same nearest point: their squares and that of the output bias add up to
        distance².
    """
    theta = np.asarray(theta, dtype=float)
    difference = theta - line(projected_gamma(line.net, theta, line.a_star, line.pair))
    layer, squares = line.net.layout.hidden_layers[0], difference**2
    per_neuron = squares[..., layer.rows].sum(axis=-1) + squares[..., layer.columns[:, 0]]
    return np.linalg.norm(difference, axis=-1), np.sqrt(per_neuron)


def pair_direction(net: Network, pair: tuple[int, ...]) -> Array:
    """The unit vector along which the output weights of a pair part: that of all its saddle lines, but for the sign.

    Parameters
    ----------
    net : Network
    pair : (i, j)
        Two neurons.

    Returns
    -------
    (P,)
    """
    direction = np.zeros(net.parameters)
    for neuron, sign in zip(pair, (1.0, -1.0), strict=True):
        direction[_output_index(net, _check_neuron(net, neuron))] = sign / np.sqrt(2.0)
    return direction


def surface_along_line(data: Dataset, line: SaddleLine, gammas: Array, directions: Array, sizes: Array) -> Array:
    """The loss L(Γ(γ) + α v(γ)).

    Source: paper, Figures 2c and 3a.

    Parameters
    ----------
    data : Dataset
    line : SaddleLine
    gammas : (G,)
    directions : (G, P)
        v.
    sizes : (A,)
        α.

    Returns
    -------
    (G, A)
    """
    return np.array(
        [
            [line.net.loss(point + size * direction, data) for size in sizes]
            for point, direction in zip(line(gammas), directions, strict=True)
        ]
    )


def _layers(net: Network, theta: ArrayLike) -> tuple[Array, Array]:
    """Copies of [W | b] (r, d + bias) and [a | c] (1, r + bias). Raises ValueError for more than one hidden layer."""
    if len(net.widths) != 1:
        raise ValueError(f"widths is {net.widths}; saddle lines are defined for one hidden layer")
    hidden, output = net.matrices(theta)
    return hidden.copy(), output.copy()


def _check_neuron(net: Network, neuron: int) -> int:
    if not 0 <= neuron < net.widths[0]:
        raise ValueError(f"neuron is {neuron}; the hidden layer has neurons 0 to {net.widths[0] - 1}")
    return neuron


def _output_index(net: Network, neuron: int) -> int:
    """Where a neuron's output weight a_i stands in θ."""
    return int(net.layout.hidden_layers[0].columns[neuron, 0])
