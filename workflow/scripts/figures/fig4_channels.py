"""Figure 4: how often runs end in channels to infinity, what these look like, and what they are worth.

Panels d and e show the runs on one Gaussian process. Source: paper, section 4, Figure 4.
"""

import numpy as np
import palette
import pandas as pd
import style
from channel_panels import channel_dimensions, ordered, pairs_legend, pairs_panel, ratios_panel, towards_a_pair

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNEL_LAYERS, CHANNEL_RUNS, CHANNEL_SHARES, CHANNEL_SPECTRA, CHANNELS

SHOWN = "gp-s0.5"  # the setting of panels d and e; the first one that there is where this one is not
LAYOUT = ["aaabbb", "ccchhh", "dddeee", "DDDEEE", "fffggg"]
HEIGHTS = [2.2, 1.8, 1, 1, 1.5]
READING_LABELS = {"channel": "original", "channel_span": "group rows", "channel_pair": "without"}
READING_COLOURS = {"channel": palette.CHANNEL_COLOUR, "channel_span": palette.ORANGE, "channel_pair": "0.75"}


def draw(runs, layers, spectra, shares, layer_shares):
    """The figure, from the tables channel_runs, channels, channel_spectra, channel_shares and channel_layers."""
    figure = style.new_figure(8.4)
    panels = figure.subplot_mosaic("\n".join(LAYOUT), height_ratios=HEIGHTS)
    one_layer = [name for name in ordered(runs["setting"]) if " " not in name]
    pairs = layers[layers["setting"].isin(one_layer)]
    pairs_panel(panels["a"], pairs, [palette.setting_colour(name) for name in pairs["setting"]])
    style.say_count(panels["a"], len(pairs), y=1.01, va="bottom")
    late = towards_a_pair(runs[runs["setting"].isin(one_layer)])
    ratios_panel(panels["b"], late)
    panels["b"].legend(loc="upper center")
    style.say_count(panels["b"], len(late), y=1.01, va="bottom")
    shares_panel(panels["c"], shares)
    readings_panel(panels["h"], shares)
    shown = next((name for name in [SHOWN, *one_layer] if name in set(runs["setting"])), SHOWN)
    losses_panels(panels["d"], panels["D"], runs[runs["setting"] == shown])
    panels["d"].set_title(palette.setting_label(shown), loc="right")
    spectra_panels(panels["e"], panels["E"], spectra[spectra["setting"] == shown])
    panels["e"].set_title(palette.setting_label(shown), loc="right")
    layers_panel(panels["f"], layer_shares)
    dimensions_panel(panels["g"], layers, one_layer)
    for letter in "abcdefgh":
        style.panel_label(panels[letter], letter)
    pairs_legend(figure, {palette.setting_label(name): palette.setting_colour(name) for name in one_layer})
    return figure


def shares_panel(axes, shares):
    """Share of runs in a channel for every setting, with intervals by network and the numbers of runs and of networks."""
    rows = whole_settings(shares, "channel")
    names = rows["setting"].tolist()
    style.share_bars(axes, range(len(rows)), rows, color=[palette.setting_colour(name) for name in names])
    counts = zip(names, rows["runs"], rows["networks"], strict=True)
    labels = [f"{palette.setting_label(name)} ({runs}, {networks})" for name, runs, networks in counts]
    axes.set_xticks(range(len(rows)), labels, rotation=90, fontsize=6.5)
    axes.set(ylabel="in a channel (%)", ylim=(0, 100))
    if rows.empty:
        style.say_empty(axes)


def readings_panel(axes, shares):
    """The same shares by the readings of the third criterion, side by side for every setting."""
    width = 0.8 / len(READING_LABELS)
    for offset, (quantity, label) in zip((-width, 0, width), READING_LABELS.items(), strict=True):
        rows = whole_settings(shares, quantity)
        style.share_bars(axes, np.arange(len(rows)) + offset, rows, width, color=READING_COLOURS[quantity], label=label)
    if rows.empty:
        return style.say_empty(axes)
    axes.set_xticks(range(len(rows)), [palette.setting_label(name) for name in rows["setting"]], rotation=90, fontsize=6.5)
    axes.set(ylabel="in a channel (%)", ylim=(0, 100))
    legend_above(axes, "third criterion")


def legend_above(axes, title):
    """A legend in one row above a panel, where it lies on nothing that is drawn."""
    look = {"ncols": 3, "fontsize": 6.5, "title_fontsize": 6.5, "handlelength": 1.0, "columnspacing": 1.0, "borderaxespad": 0.2}
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), title=title, **look)


def whole_settings(shares, quantity):
    """The rows of the table of shares about a quantity of whole settings, all networks together."""
    return shares[(shares["quantity"] == quantity) & (shares["widths"] == "all") & (shares["runs"] > 0)]


def losses_panels(top, bottom, runs):
    """Losses on the training data above those on test data, on one axis."""
    losses_panel(top, runs, "loss", "training")
    losses_panel(bottom, runs, "loss_test", "test")
    top.sharex(bottom)
    top.tick_params(labelbottom=False)
    bottom.set_xlabel("loss")


