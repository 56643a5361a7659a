"""The paper's criteria: whether the neurons of a network form a channel to infinity, and whether a run moves along it.

Two neurons whose input weights become parallel while their output weights diverge with opposite signs lead to infinity
at ever decreasing loss. A neuron's input weights are its row of [W | b], the bias included, and its output weights are its
column of the next layer. Needs NumPy and SciPy alone, so that tables can be made without the engine.

Source: paper, sections 3 and 4, Appendices B.3 and C.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.landscape.geometry import closest_pair, closest_triplet, euclidean_distances, groups, least_triplet_mean
from flatchannels.landscape.subspace import channel_basis, mean_basis
from flatchannels.landscape.symmetry import mirror_signs
from flatchannels.landscape.updates import LATE_UPDATES, current_ratios, inside_the_wall, update_ratios
from flatchannels.names import numbers_name
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import Layout, layout_of
from flatchannels.precision import on_the_wall

Array = NDArray[np.float64]

PARALLEL_DISTANCE = 1e-3  # cosine distance of the closest pair of a channel (Appendix B.3, condition 2)
ALIGNED_RATIO = 0.9  # least mean projection of the last updates (condition 3)
DIVERGING_SHARE = 0.1  # share of Σθ² in the output weights of a layer's groups from which these count as diverging


@dataclass
class LayerChannels:
    """The neurons of one hidden layer at the end of a run.

    Where there is no pair or triplet with directions these are () and NaN; the sign is then 0.

    ASSUME: below another hidden layer the a_i are vectors; |a_i| is their length, and the sign that of a_i·a_j.

    Parameters
    ----------
    pair : (i, j)
        The closest pair.
    cosine : float
        The cosine distance of its input weights.
    distance : float
        Their L2 distance.
    nearest : float
        The least L2 distance of any pair.
    relative : float
        The L2 distance of the pair over the mean length of w_i and w_j; small only where the lengths agree too.
    strength : float
        |a_i| + |a_j| of that pair.
    sign : int
        −1, 0 or 1, of a_i a_j.
    triplet : (i, j, k)
        The closest triplet.
    triplet_cosine, triplet_distance : float
        The largest cosine and L2 distances in it.
    triplet_mean : float
        The least mean of the cosine distances in any triplet.
    groups : tuple of tuple of int
        As by the function of that name.
    output_share : float
        The share of Σθ² in the output weights of the groups, which a channel drives towards 1.
    """

    pair: tuple[int, ...] = ()
    cosine: float = np.nan
    distance: float = np.nan
    nearest: float = np.nan
    relative: float = np.nan
    strength: float = np.nan
    sign: int = 0
    triplet: tuple[int, ...] = ()
    triplet_cosine: float = np.nan
    triplet_distance: float = np.nan
    triplet_mean: float = np.nan
    groups: tuple[tuple[int, ...], ...] = ()
    output_share: float = np.nan

    @property
    def parallel(self) -> bool:
        """Condition 2 for this layer."""
        return bool(self.cosine < PARALLEL_DISTANCE)

    @property
    def diverging(self) -> bool:
        """Whether the output weights of the groups diverge as well, which the paper's conditions do not ask.

        In deep networks it matters: weights that diverge in one layer, for whatever reason, soon dominate the rows that
        they are part of, and neurons of the layer above then look parallel without forming a channel.
        ASSUME: they diverge if they hold a tenth of Σθ².
        """
        return bool(self.output_share > DIVERGING_SHARE)

    @property
    def dimension(self) -> int:
        """The dimension of the layer's channels: size − 1, over all its groups."""
        return sum(len(group) - 1 for group in self.groups)


@dataclass
class Channels:
    """What the end of a run and the way to it say about channels.

    The properties infinite, parallel and aligned are the paper's three conditions.

    Parameters
    ----------
    layers : tuple of LayerChannels
        One per hidden layer.
    first_ratio : float
        ‖Δθ_proj‖/‖Δθ‖ of the first update, that from the initial point. The projection is the one of the original's code
        (`mean_basis`), which decides on the third condition. NaN where the last point within the wall has no group.
    late_ratio : float
        The mean of those of the last 51 updates within the wall, or of all where there are fewer.
    ratios : (T − 1,)
        Of all updates.
    first_ratio_span, late_ratio_span : float
        Of the first and the last updates by the reading that this project took before: onto the channel subspace of the last point
        (`channel_basis`).
    subspace : int
        The dimension n of the space projected on at the last point; a random update has a ratio near √(n/P).
    infinite : bool
        Whether the run is at the norm wall.
    """

    layers: tuple[LayerChannels, ...]
    first_ratio: float
    late_ratio: float
    ratios: Array
    first_ratio_span: float
    late_ratio_span: float
    subspace: int
    infinite: bool

    @property
    def parallel(self) -> bool:
        """Condition 2."""
        return any(layer.parallel for layer in self.layers)

    @property
    def aligned(self) -> bool:
        """Condition 3, as the original's code reads it."""
        return bool(self.late_ratio > ALIGNED_RATIO)

    @property
    def aligned_span(self) -> bool:
        """Condition 3 by the rows of the groups alone."""
        return bool(self.late_ratio_span > ALIGNED_RATIO)

    @property
    def in_channel(self) -> bool:
        """The verdict: all three conditions hold.  Source: paper, Appendix B.3."""
        return self.infinite and self.parallel and self.aligned

    @property
    def channel_layers(self) -> tuple[int, ...]:
        """The hidden layers (from 1) that have a parallel pair, of a run in a channel; () for other runs.

        ASSUME: the paper counts layers in Figure 4f without a rule. Alignment is judged for all layers together, because
        a run can move in several at once.
        """
        return tuple(number for number, layer in enumerate(self.layers, 1) if layer.parallel) if self.in_channel else ()


