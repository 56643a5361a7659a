"""The groups of runs that tables are about."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from flatchannels.names import natural_key, setting_key, widths_key, widths_of
from flatchannels.reasons import Stop
from flatchannels.storage.schemas import columns as column_schemas
from flatchannels.storage.schemas import runs as run_schemas

CONFIGURATION = list(run_schemas.CONFIGURATION_COLUMNS)  # columns: runs that share their loss levels
NETWORK = list(column_schemas.NETWORK_COLUMNS)  # columns: runs of one network on one dataset
RUN = ["sweep", *NETWORK, "seed"]  # columns that name a run
ALL = "all"  # in the column of widths: of every network of a setting; comes first


def _widths_order(name: str) -> tuple:
    return () if name == ALL else widths_key(name)


ORDER: dict[str, Callable[[str], Any]] = {"setting": setting_key, "widths": _widths_order, "dataset": natural_key, "family": natural_key}


def ended(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows of the runs that did not fail.

    Parameters
    ----------
    runs : DataFrame
        The table of runs.

    Returns
    -------
    DataFrame
    """
    return runs[runs["stop"] != Stop.FAILED.name]


def grouped(runs: pd.DataFrame, columns: Sequence[str]) -> list[tuple[tuple, pd.DataFrame]]:
    """The rows of each group of runs.

    Parameters
    ----------
    runs : DataFrame
        The table of runs, or another with these columns.
    columns : sequence of str
        Whose values tell the groups apart.

    Returns
    -------
    list of (values of the columns, rows)
        In the order of the values: settings, widths and datasets in that of their numbers.
    """

    def order(group: tuple[tuple, pd.DataFrame]) -> list:
        return [ORDER[column](value) if column in ORDER else value for column, value in zip(columns, group[0], strict=True)]

    return sorted(runs.groupby(list(columns), sort=False), key=order)


def one_hidden_layer(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that are about networks with one hidden layer.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame
    """
    return table[table["widths"].map(lambda name: len(widths_of(name))) == 1]


def outcomes(runs: pd.DataFrame) -> dict[str, pd.Series]:
    """Masks of the subsets of runs by how they ended: all, finite, infinite, no duplicates.

    Parameters
    ----------
    runs : DataFrame
        The table of runs.

    Returns
    -------
    dict
        Name → Series of bool.
    """
    everything = pd.Series(True, index=runs.index)
    return {"all": everything, "finite": ~runs["infinite"], "infinite": runs["infinite"], "no duplicates": runs["duplicates"] == 0}
