"""Records of runs → the table of runs, one row per run.

Source: paper, section 2 and Appendix A.
"""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from flatchannels.names import widths_name
from flatchannels.networks.layout import Layout
from flatchannels.storage import continuation, run_records
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.runs import COUNTS, RESULTS, RUNS, SECONDS
from flatchannels.storage.table_files import typed_table

DUPLICATE_DISTANCE = 1e-6  # L2 between input weights, bias included (paper, Appendix A)
CONVERGED_GRADIENT = 1e-9  # ‖∇(L + R)‖∞
CONVERGED_CURVATURE = -1e-6  # smallest over largest Hessian eigenvalue
RUN_KEYS = ["seed", "theta", "stop", "finish", "message", *RESULTS, *COUNTS, *SECONDS]


def run_table(paths: Iterable) -> pd.DataFrame:
    """One row per run of all the given records, in their order.

    `duplicates` counts pairs of neurons in one layer, `infinite` is ‖θ‖ ≥ maxnorm, `converged` is
    ‖∇(L + R)‖∞ < 1e-9 and λ_min > −1e-6 λ_max. Numbers of a failed run are NaN and 0. RecordError for a bad record.
    """
    read = [(str(path), *run_records.read_runs(path, RUN_KEYS)) for path in paths]
    settings = [{key: value for key, value in meta["training"].items() if key not in continuation.LIMITS} for _, meta, _ in read]
    for (path, _, _), mine in zip(read, settings):
        if mine != settings[0]:
            raise RecordError(path, f"was made with the training settings {mine}, {read[0][0]} with {settings[0]}")
    blocks = [run_columns(*block) for block in read]
    return typed_table(RUNS, {key: np.concatenate([block[key] for block in blocks]) for key in RUNS.columns} if blocks else {})


def run_columns(path: str, meta: dict, arrays: dict) -> dict[str, Any]:
    """Columns of the run table for one block, from its metadata and the arrays of RUN_KEYS."""
    columns = {key: arrays[key] for key in ["seed", "message", *RESULTS, *COUNTS, *SECONDS]}
    constants = {
        "sweep": meta["sweep"], "dataset": meta["dataset"], "dimension": meta["inputs"], "activation": meta["activation"],
        "widths": widths_name(meta["widths"]), "bias": meta["bias"], "parameters": arrays["theta"].shape[1],
        "record": path, "versions": json.dumps(meta["versions"], sort_keys=True), "cpu": meta["cpu"],
    }  # fmt: skip
    columns.update({key: np.full(len(arrays["seed"]), value) for key, value in constants.items()})
    for key in ["stop", "finish"]:
        names = {code: name for name, code in meta[f"{key}_codes"].items()}
        columns[key] = np.array([names[code] for code in arrays[key].tolist()])
    maxnorm = meta["training"]["maxnorm"]
    columns["infinite"] = arrays["weight_norm"] >= maxnorm
    columns["loss_infinity"] = loss_at_infinity(arrays["loss"], arrays["weight_norm"], maxnorm)
    columns["duplicates"] = count_duplicates(arrays["theta"], meta["inputs"], meta["widths"], meta["bias"])
    columns["converged"] = (arrays["gradient_norm"] < CONVERGED_GRADIENT) & (
        arrays["hessian_min"] > CONVERGED_CURVATURE * arrays["hessian_max"]
    )
    return columns


def loss_at_infinity(loss: np.ndarray, weight_norm: np.ndarray, maxnorm: float) -> np.ndarray:
    """Loss in the limit ‖θ‖ → ∞ of runs that rest against the wall; the loss itself for runs within it.

    In a channel L − L_∞ ∝ ε² ∝ 1/‖θ‖ (paper, section 4). Along θ the pull of the loss balances that of R, so
    L − L_∞ = ‖θ‖ (‖θ‖ − maxnorm)² there, up to higher orders. Other routes to infinity have other exponents: the
    correction then still has the right magnitude. Losses at the wall depend on P, and so on the width; these do not.
    """
    correction = weight_norm * np.maximum(weight_norm - maxnorm, 0) ** 2
    return np.maximum(loss - correction, 0)


def count_duplicates(theta: np.ndarray, inputs: int, widths: list[int], bias: bool) -> np.ndarray:
    """Pairs of neurons within a layer whose input weights (bias included) are less than 1e-6 apart, per network.

    theta: (n, P); returns int64 (n,). A network at a plateau saddle has at least one. Source: paper, Appendix A.
    """
    pairs = np.zeros(len(theta), dtype=np.int64)
    for weights in Layout(inputs, tuple(widths), bias).matrices(theta)[:-1]:
        for neuron in range(1, weights.shape[1]):
            distances = np.linalg.norm(weights[:, :neuron] - weights[:, neuron, None], axis=2)
            pairs += (distances < DUPLICATE_DISTANCE).sum(axis=1)
    return pairs
