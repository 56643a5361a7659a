"""Figure B8: examples of the Gaussian processes in two dimensions.

Source: paper, Appendix B, Figure B8.
"""

import style

from flatchannels.pipeline import jobs
from flatchannels.storage import dataset_files

HALF_WIDTH = 3.0  # of the square that is shown; normal inputs outside are left out


def draw(draws):
    """The figure, from {inverse length scale: (x (N, 2), y (N,))}."""
    figure = style.new_figure(1.9)
    panels = figure.subplots(1, max(len(draws), 1), sharex=True, sharey=True, squeeze=False)[0]
    if not draws:
        style.say_empty(panels[0], "no Gaussian process in two dimensions was drawn")
    for letter, axes, (scale, (x, y)) in zip("abcdefgh", panels, sorted(draws.items()), strict=False):
        picture = axes.scatter(*x.T, 0.6, c=(y - y.mean()) / y.std(), cmap="coolwarm", vmin=-2.5, vmax=2.5, linewidths=0, rasterized=True)
        axes.set(title=f"$s$ = {scale:g}", xlabel="$x_1$", aspect="equal", xlim=(-HALF_WIDTH, HALF_WIDTH), ylim=(-HALF_WIDTH, HALF_WIDTH))
        style.panel_label(axes, letter)
    if draws:
        panels[0].set_ylabel("$x_2$")
        figure.colorbar(picture, ax=panels.tolist(), label="target, standardised", shrink=0.8)
    return figure


def main(snakemake):
    """Read the datasets and write the figure."""
    draws = {}
    for path in snakemake.input.draws:
        arrays, meta = dataset_files.read_dataset_arrays(path)
        draws[meta["spec"]["scale"]] = arrays["x"], arrays["y"]
    style.save(draw(draws), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
