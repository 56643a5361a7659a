"""Figure B7: how well the runs of the sweep `channels` converged.

Histograms over runs of the final gradient and of the smallest Hessian eigenvalue, per width. Source: paper, Appendix B, Figure B7.
"""

import style
from figA3_convergence import eigenvalue_panel, gradient_panel
from matplotlib.patches import Patch

from flatchannels import records
from flatchannels.statistics import width_key


def draw(runs):
    """The figure, from the table channel_runs: a row for runs of finite norm, one for those at the wall."""
    runs = runs[runs["stop"] != "FAILED"]
    figure = style.new_figure(3.8)
    panels = figure.subplots(2, 2, sharex="col")
    for row, (infinite, title) in enumerate([(False, "finite norm"), (True, "at the norm wall")]):
        chosen = runs[runs["infinite"] == infinite]
        gradient_panel(panels[row, 0], chosen)
        eigenvalue_panel(panels[row, 1], chosen)
        for panel in panels[row]:
            panel.set_title(f"{title}: {len(chosen)} runs", loc="right")
            panel.set_ylabel("runs")
    panels[1, 0].set_xlabel(r"final $\|\nabla (L + R)\|_\infty$")
    panels[1, 1].set_xlabel(r"smallest eigenvalue of the Hessian, $\lambda_{\min}$")
    for letter, panel in zip("abcd", panels.flat, strict=True):
        style.panel_label(panel, letter)
    names = sorted(runs["widths"].unique(), key=width_key)
    handles = [Patch(color=style.width_colour(name), label=f"$r$ = {name.replace('x', ', ')}") for name in names]
    figure.legend(handles=handles, loc="outside upper center", ncols=max(len(names), 1))
    return figure


def main(snakemake):
    """Read the table and write the figure."""
    style.save(draw(records.read_table(snakemake.input.channel_runs, "channel_runs")), snakemake.output)


if "snakemake" in globals():
    main(snakemake)  # noqa: F821, Snakemake puts it there
