"""Saddle lines: a neuron of a converged network split in two, and the landscape around the line of critical points.

Neuron j of a network of width r is replaced by two with its input weights and the output weights γa*, (1 − γ)a*. The
function does not change, and at a critical point of the narrow loss every γ ∈ ℝ gives a critical point of the wide one:
the saddle line Γ, an affine line, on which only two output weights vary. Its Hessian is therefore a polynomial of
degree 2 in γ, known exactly from three evaluations: a spectrum at ten thousand γ costs as many small eigenproblems.

One hidden layer, biases on or off: with more layers or outputs a split has more parameters than γ, and B_j says less.

Sources: Fukumizu & Amari 2000 (theorem 3); paper, section 2, Appendices A and B.2.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import linear_sum_assignment

from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.scalars import activate

DEFINITENESS = 1e-12  # eigenvalues of B_j below this fraction of what its terms add up to without their signs are rounding
DEGENERATE_GAP = 1e-13  # eigenvalues of a Hessian closer than this fraction of the largest share one eigenspace


class Verdict(Enum):
    """What a saddle line consists of, where the narrow network is a minimum."""

    STABLE_INSIDE = "stable inside"  # a plateau of local minima at γ in (0, 1), strict saddles outside [0, 1]
    STABLE_OUTSIDE = "stable outside"  # the reverse
    UNSTABLE = "unstable"  # strict saddles at every γ but 0 and 1
    DEGENERATE = "degenerate"  # B_j has eigenvalues that are rounding, and the others do not decide: linear or dead neurons


@dataclass(frozen=True)
class SaddleLine:
    """Γ(γ) = origin + γ velocity, in the parameters of the wide network.

    net : Network, of width r + 1.  pair : (i, j), the two halves of the split neuron, with a_i = γa*, a_j = (1 − γ)a*.
    origin, velocity : (P,).  a_star : float, the output weight that was split.
    """

    net: Network
    pair: tuple
    origin: np.ndarray
    velocity: np.ndarray
    a_star: float

    def __call__(self, gamma):
        """θ at γ: (P,), or (…, P) for an array of γ."""
        return self.origin + np.asarray(gamma, dtype=float)[..., None] * self.velocity

    @property
    def direction(self):
        """The unit vector (P,) along which γ grows."""
        return self.velocity / np.linalg.norm(self.velocity)


def split(net, theta, neuron, gamma):
    """Split a neuron of the hidden layer; its halves take the places `neuron` and `neuron` + 1.

    Parameters
    ----------
    net : Network with one hidden layer.  theta : (P,).  neuron : int, 0 ≤ neuron < r.
    gamma : float, the share of the output weight that the first half gets; any real number.

    Returns
    -------
    Network of width r + 1, with the same function; its θ.

    Raises
    ------
    ValueError: more than one hidden layer, no such neuron, or γ that is not finite.

    Source: paper, section 2.
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


def merge(net, theta, first, second):
    """Merge two neurons into one with the mean of their input weights and the sum of their output weights.

    The merged neuron takes the place of the one that comes first. It undoes `split` at any γ.

    Returns
    -------
    Network of width r − 1; its θ.

    Raises
    ------
    ValueError: more than one hidden layer, no such neurons, or twice the same.

    Source: paper, Appendix B.2.
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


def saddle_line(net, theta, neuron):
    """Γ of one neuron of a network at a critical point of its loss.

    Returns
    -------
    SaddleLine.

    Raises
    ------
    ValueError: as `split`, or an output weight of 0, with which Γ is a point.

    Source: paper, section 2.
    """
    wide, origin = split(net, theta, neuron, 0.0)
    a_star = float(_layers(net, theta)[1][0, neuron])
    if a_star == 0:
        raise ValueError(f"neuron {neuron} has output weight 0; its saddle line is a point")
    velocity = np.zeros(wide.parameters)
    velocity[_output_index(wide, neuron)] = a_star
    velocity[_output_index(wide, neuron + 1)] = -a_star
    return SaddleLine(wide, (neuron, neuron + 1), origin, velocity, a_star)


def fukumizu_amari(net, theta, neuron, data):
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

    Returns
    -------
    B_j : (d, d), or (d + 1, d + 1) with biases; symmetric.

    Raises
    ------
    ValueError: more than one hidden layer, or no such neuron.

    Source: Fukumizu & Amari 2000, theorem 3; paper, Appendix A.
    """
    x, terms = _curvature_terms(net, theta, neuron, data)
    return (x * terms[:, None]).T @ x


