"""Channels to infinity: which neurons of a network form one, and whether a run moves along it.

Two neurons whose input weights become parallel while their output weights diverge with opposite signs lead to infinity
at ever decreasing loss. Here are the distances that show such pairs, the subspace in which a channel moves, the three
criteria by which the paper calls a run one in a channel, and the coordinates that stay finite along it. Throughout, a
neuron's input weights are its row of [W | b], the bias included, and its output weights are its column of the next layer.

Departs from the paper in leaving out the updates made on the norm wall: there this project's flow moves along the sphere
‖θ‖ = maxnorm, which is no part of a channel. Needs numpy alone, so that tables can be made without the engine.

Source: paper, sections 3 and 4, Appendices B.3 and C.
"""

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np

PARALLEL_DISTANCE = 1e-3  # cosine distance of the closest pair of a channel (Appendix B.3, condition 2)
GROUP_DISTANCE = 1e-2  # cosine distance that links neurons to a group (Appendix B.3)
LATE_UPDATES = 51  # updates over which the last projections are averaged (condition 3)
ALIGNED_RATIO = 0.9  # least mean projection of these (condition 3)
DIVERGING_SHARE = 0.1  # share of Σθ² in the output weights of a layer's groups from which these count as diverging
RANK_TOLERANCE = 1e-12  # singular values below this fraction of the largest span nothing
ON_THE_WALL = 1 - 1e-9  # fraction of maxnorm from which a stored point counts as one on the wall


# Distances


def cosine_distances(input_weights):
    """1 − cos(w_i, w_j) of all pairs of rows: (r, r) from (r, k), 0 on the diagonal, NaN for a row that is zero.

    As |u_i − u_j|² / 2 of the unit vectors, which keeps its digits down to distances of 1e-30.
    """
    lengths = np.linalg.norm(input_weights, axis=1, keepdims=True)
    units = np.divide(input_weights, lengths, out=np.full_like(input_weights, np.nan), where=lengths > 0)
    return 0.5 * ((units[:, None] - units) ** 2).sum(axis=2)


def euclidean_distances(input_weights):
    """|w_i − w_j| of all pairs of rows: (r, r) from (r, k)."""
    return np.sqrt(((input_weights[:, None] - input_weights) ** 2).sum(axis=2))


def closest_pair(input_weights):
    """The two neurons whose input weights are most nearly parallel.

    Parameters
    ----------
    input_weights : float64 array (width, dim + 1); the last column is the bias.

    Returns
    -------
    i, j : int, i < j
    distance : float, 1 − cos(w_i, w_j), in [0, 2]

    Raises
    ------
    ValueError: fewer than two neurons, or a row without direction (zero or not finite).

    Source: paper, Appendix B.3, condition 2.
    """
    return _closest(input_weights, 2)


def closest_triplet(input_weights):
    """The three neurons whose input weights are most nearly parallel: i < j < k and a distance.

    ASSUME: the distance of a triplet is the largest of its three cosine distances; the paper does not define it.
    Parameters and errors as in `closest_pair`, with at least three neurons.  Source: paper, Appendices B.3 and C.6.
    """
    return _closest(input_weights, 3)


def _closest(input_weights, size):
    """The indices of the `size` neurons with the least largest cosine distance among them, and that distance."""
    weights = np.asarray(input_weights, dtype=float)
    if weights.ndim != 2 or len(weights) < size:
        raise ValueError(f"input weights of shape {weights.shape} are not those of at least {size} neurons")
    lengths = np.linalg.norm(weights, axis=1)
    without = np.flatnonzero(~((lengths > 0) & np.isfinite(lengths)))
    if without.size:
        raise ValueError(f"the input weights of neuron {without[0]} are {weights[without[0]]}; they have no direction")
    distances = cosine_distances(weights)
    subsets = np.array(list(combinations(range(len(weights)), size)))
    largest = np.max([distances[subsets[:, a], subsets[:, b]] for a, b in combinations(range(size), 2)], axis=0)
    best = int(np.argmin(largest))
    return (*subsets[best].tolist(), float(largest[best]))


def groups(input_weights, threshold=GROUP_DISTANCE):
    """The groups of two or more neurons that are linked by cosine distances below the threshold.

    Links chain: two neurons of a group may be further apart. A channel of a group has dimension size − 1.
    Returns a list of increasing lists of indices; a neuron without direction is in none.  Source: paper, Appendix B.3.
    """
    linked = cosine_distances(np.asarray(input_weights, dtype=float)) < threshold  # never with NaN
    found, seen = [], set()
    for start in range(len(linked)):
        group, waiting = set(), [start]
        while waiting:
            neuron = waiting.pop()
            if neuron not in seen:
                seen.add(neuron)
                group.add(neuron)
                waiting.extend(np.flatnonzero(linked[neuron]).tolist())
        if len(group) > 1:
            found.append(sorted(group))
    return found


