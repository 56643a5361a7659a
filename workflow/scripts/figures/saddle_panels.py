"""Panels that figures of saddle lines share: the loss as a surface over (γ, α), and what to say where there is none."""

import numpy as np
import style
from matplotlib.colors import TwoSlopeNorm
from matplotlib.ticker import MaxNLocator


def surface_axes(figure, place, view, zoom=0.92):
    """Three-dimensional axes at place (left, bottom, width, height), seen from view (elevation, azimuth)."""
    axes = figure.add_axes(place, projection="3d")
    axes.view_init(*view)
    axes.set_box_aspect((1.25, 1, 0.8), zoom=zoom)
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        axis.set_pane_color((1, 1, 1, 0))
        axis._axinfo["grid"].update(color="0.88", linewidth=0.4)
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.labelpad = -6
    axes.tick_params(pad=-3)
    axes.tick_params(axis="z", pad=-1)
    axes.set_facecolor("none")
    return axes


def surface(axes, gammas, alphas, heights):
    """The surface heights (G, A), coloured from their 0, the height of Γ, to both sides, and Γ, α = 0, as a black line on it."""
    across, along = np.meshgrid(alphas, gammas)
    centred = TwoSlopeNorm(0, min(heights.min(), -1e-9), max(heights.max(), 1e-9))
    axes.plot_surface(along, across, heights, cmap="PuOr_r", norm=centred, rcount=len(gammas), ccount=len(alphas), linewidth=0,
                      antialiased=False, rasterized=True)  # fmt: skip
    middle = heights[:, np.argmin(abs(alphas))]
    axes.plot(gammas, np.zeros(len(gammas)), middle, color="black", linewidth=1.4, zorder=5)
    axes.set(xlim=(gammas[0], gammas[-1]), ylim=(alphas[0], alphas[-1]))
    axes.margins(0)


def z_label(axes, text):
    """A label of the vertical axis above it, where it covers nothing."""
    axes.text2D(0.08, 0.9, text, transform=axes.transAxes, ha="left", va="bottom", size=8)


def exponent(values):
    """The power of ten by which to divide heights so that their ticks are short numbers."""
    largest = np.abs(values).max()
    return int(np.floor(np.log10(largest))) if largest > 0 else 0


def none_found(height, text):
    """A figure that says that there is nothing to show, and why."""
    figure = style.new_figure(height)
    axes = figure.subplots()
    axes.set_axis_off()
    style.say_empty(axes, text)
    return figure
