"""Records of runs → the table of runs, one row per run.

Source: paper, section 2 and Appendix A.
"""

import json
from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flatchannels.networks.layout import Layout, layout_of
from flatchannels.precision import CONVERGED_GRADIENT, DUPLICATE_DISTANCE, ROUNDING, on_the_wall
from flatchannels.reasons import Finish, Stop
from flatchannels.reporting.identity import place_columns
from flatchannels.storage import continuation, run_records
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.runs import COUNT_COLUMNS, RESULT_COLUMNS, RUNS, SECONDS
from flatchannels.storage.table_files import typed_table

TURNED = 1e-2  # cosine distance of the ends of flow and finish beyond which the original drops a run
CONVERGED_CURVATURE = -1e-6  # smallest over largest Hessian eigenvalue
STRICT_MINIMA = (Stop.STATIONARY.name, Stop.WALL.name)
TABLE_KEYS = ["seed", "theta", "stop", "finish", "message", *RESULT_COLUMNS, *COUNT_COLUMNS, *SECONDS]


def run_table(paths: Iterable[str | PathLike[str]]) -> pd.DataFrame:
    """One row per run of all the given records, in their order.

    `duplicates` counts pairs of neurons in one layer, `infinite` is ‖θ‖ ≥ maxnorm (`on_the_wall`), `converged` is of `has_converged`.
    Numbers of a failed run are NaN and 0.

    Parameters
    ----------
    paths
        Of the records.

    Returns
    -------
    DataFrame
        The table of runs.

    Raises
    ------
    RecordError
        A record cannot be used, or was made with other training settings than the first.
    """
    read = [(str(path), *run_records.read_runs(path, TABLE_KEYS)) for path in paths]
    common: dict[str, tuple[Any, str]] = {}  # training setting → its value, and the first record that has it
    for path, meta, _ in read:
        for key, value in meta["training"].items():
            if key in continuation.REASON_OF_LIMIT or key in meta.get("protocol", {}):
                continue
            before, other = common.setdefault(key, (value, path))
            if value != before:
                raise RecordError(path, f"was made with the training setting {key} {value}, {other} with {before}")
    blocks = [run_columns(*block) for block in read]
    return typed_table(RUNS, {key: np.concatenate([block[key] for block in blocks]) for key in RUNS.columns} if blocks else {})


