"""The summary of any sweep: loss levels, ends, closest pairs and routes of each network, and maps over the two axes that vary most.

Not in the paper.
"""

import numpy as np
import palette
import style
from figR_routes import CATEGORIES, category
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from flatchannels.pipeline import jobs
from flatchannels.reporting.end_shares import AXES, kinds, varying
from flatchannels.reporting.groups import ORDER, grouped
from flatchannels.reporting.identity import DEFAULT_PROTOCOL
from flatchannels.reporting.levels import find_levels
from flatchannels.storage import table_files
from flatchannels.storage.schemas.catalogue import SCHEMAS

COLOURS = {"exact fit": palette.GREEN, "channel": palette.BLUE, "plateau saddle": palette.ORANGE, "norm wall": palette.SKY,
           "minimum": palette.BLACK, "not converged": "0.7", "failed": palette.VERMILLION}  # fmt: skip
SHOWN = 3  # ends whose shares have points, and maps: those that occur, the first of COLOURS before the others
PARALLEL_COSINE = 1e-3  # the paper's bound, Appendix B.3
ROW, PANELS, MAPS = 0.15, 1.9, 2.0  # heights, inches: of a row, of all around the rows, of the maps
SMALLEST_COSINE = 1e-16  # on the axis: below it a distance is rounding
LETTERS = 20  # that stand side by side below a map
DARK = 0.55  # share from which the numbers in a map are white
# How values of an axis are called in the name of a row; not at all those that a protocol has by default, and the rate of a flow.
WORDS = {
    "family": palette.dataset_label,
    "dimension": "d {}".format,
    "activation": str,
    "widths": lambda value: f"r {value.replace('x', '-')}",
    "bias": lambda value: "bias" if value else "no bias",
    "initial_scale": lambda value: f"scale {value:g}" if value != DEFAULT_PROTOCOL["initial_scale"] else "",
    "scheme": lambda value: value.replace("_", " ") if value != DEFAULT_PROTOCOL["scheme"] else "",
    "optimiser": lambda value: value if value != DEFAULT_PROTOCOL["optimiser"] else "",
    "rate": lambda value: f"rate {value:g}" if value else "",
    "batch": lambda value: f"batch {value}" if value else "",
    "budget": lambda value: f"{value:,} steps".replace(",", " ") if value else "",
    "maxnorm": "wall {:g}".format,
}
NAMES = {  # of an axis of a map
    "family": "dataset",
    "dimension": "dimension $d$",
    "widths": "width $r$",
    "initial_scale": "initial scale",
    "rate": "learning rate",
    "maxnorm": "norm wall",
}


def draw(runs, layers, shares, routes):
    """The figure, from the tables channel_runs, channels, end_shares and routes of one sweep."""
    axes_names = varying(runs)
    rows = [key for key, _ in grouped(runs, AXES)]
    height = PANELS + ROW * max(len(rows), 4)
    maps = len(axes_names) > 1
    figure = style.new_figure(height + MAPS * maps)
    top, bottom = figure.subfigures(2, 1, height_ratios=[height, MAPS]) if maps else (figure, None)
    panels = top.subplots(1, 4, sharey=True, width_ratios=[1.5, 1, 1, 1])
    levels_panel(panels[0], runs, rows)
    shares_panel(panels[1], shares, rows)
    pairs_panel(panels[2], layers, rows)
    routes_panel(panels[3], routes, rows)
    labels = [row_label(row, axes_names) for row in rows]
    panels[0].set(yticks=range(len(rows)), yticklabels=labels, ylim=(max(len(rows), 1) - 0.4, -0.6))
    for axes in panels:
        axes.tick_params(axis="y", length=0, labelsize=6)
    legends(top, kinds(runs), shown(shares), routes)
    if maps:
        map_panels(bottom, shares, *two_axes(shares, axes_names))
    return figure


