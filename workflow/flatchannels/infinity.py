"""The ends of the ways to infinity: limit networks, certificates of minima at infinity, and the route of a run at the wall.

Two neurons of a channel, in the coordinates w (their mean), c = a_i + a_j, K = a_i − a_j and v = K (w_i − w_j) / 2,

    a_i σ(w_i·x) + a_j σ(w_j·x) = c σ(w·x) + (v·x) σ'(w·x) + K⁻² [ (c/2)(v·x)² σ''(w·x) + (1/6)(v·x)³ σ'''(w·x) ] + O(K⁻⁴),

are a gated linear unit at K = ∞, where the loss is smooth in K⁻² = ε²/|v|². So a minimum of the loss of the *limit network*,
which has gated linear units in place of its channel pairs, is a minimum at infinity if the loss rises with each K⁻², and
Newton's method finds it to rounding. Other groups of neurons have limits of other kinds (`KINDS`), with which it is the same.

Departs from the paper in going to infinity instead of following the flow for as long as patience lasts, and in telling
channels from other ways to infinity. Source: paper, sections 3 and 4, Appendix C; the certificate is this project's.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigvalsh
from scipy.special import erf, expit

from flatchannels.channels import ON_THE_WALL, hidden_layers
from flatchannels.flow import gradient_flow
from flatchannels.network import weight_norm
from flatchannels.polish import polish
from flatchannels.training import Objective

# kind → (whether it has an amplitude c, its linear forms of the inputs)
KINDS = {
    "neuron": (True, ("z",)),  # c σ(z)
    "pair": (True, ("z", "p")),  # c σ(z) + p σ'(z)
    "triple": (True, ("z", "p", "q")),  # c σ(z) + p σ'(z) ± ½ q² σ''(z)
    "exponential": (False, ("z",)),  # ± e^z
    "steep": (True, ("z",)),  # c σ(z/c): a neuron, which for softplus and g has the limit sign(c) max(sign(c) z, 0) as c → 0
}
TAILS = {"softplus": -0.5, "g": -0.5, "sigmoid": -1.0}  # t in σ(z) = e^z + t e^{2z} + …  for z → −∞
ODD = {"erf", "tanh"}  # σ(−z) = −σ(z); besides, of the sigmoid σ(−z) = 1 − σ(z), and of softplus σ(−z) = σ(z) − z

SAMPLES_PER_BLOCK = 1000  # what stays in the cache

# The certificate
LARGEST_GRADIENT = 1e-9  # of the limit network
LEAST_CURVATURE = -1e-12  # smallest over largest eigenvalue of its Hessian; flat directions pass
FLAT = 1e-12  # the same of a finite minimum, which must be strict
RATIO_TOLERANCE = 0.1  # of (L − L_∞) over what the slopes at infinity predict
# The search for the limit
LINKS = np.geomspace(3e-3, 0.5, 8)  # ε below which neurons are tried as a group; absolute, and relative to |w|
ASYMPTOTIC = 0.2  # an exponential or linear unit is tried where it differs from the neuron by less, relative, root mean square
STRONG, LINEAR = 10.0, 5.0  # and where |a| is larger than the first, or z at every sample than the second
STEEP = 5.0  # |w| from which on a neuron has the coordinates of a steep one
STEEPER = 30.0  # and factor by which its |w| has to grow until it counts as one on its way to infinity
REMAINING_NORM = 0.1  # share of Σθ² that may be left in the parameters of the limit
MISMATCH = 0.1  # relative difference of the losses of a run and of the first guess of its limit
LOG_STEP = 1e-3  # of K, for the derivative of an affine function of K and 1/K: an error of 2e-7, relative
HOLDS_NORM = 0.01  # share of Σθ² from which on a neuron counts for the route where no limit fits
POLYNOMIAL = 0.3  # standard deviation of z over the samples up to which a neuron then looks polynomial
GROWTH = 10.0  # of ε, where a channel that turns back is followed on
RUNAWAY = 100.0  # factor by which Σθ² of the limit may grow over its first guess
ITERATIONS, CANDIDATES = 60, 8  # per candidate, and how many


def activation_derivatives(activation, z):
    """σ and its first four derivatives at z (n,): (5, n). In NumPy: what comes after the runs compiles nothing.

    Raises KeyError for relu, which has no smooth limits.
    """
    return DERIVATIVES[activation](z)


def _sigmoid(z):
    p, q = expit(z), expit(-z)
    first = p * q
    second = first * (q - p)
    return np.stack([p, first, second, first * (1 - 6 * first), second * (1 - 12 * first)])


def _softplus(z):
    return np.concatenate([np.logaddexp(0, z)[None], _sigmoid(z)[:4]])


def _g(z):
    return 4.0 ** np.arange(5)[:, None] * _sigmoid(4 * z) + _softplus(z)


def _erf(z):
    slope = np.sqrt(2 / np.pi) * np.exp(-0.5 * z**2)
    return np.stack([erf(np.sqrt(0.5) * z), slope, -z * slope, (z**2 - 1) * slope, (3 - z**2) * z * slope])


def _tanh(z):
    t, first = np.tanh(z), 4 * expit(2 * z) * expit(-2 * z)
    return np.stack([t, first, -2 * t * first, first * (6 * t**2 - 2), t * first * (16 - 24 * t**2)])


DERIVATIVES = {"softplus": _softplus, "g": _g, "erf": _erf, "sigmoid": _sigmoid, "tanh": _tanh}


class Unit(NamedTuple):
    """A unit of a limit network: its kind, the sign of its last term, and the neurons that it is the limit of."""

    kind: str
    sign: float = 1.0
    neurons: tuple = ()


class Block(NamedTuple):
    """Some samples: x (k, n) with its row of ones where there is a bias, the terms of the affine part, ones (1, n), y, weights."""

    x: np.ndarray
    affine: np.ndarray
    ones: np.ndarray
    y: np.ndarray
    weights: np.ndarray

    def bases(self, kind):
        """What the derivatives by c, where there is one, and by each form are multiplied by to give those by parameters."""
        amplitude, forms = KINDS[kind]
        return [self.ones] * amplitude + [self.x] * len(forms)


class LimitNetwork:
    """f(x) = Σ units + ℓ·x + c₀ on a dataset: an objective for `polish`.

    θ (P,) holds unit after unit its c, if it has one, and the coefficients of its forms (inputs, then bias), then ℓ, then c₀.

    Parameters
    ----------
    network : Network with one hidden layer, whose activation, inputs and bias are taken.  data : Dataset.
    units : list of Unit.  linear : whether there is an ℓ.
    """

    def __init__(self, network, data, units, linear=False):
        self.activation, self.tail, self.units = network.activation, TAILS.get(network.activation), units
        self.blocks = []
        for start in range(0, data.y.size, SAMPLES_PER_BLOCK):
            here = slice(start, start + SAMPLES_PER_BLOCK)
            inputs, y = data.x[here].T, data.y[here]
            ones = np.ones((1, y.size))
            x = np.concatenate([inputs, ones]) if network.bias else np.ascontiguousarray(inputs)
            affine = np.concatenate([inputs[: linear * len(inputs)], ones[: int(network.bias)]])
            self.blocks.append(Block(x, affine, ones, y, data.weights[here]))
        self.inputs, outputs = len(x), len(affine)
        sizes = [KINDS[unit.kind][0] + len(KINDS[unit.kind][1]) * self.inputs for unit in units]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.parameters = int(self.first[-1]) + outputs

    def unpack(self, theta):
        """[(c, forms (m, k)), …] of the units, and the affine part; c is 1 where the kind has none."""
        parts = []
        for unit, start, end in zip(self.units, self.first, self.first[1:]):
            amplitude = KINDS[unit.kind][0]
            forms = theta[start + amplitude : end].reshape(-1, self.inputs)
            parts.append((float(theta[start]) if amplitude else 1.0, forms))
        return parts, theta[self.first[-1] :]

    def pack(self, parts, affine):
        """The inverse of `unpack`."""
        pieces = [np.concatenate([[c] if KINDS[unit.kind][0] else [], np.ravel(forms)]) for unit, (c, forms) in zip(self.units, parts)]
        return np.concatenate([*pieces, affine])

    def _jet(self, unit, c, rows):
        """Value, first and second derivatives by (c, forms) of rows (m, n): (n,), list of (n,), {(i, j): (n,)} with i ≤ j."""
        if unit.kind == "exponential":
            value = unit.sign * np.exp(rows[0])
            return value, [value], {(0, 0): value}
        y = rows[0] / c if unit.kind == "steep" else rows[0]
        s = activation_derivatives(self.activation, y)
        if unit.kind == "steep":
            return c * s[0], [s[0] - y * s[1], s[1]], {(0, 0): y**2 * s[2] / c, (0, 1): -y * s[2] / c, (1, 1): s[2] / c}
        value, first, second = c * s[0], [s[0], c * s[1]], {(0, 1): s[1], (1, 1): c * s[2]}
        if len(rows) > 1:
            p = rows[1]
            value, first = value + p * s[1], [first[0], first[1] + p * s[2], s[1]]
            second = {**second, (1, 1): second[1, 1] + p * s[3], (1, 2): s[2]}
        if len(rows) > 2:
            q, half = unit.sign * rows[2], 0.5 * unit.sign * rows[2] ** 2
            value, first = value + half * s[2], [first[0], first[1] + half * s[3], first[2], q * s[2]]
            second = {**second, (1, 1): second[1, 1] + half * s[4], (1, 3): q * s[3], (3, 3): unit.sign * s[2]}
        return value, first, second

    def _jets(self, theta, block):
        """What `_jet` returns of every unit, and f − y (n,), on a block."""
        parts, affine = self.unpack(theta)
        with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
            jets = [self._jet(unit, c, forms @ block.x) for unit, (c, forms) in zip(self.units, parts)]
        return jets, sum((jet[0] for jet in jets), affine @ block.affine) - block.y

    def loss_and_gradient(self, theta):
        """float, (P,)."""
        loss, gradient = 0.0, np.zeros(self.parameters)
        for block in self.blocks:
            jets, error = self._jets(theta, block)
            loss += float(block.weights @ error**2)
            gradient += self._jacobian(jets, block) @ (2 * block.weights * error)
        return loss, gradient

    def _jacobian(self, jets, block):
        """∂f/∂θ on a block: (P, n)."""
        rows = np.empty((self.parameters, block.y.size))
        start = 0
        for unit, (_, first, _) in zip(self.units, jets):
            for basis, d in zip(block.bases(unit.kind), first):
                np.multiply(basis, d, out=rows[start : start + len(basis)])
                start += len(basis)
        rows[start:] = block.affine
        return rows

    def derivatives(self, theta):
        """float, (P,), (P, P)."""
        loss, gradient, hessian = 0.0, np.zeros(self.parameters), np.zeros((self.parameters, self.parameters))
        for block in self.blocks:
            jets, error = self._jets(theta, block)
            slope, jacobian = 2 * block.weights * error, self._jacobian(jets, block)
            loss += float(block.weights @ error**2)
            gradient += jacobian @ slope
            hessian += (jacobian * (2 * block.weights)) @ jacobian.T
            for unit, start, (_, _, second) in zip(self.units, self.first, jets):
                bases = block.bases(unit.kind)
                starts = start + np.concatenate([[0], np.cumsum([len(basis) for basis in bases])])
                for (i, j), d in second.items():
                    product = (bases[i] * (slope * d)) @ bases[j].T
                    rows, columns = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
                    hessian[rows, columns] += product
                    if i != j:
                        hessian[columns, rows] += product.T
        return loss, gradient, hessian

    def slope(self, theta):
        """2ω(f − y) (N,), the derivative of the loss by the output at each sample."""
        return np.concatenate([2 * block.weights * self._jets(theta, block)[1] for block in self.blocks])

    def slopes(self, theta):
        """For each unit the derivative of the loss, at infinity, by the small number s that leads away from there.

        Of a pair s = K⁻² (the paper's h is this over |v|²), of an exponential unit s = 1/|a|; NaN for other kinds.
        Source: paper, section 4; for exponential units the next term of σ.
        """
        parts, result = self.unpack(theta)[0], np.full(len(self.units), np.nan)
        for block in self.blocks:
            slope = 2 * block.weights * self._jets(theta, block)[1]
            for n, (unit, (c, forms)) in enumerate(zip(self.units, parts)):
                rows = forms @ block.x
                if unit.kind == "pair":
                    s, p = activation_derivatives(self.activation, rows[0]), rows[1]
                    term = slope @ (c / 2 * p**2 * s[2] + p**3 * s[3] / 6)
                elif unit.kind == "exponential":
                    term = unit.sign * self.tail * (slope @ np.exp(2 * rows[0]))
                else:
                    continue
                result[n] = np.nan_to_num(result[n]) + term
        return result


# From a network to its limit


@dataclass
class Candidate:
    """A limit network that a network at the wall may be on its way to, and where its minimisation starts.

    small : for each unit the small number s of `slopes` at which the network stands: K⁻², 1/|a|; NaN for other kinds.
    epsilon : for each unit half the largest distance of its input weights; NaN for other kinds than pairs and triples.
    diverging, lengths : for each unit Σa² and the largest |w| of its neurons.
    straight : (N,), what the neurons that are linear in the limit add to the output.  names : of the units that are not neurons.
    """

    limit: LimitNetwork
    start: np.ndarray
    small: np.ndarray
    epsilon: np.ndarray
    diverging: np.ndarray
    lengths: np.ndarray
    straight: np.ndarray
    names: list


def candidates(network, data, theta):
    """The limits to try for a network with one hidden layer and θ (P,): `Candidate`s, best guess first.

    Neurons are grouped by ε at several thresholds, up to the symmetry of the activation; a neuron alone may be exponential,
    linear or steep (which only means that it gets other coordinates). A guess stands if its loss is near that of the network
    and hardly any of the norm is left in it.
    """
    hidden, output = network.matrices(theta)
    a = output[0, : len(hidden)]
    loss = network.loss(theta, data)
    x = np.column_stack([data.x, np.ones(len(data.x))]) if network.bias else data.x
    shapes = [_shape_alone(network, data.weights, x, *neuron) for neuron in zip(hidden, a)]
    lengths = np.linalg.norm(hidden, axis=1)
    found = {}
    for groups in partitions(hidden, network.activation, network.bias):
        if max(len(group) for group in groups) > 3:
            continue
        alone = [group[0][0] for group in groups if len(group) == 1]
        steep = dict.fromkeys((i for i in alone if lengths[i] > STEEP), ("steep", None))
        for special in ({i: shapes[i] for i in alone if shapes[i][0] != "neuron"}, {}):
            chosen = steep | special
            key = groups, frozenset(special)
            if key not in found:
                found[key] = _candidate(network, data, theta, groups, chosen)
    squares = theta @ theta
    ranked = []
    for guess in found.values():
        mismatch = abs(guess.limit.loss_and_gradient(guess.start)[0] / loss - 1)
        if mismatch < MISMATCH and guess.start @ guess.start < REMAINING_NORM * squares:
            ranked.append((mismatch, len(ranked), guess))
    return [guess for *_, guess in sorted(ranked, key=lambda entry: entry[:2])][:CANDIDATES]


def partitions(hidden, activation, bias):
    """The different ways to group neurons by ε, one per threshold: a set of tuples of groups of (neuron, orientation ±1).

    hidden : (r, k).  Neurons of opposite orientation count with −w, where the activation has a symmetry that allows it.
    """
    symmetric = activation in ODD or activation == "softplus" or (activation == "sigmoid" and bias)
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


def _shape_alone(network, weights, x, w, a):
    """What a neuron by itself looks like on the samples x (N, k): "neuron", "exponential" or "linear", and its fit ℓ (k,) if linear."""
    z, root = x @ w, np.sqrt(weights)
    if abs(a) < STRONG and z.min() < LINEAR:
        return "neuron", None
    value = activation_derivatives(network.activation, z)[0]
    with np.errstate(over="ignore"):
        tail = np.exp(z) if network.activation in TAILS and network.bias else np.zeros(z.size)
        if np.linalg.norm(root * (value - tail)) < ASYMPTOTIC * np.linalg.norm(root * value):
            return "exponential", None
    fit = np.linalg.lstsq(x * root[:, None], value * root, rcond=None)[0]
    small = np.linalg.norm(root * (value - x @ fit)) < ASYMPTOTIC * np.linalg.norm(root * (value - weights @ value))
    return ("linear", a * fit) if small else ("neuron", None)


def _candidate(network, data, theta, groups, chosen):
    """The `Candidate` for θ in which `groups` are as by `partitions` and single neurons of the kinds in `chosen`."""
    hidden, output = network.matrices(theta)
    a, offset = output[0, : len(hidden)], output[0, len(hidden) :]
    units, parts, small, epsilon, names, straight = [], [], [], [], [], np.zeros(data.y.size)
    linear, linears, slope, constant = False, 0, np.zeros(hidden.shape[1]), 0.0
    for group in groups:
        neurons, signs = (np.array(column) for column in zip(*group))
        w, outputs = signs[:, None] * hidden[neurons], a[neurons].copy()
        turned = signs < 0
        if network.activation in ODD:
            outputs *= signs
        elif network.activation == "sigmoid":
            outputs, constant = outputs * signs, constant + outputs[turned].sum()
        elif turned.any():  # softplus: a σ(−z) = a σ(z) − a z
            linear, slope = True, slope - outputs[turned] @ w[turned]
        kind, fit = chosen.get(neurons[0], ("neuron", None)) if len(group) == 1 else ({2: "pair", 3: "triple"}[len(group)], None)
        if kind == "linear":
            linear, slope, linears = True, slope + fit, linears + 1
            z = network.first_layer(theta, data.x)[:, neurons[0]]
            straight += outputs[0] * activation_derivatives(network.activation, z)[0]
            continue
        unit, part, number = LIMITS[kind](w, outputs)
        units.append(unit._replace(neurons=tuple(neurons.tolist())))
        parts.append(part)
        small.append(number)
        epsilon.append(0.5 * np.linalg.norm(w[:, None] - w, axis=2).max() if len(group) > 1 else np.nan)
        names.append(("antiparallel " if turned.any() else "") + kind)
    limit = LimitNetwork(network, data, units, linear)
    inputs = data.dimension
    affine = np.concatenate([slope[:inputs] if linear else [], offset + slope[inputs:].sum() + constant])
    diverging = np.array([np.sum(a[list(unit.neurons)] ** 2) for unit in units])
    lengths = np.array([np.linalg.norm(hidden[list(unit.neurons)], axis=1).max() for unit in units])
    names = [name for name in names if name not in ("neuron", "steep")] + ["linear"] * linears
    return Candidate(limit, limit.pack(parts, affine), np.array(small), np.array(epsilon), diverging, lengths, straight, names)


# For each kind the unit, its (c, forms) and its small number, of neurons with input weights w (n, k) and outputs a (n,).


def _neuron(w, a):
    return Unit("neuron"), (a[0], w), np.nan


def _pair(w, a):
    K = a[0] - a[1]
    return Unit("pair"), (a.sum(), np.array([w.mean(axis=0), K * (w[0] - w[1]) / 2])), K**-2.0


def _triple(w, a):
    mean = w.mean(axis=0)
    values, vectors = np.linalg.eigh(((w - mean).T * a) @ (w - mean))
    top = np.argmax(abs(values))
    u = np.sqrt(abs(values[top])) * vectors[:, top]
    return Unit("triple", float(np.sign(values[top]))), (a.sum(), np.array([mean, a @ (w - mean), u])), np.nan


def _exponential(w, a):
    z = w.copy()
    z[0, -1] += np.log(abs(a[0]))
    return Unit("exponential", float(np.sign(a[0]))), (1.0, z), 1 / abs(a[0])


def _steep(w, a):
    return Unit("steep"), (a[0], a[0] * w), np.nan


LIMITS = {"neuron": _neuron, "pair": _pair, "triple": _triple, "exponential": _exponential, "steep": _steep}


# Routes


CERTIFIED, TURNS_BACK, UNDECIDED = VERDICTS = "certified", "turns back", "undecided"


@dataclass
class Route:
    """How a network at the norm wall goes to infinity.

    route : the units of its limit that are not neurons, such as "pair" or "2 pair + triple".  verdict : one of `VERDICTS`.
    reason : what keeps the verdict from being "certified".
    loss_infinity, gradient_norm, hessian_min, hessian_max : of the limit network at its minimum.
    h : of each pair, as in the paper: ∂L/∂ε² at infinity.  epsilon : ε of each pair and triple at the wall.
    ratio : (L − L_∞) over the difference that the slopes at infinity predict.  iterations : of Newton's method.
    finite_loss, finite_norm : loss and ‖θ‖ of the minimum that a network turns back to.
    pairs : (layer, i, j) of each pair, layers counted from 0; none if one is antiparallel.
    """

    route: str = "unknown"
    verdict: str = UNDECIDED
    reason: str = ""
    loss_infinity: float = np.nan
    gradient_norm: float = np.nan
    hessian_min: float = np.nan
    hessian_max: float = np.nan
    h: tuple = ()
    epsilon: tuple = ()
    ratio: float = np.nan
    iterations: int = 0
    finite_loss: float = np.nan
    finite_norm: float = np.nan
    pairs: tuple = ()


def find_route(network, data, theta, maxnorm=1e3):
    """The `Route` of a network that rests at the norm wall.

    Parameters
    ----------
    network : Network.  data : Dataset.  theta : (P,), a minimum of L + R.  maxnorm : where R begins.

    A certificate is for a minimum at infinity: gradient and curvature of the limit network, a positive slope of the loss
    with the distance from infinity for each pair and exponential unit, and a loss at θ that these slopes predict to 10 %.
    For a triple no slope is known in closed form, but the pull μ of the wall tells: L − L_∞ ∝ 1/|a| makes it μ Σa².
    """
    if network.activation not in DERIVATIVES:
        return Route(reason="relu has no smooth limit")
    loss = network.loss(theta, data)
    multiplier = max(weight_norm(theta) - maxnorm, 0.0) ** 2 / theta.size
    best = None
    if len(network.widths) > 1:
        attempts = (certify_deep(network, data, theta, loss, pairs) for pairs in layered_pairs(network, theta))
    else:
        attempts = (certify(guess, loss, multiplier) for guess in candidates(network, data, theta))
    for route in attempts:
        if best is None or VERDICTS.index(route.verdict) < VERDICTS.index(best.verdict):
            best = route
        if best.verdict == CERTIFIED:
            break
    if best and best.verdict == TURNS_BACK and np.isnan(best.finite_norm):
        chart = Chart(network, data, theta, best.pairs)
        start = chart.at(1 / GROWTH).theta(chart.start)
        flow = gradient_flow(Objective(network, data), start, maxnorm=maxnorm)
        if flow.weight_norm < maxnorm * ON_THE_WALL:
            end = polish(Objective(network, data), flow.theta_end)
            best.finite_loss, best.finite_norm = end.loss, weight_norm(end.theta)
        else:
            best.reason += ", to the wall on another route"
    return best or Route(route=first_impression(network, data, theta), reason="no limit network fits")


def first_impression(network, data, theta):
    """The route by how the neurons of the first hidden layer look that hold the norm, for want of a limit network.

    Polynomial units hardly leave one point of their activation: erf and g have no other way to be linear or quadratic.
    """
    hidden, above = network.matrices(theta)[:2]
    outputs = np.linalg.norm(above[:, : len(hidden)], axis=0)
    lengths, z = np.linalg.norm(hidden, axis=1), network.first_layer(theta, data.x)
    names = []
    for i in np.flatnonzero(outputs**2 + lengths**2 > HOLDS_NORM * (theta @ theta)):
        if lengths[i] > outputs[i]:
            names.append("steep")
        elif z[:, i].std() < POLYNOMIAL:
            names.append("polynomial")
        else:
            names.append("unknown")
    return name(names)


def certify(guess, loss, multiplier):
    """The `Route` of a `Candidate`, for a network with that loss and pull μ of the wall."""
    limit = guess.limit
    end = polish(limit, guess.start, max_iterations=ITERATIONS)
    values, slopes, parts = eigvalsh(end.hessian), limit.slopes(end.theta), limit.unpack(end.theta)[0]
    kinds = np.array([unit.kind for unit in limit.units])
    pairs = np.flatnonzero(kinds == "pair")
    with np.errstate(divide="ignore"):
        lengths = np.array([np.linalg.norm(forms[0] / (c if kind == "steep" else 1.0)) for kind, (c, forms) in zip(kinds, parts)])
    predicted = np.where(kinds == "triple", multiplier * guess.diverging, np.where(np.isnan(slopes), 0.0, slopes * guess.small))
    # At the minimum the slope is orthogonal to all affine functions: what is left of a linear neuron is its curvature.
    bent = float(limit.slope(end.theta) @ guess.straight)
    predicted = predicted.sum() + bent
    route = Route(
        route=name(guess.names), loss_infinity=end.loss, gradient_norm=float(abs(end.gradient).max()),
        hessian_min=float(values[0]), hessian_max=float(values[-1]), iterations=end.iterations,
        h=tuple(float(slopes[n] / np.sum(parts[n][1][1] ** 2)) for n in pairs), epsilon=tuple(guess.epsilon[guess.epsilon > 0].tolist()),
        ratio=float((loss - end.loss) / predicted) if predicted else np.nan,
        pairs=tuple((0, *limit.units[n].neurons) for n in pairs if not any("antiparallel" in name for name in guess.names)),
    )
    converged = route.gradient_norm < LARGEST_GRADIENT and values[0] > LEAST_CURVATURE * values[-1]
    steep = (kinds == "steep") & ~(lengths < STEEPER * guess.lengths)
    if not converged and steep.any():
        route.route = name([*guess.names, "steep"])
        route.reason = "the limit of a steep unit has kinks at the samples"
    elif not route.gradient_norm < LARGEST_GRADIENT:
        route.reason = "Newton's method does not converge"
    elif not converged:
        route.reason = "the limit is a saddle"
    elif not guess.names and not values[0] > FLAT * values[-1]:
        route.route, route.reason = "flat", "flat directions lead beyond the wall"
    elif not guess.names:
        squares = (lengths**2).sum() + sum(c**2 for c, _ in parts) + (limit.unpack(end.theta)[1] ** 2).sum()
        route.finite_loss, route.finite_norm = end.loss, float(squares) / (2 * end.theta.size)
        route.route, route.loss_infinity = "steep", np.nan
        route.verdict, route.reason = TURNS_BACK, "a finite minimum lies beyond the wall"
    else:
        compare(route, end.theta, guess.start, np.any(slopes < 0) or bent < 0)
    return route


def compare(route, theta, start, falls):
    """Judge a `Route` whose limit `theta`, reached from `start`, is a minimum: by its ratio, and whether the loss falls inwards."""
    close = abs(route.ratio - 1) < RATIO_TOLERANCE
    if theta @ theta > RUNAWAY * max(start @ start, 1.0):
        route.reason = "the limit runs away"
    elif falls:
        route.verdict = TURNS_BACK if close else UNDECIDED
        route.reason = "the loss falls on the way back from infinity"
    elif not close:
        route.reason = "the loss at the wall is not near the one predicted"
    else:
        route.verdict = CERTIFIED


def name(units):
    """"2 pair + steep" from a list of names."""
    counts = Counter(units)
    return " + ".join(f"{counts[unit]} {unit}" if counts[unit] > 1 else unit for unit in sorted(counts)) or "unknown"


# Deep networks


def layered_pairs(network, theta):
    """The sets of channel pairs to try in a deep network, one per threshold of ε: lists of (layer, i, j), highest first.

    Two neurons are a pair if each is the other's only partner below the threshold and their outputs are strong. In the rows
    of the next layer the outputs of a pair count as their sum, and as their difference over K: these stay finite.
    """
    result = []
    for relative in (False, True):
        for threshold in LINKS:
            inside, pairs = theta.copy(), []
            for number, layer in enumerate(hidden_layers(network.inputs, network.widths, network.bias)):
                rows = inside[layer.rows]
                lengths = np.linalg.norm(rows, axis=1)
                epsilon = 0.5 * np.linalg.norm(rows[:, None] - rows, axis=2)
                linked = epsilon < threshold * (0.5 * (lengths[:, None] + lengths) if relative else 1.0)
                for i, j in zip(*np.nonzero(np.triu(linked, 1))):
                    ahead, behind = layer.columns[i], layer.columns[j]
                    K = np.linalg.norm(inside[ahead] - inside[behind])
                    if linked[i].sum() == linked[j].sum() == 2 and K > STRONG:
                        pairs.insert(0, (number, int(i), int(j)))
                        inside[ahead], inside[behind] = inside[ahead] + inside[behind], (inside[ahead] - inside[behind]) / K
            if pairs and pairs not in result:
                result.append(pairs)
    return result


def certify_deep(network, data, theta, loss, pairs):
    """The `Route` of a deep network by its pairs: minima of the loss at 1, 2 and 4 times its K, extrapolated in K⁻².

    Gradient and curvature are those at 4 K. The slope with each K⁻² comes from the derivative of the loss by K.
    """
    chart = Chart(network, data, theta, pairs)
    ends, eta = [], chart.start
    for factor in (1.0, 2.0, 4.0):
        place = chart.at(factor)
        ends.append(polish(place, eta, max_iterations=ITERATIONS))
        eta = ends[-1].theta
    first, second = ((4 * b.loss - a.loss) / 3 for a, b in pairwise(ends))
    infinity = (16 * second - first) / 15
    predicted, epsilon = chart.differences(ends[0].theta)
    values, last = eigvalsh(ends[-1].hessian), ends[-1]
    route = Route(
        route=name([f"pair in layer {number + 1}" for number, *_ in pairs]), loss_infinity=infinity,
        gradient_norm=float(abs(last.gradient).max()), hessian_min=float(values[0]), hessian_max=float(values[-1]),
        iterations=sum(end.iterations for end in ends), h=tuple((predicted / epsilon**2).tolist()), epsilon=tuple(epsilon.tolist()),
        ratio=float((loss - infinity) / predicted.sum()), pairs=tuple(pairs),
    )
    noise = np.finfo(float).eps * (4 * max(chart.K)) ** 2  # of the rows' second derivatives, which cancel
    if not route.gradient_norm < LARGEST_GRADIENT:
        route.reason = "Newton's method does not converge"
    elif not values[0] > min(LEAST_CURVATURE, -noise) * values[-1]:
        route.reason = "the limit is a saddle"
    else:
        compare(route, last.theta, chart.start, np.any(predicted < 0))
    return route


class Chart:
    """The loss of a network of any depth at given K of some channel pairs, in coordinates that stay finite as K → ∞.

    With D = a_i − a_j = K (n + E e), for a fixed unit vector n and E orthogonal to it, and w_i − w_j = 2v / K, the parameters
    are affine in η = (w, v, c, e, all others), and the loss at K = ∞ is that of gated units with the outputs c and n + E e.
    An objective for `polish`. Pairs of higher layers are transformed first, as the rows that they mix contain the D below.

    pairs : list of (layer, i, j), layers counted from 0, the highest first.  theta : (P,), where n and K come from.
    """

    def __init__(self, network, data, theta, pairs):
        layers = hidden_layers(network.inputs, network.widths, network.bias)
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

    def map(self, K):
        """M (P, Q) and offset (P,) with θ = M η + offset."""
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

    def differences(self, eta):
        """For each pair by how much the loss at η exceeds that at infinity, L − L_∞ = −(K/2) ∂L/∂K, and its ε: (pairs,) twice."""
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

    def at(self, factor):
        """This chart with all K multiplied by `factor`: an object for `polish`."""
        return ChartAt(self, [factor * k for k in self.K])


class ChartAt:
    """A `Chart` at given K."""

    def __init__(self, chart, K):
        self.chart, (self.matrix, self.offset) = chart, chart.map(K)

    def theta(self, eta):
        """θ (P,) of the network."""
        return self.matrix @ eta + self.offset

    def loss_and_gradient(self, eta):
        """float, (Q,)."""
        loss, gradient = self.chart.network.loss_and_gradient(self.theta(eta), self.chart.data)
        return loss, self.matrix.T @ gradient

    def derivatives(self, eta):
        """float, (Q,), (Q, Q)."""
        loss, gradient, hessian = self.chart.network.derivatives(self.theta(eta), self.chart.data)
        return loss, self.matrix.T @ gradient, self.matrix.T @ hessian @ self.matrix
