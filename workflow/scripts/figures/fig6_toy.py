"""Figure 6: the toy. Functions in its channels, its landscape with flows and descents, its loss at infinity, gradient descent.

Source: paper, section 5, Figure 6.
"""

import numpy as np
import palette
import style
from matplotlib.lines import Line2D

from flatchannels.pipeline import jobs
from flatchannels.storage import products, table_files
from flatchannels.storage.schemas.toy import TOY_LIMITS

PLACES = ["channel 1", "channel 2", "plateau"]  # the order of the flows in the record, on infinite and then on finite data
SADDLE_LEVELS = [0.043, 0.044, 0.045, 0.046, 0.047, 0.048]  # contours around the saddle line, whose loss is 0.0471
METHODS = ["SGD channel 1", "SGD channel 2", "Adam channel 1", "Adam channel 2"]
LOOKS = {  # line, and size of its last point; in channel 2 they and the flows lie on each other
    "SGD": ({"color": palette.TOY_COLOURS["SGD"], "linewidth": 3.6, "zorder": 2}, 6.0),
    "Adam": ({"color": palette.TOY_COLOURS["Adam"], "linewidth": 0.7, "zorder": 4}, 3.0),
}


def draw(landscape, flows, descents, limits):
    """The figure, from the records toy_landscape, toy_flows, toy_descents and the table toy_limits."""
    figure = style.new_figure(5.6)
    panels = figure.subplot_mosaic("ab;cb;dd", width_ratios=[1, 1.9], height_ratios=[1, 1, 1])
    functions_panel(panels["a"], landscape, flows)
    landscape_panel(panels["b"], landscape, flows, descents)
    limit_panel(panels["c"], landscape, limits)
    edge_panel(panels["d"], descents)
    for letter, axes in panels.items():
        style.panel_label(axes, letter)
    return figure


def functions_panel(axes, landscape, flows):
    """The target, and what the network computes on the saddle line and at the ends of the flows into both channels."""
    x = landscape["x"]
    axes.plot(x, landscape["target"], color=palette.GREY, linewidth=2.5, label="target")
    w, a = landscape["narrow"]
    axes.plot(x, a * sigma(w * x), color=palette.TOY_COLOURS["saddle line"], linestyle="--", label="saddle line")
    for place in PLACES[:2]:
        axes.plot(x, output(last(flows, place), x), color=palette.TOY_COLOURS[place], label=place)
    axes.set(xlabel="$x$", ylabel="$f(x)$", xticks=[-2, 0, 2], xlim=(x[0], x[-1]))
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2, handlelength=1.2, columnspacing=0.8, fontsize=6)
    axes.set_yticks([-2, 0, 2])


def sigma(z):
    """erf(z/√2)."""
    from scipy.special import erf

    return erf(z / np.sqrt(2))


def output(theta, x):
    """What the two neurons of θ compute."""
    return theta[2] * sigma(theta[0] * x) + theta[3] * sigma(theta[1] * x)


def last(flows, place):
    """The end of a flow on infinite data: θ (4,)."""
    theta = flows["theta"][PLACES.index(place)]
    return theta[np.isfinite(theta).all(axis=1)][-1]


