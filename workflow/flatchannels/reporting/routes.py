"""The table of routes: one row per run at the norm wall, with its way to infinity beside the paper's criteria.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

import pandas as pd

from flatchannels.reporting.tables import KINDS

ROUTE = {
    "route": "str", "verdict": "str", "reason": "str", "loss_infinity": "float64", "limit_gradient": "float64",
    "limit_min": "float64", "limit_max": "float64", "h": "str", "h_min": "float64", "epsilon": "str", "epsilon_max": "float64",
    "ratio": "float64", "iterations": "int64", "finite_loss": "float64", "finite_norm": "float64", "seconds": "float64",
}  # fmt: skip
# `runs` is how many runs of the network did not fail; `h` and `epsilon` list the pairs' numbers.
TABLES = {"routes": {"sweep": "str", "dataset": "str"} | KINDS | {
    "runs": "int64", "seed": "int64", "loss": "float64", "weight_norm": "float64", "parallel": "bool", "aligned": "bool",
    "channel": "bool"} | ROUTE | {"record": "str"}}  # fmt: skip


def join(tables):
    """One table from several, with the columns and types of TABLES."""
    columns = TABLES["routes"]
    tables = [table[list(columns)].astype(columns) for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(columns)).astype(columns)
