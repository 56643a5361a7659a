"""Sizes, fonts, colours and helpers that all figures share.

A figure is a function `draw(tables…) → Figure` in its own file; `save` writes it in the format of each suffix. Equal
tables give equal files: no dates, fixed SVG identifiers.
"""

import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from flatchannels.storage import atomic

TEXT_WIDTH = 5.5  # inches: the text width of the paper, at which fonts appear in their nominal size
GREY = "0.55"
# Widths are ordered, hence a sequential scale (viridis, readable with every colour vision), cut before its pale end.
WIDTH_COLOURS = {"1": "#440154", "2": "#3b528b", "3": "#21918c", "4": "#5ec962", "5": "#d9b800"}
OTHER_COLOURS = ["#cc79a7", "#d55e00", "#999999", "#0072b2"]  # Okabe and Ito, for widths beyond the scale

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


def width_colour(widths):
    """Colour of a width such as "3" or "4x4"; the same in all figures."""
    others = ["8", "16", "4x4", "4x4x4"]
    if widths in WIDTH_COLOURS:
        return WIDTH_COLOURS[widths]
    return OTHER_COLOURS[others.index(widths)] if widths in others else "black"


def panel_label(axes, letter):
    """A bold letter at the top left, outside of the axes."""
    axes.annotate(letter, (0, 1), xytext=(-22, 6), xycoords="axes fraction", textcoords="offset points", weight="bold", size=9)


def say_empty(axes, text="no runs"):
    """What an empty panel says instead of showing nothing."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY)


def log_ticks(axis):
    """Decimal labels at 1, 2 and 5 of every decade instead of powers of ten, for axes of one or two decades."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def few_ticks(axis, intervals=3):
    """Round, whole-number ticks, at most that many intervals."""
    axis.set_major_locator(MaxNLocator(intervals, integer=True, steps=[1, 2, 5, 10]))


def width_ticks(axes, names, axis="x"):
    """One tick per width, by name, with the axis label."""
    axes.set(**{f"{axis}ticks": range(len(names)), f"{axis}ticklabels": names, f"{axis}label": "width $r$"})
    axes.set(**{f"{axis}lim": (-0.6, max(len(names), 1) - 0.4)})


SETTING_COLOURS = {"rosenbrock": "black", "gp-s0.1": "#4477aa", "gp-s0.5": "#66ccee", "gp-s2": "#ccbb44", "gp-s10": "#ee6677"}  # after Tol
FINITE_COLOUR, CHANNEL_COLOUR = "#cc3311", "#0077bb"  # red and blue as in the paper's Figure 4


def setting_colour(name):
    """Colour of a setting of the sweep `channels`; grey for other activations and for deep networks."""
    return SETTING_COLOURS.get(name, GREY)


def setting_label(name):
    """What a figure calls a setting: Rosenbrock, GP 0.5, erf, 3 layers."""
    family, *rest = name.split(" ")
    return " ".join(rest) or (f"GP {family[4:]}" if family.startswith("gp-s") else family.capitalize())


def say_count(axes, count, what="runs", **place):
    """The number of runs that a panel shows, at its top right."""
    where = {"x": 0.98, "y": 0.97, "ha": "right", "va": "top"} | place
    axes.text(s=f"{count} {what}", transform=axes.transAxes, color=GREY, fontsize=6.5, **where)


def share_bars(axes, positions, rows, width=0.7, **look):
    """Bars of shares in percent with their intervals, from rows with share, low and high."""
    percent = 100 * rows[["share", "low", "high"]].to_numpy(dtype=float).reshape(-1, 3)
    axes.bar(positions, percent[:, 0], width, **look)
    errors = [percent[:, 0] - percent[:, 1], percent[:, 2] - percent[:, 0]]
    axes.errorbar(positions, percent[:, 0], yerr=errors, fmt="none", ecolor="black", capsize=1.5, elinewidth=0.7, capthick=0.7)
