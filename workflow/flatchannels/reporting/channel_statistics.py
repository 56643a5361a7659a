"""Records of the sweep `channels` → tidy tables: what the runs of Figure 4 and Appendix B show.

channel_runs: one row per run, with the verdict on it and its test loss · channels: one per run and hidden layer ·
channel_spectra: one per point at which the Hessian of a flow was looked at · channel_shares: one per quantity of a network
or of a setting · channel_layers: one per combination of layers of the deep networks of a setting.

A *setting* is what the paper's panels compare, over all dimensions and widths: a dataset, with the activation where it is
not softplus and the number of hidden layers where there are several: "gp-s0.5", "rosenbrock erf", "rosenbrock 3 layers".
Shares have Wilson 95 % intervals, and leave out failed runs, but for the share that converged.

Source: paper, section 4 and Appendix B.3.
"""

import re
from itertools import chain, combinations
from pathlib import Path

import numpy as np
import pandas as pd

from flatchannels.landscape import channels
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.reporting.statistics import RUN_KEYS, layer_weights, run_columns, width_key, wilson_interval
from flatchannels.reporting.statistics import TABLES as RUN_TABLES
from flatchannels.storage import records

NETWORK = ["setting", "family", "dimension", "activation", "widths", "bias"]
LAYER = {
    "layer": "int64", "cosine": "float64", "distance": "float64", "relative": "float64", "nearest": "float64",
    "strength": "float64", "sign": "int64", "triplet_cosine": "float64", "triplet_distance": "float64", "output_share": "float64",
    "layer_parallel": "bool", "layer_diverging": "bool", "layer_dimension": "int64", "groups": "str",
}  # fmt: skip
SHARE = {"count": "int64", "runs": "int64", "share": "float64", "low": "float64", "high": "float64"}
KINDS = {"setting": "str", "family": "str", "dimension": "int64", "activation": "str", "widths": "str", "bias": "bool"}

# Columns and types of every table.
TABLES = {
    "channel_runs": KINDS | RUN_TABLES["runs"] | {
        "loss_test": "float64", "parallel": "bool", "aligned": "bool", "channel": "bool", "first_ratio": "float64",
        "late_ratio": "float64", "subspace": "int64", "channel_dimension": "int64", "channel_layers": "str", "strict_layers": "str",
    },
    "channels": KINDS | {"seed": "int64", "infinite": "bool", "channel": "bool"} | LAYER,
    "channel_spectra": KINDS | {"seed": "int64", "infinite": "bool", "channel": "bool", "t": "float64", "smallest": "float64",
                                "largest": "float64"},
    "channel_shares": KINDS | {"quantity": "str"} | SHARE,
    "channel_layers": {"setting": "str", "criterion": "str", "layers": "str"} | SHARE,
}  # fmt: skip


def make(paths, datasets):
    """All tables.

    Parameters
    ----------
    paths : of the records, read one after the other.  datasets : paths of their datasets, named <dataset>.npz.

    Returns
    -------
    dict, name → DataFrame with the columns of TABLES.

    Raises
    ------
    RecordError: a record or dataset that cannot be used.
    """
    test_points = {Path(path).name.removesuffix(".npz"): _test_points(path) for path in datasets}
    blocks = [_block(str(path), test_points) for path in paths]  # plain columns: a frame for each block would take most of the time
    tables = {
        name: _table(name, {key: np.concatenate([block[name][key] for block in blocks]) for key in TABLES[name]}) if blocks else empty(name)
        for name in ["channel_runs", "channels", "channel_spectra"]
    }
    return tables | {"channel_shares": shares(tables["channel_runs"]), "channel_layers": layer_shares(tables["channel_runs"])}


def _test_points(path):
    """x (M, d) and y (M,) of the test points of a dataset, or None where it has none."""
    arrays, _ = records.read_dataset_arrays(path)
    return (arrays["x_test"], arrays["y_test"]) if "x_test" in arrays else None


def _block(path, test_points):
    """The rows of one record in the tables of runs, layers and spectra."""
    spectrum = ["spectrum_t", "spectrum_max", "spectrum_min"]
    meta, arrays = records.read_runs(path, list({*RUN_KEYS, *channels.RECORD_KEYS, *spectrum}))
    network = {"family": records.family(meta["dataset"], meta["inputs"]), "dimension": meta["inputs"], "activation": meta["activation"],
               "widths": "x".join(map(str, meta["widths"])), "bias": meta["bias"]}  # fmt: skip
    network = {"setting": setting(network["family"], meta["activation"], len(meta["widths"])), **network}
    rows = [row | {"layer_dimension": row["dimension"]} for row in channels.layer_rows(meta, arrays)]
    layers = {key: np.array([row[key] for row in rows]) for key in TABLES["channels"] if key not in network}
    depth, samples = len(meta["widths"]), arrays["spectrum_t"].shape[1]
    verdicts = [rows[start : start + depth] for start in range(0, len(rows), depth)]
    runs = run_columns(path, meta, arrays) | {
        **{key: np.array([verdict[0][key] for verdict in verdicts])
           for key in ["parallel", "aligned", "channel", "first_ratio", "late_ratio", "subspace", "channel_layers"]},
        "loss_test": losses_at(arrays["theta"], meta, test_points.get(meta["dataset"])),
        "channel_dimension": np.array([max(largest_dimension(row["groups"]) for row in verdict) for verdict in verdicts]),
        "strict_layers": np.array([_strict_layers(verdict) for verdict in verdicts]),
    }  # fmt: skip
    there = np.isfinite(arrays["spectrum_t"]).ravel()
    spectra = {key: np.repeat(runs[key], samples)[there] for key in ["seed", "infinite", "channel"]}
    for key, name in [("t", "spectrum_t"), ("smallest", "spectrum_min"), ("largest", "spectrum_max")]:
        spectra[key] = arrays[name].ravel()[there]

    def named(columns):
        return columns | {key: np.full(len(columns["seed"]), value) for key, value in network.items()}

    return {"channel_runs": named(runs), "channels": named(layers), "channel_spectra": named(spectra)}


