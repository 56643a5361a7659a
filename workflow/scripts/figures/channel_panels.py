"""Panels that Figures 4 and B9 to B11 share: what one hidden layer or one setting shows, and a panel for each setting."""

import numpy as np
import palette
import style
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from flatchannels.landscape.criteria import ALIGNED_RATIO, PARALLEL_DISTANCE
from flatchannels.names import numbers_of, setting_key

CLOSEST = 1e-16  # cosine distances below are rounding, and drawn here
SIGNS = {-1: ("o", "$a_i a_j < 0$"), 1: ("^", "$a_i a_j > 0$")}
COLUMNS = 5


def ordered(settings):
    """The names of the settings that occur, in order."""
    return sorted(set(settings), key=setting_key)


def setting_panels(names, counts, **shared):
    """A figure with a panel for each setting, titled with its name and number of runs; unused panels are taken away."""
    rows = max(1, -(-len(names) // COLUMNS))
    figure = style.new_figure(1.75 * rows + 0.6)
    panels = figure.subplots(rows, COLUMNS, squeeze=False, **({"sharex": True, "sharey": True} | shared)).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(f"{palette.setting_label(name)} ({counts.get(name, 0)})")
    for axes in panels[max(len(names), 1) :]:
        axes.remove()
    if not names:
        style.say_empty(panels[0])
    return figure, panels


def label_outer(panels, names):
    """Labels of the axes at the left and below alone."""
    for index, axes in enumerate(panels[: len(names)]):
        if index % COLUMNS:
            axes.set_ylabel("")
        if index + COLUMNS < len(names):
            axes.set_xlabel("")
        else:
            axes.tick_params(labelbottom=True)


def pairs_panel(axes, layers, colours):
    """Closest pair of each layer: its cosine distance against |a_i| + |a_j|. Filled: the run has a channel there."""
    axes.set(xlabel="$|a_i| + |a_j|$", ylabel=r"$1 - \cos(w_i, w_j)$")
    if layers["cosine"].isna().all():
        return style.say_empty(axes)
    cosines = np.maximum(layers["cosine"], CLOSEST)
    colours = np.array(colours, dtype=object)
    filled = with_channel(layers)
    for sign, (marker, _) in SIGNS.items():
        for inside in [False, True]:
            chosen = ((layers["sign"] == sign) & (filled == inside)).to_numpy()
            faces = colours[chosen].tolist() if inside else "none"
            axes.scatter(layers["strength"][chosen], cosines[chosen], 9, marker=marker, facecolors=faces,
                         edgecolors=colours[chosen].tolist(), linewidths=0.5, alpha=0.8)  # fmt: skip
    axes.axhline(PARALLEL_DISTANCE, color="black", linestyle="--", linewidth=0.7)
    axes.set(xscale="log", yscale="log")


def with_channel(layers):
    """Which layers have a channel: those with a parallel pair, of runs in a channel."""
    return layers["channel"] & layers["layer_parallel"]


def pair_swatches():
    """The markers of pairs_panel by what they mean; filled ones are there in both shapes."""
    look = {"color": "0.3", "linestyle": "", "ms": 3.5, "mew": 0.6}
    hollow = {label: Line2D([], [], **look, mfc="none", marker=marker) for marker, label in SIGNS.values()}
    return hollow | {"in a channel": tuple(Line2D([], [], **look, marker=marker) for marker, _ in SIGNS.values())}


def pairs_legend(figure, colours):
    """The legend of a figure with pairs_panel: colours, {label: colour}, and what the markers mean."""
    swatches = {label: Patch(color=colour) for label, colour in colours.items()} | pair_swatches()
    handlers = {tuple: HandlerTuple(ndivide=None, pad=0)}
    figure.legend(swatches.values(), swatches.keys(), handler_map=handlers, loc="outside upper center", ncols=5)


def ratios_panel(axes, runs):
    """Histograms of ‖Δθ_proj‖/‖Δθ‖, of the first and of the last updates; `towards_a_pair` selects the runs."""
    bins = np.linspace(0, 1, 21)
    axes.hist(runs["first_ratio"], bins, color="0.7", label="first update")
    axes.hist(runs["late_ratio"], bins, histtype="step", color=palette.CHANNEL_COLOUR, linewidth=1.2, label="mean of the last 51")
    axes.axvline(ALIGNED_RATIO, color="black", linestyle="--", linewidth=0.7)
    axes.set(xlim=(0, 1), xlabel=r"$\|\Delta\theta_{\mathrm{proj}}\| / \|\Delta\theta\|$", ylabel="runs")
    style.few_ticks(axes.yaxis, 4)
    if runs.empty:
        axes.set_ylim(0, 1)
        style.say_empty(axes)


def towards_a_pair(runs):
    """The runs that fulfil the first two criteria of a channel, so that the third says something about them."""
    return runs[runs["infinite"] & runs["parallel"]]


def channel_dimensions(layers):
    """Counts of groups of dimension 1, 2, … (size − 1) in the layers with a channel."""
    inside = layers[with_channel(layers)]
    sizes = [size for groups in inside["groups"] for size in numbers_of(groups)]
    return np.bincount(np.array(sizes, dtype=int) - 1)[1:] if sizes else np.zeros(0, dtype=int)