def losses_panel(axes, runs, column, label):
    """Histograms of a loss of the runs of finite norm and of those in a channel, as shares of each; bins are those of both losses."""
    losses = {name: chosen[column].dropna() for name, chosen in outcomes(runs).items()}
    if not any((values > 0).any() for values in losses.values()):
        return style.say_empty(axes)
    both = pd.concat(outcomes(runs).values())[["loss", "loss_test"]].stack()
    bins = np.geomspace(both[both > 0].min() * 0.95, both.max() * 1.05, 25)
    looks = {"finite": {"color": palette.FINITE_COLOUR, "alpha": 0.6},
             "channel": {"color": palette.CHANNEL_COLOUR, "histtype": "step", "linewidth": 1.2}}  # fmt: skip
    for name, values in losses.items():
        if len(values):
            axes.hist(values, bins, weights=np.full(len(values), 100 / len(values)), label=f"{name} ({len(values)})", **looks[name])
    axes.set(xscale="log", ylabel="runs (%)")
    axes.set_ylim(0, 1.5 * axes.get_ylim()[1])
    style.log_ticks(axes.xaxis)
    style.few_ticks(axes.yaxis)
    axes.legend(loc="upper right", ncols=2, fontsize=6.5, borderaxespad=0.2, handlelength=1.2)
    axes.text(0.02, 0.95, label, transform=axes.transAxes, va="top", fontsize=7)


def outcomes(runs):
    """The runs (or spectra) of finite norm, and those in a channel."""
    ended = runs[runs["stop"] != "FAILED"] if "stop" in runs else runs
    return {"finite": ended[~ended["infinite"]], "channel": ended[ended["channel"]]}


def spectra_panels(top, bottom, spectra):
    """Largest and smallest Hessian eigenvalue along the flow: a line per run, red of finite norm, blue in a channel."""
    top.set(ylabel=r"$\lambda_{\max}$")
    bottom.set(xlabel="time $t$", ylabel=r"$\lambda_{\min}$")
    drawn = outcomes(spectra[(spectra["t"] > 0) & (spectra["largest"] > 0)])
    if all(rows.empty for rows in drawn.values()):
        style.say_empty(top)
        return style.say_empty(bottom)
    for (name, rows), colour in zip(drawn.items(), [palette.FINITE_COLOUR, palette.CHANNEL_COLOUR], strict=True):
        flows = rows.groupby(["dimension", "widths", "seed"])
        for _, flow in flows:
            top.plot(flow["t"], flow["largest"], color=colour, linewidth=0.4, alpha=0.5)
            bottom.plot(flow["t"], flow["smallest"], color=colour, linewidth=0.4, alpha=0.5)
        top.plot([], [], color=colour, label=f"{name} ({flows.ngroups})")
    top.set(xscale="log", yscale="log")
    bottom.set(xscale="log")
    bottom.set_yscale("symlog", linthresh=1e-6, linscale=0.5)
    bottom.set_yticks([-1e-2, 0, 1e-2])
    top.sharex(bottom)
    top.tick_params(labelbottom=False)
    low, high = top.get_ylim()
    top.set_ylim(low, high * (high / low) ** 0.5)  # room for the legend
    top.legend(loc="upper left", fontsize=6.5, borderaxespad=0)


def layers_panel(axes, layer_shares):
    """Of the runs of the deepest setting that are in a channel, the share in each combination of layers, by two criteria.

    Numbers of runs stand above the bars; the intervals are in the table, of all runs of the setting.
    """
    deepest = max(layer_shares["setting"], key=lambda name: int(name.split(" ")[-2]), default=None)
    rows = layer_shares[layer_shares["setting"] == deepest]
    for offset, (criterion, colour) in zip([-0.2, 0.2], [("paper", "0.6"), ("diverging", palette.CHANNEL_COLOUR)], strict=True):
        counts = rows["count"][rows["criterion"] == criterion].to_numpy()
        shares = 100 * counts / max(counts.sum(), 1)
        bars = axes.bar(np.arange(len(counts)) + offset, shares, 0.4, color=colour, label=f"{criterion} ({counts.sum()})")
        axes.bar_label(bars, counts, fontsize=6, padding=1)
    if rows.empty:
        return style.say_empty(axes)
    names = rows["layers"].unique()
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set(xlabel="layers with channels", ylabel="channels (%)")
    axes.margins(y=0.15)
    legend_above(axes, f"criterion (channels of {rows['runs'].iloc[0]} runs)")


def dimensions_panel(axes, layers, settings):
    """How many channels of each dimension the runs in a channel have: side by side for the settings."""
    counts = {name: channel_dimensions(layers[layers["setting"] == name]) for name in settings}
    counts = {name: count for name, count in counts.items() if len(count)}
    highest = max((len(count) for count in counts.values()), default=0)
    if not highest:
        return style.say_empty(axes, "no channels")
    width = 0.85 / len(counts)
    for index, (name, count) in enumerate(counts.items()):
        at = np.arange(len(count)) + 1 + (index - (len(counts) - 1) / 2) * width
        axes.bar(at, count, width, color=palette.setting_colour(name))
    axes.set(yscale="log", xlabel="dimension of channel", ylabel="channels", xticks=range(1, max(highest, 3) + 1))
    axes.set_xlim(0.5, max(highest, 3) + 0.5)
    axes.set_ylim(0.5, 3 * max(count.max() for count in counts.values()))
    style.say_count(axes, sum(layers["channel"][layers["setting"].isin(settings)]))


TABLES = {"runs": CHANNEL_RUNS, "layers": CHANNELS, "spectra": CHANNEL_SPECTRA, "shares": CHANNEL_SHARES, "layer_shares": CHANNEL_LAYERS}


def main(snakemake):
    """Read the tables and write the figure."""
    tables = {key: table_files.read_table(snakemake.input[schema.name], schema) for key, schema in TABLES.items()}
    style.save(draw(**tables), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
