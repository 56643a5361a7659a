"""Figure 2, panels a and b: the target, how many solutions there are, and the loss levels that widths share.

Bias-free runs on the modified Rosenbrock function in two dimensions. Source: paper, section 2, Figure 2.
"""

import numpy as np
import palette
import style
from matplotlib.lines import Line2D

from flatchannels.names import widths_key
from flatchannels.pipeline import jobs
from flatchannels.storage import dataset_files, table_files
from flatchannels.storage.schemas.runs import LOSS_LEVELS, SHARES, SOLUTIONS


def draw(target, levels, solutions, shares):
    """The figure.

    Parameters
    ----------
    target : dict with x (N, 2) on a regular grid and y (N,); None where the target is not on a grid.
    levels, solutions, shares : tables of those names (flatchannels.storage.schemas.runs), one configuration each.
    """
    figure = style.new_figure(4.5)
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.45])
    target_axes, solutions_axes = top.subplots(1, 2)
    levels_axes, duplicates_axes = bottom.subplots(1, 2, sharey=True, width_ratios=[5, 1])
    target_panel(target_axes, target)
    solutions_panel(solutions_axes, solutions)
    names = ordered_widths(shares)
    levels_panel(levels_axes, levels, names)
    duplicates_panel(duplicates_axes, shares, names)
    level_legend(bottom, loc="outside lower center", ncols=6)
    style.panel_label(target_axes, "a")
    style.panel_label(levels_axes, "b")
    return figure


def ordered_widths(table):
    """Names of the widths in a table, in numerical order."""
    return sorted(table["widths"].unique(), key=widths_key)


def target_panel(axes, target):
    """The target as an image over its grid, with a colour bar."""
    if target is None:
        return style.say_empty(axes, "a target that is not on a grid")
    x, y = target["x"], target["y"]
    side = [np.unique(x[:, axis]) for axis in range(2)]
    image = np.full((len(side[1]), len(side[0])), np.nan)
    image[np.searchsorted(side[1], x[:, 1]), np.searchsorted(side[0], x[:, 0])] = y
    extent = [side[0][0], side[0][-1], side[1][0], side[1][-1]]
    picture = axes.imshow(image, origin="lower", extent=extent, cmap="cividis", interpolation="nearest", rasterized=True)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.figure.colorbar(picture, ax=axes, label="target $y$", shrink=0.9)


def solutions_panel(axes, solutions):
    """Unique solutions per width: bars for all runs, points for those without duplicate neurons, dashes at 3^r."""
    names = ordered_widths(solutions)
    dashes = {"color": "black", "linestyle": (0, (3, 2)), "linewidth": 0.9}
    runs = {"color": "black", "marker": "_", "ms": 9, "mew": 0.8, "linestyle": ""}
    points = {"color": "white", "mec": "black", "marker": "o", "ms": 4, "mew": 0.7, "linestyle": ""}
    for position, widths in enumerate(names):
        rows = solutions[solutions["widths"] == widths].set_index("outcome")
        axes.bar(position, rows.loc["all", "solutions"], 0.62, color=palette.width_colour(widths))
        axes.plot(position, rows.loc["all", "runs"], **runs)
        axes.hlines(3 ** int(widths), position - 0.45, position + 0.45, **dashes)
        if rows.loc["no duplicates", "solutions"]:
            axes.plot(position, rows.loc["no duplicates", "solutions"], **points)
    style.width_ticks(axes, names)
    axes.set(ylabel="unique solutions", yscale="log")
    handles = [Line2D([], [], **look, label=label) for look, label in
               [(runs, "runs"), (dashes, "$3^r$"), (points, "without duplicates")]]  # fmt: skip
    axes.legend(handles=handles, loc="lower right", bbox_to_anchor=(1.02, 1), ncols=3, borderaxespad=0, handlelength=1.4)
    if not names:
        return style.say_empty(axes)
    axes.set_ylim(0.7, 2 * max(solutions["runs"].max(), 3 ** max(int(name) for name in names)))


