"""Figure S, of this project: how often channels are reached, over width r, dimension d and dataset.

Networks with one hidden layer and softplus. A row of maps for each reading of a channel, one map for each dataset, and below them the
shares of channels by width, by dimension and by dataset, with intervals by network.
"""

import numpy as np
import palette
import style
from channel_panels import ordered
from matplotlib.colors import Normalize

from flatchannels.names import widths_key
from flatchannels.pipeline import jobs
from flatchannels.reporting.cluster_intervals import share_of_counts
from flatchannels.reporting.groups import ALL, one_hidden_layer
from flatchannels.reporting.shares import wilson_interval
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNEL_SHARES

READINGS = {
    "channel": "in a channel\n(conditions 1–3)",
    "channel_pair": "a parallel pair\n(conditions 1, 2)",
    "infinite": "infinite norm\n(condition 1)",
}
DARK = 0.55  # share from which the numbers in a map are white
DODGE = 0.12  # of the datasets at one width or dimension


def of_networks(shares):
    """The rows about single networks of one hidden layer, with biases and softplus, of the readings shown."""
    networks = one_hidden_layer(shares[(shares["widths"] != ALL) & shares["bias"]])
    alone = networks["setting"].map(lambda name: " " not in name).astype(bool)
    return networks[alone & networks["quantity"].isin(list(READINGS))]


def draw(shares):
    """The figure, from the table channel_shares."""
    rows = of_networks(shares)
    settings = ordered(rows["setting"])
    figure = style.new_figure(5.9)
    top, bottom = figure.subfigures(2, 1, height_ratios=[3.4, 1.7])
    maps = top.subplots(len(READINGS), max(len(settings), 1), squeeze=False, sharex=True, sharey=True)
    sizes = sorted(set(rows["widths"]), key=widths_key), sorted(set(rows["dimension"]))
    for line, (quantity, words) in zip(maps, READINGS.items(), strict=True):
        for axes, name in zip(line, settings, strict=False):
            map_panel(axes, rows[(rows["quantity"] == quantity) & (rows["setting"] == name)], *sizes)
        line[0].set_ylabel(f"{words}\ndimension $d$")
    for axes, name in zip(maps[0], settings, strict=False):
        axes.set_title(palette.setting_label(name))
    for axes in maps[-1]:
        axes.set_xlabel("width $r$")
    top.suptitle(counted(rows), fontsize=7, color=palette.GREY)
    inside = rows[rows["quantity"] == "channel"]
    panels = bottom.subplots(1, 3, sharey=True, width_ratios=[1, 1, 0.8])
    line_panel(panels[0], inside, "widths", settings, "width $r$")
    line_panel(panels[1], inside, "dimension", settings, "dimension $d$")
    dataset_panel(panels[2], inside, settings)
    panels[0].set(ylabel="in a channel (%)", ylim=(0, None))
    for axes, letter in [(maps[0, 0], "a"), (maps[1, 0], "b"), (maps[2, 0], "c"), *zip(panels, "def", strict=True)]:
        style.panel_label(axes, letter)
    if not settings:
        for axes in [maps[0, 0], *panels]:
            style.say_empty(axes)
    return figure


def counted(rows):
    """50 runs in each cell, or 10 to 50."""
    runs = rows.loc[rows["quantity"] == "channel", "runs"]
    if not len(runs):
        return ""
    number = f"{runs.min()}" if runs.min() == runs.max() else f"{runs.min()} to {runs.max()}"
    half = max(np.diff(wilson_interval(runs.min() / 2, runs.min()))) / 2
    return f"{number} runs in each cell: its 95 % interval is at most ± {100 * half:.0f} %; shares in per cent"


def map_panel(axes, rows, widths, dimensions):
    """The shares of one dataset over width and dimension, as colours and as numbers; white where there are no runs."""
    values = np.full((len(dimensions), len(widths)), np.nan)
    for row in rows.itertuples():
        values[dimensions.index(row.dimension), widths.index(row.widths)] = row.share
    axes.imshow(values, norm=Normalize(0, 1), cmap="viridis_r", aspect="auto", origin="lower")
    for (down, across), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(across, down, f"{100 * value:.0f}", ha="center", va="center", fontsize=6, color="white" if value > DARK else "black")
    axes.set(xticks=range(len(widths)), xticklabels=widths, yticks=range(len(dimensions)), yticklabels=dimensions)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def line_panel(axes, rows, column, settings, label):
    """The share of channels by width or dimension, a line for each dataset, with intervals by network."""
    values = sorted(set(rows[column]), key=widths_key if column == "widths" else None)
    for number, name in enumerate(settings):
        mine = rows[rows["setting"] == name]
        there = [value for value in values if (mine[column] == value).any()]
        places = np.array([values.index(value) for value in there]) + DODGE * (number - (len(settings) - 1) / 2)
        interval_points(axes, places, [mine[mine[column] == value] for value in there], palette.setting_colour(name), "-")
    axes.set(xticks=range(len(values)), xticklabels=values, xlabel=label)


def dataset_panel(axes, rows, settings):
    """The share of channels of each dataset, with its interval by network."""
    for place, name in enumerate(settings):
        interval_points(axes, np.array([place]), [rows[rows["setting"] == name]], palette.setting_colour(name), "none")
    axes.set(xticks=range(len(settings)), xlabel="dataset", xlim=(-0.6, max(len(settings), 1) - 0.4))
    axes.set_xticklabels([palette.setting_label(name) for name in settings], rotation=45, ha="right")


def interval_points(axes, places, groups, colour, line):
    """A point with its interval for each group of networks."""
    found = [share_of_counts(group["count"], group["runs"]) for group in groups]
    share, low, high = (100 * np.array([getattr(each, key) for each in found]) for key in ("value", "low", "high"))
    axes.errorbar(
        places, share, yerr=[share - low, high - share], color=colour, fmt="o", ms=2.5, capsize=1.5, elinewidth=0.7, linestyle=line
    )


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channel_shares, CHANNEL_SHARES)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
