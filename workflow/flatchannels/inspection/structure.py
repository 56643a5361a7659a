"""What stands in the weights of one hidden layer: dead neurons, duplicates, groups of a channel.

The neurons of a channel have nearly equal input weights, and output weights that are large and cancel. Two neurons that merely
lie close have neither; random neurons of few inputs often do. So a group must be close *and* cancel *and* be strong.

Neurons are linked by the distance of their input weights (bias included) relative to their length, up to the sign where the
activation has a symmetry σ(−z) = s σ(z) + l z + k: there an antiparallel neuron is the mirror image of a parallel one.

Source: paper, section 3, Appendices B.3 and C.6; the tests of cancellation and strength are this project's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import DisjointSet
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import pdist

from flatchannels.inspection.neighbours import Pairs, close_pairs
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.precision import DEAD_WEIGHTS, SAME_WEIGHTS

Array = NDArray[np.float64]

TIGHT = 0.25  # largest half distance ε of a group over the mean length of its input weights
CANCELLATION = 0.3  # |Σ a| over Σ |a| of a group; of three neurons in the ratio 1 : −2 : 1 it is 1/3 for two of them, 0 for all
STRENGTH = 4.0  # mean |a| of a group over the median of the neurons that are in none
REACH = 0.02  # Σ |a| times ε over the mean length of the input weights, over the same: what its width does
NEARLY_PARALLEL = 1e-2  # 1 − |cos| of input weights below which neurons outside of groups are worth a remark (paper, Appendix B.3)
LARGEST_GROUP = 32  # neurons


@dataclass(frozen=True)
class Group:
    """Neurons of one hidden layer that form a channel.

    Parameters
    ----------
    neurons : tuple of int
        From 0, in increasing order.
    signs : tuple of int
        −1 for those that are taken as their mirror image.
    epsilon : float
        Half the largest distance of their input weights.
    cosine : float
        The largest 1 − cos of two of them.
    weights : (n, k)
        Their input weights, mirrored.
    outputs : (n, m)
        Their output weights, mirrored.
    center : (k,)
        The mean input weights.
    sum : (m,)
        Σ a, what stays of them at infinity as a neuron.
    direction : (m, k)
        Σ a (w − center), the gate: at infinity the group computes sum σ(center·x) + (direction·x) σ'(center·x).
    cancellation : float
        |Σ a| / Σ |a|.
    """

    neurons: tuple[int, ...]
    signs: tuple[int, ...]
    epsilon: float
    cosine: float
    weights: Array = field(repr=False)
    outputs: Array = field(repr=False)
    center: Array = field(repr=False)
    sum: Array
    direction: Array
    cancellation: float

    @property
    def kind(self) -> str:
        """pair, triple or group."""
        return {2: "pair", 3: "triple"}.get(len(self.neurons), "group")

    @property
    def dimension(self) -> int:
        """Of the channel: one less than its neurons."""
        return len(self.neurons) - 1


@dataclass(frozen=True)
class LayerStructure:
    """What stands in one hidden layer.

    Parameters
    ----------
    layer : int
        From 1.
    neurons : int
        How many.
    groups : tuple of Group
    duplicates : tuple of (i, j)
        Pairs of the same input weights.
    dead : tuple of int
        Neurons whose input or output weights are 0.
    parallel, antiparallel : tuple of (i, j)
        Pairs whose input weights are close up to their length and the sign, and that are in no group.
    """

    layer: int
    neurons: int
    groups: tuple[Group, ...]
    duplicates: tuple[tuple[int, int], ...]
    dead: tuple[int, ...]
    parallel: tuple[tuple[int, int], ...] = ()
    antiparallel: tuple[tuple[int, int], ...] = ()


def layer_structure(layer: int, rows: Array, columns: Array, activation: str | None = None) -> LayerStructure:
    """What stands in a hidden layer.

    Parameters
    ----------
    layer : int
        From 1.
    rows : (r, k)
        Input weights of its neurons, bias included where there is one.
    columns : (r, m)
        Their output weights.
    activation : str, optional
        Its symmetry lets antiparallel neurons form groups.

    Returns
    -------
    LayerStructure
    """
    lengths, strengths = np.linalg.norm(rows, axis=1), np.linalg.norm(columns, axis=1)
    alive = (lengths > DEAD_WEIGHTS * lengths.max(initial=0.0)) & (strengths > DEAD_WEIGHTS * strengths.max(initial=0.0))
    live = np.flatnonzero(alive)
    parity = mirror_sign(activation)
    pairs = close_pairs(rows[live])
    pairs = replace(pairs, first=live[pairs.first], second=live[pairs.second])
    copies = _copies(pairs, len(rows))
    later = np.isin(np.arange(len(rows)), [j for _, j in copies])
    single = alive & ~later
    outputs = summed_over_copies(columns, copies)
    groups = _groups(np.flatnonzero(single), pairs.among(single), rows, outputs, parity)
    rest = single & ~np.isin(np.arange(len(rows)), [neuron for group in groups for neuron in group.neurons])
    parallel, antiparallel = (_named(pairs.among(rest).where(mask)) for mask in _aligned(pairs.among(rest)))
    dead = tuple(int(n) for n in np.flatnonzero(~alive))
    return LayerStructure(layer, len(rows), groups, tuple(copies), dead, parallel, antiparallel)


def _named(pairs: Pairs) -> tuple[tuple[int, int], ...]:
    return tuple(zip(pairs.first.tolist(), pairs.second.tolist()))


def _aligned(pairs: Pairs) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which pairs are parallel, and which antiparallel."""
    return pairs.cosine > 1 - NEARLY_PARALLEL, pairs.cosine < NEARLY_PARALLEL - 1


