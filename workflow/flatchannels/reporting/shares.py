"""Table of runs → shares, one row per width, outcome and quantity, with Wilson 95 % intervals.

Source: paper, section 2 and Appendix A. A failed run is left out, but for the share that converged.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from flatchannels.reporting.groups import CONFIGURATION, ended, grouped, outcomes
from flatchannels.storage.schemas.runs import SHARES
from flatchannels.storage.table_files import typed_table


def wilson_interval(count: int | float, runs: int | float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a binomial share; (0, 1) without any run.

    Parameters
    ----------
    count : float
        Of hits.
    runs : float
    confidence : float
        Of the interval.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        `count` does not lie in 0…`runs`.

    Notes
    -----
    Source: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; the paper uses it at 95 % in Figures 2 and 4.
    """
    if not 0 <= count <= runs:
        raise ValueError(f"count is {count}; it must lie in 0…{runs}, the number of runs")
    if runs == 0:
        return 0.0, 1.0
    interval = binomtest(int(count), int(runs)).proportion_ci(confidence, "wilson")
    return float(interval.low), float(interval.high)


def share_columns(hits: "pd.Series | NDArray[np.bool_] | Sequence[bool]") -> dict[str, Any]:
    """The columns count, runs, share, low and high for some runs, from which of them are hits.

    Parameters
    ----------
    hits : bool (n,)
        One per run.

    Returns
    -------
    dict[str, Any]
    """
    count, total = int(np.sum(hits)), len(hits)
    low, high = wilson_interval(count, total)
    return {"count": count, "runs": total, "share": count / total if total else np.nan, "low": low, "high": high}


def shares(runs: pd.DataFrame) -> pd.DataFrame:
    """Share of runs per width with duplicate neurons (all, finite, infinite), infinite norm, and convergence.

    Failed runs count in the share that converged, as ones that mostly did not, and in no other.

    Parameters
    ----------
    runs
        Table of runs.

    Returns
    -------
    DataFrame
        The table of shares.
    """
    rows = []
    for key, everything in grouped(runs, [*CONFIGURATION, "widths"]):
        done = ended(everything)
        subsets = outcomes(done)
        quantities = [("duplicates", outcome, done[subsets[outcome]]["duplicates"] > 0) for outcome in ["all", "finite", "infinite"]]
        quantities += [("infinite", "all", done["infinite"]), ("converged", "all", everything["converged"])]
        for quantity, outcome, hits in quantities:
            rows.append({**dict(zip([*CONFIGURATION, "widths"], key, strict=True)), "quantity": quantity, "outcome": outcome,
                         **share_columns(hits), "failed": len(everything) - len(done)})  # fmt: skip
    return typed_table(SHARES, rows)
