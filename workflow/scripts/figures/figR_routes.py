"""Figure R, of this project: by which routes runs go to infinity, beside the paper's criteria for channels.

Source: `flatchannels.infinity.routes`; the criteria are those of the paper's Appendix B.3.
"""

import numpy as np
import palette
import style
from matplotlib.patches import Patch

from flatchannels.names import setting_key, widths_key
from flatchannels.pipeline import jobs
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage import table_files
from flatchannels.storage.schemas.infinity import ROUTES

CATEGORIES = {  # in the order of the bars: colour; grey where nothing is certified
    "gated pairs, certified": palette.BLUE,
    "triples, certified": palette.SKY,
    "with hinges, certified": palette.PURPLE,
    "others, certified": palette.GREEN,
    "turn back to a finite minimum": palette.ORANGE,
    "steep neurons, undecided": "0.72",
    "others, undecided": "0.88",
}
SMALLEST = 1e-12  # of (L − L_∞) / L on the axis
AROUND_BARS, BAR, RATIOS = 1.2, 0.13, 1.7  # inches: titles, axes and legend of the bars; a bar with its gap; the panel of ratios
MARKERS = {"gated pairs, certified": "o", "triples, certified": "^", "with hinges, certified": "v", "others, certified": "s"}


def draw(routes):
    """The figure from the table of routes: bars per setting and width, and the ratios of the certificates below."""
    rows = ordered_rows(routes)
    heights = [AROUND_BARS + BAR * max(len(rows), 4), RATIOS]
    figure = style.new_figure(sum(heights))
    top, bottom = figure.subfigures(2, 1, height_ratios=heights)
    channel_axes, other_axes = top.subplots(1, 2, sharey=True)
    categories = routes.apply(category, axis=1) if len(routes) else routes["route"]
    bars_panel(channel_axes, routes[routes["channel"]], categories, rows, intervals=True)
    bars_panel(other_axes, routes[~routes["channel"]], categories, rows)
    channel_axes.set_title("in a channel by the paper's criteria")
    other_axes.set_title("other runs at the norm wall")
    top.legend(handles=[Patch(color=colour, label=name) for name, colour in CATEGORIES.items()], loc="outside lower center", ncols=3)
    ratio_axes = bottom.subplots()
    ratio_panel(ratio_axes, routes, categories)
    for axes, letter in [(channel_axes, "a"), (other_axes, "b"), (ratio_axes, "c")]:
        style.panel_label(axes, letter)
    return figure


def ordered_rows(routes):
    """(setting, bias, widths) of the bars, from the top."""
    rows = set(zip(routes["setting"], routes["bias"], routes["widths"], strict=True))
    return sorted(rows, key=lambda row: (setting_key(row[0]), not row[1], widths_key(row[2])))


def category(run):
    """The category in CATEGORIES of a row of the table."""
    if run["verdict"] == "turns back":
        return "turn back to a finite minimum"
    if run["verdict"] == "undecided":
        return "steep neurons, undecided" if "steep" in run["route"] else "others, undecided"
    kinds = {part.lstrip("0123456789 ").split(" in ")[0] for part in run["route"].split(" + ")} - {"duplicate"}
    if "steep" in kinds:
        return "with hinges, certified"
    return {frozenset(["pair"]): "gated pairs, certified", frozenset(["triple"]): "triples, certified"}.get(
        frozenset(kinds), "others, certified"
    )


def bars_panel(axes, routes, categories, rows, intervals=False):
    """Shares of the categories, one bar per row of `rows`; with the number of runs, and Wilson intervals of what is certified."""
    for position, (setting, bias, widths) in enumerate(rows):
        kinds = categories[routes.index[(routes["setting"] == setting) & (routes["bias"] == bias) & (routes["widths"] == widths)]]
        left = 0.0
        for name, colour in CATEGORIES.items():
            share = 100 * (kinds == name).mean() if len(kinds) else 0.0
            axes.barh(position, share, 0.75, left=left, color=colour)
            left += share
        axes.text(102, position, len(kinds), va="center", fontsize=6, color="black" if len(kinds) else palette.GREY)
        if intervals and len(kinds):
            certified = int(kinds.str.endswith(", certified").sum())
            low, high = wilson_interval(certified, len(kinds))
            axes.plot([100 * low, 100 * high], [position, position], color="black", linewidth=0.8)
    axes.set(xlim=(0, 100), xlabel="runs (%)", yticks=range(len(rows)), ylim=(max(len(rows), 1) - 0.4, -0.6))
    axes.set_yticklabels([f"{palette.full_label(name, bias)}: {widths.replace('x', '-')}" for name, bias, widths in rows])
    axes.tick_params(axis="y", length=0, labelsize=6)
    if not len(routes):
        style.say_empty(axes)


def ratio_panel(axes, routes, categories):
    """(L − L_∞) over the difference that the slopes at infinity predict, against (L − L_∞) / L, for what is certified."""
    for name, marker in MARKERS.items():
        chosen = routes[categories == name]
        distance = np.maximum(1 - chosen["loss_infinity"] / chosen["loss"], SMALLEST)
        axes.plot(distance, chosen["ratio"], marker, color=CATEGORIES[name], ms=3, mew=0.4, mec="white", alpha=0.8)
    for at, line in [(1.0, "-"), (0.9, ":"), (1.1, ":")]:
        axes.axhline(at, color="black", linewidth=0.6, linestyle=line, zorder=0)
    axes.set(ylim=(0.88, 1.12), xlabel=r"distance from infinity, $(L - L_\infty)/L$", ylabel="$L - L_\\infty$ over\nits prediction")
    if (routes["verdict"] == "certified").any():
        axes.set_xscale("log")
    else:  # without points there is no logarithmic axis
        style.say_empty(axes)


def main(snakemake):
    """Read the table that the rule names and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.routes, ROUTES)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
