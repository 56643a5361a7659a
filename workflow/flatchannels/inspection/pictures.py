"""Pictures of inspections, by matplotlib, without a backend of their own."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist

if TYPE_CHECKING:
    from flatchannels.inspection.history import History
    from flatchannels.inspection.inspection import Inspection

GREY, COLOURS = "#9a9a9a", ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"]  # Okabe & Ito: safe for the colour-blind
MOST_NEURONS = 300  # neurons of a layer whose pairs are drawn
SMALLEST = 1e-17  # distance at which identical neurons are drawn on a logarithmic axis


def inspection_figure(found: "Inspection") -> Figure:
    """For each hidden layer all pairs of neurons: how close their input weights are, how strong their output weights; groups coloured.

    Parameters
    ----------
    found : Inspection

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(4.2 * len(found.layers), 3.6), layout="constrained")
    axes = figure.subplots(1, len(found.layers), squeeze=False)[0]
    for axis, layer, below, above in zip(axes, found.layers, found.model.layers, found.model.layers[1:]):
        shown = np.unique([*range(min(layer.neurons, MOST_NEURONS)), *(n for group in layer.groups for n in group.neurons)])
        first, second = np.triu_indices(len(shown), 1)
        strengths = np.linalg.norm(above.W.T[shown], axis=1)
        if len(shown) > 1:
            distances = np.maximum(pdist(below.rows[shown]) / 2, SMALLEST)
            axis.loglog(distances, strengths[first] + strengths[second], ".", color=GREY, markersize=3)
        for colour, group in zip(COLOURS * len(layer.groups), layer.groups):
            outputs = np.linalg.norm(group.outputs, axis=1)
            i, j = np.triu_indices(len(outputs), 1)
            label = f"{group.kind} {', '.join(map(str, group.neurons[:4]))}{' …' if len(group.neurons) > 4 else ''}"
            axis.loglog(np.maximum(pdist(group.weights) / 2, SMALLEST), outputs[i] + outputs[j], "o", color=colour, label=label)
        if layer.groups:
            axis.legend(frameon=False, fontsize="small")
        axis.set(title=f"hidden layer {layer.layer}, {layer.neurons} neurons", xlabel="ε, half the distance of input weights")
    axes[0].set_ylabel("|a| of both neurons")
    return figure


def history_figure(found: "History") -> Figure:
    """ε, Σ|a|, 1 − cos and, with data, λ_max against step, with the fitted laws dashed.

    Parameters
    ----------
    found : History

    Returns
    -------
    Figure
    """
    panels = {"epsilon": "ε", "strength": "Σ|a|", "cosine": "1 − cos"}
    with_largest = found.largest is not None and bool(np.isfinite(found.largest).any())
    figure = Figure(figsize=(3.4 * (3 + with_largest), 3.2), layout="constrained")
    axes = figure.subplots(1, 3 + with_largest)
    later = found.steps > 0
    steps = found.steps[later]
    for axis, (key, label) in zip(axes, panels.items()):
        for colour, group in zip(COLOURS * len(found.groups), found.groups):
            values = getattr(group, key)[later]
            axis.plot(steps, values, ".-", color=colour, label=f"layer {group.layer}: {', '.join(map(str, group.neurons[:4]))}", lw=0.8)
            if law := group.laws.get(key):
                inside = steps >= found.steps[group.since]
                axis.plot(steps[inside], law.at(steps[inside]), "--", color="black", lw=1, label=f"$t^{{{law.exponent:.2f}}}$")
        axis.set(ylabel=label)
    if with_largest:
        axes[3].plot(steps, np.asarray(found.largest)[later], ".-", color=GREY, lw=0.8)
        axes[3].set(ylabel="λ_max")
        if law := found.largest_law:
            inside = steps >= found.steps[found.groups[0].since]
            axes[3].plot(steps[inside], law.at(steps[inside]), "--", color="black", lw=1, label=f"$t^{{{law.exponent:.2f}}}$")
    for axis in axes:
        axis.set(xlabel="step", xscale="log", yscale="log")
        if axis.get_legend_handles_labels()[1]:
            axis.legend(frameon=False, fontsize="small")
    if not found.groups:
        figure.suptitle("no group in the last checkpoint")
    return figure
