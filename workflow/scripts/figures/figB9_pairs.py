"""Figure B9: the closest pair of neurons of every run, in every setting.

A panel for each setting; Figure 4a shows those of softplus and one hidden layer in one. Source: paper, Appendix B, Figure B9.
"""

import style
from fig4_channels import ordered, pair_handles, pairs_panel
from matplotlib.patches import Patch

from flatchannels.names import widths_key
from flatchannels.storage import table_files

LAYER_COLOURS = ["#117733", "#aa4499", "#999933"]  # of layers 1, 2, 3 of deep networks
COLUMNS = 5


def draw(layers):
    """The figure, from the table channels: coloured by width, or by layer where there are several."""
    names = ordered(layers["setting"])
    figure, panels = setting_panels(names, layers["setting"][layers["layer"] == 1].value_counts())
    for axes, name in zip(panels, names, strict=False):
        here = layers[layers["setting"] == name]
        deep = here["widths"].str.contains("x").any()
        colours = [LAYER_COLOURS[(number - 1) % 3] for number in here["layer"]] if deep else [style.width_colour(w) for w in here["widths"]]
        pairs_panel(axes, here, colours)
    label_outer(panels, names)
    widths = sorted({w for w in layers["widths"] if "x" not in w}, key=widths_key)
    handles = [Patch(color=style.width_colour(w), label=f"$r$ = {w}") for w in widths]
    depth = max((w.count("x") + 1 for w in layers["widths"]), default=1)
    handles += [Patch(color=LAYER_COLOURS[k % 3], label=f"layer {k + 1}") for k in range(depth if depth > 1 else 0)]
    figure.legend(handles=[*handles, *pair_handles()], loc="outside upper center", ncols=5)
    return figure


def setting_panels(names, counts, **shared):
    """A figure with a panel for each setting, titled with its name and number of runs; unused panels are taken away."""
    rows = max(1, -(-len(names) // COLUMNS))
    figure = style.new_figure(1.75 * rows + 0.6)
    panels = figure.subplots(rows, COLUMNS, squeeze=False, **({"sharex": True, "sharey": True} | shared)).ravel()
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(f"{style.setting_label(name)} ({counts.get(name, 0)})")
    for axes in panels[max(len(names), 1) :]:
        axes.remove()
    if not names:
        style.say_empty(panels[0])
    return figure, panels


def label_outer(panels, names):
    """Labels of the axes at the left and below alone."""
    for index, axes in enumerate(panels[: len(names)]):
        if index % COLUMNS:
            axes.set_ylabel("")
        if index + COLUMNS < len(names):
            axes.set_xlabel("")
        else:
            axes.tick_params(labelbottom=True)


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(table_files.read_table(snakemake.input.channels, "channels")), snakemake.output)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
