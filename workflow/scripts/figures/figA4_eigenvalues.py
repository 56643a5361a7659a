"""Figure A4: eigenvalues of the Hessian along a saddle line, coloured by the continuity of their eigenvectors.

The saddle line is that of Figure 2c, d. Source: paper, Appendix A, Figure A4.
"""

import numpy as np
import style
from fig2cd_plateau import NONE
from figA2_escapes import branch_colours, eigenvalue_panel
from saddle_panels import none_found

from flatchannels.pipeline import jobs
from flatchannels.storage import products

AROUND_ZERO = 0.04  # half width in γ of the panel at γ = 0


def draw(meta, arrays):
    """The figure, from the example of that name (flatchannels.storage.products.SADDLES["plateau"])."""
    if not meta["found"]:
        return none_found(2.6, NONE)
    figure = style.new_figure(2.7)
    whole, zero, repulsion = figure.subplots(1, 3, width_ratios=[2, 1, 1])
    eigenvalue_panel(whole, arrays)
    window(zero, arrays, 0.0, AROUND_ZERO)
    slope = abs(arrays["eigenvalues"][abs(arrays["gamma"]) < AROUND_ZERO])
    limit = 1.1 * np.sort(slope.max(axis=0))[meta["dimension"]]  # the branch along Γ stays 0; d others cross it
    zero.set(ylim=(-limit, limit), xticks=[-AROUND_ZERO, 0, AROUND_ZERO])
    at, low, high = narrowest_gap(arrays)
    window(repulsion, arrays, at, AROUND_ZERO)
    repulsion.set(ylim=(low, high), xticks=np.round(at, 2) + [-0.03, 0, 0.03])
    for axes, letter in zip((whole, zero, repulsion), "abc", strict=True):
        style.panel_label(axes, letter)
    return figure


def window(axes, arrays, centre, half_width):
    """The branches around one γ."""
    for values, colour in zip(arrays["eigenvalues"].T, branch_colours(arrays), strict=True):
        axes.plot(arrays["gamma"], values, color=colour, linewidth=1.1)
    axes.axhline(0, color="black", linewidth=0.4, zorder=0)
    axes.set(xlim=(centre - half_width, centre + half_width), xlabel=r"$\gamma$")


def narrowest_gap(arrays):
    """Where, to the right of γ = ½ and off γ = 1, two neighbouring branches come closest, relative to their distance around.

    Returns
    -------
    γ, and the limits of a window of eigenvalues around it.
    """
    gamma, values = arrays["gamma"], np.sort(arrays["eigenvalues"], axis=1)
    gaps = np.diff(values, axis=1)
    allowed = (gamma > 0.6) & (gamma < 2.9) & (abs(gamma - 1) > 0.1)
    shift = max(1, int(np.searchsorted(gamma, gamma[0] + 1.5 * AROUND_ZERO)))
    around = np.minimum(np.roll(gaps, shift, axis=0), np.roll(gaps, -shift, axis=0))
    ratio = np.where(allowed[:, None], gaps / np.maximum(around, 1e-300), np.inf)
    k, lower = np.unravel_index(np.argmin(ratio), ratio.shape)
    near = abs(gamma - gamma[k]) < AROUND_ZERO
    pair = values[near][:, lower : lower + 2]
    margin = 0.15 * np.ptp(pair)
    return gamma[k], pair.min() - margin, pair.max() + margin


def main(snakemake):
    """Read the example and write the figure."""
    style.save(draw(*products.read_saddles(snakemake.input.plateau, "plateau")), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