# The channel subspace


class Layer(NamedTuple):
    """Where a hidden layer and the layer above it stand in θ.

    rows (r, k) : indices of the input weights of each neuron, bias included.
    columns (r, m) : indices of the output weights of each neuron; m is the width of the layer above.
    """

    rows: np.ndarray
    columns: np.ndarray


def hidden_layers(inputs, widths, bias):
    """The `Layer` of each hidden layer of a network, whose θ is packed as by `Network.pack`."""
    matrices, start = [], 0
    for below, out in zip([inputs, *widths], [*widths, 1], strict=True):
        shape = out, below + bool(bias)
        matrices.append(start + np.arange(shape[0] * shape[1]).reshape(shape))
        start += shape[0] * shape[1]
    return [Layer(rows, above[:, : len(rows)].T) for rows, above in pairwise(matrices)]


def channel_basis(theta, layers, threshold=GROUP_DISTANCE):
    """An orthonormal basis of the directions in which the groups of a network can move along a channel.

    For each neuron of a group these are its output weights, and its input weights within the span of the input weights
    of its group.

    Parameters
    ----------
    theta : (P,).  layers : what `hidden_layers` returns for the network, or some of it.  threshold : as for `groups`.

    Returns
    -------
    (P, n) float64 with orthonormal columns; n = 0 without any group.

    Source: paper, Appendix B.3, condition 3. ASSUME: every neuron of a group may take up the whole span.
    """
    theta = np.asarray(theta, dtype=float)
    layer_bases = []
    for layer in layers:
        parts = [_group_basis(theta, layer, group) for group in groups(theta[layer.rows], threshold)]
        if parts:
            layer_bases.append(np.concatenate(parts, axis=1))
    if not layer_bases:
        return np.zeros((theta.size, 0))
    basis = np.concatenate(layer_bases, axis=1)
    # Within a layer no two columns share a direction. A weight between two layers may belong to groups of both.
    return basis if len(layer_bases) == 1 else orthonormal(basis)


def _group_basis(theta, layer, group):
    """The columns of `channel_basis` for one group."""
    outputs = layer.columns[group].ravel()
    span = orthonormal(theta[layer.rows[group]].T)
    basis = np.zeros((theta.size, outputs.size + len(group) * span.shape[1]))
    basis[outputs, np.arange(outputs.size)] = 1
    column = outputs.size
    for neuron in group:
        basis[layer.rows[neuron], column : column + span.shape[1]] = span
        column += span.shape[1]
    return basis


def orthonormal(vectors):
    """An orthonormal basis (n, rank) of the span of the columns of `vectors` (n, m), all taken at length 1.

    The rank tolerance is near rounding: nearly parallel weights differ in the very direction along which a channel runs.
    """
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=0), np.finfo(float).tiny)
    left, values, _ = np.linalg.svd(vectors, full_matrices=False)
    return left[:, values > RANK_TOLERANCE * values[0]]


def update_ratios(points, basis):
    """‖Δθ_proj‖ / ‖Δθ‖ of the updates between successive points: (T − 1,) from points (T, P) and a basis (P, n).

    NaN for an update of zero.  Source: paper, Figure 4b.
    """
    updates = np.diff(points, axis=0)
    lengths = np.linalg.norm(updates, axis=1)
    projected = np.linalg.norm(updates @ basis, axis=1)
    return np.divide(projected, lengths, out=np.full(len(updates), np.nan), where=lengths > 0)


def inside_the_wall(points, maxnorm):
    """The leading points (T', P) of a trajectory (T, P) up to where it meets the wall for good; NaN at its end is cut off.

    A trajectory that ends within the wall is kept whole; one that starts on it keeps its first point.
    """
    points = points[np.isfinite(points).all(axis=1)]
    norms = (points**2).sum(axis=1) / (2 * points.shape[1])
    within = np.flatnonzero(norms < maxnorm * ON_THE_WALL)
    return points[: within[-1] + 1] if within.size else points[:1]


# The verdict on a run


