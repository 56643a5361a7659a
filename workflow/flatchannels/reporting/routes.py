"""The table of routes, one row per run at the norm wall with its way to infinity beside the paper's criteria, and what is looked up in it.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

from collections.abc import Sequence

import pandas as pd

from flatchannels.precision import SOFTEST_DIRECTION
from flatchannels.reporting.groups import RUN
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.storage.table_files import typed_table

FIGURE_5 = {"family": "rosenbrock", "dimension": 8, "widths": "8", "activation": "softplus"}


def join(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of routes from several.

    Parameters
    ----------
    tables : sequence of DataFrame

    Returns
    -------
    DataFrame
    """
    tables = [typed_table(ROUTES, table) for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else typed_table(ROUTES, [])


def certified_routes(runs: pd.DataFrame, routes: pd.DataFrame) -> pd.Series:
    """The names of the routes of given runs that end at a certified minimum at infinity.

    Parameters
    ----------
    runs : DataFrame
        With the columns that name a run.
    routes : DataFrame
        The table of routes, or an empty one.

    Returns
    -------
    Series of str
        With the index of the runs; "" for a run without.
    """
    found = routes.reindex(columns=[*RUN, "route", "verdict"])
    found = found[found["verdict"] == "certified"]
    named = pd.Series(found["route"].astype(str).to_numpy(), index=pd.MultiIndex.from_frame(found[RUN].astype(str)))
    return pd.Series(named.reindex(pd.MultiIndex.from_frame(runs[RUN].astype(str))).fillna("").to_numpy(), index=runs.index, dtype=str)


def channel_of_figure_5(routes: pd.DataFrame) -> pd.Series | None:
    """The run whose channel Figure 5 shows.

    As many as possible of the paper's settings (Rosenbrock, d = 8, r = 8, softplus), then the largest network, then the
    lowest loss, then the first seed. The limit must be strict: along a flat direction, as of a neuron that becomes linear,
    the run may be away from it.

    Parameters
    ----------
    routes : DataFrame
        The table of routes.

    Returns
    -------
    Series or None
        Its row. None if no run is certified to end in a single pair.
    """
    strict = routes["limit_min"] > SOFTEST_DIRECTION * routes["limit_max"]
    rows = routes[(routes["verdict"] == "certified") & (routes["route"] == "pair") & routes["bias"] & strict]
    if rows.empty:
        return None
    matches = sum((rows[key] == value).astype(int) for key, value in FIGURE_5.items())
    size = rows["dimension"] * rows["widths"].astype(int)
    order = pd.DataFrame({"matches": -matches, "size": -size, "loss": rows["loss"], "seed": rows["seed"]})
    return rows.loc[order.sort_values(list(order)).index[0]]