def _strict_layers(verdict):
    """The layers of a run in a channel in which a pair is parallel and the output weights diverge: "1+3"."""
    return "+".join(str(row["layer"]) for row in verdict if row["channel"] and row["layer_parallel"] and row["layer_diverging"])


def largest_dimension(groups):
    """The dimension, size − 1, of the largest of the groups "3+2"; 0 for none."""
    return int(groups.split("+")[0]) - 1 if groups else 0


def empty(name):
    """The table `name` without rows."""
    return _table(name, [])


def _table(name, rows):
    return pd.DataFrame(rows, columns=list(TABLES[name])).astype(TABLES[name])


def setting(name, activation, depth):
    """The name of the setting of a network: "gp-s0.5", "rosenbrock erf", "rosenbrock 3 layers"."""
    return name + (f" {activation}" if activation != "softplus" else "") + (f" {depth} layers" if depth > 1 else "")


def losses_at(theta, meta, points):
    """Mean squared error (n,) of networks θ (n, P) at test points (x (M, d), y (M,)); NaN without points or for NaN in θ.

    meta : inputs, widths, bias and activation of the networks.
    """
    if points is None:
        return np.full(len(theta), np.nan)
    x, y = points
    *hidden, output = layer_weights(theta, meta["inputs"], meta["widths"], meta["bias"])
    losses = np.full(len(theta), np.nan)
    for run in np.flatnonzero(np.isfinite(theta).all(axis=1)):  # one after the other: all neurons of all runs would be large
        h = x
        for weights in hidden:
            h = ACTIVATIONS[meta["activation"]].derivatives(_affine(h, weights[run], meta["bias"]))[0]
        losses[run] = np.mean((_affine(h, output[run], meta["bias"])[:, 0] - y) ** 2)
    return losses


def _affine(h, weights, bias):
    """h Wᵀ + b (M, out) from h (M, in) and [W | b]."""
    return h @ weights[:, :-1].T + weights[:, -1] if bias else h @ weights.T


# Shares


def shares(runs):
    """Shares of the runs of every network, and of every setting (dimension 0 and widths "all").

    channel, infinite: of all runs. aligned: the third criterion, of those that fulfil the other two. several dimensions: a
    group of three neurons or more, of the runs in a channel. converged: of all, failed ones included.
    """
    everything = runs.assign(dimension=0, widths="all")
    rows = []
    for table in [everything, runs]:
        for key, group in _groups(table, NETWORK):
            ended = group[group["stop"] != "FAILED"]
            inside, towards = ended[ended["channel"]], ended[ended["infinite"] & ended["parallel"]]
            for quantity, hits in {
                "channel": ended["channel"], "infinite": ended["infinite"], "aligned": towards["aligned"],
                "several dimensions": inside["channel_dimension"] > 1, "converged": group["converged"],
            }.items():  # fmt: skip
                rows.append({**dict(zip(NETWORK, key, strict=True)), "quantity": quantity, **_share(hits)})
    return _table("channel_shares", rows)


def _share(hits):
    count, total = int(np.sum(hits)), len(hits)
    low, high = wilson_interval(count, total)
    return {"count": count, "runs": total, "share": count / total if total else np.nan, "low": low, "high": high}


def layer_shares(runs):
    """Share of the runs of each setting with several layers that have channels in exactly these layers, for all combinations.

    criterion "paper": the layers with a parallel pair, of runs in a channel. "diverging": those of them in which the output
    weights of parallel neurons diverge as well (`LayerChannels.diverging`).
    """
    rows = []
    for (name, widths), group in _groups(runs[runs["stop"] != "FAILED"], ["setting", "widths"]):
        depth = len(widths.split("x"))
        for criterion, column in [("paper", "channel_layers"), ("diverging", "strict_layers")] if depth > 1 else []:
            for layers in layer_combinations(depth):
                rows.append({"setting": name, "criterion": criterion, "layers": layers, **_share(group[column] == layers)})
    return _table("channel_layers", rows)


def layer_combinations(depth):
    """The names of all combinations of layers: 1, 2, 3, 1+2, …, 1+2+3."""
    subsets = chain.from_iterable(combinations(range(1, depth + 1), size) for size in range(1, depth + 1))
    return ["+".join(map(str, subset)) for subset in subsets]


def setting_key(name):
    """Sorting key of a setting's name: softplus first, one hidden layer first, Gaussian processes by their scale."""
    parts = name.split(" ")
    scale = re.fullmatch(r"gp-s([0-9.]+)", parts[0])
    return len(parts), parts[1:], parts[0] if not scale else "~", float(scale[1]) if scale else 0.0


def _groups(frame, columns):
    """(values of the columns, rows) of every group, in order."""
    keys = {"setting": setting_key, "widths": lambda widths: (0, ()) if widths == "all" else width_key(widths)}

    def order(item):
        return [keys.get(column, lambda value: value)(value) for column, value in zip(columns, item[0], strict=True)]

    return sorted(frame.groupby(columns, sort=False), key=order)
