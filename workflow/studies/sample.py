"""The sample of runs that a study is about: some seeds of every network with one hidden layer and softplus of the sweep `channels`.

What is common to the studies: which records, in which settings, and shares of a table of runs.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from flatchannels.data.dataset import Dataset
from flatchannels.names import setting_key
from flatchannels.networks.network import Network, network_of
from flatchannels.reasons import Stop
from flatchannels.reporting.cluster_intervals import cluster_share
from flatchannels.reporting.identity import network_columns
from flatchannels.storage import dataset_files, run_records

KEYS = ["seed", "theta", "theta_initial", "trajectory_t", "trajectory_theta", "loss", "weight_norm", "stop"]


class Sampled(NamedTuple):
    """A run of the sweep.

    name : setting, family, dimension, activation, widths, bias and seed.
    meta : of its record.
    run : name of an array of the record → its value for this run.
    """

    name: dict[str, Any]
    meta: dict[str, Any]
    run: dict[str, Any]

    @property
    def network(self) -> Network:
        return network_of(self.meta)


def parser(description: str) -> argparse.ArgumentParser:
    """The command line that all studies share: results, and how much of them."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("results", type=Path, help="a folder of results, such as results/paper; it is only read")
    made.add_argument("--seeds", type=int, default=3, metavar="N", help="runs of each network, from the first seed (%(default)s)")
    made.add_argument("--max-width", type=int, default=16, metavar="R", help="of the networks (%(default)s)")
    made.add_argument("--max-dimension", type=int, default=16, metavar="D", help="of the inputs (%(default)s)")
    made.add_argument("--out", type=Path, metavar="FILE.csv", help="where the row of each run goes")
    return made


def records(results: Path, max_width: int, max_dimension: int) -> list[Path]:
    """The records of the networks in question, in the order of their names."""
    found = []
    for path in sorted((results / "runs" / "channels").glob("*/softplus/r*/seeds-*.npz")):
        width = path.parent.name.removeprefix("r")
        if width.isdigit() and int(width) <= max_width:
            found.append(path)
    return [path for path in found if run_records.read_runs(path, [])[0]["inputs"] <= max_dimension]


def runs(results: Path, seeds: int, max_width: int, max_dimension: int) -> Iterator[Sampled]:
    """The first seeds of every network, but for runs that failed.  RecordError for a record that cannot be used."""
    for path in records(results, max_width, max_dimension):
        meta, arrays = run_records.read_runs(path, KEYS)
        for row in np.flatnonzero((arrays["seed"] <= seeds) & (arrays["stop"] != meta["stop_codes"][Stop.FAILED.name])):
            run = {key: array[row] for key, array in arrays.items()}
            yield Sampled(network_columns(meta) | {"seed": int(run["seed"])}, meta, run)


def dataset(results: Path, meta: dict[str, Any]) -> Dataset:
    """The data of a record."""
    return dataset_files.read_dataset(results / "datasets" / f"{meta['dataset']}.npz")[0]


def shares(table: pd.DataFrame, quantities: list[str], by: list[str]) -> pd.DataFrame:
    """Share of the rows with each quantity, in per cent with its 95 % interval by network, for each group.

    table : one row per run, with `sample.Sampled.name` and truth values.  by : columns, the first of which is `setting`.
    """
    rows = []
    for key, group in table.groupby(by, sort=False):
        row = dict(zip(by, key, strict=True)) | {"runs": len(group)}
        for quantity in quantities:
            found = cluster_share(group[quantity].astype(bool), group[["setting", "dimension", "widths"]])
            row[quantity] = f"{100 * found.value:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"
        rows.append(row)
    return pd.DataFrame(rows).sort_values("setting", key=lambda names: names.map(setting_key), kind="stable")