def analyse_layer(input_weights: Array, output_weights: Array, squares: float) -> LayerChannels:
    """Look for channels in a hidden layer.

    Parameters
    ----------
    input_weights : (r, k)
    output_weights : (r, m)
    squares : float
        Σθ² of the network.

    Returns
    -------
    LayerChannels
    """
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
        found.triplet = tuple(neurons[list(map(int, triplet))].tolist())
        found.triplet_distance = float(distances[np.ix_(found.triplet, found.triplet)].max())
        found.triplet_mean = least_triplet_mean(input_weights[neurons])
    return found


def analyse(theta: ArrayLike, trajectory: Array, layout: Layout, maxnorm: float = 1e3, theta_initial: Array | None = None) -> Channels:
    """The channels of one run.

    Source: paper, Appendix B.3.

    Parameters
    ----------
    theta : (P,)
        The end of the run.
    trajectory : (T, P)
        The stored points of its flow; NaN after the last one.
    layout
        Of the network.
    maxnorm : float
        The wall in ‖θ‖ = Σθ²/(2P).
    theta_initial : (P,), optional
        Where the first update started; None where the trajectory holds it.

    Returns
    -------
    Channels
        A run that failed (θ is NaN) has NaN throughout and no verdict.
    """
    theta = np.asarray(theta, dtype=float)
    layers, squares = layout.hidden_layers, float(theta @ theta)
    ends = tuple(analyse_layer(theta[layer.rows], theta[layer.columns], squares) for layer in layers)
    points = trajectory if theta_initial is None else np.concatenate([theta_initial[None], trajectory])
    points = inside_the_wall(points, maxnorm)
    last = points[-1] if len(points) else theta
    members = [groups(last[layer.rows]) for layer in layers]
    found, basis = any(members), channel_basis(last, layers)

    def projected(points: Array) -> Array:
        return (
            current_ratios(points, lambda point: mean_basis(point, layers, members)) if found else np.full(max(len(points) - 1, 0), np.nan)
        )

    ratios = update_ratios(points, basis) if found else np.full(max(len(points) - 1, 0), np.nan)
    return Channels(
        layers=ends,
        first_ratio=_first(projected(points[:2])),
        late_ratio=_mean(projected(points[-LATE_UPDATES - 1 :])),
        ratios=ratios,
        first_ratio_span=_first(ratios),
        late_ratio_span=_mean(ratios[-LATE_UPDATES:]),
        subspace=mean_basis(last, layers, members).shape[1],
        infinite=bool(on_the_wall(squares / (2 * theta.size), maxnorm)),
    )


def _first(ratios: Array) -> float:
    """The first of some ratios; NaN without any."""
    return float(ratios[0]) if ratios.size else np.nan


def _mean(ratios: Array) -> float:
    """The mean of the ratios that are numbers; NaN without any."""
    ratios = ratios[np.isfinite(ratios)]
    return float(ratios.mean()) if ratios.size else np.nan


RECORD_KEYS = ["seed", "theta", "theta_initial", "trajectory_theta"]  # what `layer_rows` reads of a record


def layer_rows(meta: dict[str, Any], arrays: dict[str, Array]) -> list[dict[str, Any]]:
    """The rows of the table of channels of a block of runs, one for each run and hidden layer.

    Parameters
    ----------
    meta : dict
        Of `run_records.read_runs`.
    arrays : dict
        With the `RECORD_KEYS`.

    Returns
    -------
    list of dict
        Run by run. `layer` counts from 1. Of the whole run, and the same in its rows: infinite, parallel, first_ratio, late_ratio,
        subspace, aligned, channel, channel_layers ("1+3"). `groups` are the sizes, largest first ("3+2"). Beside `channel`, the
        verdict, stand three others: channel_span, with the third condition by the rows of the groups alone; channel_pair, without
        the third condition; channel_turned, where neurons count up to the activation's symmetry.
    """
    rows = []
    layout, activation = layout_of(meta), ACTIVATIONS[meta["activation"]]
    for seed, theta, start, trajectory in zip(*(arrays[key] for key in RECORD_KEYS), strict=True):
        run = turned = analyse(theta, trajectory, layout, meta["training"]["maxnorm"], start)
        signs = mirror_signs(theta, layout, activation)
        if (signs < 0).any():
            turned = analyse(theta * signs, trajectory * signs, layout, meta["training"]["maxnorm"], start * signs)
        whole = {
            "seed": int(seed), "infinite": run.infinite, "parallel": run.parallel, "first_ratio": run.first_ratio,
            "late_ratio": run.late_ratio, "subspace": run.subspace, "aligned": run.aligned, "channel": run.in_channel,
            "first_ratio_span": run.first_ratio_span, "late_ratio_span": run.late_ratio_span, "aligned_span": run.aligned_span,
            "channel_span": run.infinite and run.parallel and run.aligned_span, "channel_pair": run.infinite and run.parallel,
            "channel_turned": turned.in_channel, "channel_layers": numbers_name(run.channel_layers),
        }  # fmt: skip
        for number, layer in enumerate(run.layers, 1):
            sizes = sorted((len(group) for group in layer.groups), reverse=True)
            rows.append({
                **whole, "layer": number, "cosine": layer.cosine, "distance": layer.distance, "relative": layer.relative,
                "nearest": layer.nearest, "strength": layer.strength, "sign": layer.sign,
                "triplet_cosine": layer.triplet_cosine, "triplet_distance": layer.triplet_distance, "triplet_mean": layer.triplet_mean,
                "output_share": layer.output_share, "layer_parallel": layer.parallel, "layer_diverging": layer.diverging,
                "dimension": layer.dimension, "groups": numbers_name(sizes),
            })  # fmt: skip
    return rows
