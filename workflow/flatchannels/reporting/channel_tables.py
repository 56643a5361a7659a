"""Records of the sweep `channels` → tidy tables: what the runs of Figure 4 and Appendix B show.

channel_runs: one row per run, with the verdict on it and its test loss · channels: one per run and hidden layer ·
channel_spectra: one per point at which the Hessian of a flow was looked at · channel_shares: one per quantity of a network
or of a setting · channel_layers: one per combination of layers of the deep networks of a setting.

Source: paper, section 4 and Appendix B.3.
"""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flatchannels.landscape import criteria
from flatchannels.names import numbers_name, numbers_of
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import layout_of
from flatchannels.reporting import channel_shares
from flatchannels.reporting.identity import network_columns
from flatchannels.reporting.runs import TABLE_KEYS, finish_cosine, run_columns
from flatchannels.storage import dataset_files, run_records
from flatchannels.storage.schemas.channels import CHANNEL_RUNS, CHANNEL_SPECTRA, CHANNELS
from flatchannels.storage.schemas.columns import Schema
from flatchannels.storage.table_files import typed_table

Array = NDArray[np.float64]
Points = tuple[Array, Array]  # x (M, d) and y (M,)
Columns = dict[str, NDArray]  # of a table, by name


def channel_tables(paths: Iterable[str | PathLike[str]], datasets: Iterable[str | PathLike[str]]) -> dict[str, pd.DataFrame]:
    """All tables.

    Parameters
    ----------
    paths
        Of the records, read one after the other.
    datasets
        Paths of their datasets, named <dataset>.npz.

    Returns
    -------
    dict
        Name → DataFrame, one for each of `schemas.channels`.

    Raises
    ------
    RecordError
        A record or dataset cannot be used.
    """
    test_points = {Path(path).name.removesuffix(".npz"): _test_points(path) for path in datasets}
    blocks = [_block(str(path), test_points) for path in paths]  # plain columns: a frame for each block would take most of the time
    tables = {schema.name: typed_table(schema, _joined(blocks, schema)) for schema in [CHANNEL_RUNS, CHANNELS, CHANNEL_SPECTRA]}
    runs = tables[CHANNEL_RUNS.name]
    return tables | {"channel_shares": channel_shares.channel_shares(runs), "channel_layers": channel_shares.layer_shares(runs)}


def _joined(blocks: list[dict[str, Columns]], schema: Schema) -> Columns:
    """The columns of a table from those of all blocks."""
    return {key: np.concatenate([block[schema.name][key] for block in blocks]) for key in schema.columns} if blocks else {}


def _test_points(path: str | PathLike[str]) -> Points | None:
    """x (M, d) and y (M,) of the test points of a dataset, or None where it has none."""
    arrays, _ = dataset_files.read_dataset_arrays(path)
    return (arrays["x_test"], arrays["y_test"]) if "x_test" in arrays else None


def _block(path: str, test_points: Mapping[str, Points | None]) -> dict[str, Columns]:
    """The rows of one record in the tables of runs, layers and spectra."""
    spectrum = ["spectrum_t", "spectrum_max", "spectrum_min"]
    meta, arrays = run_records.read_runs(path, list({*TABLE_KEYS, *criteria.RECORD_KEYS, *spectrum, "theta_flow"}))
    network = network_columns(meta)
    rows = [row | {"layer_dimension": row["dimension"]} for row in criteria.layer_rows(meta, arrays)]
    layers = {key: np.array([row[key] for row in rows]) for key in CHANNELS.columns if key not in network}
    depth, samples = len(meta["widths"]), arrays["spectrum_t"].shape[1]
    verdicts = [rows[start : start + depth] for start in range(0, len(rows), depth)]
    runs = run_columns(path, meta, arrays) | {
        **{key: np.array([verdict[0][key] for verdict in verdicts])
           for key in ["parallel", "aligned", "channel", "first_ratio", "late_ratio", "aligned_span", "first_ratio_span", "late_ratio_span",
                       "channel_span", "channel_pair", "channel_turned", "subspace", "channel_layers"]},
        "finish_cosine": finish_cosine(arrays["theta_flow"], arrays["theta"]),
        "loss_test": losses_at(arrays["theta"], meta, test_points.get(meta["dataset"])),
        "channel_dimension": np.array([max(largest_dimension(row["groups"]) for row in verdict) for verdict in verdicts]),
        "strict_layers": np.array([_strict_layers(verdict) for verdict in verdicts]),
    }  # fmt: skip
    there = np.isfinite(arrays["spectrum_t"]).ravel()
    spectra = {key: np.repeat(runs[key], samples)[there] for key in ["seed", "infinite", "channel"]}
    for key, name in [("t", "spectrum_t"), ("smallest", "spectrum_min"), ("largest", "spectrum_max")]:
        spectra[key] = arrays[name].ravel()[there]

    def named(columns: Columns) -> Columns:
        return columns | {key: np.full(len(columns["seed"]), value) for key, value in network.items()}

    return {"channel_runs": named(runs), "channels": named(layers), "channel_spectra": named(spectra)}


def _strict_layers(verdict: list[dict[str, Any]]) -> str:
    """The layers of a run in a channel in which a pair is parallel and the output weights diverge: "1+3"."""
    return numbers_name(row["layer"] for row in verdict if row["channel"] and row["layer_parallel"] and row["layer_diverging"])


def largest_dimension(groups: str) -> int:
    """The dimension, size − 1, of the largest of some groups; 0 for none.

    Parameters
    ----------
    groups : str
        Their sizes, such as "3+2".

    Returns
    -------
    int
    """
    return max(numbers_of(groups), default=1) - 1


def losses_at(theta: Array, meta: Mapping[str, Any], points: Points | None) -> Array:
    """Mean squared errors of networks at test points.

    Parameters
    ----------
    theta : (n, P)
        The networks.
    meta : mapping
        Their inputs, widths, bias and activation.
    points : (x, y) or None
        x (M, d) and y (M,).

    Returns
    -------
    (n,)
        NaN without points, and for a network with NaN.
    """
    if points is None:
        return np.full(len(theta), np.nan)
    x, y = points
    *hidden, output = layout_of(meta).matrices(theta)
    losses = np.full(len(theta), np.nan)
    for run in np.flatnonzero(np.isfinite(theta).all(axis=1)):  # one after the other: all neurons of all runs would be large
        h = x
        for weights in hidden:
            h = ACTIVATIONS[meta["activation"]].derivatives(_affine(h, weights[run], meta["bias"]))[0]
        losses[run] = np.mean((_affine(h, output[run], meta["bias"])[:, 0] - y) ** 2)
    return losses


def _affine(h: Array, weights: Array, bias: bool) -> Array:
    """h Wᵀ + b (M, out) from h (M, in) and [W | b]."""
    return h @ weights[:, :-1].T + weights[:, -1] if bias else h @ weights.T
