"""Tables of the saddle lines of all networks that runs found, of flows next to two of them, and of the last updates in channels.

Source: paper, section 2, Appendices A and B.2.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.landscape.criteria import Channels, analyse
from flatchannels.landscape.saddle_lines import (
    fukumizu_amari,
    pair_direction,
    saddle_line,
    stability,
)
from flatchannels.landscape.spectrum import hessian_polynomial, hessians_along_line
from flatchannels.landscape.updates import LATE_UPDATES, inside_the_wall, update_cosines
from flatchannels.names import network_name
from flatchannels.networks.layout import layout_of
from flatchannels.networks.network import Network, network_of
from flatchannels.precision import CONVERGED_GRADIENT, EIGENVALUE_RESOLUTION
from flatchannels.reporting.identity import network_columns, place_columns
from flatchannels.storage import products, run_records
from flatchannels.storage.schemas.saddles import CHANNEL_UPDATES, ESCAPES, SADDLE_LINES
from flatchannels.storage.table_files import typed_table

Array = NDArray[np.float64]

FAR = 1e3  # |γ| at which the gradient on Γ is measured
LINE_KEYS = ["seed", "theta", "theta_initial", "trajectory_theta", "trajectory_loss", "loss", "gradient_norm", "stop"]


def line_table(paths: Iterable, datasets: Mapping[str, Dataset]) -> pd.DataFrame:
    """The table saddle_lines of some records.

    Parameters
    ----------
    paths : iterable of path
        Of the records.
    datasets : mapping
        Name → Dataset.

    Returns
    -------
    DataFrame
    """
    return typed_table(SADDLE_LINES, _rows(paths, lambda meta, arrays: line_rows(meta, arrays, datasets[meta["dataset"]])))


def update_table(paths: Iterable) -> pd.DataFrame:
    """The table channel_updates of some records.

    Parameters
    ----------
    paths : iterable of path
        Of the records.

    Returns
    -------
    DataFrame
    """
    return typed_table(CHANNEL_UPDATES, _rows(paths, update_rows))


def _rows(paths: Iterable, of_block: Callable[[dict, dict], list[dict]]) -> list[dict[str, Any]]:
    """The rows of all blocks of runs with one hidden layer, with the columns that say which runs they are."""
    rows = []
    for path in paths:
        meta, arrays = run_records.read_runs(path, LINE_KEYS)
        constants = place_columns(meta) | network_columns(meta) | {"record": str(path)}
        rows += [constants | row for row in (of_block(meta, arrays) if len(meta["widths"]) == 1 else [])]
    return rows


def line_rows(meta: dict[str, Any], arrays: dict[str, Array], data: Dataset) -> list[dict[str, Any]]:
    """The rows of saddle_lines of a block, in part: one for each neuron of each converged run of finite norm.

    Parameters
    ----------
    meta : dict
        Of `run_records.read_runs`.
    arrays : dict
        With `LINE_KEYS`.
    data : Dataset
        Of the runs.

    Returns
    -------
    list[dict[str, Any]]
    """
    net, rows = network_of(meta), []
    for run in runs_of(arrays):
        if run["stop"] != meta["stop_codes"]["STATIONARY"] or run["gradient_norm"] > CONVERGED_GRADIENT:
            continue
        for neuron in range(net.widths[0]):
            line, matrix = saddle_line(net, run["theta"], neuron), fukumizu_amari(net, run["theta"], neuron, data)
            gradient = max(abs(line.net.gradient(line(gamma), data)).max() for gamma in (-FAR, FAR)) / FAR
            inside, outside, end = (
                np.linalg.eigvalsh(hessian) for hessian in hessians_along_line(hessian_polynomial(data, line), [0.5, -0.5, 0.0])
            )
            ends = np.linalg.eigvalsh(matrix)[[0, -1]]
            rows.append({
                "seed": run["seed"], "neuron": neuron, "loss": run["loss"], "a_star": line.a_star,
                "verdict": stability(net, run["theta"], neuron, data).value, "matrix_min": ends[0], "matrix_max": ends[1],
                "stable_inside": bool(inside[0] > -EIGENVALUE_RESOLUTION * inside[-1]),
                "stable_outside": bool(outside[0] > -EIGENVALUE_RESOLUTION * outside[-1]),
                "zeros": zeros(inside), "zeros_end": zeros(end), "gradient": gradient,
            })  # fmt: skip
    return rows


def update_rows(meta: dict[str, Any], arrays: dict[str, Array]) -> list[dict[str, Any]]:
    """The rows of channel_updates of a block, in part: one for each run at the norm wall with a single pair, which is parallel.

    The third criterion of a channel is not asked for, because it is about the updates that the table describes.

    Parameters
    ----------
    meta : dict
        Of `run_records.read_runs`.
    arrays : dict

    Returns
    -------
    list[dict[str, Any]]
    """
    net, rows = network_of(meta), []
    for run in runs_of(arrays):
        end = channels_of(meta, run)
        if end is None or not (end.infinite and end.parallel) or [len(group) for group in end.layers[0].groups] != [2]:
            continue
        [pair], inside = end.layers[0].groups, inside_the_wall(run["trajectory_theta"], meta["training"]["maxnorm"])
        cosines = abs(update_cosines(inside, pair_direction(net, pair)))
        losses = run["trajectory_loss"][: len(inside)][-LATE_UPDATES - 1 :]
        steps = np.diff(losses) / max(losses[0], np.finfo(float).tiny)
        rows.append({"seed": run["seed"], "loss": run["loss"], "cosine": cosines[-LATE_UPDATES:].mean(), "last": cosines[-1],
                     "aligned": end.aligned,
                     "fall": -steps.sum(), "rise": np.maximum(steps, 0).sum()})  # fmt: skip
    return rows


def channels_of(meta: dict[str, Any], run: dict[str, Any]) -> Channels | None:
    """The channels of a run of a block.

    Parameters
    ----------
    meta : dict
        Metadata, JSON types.
    run : dict
        One of `runs_of`.

    Returns
    -------
    Channels or None
        None for one that failed.
    """
    if run["stop"] == meta["stop_codes"]["FAILED"]:
        return None
    return analyse(run["theta"], run["trajectory_theta"], layout_of(meta), meta["training"]["maxnorm"], run["theta_initial"])


def network_label(net: Network, seed: int) -> str:
    """Which run of a sweep a network is: "r3-nobias seed 5".

    Parameters
    ----------
    net : Network
    seed : int

    Returns
    -------
    str
    """
    return f"{network_name(net.widths, net.bias)} seed {seed}"


def runs_of(arrays: Mapping[str, Array]) -> list[dict[str, Any]]:
    """The runs of a block, one by one.

    Parameters
    ----------
    arrays : mapping
        Name → array.

    Returns
    -------
    list[dict[str, Any]]
    """
    return [dict(zip(arrays, values, strict=True)) for values in zip(*arrays.values(), strict=True)]


def zeros(values: NDArray[np.floating]) -> int:
    """How many eigenvalues are 0 but for rounding.

    Parameters
    ----------
    values : (n,)

    Returns
    -------
    int
    """
    return int(np.sum(abs(values) < EIGENVALUE_RESOLUTION * abs(values).max()))


def escape_table(plateau_path: Any, channel_path: Any) -> pd.DataFrame:
    """The table escapes: the flows of the plateau, and those of all candidates that were tried for the channel.

    Parameters
    ----------
    plateau_path, channel_path : path
        Of the two products.

    Returns
    -------
    DataFrame
    """
    meta, arrays = products.read_saddles(plateau_path, "plateau")
    rows = [
        {"example": "plateau", **{key: meta[key] for key in ["network", "seed", "neuron", "verdict"]}, "start": arrays["start"][k],
         "size": arrays["size"][k], "curvature": arrays["curvature"][k], "loss_line": meta["loss"], "loss": arrays["end_loss"][k],
         "gamma": arrays["end_gamma"][k], "distance": arrays["end_distance"][k], "back": False, "stop": stop}
        for k, stop in enumerate(meta["stops"] if meta["found"] else [])
    ]  # fmt: skip
    rows += meta["escapes"]
    return typed_table(ESCAPES, rows + products.read_saddles(channel_path, "channel")[0]["escapes"])