def verdict(net, theta, neuron, data, tolerance=DEFINITENESS):
    """Which part of a neuron's saddle line is stable, from the definiteness of its `fukumizu_amari` matrix.

    The reduced Hessian is γ(1 − γ) B_j: positive B_j is stable where γ(1 − γ) > 0, negative B_j where γ(1 − γ) < 0.

    Parameters
    ----------
    tolerance : float; eigenvalues below this fraction of Σ_n |terms of tr B_j| count as rounding.

    Returns
    -------
    Verdict. It says "stable" of a narrow network that is a minimum; at a saddle of the narrow loss all of Γ is unstable.
    """
    x, terms = _curvature_terms(net, theta, neuron, data)
    values = np.linalg.eigvalsh((x * terms[:, None]).T @ x)
    noise = tolerance * float(abs(terms) @ (x * x).sum(axis=1))
    if values[0] < -noise and values[-1] > noise:
        return Verdict.UNSTABLE
    if values[0] > noise:
        return Verdict.STABLE_INSIDE
    return Verdict.STABLE_OUTSIDE if values[-1] < -noise else Verdict.DEGENERATE


def _curvature_terms(net, theta, neuron, data):
    """x (N, d + bias), and q_n a_j σ''(w_j·x_n) 2 (f − y)_n (N,)."""
    output = _layers(net, theta)[1]
    _check_neuron(net, neuron)
    z = np.ascontiguousarray(net.first_layer(theta, data.x)[:, neuron])
    slope, curvature = np.empty_like(z), np.empty_like(z)
    activate(ACTIVATIONS[net.activation].code, net.smoothing[neuron] if net.smoothing else 0.0, z, slope, curvature)
    x = np.column_stack([data.x, np.ones(data.y.size)]) if net.bias else data.x
    return x, data.weights * output[0, neuron] * curvature * 2.0 * (net.predict(theta, data.x) - data.y)


def projected_gamma(net, theta, a_star, pair):
    """γ = (a_i − a_j + a*) / (2a*) of the pair (i, j): that of the nearest point of Γ.

    theta : (…, P), one point or many.  Returns float array (…).

    Source: paper, Appendix A (Figure 2d).
    """
    theta = np.asarray(theta, dtype=float)
    first, second = (theta[..., _output_index(net, _check_neuron(net, neuron))] for neuron in pair)
    return (first - second + a_star) / (2.0 * a_star)


def distance_to_line(theta, line):
    """Euclidean distance to the nearest point of Γ, in all and neuron by neuron.

    Parameters
    ----------
    theta : (…, P), one point or many, in the parameters of line.net.

    Returns
    -------
    distance : (…)
    neuron_distances : (…, r + 1), of the vectors (w_i, b_i, a_i) from those of the same nearest point: their squares and
        that of the output bias add up to distance².

    Source: paper, Figures 2d and B6.
    """
    theta = np.asarray(theta, dtype=float)
    difference = theta - line(projected_gamma(line.net, theta, line.a_star, line.pair))
    (width, columns), _ = line.net.shapes
    squares = difference**2
    hidden = squares[..., : width * columns].reshape(*theta.shape[:-1], width, columns).sum(axis=-1)
    per_neuron = hidden + squares[..., width * columns : width * columns + width]
    return np.linalg.norm(difference, axis=-1), np.sqrt(per_neuron)


def pair_direction(net, pair):
    """The unit vector (P,) along which the output weights of a pair (i, j) part: that of all its saddle lines, but for the sign."""
    direction = np.zeros(net.parameters)
    for neuron, sign in zip(pair, (1.0, -1.0), strict=True):
        direction[_output_index(net, _check_neuron(net, neuron))] = sign / np.sqrt(2.0)
    return direction