def shown(shares):
    """The ends whose shares have points, and maps; there are always as many."""
    there = set(shares["end"][shares["count"] > 0])
    return sorted(sorted(COLOURS, key=lambda end: end not in there)[:SHOWN], key=list(COLOURS).index)


def row_label(row, axes_names):
    """What tells a row from the others: r 4, scale 0.1."""
    words = [WORDS[name](value) for name, value in zip(AXES, row, strict=True) if name in axes_names]
    return ", ".join(filter(None, words)) or ("by default" if axes_names else "all runs")


def of_row(table, row):
    """The rows of a table about one network and protocol."""
    return table[np.logical_and.reduce([table[name] == value for name, value in zip(AXES, row, strict=True)])]


def levels_panel(axes, runs, rows):
    """Loss levels of each row, as diamonds in the colour of the most frequent end; exact fits at the left."""
    found = kinds(runs)
    there = runs[~found.isin(["failed", "exact fit"])]["loss"]
    left = 0.2 * there[there > 0].min() if (there > 0).any() else 1.0
    for at, row in enumerate(rows):
        ends = found[of_row(runs, row).index]
        exact = int((ends == "exact fit").sum())
        losses = runs["loss"][ends[~ends.isin(["failed", "exact fit"])].index]
        level, heights = find_levels(losses)
        for number, loss in enumerate(heights):
            here = ends[losses.index[level == number]]
            axes.scatter(max(loss, left), at, area(len(here)), marker="d", color=COLOURS[here.mode()[0]], linewidth=0, alpha=0.8)
        if exact:
            axes.scatter(left, at, area(exact), marker="d", color=COLOURS["exact fit"], linewidth=0)
    axes.set(xscale="log", xlabel="loss", title="levels")
    style.log_ticks(axes.xaxis)
    if (found == "exact fit").any():
        begin_with_zero(axes, left)
    if not len(runs):
        style.say_empty(axes)


def begin_with_zero(axes, left):
    """Call the left end of a logarithmic axis 0, and part it from the rest."""
    between = 2.2 * left
    limits = axes.get_xlim()
    ticks, minor = ([tick for tick in axes.get_xticks(minor=which) if between < tick < limits[1]] for which in (False, True))
    axes.set_xticks([left, *ticks], ["0", *(f"{tick:g}" for tick in ticks)])
    axes.set_xticks(minor, minor=True)
    axes.set_xlim(limits)
    axes.axvline(between, color=palette.GREY, linewidth=0.6, linestyle=":")


def area(number):
    """Area of a diamond in points², growing with the logarithm of the number of runs."""
    return 9 + 14 * np.log10(number)


def shares_panel(axes, shares, rows):
    """Shares of the ends `shown` of each row, a point with its interval for each."""
    for at, row in enumerate(rows):
        chosen = of_row(shares, row).set_index("end")
        for number, end in enumerate(shown(shares)):
            share, low, high = (100 * chosen.loc[end, key] for key in ["share", "low", "high"])
            place = at + 0.24 * (number - 1)
            axes.plot([low, high], [place, place], color=COLOURS[end], linewidth=0.7)
            axes.plot(share, place, "o", color=COLOURS[end], ms=2.6)
    axes.set(xlim=(-2, 102), xticks=[0, 50, 100], xlabel="runs (%)", title="ends")


def pairs_panel(axes, layers, rows):
    """The cosine distance of the closest pair of every hidden layer and run, coloured where the run is in a channel."""
    for at, row in enumerate(rows):
        chosen = of_row(layers, row)
        chosen = chosen[np.isfinite(chosen["cosine"])]
        spread = np.linspace(-0.28, 0.28, len(chosen)) if len(chosen) > 1 else np.zeros(len(chosen))
        colours = np.where(chosen["channel"], COLOURS["channel"], np.where(chosen["infinite"], COLOURS["norm wall"], "0.6"))
        axes.scatter(np.maximum(chosen["cosine"], SMALLEST_COSINE), at + spread, 3, c=colours, linewidth=0)
    axes.axvline(PARALLEL_COSINE, color="black", linewidth=0.6, linestyle="--", zorder=0)
    axes.set(xscale="log", xlim=(SMALLEST_COSINE / 5, 5), xticks=[1e-12, 1e-3], xlabel="distance", title="pairs")
    axes.minorticks_off()


