"""Saddle lines of the networks that runs found: two examples, with everything that the figures show.

The examples are chosen by rule. Figures 2c, 2d, A2 and A4: a network of finite norm, without biases, and the neuron whose
Fukumizu–Amari matrix is the most clearly definite. Figures 3, B5 and B6: a run in a channel whose closest pair, merged,
trained on and split again, leads back into the channel.

Source: paper, section 2, Appendices A and B.2.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.landscape.escapes import (
    SAME_CHANNEL,
    PerturbedFlow,
    Return,
    flow_arrays,
    padded,
    perturbed_flows,
    return_to_channel,
)
from flatchannels.landscape.saddle_lines import (
    Stability,
    merge,
    saddle_line,
    stability,
    surface_along_line,
)
from flatchannels.landscape.spectrum import LineSpectrum, spectrum_along_line
from flatchannels.landscape.updates import inside_the_wall, update_cosines
from flatchannels.networks.network import Network, network_of
from flatchannels.precision import SAME_MINIMUM, SIGN_RESOLUTION
from flatchannels.storage import run_records
from flatchannels.studies.saddle_tables import LINE_KEYS, channels_of, network_label, runs_of

Array = NDArray[np.float64]
ChannelRun = tuple[str, Network, dict[str, Any], tuple[int, ...]]  # name of the dataset, network, run, pair

PLATEAU_STARTS = np.linspace(-2.0, 3.0, 31)  # γ of the perturbed flows
PLATEAU_SIZE = 1e-7  # of the perturbations
PLATEAU_GAMMAS = np.linspace(-2.0, 3.0, 10_001)
PLATEAU_SURFACE = np.linspace(-1.0, 2.0, 61), np.linspace(-3e-4, 3e-4, 41)  # γ, α
# ASSUME: the network of Figure 3 has no biases: with g and biases no run of 360 ended in a channel, without them one of 60. Where no
# flow of these comes back, softplus with biases is the second choice (sweep `saddles` of the presets).
CHANNEL_START, CHANNEL_SIZE = 1.5, 1e-5  # γ and perturbation, to both sides
CHANNEL_REACH, CHANNEL_RTOL = 10.0, 1e-5  # how far beyond the wall of the runs the flows go, in ‖θ‖, and their tolerance
CHANNEL_SURFACE = np.linspace(-2.5, 3.0, 111), np.linspace(-0.25, 0.25, 51)
CHANNEL_TOP = np.geomspace(1.0, 1e5, 115)  # γ; every sixth is one of the 20 profiles
MARGIN = 1.15  # by how much the top view is wider than the flows
SAMPLES = 1000  # of each flow of `gradient_flow`; those of Heun's method come on top


def choose_plateau(lines: pd.DataFrame, width: int, seed: int | None = None, neuron: int | None = None) -> pd.Series | None:
    """The row of the table of saddle lines that the figures of the plateau show.

    Among the bias-free networks of a width those of the lowest loss that has a definite matrix, stable inside before
    stable outside; of these the first seed, and of its neurons the one whose eigenvalues are the farthest from 0.

    Parameters
    ----------
    lines : DataFrame
        The table saddle_lines.
    width : int
    seed, neuron : int, optional
        To name a network or a neuron instead.

    Returns
    -------
    pd.Series or None
    """
    lines = lines[(lines["widths"] == str(width)) & ~lines["bias"]]
    for column, value in (("seed", seed), ("neuron", neuron)):
        lines = lines if value is None else lines[lines[column] == value]
    for wanted in (Stability.STABLE_INSIDE, Stability.STABLE_OUTSIDE):
        rows = lines[lines["verdict"] == wanted.value]
        if len(rows):
            rows = rows[rows["loss"] < rows["loss"].min() * (1 + SAME_MINIMUM)]
            rows = rows[rows["seed"] == rows["seed"].min()]
            return rows.loc[rows[["matrix_min", "matrix_max"]].abs().min(axis=1).idxmax()]
    return None


def plateau(row: pd.Series | None, datasets: Mapping[str, Dataset]) -> tuple[dict[str, Any], dict[str, Array] | None]:
    """Everything that Figures 2c, 2d, A2 and A4 show of one saddle line.

    ASSUME: e_min(γ), of the perturbations and the surface's α, is one branch of eigenvectors, followed by continuity: the one with the
    lowest eigenvalue at large γ. The lowest at each γ would jump at γ = 0 and 1, where d branches cross 0 together.

    Parameters
    ----------
    row : Series or None
        Of the table saddle_lines, as from `choose_plateau`; None for no example.
    datasets : dict
        Name → Dataset.

    Returns
    -------
    dict
        What is to say about it; escapes: rows of that table of other networks, for the caller to add (`plateau_flows`).
    dict or None
        Name → array: `products.SADDLES["plateau"]`.
    """
    if row is None:
        return {"escapes": []}, None
    meta, arrays = run_records.read_runs(row["record"], LINE_KEYS)
    theta = next(run["theta"] for run in runs_of(arrays) if run["seed"] == row["seed"])
    data, line = datasets[row["dataset"]], saddle_line(network_of(meta), theta, int(row["neuron"]))
    surface_gammas, sizes = PLATEAU_SURFACE
    spectrum = spectrum_along_line(data, line, union(PLATEAU_GAMMAS, PLATEAU_STARTS, surface_gammas))
    directions = branch(spectrum, -1)
    flows = perturbed_flows(data, line, PLATEAU_STARTS, directions(PLATEAU_STARTS), PLATEAU_SIZE, samples=SAMPLES)
    told = {key: row[key] for key in ["record", "verdict"]} | {key: int(row[key]) for key in ["seed", "neuron", "dimension"]}
    told |= {"network": network_label(network_of(meta), row["seed"]), "escapes": []}
    return told | {"loss": float(row["loss"]), "pair": line.pair, "stops": [flow.stop.name for flow in flows]}, {
        "theta": theta, "origin": line.origin, "velocity": line.velocity,
        "gamma": spectrum.gammas, "eigenvalues": spectrum.values, "angles": spectrum.angles,
        "surface_gamma": surface_gammas, "surface_alpha": sizes,
        "surface_loss": surface_along_line(data, line, surface_gammas, directions(surface_gammas), sizes),
        **flow_arrays(flows),
    }  # fmt: skip


def channel_candidates(paths: Iterable, seed: int | None = None) -> list[ChannelRun]:
    """The runs of some records that are in a channel by the paper's three conditions, one for each loss.

    Parameters
    ----------
    paths : iterable of path
        Of the records.
    seed : int, optional
        To name a run instead.

    Returns
    -------
    list of (dataset's name, Network, run, pair)
        The pair is that of the two most parallel neurons.
    """
    found: list[ChannelRun] = []
    for path in paths:
        meta, arrays = run_records.read_runs(path, LINE_KEYS)
        for run in runs_of(arrays):
            channels = channels_of(meta, run)
            if channels is None:
                continue
            new = all(abs(run["loss"] - other["loss"]) > SAME_CHANNEL * other["loss"] for *_, other, _ in found)
            if run["seed"] == seed or (seed is None and channels.in_channel and new):
                found.append((meta["dataset"], network_of(meta), run, channels.layers[0].pair))
    return found


def channel(
    candidates: list[ChannelRun], datasets: Mapping[str, Dataset], maxnorm: float
) -> tuple[dict[str, Any], dict[str, Array] | None]:
    """Everything that Figures 3, B5 and B6 show: the first candidate whose saddle line leads back into its channel.

    Where none does, the one with the flow that is most nearly parallel to Γ in the end; where no narrow network converges at
    finite norm, none. The surfaces' α is along the branch of eigenvectors that is the lowest at γ = 1.5, followed by
    continuity; positive α leads into the channel. The top view is wide enough for the flows. Both flows are followed to ten times
    the wall of the runs.

    Parameters
    ----------
    candidates : list
        As from `channel_candidates`.
    datasets : dict
        Name → Dataset.
    maxnorm : float
        The wall of the runs.

    Returns
    -------
    dict
        What is to say about it. tried: one entry per candidate; escapes: their rows of the table of that name.
    dict or None
        Name → array: `products.SADDLES["channel"]`.
    """
    tried = []
    for name, net, run, pair in candidates:
        found = return_to_channel(net, run["theta"], pair, datasets[name], CHANNEL_START, CHANNEL_SIZE, maxnorm=maxnorm)
        tried.append((datasets[name], net, run, pair, found))
        if any(tried[-1][-1].back):
            break
    told: dict[str, Any] = {"tried": [{"seed": int(run["seed"]), "pair": pair, "loss": float(run["loss"]), "narrow": found.narrow.stop.name,
                       "back": found.back} for *_, run, pair, found in tried],
            "escapes": [row for case in tried for row in _escape_rows(*case)]}  # fmt: skip
    shown = [case for case in tried if case[-1].flows]
    if not shown:
        return told, None
    data, net, run, _, found = max(shown, key=lambda case: (any(case[-1].back), max(case[-1].cosines)))
    arrays, stops = _channel_arrays(data, found, maxnorm)
    told |= {"activation": net.activation, "seed": int(run["seed"]), "pair": found.line.pair, "back": any(found.back), "stops": stops,
             "loss_line": found.narrow.loss, "loss_channel": float(run["loss"])}  # fmt: skip
    return told, arrays | {"theta": run["theta"], "narrow": found.narrow.theta}


def _channel_arrays(data: Dataset, found: Return, maxnorm: float) -> tuple[dict[str, Array], list[str]]:
    """The arrays of `channel` but for the networks themselves, and the stops of the flows."""
    line, (gammas, sizes) = found.line, CHANNEL_SURFACE
    spectrum = spectrum_along_line(data, line, union(gammas, np.linspace(gammas[0], gammas[-1], 1001), CHANNEL_TOP))
    start = nearest(spectrum.gammas, CHANNEL_START)
    best = max(range(len(found.flows)), key=lambda k: (found.back[k], found.cosines[k]))
    into = found.flows[best].theta[0] - line(CHANNEL_START)
    directions = branch(spectrum, start)
    sign = np.sign(directions(CHANNEL_START) @ into)

    def oriented(values: ArrayLike) -> Array:
        return sign * directions(values)

    flows = perturbed_flows(data, line, np.full(2, CHANNEL_START), oriented([CHANNEL_START] * 2) * [[1.0], [-1.0]], CHANNEL_SIZE,
                            rtol=CHANNEL_RTOL, maxnorm=CHANNEL_REACH * maxnorm, samples=SAMPLES)  # fmt: skip
    cosines = [update_cosines(inside_the_wall(flow.theta, CHANNEL_REACH * maxnorm), line.direction) for flow in flows]
    alphas = [np.sum((flow.theta - line(flow.gamma)) * oriented(flow.gamma), axis=1) for flow in flows]
    top_alpha = sizes * max(1.0, _reach(flows, alphas) / sizes[-1])

    def surface(gammas: Array, alphas: Array) -> Array:
        return surface_along_line(data, line, gammas, oriented(gammas), alphas)

    return {
        "origin": line.origin, "velocity": line.velocity,
        "surface_gamma": gammas, "surface_alpha": sizes, "surface_loss": surface(gammas, sizes),
        "top_gamma": CHANNEL_TOP, "profile_loss": surface(CHANNEL_TOP, sizes), "top_alpha": top_alpha,
        "top_loss": surface(CHANNEL_TOP, top_alpha),
        **flow_arrays(flows), "flow_alpha": padded(alphas),
        "flow_cosine": padded(cosines, max(len(flow.t) for flow in flows)),
        "loss_infinity": np.array([flow.loss_infinity for flow in flows]),
    }, [flow.stop.name for flow in flows]  # fmt: skip


def _reach(flows: list[PerturbedFlow], alphas: list[Array]) -> float:
    """How far a top view of Γ has to reach in α to show the flows, with a margin."""
    shown = [
        abs(alpha[(flow.gamma >= CHANNEL_TOP[0]) & (flow.gamma <= CHANNEL_TOP[-1])]) for flow, alpha in zip(flows, alphas, strict=True)
    ]
    return MARGIN * float(np.max(np.concatenate(shown), initial=0.0))


def _escape_rows(data: Dataset, net: Network, run: dict[str, Any], pair: tuple[int, ...], found: Return) -> list[dict[str, Any]]:
    """The rows of the table escapes of one candidate, in JSON types."""
    rows, kind = [], stability(merge(net, run["theta"], *pair)[0], found.narrow.theta, min(pair), data)
    for flow, cosine, back in zip(found.flows, found.cosines, found.back, strict=True):
        numbers = {"start": flow.start, "size": flow.size, "curvature": flow.curvature, "loss_line": found.narrow.loss,
                   "loss_channel": run["loss"], "loss": flow.loss[-1], "gamma": flow.gamma[-1], "distance": flow.distance[-1],
                   "cosine": cosine, "rise": flow.rise}  # fmt: skip
        rows.append({"example": "channel", "network": network_label(net, run["seed"]), "seed": int(run["seed"]),
                     "neuron": found.line.pair[0], "verdict": kind.value, "stop": flow.stop.name, "back": back}
                    | {key: float(value) for key, value in numbers.items()})  # fmt: skip
    return rows


def union(*grids: Array) -> Array:
    """All values of some grids, increasing; of values that differ by rounding alone one.

    Parameters
    ----------
    *grids : (n_k,)

    Returns
    -------
    float array
    """
    values = np.unique(np.concatenate(grids))
    return values[np.diff(values, prepend=-np.inf) > SIGN_RESOLUTION * np.maximum(1, abs(values))]


def branch(spectrum: LineSpectrum, lowest_at: int) -> Callable[[ArrayLike], Array]:
    """The branch of a spectrum with the lowest eigenvalue at one point of its grid.

    Parameters
    ----------
    spectrum : LineSpectrum
    lowest_at : int
        Index of the point.

    Returns
    -------
    function, γ (…) → eigenvectors (…, P)
    """
    vectors = spectrum.vectors[:, :, np.argmin(spectrum.values[lowest_at])]
    return lambda gammas: vectors[nearest(spectrum.gammas, gammas)]


def nearest(grid: Array, values: ArrayLike) -> Any:
    """Indices of the nearest points of a grid.

    Parameters
    ----------
    grid : (n,), increasing
    values : (…)

    Returns
    -------
    int (…)
    """
    return np.searchsorted(0.5 * (grid[1:] + grid[:-1]), values)