def update_cosines(thetas, direction):
    """Cosine between a unit vector (P,) and each update of a trajectory: thetas (T, P) → (T − 1,), NaN where nothing moved.

    Source: paper, Figure 3e.
    """
    updates = np.diff(np.asarray(thetas, dtype=float), axis=0)
    with np.errstate(invalid="ignore"):
        return updates @ direction / np.linalg.norm(updates, axis=1)


def perturb(theta, direction, size):
    """θ moved by `size` along `direction` (P,), whose length does not matter. Raises ValueError where that is 0."""
    length = np.linalg.norm(direction)
    if not length > 0:
        raise ValueError(f"the direction has length {length}; it must be positive")
    return np.asarray(theta, dtype=float) + size / length * np.asarray(direction, dtype=float)


def smallest_eigenvector(hessian, leaving_out=None, towards=None):
    """The smallest eigenvalue of a Hessian and its unit eigenvector.

    Parameters
    ----------
    hessian : (P, P), symmetric.
    leaving_out : (P,) or None, a null vector to look beyond. On a plateau the smallest eigenvalue is the 0 along Γ, and
        the direction of interest is the next one; off it, where the smallest is negative, this changes nothing.
    towards : (P,) or None. The sign is such that the overlap with it is positive, and among several eigenvectors of the
        same value it is the nearest; without it the component of largest magnitude is positive.

    Returns
    -------
    value : float.  vector : (P,).
    """
    hessian = np.asarray(hessian, dtype=float)
    if leaving_out is not None:
        unit = leaving_out / np.linalg.norm(leaving_out)
        hessian = hessian + 2.0 * abs(hessian).sum(axis=1).max() * np.outer(unit, unit)  # to the top of the spectrum
    values, vectors = eigh(hessian)
    vector = vectors[:, 0]
    if towards is not None:
        alike = vectors[:, values - values[0] <= DEGENERATE_GAP * abs(values).max()]
        nearest = alike @ (alike.T @ towards)
        length = np.linalg.norm(nearest)
        vector = nearest / length if length > 0 else vector
    elif vector[np.argmax(abs(vector))] < 0:
        vector = -vector
    return float(values[0]), vector


def surface_along_line(data, line, gammas, directions, sizes):
    """The loss L(Γ(γ) + α v(γ)): gammas (G,), directions v (G, P), sizes α (A,) → (G, A).

    Source: paper, Figures 2c and 3a.
    """
    return np.array(
        [
            [line.net.loss(point + size * direction, data) for size in sizes]
            for point, direction in zip(line(gammas), directions, strict=True)
        ]
    )


def hessian_polynomial(data, line):
    """The coefficients C (3, P, P) of the Hessian along Γ: H(γ) = C_0 + C_1 s + C_2 s² with s = γ − ½, exactly.

    On Γ the neurons' values do not change with γ, nor does the function: an entry of the Hessian is a constant times as many
    of the output weights γa*, (1 − γ)a* as input weights of the pair it belongs to. Three Hessians, at s = −1, 0, 1, fix the
    polynomial up to rounding; coefficients that are 0 by that count are made so, or γ² would multiply their rounding.
    """
    below, middle, above = (line.net.hessian(line(gamma), data) for gamma in (-0.5, 0.5, 1.5))
    columns = line.net.shapes[0][1]
    split_weights = np.zeros(line.net.parameters, dtype=int)
    split_weights[line.pair[0] * columns : (line.pair[1] + 1) * columns] = 1
    degree = np.add.outer(split_weights, split_weights)
    return np.array([middle, 0.5 * (above - below) * (degree > 0), (0.5 * (above + below) - middle) * (degree > 1)])


def hessians_along_line(coefficients, gammas):
    """Evaluate `hessian_polynomial` at gammas (G,): an iterator over G arrays (P, P)."""
    for s in np.asarray(gammas, dtype=float) - 0.5:
        yield coefficients[0] + s * (coefficients[1] + s * coefficients[2])


