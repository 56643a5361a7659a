"""Claims on saddle lines and the plateaus on them: C4–C6."""

import numpy as np
import pandas as pd

from flatchannels.reporting.claims.verdict import (
    BY_RUN,
    NEARLY_ALL,
    UNDECIDED,
    Tables,
    Verdict,
    above,
    all_of,
    claim,
    fraction,
    one_share,
    simultaneous,
)
from flatchannels.reporting.groups import RUN
from flatchannels.reporting.levels import distinct_minima
from flatchannels.reporting.routes import certified_routes
from flatchannels.reporting.shares import wilson_interval

SAME_LOSS = 1e-10  # difference of the losses of a flow's end and of the saddle line where it began, for a return to the line
END_OF_SEGMENT = 1e-9  # |γ (1 − γ)| of flows that start at γ = 0 or 1
PARALLEL = 0.99  # ASSUME: |cosine| of updates with the saddle line; the paper shows one example, with a cosine near 1
# ASSUME: C6, a loss falls if it falls by more than it goes up again from sample to sample, all together. First it was to go up by no
# more than 1 % of its fall; but samples are interpolated, which in a narrow valley raises the loss of some by a few per cent of that.
BACKWARD = 1.0
VERDICT_OF_MATRIX = {"stable_inside": "stable inside", "stable_outside": "stable outside"}  # column of the Hessian → verdict of the matrix


@claim("C4", "A saddle line is a local minimum exactly on the plateau segment; perturbed there a flow returns, elsewhere it ends lower.")
def plateaus(tables: Tables) -> Verdict:
    """The Fukumizu–Amari matrix tells where, at every neuron of every minimum, and flows of many of them show it.

    A minimum counts once, however many seeds end in it, and as one that agrees if all its neurons do. Minima with a neuron that
    is stable somewhere and those with one that is stable nowhere are judged apart. Flows that start at γ = 0 or 1, the ends of
    the segment, are left out.  Source: paper, Figures 2c, 2d, A2.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    lines = _lines(tables)
    lines = lines[lines["verdict"] != "degenerate"]
    agree = pd.DataFrame({column: lines[column] == (lines["verdict"] == name) for column, name in VERDICT_OF_MATRIX.items()}).all(axis=1)
    stable = lines["verdict"].isin(VERDICT_OF_MATRIX.values())
    minima = {"stable somewhere": all_in_each(lines[stable], agree[stable]), "unstable": all_in_each(lines[~stable], agree[~stable])}
    returned, lower, n_flows = _flows_as_predicted(tables)
    counts = [*minima.values(), returned, lower]
    confidence = simultaneous(len(counts))
    verdict = all_of(above(wilson_interval(int(hits.sum()), len(hits), confidence), NEARLY_ALL) for hits in counts)
    everywhere = all_in_each(lines, agree)
    n, count = len(everywhere), int(everywhere.sum())
    kinds = ", ".join(f"{number} {name}" for name, number in lines["verdict"].value_counts().items())
    parts = "; ".join(f"{name}: {int(hits.sum())} of {len(hits)} minima" for name, hits in minima.items())
    return Verdict(
        verdict, "share of minima at all of whose neurons Hessian and matrix agree", count / n if n else np.nan,
        *wilson_interval(count, n), BY_RUN, n, "distinct minima",
        f"simultaneous 95 % intervals above {NEARLY_ALL:.0%} (holds), any below (does not hold): of the minima with a neuron that is "
        "stable somewhere, and of those with an unstable one, in which the Hessian agrees with the matrix; of the networks whose flows "
        f"from a plateau all return within {SAME_LOSS:g}, and of those whose flows from elsewhere all end lower",
        f"{len(lines)} neurons: {kinds or 'none'}; {parts}; {n_flows} flows: from the plateaus of {int(returned.sum())} of {len(returned)} "
        f"networks all return, from elsewhere on the lines of {int(lower.sum())} of {len(lower)} all end lower",
    )  # fmt: skip


def _flows_as_predicted(tables: Tables) -> tuple[pd.Series, pd.Series, int]:
    """Of each network whether all flows from its plateau returned, and whether all others ended lower; the number of flows."""
    flows = tables.get("escapes", pd.DataFrame(columns=["example", "network", "verdict", "start", "loss", "loss_line"]))
    flows = flows[flows["example"].isin(["plateau", "network"]) & flows["verdict"].isin(VERDICT_OF_MATRIX.values())]
    flows = flows[(flows["start"] * (1 - flows["start"])).abs() > END_OF_SEGMENT]
    inside = (flows["start"] > 0) & (flows["start"] < 1)
    stable = inside == (flows["verdict"] == "stable inside")
    change = flows["loss"] - flows["loss_line"]
    returned = (change.abs() < SAME_LOSS)[stable].groupby(flows["network"]).all()
    lower = (change < -SAME_LOSS)[~stable].groupby(flows["network"]).all()
    return returned, lower, len(flows)


@claim("C5", "At γ = 0 and 1 as many more eigenvalues are zero as a neuron has input weights.")
def extra_zeros(tables: Tables) -> Verdict:
    """d more without biases, d + 1 with, at every neuron of every minimum, each minimum counted once. Source: paper, Figure A4.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    lines = _lines(tables)
    agree = lines["zeros_end"] - lines["zeros"] == lines["dimension"] + lines["bias"]
    minima = all_in_each(lines, agree)
    n, count = len(minima), int(minima.sum())
    interval = wilson_interval(count, n)
    return Verdict(
        above(interval, NEARLY_ALL) if n else UNDECIDED, "share of minima at all of whose neurons d (+1) more eigenvalues are zero",
        count / n if n else np.nan, *interval, BY_RUN, n, "distinct minima",
        f"95 % interval above {NEARLY_ALL:.0%} (holds), below (does not hold), zeros being eigenvalues below 1e-13 of the largest",
        f"{int(agree.sum())} of {len(agree)} neurons; the spectrum at γ = 1 is that at γ = 0",
    )  # fmt: skip