def landscape_panel(axes, landscape, flows, descents):
    """The landscape over (γ, α) with the saddle line, gradient flows, SGD and Adam."""
    gamma, alpha, loss = landscape["gamma"], landscape["alpha"], landscape["loss"]
    ticks = np.array([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2])
    picture = axes.contourf(gamma, alpha, np.log10(loss).T, np.linspace(*np.log10(ticks[[0, -1]]), 41), cmap="Greys_r", extend="both")
    picture.set_rasterized(True)
    bar = axes.figure.colorbar(picture, ax=axes, pad=0.02, aspect=40, ticks=np.log10(ticks), extend="neither")
    bar.ax.set_yticklabels([f"{tick:g}" for tick in ticks])
    bar.ax.set_title("loss", fontsize=7)
    axes.contour(gamma, alpha, loss.T, SADDLE_LEVELS, colors="black", linewidths=0.3, linestyles="-")
    plateau = landscape["narrow"][1] / np.sqrt(2)
    axes.axhline(0, color="black", linestyle="--", linewidth=0.8)
    axes.plot([-plateau, plateau], [0, 0], color="black", linewidth=2)
    for number, (g, a) in enumerate(zip(flows["gamma"], flows["alpha"], strict=True)):
        place, finite = PLACES[number % 3], number >= 3
        axes.plot(g, a, color=palette.TOY_COLOURS[place], linestyle=":" if finite else "-", linewidth=2.2 if finite else 1.4, zorder=3)
        if not finite:
            axes.plot(g[0], a[0], "o", color=palette.TOY_COLOURS[place], ms=4, mec="white", mew=0.6, zorder=5)
    for name, g, a in zip(METHODS, descents["gamma"], descents["alpha"], strict=True):
        look, size = LOOKS[name.split()[0]]
        axes.plot(g, a, **look)
        axes.plot(g[-1], a[-1], "s", color=look["color"], ms=size, mec="white", mew=0.5, zorder=5)
    axes.set(xlabel=r"$\gamma = (a_1 - a_2)/\sqrt{2}$", ylabel=r"$\alpha$", xlim=gamma[[0, -1]], ylim=alpha[[0, -1]])
    handles = [
        *(Line2D([], [], color=palette.TOY_COLOURS[place], label=f"flow, {place}") for place in PLACES),
        Line2D([], [], color=palette.GREY, linestyle=":", linewidth=2.2, label="flow, finite data"),
        *(Line2D([], [], **look, label=name) for name, (look, _) in LOOKS.items()),
        Line2D([], [], color="black", linestyle="--", linewidth=0.8, label="saddle line"),
        Line2D([], [], color="black", linewidth=2, label="its plateau"),
    ]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.55, 1), ncols=3, handlelength=1.4, columnspacing=0.8, fontsize=6)


def limit_panel(axes, landscape, limits):
    """ℓ(w, 0) with its critical points; shaded where h > 0."""
    w, loss = landscape["w"], landscape["limit_loss"]
    axes.plot(w, loss, color="black")
    low, high = limits.loc[limits["kind"] == "zero of h", "w"].iloc[[0, -1]]
    axes.axvspan(low, high, color="0.9", zorder=0)
    axes.text(np.sqrt(low * high), 0.12, "$h > 0$", transform=axes.get_xaxis_transform(), ha="center", color="0.3", fontsize=7)
    for row in limits[limits["kind"] != "zero of h"].itertuples():
        minimum = row.kind == "minimum at infinity"
        colour = palette.TOY_COLOURS["channel 1" if row.w < 2 else "channel 2"] if minimum else "black"
        axes.plot(row.w, row.loss, "o" if minimum else "x", color=colour, ms=4)
    axes.set(xlabel="$w$", ylabel=r"$\ell(w, 0)$", xscale="log", yscale="log", xlim=w[[0, -1]])
    style.log_ticks(axes.xaxis)


def edge_panel(axes, descents):
    """λ_max along gradient descent in channel 2 for every learning rate, with dashes at 2/η."""
    courses = zip(np.resize(palette.RATE_COLOURS, len(descents["rate"])), descents["rate"], descents["step"], descents["sharpness"])
    for colour, rate, steps, sharpness in courses:
        later = steps > 0
        axes.plot(steps[later], sharpness[later], color=colour, label=rf"$\eta$ = {rate:g}")
        axes.axhline(2 / rate, color=colour, linestyle="--", linewidth=0.7)
    axes.set(xlabel="iteration of gradient descent", ylabel=r"$\lambda_{\max}$", xscale="log", yscale="log")
    axes.set_xlim(100, descents["step"].max())
    style.log_ticks(axes.yaxis)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=6, handlelength=1.4)


def main(snakemake):
    """Read the records and the table and write the figure."""
    arrays = [products.read_toy(snakemake.input[name], f"toy_{name}") for name in ["landscape", "flows", "descents"]]
    style.save(draw(*arrays, table_files.read_table(snakemake.input.toy_limits, TOY_LIMITS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
