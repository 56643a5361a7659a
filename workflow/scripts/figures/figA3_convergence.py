"""Figure A3: how well the runs behind Figures 2 and A1 converged.

Histograms over runs of the final gradient and of the smallest Hessian eigenvalue. Source: paper, Appendix A, Figure A3.
"""

import numpy as np
import palette
import style
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from flatchannels.names import widths_key
from flatchannels.pipeline import jobs
from flatchannels.precision import CONVERGED_GRADIENT
from flatchannels.storage import table_files
from flatchannels.storage.schemas.runs import RUNS

SMALLEST = 1e-14  # eigenvalues below are rounding, and drawn as zero


def draw(runs):
    """The figure, from the table of runs: a row for each bias setting, columns for gradient and eigenvalue."""
    runs = runs[runs["stop"] != "FAILED"]
    rows = [("without biases", runs[~runs["bias"]]), ("with biases", runs[runs["bias"]])]
    return histograms(runs["widths"].unique(), rows, 3.6)


def histograms(widths, rows, height):
    """A figure with a row of two panels, gradient and eigenvalue, for each (title, runs); `widths` are those of the legend."""
    figure = style.new_figure(height)
    panels = figure.subplots(len(rows), 2, sharex="col", squeeze=False)
    for (title, chosen), row in zip(rows, panels, strict=True):
        gradient_panel(row[0], chosen)
        eigenvalue_panel(row[1], chosen)
        for panel in row:
            panel.set_title(title, loc="right")
            panel.set_ylabel("runs")
    panels[-1, 0].set_xlabel(r"final $\|\nabla (L + R)\|_\infty$")
    panels[-1, 1].set_xlabel(r"smallest eigenvalue of the Hessian, $\lambda_{\min}$")
    for letter, panel in zip("abcd", panels.flat, strict=True):
        style.panel_label(panel, letter)
    names = sorted(widths, key=widths_key)
    handles = [Patch(color=palette.width_colour(name), label=f"$r$ = {name.replace('x', ', ')}") for name in names]
    figure.legend(handles=handles, loc="outside upper center", ncols=max(len(names), 1))
    return figure


def gradient_panel(axes, runs):
    """Final gradient norms on a log axis, with the bound below which a run counts as converged."""
    values = np.maximum(runs["gradient_norm"], 1e-18)  # an exact zero has a place too
    top = max(-6, np.ceil(np.log10(values.max())) if len(values) else -6)
    bins = np.logspace(-18, top, int(3 * (top + 18)) + 1)
    stacked_histogram(axes, runs, values, bins)
    axes.set(xscale="log", xlim=(bins[0], bins[-1]))
    axes.axvline(CONVERGED_GRADIENT, color="black", linestyle="--", linewidth=0.8)


def eigenvalue_panel(axes, runs):
    """Smallest eigenvalues on an axis that is logarithmic to both sides of zero."""
    values = runs["hessian_min"].to_numpy()
    low, high = int(np.log10(SMALLEST)), 2
    positive = np.logspace(low, high, 3 * (high - low) + 1)
    stacked_histogram(axes, runs, np.clip(values, -positive[-1], positive[-1]), np.concatenate([-positive[::-1], positive]))
    axes.set_xscale("symlog", linthresh=SMALLEST, linscale=0.3)
    axes.axvline(0, color="black", linewidth=0.5, zorder=0)
    axes.xaxis.set_major_locator(FixedLocator([-1e0, -1e-6, 0, 1e-6, 1e0]))


def stacked_histogram(axes, runs, values, bins):
    """Histogram of values over bins with the widths stacked in their colours."""
    names = sorted(runs["widths"].unique(), key=widths_key)
    base = np.zeros(len(bins) - 1)
    for name in names:
        top = base + np.histogram(values[(runs["widths"] == name).to_numpy()], bins)[0]
        axes.stairs(top, bins, baseline=base, fill=True, color=palette.width_colour(name))
        base = top
    axes.set_ylim(0, max(1, 1.05 * base.max()))
    style.few_ticks(axes.yaxis, 5)
    if not names:
        style.say_empty(axes)


def main(snakemake):
    """Read the table of runs and write the figure."""
    runs = table_files.read_table(snakemake.input.runs, RUNS)
    style.save(draw(runs[runs["sweep"] == snakemake.params.sweep]), snakemake.output)


if "snakemake" in globals():
    jobs.run(main, snakemake)  # noqa: F821, Snakemake puts it there