@dataclass
class LayerChannels:
    """The neurons of one hidden layer at the end of a run.

    pair : the closest pair (i, j), with the cosine distance `cosine` and the L2 distance `distance` of its input weights.
    nearest : float, the least L2 distance of any pair.
    relative : that L2 distance over the mean length of w_i and w_j; small only where the lengths agree too.
    strength : |a_i| + |a_j| of that pair.  sign : −1, 0 or 1, of a_i a_j.
    triplet : the closest triplet (i, j, k), with the largest cosine and L2 distances in it.
    groups : as by the function of that name.
    output_share : the share of Σθ² in the output weights of the groups, which a channel drives towards 1.
    Where there is no pair or triplet with directions these are () and NaN; sign is then 0.

    ASSUME: below another hidden layer the a_i are vectors; |a_i| is their length, and the sign that of a_i·a_j.
    """

    pair: tuple = ()
    cosine: float = np.nan
    distance: float = np.nan
    nearest: float = np.nan
    relative: float = np.nan
    strength: float = np.nan
    sign: int = 0
    triplet: tuple = ()
    triplet_cosine: float = np.nan
    triplet_distance: float = np.nan
    groups: tuple = ()
    output_share: float = np.nan

    @property
    def parallel(self):
        """Condition 2 for this layer."""
        return bool(self.cosine < PARALLEL_DISTANCE)

    @property
    def diverging(self):
        """Whether the output weights of the groups diverge as well, which the paper's conditions do not ask.

        In deep networks it matters: weights that diverge in one layer, for whatever reason, soon dominate the rows that
        they are part of, and neurons of the layer above then look parallel without forming a channel.
        ASSUME: they diverge if they hold a tenth of Σθ².
        """
        return bool(self.output_share > DIVERGING_SHARE)

    @property
    def dimension(self):
        """The dimension of the layer's channels: size − 1, over all its groups."""
        return sum(len(group) - 1 for group in self.groups)


@dataclass
class Channels:
    """What the end of a run and the way to it say about channels.

    layers : one `LayerChannels` per hidden layer.
    ratios : ‖Δθ_proj‖/‖Δθ‖ of all updates within the wall, the first one being that from the initial point; the projection
        is onto the channel subspace of the point where the last of them ends. NaN where that point has no group.
    first_ratio : the first of them.  late_ratio : the mean of the last 51, or of all where there are fewer.
    subspace : dimension n of the channel subspace; a random update has a ratio near √(n/P).
    infinite, parallel, aligned : the paper's three conditions.
    """

    layers: tuple
    ratios: np.ndarray
    first_ratio: float
    late_ratio: float
    subspace: int
    infinite: bool

    @property
    def parallel(self):
        return any(layer.parallel for layer in self.layers)

    @property
    def aligned(self):
        return bool(self.late_ratio > ALIGNED_RATIO)

    @property
    def in_channel(self):
        """The verdict: all three conditions hold.  Source: paper, Appendix B.3."""
        return self.infinite and self.parallel and self.aligned

    @property
    def channel_layers(self):
        """The hidden layers (from 1) that have a parallel pair, of a run in a channel; () for other runs.

        ASSUME: the paper counts layers in Figure 4f without a rule. Alignment is judged for all layers together, because
        a run can move in several at once.
        """
        return tuple(number for number, layer in enumerate(self.layers, 1) if layer.parallel) if self.in_channel else ()


def analyse_layer(input_weights, output_weights, squares):
    """`LayerChannels` of a hidden layer with input weights (r, k) and output weights (r, m); squares is Σθ²."""
    found = LayerChannels(groups=tuple(map(tuple, groups(input_weights))))
    found.output_share = float((output_weights[[neuron for group in found.groups for neuron in group]] ** 2).sum() / squares)
    lengths = np.linalg.norm(input_weights, axis=1)
    neurons = np.flatnonzero((lengths > 0) & np.isfinite(lengths))  # dead ones are left out, not refused: others may pair
    if len(neurons) < 2:
        return found
    distances = euclidean_distances(input_weights)
    i, j, found.cosine = closest_pair(input_weights[neurons])
    i, j = found.pair = int(neurons[i]), int(neurons[j])
    found.distance = float(distances[i, j])
    found.relative = found.distance / float(lengths[[i, j]].mean())
    found.nearest = float(distances[np.ix_(neurons, neurons)][np.triu_indices(len(neurons), 1)].min())
    found.strength = float(np.linalg.norm(output_weights[[i, j]], axis=1).sum())
    found.sign = int(np.sign(output_weights[i] @ output_weights[j]))
    if len(neurons) > 2:
        *triplet, found.triplet_cosine = closest_triplet(input_weights[neurons])
        found.triplet = tuple(neurons[triplet].tolist())
        found.triplet_distance = float(distances[np.ix_(found.triplet, found.triplet)].max())
    return found


