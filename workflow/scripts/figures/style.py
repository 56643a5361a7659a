"""Sizes, fonts and helpers that all figures share; colours and names are in `palette`.

A figure is a function `draw(tables…) → Figure` in its own file; `save` writes it in the format of each suffix. Equal
tables give equal files: no dates, fixed SVG identifiers.
"""

import io
from pathlib import Path

import matplotlib
import palette
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from flatchannels.storage import atomic

TEXT_WIDTH = 5.5  # inches: the text width of the paper, at which fonts appear in their nominal size

matplotlib.rcParams.update({
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6, "xtick.minor.width": 0.4, "ytick.minor.width": 0.4,
    "lines.linewidth": 1.0, "hatch.linewidth": 0.5, "axes.spines.top": False, "axes.spines.right": False,
    "legend.frameon": False, "legend.handletextpad": 0.4, "legend.columnspacing": 1.0,
    "figure.constrained_layout.use": True, "savefig.dpi": 300, "pdf.fonttype": 42, "svg.hashsalt": "flatchannels",
})  # fmt: skip


def new_figure(height):
    """An empty figure as wide as the text, `height` in inches, without any state outside itself."""
    return Figure(figsize=(TEXT_WIDTH, height), layout="constrained")


def save(figure, paths):
    """Write a figure to every path, in the format that its suffix names (pdf, svg, png)."""
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}
    for path in paths:
        kind = Path(path).suffix.lstrip(".")
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, metadata=undated[kind])
        atomic.write_bytes(path, buffer.getvalue())


def panel_label(axes, letter):
    """A bold letter at the top left, outside of the axes."""
    axes.annotate(letter, (0, 1), xytext=(-22, 6), xycoords="axes fraction", textcoords="offset points", weight="bold", size=9)


def say_empty(axes, text="no runs"):
    """What an empty panel says instead of showing nothing."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=palette.GREY)


def log_ticks(axis):
    """Decimal labels instead of powers of ten: at 1, 2 and 5 of every decade, on axes of more than two decades at 1 alone."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def few_ticks(axis, intervals=3):
    """Round, whole-number ticks, at most that many intervals."""
    axis.set_major_locator(MaxNLocator(intervals, integer=True, steps=[1, 2, 5, 10]))


def width_ticks(axes, names, axis="x"):
    """One tick per width, by name, with the axis label."""
    axes.set(**{f"{axis}ticks": range(len(names)), f"{axis}ticklabels": names, f"{axis}label": "width $r$"})
    axes.set(**{f"{axis}lim": (-0.6, max(len(names), 1) - 0.4)})


def say_count(axes, count, what="runs", **place):
    """The number of runs that a panel shows, at its top right."""
    where = {"x": 0.98, "y": 0.97, "ha": "right", "va": "top"} | place
    axes.text(s=f"{count} {what}", transform=axes.transAxes, color=palette.GREY, fontsize=6.5, **where)


def share_bars(axes, positions, rows, width=0.7, **look):
    """Bars of shares in percent with their intervals, from rows with share, low and high."""
    percent = 100 * rows[["share", "low", "high"]].to_numpy(dtype=float).reshape(-1, 3)
    axes.bar(positions, percent[:, 0], width, **look)
    errors = [percent[:, 0] - percent[:, 1], percent[:, 2] - percent[:, 0]]
    axes.errorbar(positions, percent[:, 0], yerr=errors, fmt="none", ecolor="black", capsize=1.5, elinewidth=0.7, capthick=0.7)
