"""Figure B6: how far the flows of Figure 3 are from the saddle line, neuron by neuron.

Source: paper, Appendix B.2, Figure B6.
"""

import palette
import style
from fig3_channel import flows, why_none
from matplotlib.lines import Line2D
from saddle_panels import none_found

from flatchannels.pipeline import jobs
from flatchannels.storage import products

HALF = {"linestyle": "-", "linewidth": 1.2}
OTHERS = {"linestyle": (0, (3, 1.5)), "linewidth": 0.9}


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["channel"])."""
    if not meta["found"]:
        return none_found(2.6, why_none(meta))
    figure = style.new_figure(2.6)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    neurons = range(arrays["flow_neuron_distances"].shape[2])
    for axes, (k, _, label, kept), letter in zip(panels, flows(arrays), "ab", strict=True):
        for neuron in neurons:
            axes.plot(arrays["flow_gamma"][k][kept], arrays["flow_neuron_distances"][k][kept, neuron], **look(neuron, meta))
        axes.plot(arrays["flow_gamma"][k][kept], arrays["flow_distance"][k][kept], color="black", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel=r"projected $\gamma$", title=f"from {label}")
        style.panel_label(axes, letter)
    panels[0].set_ylabel(r"distance to $\Gamma$")
    handles = [Line2D([], [], color="black", linewidth=0.8, label="all parameters")]
    handles += [Line2D([], [], **look(neuron, meta), label=f"neuron {neuron + 1}" + " (split)" * (neuron in meta["pair"]))
                for neuron in neurons]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3 if len(handles) > 4 else 4)
    return figure


def look(neuron, meta):
    """Colour and line of a neuron; those of the halves of the split one are solid."""
    return {"color": palette.neuron_colour(neuron)} | (HALF if neuron in meta["pair"] else OTHERS)


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.channel, "channel")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
