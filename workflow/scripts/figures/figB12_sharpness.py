"""Figure B12: channel 2 of the toy narrows, in the direction of the largest eigenvalue of its Hessian.

Source: paper, Appendix C, Figure B12.
"""

import numpy as np
import palette
import style

from flatchannels.pipeline import jobs
from flatchannels.storage import products


def draw(landscape):
    """The figure, from the record toy_landscape: the loss over (γ, α) along the flow, and the half-width of the channel."""
    figure = style.new_figure(2.5)
    surface, width = figure.subplots(1, 2, width_ratios=[1.35, 1])
    gamma, alpha = landscape["sharp_gamma"], landscape["sharp_alpha"]
    rise = landscape["sharp_loss"] - landscape["sharp_loss"].min(axis=1, keepdims=True)
    levels = np.logspace(-5, 1, 25)
    picture = surface.contourf(gamma, alpha, np.clip(rise, levels[0], levels[-1]).T, levels, norm="log", cmap="cividis")
    picture.set_rasterized(True)
    figure.colorbar(picture, ax=surface, label="loss above the bottom", ticks=[1e-5, 1e-3, 1e-1, 1e1])
    surface.set(xlabel=r"$\gamma$", ylabel=r"$\alpha$, along $e_{\max}$", xscale="log", yticks=[-0.1, -0.05, 0, 0.05, 0.1])
    style.log_ticks(surface.xaxis)
    width.plot(gamma, landscape["sharpness"], color="black")
    width.plot(
        gamma, landscape["sharpness"][-1] * (gamma / gamma[-1]) ** 2, color=palette.GREY, linestyle="--", label=r"$\propto \gamma^2$"
    )
    width.set(xlabel=r"$\gamma$", ylabel=r"$\lambda_{\max}$", xscale="log", yscale="log")
    style.log_ticks(width.xaxis)
    width.legend()
    style.panel_label(surface, "a")
    style.panel_label(width, "b")
    return figure


def main(snakemake):
    """Read the record and write the figure."""
    style.save(draw(products.read_toy(snakemake.input.landscape, "toy_landscape")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
