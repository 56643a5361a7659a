"""Figure 3: a channel to infinity beside a saddle line, and the flows from the saddle line into it.

A 4-4-1 network on the modified Rosenbrock function, its saddle line that of the merged pair of a network in a
channel. Source: paper, section 3 and Appendix B.2, Figure 3.
"""

import matplotlib
import numpy as np
import palette
import style
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from saddle_panels import exponent, none_found, surface, surface_axes, z_label

from flatchannels.pipeline import jobs
from flatchannels.storage import products

PROFILES, TOP = "viridis", matplotlib.colormaps["cividis"].with_extremes(over="0.95")
ENDS = {"WALL": "to the norm wall", "STATIONARY": "to a minimum", "SADDLE": "to a saddle", "FLAT": "to a flat place",
        "LINEAR": "to a flat place"}  # fmt: skip
LINE = {"color": "black", "linewidth": 0.9}  # Γ
MERGED = {"color": "black", "linewidth": 0.6, "linestyle": (0, (4, 2))}
GUIDE = {"color": "black", "linewidth": 0.9, "linestyle": ":"}
TINY = 1e-16  # loss − loss_∞ and 1 − cosine below are rounding


def why_none(meta):
    """What to say where no candidate has a saddle line at finite norm."""
    tried = len(meta.get("tried", []))
    return f"{tried} runs in a channel tried: none has a saddle line at finite norm" if tried else "no run in a channel"


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["channel"])."""
    if not meta["found"]:
        return none_found(4.4, why_none(meta))
    figure = style.new_figure(5.4)
    panels = figure.subplots(3, 2)
    panels[0, 0].set_axis_off()
    surface_panel(surface_axes(figure, (-0.03, 0.62, 0.5, 0.33), (26, -118)), arrays, 1.0)
    profile_panel(panels[0, 1], meta, arrays)
    top_panel(panels[1, 0], meta, arrays)
    loss_panel(panels[1, 1], meta, arrays)
    excess_panel(panels[2, 0], meta, arrays)
    cosine_panel(panels[2, 1], arrays)
    for axes, letter in zip(panels.flat, "abcdef", strict=True):
        style.panel_label(axes, letter)
    flow_legend(figure, meta, arrays)
    figure.suptitle(verdict(meta), size=8, color="0.3")
    return figure


def verdict(meta):
    """Whether the flow came back, after how many candidates."""
    tried, run = f"{len(meta['tried'])} candidate{'s' * (len(meta['tried']) > 1)} tried", f"{meta['activation']}, seed {meta['seed']}"
    if meta["back"]:
        return rf"{run} ({tried}): the flow from $+\alpha$ comes back to the channel that was merged"
    return f"{run} ({tried}, none comes back to the channel that was merged):\n" + (
        r"the flow from $+\alpha$ is the one that ends most nearly parallel to $\Gamma$"
    )


def surface_panel(axes, arrays, first):
    """The loss over (γ, α) from γ = first on, minus that of Γ."""
    kept = arrays["surface_gamma"] >= first - 1e-9
    middle = np.argmin(abs(arrays["surface_alpha"]))
    heights = arrays["surface_loss"][kept] - arrays["surface_loss"][:, middle].mean()
    power = exponent(heights)
    surface(axes, arrays["surface_gamma"][kept], arrays["surface_alpha"], heights / 10.0**power)
    axes.set(xlabel=r"$\gamma$", ylabel=r"$\alpha$", yticks=[-0.2, 0, 0.2])
    axes.set_xticks([gamma for gamma in (-2, -1, 0, 1, 2, 3) if gamma > first])  # none in the corner, where it would touch
    z_label(axes, height_label(power))


def height_label(power):
    """What heights above Γ are called, in units of a power of ten."""
    return rf"$L - L_\Gamma$ ($10^{{{power}}}$)"


def profile_panel(axes, meta, arrays):
    """The loss along α, minus that of Γ, at every sixth γ of the top view."""
    gammas, norm = arrays["top_gamma"][::6], LogNorm(*arrays["top_gamma"][[0, -1]])
    heights = arrays["profile_loss"][::6] - meta["loss_line"]
    power = exponent(heights)
    for gamma, profile in zip(gammas, heights / 10.0**power, strict=True):
        axes.plot(arrays["surface_alpha"], profile, color=matplotlib.colormaps[PROFILES](norm(gamma)), linewidth=0.8)
    axes.set(xlabel=r"$\alpha$", ylabel=height_label(power))
    axes.figure.colorbar(ScalarMappable(norm, PROFILES), ax=axes, label=r"$\gamma$")


def top_panel(axes, meta, arrays):
    """The loss over γ (log) and α, minus that of Γ, seen from above, with the flows up to their ends.

    Cut off as far above Γ as the lowest loss is below, since far from Γ it rises steeply.
    """
    gammas, alphas, heights = arrays["top_gamma"], arrays["top_alpha"], arrays["top_loss"] - meta["loss_line"]
    low = min(heights.min(), -TINY)
    power = exponent(np.array([low]))
    levels = np.linspace(low, min(heights.max(), -low), 24) / 10.0**power
    picture = axes.contourf(gammas, alphas, heights.T / 10.0**power, levels=levels, cmap=TOP, extend="max")
    picture.set_rasterized(True)
    axes.axhline(0, **LINE)
    for gamma, alpha, colour in zip(arrays["flow_gamma"], arrays["flow_alpha"], (palette.INTO, palette.AWAY), strict=True):
        axes.plot(gamma, alpha, color="white", linewidth=2.2)
        axes.plot(gamma, alpha, color=colour, linewidth=1.2)
        last = np.flatnonzero(np.isfinite(gamma))[-1]
        axes.plot(gamma[last], alpha[last], "o", color=colour, ms=3.5, mec="white", mew=0.6)
    axes.set(xscale="log", xlabel=r"$\gamma$", ylabel=r"$\alpha$", xlim=gammas[[0, -1]], ylim=alphas[[0, -1]])
    bar = axes.figure.colorbar(picture, ax=axes, label=height_label(power))
    bar.set_ticks(MaxNLocator(4, steps=[1, 2, 5, 10]))


def flows(arrays):
    """For each flow: its index, its colour, its label, and the mask of its samples with γ > 0 up to the norm wall."""
    for k, (colour, label) in enumerate([(palette.INTO, r"$+\alpha$"), (palette.AWAY, r"$-\alpha$")]):
        yield k, colour, label, np.isfinite(arrays["flow_cosine"][k]) & (arrays["flow_gamma"][k] > 0)


def loss_panel(axes, meta, arrays):
    """Loss against projected γ; a dashed line at the loss of the channel that was merged."""
    for k, colour, _, kept in flows(arrays):
        axes.plot(arrays["flow_gamma"][k][kept], arrays["flow_loss"][k][kept], color=colour)
    axes.axhline(meta["loss_channel"], **MERGED)
    axes.axhline(meta["loss_line"], **LINE)
    axes.set(xscale="log", xlabel=r"projected $\gamma$", ylabel="loss")


def excess_panel(axes, meta, arrays):
    """How far the loss is above its limit, against projected γ, of flows that reach the wall; dotted: a fall with γ⁻²."""
    curves = []
    for k, colour, _, kept in flows(arrays):
        excess = arrays["flow_loss"][k] - arrays["loss_infinity"][k]
        shown = kept & (excess > TINY) & (meta["stops"][k] == "WALL")
        curves.append((colour, arrays["flow_gamma"][k][shown], excess[shown]))
    decay_panel(axes, curves, 2)
    axes.set_ylabel(r"loss $-$ loss$_\infty$")


def cosine_panel(axes, arrays):
    """1 − |cosine| between the updates and Γ, against projected γ; dotted: a fall with γ⁻⁴."""
    curves = []
    for k, colour, _, kept in flows(arrays):
        missing = np.maximum(1 - abs(arrays["flow_cosine"][k]), TINY)  # NaN at the wall
        curves.append((colour, arrays["flow_gamma"][k][kept], missing[kept]))
    decay_panel(axes, curves, 4)
    axes.set_ylabel(r"$1 - |\cos(\Delta\theta, \Gamma)|$")


def decay_panel(axes, curves, power):
    """Curves (colour, γ, values) on logarithmic axes, and above the end of the highest a dotted power law of γ."""
    for colour, gamma, values in curves:
        axes.plot(gamma, values, color=colour)
    axes.set(xscale="log", yscale="log", xlabel=r"projected $\gamma$")
    highest = max((curve for curve in curves if len(curve[1])), key=lambda curve: curve[1][-1] ** power * curve[2][-1], default=None)
    if highest is None:
        return style.say_empty(axes, "no flow to the norm wall")
    _, gamma, values = highest
    ends = np.array([gamma[-1] / 30, gamma[-1]])
    axes.plot(ends, 5 * values[-1] * (gamma[-1] / ends) ** power, **GUIDE, label=rf"$\propto\gamma^{{-{power}}}$")
    axes.legend(loc="lower left")


def flow_legend(figure, meta, arrays):
    """Below the figure: the flows and how they end, Γ, and the loss of the channel that was merged."""
    handles = [
        Line2D([], [], color=colour, label=f"{label}, {ENDS.get(meta['stops'][k], 'to a limit of time or steps')}")
        for k, colour, label, _ in flows(arrays)
    ]
    handles += [Line2D([], [], **LINE, label=r"$\Gamma$"), Line2D([], [], **MERGED, label="channel that was merged")]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.channel, "channel")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
