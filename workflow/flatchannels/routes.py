"""Records of runs → the table of routes: one row per run at the norm wall, with its way to infinity beside the paper's criteria.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

import time

import numpy as np
import pandas as pd

from flatchannels import channels, records
from flatchannels.channel_statistics import KINDS, setting

ROUTE = {
    "route": "str", "verdict": "str", "reason": "str", "loss_infinity": "float64", "limit_gradient": "float64",
    "limit_min": "float64", "limit_max": "float64", "h": "str", "h_min": "float64", "epsilon": "str", "epsilon_max": "float64",
    "ratio": "float64", "iterations": "int64", "finite_loss": "float64", "finite_norm": "float64", "seconds": "float64",
}  # fmt: skip
# `runs` is how many runs of the network did not fail; `h` and `epsilon` list the pairs' numbers.
TABLES = {"routes": {"sweep": "str", "dataset": "str"} | KINDS | {
    "runs": "int64", "seed": "int64", "loss": "float64", "weight_norm": "float64", "parallel": "bool", "aligned": "bool",
    "channel": "bool"} | ROUTE | {"record": "str"}}  # fmt: skip
KEYS = ["seed", "theta", "theta_initial", "trajectory_theta", "loss", "weight_norm", "stop"]


def make(paths, dataset):
    """The rows of the records of one network.

    Parameters
    ----------
    paths : of the records.  dataset : path of their dataset.

    Raises
    ------
    RecordError: a record or dataset that cannot be used.
    """
    data, _ = records.read_dataset(dataset)
    blocks = [(str(path), *records.read_runs(path, KEYS)) for path in paths]
    runs = sum(int(np.sum(arrays["stop"] != meta["stop_codes"]["FAILED"])) for _, meta, arrays in blocks)
    return join([pd.DataFrame([{**row, "runs": runs} for block in blocks for row in _rows(*block, data)])])


def join(tables):
    """One table from several, with the columns and types of TABLES."""
    columns = TABLES["routes"]
    tables = [table[list(columns)].astype(columns) for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns)).astype(columns)


def _rows(path, meta, arrays, data):
    """A dict for each run of a record that rests at the wall."""
    from flatchannels import infinity  # here, because they bring numba with them, and readers of the table do not need it
    from flatchannels.network import Network

    network = Network(meta["inputs"], tuple(meta["widths"]), meta["activation"], meta["bias"])
    name, maxnorm = records.family(meta["dataset"], meta["inputs"]), meta["training"]["maxnorm"]
    for n in np.flatnonzero(arrays["weight_norm"] >= maxnorm):
        theta = arrays["theta"][n]
        run = channels.analyse(theta, arrays["trajectory_theta"][n], network.inputs, network.widths, network.bias, maxnorm,
                               arrays["theta_initial"][n])  # fmt: skip
        begin = time.perf_counter()
        route = infinity.find_route(network, data, theta, maxnorm)
        yield {
            "sweep": meta["sweep"], "dataset": meta["dataset"], "setting": setting(name, meta["activation"], len(meta["widths"])),
            "family": name, "dimension": meta["inputs"], "activation": meta["activation"], "bias": meta["bias"],
            "widths": "x".join(map(str, meta["widths"])), "seed": arrays["seed"][n], "loss": arrays["loss"][n],
            "weight_norm": arrays["weight_norm"][n], "parallel": run.parallel, "aligned": run.aligned, "channel": run.in_channel,
            "route": route.route, "verdict": route.verdict, "reason": route.reason, "loss_infinity": route.loss_infinity,
            "limit_gradient": route.gradient_norm, "limit_min": route.hessian_min, "limit_max": route.hessian_max,
            "h": _listed(route.h), "h_min": min(route.h, default=np.nan), "epsilon": _listed(route.epsilon),
            "epsilon_max": max(route.epsilon, default=np.nan), "ratio": route.ratio, "iterations": route.iterations,
            "finite_loss": route.finite_loss, "finite_norm": route.finite_norm, "seconds": time.perf_counter() - begin, "record": path,
        }  # fmt: skip


def _listed(numbers):
    return " ".join(f"{number:.6g}" for number in numbers)
