"""Figure B10: the share of updates in the channel subspace, in every setting.

A panel for each setting; Figure 4b shows those of softplus and one hidden layer in one. Source: paper, Appendix B, Figure B10.
"""

import style
from channel_panels import label_outer, ordered, ratios_panel, setting_panels, towards_a_pair

from flatchannels.pipeline import jobs
from flatchannels.storage import table_files
from flatchannels.storage.schemas.channels import CHANNEL_RUNS


def draw(runs):
    """The figure, from the table channel_runs."""
    names = ordered(runs["setting"])
    towards = towards_a_pair(runs)
    figure, panels = setting_panels(names, towards["setting"].value_counts(), sharey=False)
    for axes, name in zip(panels, names, strict=False):
        ratios_panel(axes, towards[towards["setting"] == name])
        label = axes.get_xlabel()
        axes.set(xticks=[0, 0.5, 1], xlabel="")
    label_outer(panels, names)
    if names:
        figure.supxlabel(label, fontsize=8)
        figure.legend(handles=panels[0].get_legend_handles_labels()[0], loc="outside upper center", ncols=2)
    return figure


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channel_runs, CHANNEL_RUNS)), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