def run_columns(path: str, meta: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> dict[str, Any]:
    """Columns of the table of runs for one block.

    Parameters
    ----------
    path : path
        Of the file.
    meta : mapping
        Metadata, JSON types.
    arrays : mapping
        Of TABLE_KEYS.

    Returns
    -------
    dict
    """
    columns = {key: arrays[key] for key in ["seed", "message", *RESULT_COLUMNS, *COUNT_COLUMNS, *SECONDS]}
    versions = json.dumps(meta["versions"], sort_keys=True)
    constants = place_columns(meta) | {"parameters": arrays["theta"].shape[1], "record": path, "versions": versions, "cpu": meta["cpu"]}
    columns.update({key: np.full(len(arrays["seed"]), value) for key, value in constants.items()})
    for key in ["stop", "finish"]:
        names = {code: name for name, code in meta[f"{key}_codes"].items()}
        columns[key] = np.array([names[code] for code in arrays[key].tolist()])
    maxnorm = meta["training"]["maxnorm"]
    columns["infinite"] = on_the_wall(arrays["weight_norm"], maxnorm)
    columns["loss_infinity"] = loss_at_infinity(arrays["loss"], arrays["weight_norm"], maxnorm)
    columns["duplicates"] = count_duplicates(arrays["theta"], layout_of(meta))
    columns["converged"] = has_converged(columns)
    return columns


def has_converged(columns: Mapping[str, NDArray]) -> NDArray[np.bool_]:
    """Whether runs have come to rest at a minimum, as far as float64 can tell.

    λ_min > −1e-6 λ_max, and ‖∇(L + R)‖∞ is below 1e-9 or below what rounding makes of it: where the flow ended at a strict minimum
    (STATIONARY or WALL, so the decrease that a Newton step predicts is negligible) and the finish went on until no step made the
    gradient smaller, it is `gradient_resolution`. An exact fit has converged too, as its loss is 0 to rounding: with large targets its
    gradient need not be that small.

    Parameters
    ----------
    columns : mapping
        gradient_norm, hessian_min, hessian_max, weight_norm, parameters, stop, finish: arrays (n,).

    Returns
    -------
    (n,)
    """
    stop, gradient = columns["stop"], columns["gradient_norm"]
    finished = np.isin(stop, STRICT_MINIMA) & (columns["finish"] == Finish.RESOLUTION.name)
    at_rest = gradient < np.where(finished, np.fmax(CONVERGED_GRADIENT, gradient_resolution(columns)), CONVERGED_GRADIENT)
    stable = columns["hessian_min"] > CONVERGED_CURVATURE * columns["hessian_max"]
    return (at_rest & stable) | (stop == Stop.EXACT.name)


def gradient_resolution(columns: Mapping[str, NDArray]) -> NDArray[np.float64]:
    """Up to which length a gradient is 0 to rounding at a minimum: half the spacing of the numbers θ changes it by up to λ_max |θ| 2⁻⁵³.

    Parameters
    ----------
    columns : mapping
        hessian_max, weight_norm, parameters: arrays (n,).

    Returns
    -------
    (n,)
    """
    length = np.sqrt(2 * columns["parameters"] * columns["weight_norm"])
    return 0.5 * ROUNDING * columns["hessian_max"] * length


def finish_cosine(theta_flow: NDArray[np.float64], theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the finish turned θ: 1 − cos of the ends of flow and finish. The original drops runs beyond `TURNED`; we count them.

    Parameters
    ----------
    theta_flow, theta : (n, P)
        The ends of flow and finish.

    Returns
    -------
    (n,), in [0, 2]
        NaN of a failed run.
    """
    units = [points / np.linalg.norm(points, axis=1, keepdims=True) for points in (theta_flow, theta)]
    return np.asarray(0.5 * ((units[0] - units[1]) ** 2).sum(axis=1))


def loss_at_infinity(loss: NDArray[np.float64], weight_norm: NDArray[np.float64], maxnorm: float) -> NDArray[np.float64]:
    """Loss in the limit ‖θ‖ → ∞ of runs that rest against the wall; the loss itself for runs within it.

    In a channel L − L_∞ ∝ ε² ∝ 1/‖θ‖ (paper, section 4). Along θ the pull of the loss balances that of R, so
    L − L_∞ = ‖θ‖ (‖θ‖ − maxnorm)² there, up to higher orders. Other routes to infinity have other exponents: the
    correction then still has the right magnitude. Losses at the wall depend on P, and so on the width; these do not.

    Parameters
    ----------
    loss, weight_norm : (n,)
        L and ‖θ‖ of the runs.
    maxnorm : float
        The wall.

    Returns
    -------
    (n,)
        At least 0.
    """
    correction = weight_norm * np.maximum(weight_norm - maxnorm, 0) ** 2
    return np.maximum(loss - correction, 0)


def count_duplicates(theta: NDArray[np.float64], layout: Layout) -> NDArray[np.int64]:
    """Pairs of neurons within a layer whose input weights (bias included) are less than 1e-6 apart, per network.

    A network at a plateau saddle has at least one.

    Parameters
    ----------
    theta : (n, P)
        The networks.
    layout : Layout
        Of all of them.

    Returns
    -------
    int (n,)

    Notes
    -----
    Source: paper, Appendix A.
    """
    pairs = np.zeros(len(theta), dtype=np.int64)
    for weights in layout.matrices(theta)[:-1]:
        for neuron in range(1, weights.shape[1]):
            distances = np.linalg.norm(weights[:, :neuron] - weights[:, neuron, None], axis=2)
            pairs += (distances < DUPLICATE_DISTANCE).sum(axis=1)
    return pairs
