"""Figure A1: loss levels without and with biases, how many runs go to infinity, and how many have duplicate neurons.

The two settings stand one above the other, on common axes. Source: paper, Appendix A, Figure A1.
"""

import palette
import style
from fig2_levels import duplicates_panel, level_legend, levels_panel, ordered_widths
from matplotlib.patches import Patch

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.runs import LOSS_LEVELS, SHARES

INFINITE = {"facecolor": "white", "linewidth": 0.6, "hatch": "//////"}


def draw(levels, shares):
    """The figure, from the tables loss_levels and shares (flatchannels.storage.schemas.runs) of both bias settings."""
    figure = style.new_figure(5.2)
    names = ordered_widths(shares)
    panels = figure.subplots(2, 3, sharex="col", sharey=True, width_ratios=[4.4, 1, 1])
    settings = [(False, "without biases"), (True, "with biases")]
    for letter, row, (bias, title) in zip("ab", panels, settings, strict=True):
        here, chosen = levels[levels["bias"] == bias], shares[shares["bias"] == bias]
        levels_panel(row[0], here, names)
        outcome_panel(row[1], chosen, names)
        duplicates_panel(row[2], chosen, names)
        row[0].set_title(title)
        style.panel_label(row[0], letter)
    for axes in panels[0]:
        axes.set_xlabel("")
    outcomes = [Patch(color="0.4", label="finite"), Patch(**INFINITE, edgecolor="0.4", label="infinite")]
    panels[0, 1].legend(handles=outcomes, loc="lower left", bbox_to_anchor=(-0.1, 1), borderaxespad=0, handlelength=1, labelspacing=0.2)
    level_legend(figure, loc="outside lower center", ncols=6)
    return figure


def outcome_panel(axes, shares, names):
    """Number of runs that end at finite and at infinite norm, a horizontal bar in the row of each width."""
    for row in shares[shares["quantity"] == "infinite"].itertuples():
        at, colour, finite = names.index(row.widths), palette.width_colour(row.widths), row.runs - row.count
        axes.barh(at, finite, 0.55, color=colour)
        axes.barh(at, row.count, 0.55, left=finite, edgecolor=colour, **INFINITE)
    axes.set(xlabel="runs")
    axes.tick_params(axis="y", length=0, labelleft=False)
    style.few_ticks(axes.xaxis)


def main(snakemake):
    """Read the tables that the rule names and write the figure."""
    tables = [table_files.read_table(snakemake.input[schema.name], schema) for schema in [LOSS_LEVELS, SHARES]]
    style.save(draw(*(table[table["sweep"] == snakemake.params.sweep] for table in tables)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
