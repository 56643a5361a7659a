"""Records of runs → the rows of the table of routes: where each run of a network that rests at the norm wall goes.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from flatchannels.data.dataset import Dataset
from flatchannels.infinity.routes import find_route_beyond
from flatchannels.landscape.criteria import analyse
from flatchannels.networks.network import network_of
from flatchannels.precision import on_the_wall
from flatchannels.reporting.identity import network_columns, place_columns
from flatchannels.reporting.routes import join
from flatchannels.storage import dataset_files, run_records, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.schemas.infinity import ROUTES

ROUTE_KEYS = ["seed", "theta", "theta_initial", "trajectory_theta", "loss", "weight_norm", "stop"]
SAME_RUN = "seed", "loss", "weight_norm"  # equal to the last digit


def route_table(paths: Iterable, dataset: Any, before: pd.DataFrame | None = None) -> pd.DataFrame:
    """The rows of the records of one network.

    Parameters
    ----------
    paths
        Of the records.
    dataset : path
        Of their dataset.
    before : DataFrame, optional
        An earlier table of this network, made by the same code with the same dataset: its rows of runs that are still the same are kept.

    Returns
    -------
    DataFrame

    Raises
    ------
    RecordError
        A record or the dataset cannot be used.
    """
    data, _ = dataset_files.read_dataset(dataset)
    blocks = [(str(path), *run_records.read_runs(path, ROUTE_KEYS)) for path in paths]
    runs = sum(int(np.sum(arrays["stop"] != meta["stop_codes"]["FAILED"])) for _, meta, arrays in blocks)
    known = {} if before is None else {tuple(row[key] for key in SAME_RUN): row for row in before.to_dict("records")}
    return join([pd.DataFrame([{**row, "runs": runs} for block in blocks for row in _rows(*block, data, known)])])


def earlier_table(path: Any, made_by: dict[str, str]) -> pd.DataFrame | None:
    """The table at a path, for `route_table`.

    Parameters
    ----------
    path
    made_by : dict
        What must stand in its metadata.

    Returns
    -------
    DataFrame or None
        None if there is none that can be used.
    """
    try:
        table = table_files.read_table(path, ROUTES)
    except RecordError:
        return None
    return table if made_by.items() <= table.attrs.items() else None


def _rows(
    path: str, meta: dict[str, Any], arrays: dict[str, Any], data: Dataset, known: dict[tuple, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """A dict for each run of a record that rests at the wall; that of `known` where the run is among them."""
    network = network_of(meta)
    maxnorm = meta["training"]["maxnorm"]
    for n in np.flatnonzero(on_the_wall(arrays["weight_norm"], maxnorm)):
        before = known.get(tuple(arrays[key][n] for key in SAME_RUN))
        if before:
            yield {**before, "record": path}
            continue
        theta = arrays["theta"][n]
        run = analyse(theta, arrays["trajectory_theta"][n], network.layout, maxnorm, arrays["theta_initial"][n])
        begin = time.perf_counter()
        route = find_route_beyond(network, data, theta, maxnorm)
        yield {
            **place_columns(meta), **network_columns(meta), "seed": arrays["seed"][n], "loss": arrays["loss"][n],
            "weight_norm": arrays["weight_norm"][n], "parallel": run.parallel, "aligned": run.aligned, "channel": run.in_channel,
            "route": route.route, "verdict": route.verdict, "reason": route.reason, "loss_infinity": route.loss_infinity,
            "limit_gradient": route.gradient_norm, "limit_min": route.hessian_min, "limit_max": route.hessian_max,
            "h": _listed(route.h), "h_min": min(route.h, default=np.nan), "epsilon": _listed(route.epsilon),
            "epsilon_max": max(route.epsilon, default=np.nan), "ratio": route.ratio, "iterations": route.iterations,
            "finite_loss": route.finite_loss, "finite_norm": route.finite_norm, "limit_flat": route.flat, "wall": route.wall,
            "predicted_wall": route.predicted_wall, "predicted_beyond": route.predicted_beyond, "loss_beyond": route.loss_beyond,
            "norm_beyond": route.norm_beyond, "seconds": time.perf_counter() - begin, "record": path,
        }  # fmt: skip


def _listed(numbers: Iterable[float]) -> str:
    return " ".join(f"{number:.6g}" for number in numbers)
