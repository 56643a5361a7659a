"""Table of the runs of a sweep → how they ended, network by network; and the axes along which a sweep varies.

Source: this project's; the conditions of a channel and of a plateau saddle are the paper's (Appendices A and B.3).
"""

import numpy as np
import pandas as pd

from flatchannels.precision import EXACT_FIT
from flatchannels.reasons import Stop
from flatchannels.reporting.groups import NETWORK, grouped
from flatchannels.reporting.shares import share_columns
from flatchannels.storage.schemas.sweeps import END_KINDS, END_SHARES
from flatchannels.storage.table_files import typed_table

AXES = [column for column in NETWORK if column != "setting"]  # what can vary in a sweep; the setting is made of some of them


def kinds(runs: pd.DataFrame) -> pd.Series:
    """How each run ended: a key of `schemas.sweeps.END_KINDS`, the first that holds.

    Parameters
    ----------
    runs : DataFrame
        With the columns of the table channel_runs.

    Returns
    -------
    Series
        With the index of the runs.
    """
    at_rest = runs["converged"].astype(bool)
    holds = {
        "failed": runs["stop"] == Stop.FAILED.name,
        "exact fit": (runs["stop"] == Stop.EXACT.name) | (at_rest & fits_after_a_budget(runs)),
        "channel": runs["channel"].astype(bool),
        "norm wall": runs["infinite"].astype(bool),
        "plateau saddle": at_rest & (runs["duplicates"] > 0),
        "minimum": at_rest,
    }
    others = next(kind for kind in END_KINDS if kind not in holds)
    return pd.Series(np.select([holds[kind] for kind in END_KINDS if kind in holds], list(holds), others), index=runs.index, dtype=str)


def fits_after_a_budget(runs: pd.DataFrame) -> pd.Series:
    """Whether the finish brought an optimiser's run to a loss that is 0 to rounding: its stop says only that the steps were used up.

    The mean square of the targets is not in the table; the lowest loss at a start on the same dataset stands in for it.

    Parameters
    ----------
    runs : DataFrame
        With the columns of the table channel_runs.

    Returns
    -------
    Series
        With the index of the runs.
    """
    scale = runs.groupby(["dataset", "dimension"])["loss_initial"].transform("min")
    return (runs["stop"] == Stop.BUDGET.name) & (runs["loss"] <= EXACT_FIT * scale)


def end_shares(runs: pd.DataFrame) -> pd.DataFrame:
    """The share of each kind of end, of every network by every protocol, with Wilson 95 % intervals; failed runs count too.

    Parameters
    ----------
    runs : DataFrame
        The runs of one sweep, with the columns of the table channel_runs.

    Returns
    -------
    DataFrame
        The table of end shares.
    """
    found = kinds(runs)
    rows = [
        {"sweep": group["sweep"].iloc[0], **dict(zip(NETWORK, key, strict=True)), "end": kind, **share_columns(found[group.index] == kind)}
        for key, group in grouped(runs, NETWORK)
        for kind in END_KINDS
    ]
    return typed_table(END_SHARES, rows)


def varying(table: pd.DataFrame) -> list[str]:
    """The columns of `AXES` in which the rows of a table differ.

    Parameters
    ----------
    table : DataFrame
        With the columns that name a network.

    Returns
    -------
    list of str
    """
    return [column for column in AXES if table[column].nunique() > 1]
