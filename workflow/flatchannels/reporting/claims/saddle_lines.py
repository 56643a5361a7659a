"""Claims on saddle lines and the plateaus on them: C4–C6."""

import numpy as np
import pandas as pd

from flatchannels.reporting.claims.verdict import CONVERGED_SHARE, FAILS, HOLDS, UNDECIDED, Verdict, claim
from flatchannels.reporting.shares import wilson_interval

SAME_LOSS = 1e-10  # difference of the losses of a flow's end and of the saddle line where it began, for a return to the line
END_OF_SEGMENT = 1e-9  # |γ (1 − γ)| of flows that start at γ = 0 or 1
PARALLEL = 0.99  # ASSUME: |cosine| of updates with the saddle line; the paper shows one example, with a cosine near 1
STEADY = 1e-6  # relative rise of a loss from sample to sample; a step of the flow may rise by 1e-7
NEARLY_ALL = 0.9  # ASSUME: the share of runs with which a claim about all of them holds


@claim("C4", "A saddle line is a local minimum exactly on the plateau segment; perturbed there a flow returns, elsewhere it ends lower.")
def plateaus(tables: dict[str, pd.DataFrame]) -> Verdict:
    """The Fukumizu–Amari matrix tells where, at every neuron of every converged network. Source: paper, Figures 2c, 2d, A2.

    Flows that start at γ = 0 or 1, the ends of the segment, are left out.
    """
    lines, flows = tables.get("saddle_lines", pd.DataFrame(columns=["verdict"])), tables.get("escapes", pd.DataFrame(columns=["example"]))
    lines, flows = lines[lines["verdict"] != "degenerate"], flows[flows["example"] == "plateau"]
    decision = (
        f"the Hessian is positive semidefinite where the matrix says so, and only there, at {CONVERGED_SHARE:.0%} of the neurons; "
        f"all flows from a plateau return within {SAME_LOSS:g}, all others end lower (holds), otherwise does not hold"
    )
    if lines.empty or flows.empty:
        return Verdict(UNDECIDED, "share of neurons", np.nan, np.nan, np.nan, len(lines), decision, "no converged network, or no plateau")
    agree = (lines["stable_inside"] == (lines["verdict"] == "stable inside")) & (
        lines["stable_outside"] == (lines["verdict"] == "stable outside")
    )
    flows = flows[(flows["start"] * (1 - flows["start"])).abs() > END_OF_SEGMENT]
    inside = (flows["start"] > 0) & (flows["start"] < 1)
    stable = inside == (flows["verdict"] == "stable inside")
    change = flows["loss"] - flows["loss_line"]
    returned, lower = change[stable].abs() < SAME_LOSS, change[~stable] < -SAME_LOSS
    holds = agree.mean() >= CONVERGED_SHARE and returned.all() and lower.all() and len(returned) and len(lower)
    low, high = wilson_interval(agree.sum(), len(agree))
    counts = ", ".join(f"{count} {name}" for name, count in lines["verdict"].value_counts().items())
    return Verdict(
        HOLDS if holds else FAILS, "share of neurons where Hessian and matrix agree", agree.mean(), low, high, len(lines), decision,
        f"neurons: {counts}; flows: {returned.sum()} of {len(returned)} from the plateau return (largest change of the loss "
        f"{change[stable].abs().max():.1g}), {lower.sum()} of {len(lower)} others end lower (by {-change[~stable].max():.2g} at least)",
    )  # fmt: skip


@claim("C5", "At γ = 0 and 1 as many more eigenvalues are zero as a neuron has input weights.")
def extra_zeros(tables: dict[str, pd.DataFrame]) -> Verdict:
    """d more without biases, d + 1 with, at every neuron of every converged network. Source: paper, Figure A4."""
    lines = tables.get("saddle_lines", pd.DataFrame(columns=["zeros_end", "zeros", "dimension", "bias"]))
    agree = lines["zeros_end"] - lines["zeros"] == lines["dimension"] + lines["bias"]
    n, count = len(agree), int(agree.sum())
    return Verdict(
        UNDECIDED if n == 0 else HOLDS if count / n >= CONVERGED_SHARE else FAILS, "share of neurons with d (+1) extra zeros",
        count / n if n else np.nan, *wilson_interval(count, n), n,
        f"at least {CONVERGED_SHARE:.0%} of these neurons, zeros being eigenvalues below 1e-13 of the largest",
        f"{count} of {n}; the spectrum at γ = 1 is that at γ = 0",
    )  # fmt: skip


@claim("C6", "In a channel updates become parallel to the saddle line, while the loss keeps falling.")
def parallel_updates(tables: dict[str, pd.DataFrame]) -> Verdict:
    """Runs in a channel of one pair, to whose saddle lines one direction is common. Source: paper, Figure 3d, e."""
    runs = tables.get("channel_updates", pd.DataFrame(columns=["cosine", "last", "rise"]))
    n, count = len(runs), int(((runs["cosine"] > PARALLEL) & (runs["rise"] < STEADY)).sum())
    low, high = wilson_interval(count, n)
    return Verdict(
        UNDECIDED if n == 0 else HOLDS if low > NEARLY_ALL else FAILS if high < NEARLY_ALL else UNDECIDED,
        "share of runs in a channel of one pair", count / n if n else np.nan, low, high, n,
        f"95 % interval of the share with a mean |cosine| of the last 51 updates above {PARALLEL} and no rise of the loss by more than "
        f"{STEADY:g} above {NEARLY_ALL:.0%} (holds) or below (does not hold)",
        f"1 − |cosine|: {1 - runs['cosine'].median():.1g} in the median, {1 - runs['last'].median():.1g} at the last update" if n else "",
    )  # fmt: skip
