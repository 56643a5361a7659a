"""Figure A2: flows from perturbed points of a saddle line, and the Hessian along it.

The saddle line is that of Figure 2c, d. Source: paper, Appendix A, Figure A2.
"""

import matplotlib
import numpy as np
import style
from fig2cd_plateau import NONE, distance_panel, limits, loss_panel
from saddle_panels import none_found

from flatchannels.pipeline import jobs
from flatchannels.storage import products

LINEAR = 1e-3  # eigenvalues up to here are drawn linearly
PALETTE = matplotlib.colormaps["turbo"]


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["plateau"])."""
    if not meta["found"]:
        return none_found(3.4, NONE)
    figure = style.new_figure(4.2)
    panels = figure.subplots(2, 2)
    distance_panel(panels[0, 0], meta, arrays)
    loss_panel(panels[0, 1], meta, arrays)
    eigenvalue_panel(panels[1, 0], arrays)
    angle_panel(panels[1, 1], arrays)
    for axes in panels[1]:
        axes.set_xlim(limits(arrays))
    for axes, letter in zip(panels.flat, "abcd", strict=True):
        style.panel_label(axes, letter)
    return figure


def branch_colours(arrays):
    """A colour for every branch of eigenvalues, by its rank at γ = ½."""
    return PALETTE(np.linspace(0.05, 0.95, arrays["eigenvalues"].shape[1]))


def eigenvalue_panel(axes, arrays):
    """Eigenvalues of the Hessian along Γ, each branch in its colour, on an axis that is linear around 0."""
    for values, colour in zip(arrays["eigenvalues"].T, branch_colours(arrays), strict=True):
        axes.plot(arrays["gamma"], values, color=colour, linewidth=0.9)
    axes.axhline(0, color="black", linewidth=0.4, zorder=0)
    axes.set_yscale("symlog", linthresh=LINEAR, linscale=0.4)
    axes.set_yticks([-1, -1e-2, 0, 1e-2, 1])
    axes.set(xlabel=r"$\gamma$", ylabel="eigenvalues")


def angle_panel(axes, arrays):
    """How far each eigenvector has turned from where it is at γ = ½, in degrees."""
    for values, colour in zip(np.degrees(arrays["angles"]).T, branch_colours(arrays), strict=True):
        axes.plot(arrays["gamma"], values, color=colour, linewidth=0.9)
    axes.set(xlabel=r"$\gamma$", ylabel="rotation (degrees)", ylim=(-2, None))


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.plateau, "plateau")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