def analyse(theta, trajectory, inputs, widths, bias, maxnorm=1e3, theta_initial=None):
    """The channels of one run.

    Parameters
    ----------
    theta : (P,), the end of the run.  trajectory : (T, P), the stored points of its flow; NaN after the last one.
    inputs, widths, bias : of the network.  maxnorm : the wall in ‖θ‖ = Σθ²/(2P).
    theta_initial : (P,), where the first update started; None where the trajectory holds it.

    Returns
    -------
    Channels.  A run that failed (θ is NaN) has NaN throughout and no verdict.

    Source: paper, Appendix B.3.
    """
    theta = np.asarray(theta, dtype=float)
    layers, squares = hidden_layers(inputs, widths, bias), theta @ theta
    ends = tuple(analyse_layer(theta[layer.rows], theta[layer.columns], squares) for layer in layers)
    points = trajectory if theta_initial is None else np.concatenate([theta_initial[None], trajectory])
    points = inside_the_wall(points, maxnorm)
    basis = channel_basis(points[-1], layers) if len(points) else np.zeros((theta.size, 0))
    ratios = update_ratios(points, basis) if basis.size else np.full(max(len(points) - 1, 0), np.nan)
    late = ratios[-LATE_UPDATES:]
    late = late[np.isfinite(late)]
    return Channels(
        layers=ends,
        ratios=ratios,
        first_ratio=float(ratios[0]) if ratios.size else np.nan,
        late_ratio=float(late.mean()) if late.size else np.nan,
        subspace=basis.shape[1],
        infinite=bool(squares / (2 * theta.size) >= maxnorm),
    )


RECORD_KEYS = ["seed", "theta", "theta_initial", "trajectory_theta"]  # what `layer_rows` reads of a record


def layer_rows(meta, arrays):
    """One dict per run and hidden layer of a block of runs: the row of the table of channels.

    Parameters
    ----------
    meta : of `records.read_runs`.  arrays : with the `RECORD_KEYS`.

    Returns
    -------
    list of dicts, run by run. `layer` counts from 1. Of the whole run, and the same in its rows: infinite, parallel,
    first_ratio, late_ratio, subspace, aligned, channel, channel_layers ("1+3"). `groups` are the sizes, largest first ("3+2").
    """
    rows = []
    network = meta["inputs"], meta["widths"], meta["bias"]
    for seed, theta, start, trajectory in zip(*(arrays[key] for key in RECORD_KEYS), strict=True):
        run = analyse(theta, trajectory, *network, meta["training"]["maxnorm"], start)
        whole = {
            "seed": int(seed), "infinite": run.infinite, "parallel": run.parallel, "first_ratio": run.first_ratio,
            "late_ratio": run.late_ratio, "subspace": run.subspace, "aligned": run.aligned, "channel": run.in_channel,
            "channel_layers": "+".join(map(str, run.channel_layers)),
        }  # fmt: skip
        for number, layer in enumerate(run.layers, 1):
            sizes = sorted((len(group) for group in layer.groups), reverse=True)
            rows.append({
                **whole, "layer": number, "cosine": layer.cosine, "distance": layer.distance, "relative": layer.relative,
                "nearest": layer.nearest, "strength": layer.strength, "sign": layer.sign,
                "triplet_cosine": layer.triplet_cosine, "triplet_distance": layer.triplet_distance,
                "output_share": layer.output_share, "layer_parallel": layer.parallel, "layer_diverging": layer.diverging,
                "dimension": layer.dimension, "groups": "+".join(map(str, sizes)),
            })  # fmt: skip
    return rows


# Coordinates along a channel


class Pair(NamedTuple):
    """Two neurons in the coordinates that stay finite along a channel, where ε → 0.

    w (k,) : mean of the input weights.  epsilon : half their L2 distance.  direction (k,) : the unit vector Δ from w_j to w_i.
    a = ε (a_i − a_j) and c = a_i + a_j : numbers, or vectors below another hidden layer.

    As ε → 0 the pair computes c σ(w·x) + a (Δ·x) σ'(w·x).  Source: paper, section 3.
    """

    w: np.ndarray
    epsilon: float
    direction: np.ndarray
    a: float
    c: float


def to_channel(w_i, w_j, a_i, a_j):
    """The `Pair` of two neurons with input weights w (k,) and output weights a (numbers or vectors).

    Raises ValueError where w_i = w_j: Δ is undefined.
    """
    w_i, w_j = np.asarray(w_i, dtype=float), np.asarray(w_j, dtype=float)
    distance = float(np.linalg.norm(w_i - w_j))
    if not distance > 0:
        raise ValueError(f"both neurons have the input weights {w_i}; the direction between them is undefined")
    return Pair((w_i + w_j) / 2, distance / 2, (w_i - w_j) / distance, distance / 2 * (a_i - a_j), a_i + a_j)


def from_channel(pair):
    """w_i, w_j, a_i, a_j of a `Pair`; the inverse of `to_channel`.  Raises ValueError for ε ≤ 0: the weights are infinite."""
    if not pair.epsilon > 0:
        raise ValueError(f"epsilon is {pair.epsilon}; it must be positive")
    step = pair.epsilon * pair.direction
    half = pair.a / pair.epsilon
    return pair.w + step, pair.w - step, (pair.c + half) / 2, (pair.c - half) / 2
