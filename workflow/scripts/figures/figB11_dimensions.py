"""Figure B11: the dimensions of channels, and how many come from a triplet of neurons, in every setting.

A panel for each setting; Figure 4g shows the dimensions for softplus and one hidden layer in one. Source: paper, Appendix B,
Figure B11.
"""

import numpy as np
import palette
import style
from channel_panels import channel_dimensions, label_outer, ordered, setting_panels

from flatchannels.landscape.criteria import PARALLEL_DISTANCE
from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNELS


def draw(layers):
    """The figure, from the table channels."""
    names = ordered(layers["setting"])
    runs = layers[layers["channel"]].drop_duplicates(["setting", "dimension", "widths", "seed"])
    figure, panels = setting_panels(names, runs["setting"].value_counts())
    counts = {name: channel_dimensions(layers[layers["setting"] == name]) for name in names}
    highest = max((count.max(initial=0) for count in counts.values()), default=0)
    longest = max((len(count) for count in counts.values()), default=0)
    for axes, name in zip(panels, names, strict=False):
        dimensions_panel(axes, counts[name], *triplets(layers[layers["setting"] == name]))
    panels[0].set(yscale="log", ylim=(0.5, 6 * max(3, highest)), xticks=range(1, max(longest, 3) + 1))  # of all panels
    label_outer(panels, names)
    return figure


def dimensions_panel(axes, count, triplets, by_mean):
    """How many channels of each dimension there are, and the number of triplets, by the mean distance in parentheses."""
    axes.bar(np.arange(len(count)) + 1, count, 0.7, color=palette.CHANNEL_COLOUR)
    axes.set(xlabel="dimension", ylabel="channels")
    style.say_count(axes, triplets, f"({by_mean}) {'triplet' if triplets == by_mean == 1 else 'triplets'}")


def triplets(layers):
    """In how many layers of runs in a channel three neurons are as parallel as a pair has to be: by their largest distance, by the mean."""
    return [int((layers["channel"] & (layers[column] < PARALLEL_DISTANCE)).sum()) for column in ("triplet_cosine", "triplet_mean")]


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channels, CHANNELS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
