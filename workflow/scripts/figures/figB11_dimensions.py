"""Figure B11: the dimensions of channels, and how many come from a triplet of neurons, in every setting.

A panel for each setting; Figure 4g shows the dimensions for softplus and one hidden layer in one. Source: paper, Appendix B,
Figure B11.
"""

import numpy as np
import style
from fig4_channels import channel_dimensions, ordered
from figB9_pairs import label_outer, setting_panels

from flatchannels.landscape.criteria import PARALLEL_DISTANCE
from flatchannels.storage import table_files


def draw(layers):
    """The figure, from the table channels."""
    names = ordered(layers["setting"])
    runs = layers[layers["channel"]].drop_duplicates(["setting", "dimension", "widths", "seed"])
    figure, panels = setting_panels(names, runs["setting"].value_counts(), sharey=False)
    for axes, name in zip(panels, names, strict=False):
        dimensions_panel(axes, layers[layers["setting"] == name])
    label_outer(panels, names)
    return figure


def dimensions_panel(axes, layers):
    """How many channels of each dimension there are, and in how many layers three neurons are as parallel as a pair has to be."""
    count = channel_dimensions(layers)
    axes.bar(np.arange(len(count)) + 1, count, 0.7, color=style.CHANNEL_COLOUR)
    axes.set(yscale="log", xlabel="dimension", ylabel="channels", ylim=(0.5, 10 * max(3, count.max(initial=0))))
    axes.set_xticks(range(1, max(len(count), 3) + 1))
    triplets = (layers["channel"] & (layers["triplet_cosine"] < PARALLEL_DISTANCE)).sum()
    style.say_count(axes, triplets, "triplets")


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channels, "channels")), snakemake.output)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
