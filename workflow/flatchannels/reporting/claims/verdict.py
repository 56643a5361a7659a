"""What a claim's verdict is, and how shares give one.

A verdict is "holds", "does not hold" or "undecided": the last whenever the runs at hand do not tell, as with few seeds.
Shares are judged by their intervals. Where a claim has several parts, all intervals together have 95 % (Bonferroni), and every part
must agree. What is said about a dataset has intervals by network (`cluster_intervals`): the runs of one network share its target.
What is said about given networks has Wilson's, over their runs, which are independent draws of the initial point.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from flatchannels.reporting.cluster_intervals import Estimate, cluster_share
from flatchannels.reporting.groups import NETWORK, one_hidden_layer
from flatchannels.reporting.shares import wilson_interval

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
RISK = 0.05  # chance of a false verdict that the intervals of a claim allow, all its parts together
BY_RUN, BY_NETWORK, NUMERICAL, EXACT = "95 % interval by run", "95 % interval by network", "numerical error", "exact"
FIGURE_2 = {"dimension": 2, "activation": "g"}
CONVERGED_SHARE = 0.99  # ASSUME: the paper shows histograms; this is what a reproduction should reach
NEARLY_ALL = 0.9  # ASSUME: the share of runs or networks with which a claim about all of them holds


@dataclass
class Verdict:
    """What the tables say about a claim.

    Parameters
    ----------
    verdict : str
    quantity : str
        What is estimated.
    estimate : float
        Its value; NaN without data.
    low, high : float
        The bounds.
    uncertainty : str
        What the bounds are: BY_RUN, BY_NETWORK, NUMERICAL or EXACT, where they are the estimate.
    n : int
        How many of what the estimate rests on.
    counted : str
        What these are: "runs of 4 networks".
    decision : str
        What decides.
    detail : str
        The values behind it.
    chance : float
        Of a false verdict, at most; 0 for what has no sampling error.
    """

    verdict: str
    quantity: str
    estimate: float
    low: float
    high: float
    uncertainty: str
    n: int
    counted: str
    decision: str
    detail: str = ""
    chance: float = RISK


Tables = dict[str, pd.DataFrame]
Judge = Callable[[Tables], Verdict]


class Claim(NamedTuple):
    """What the paper says, and the function that judges it.

    Attributes
    ----------
    statement : str
    judge : function
    """

    statement: str
    judge: Judge


CLAIMS: dict[str, Claim] = {}


def claim(identifier: str, statement: str) -> Callable[[Judge], Judge]:
    """Register a function {table name: DataFrame} → Verdict for a claim.

    Parameters
    ----------
    identifier : str
        Such as "C18".
    statement : str
        What the paper says.

    Returns
    -------
    decorator
    """

    def register(function: Judge) -> Judge:
        CLAIMS[identifier] = Claim(statement, function)
        return function

    return register


# Verdicts from intervals


def above(interval: Estimate | tuple[float, float], bound: float) -> str:
    """Whether an interval lies above a bound (holds) or below (does not hold).

    Parameters
    ----------
    interval : Estimate, or (low, high)
    bound : float

    Returns
    -------
    str
    """
    low, high = interval[1:3] if isinstance(interval, Estimate) else interval
    return HOLDS if low > bound else FAILS if high < bound else UNDECIDED


def within(interval: Estimate | tuple[float, float], bounds: tuple[float, float]) -> str:
    """Whether an interval lies inside a range (holds) or outside (does not hold).

    Parameters
    ----------
    interval : Estimate, or (low, high)
    bounds : (low, high)

    Returns
    -------
    str
    """
    low, high = interval[1:3] if isinstance(interval, Estimate) else interval
    return HOLDS if bounds[0] <= low and high <= bounds[1] else FAILS if high < bounds[0] or low > bounds[1] else UNDECIDED


def all_of(parts: Iterable[str]) -> str:
    """The verdict on a claim from those on its parts: any one that does not hold, or all that do.

    Parameters
    ----------
    parts : iterable of str

    Returns
    -------
    str
    """
    found = set(parts)
    return FAILS if FAILS in found else HOLDS if found == {HOLDS} else UNDECIDED


def simultaneous(parts: int, risk: float = RISK) -> float:
    """The confidence of each of several intervals that together have 1 − risk.

    Parameters
    ----------
    parts : int
        How many intervals.
    risk : float

    Returns
    -------
    float
    """
    return 1 - risk / max(parts, 1)


# Shares of runs, by network


def network_share(hits: pd.Series, runs: pd.DataFrame, confidence: float = 0.95) -> Estimate:
    """`cluster_share` with the networks of the runs as clusters.

    Parameters
    ----------
    hits : Series of bool
        One per run.
    runs : DataFrame
        The table of runs.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
    """
    return cluster_share(hits, runs[NETWORK], confidence)


def count_networks(runs: pd.DataFrame) -> str:
    """What a number of runs counts: "runs of 4 networks".

    Parameters
    ----------
    runs : DataFrame
        The table of runs.

    Returns
    -------
    str
    """
    number = int(runs.groupby(NETWORK).ngroups)
    return f"run{'' if len(runs) == 1 else 's'} of {number} network{'' if number == 1 else 's'}"


def one_share(hits: pd.Series, runs: pd.DataFrame, bound: float, quantity: str, detail: str) -> Verdict:
    """The verdict on whether the share of the runs that are hits lies above a bound, by network.

    Parameters
    ----------
    hits : Series of bool
        One per run.
    runs : DataFrame
        The table of runs.
    bound : float
    quantity : str
    detail : str

    Returns
    -------
    Verdict
    """
    found = network_share(hits, runs)
    decision = f"{BY_NETWORK} above {bound:.0%} (holds), below (does not hold)"
    return Verdict(
        above(found, bound), quantity, found.value, found.low, found.high, BY_NETWORK, len(runs), count_networks(runs), decision, detail
    )


def counted(hits: pd.Series, runs: pd.DataFrame) -> str:
    """A count in words, by network: 4/16 (10–49%).

    Parameters
    ----------
    hits : Series of bool
        One per run.
    runs : DataFrame
        The table of runs.

    Returns
    -------
    str
    """
    found = network_share(hits, runs)
    return f"{int(hits.sum())}/{len(hits)} ({100 * found.low:.0f}–{found.high:.0%})"


def fraction(name: str, hits: pd.Series, runs: pd.DataFrame) -> str:
    """A count in words, with its name, by network: gp-s0.5: 4/16 (10–49%).

    Parameters
    ----------
    name : str
    hits : Series of bool
        One per run.
    runs : DataFrame
        The table of runs.

    Returns
    -------
    str
    """
    return f"{name}: {counted(hits, runs)}"


# Shares of the runs behind Figure 2


def figure_2(frame: pd.DataFrame, bias: bool | None) -> pd.DataFrame:
    """Rows of the runs behind Figure 2.

    Parameters
    ----------
    frame : DataFrame
        With the columns of the table of runs that tell them.
    bias : bool or None
        Without or with biases; both where it is None.

    Returns
    -------
    DataFrame
    """
    mask = np.logical_and.reduce([frame[key] == value for key, value in FIGURE_2.items()])
    return frame[mask if bias is None else mask & (frame["bias"] == bias)]


def level_shares(tables: Tables, quantity: str, bias: bool | None, first_width: int = 2) -> pd.DataFrame:
    """Rows of the table of shares for a quantity over all outcomes, one hidden layer, from a width on.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.
    quantity : str
    bias : bool or None
        Without or with biases; both where it is None.
    first_width : int

    Returns
    -------
    DataFrame
    """
    rows = one_hidden_layer(figure_2(tables["shares"], bias))
    rows = rows[(rows["quantity"] == quantity) & (rows["outcome"] == "all") & (rows["runs"] > 0)]
    return rows[rows["widths"].astype(int) >= first_width]


def pooled(rows: pd.DataFrame, verdict: str, quantity: str, decision: str, uncertainty: str = BY_RUN) -> Verdict:
    """The verdict with the share over all rows together, and the single ones as detail.

    Parameters
    ----------
    rows : DataFrame
        Of the table of shares.
    verdict : str
    quantity : str
    decision : str
    uncertainty : str

    Returns
    -------
    Verdict
    """
    count, n = int(rows["count"].sum()), int(rows["runs"].sum())
    detail = "; ".join(
        f"r = {row.widths}{' with biases' if row.bias else ''}: {row.count}/{row.runs}"
        + (f" ({100 * row.low:.0f}–{row.high:.0%})" if uncertainty == BY_RUN else "")
        for row in rows.itertuples()
    )
    failed = f"; {rows['failed'].sum()} runs failed" if rows["failed"].sum() else ""
    share = count / n if n else np.nan
    low, high = wilson_interval(count, n) if uncertainty == BY_RUN else (share, share)
    return Verdict(verdict, quantity, share, low, high, uncertainty, n, f"runs of {len(rows)} networks", decision, detail + failed,
                   RISK if uncertainty == BY_RUN else 0.0)  # fmt: skip
