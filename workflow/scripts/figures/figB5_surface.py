"""Figure B5: the surface of Figure 3a to both sides of γ = ½.

Source: paper, Appendix B.2, Figure B5.
"""

import numpy as np
import style
from fig3_channel import surface_panel, why_none
from saddle_panels import none_found, surface_axes

from flatchannels.pipeline import jobs
from flatchannels.storage import products


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["channel"])."""
    if not meta["found"]:
        return none_found(3.0, why_none(meta))
    figure = style.new_figure(3.2)
    figure.set_layout_engine("none")
    axes = surface_axes(figure, (0.08, 0, 0.84, 1), (42, -112), zoom=1.0)
    surface_panel(axes, arrays, -np.inf)
    axes.tick_params(pad=0)
    axes.xaxis.labelpad = axes.yaxis.labelpad = 0
    return figure


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.channel, "channel")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
