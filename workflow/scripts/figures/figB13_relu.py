"""Figure B13: two relu neurons learn a function with a jump in a channel, y = x_2 where x_1 > 0 and 0 elsewhere.

Source: paper, Appendix C.3, Figure B13.
"""

import numpy as np
import palette
import style

from flatchannels.pipeline import jobs
from flatchannels.storage import products


def draw(record):
    """The figure, from the record relu_channel: the target, what was learned, and a cut through both."""
    figure = style.new_figure(1.7)
    panels = figure.subplots(1, 3, width_ratios=[1, 1, 1.1])
    x = record["x"]
    extent, limit = [x[0], x[-1], x[0], x[-1]], abs(record["target"]).max()
    for axes, key, title in [(panels[0], "target", "target"), (panels[1], "function", "learned")]:
        look = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, "interpolation": "nearest", "rasterized": True}
        picture = axes.imshow(record[key].T, origin="lower", extent=extent, **look)  # the first axis is x_1
        axes.set(xlabel="$x_1$", ylabel="$x_2$", title=title, xticks=[-2, 0, 2], yticks=[-2, 0, 2])
    figure.colorbar(picture, ax=list(panels[:2]), label="$f(x)$", ticks=[-2, 0, 2], shrink=0.9)
    row = int(np.argmin(abs(x - 1)))
    panels[2].plot(x, record["target"][:, row], color=palette.GREY, linewidth=2.5, label="target")
    panels[2].plot(x, record["function"][:, row], color="black", label="learned")
    panels[2].set(xlabel="$x_1$", ylabel=f"$f(x_1, {x[row]:.1g})$", xticks=[-2, 0, 2])
    panels[2].set_box_aspect(1)
    panels[2].legend(loc="center right", borderaxespad=0, handlelength=0.7, fontsize=6)
    for letter, axes in zip("abc", panels, strict=True):
        style.panel_label(axes, letter)
    return figure


def main(snakemake):
    """Read the record and write the figure."""
    style.save(draw(products.read_toy(snakemake.input.relu_channel, "relu_channel")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