def levels_panel(axes, levels, names):
    """Loss levels, one row of diamonds per width; a grey line joins the widths that share a level.

    Larger diamonds stand for more runs. Filled: some of them have duplicate neurons. With a tick below: all of them are
    on their way to infinity, and their loss is the one at the norm wall. `names` orders the rows.
    """
    axes.set(xlabel="loss")
    style.width_ticks(axes, names, "y")
    if levels.empty:
        return style.say_empty(axes)
    levels = levels.assign(row=[names.index(widths) for widths in levels["widths"]])
    ends = levels.groupby("level").agg(loss=("loss", "first"), low=("row", "min"), high=("row", "max"))
    ends = ends[ends["high"] > ends["low"]]
    axes.vlines(ends["loss"], ends["low"], ends["high"], color="0.75", linewidth=0.6, zorder=1)
    for row, widths in enumerate(names):
        colour = palette.width_colour(widths)
        here = levels[levels["row"] == row].sort_values("runs", ascending=False)  # large diamonds at the back
        faces = [colour if duplicates else "white" for duplicates in here["duplicates"]]
        axes.scatter(here["loss"], here["row"], diamond_area(here["runs"]), marker="d", c=faces, edgecolor=colour, linewidth=0.7, zorder=3)
        infinite = here[here["infinite"] == here["runs"]]
        axes.plot(infinite["loss"], infinite["row"] - 0.3, "|", color=colour, ms=3.5, mew=0.6)
    axes.set_xscale("log")
    style.log_ticks(axes.xaxis)


def diamond_area(runs):
    """Area of a diamond in points², growing with the logarithm of the number of runs."""
    return 9 + 16 * np.log10(runs)


def level_legend(owner, **where):
    """What the markers of levels_panel mean."""
    look = {"marker": "d", "linestyle": "", "color": "0.3", "mew": 0.7}
    handles = [
        Line2D([], [], **look, ms=4.5, label="some with duplicates"),
        Line2D([], [], **look, ms=4.5, mfc="white", label="no duplicates"),
        Line2D([], [], color="0.3", marker="|", linestyle="", ms=4, mew=0.6, label="all at infinite norm"),
        *(Line2D([], [], **look, mfc="white", ms=np.sqrt(diamond_area(n)), label=f"{n} run{'s' * (n > 1)}") for n in [1, 10, 100]),
    ]
    return owner.legend(handles=handles, **where)


def duplicates_panel(axes, shares, names):
    """Share of runs with duplicate neurons, a horizontal bar in the row of each width, with its Wilson interval."""
    chosen = shares[(shares["quantity"] == "duplicates") & (shares["outcome"] == "all") & (shares["runs"] > 0)]
    for row in chosen.itertuples():
        at, percent = names.index(row.widths), 100 * row.share
        axes.barh(at, percent, 0.55, color=palette.width_colour(row.widths))
        axes.errorbar(percent, at, xerr=[[percent - 100 * row.low], [100 * row.high - percent]], color="black", capsize=1.5,
                      elinewidth=0.7, capthick=0.7)  # fmt: skip
    axes.set(xlabel="with\nduplicates (%)")
    axes.set_xlim(0, max(10, 105 * chosen["high"].max() if len(chosen) else 0, axes.get_xlim()[1]))  # others may share it
    axes.tick_params(axis="y", length=0, labelleft=False)
    style.few_ticks(axes.xaxis)


def main(snakemake):
    """Read the tables that the rule names and write the figure."""
    grids = [dataset_files.read_dataset_arrays(path)[0] for path in snakemake.input.dataset]
    tables = [table_files.read_table(snakemake.input[schema.name], schema) for schema in [LOSS_LEVELS, SOLUTIONS, SHARES]]
    params = snakemake.params
    for key in ["sweep", "dataset", "activation"]:
        tables = [table[table[key] == params[key]] for table in tables]
    tables = [table[~table["bias"]] for table in tables]
    style.save(draw(grids[0] if grids else None, *tables), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
