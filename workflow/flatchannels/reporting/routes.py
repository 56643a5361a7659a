"""The table of routes: one row per run at the norm wall, with its way to infinity beside the paper's criteria.

Source: paper, Appendix B.3 (the criteria); `infinity` (the routes).
"""

from collections.abc import Sequence

import pandas as pd

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
