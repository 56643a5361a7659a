"""Figure 1: from a split neuron to a channel, and what it computes at infinity; all of it computed from the toy.

Source: paper, Figure 1 (a drawing there).
"""

import numpy as np
import palette
import style
from fig6_toy import PLACES, last, output, sigma
from scipy.interpolate import RectBivariateSpline, RegularGridInterpolator

from flatchannels.pipeline import jobs
from flatchannels.storage import products

SPLITS = [0.5, 1.5, 3.0]  # γ of the halves shown, as shares of the output weight
NEURONS = [palette.neuron_colour(number) for number in range(2)]
FAR, ALPHAS = 12.0, (-1.6, 3.4)  # the part of the landscape that is shown
FINE = 200  # points of the surface along each axis
HIGHEST, ABOVE = -0.7, 0.03  # log10 of the loss at which it is cut off, and how far above it lines are drawn
VIEW = (40, 35)  # elevation and azimuth in degrees


def draw(landscape, flows):
    """The figure, from the records toy_landscape and toy_flows."""
    figure = style.new_figure(2.5)
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1, 1.35, 1])
    split_panel(left.subplots(len(SPLITS), 1, sharex=True, sharey=True), landscape)
    surface_panel(middle.add_subplot(projection="3d", computed_zorder=False), landscape, flows)
    infinity_panel(right.subplots(2, 1, sharex=True), landscape, flows)
    titles = {"a": "a neuron, split", "b": "saddle line and channels", "c": "towards infinity"}
    for panel, (letter, title) in zip([left, middle, right], titles.items()):
        panel.suptitle(f"$\\bf{{{letter}}}$  {title}", fontsize=8)
    return figure


def split_panel(panels, landscape):
    """The best neuron a*σ(w*x), and two halves γa*, (1 − γ)a* that together compute the same, for several γ."""
    x, (w, a) = landscape["x"], landscape["narrow"]
    for axes, gamma in zip(panels, SPLITS, strict=True):
        axes.plot(x, a * sigma(w * x), color="black", linewidth=1.6)
        for share, colour in zip([gamma, 1 - gamma], NEURONS, strict=True):
            axes.plot(x, share * a * sigma(w * x), color=colour, linestyle="--", linewidth=0.9)
        axes.text(0.04, 0.95, rf"$\gamma$ = {gamma:g}", transform=axes.transAxes, va="top", fontsize=6)
        axes.set(xticks=[-2, 0, 2], yticks=[-5, 0, 5], ylim=(-8, 11))
    panels[-1].set_xlabel("$x$")


def surface_panel(axes, landscape, flows):
    """The landscape over (γ, α) with the saddle line and the flows into both channels, which begin to both sides of it."""
    columns, rows = landscape["gamma"] <= FAR, (landscape["alpha"] >= ALPHAS[0]) & (landscape["alpha"] <= ALPHAS[1])
    gamma, alpha = landscape["gamma"][columns], landscape["alpha"][rows]
    height = np.log10(landscape["loss"])[np.ix_(columns, rows)]
    fine = np.linspace(gamma[0], gamma[-1], FINE), np.linspace(alpha[0], alpha[-1], FINE)  # or the edge of the cut would be a saw
    surface = np.minimum(RectBivariateSpline(gamma, alpha, height)(*fine), HIGHEST)
    axes.plot_surface(*np.meshgrid(*fine), surface.T, cmap="Greys_r", linewidth=0, antialiased=False, rcount=FINE, ccount=FINE,
                      alpha=0.9, rasterized=True)  # fmt: skip
    level = height[:, np.argmin(abs(alpha))] + ABOVE
    axes.plot(gamma, 0 * gamma, level, color="black", linestyle="--", linewidth=1)
    plateau = gamma < landscape["narrow"][1] / np.sqrt(2)
    axes.plot(gamma[plateau], 0 * gamma[plateau], level[plateau], color="black", linewidth=2)
    for place in PLACES[:2]:
        g, al = (flows[key][PLACES.index(place)] for key in ("gamma", "alpha"))
        shown = np.isfinite(g) & (g < FAR)
        z, colour = interpolated(landscape, g[shown], al[shown]) + ABOVE, palette.TOY_COLOURS[place]
        axes.plot(g[shown], al[shown], z, color=colour, linewidth=1.4)
        axes.plot(g[0], al[0], z[0], "o", color=colour, ms=3, mec="white", mew=0.5)
    axes.set_title("loss", fontsize=7, loc="right", y=0.8)
    axes.set(xlabel=r"$\gamma$", ylabel=r"$\alpha$", xticks=[0, 5, 10], yticks=[-1, 0, 1, 2, 3], zticks=[-3, -2, -1])
    axes.set_zticklabels(["$10^{-3}$", "$10^{-2}$", "0.1"])
    axes.tick_params(pad=-3, labelsize=6)
    axes.xaxis.labelpad = axes.yaxis.labelpad = -9
    axes.view_init(*VIEW)
    axes.set_box_aspect((1.2, 1, 0.7), zoom=1.05)


def interpolated(landscape, gamma, alpha):
    """log10 of the landscape's loss at points (γ, α), bilinear."""
    axes = landscape["gamma"], landscape["alpha"]
    height = RegularGridInterpolator(axes, np.log10(landscape["loss"]), bounds_error=False, fill_value=None)
    return height(np.stack([gamma, alpha], axis=1))


def infinity_panel(panels, landscape, flows):
    """At the end of channel 2: the two neurons, whose output weights diverge; below, their sum and the target."""
    x, theta = landscape["x"], last(flows, "channel 2")
    for neuron, colour in enumerate(NEURONS):
        panels[0].plot(x, theta[2 + neuron] * sigma(theta[neuron] * x), color=colour)
    panels[0].set_title(rf"$a_1$ = {theta[2]:.0f}, $a_2$ = {theta[3]:.0f}".replace("-", "−"), fontsize=6, pad=2)
    panels[1].plot(x, landscape["target"], color=palette.GREY, linewidth=2.5, label="target")
    panels[1].plot(x, output(theta, x), color="black", label="sum")
    panels[1].legend(loc="upper left", borderaxespad=0, handlelength=1, fontsize=6)
    panels[1].set(xlabel="$x$", xticks=[-2, 0, 2], yticks=[-2, 0, 2])


def main(snakemake):
    """Read the records and write the figure."""
    arrays = [products.read_toy(snakemake.input[name], f"toy_{name}") for name in ["landscape", "flows"]]
    style.save(draw(*arrays), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
