"""Columns and types of every table of runs, and the groups of runs that the tables are about."""

from typing import Any

import pandas as pd

from flatchannels.names import natural_key, widths_key

CONFIGURATION = ["sweep", "dataset", "dimension", "activation", "bias"]
COUNTS = ["steps", "rejections", "gradients", "hessians", "polish_iterations"]
SECONDS = ["seconds_flow", "seconds_polish"]
RESULTS = ["loss_initial", "loss_flow", "loss", "loss_cusp", "gradient_norm_flow", "gradient_norm", "weight_norm_flow", "weight_norm",
           "hessian_min", "hessian_max", "t_end"]  # fmt: skip
NETWORK = ["setting", "family", "dimension", "activation", "widths", "bias"]
KINDS = {"setting": "str", "family": "str", "dimension": "int64", "activation": "str", "widths": "str", "bias": "bool"}
LAYER = {
    "layer": "int64", "cosine": "float64", "distance": "float64", "relative": "float64", "nearest": "float64",
    "strength": "float64", "sign": "int64", "triplet_cosine": "float64", "triplet_distance": "float64", "output_share": "float64",
    "layer_parallel": "bool", "layer_diverging": "bool", "layer_dimension": "int64", "groups": "str",
}  # fmt: skip
SHARE = {"count": "int64", "runs": "int64", "share": "float64", "low": "float64", "high": "float64"}
# Columns and types of every table, so that an empty one has them too.
RUN_TABLES = {
    "runs": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "widths": "str", "bias": "bool",
        "seed": "int64", "parameters": "int64", **dict.fromkeys(RESULTS, "float64"), "infinite": "bool", "loss_infinity": "float64",
        "duplicates": "int64", "converged": "bool", "stop": "str", "finish": "str", **dict.fromkeys(COUNTS, "int64"),
        **dict.fromkeys(SECONDS, "float64"), "message": "str", "record": "str", "versions": "str", "cpu": "str",
    },
    "loss_levels": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "level": "int64",
        "loss": "float64", "widths": "str", "runs": "int64", "duplicates": "int64", "infinite": "int64",
        "loss_max": "float64", "loss_min": "float64",
    },
    "solutions": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "widths": "str",
        "outcome": "str", "runs": "int64", "solutions": "int64", "singletons": "int64",
    },
    "shares": {
        **dict.fromkeys(["sweep", "dataset"], "str"), "dimension": "int64", "activation": "str", "bias": "bool", "widths": "str",
        "quantity": "str", "outcome": "str", "count": "int64", "runs": "int64", "share": "float64", "low": "float64",
        "high": "float64", "failed": "int64",
    },
}  # fmt: skip
# Columns and types of every table.
CHANNEL_TABLES = {
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
TABLES = RUN_TABLES | CHANNEL_TABLES


def typed_table(name: str, rows: Any) -> pd.DataFrame:
    """The table `name` from rows or columns, with its columns and types."""
    return pd.DataFrame(rows, columns=list(TABLES[name])).astype(TABLES[name])


def groups(runs: pd.DataFrame, columns: list[str], failed: bool = False) -> list[tuple[tuple, pd.DataFrame]]:
    """(values of columns, rows) of every group, widths and datasets in numerical order; failed runs left out unless asked for."""
    if not failed and "stop" in runs:
        runs = runs[runs["stop"] != "FAILED"]
    found = runs.groupby(columns, sort=False)

    keys = {"widths": widths_key, "dataset": natural_key}

    def key(item):
        return tuple(keys[column](value) if column in keys else value for column, value in zip(columns, item[0], strict=True))

    return sorted(found, key=key)


def outcomes(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """Masks of the subsets of runs by how they ended."""
    everything = pd.Series(True, index=runs.index)
    return {"all": everything, "finite": ~runs["infinite"], "infinite": runs["infinite"], "no duplicates": runs["duplicates"] == 0}
