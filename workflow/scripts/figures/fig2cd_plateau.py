"""Figure 2, panels c and d: a plateau saddle in the loss, and flows from perturbed points of its saddle line.

A network without biases on the modified Rosenbrock function in two dimensions, one of its two neurons split.
Source: paper, section 2, Figure 2.
"""

import numpy as np
import palette
import style
from matplotlib.lines import Line2D
from saddle_panels import exponent, none_found, surface, surface_axes, z_label

from flatchannels.pipeline import jobs
from flatchannels.storage import products

NONE = "no network of this width has a neuron with a definite matrix"
JUMP = 0.5  # in γ, from one sample to the next
RETURNED = 1e-10  # difference of losses up to which a flow has come back to Γ


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["plateau"])."""
    if not meta["found"]:
        return none_found(2.4, NONE)
    figure = style.new_figure(2.8)
    figure.get_layout_engine().set(rect=(0.5, 0, 0.5, 1))
    distances, losses = figure.subplots(2, 1, height_ratios=[1.4, 1])
    surface_panel(surface_axes(figure, (-0.01, 0, 0.5, 1), (24, -58)), meta, arrays)
    distance_panel(distances, meta, arrays)
    loss_panel(losses, meta, arrays)
    figure.text(0.015, 0.94, "c", weight="bold", size=9)
    style.panel_label(distances, "d")
    return figure


def surface_panel(axes, meta, arrays):
    """The loss over (γ, α), minus that of Γ."""
    heights = arrays["surface_loss"] - meta["loss"]
    power, scale = exponent(heights), exponent(arrays["surface_alpha"])
    surface(axes, arrays["surface_gamma"], arrays["surface_alpha"] / 10.0**scale, heights / 10.0**power)
    axes.set(xlabel=r"$\gamma$", ylabel=rf"$\alpha$ ($10^{{{scale}}}$)", xticks=[-1, 0, 1, 2])
    z_label(axes, rf"$L - L_\Gamma$ ($10^{{{power}}}$)")


def returned(meta, arrays):
    """Which flows ended at the loss of Γ."""
    return abs(arrays["end_loss"] - meta["loss"]) < RETURNED


def distance_panel(axes, meta, arrays):
    """Distance to Γ along the flows against their projected γ; a dot marks the end of those that came back.

    Flows from γ = 0 and 1 rest for so long that their samples, dense in log t, miss their way: lines have gaps at such jumps.
    """
    for gamma, distance, back in zip(arrays["flow_gamma"], arrays["flow_distance"], returned(meta, arrays), strict=True):
        distance = np.where(abs(np.diff(gamma, prepend=gamma[0])) > JUMP, np.nan, distance)
        axes.plot(gamma, np.maximum(distance, 1e-18), color=palette.INTO if back else palette.AWAY, linewidth=0.8, zorder=3 if back else 2)
        if back:
            last = np.flatnonzero(np.isfinite(gamma))[-1]
            axes.plot(gamma[last], max(distance[last], 1e-18), "o", color=palette.INTO, ms=2.5)
    axes.set(xlabel=r"projected $\gamma$", ylabel=r"distance to $\Gamma$", yscale="log", xlim=limits(arrays))


def limits(arrays):
    """The range of γ in which flows began, with a margin."""
    return arrays["start"].min() - 0.2, arrays["start"].max() + 0.2


def loss_panel(axes, meta, arrays):
    """Final loss against the γ at which a flow began; a line at the loss of Γ, and shading where it is a plateau."""
    inside = meta["verdict"] == "stable inside"
    left, right = limits(arrays)
    for start, end in [(0, 1)] if inside else [(left, 0), (1, right)]:
        axes.axvspan(start, end, color="0.92", zorder=0)
    back = returned(meta, arrays)
    axes.axhline(meta["loss"], color="black", linewidth=0.6, linestyle=(0, (4, 2)))
    for mask, colour in [(back, palette.INTO), (~back, palette.AWAY)]:
        axes.plot(arrays["start"][mask], arrays["end_loss"][mask], "o", color=colour, ms=2.5)
    axes.set(xlabel=r"$\gamma$ at the start", ylabel="final loss", xlim=(left, right))
    handles = [
        Line2D([], [], color=palette.INTO, marker="o", ms=2.5, label=r"back to $\Gamma$"),
        Line2D([], [], color=palette.AWAY, label="away"),
    ]
    axes.figure.legend(handles=handles, loc="outside upper right", ncols=2)


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.plateau, "plateau")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
