"""From a network at the norm wall to the limit networks that it may be on its way to.

Departs from the paper in linking neurons by the distance of their input weights, absolute and relative, at several
thresholds: a cosine also links parallel neurons of different length. Source: paper, section 3, Appendices B.3 and C.6.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.infinity.limits import AnyLimit, LimitNetwork, Unit
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network

Array = NDArray[np.float64]
Partition = tuple[tuple[tuple[int, int], ...], ...]  # groups of (neuron, orientation ±1)
Shape = tuple[str, Array | None]  # "neuron", "exponential", "linear" or "steep", and the fit ℓ of a linear one
Part = tuple[Unit, tuple[float, Array], float]  # a unit, its (c, forms) and its small number

LINKS = np.geomspace(3e-3, 0.5, 8)  # ε below which neurons are tried as a group; absolute, and relative to |w|
ASYMPTOTIC = 0.2  # an exponential or linear unit is tried where it differs from the neuron by less, relative, root mean square
STRONG, LINEAR = 10.0, 5.0  # and where |a| is larger than the first, or z at every sample than the second
POLYNOMIAL = 0.3  # standard deviation of z over the samples up to which a neuron of large |a| looks polynomial
STEEP = 5.0  # |w| from which on a neuron has the coordinates of a steep one
REMAINING_NORM = 0.2  # share of Σθ² that may be left in the parameters of the limit
MISMATCH = 0.1  # relative difference of the losses of a run and of the first guess of its limit
FITS = 1e-3  # the same, up to which guesses with fewer units come first
GROUPS = ("pair", "triple", "quadruple")  # kinds of two, three and four neurons
CANDIDATES, NEAREST = 8, 2  # how many are tried, of those whose loss is near, and where none is


@dataclass
class Candidate:
    """A limit network that a network at the wall may be on its way to, and where its minimisation starts.

    Parameters
    ----------
    limit : AnyLimit
    start : (P,)
    small : (units,)
        The small number s of `slopes` at which the network stands: K⁻², 1/|a|; NaN for other kinds.
    epsilon : (units,)
        Half the largest distance of its input weights; NaN for neurons alone.
    diverging, lengths : (units,)
        Σa² and the largest |w| of its neurons.
    straight : (N,)
        What the neurons that are linear in the limit add to the output.
    names : list of str
        Of the units that are not neurons.
    """

    limit: AnyLimit
    start: Array
    small: Array
    epsilon: Array
    diverging: Array
    lengths: Array
    straight: Array
    names: list[str]


def candidates(network: Network, data: Dataset, theta: Array) -> list[Candidate]:
    """The limits to try for a network with one hidden layer, best guess first.

    Neurons are grouped by ε at several thresholds, up to the symmetry of the activation; a neuron alone may be exponential,
    linear or steep (which only means that it gets other coordinates). A guess stands if its loss is near that of the network
    and hardly any of the norm is left in it.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)

    Returns
    -------
    list of Candidate
    """
    hidden, output = network.matrices(theta)
    a = output[0, : len(hidden)]
    loss = network.loss(theta, data)
    x = np.column_stack([data.x, np.ones(len(data.x))]) if network.bias else data.x
    shapes = [_shape_alone(network, data.weights, x, *neuron) for neuron in zip(hidden, a)]
    lengths = np.linalg.norm(hidden, axis=1)
    polynomial = set(np.flatnonzero((abs(a) > STRONG) & (network.first_layer(theta, data.x).std(axis=0) < POLYNOMIAL)).tolist())
    found = {}
    for groups in partitions(hidden, network.activation, network.bias):
        if max(len(group) for group in groups) > len(GROUPS) + 1:
            continue
        alone = [group[0][0] for group in groups if len(group) == 1]
        small: dict[int, Shape] = dict.fromkeys((i for i in alone if i in polynomial), ("polynomial", None))
        steep = dict.fromkeys((i for i in alone if lengths[i] > STEEP and a[i] and ACTIVATIONS[network.activation].hinge), ("steep", None))
        for special in ({i: shapes[i] for i in alone if shapes[i][0] != "neuron"}, {}, small if len(small) > 1 else {}):
            chosen = steep | special
            key = groups, frozenset((i, kind) for i, (kind, _) in special.items())
            if key not in found:
                found[key] = _candidate(network, data, theta, groups, chosen)
    return ranked(list(found.values()), loss, theta)


def ranked(guesses: list[Candidate], loss: float, theta: Array) -> list[Candidate]:
    """Those of some guesses whose loss is near that of the network and in which hardly any of Σθ² is left, the best first.

    Where no loss is near, the nearest: of small losses a first guess may miss a multiple, and its minimum fits all the same.

    Parameters
    ----------
    guesses : list of Candidate
    loss : float
        Of the network.
    theta : (P,)

    Returns
    -------
    list of Candidate
    """
    entries: list[tuple[float, int, int, Candidate]] = []
    for guess in guesses:
        if _remaining(guess) < REMAINING_NORM * (theta @ theta):
            mismatch = abs(guess.limit.loss_and_gradient(guess.start)[0] / loss - 1)
            if np.isfinite(mismatch):
                entries.append((max(mismatch, FITS), len(guess.limit.units), len(entries), guess))
    entries.sort(key=lambda entry: entry[:3])
    near = [guess for mismatch, *_, guess in entries if mismatch < MISMATCH]
    return near[:CANDIDATES] or [guess for *_, guess in entries][:NEAREST]


def _remaining(guess: Candidate) -> float:
    """Σθ² of a guess but for the input weights of its steep units, which are followed to infinity from where they are."""
    theta, spans = guess.start, zip(guess.limit.units, guess.limit.first, guess.limit.first[1:])
    return theta @ theta + sum(np.exp(2 * theta[a]) - theta[a:b] @ theta[a:b] for unit, a, b in spans if unit.kind == "steep")


def partitions(hidden: Array, activation: str, bias: bool) -> set[Partition]:
    """The different ways to group neurons by ε, one per threshold.

    Neurons of opposite orientation count with −w, where the activation has a symmetry that allows it.

    Parameters
    ----------
    hidden : (r, k)
        Input weights.
    activation : str
    bias : bool

    Returns
    -------
    set of tuple of groups
        A group is a tuple of (neuron, orientation ±1).
    """
    symmetric = ACTIVATIONS[activation].can_be_turned(bias)
    lengths = np.linalg.norm(hidden, axis=1)
    mean = np.maximum(0.5 * (lengths[:, None] + lengths), np.finfo(float).tiny)
    parallel = 0.5 * np.linalg.norm(hidden[:, None] - hidden, axis=2)
    opposite = 0.5 * np.linalg.norm(hidden[:, None] + hidden, axis=2) if symmetric else np.full_like(parallel, np.inf)
    epsilon = np.minimum(parallel, opposite)
    result = set()
    for distances in (epsilon, epsilon / mean):
        for threshold in LINKS:
            groups, left = [], list(range(len(hidden)))
            while left:
                group, waiting = {}, [(left[0], 1)]
                while waiting:
                    i, sign = waiting.pop()
                    if i not in group:
                        group[i] = sign
                        left.remove(i)
                        waiting += [(j, sign if parallel[i, j] <= opposite[i, j] else -sign) for j in left if distances[i, j] < threshold]
                groups.append(tuple(sorted(group.items())))
            result.add(tuple(groups))
    return result


def _shape_alone(network: Network, weights: Array, x: Array, w: Array, a: float) -> Shape:
    """What a neuron by itself looks like on the samples x (N, k): "neuron", "exponential" or "linear", and its fit ℓ (k,) if linear."""
    z, root = x @ w, np.sqrt(weights)
    if abs(a) < STRONG and z.min() < LINEAR:
        return "neuron", None
    activation = ACTIVATIONS[network.activation]
    value = activation.derivatives(z)[0]
    with np.errstate(over="ignore"):
        tail = np.exp(z) if activation.tail is not None and network.bias else np.zeros(z.size)
        if np.linalg.norm(root * (value - tail)) < ASYMPTOTIC * np.linalg.norm(root * value):
            return "exponential", None
    fit = np.linalg.lstsq(x * root[:, None], value * root, rcond=None)[0]
    small = np.linalg.norm(root * (value - x @ fit)) < ASYMPTOTIC * np.linalg.norm(root * (value - weights @ value))
    return ("linear", a * fit) if small else ("neuron", None)


def _candidate(network: Network, data: Dataset, theta: Array, groups: Partition, chosen: dict[int, Shape]) -> Candidate:
    """The `Candidate` for θ in which `groups` are as by `partitions` and single neurons of the kinds in `chosen`."""
    hidden, output = network.matrices(theta)
    a, offset = output[0, : len(hidden)], output[0, len(hidden) :]
    units, parts, small, epsilon, names, straight = [], [], [], [], [], np.zeros(data.y.size)
    mirror = ACTIVATIONS[network.activation].reflection
    linear, linears, slope, constant = False, 0, np.zeros(hidden.shape[1]), 0.0
    small_neurons = [group[0][0] for group in groups if len(group) == 1 and chosen.get(group[0][0], ("", None))[0] == "polynomial"]
    for group in groups:
        neurons, signs = (np.array(column) for column in zip(*group))
        w, outputs = signs[:, None] * hidden[neurons], a[neurons].copy()
        turned = signs < 0
        if mirror and turned.any():  # a σ(−z) = a (sign σ(z) + slope z + constant)
            if mirror.slope:
                linear, slope = True, slope + mirror.slope * (outputs[turned] @ w[turned])
            constant += mirror.constant * outputs[turned].sum()
            outputs[turned] *= mirror.sign
        kind, fit = chosen.get(neurons[0], ("neuron", None)) if len(group) == 1 else (GROUPS[len(group) - 2], None)
        if kind == "polynomial":
            continue
        if kind == "linear" and fit is not None:
            linear, slope, linears = True, slope + fit, linears + 1
            z = network.first_layer(theta, data.x)[:, neurons[0]]
            straight += outputs[0] * ACTIVATIONS[network.activation].derivatives(z)[0]
            continue
        unit, part, number = LIMIT_OF_KIND[kind](w, outputs)
        units.append(unit._replace(neurons=tuple(neurons.tolist())))
        parts.append(part)
        small.append(number)
        epsilon.append(0.5 * np.linalg.norm(w[:, None] - w, axis=2).max() if len(group) > 1 else np.nan)
        names.append(("antiparallel " if turned.any() else "") + kind)
    if small_neurons:
        linear, (more, affine) = True, _quadratics(network, small_neurons, hidden, a)
        units, parts = units + [unit for unit, _ in more], parts + [part for _, part in more]
        small, epsilon = small + [np.nan] * len(more), epsilon + [np.nan] * len(more)
        names, slope = names + ["quadratic"] * len(more), slope + affine
        z = network.first_layer(theta, data.x)[:, small_neurons]
        straight += ACTIVATIONS[network.activation].derivatives(z)[0] @ a[small_neurons]
    limit = LimitNetwork(network, data, units, linear)
    inputs = data.dimension
    affine = np.concatenate([slope[:inputs] if linear else [], offset + slope[inputs:].sum() + constant])
    diverging = np.array([np.sum(a[list(unit.neurons)] ** 2) for unit in units])
    lengths = np.array([np.linalg.norm(hidden[list(unit.neurons)], axis=1).max(initial=0.0) for unit in units])
    names = [name for name in names if name not in ("neuron", "steep")] + ["linear"] * linears
    return Candidate(limit, limit.pack(parts, affine), np.array(small), np.array(epsilon), diverging, lengths, straight, names)


def _quadratics(network: Network, neurons: list[int], hidden: Array, a: Array) -> tuple[list[tuple[Unit, tuple[float, Array]]], Array]:
    """The sum of a σ(b + w·x) over neurons with w → 0 and a → ∞: quadratic units, and ℓ with the constant.

    Of n neurons whose Σ a σ'(b) w stays finite as |a| |w|² does, the w have rank n − 1, and so has the quadratic form.
    """
    inputs = network.inputs
    w, b = hidden[neurons, :inputs], hidden[neurons, inputs] if network.bias else np.zeros(len(neurons))
    d = a[neurons] * ACTIVATIONS[network.activation].derivatives(b)
    values, vectors = np.linalg.eigh((w.T * d[2]) @ w)
    top = np.argsort(-abs(values))[: min(len(neurons) - 1, inputs)]
    found = []
    for k in top:
        form = np.append(np.sqrt(abs(values[k])) * vectors[:, k], np.zeros(int(network.bias)))
        unit = Unit("quadratic", float(np.sign(values[k])), tuple(neurons) if k == top[0] else ())
        found.append((unit, (1.0, form[None])))
    return found, np.concatenate([d[1] @ w, [d[0].sum()] * network.bias])


# For each kind the unit, its (c, forms) and its small number, of neurons with input weights w (n, k) and outputs a (n,).


def _neuron(w: Array, a: Array) -> Part:
    return Unit("neuron"), (a[0], w), np.nan


def _pair(w: Array, a: Array) -> Part:
    K = a[0] - a[1]
    return Unit("pair"), (a.sum(), np.array([w.mean(axis=0), K * (w[0] - w[1]) / 2])), K**-2.0


def _triple(w: Array, a: Array) -> Part:
    mean = w.mean(axis=0)
    values, vectors = np.linalg.eigh(((w - mean).T * a) @ (w - mean))
    top = np.argmax(abs(values))
    u = np.sqrt(abs(values[top])) * vectors[:, top]
    return Unit("triple", float(np.sign(values[top]))), (a.sum(), np.array([mean, a @ (w - mean), u])), np.nan


def _quadruple(w: Array, a: Array) -> Part:
    mean = w.mean(axis=0)
    values, vectors = np.linalg.eigh(((w - mean).T * a) @ (w - mean))
    top = np.argsort(-abs(values))[:2]
    q, r = (np.sqrt(abs(values[k])) * vectors[:, k] for k in top)
    unit = Unit("quadruple", float(np.sign(values[top[0]])), last_sign=float(np.sign(values[top[1]])))
    return unit, (a.sum(), np.array([mean, a @ (w - mean), q, r])), np.nan


def _exponential(w: Array, a: Array) -> Part:
    z = w.copy()
    z[0, -1] += np.log(abs(a[0]))
    return Unit("exponential", float(np.sign(a[0]))), (1.0, z), 1 / abs(a[0])


def _steep(w: Array, a: Array) -> Part:
    return Unit("steep", float(np.sign(a[0]))), (np.log(abs(a[0])), a[0] * w), np.nan


LIMIT_OF_KIND = {"neuron": _neuron, "pair": _pair, "triple": _triple, "quadruple": _quadruple, "exponential": _exponential, "steep": _steep}