def routes_panel(axes, routes, rows):
    """By which routes the runs at the norm wall go to infinity: stacked shares, with their number at the right."""
    for at, row in enumerate(rows):
        chosen = of_row(routes, row)
        names = [category(route) for _, route in chosen.iterrows()]
        left = 0.0
        for name, colour in CATEGORIES.items():
            share = 100 * names.count(name) / max(len(names), 1)
            axes.barh(at, share, 0.7, left=left, color=colour)
            left += share
        axes.text(103, at, len(names), va="center", fontsize=5.5, color="black" if names else palette.GREY)
    axes.set(xlim=(0, 100), xticks=[0, 50, 100], xlabel="of these (%)", title="routes")


def legends(owner, found, shares_of, routes):
    """What the colours mean, of those ends and routes that there are."""
    look = {"marker": "d", "linestyle": "", "ms": 4}
    ends = [Line2D([], [], **look, color=colour, label=end) for end, colour in COLOURS.items() if (found == end).any() or end in shares_of]
    there = {category(route) for _, route in routes.iterrows()}
    ways = [Patch(color=colour, label=name) for name, colour in CATEGORIES.items() if name in there]
    owner.legend(handles=ends + ways, loc="outside lower center", ncols=4, fontsize=6)


def two_axes(table, axes_names):
    """The two axes with the most values, the one with more of them first."""
    return sorted(axes_names, key=lambda name: -table[name].nunique())[:2]


def map_panels(owner, shares, across, up):
    """A map of each share `shown` over two axes, all runs of a cell together."""
    order = {name: sorted(shares[name].unique(), key=ORDER.get(name)) for name in (across, up)}
    panels = owner.subplots(1, SHOWN, sharey=True)
    for axes, end in zip(panels, shown(shares), strict=True):
        counts = shares[shares["end"] == end].pivot_table(index=up, columns=across, values=["count", "runs"], aggfunc="sum")
        counts = counts.reindex(index=order[up])
        values = np.array([[percent(counts, row, column, up, across) for column in order[across]] for row in order[up]], dtype=float)
        axes.imshow(values, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=100)
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                axes.text(j, i, f"{value:.0f}", ha="center", va="center", fontsize=6, color="white" if value > 100 * DARK else "black")
        axes.set(xticks=range(len(order[across])), yticks=range(len(order[up])), xlabel=NAMES.get(across, across), title=end)
        labels = [tick(across, value) for value in order[across]]
        axes.set_xticklabels(labels, rotation=90 if sum(map(len, labels)) > LETTERS else 0)
        axes.set_yticklabels([tick(up, value) for value in order[up]])
        axes.spines[:].set_visible(False)
    panels[0].set_ylabel(NAMES.get(up, up))


def percent(counts, row, column, up, across):
    """The share of a cell, %; NaN where there are no runs."""
    try:
        count, runs = counts.loc[row, ("count", column)], counts.loc[row, ("runs", column)]
    except KeyError:
        return np.nan
    return 100 * count / runs if runs > 0 else np.nan


def tick(name, value):
    """A value of an axis, short: its name stands beside the axis."""
    if name in ("rate", "batch", "budget"):
        return f"{value:g}" if value else "none"
    if name in ("initial_scale", "maxnorm", "dimension"):
        return f"{value:g}"
    return str(value).replace("_", " ") if name in ("scheme", "optimiser") else WORDS[name](value).removeprefix("r ")


def main(snakemake):
    """Read the tables that the rule names and write the figure."""
    names = ["channel_runs", "channels", "end_shares", "routes"]
    style.save(draw(*(table_files.read_table(snakemake.input[name], SCHEMAS[name]) for name in names)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
