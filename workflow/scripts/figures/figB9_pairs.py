"""Figure B9: the closest pair of neurons of every run, in every setting.

A panel for each setting; Figure 4a shows those of softplus and one hidden layer in one. Source: paper, Appendix B, Figure B9.
"""

import palette
import style
from channel_panels import label_outer, ordered, pairs_legend, pairs_panel, setting_panels

from flatchannels.names import widths_key, widths_of
from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNELS


def draw(layers):
    """The figure, from the table channels: coloured by width, or by layer where there are several."""
    names = ordered(layers["setting"])
    figure, panels = setting_panels(names, layers["setting"][layers["layer"] == 1].value_counts())
    for axes, name in zip(panels, names, strict=False):
        here = layers[layers["setting"] == name]
        pairs_panel(axes, here, [colour(row.widths, row.layer) for row in here.itertuples()])
    label_outer(panels, names)
    widths = sorted(set(layers["widths"]), key=widths_key)
    depth = max((len(widths_of(name)) for name in widths), default=1)
    colours = {f"$r$ = {name}": palette.width_colour(name) for name in widths if len(widths_of(name)) == 1}
    colours |= {f"layer {layer}": palette.layer_colour(layer) for layer in range(1, depth + 1) if depth > 1}
    pairs_legend(figure, colours)
    return figure


def colour(widths, layer):
    """Colour of a marker: that of the width of one hidden layer, or of the layer where there are several."""
    return palette.width_colour(widths) if len(widths_of(widths)) == 1 else palette.layer_colour(layer)


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channels, CHANNELS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