@dataclass
class LineSpectrum:
    """The Hessian's spectrum along Γ, each branch followed by the continuity of its eigenvector.

    gammas : (G,).  values : (G, P), one column a branch; branches in ascending order at γ = ½.
    vectors : (G, P, P); vectors[k, :, b] belongs to values[k, b], its sign continuous.
    angles : (G, P), between each eigenvector and the one of its branch at γ = ½, in [0, π].
    """

    gammas: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    angles: np.ndarray


def spectrum_along_line(data, line, gammas):
    """Eigenvalues and eigenvectors of the Hessian along Γ, followed by continuity from γ = ½ to both sides.

    From one γ to the next, eigenvectors are assigned to branches so that Σ|overlaps| is largest. Eigenvectors of equal
    eigenvalues (γ = 0, 1) are any basis of their space: it is turned to be the one nearest to the vectors of the branches
    that pass through. The steps in γ decide what counts as continuous: a repulsion of two eigenvalues that is
    narrower than a step is followed as a crossing.

    Parameters
    ----------
    gammas : (G,), strictly increasing.

    Returns
    -------
    LineSpectrum.

    Raises
    ------
    ValueError: gammas that do not increase.

    Source: paper, Figures A2 and A4.
    """
    gammas = np.asarray(gammas, dtype=float)
    if gammas.ndim != 1 or not gammas.size or not np.all(np.diff(gammas) > 0):
        raise ValueError("gammas must be strictly increasing numbers")
    coefficients = hessian_polynomial(data, line)
    reference = eigh(coefficients[0])
    parameters = line.net.parameters
    values, vectors = np.empty((gammas.size, parameters)), np.empty((gammas.size, parameters, parameters))
    middle = int(np.searchsorted(gammas, 0.5))
    for outward in (range(middle, gammas.size), range(middle - 1, -1, -1)):
        previous = reference[1]
        for k, hessian in zip(outward, hessians_along_line(coefficients, gammas[list(outward)]), strict=True):
            values[k], vectors[k] = follow(previous, *eigh(hessian))
            previous = vectors[k]
    return LineSpectrum(gammas, values, vectors, _angles(vectors, reference[1]))


def follow(previous, values, vectors):
    """Order and sign eigenvectors (P, P, as columns, ascending values (P,)) to continue the previous ones (P, P).

    Returns
    -------
    values : (P,).  vectors : (P, P), column b the continuation of previous[:, b].
    """
    overlaps = previous.T @ vectors
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf) > DEGENERATE_GAP * abs(values).max())
    spaces = [slice(start, end) for start, end in zip(starts, [*starts[1:], values.size], strict=True) if end - start > 1]
    order = linear_sum_assignment(abs(overlaps), maximize=True)[1]
    followed = vectors[:, order] * np.where(overlaps[np.arange(order.size), order] < 0, -1.0, 1.0)
    for space in spaces:
        branches = np.flatnonzero((order >= space.start) & (order < space.stop))
        left, _, right = np.linalg.svd(overlaps[branches, space])  # orthogonal Procrustes
        followed[:, branches] = vectors[:, space] @ (left @ right).T
    return values[order], followed


def _angles(vectors, reference):
    """Angles between unit vectors, accurate for small ones: vectors (G, P, P), reference (P, P) → (G, P)."""
    return 2.0 * np.arctan2(np.linalg.norm(vectors - reference, axis=1), np.linalg.norm(vectors + reference, axis=1))


def _layers(net, theta):
    """Copies of [W | b] (r, d + bias) and [a | c] (1, r + bias). Raises ValueError for more than one hidden layer."""
    if len(net.widths) != 1:
        raise ValueError(f"widths is {net.widths}; saddle lines are defined for one hidden layer")
    hidden, output = net.matrices(theta)
    return hidden.copy(), output.copy()


def _check_neuron(net, neuron):
    if not 0 <= neuron < net.widths[0]:
        raise ValueError(f"neuron is {neuron}; the hidden layer has neurons 0 to {net.widths[0] - 1}")
    return neuron


def _output_index(net, neuron):
    """Where a neuron's output weight a_i stands in θ."""
    rows, columns = net.shapes[0]
    return rows * columns + neuron
