"""Table of runs → loss levels, one row per level and width.  Source: paper, Appendix A. A failed run is left out."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flatchannels.precision import SAME_MINIMUM
from flatchannels.reasons import Stop
from flatchannels.reporting.groups import CONFIGURATION, ended, grouped
from flatchannels.storage.schemas.runs import LOSS_LEVELS
from flatchannels.storage.table_files import typed_table

LEVEL_TOLERANCE = 1e-3  # relative (paper, Appendix A)


def find_levels(losses: Sequence[float] | np.ndarray | pd.Series, tolerance: float = LEVEL_TOLERANCE) -> tuple[np.ndarray, np.ndarray]:
    """Level of every loss, 0 for the highest, and the loss of every level, which is its largest member.

    Losses are taken in descending order; one joins the first level that it matches within `tolerance`, relative to the
    larger of the two. Levels lie further apart than that, so only the latest level can match.

    Parameters
    ----------
    losses : (n,)
        At least 0.
    tolerance : float
        Relative.

    Returns
    -------
    levels : (n,)
        The level of each loss.
    losses : array
        Of the levels, highest first.

    Raises
    ------
    ValueError
        A loss is negative or NaN.

    Notes
    -----
    Source: paper, Appendix A.
    """
    losses = np.asarray(losses, dtype=float)
    if not np.all(losses >= 0):
        raise ValueError(f"losses must be numbers ≥ 0; one is {losses[~(losses >= 0)][0]}")
    order = np.argsort(-losses, kind="stable")
    descending = losses[order]
    starts = []
    start = 0
    while start < len(descending):
        starts.append(start)
        start = int(np.searchsorted(-descending, -descending[start] * (1 - tolerance), side="right"))
    levels = np.empty(len(losses), dtype=np.int64)
    levels[order] = np.repeat(np.arange(len(starts)), np.diff([*starts, len(losses)]))
    return levels, descending[starts]


def loss_levels(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs per loss level and width; the levels are common to all widths of a configuration.

    ASSUME: runs of every outcome enter, the ones at the norm wall with the mean squared error that they have there;
    their levels at infinity are common to all widths more closely than those at the wall (`runs.loss_at_infinity`).
    Exact fits are one level: their losses, 0 to rounding, cannot be compared.

    Parameters
    ----------
    runs
        Table of runs.

    Returns
    -------
    DataFrame
        The table of loss levels.
    """
    rows = []
    for configuration, group in grouped(ended(runs), CONFIGURATION):
        level, _ = find_levels(group["loss"].where(group["stop"] != Stop.EXACT.name, 0.0))
        group = group.assign(level=level)
        losses = group.groupby("level")["loss"].max()
        for (index, widths), members in grouped(group, ["level", "widths"]):
            rows.append({
                **dict(zip(CONFIGURATION, configuration, strict=True)), "level": index, "loss": losses[index], "widths": widths,
                "runs": len(members), "duplicates": (members["duplicates"] > 0).sum(), "infinite": members["infinite"].sum(),
                "loss_max": members["loss"].max(), "loss_min": members["loss"].min(),
            })  # fmt: skip
    return typed_table(LOSS_LEVELS, rows)


def distinct_minima(lines: pd.DataFrame) -> pd.DataFrame:
    """Of each minimum the rows of its first seed, in a table with one row per neuron of each run.

    Losses of runs that end in the same minimum agree to rounding.

    Parameters
    ----------
    lines : DataFrame
        With widths, bias, seed and loss.

    Returns
    -------
    DataFrame
        With the column minimum more, which names it.
    """
    lines = lines.reset_index(drop=True)
    level = pd.Series(0, index=lines.index)
    for _, group in lines.groupby(["widths", "bias"]):
        level[group.index] = find_levels(group["loss"], SAME_MINIMUM)[0]
    lines = lines.assign(minimum=lines["widths"].astype(str) + " " + lines["bias"].astype(str) + " " + level.astype(str))
    return lines[lines["seed"] == lines.groupby("minimum")["seed"].transform("min")]
