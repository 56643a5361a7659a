"""The summary of a sweep shows each network and protocol in a row, and maps where two axes vary."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import synthetic
from checkouts import ROOT

sys.path.insert(0, str(ROOT / "workflow" / "scripts" / "figures"))
import style  # noqa: E402
import sweep_overview  # noqa: E402

from flatchannels.reporting.end_shares import AXES, end_shares  # noqa: E402
from flatchannels.storage.schemas.channels import CHANNELS  # noqa: E402
from flatchannels.storage.schemas.infinity import ROUTES  # noqa: E402
from flatchannels.storage.table_files import typed_table  # noqa: E402


def sweep(widths=("2", "4"), scales=(1.0, 0.1), seeds=6):
    """Tables of made-up runs: exact fits where the scale is 1, and a share of channels that grows with the width."""
    runs = [
        synthetic.channel_rows(
            "t",
            seeds,
            channels=1 if "x" in width else int(width),
            widths=width,
            initial_scale=scale,
            stop="EXACT" if scale == 1 else "WALL",
        )
        for width in widths
        for scale in scales
    ]
    runs = pd.concat(runs, ignore_index=True) if runs else synthetic.channel_rows("t", 1)[:0]
    layers = {column: runs[column] if column in runs else 1 for column in CHANNELS.columns}
    layers = typed_table(CHANNELS, pd.DataFrame(layers | {"cosine": np.geomspace(1e-12, 1, len(runs)) if len(runs) else []}))
    chosen = runs[runs["infinite"]]
    routes = {column: chosen[column] if column in chosen else 1 for column in ROUTES.columns}
    routes = typed_table(ROUTES, pd.DataFrame(routes | {"route": "pair", "verdict": "certified"}))
    return runs, layers, end_shares(runs), routes


def texts(figure, tmp_path):
    path = tmp_path / "a.svg"
    with plt.rc_context({"svg.fonttype": "none"}):
        style.save(figure, [path])
    return path.read_text()


def test_rows_are_named_by_what_differs_and_maps_have_the_shares(tmp_path):
    figure = sweep_overview.draw(*sweep())
    said = texts(figure, tmp_path)
    assert all(f">{label}<" in said for label in ["r 2", "r 2, scale 0.1", "r 4", "r 4, scale 0.1", "initial scale", "minimum"])
    top, bottom = figure.subfigs
    maps = {axes.get_title(): {text.get_text() for text in axes.texts} for axes in bottom.axes}
    assert maps["exact fit"] == {"0", "100"} and maps["channel"] == {"0", "33", "67"} and maps["minimum"] == {"0", "67", "33"}
    assert len(top.axes) == 4
    levels = top.axes[0]
    assert levels.get_xticklabels()[0].get_text() == "0" and levels.get_xticks()[0] < levels.get_xticks()[1]


def test_the_shares_are_of_ends_that_occur():
    ends = pd.DataFrame({"end": list(sweep_overview.COLOURS), "count": 0})
    assert sweep_overview.shown(ends) == ["exact fit", "channel", "plateau saddle"]
    occur = ends.assign(count=ends["end"].isin(["minimum", "norm wall"]).astype(int))
    assert sweep_overview.shown(occur) == ["exact fit", "norm wall", "minimum"]


@pytest.mark.parametrize(
    "made", [{}, {"scales": (1.0,)}, {"widths": ("2",), "scales": (1.0,)}, {"widths": ()}, {"seeds": 1, "widths": ("4x4",)}], ids=str
)
def test_any_sweep_can_be_drawn(made, tmp_path):
    tables = sweep(**{key: value for key, value in made.items() if key != "seeds"}, seeds=made.get("seeds", 6))
    assert len(texts(sweep_overview.draw(*tables), tmp_path)) > 1000


def test_a_row_leaves_out_defaults_and_what_does_not_vary():
    row = dict.fromkeys(AXES, 0) | {"widths": "4x4", "bias": False, "initial_scale": 1.0, "scheme": "he_normal", "optimiser": "adam",
                                    "rate": 0.01, "batch": 16, "budget": 20000, "maxnorm": 10.0}  # fmt: skip
    values = tuple(row.values())
    assert sweep_overview.row_label(values, ["widths", "bias", "initial_scale"]) == "r 4-4, no bias"
    assert sweep_overview.row_label(values, ["optimiser", "rate", "batch", "budget", "maxnorm", "scheme"]) == (
        "he normal, adam, rate 0.01, batch 16, 20 000 steps, wall 10"
    )
    assert sweep_overview.row_label(values, ["initial_scale"]) == "by default" and sweep_overview.row_label(values, []) == "all runs"
