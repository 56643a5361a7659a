"""From a network of several layers at the norm wall to the limit networks that it may be on its way to.

Layer by layer, from the inputs: the rows of a layer are written in the channels of the units below before its neurons are grouped,
because only so do they stay finite.

Source: this project's, after `candidates`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from flatchannels.data.dataset import Dataset
from flatchannels.infinity.candidates import ASYMPTOTIC, LINEAR, LINKS, STRONG, Candidate, ranked
from flatchannels.infinity.layered import LayeredLimit
from flatchannels.infinity.limits import Unit
from flatchannels.landscape.geometry import euclidean_distances
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

Grouping = Callable[[int, Array], Iterable[list[int]]]  # the number of a layer from 0, its rows → groups of its neurons

MOST_CANDIDATES = 4  # at most: each takes seconds where neurons are steep

STEEP_SHARE = 0.02  # share of Σθ² in the input weights of a neuron from which on it has the coordinates of a steep one


class Guess:
    """A unit, and what it gives to the layer above.

    Parameters
    ----------
    unit : Unit
    forms : (m, k)
    coefficients : (rows above, channels)
    scale : float
        log s.
    small, epsilon, diverging, length : float
        As in `Candidate`.
    shift : (rows above,) or float
        What it adds to the biases of the layer above.
    """

    def __init__(self, unit: Unit, forms: Array, coefficients: Array, *, scale: float = 1.0, small: float = np.nan,
                 epsilon: float = np.nan, diverging: float = 0.0, length: float = 0.0, shift: Array | float = 0.0) -> None:  # fmt: skip
        self.unit, self.forms, self.coefficients, self.scale = unit, forms, coefficients, scale
        self.small, self.epsilon, self.diverging, self.length, self.shift = small, epsilon, diverging, length, shift


def layered_candidates(network: Network, data: Dataset, theta: Array) -> list[Candidate]:
    """The limits to try for a network of several layers, best guess first, as `candidates`.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)

    Returns
    -------
    list of Candidate
    """
    found: dict[tuple, Candidate] = {}
    much = STEEP_SHARE * float(theta @ theta)
    for relative in (False, True):
        for threshold in LINKS:
            for special in (True, False):
                guess = _guess(network, data, theta, _linked_below(threshold, relative), special, much)
                if guess is not None:
                    found.setdefault(tuple((unit.kind, unit.neurons) for unit in guess.limit.units), guess)
    return ranked(list(found.values()), network.loss(theta, data), theta)[:MOST_CANDIDATES]


def candidate_of_pairs(network: Network, data: Dataset, theta: Array, pairs: Sequence[tuple[int, ...]]) -> Candidate:
    """The limit of a network of any depth in which nothing but some pairs is at infinity.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
    pairs : sequence of (layer, i, j)
        Layers counted from 0.

    Returns
    -------
    Candidate
    """

    def groups(number: int, rows: Array) -> list[list[int]]:
        together = [list(neurons) for layer, *neurons in pairs if layer == number]
        return [*together, *([i] for i in range(len(rows)) if not any(i in group for group in together))]

    guess = _guess(network, data, theta, groups, special=False, much=np.inf, strong=0.0)
    assert guess is not None
    return guess


def _guess(
    network: Network, data: Dataset, theta: Array, groups_of: Grouping, special: bool, much: float, strong: float = STRONG / 2
) -> Candidate | None:
    """The `Candidate` of one way to group neurons; None where more than three are linked.

    special : whether neurons alone may be exponential or linear.  much : Σw² from which on they have the coordinates of steep ones.
    strong : length of the outputs from which on linked neurons are a group.
    """
    matrices = network.matrices(theta)
    rows, layers = matrices[0].copy(), []
    h = data.x.T
    for number, above in enumerate(matrices[1:]):
        h = np.concatenate([h, np.ones((1, h.shape[1]))]) if network.bias else h
        z = matrices[number] @ h
        values = ACTIVATIONS[network.activation].derivatives(z)[0]
        groups = list(groups_of(number, rows))
        if max(map(len, groups)) > 3:
            return None
        guesses = []
        for group in groups:
            outputs = above[:, group]
            if len(group) > 1 and np.linalg.norm(outputs, axis=0).min() > strong:
                guesses.append((_pair if len(group) == 2 else _triple)(rows[group], outputs, tuple(group)))
            else:
                guesses += [_alone(network, data, rows[i], above[:, i], i, z[i], values[i], special, much) for i in group]
        layers.append(guesses)
        columns = [guess.coefficients for guess in guesses]
        if network.bias:
            columns.append((above[:, -1] + sum(guess.shift for guess in guesses))[:, None])
        rows, h = np.concatenate(columns, axis=1), values
    return _candidate(network, data, layers, rows[0])


def _linked_below(threshold: float, relative: bool) -> Grouping:
    return lambda _, rows: linked(rows, threshold, relative)


def linked(rows: Array, threshold: float, relative: bool) -> Iterator[list[int]]:
    """The groups of neurons that are linked by ε below a threshold.

    Parameters
    ----------
    rows : (r, k)
    threshold : float
    relative : bool
        Whether it is relative to the rows' lengths.

    Returns
    -------
    Iterator[list[int]]
    """
    lengths = np.linalg.norm(rows, axis=1)
    bound = threshold * np.maximum(0.5 * (lengths[:, None] + lengths), np.finfo(float).tiny) if relative else threshold
    count, labels = connected_components(0.5 * euclidean_distances(rows) < bound, directed=False)
    return (np.flatnonzero(labels == label).tolist() for label in range(count))


def _alone(network: Network, data: Dataset, row: Array, a: Array, i: int, z: Array, value: Array, special: bool, much: float) -> Guess:
    """What a neuron by itself tends to: exponential, linear, steep, or itself.

    row, a : its input and output weights.  z, value : (N,), before and after the activation.  much : Σw² of a steep one.
    """
    activation, strength, length = ACTIVATIONS[network.activation], float(np.linalg.norm(a)), float(np.linalg.norm(row))
    root, about = np.sqrt(data.weights), {"diverging": strength**2, "length": length}
    if special and network.bias and activation.tail is not None and strength > STRONG and z.max() < 0:
        if np.linalg.norm(root * (value - np.exp(z))) < ASYMPTOTIC * np.linalg.norm(root * value):
            form = row.copy()
            form[-1] += np.log(strength)
            return Guess(Unit("exponential", neurons=(i,)), form[None], a[:, None] / strength, small=1 / strength, **about)
    if special and network.bias and z.min() > LINEAR and strength > 0:
        # Above LINEAR the slope is 1 to 1 %, and the constant is that of the mean.
        form = strength * row
        form[-1] = 0.0
        shift = a * float(data.weights @ (value - z) + row[-1])
        return Guess(Unit("linear", neurons=(i,)), form[None], a[:, None] / strength, shift=shift, **about)
    if activation.hinge and length**2 > much and strength > 0:
        return Guess(Unit("steep", neurons=(i,)), strength * row[None], a[:, None] / strength, scale=np.log(strength), **about)
    return Guess(Unit("neuron", neurons=(i,)), row[None], a[:, None], **about)


def _about(rows: Array, outputs: Array) -> dict[str, float]:
    """What `Guess` says of a group."""
    epsilon = 0.5 * float(euclidean_distances(rows).max())
    return {"epsilon": epsilon, "diverging": float((outputs**2).sum()), "length": float(np.linalg.norm(rows, axis=1).max())}


def _pair(rows: Array, outputs: Array, neurons: tuple[int, ...]) -> Guess:
    difference = outputs[:, 0] - outputs[:, 1]
    K = float(np.linalg.norm(difference))
    forms = np.array([rows.mean(axis=0), K * (rows[0] - rows[1]) / 2])
    coefficients = np.column_stack([outputs.sum(axis=1), difference / K])
    return Guess(Unit("pair", neurons=neurons), forms, coefficients, small=K**-2.0, **_about(rows, outputs))


def _triple(rows: Array, outputs: Array, neurons: tuple[int, ...]) -> Guess:
    """Of three neurons on a line, with outputs a_i (m,): the second moment Σ a_i δ_i δ_iᵀ is r u uᵀ, the first r p + g q."""
    mean = rows.mean(axis=0)
    apart = rows - mean
    u = np.linalg.svd(apart)[2][0]
    moments = outputs @ (apart @ u) ** 2
    size = float(np.linalg.norm(moments))
    r, q, first = moments / size, np.sqrt(size) * u, outputs @ apart
    p = r @ first
    g = (first - np.outer(r, p)) @ q / size
    coefficients = np.column_stack([outputs.sum(axis=1), r, g])
    return Guess(Unit("triple", neurons=neurons), np.array([mean, p, q]), coefficients, **_about(rows, outputs))


def _candidate(network: Network, data: Dataset, layers: list[list[Guess]], output: Array) -> Candidate:
    """The `Candidate` of guesses for each layer and the coefficients of the output, with held coefficients at length 1."""
    limit = LayeredLimit(network, data, [[guess.unit for guess in layer] for layer in layers])
    guesses = [guess for layer in layers for guess in layer]
    theta = np.zeros(limit.parameters)
    for n, guess in enumerate(guesses):
        theta[limit.forms_at(n)] = guess.forms
        if guess.unit.kind == "steep":
            theta[limit.first[n]] = guess.scale
    theta[limit.first[-1] :] = output
    small = np.array([guess.small for guess in guesses])
    for n in reversed(range(len(guesses))):  # the last layer first, because the lengths of its forms change
        small[n] = limit.normalise(theta, n, small[n])
    names = [
        f"{unit.kind} in layer {layer + 1}" for unit, layer in zip(limit.units, limit.layer_of) if unit.kind not in ("neuron", "steep")
    ]
    return Candidate(
        limit,
        theta,
        small,
        np.array([guess.epsilon for guess in guesses]),
        np.array([guess.diverging for guess in guesses]),
        np.array([guess.length for guess in guesses]),
        np.zeros(data.y.size),
        names,
    )
