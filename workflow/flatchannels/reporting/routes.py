"""The table of routes, one row per run at the norm wall with its way to infinity beside the paper's criteria; certified ways of given runs.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

from collections.abc import Sequence

import pandas as pd

from flatchannels.reporting.groups import RUN
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.storage.table_files import typed_table


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