def _copies(pairs: Pairs, neurons: int) -> list[tuple[int, int]]:
    """(i, j), i < j, where j is a copy of i; of several copies each is paired with the first."""
    same = pairs.where(pairs.plain < SAME_WEIGHTS)
    graph = csr_array((np.ones(len(same.first)), (same.first, same.second)), shape=(neurons, neurons))
    labels = connected_components(graph, directed=False)[1]
    firsts = np.unique(labels, return_index=True)[1][labels]
    return [(int(firsts[j]), int(j)) for j in np.flatnonzero(firsts != np.arange(neurons))]


def mirror_sign(activation: str | None) -> float | None:
    """s of the symmetry σ(−z) = s σ(z) + l z + k of an activation.

    Parameters
    ----------
    activation : str or None
        Its name, where it is known.

    Returns
    -------
    float or None
        None without one, or where it is not known.
    """
    mirror = ACTIVATIONS[activation].reflection if activation in ACTIVATIONS else None
    return mirror.sign if mirror else None


def summed_over_copies(columns: Array, copies: Iterable[tuple[int, int]]) -> Array:
    """Output weights with those of copies added to the neuron that they are copies of.

    Parameters
    ----------
    columns : (r, m)
    copies : iterable of (i, j)

    Returns
    -------
    (r, m)
    """
    summed = columns.copy()
    for i, j in copies:
        summed[i] += columns[j]
    return summed


def _groups(neurons: NDArray[np.int64], pairs: Pairs, rows: Array, outputs: Array, parity: float | None) -> tuple[Group, ...]:
    """The groups among some neurons; parity : s of the symmetry σ(−z) = s σ(z) + …, None without one."""
    found = _candidates(pairs, rows, outputs, parity)
    others = np.setdiff1d(neurons, [neuron for group in found for neuron in group.neurons]).tolist()
    strong = []
    for group in sorted(found, key=lambda group: np.linalg.norm(group.outputs, axis=1).mean()):  # a weak one counts among the others
        if _is_strong(group, _typical(np.linalg.norm(outputs[others], axis=1))):
            strong.append(group)
        else:
            others += group.neurons
    return tuple(sorted(strong, key=lambda group: group.neurons))


def _typical(strengths: Array) -> float:
    """Of the neurons that are in no group: the median, the smaller of two, 0 of none."""
    if len(strengths) > 2:
        return float(np.median(strengths))
    return float(strengths.min()) if len(strengths) else 0.0