def _lines(tables: Tables) -> pd.DataFrame:
    """The rows of the table saddle_lines, of each minimum those of one run."""
    columns = ["widths", "bias", "seed", "neuron", "loss", "verdict", *VERDICT_OF_MATRIX, "zeros", "zeros_end", "dimension"]
    return distinct_minima(tables.get("saddle_lines", pd.DataFrame(columns=columns)))


def all_in_each(lines: pd.DataFrame, hits: pd.Series) -> pd.Series:
    """Of each minimum whether all its neurons are hits.

    Parameters
    ----------
    lines : DataFrame
        One row per neuron, with a column minimum.
    hits : Series of bool
        One per row.

    Returns
    -------
    Series of bool
    """
    return hits.astype(bool).groupby(lines["minimum"]).all()


@claim("C6", "In a channel updates become parallel to the saddle line, while the loss keeps falling.")
def parallel_updates(tables: Tables) -> Verdict:
    """Runs at the norm wall with one parallel pair, to whose saddle lines one direction is common. Source: paper, Figure 3d, e.

    They are selected by the first two criteria of a channel alone: the third is about how updates lie. Told beside are those that it
    selects, and those whose end at infinity is a certified minimum with one pair, which no update has a say in.

    Parameters
    ----------
    tables : dict
        Table name → DataFrame.

    Returns
    -------
    Verdict
    """
    runs = tables.get("channel_updates", pd.DataFrame(columns=[*RUN, "cosine", "last", "fall", "rise", "aligned"]))
    aligned = runs["aligned"].astype(bool)
    parallel, falls = runs["cosine"] > PARALLEL, (runs["fall"] > 0) & (runs["rise"] < BACKWARD * runs["fall"])
    both, certified = parallel & falls, certified_routes(runs, tables.get("routes", pd.DataFrame())) == "pair"
    parts = [fraction("parallel", parallel, runs), fraction("loss falls", falls, runs),
             fraction("both, of those that fulfil the third criterion too", both[aligned], runs[aligned]),
             fraction("of those with a certified pair at infinity", both[certified], runs[certified])]  # fmt: skip
    if len(runs):
        cosines = ", ".join(f"{1 - runs[column].median():.1g} {name}" for column, name in [("cosine", "on average"), ("last", "at last")])
        parts.append(f"1 − |cosine| {cosines}, relative fall {runs['fall'].median():.1g}, in the median")
    verdict = one_share(both, runs, NEARLY_ALL, "share of runs at the wall with one parallel pair", "; ".join(parts))
    verdict.decision = (
        f"95 % interval by network of the share with a mean |cosine| of the last 51 updates above {PARALLEL} and a loss that falls over "
        f"them by more than it goes up again from sample to sample, above {NEARLY_ALL:.0%} (holds) or below (does not hold)"
    )
    return verdict
