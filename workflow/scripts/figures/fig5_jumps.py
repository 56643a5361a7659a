"""Figure 5: the jump procedure along a channel, and its end at infinity.

Source: paper, Appendix C.1, Figure 5; L_∞ and the limits of c, a and cos(Δ, w) are exact, from the limit network.
"""

import numpy as np
import palette
import style
from matplotlib.lines import Line2D
from saddle_panels import none_found

from flatchannels.pipeline import jobs
from flatchannels.reporting.claims.infinity import power_law
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import JUMPS

FLOW, JUMP, LIMIT = palette.GREY, palette.BLUE, palette.VERMILLION
DASHES = {"color": LIMIT, "linewidth": 0.8, "linestyle": (0, (4, 2))}
LIMITS = {"c": ("$c$", "limit_c"), "a": ("$a$", "limit_a"), "cosine": (r"$\cos(\Delta, w)$", "limit_cosine")}
POWERS = {"excess": r"$L - L_\infty$", "limit_error": "error of the limit", "largest": r"$\lambda_\mathrm{max}$"}
IN_CHANNEL = 1.0  # the flow is shown from where its ε is smaller for good


def draw(jumps):
    """The figure from the table of jumps."""
    if jumps.empty:
        return none_found(2.4, "no run is certified to end in a channel of a single pair")
    figure = style.new_figure(3.4)
    panels = figure.subplots(2, 3, sharex=True)
    outside = np.flatnonzero(jumps["epsilon"] > IN_CHANNEL)
    shown = jumps.iloc[outside[-1] + 1 if outside.size else 0 :]
    flow, jump = shown[shown["stage"] == "flow"], shown[shown["stage"] == "jump"]
    for axes, (key, (label, limit)) in zip(panels[0], LIMITS.items()):
        points(axes, flow, jump, key)
        axes.axhline(jumps[limit].iloc[0], **DASHES, zorder=0)
        axes.set_ylabel(label)
    for axes, (key, label) in zip(panels[1], POWERS.items()):
        points(axes, flow, jump, key)
        axes.set(yscale="log", ylabel=label, xlabel=r"$1/\epsilon$")
        if len(jump):
            fitted_line(axes, jump, key)
    for axes, letter in zip(panels.flat, "abcdef"):
        axes.set_xscale("log")
        style.panel_label(axes, letter)
    handles = [Line2D([], [], color=FLOW, marker=".", linestyle="", label="gradient flow"),
               Line2D([], [], color=JUMP, marker="o", ms=3.5, linestyle="", label="jump procedure"),
               Line2D([], [], **DASHES, label="limit network; power law of the last decade")]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    figure.suptitle(run_name(jumps.iloc[0]), size=8)
    return figure


def run_name(row):
    """Which run it is."""
    return (
        f"{palette.dataset_label(row['family'])}, $d = {row['dimension']}$, $r = {row['widths']}$, {row['activation']}, seed {row['seed']}"
    )


def points(axes, flow, jump, key):
    """A quantity against 1/ε."""
    axes.plot(1 / flow["epsilon"], flow[key], ".", color=FLOW, ms=3)
    axes.plot(1 / jump["epsilon"], jump[key], "o", color=JUMP, ms=3.5, mec="white", mew=0.4)


def fitted_line(axes, jump, key):
    """The power of ε fitted over its last decade, drawn through all jumps."""
    exponent, constant = power_law(jump["epsilon"], jump[key])
    epsilon = np.array([jump["epsilon"].min(), jump["epsilon"].max()])
    axes.plot(1 / epsilon, np.exp(constant) * epsilon**exponent, **DASHES, zorder=0)
    axes.text(0.95, 0.92 if exponent > 0 else 0.08, rf"$\propto \epsilon^{{{exponent:.3f}}}$", transform=axes.transAxes,
              ha="right", va="top" if exponent > 0 else "bottom", color=LIMIT, size=7)  # fmt: skip


def main(snakemake):
    """Read the table that the rule names and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.jumps, JUMPS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