def _candidates(pairs: Pairs, rows: Array, outputs: Array, parity: float | None) -> list[Group]:
    """Clusters that are close and cancel, the smallest first; a larger one replaces it where it cancels far better."""
    joined = DisjointSet(range(len(rows)))
    members: dict[int, tuple[int, ...]] = {}  # of clusters of two neurons and more, by their root; () where there are too many
    accepted: dict[int, Group] = {}
    found: dict[int, Group] = {}
    for i, j in _single_linkage(pairs, len(rows), parity is not None):
        a, b = joined[i], joined[j]
        joined.merge(i, j)
        left, right = members.pop(a, (a,)), members.pop(b, (b,))
        here = joined[i]
        members[here] = left + right if left and right and len(left) + len(right) <= LARGEST_GROUP else ()
        inside = [accepted.pop(cluster) for cluster in (a, b) if cluster in accepted]
        group = _cluster(members[here], rows, outputs, parity)
        if group is not None and all(_replaces(group, part) for part in inside):
            for part in inside:
                found.pop(part.neurons[0], None)
            accepted[here] = found[group.neurons[0]] = group
        elif len(inside) == 1:
            accepted[here] = inside[0]
    return list(found.values())


def _single_linkage(pairs: Pairs, neurons: int, mirrored: bool) -> list[tuple[int, int]]:
    """The pairs whose clusters are joined, nearest first: the edges of a minimum spanning tree (Gower & Ross 1969)."""
    distances = np.minimum(pairs.plain, pairs.mirrored) if mirrored else pairs.plain
    near = distances <= 2 * TIGHT
    graph = csr_array((distances[near], (pairs.first[near], pairs.second[near])), shape=(neurons, neurons))
    tree = minimum_spanning_tree(graph).tocoo()
    order = np.argsort(tree.data, kind="stable")
    return list(zip(tree.coords[0][order].tolist(), tree.coords[1][order].tolist()))


def _cluster(members: tuple[int, ...], rows: Array, outputs: Array, parity: float | None) -> Group | None:
    """The `Group` of a cluster if it is close and cancels, else None; None for ()."""
    if not members:
        return None
    group = group_of(np.array(sorted(members)), rows, outputs, parity)
    tight = group.epsilon < TIGHT * np.linalg.norm(group.center)
    return group if tight and group.cancellation < CANCELLATION else None


def _replaces(whole: Group, part: Group) -> bool:
    """Whether a larger group is the true one: it cancels far better, is about as tight, and its other neurons are as strong."""
    strengths = np.linalg.norm(whole.outputs, axis=1)
    added = [strength for neuron, strength in zip(whole.neurons, strengths) if neuron not in part.neurons]
    return bool(whole.cancellation < 0.5 * part.cancellation and whole.epsilon < 4 * part.epsilon and min(added) > 0.1 * strengths.mean())


def group_of(neurons: NDArray[np.int64], rows: Array, outputs: Array, parity: float | None) -> Group:
    """The group of some neurons, all taken to the side of the first where the activation has a parity.

    Parameters
    ----------
    neurons : int (n,)
    rows : (r, k)
    outputs : (r, m)
    parity : float or None
        `mirror_sign`.

    Returns
    -------
    Group
    """
    w, a = rows[neurons].copy(), outputs[neurons].copy()
    signs = np.where(w @ w[0] < 0, -1, 1) if parity is not None else np.ones(len(w), dtype=int)
    w[signs < 0] *= -1
    a[signs < 0] *= parity if parity is not None else 1.0
    center = w.mean(axis=0)
    units = w / np.linalg.norm(w, axis=1, keepdims=True)
    total = a.sum(axis=0)
    return Group(
        neurons=tuple(map(int, neurons)), signs=tuple(map(int, signs)), epsilon=float(pdist(w).max() / 2),
        cosine=float((pdist(units) ** 2).max() / 2), weights=w, outputs=a, center=center, sum=total, direction=a.T @ (w - center),
        cancellation=float(np.linalg.norm(total) / np.linalg.norm(a, axis=1).sum()),
    )  # fmt: skip


def _is_strong(group: Group, typical: float) -> bool:
    """Whether a group's output weights, and what they do over its width, stand out against those of the neurons around."""
    strengths = np.linalg.norm(group.outputs, axis=1)
    reach = strengths.sum() * group.epsilon / np.linalg.norm(group.center)
    return bool(strengths.mean() > STRENGTH * typical and reach > REACH * typical)
