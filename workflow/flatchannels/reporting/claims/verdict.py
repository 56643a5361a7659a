"""What a claim's verdict is, and how shares give one.

A verdict is "holds", "does not hold" or "undecided": the last whenever the runs at hand do not tell, as with few seeds.
Shares are judged by their Wilson intervals. Where a claim is about every width, all intervals together have 95 %
(Bonferroni), and every one of them must agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flatchannels.reporting.shares import wilson_interval

HOLDS, FAILS, UNDECIDED = "holds", "does not hold", "undecided"
FIGURE_2 = {"sweep": "levels", "dimension": 2, "activation": "g"}
CONVERGED_SHARE = 0.99  # ASSUME: the paper shows histograms; this is what a reproduction should reach
CLAIMS: dict[str, tuple] = {}


@dataclass
class Verdict:
    """What the tables say about a claim: an estimate of `quantity` with its 95 % interval, from n runs."""

    verdict: str
    quantity: str
    estimate: float
    low: float
    high: float
    n: int
    decision: str
    detail: str = ""


def claim(identifier: str, statement: str) -> Callable:
    """Register a function {table name: DataFrame} → Verdict for the claim of that identifier."""

    def register(function):
        CLAIMS[identifier] = (statement, function)
        return function

    return register


def all_above(bound: float, counts: list) -> str:
    """Whether all shares (count, runs) lie above a bound, any one below, by simultaneous 95 % intervals; open without runs."""
    confidence = 1 - 0.05 / max(len(counts), 1)
    intervals = [wilson_interval(count, runs, confidence) for count, runs in counts]
    if any(high < bound for _, high in intervals):
        return FAILS
    return HOLDS if intervals and all(low > bound for low, _ in intervals) else UNDECIDED


def one_share(counts: list, bound: float, quantity: str) -> Verdict:
    """The verdict on whether the share over all (name, count, runs) together lies above a bound."""
    count, n = sum(count for _, count, _ in counts), sum(runs for *_, runs in counts)
    decision = f"95 % interval above {bound:.0%} (holds), below (does not hold)"
    interval = wilson_interval(count, n)
    return Verdict(all_above(bound, [(count, n)]), quantity, count / n if n else np.nan, *interval, n, decision, fractions(counts))


def fractions(counts: list) -> str:
    """gp-s0.5: 4/16 (10–49%); …"""
    shown = [(name, count, runs, *wilson_interval(count, runs)) for name, count, runs in counts]
    return "; ".join(f"{name}: {count}/{runs} ({low:.0%}–{high:.0%})" for name, count, runs, low, high in shown)


def figure_2(frame: pd.DataFrame, bias: bool | None) -> pd.DataFrame:
    """Rows of the runs behind Figure 2; both bias settings if `bias` is None."""
    mask = np.logical_and.reduce([frame[key] == value for key, value in FIGURE_2.items()])
    return frame[mask if bias is None else mask & (frame["bias"] == bias)]


def level_shares(tables: dict[str, pd.DataFrame], quantity: str, bias: bool | None, first_width: int = 2) -> pd.DataFrame:
    """Rows of the table of shares for a quantity over all outcomes, one hidden layer, from a width on."""
    rows = figure_2(tables["shares"], bias)
    rows = rows[(rows["quantity"] == quantity) & (rows["outcome"] == "all") & (rows["runs"] > 0) & ~rows["widths"].str.contains("x")]
    return rows[rows["widths"].astype(int) >= first_width]


def pooled(rows: pd.DataFrame, verdict: str, quantity: str, decision: str) -> Verdict:
    """The verdict with the share over all rows together, and the single ones as detail."""
    count, n = int(rows["count"].sum()), int(rows["runs"].sum())
    detail = "; ".join(
        f"r = {row.widths}{' with biases' if row.bias else ''}: {row.count}/{row.runs} ({row.low:.0%}–{row.high:.0%})"
        for row in rows.itertuples()
    )
    failed = f"; {rows['failed'].sum()} runs failed" if rows["failed"].sum() else ""
    return Verdict(verdict, quantity, count / n if n else np.nan, *wilson_interval(count, n), n, decision, detail + failed)
