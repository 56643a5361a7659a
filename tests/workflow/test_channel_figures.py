"""Figures 4 and B7 to B11 show every run of made-up tables once, and survive missing settings."""

import itertools
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels.reporting import channel_shares
from flatchannels.storage.schemas.channels import CHANNEL_RUNS, CHANNEL_SPECTRA, CHANNELS
from flatchannels.storage.table_files import typed_table

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts" / "figures"))

import channel_panels  # noqa: E402
import fig4_channels  # noqa: E402
import figB7_convergence  # noqa: E402
import figB8_draws  # noqa: E402
import figB9_pairs  # noqa: E402
import figB10_updates  # noqa: E402
import figB11_dimensions  # noqa: E402
import figS_shares  # noqa: E402
import palette  # noqa: E402
import style  # noqa: E402

SETTINGS = {"rosenbrock": (10, 3, 2), "gp-s0.5": (20, 8, 4), "rosenbrock erf": (6, 1, 0), "rosenbrock 3 layers": (5, 2, 1)}


def layer_rows(runs):
    """Rows of the table channels for runs with one parallel pair where they are in a channel."""
    kinds = CHANNELS.kinds
    rows = [
        {**dict.fromkeys(kinds, 0.0), **run._asdict(), "layer": layer, "cosine": 1e-5 if run.channel else 0.1, "strength": 10.0 + layer,
         "sign": -1 if run.seed % 2 else 1, "layer_parallel": run.channel, "groups": "3+2" if run.channel else "", "triplet_cosine": 1e-4}
        for run in runs.itertuples(index=False) for layer in range(1, run.widths.count("x") + 2)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)


def tables_of(settings):
    parts = [
        synthetic.channel_rows(name, *numbers, widths="4x4x4" if "layers" in name else "4", channel_layers="")
        for name, numbers in settings.items()
    ]
    runs = pd.concat(parts, ignore_index=True) if parts else typed_table(CHANNEL_RUNS, [])
    spectra = synthetic.spectrum_rows(runs) if len(runs) else typed_table(CHANNEL_SPECTRA, [])
    return {"runs": runs, "layers": layer_rows(runs), "spectra": spectra, "shares": channel_shares.channel_shares(runs),
            "layer_shares": channel_shares.layer_shares(runs)}  # fmt: skip


@pytest.mark.parametrize("names", [list(SETTINGS), ["rosenbrock 3 layers"], []], ids=str)
def test_all_figures_render(names):
    tables = tables_of({name: SETTINGS[name] for name in names})
    x = np.random.default_rng(0).normal(size=(50, 2))
    figures = [fig4_channels.draw(**tables), figB7_convergence.draw(tables["runs"]), figB9_pairs.draw(tables["layers"]),
               figB10_updates.draw(tables["runs"]), figB11_dimensions.draw(tables["layers"]),
               figS_shares.draw(tables["shares"]),
               figB8_draws.draw({s: (x, x.sum(axis=1)) for s in [0.5, 10][: len(names)]})]  # fmt: skip
    for figure in figures:
        figure.set_layout_engine("none")  # takes most of the time
        figure.draw_without_rendering()
        assert figure.axes and all(panel.has_data() or panel.texts for panel in figure.axes)  # none is blank


def axes():
    return style.new_figure(2).subplots()


@pytest.mark.parametrize("numbers", [(4, 0, 4), (4, 4, 0)])
def test_another_setting_takes_the_place_of_one_that_is_not_there(numbers):
    """Runs at the wall outside of channels have losses and spectra, of which Figure 4 shows none."""
    figure = fig4_channels.draw(**tables_of({"rosenbrock": numbers}))
    titles = [panel.get_title("right") for panel in figure.axes]
    assert titles.count(palette.setting_label("rosenbrock")) == 2
    figure.canvas.draw()


def test_every_pair_is_one_marker_and_those_in_a_channel_are_filled():
    layers = tables_of(SETTINGS)["layers"]
    panel = axes()
    channel_panels.pairs_panel(panel, layers, ["black"] * len(layers))
    shown = [(len(points.get_offsets()), len(points.get_facecolors()) > 0) for points in panel.collections]
    assert sum(count for count, _ in shown) == len(layers)
    assert sum(count for count, filled in shown if filled) == layers["channel"].sum()


def test_a_layer_of_a_run_in_a_channel_is_filled_where_the_channel_is():
    layers = tables_of({"rosenbrock 3 layers": (5, 2, 0)})["layers"]
    layers["layer_parallel"] = layers["channel"] & (layers["layer"] == 2)
    panel = figB9_pairs.draw(layers).axes[0]
    filled = [points for points in panel.collections if len(points.get_facecolors())]
    assert sum(len(points.get_offsets()) for points in filled) == 2
    colours = {tuple(colour[:3]) for points in filled for colour in points.get_facecolors()}
    assert colours == {matplotlib.colors.to_rgb(palette.layer_colour(2))}


def test_the_swatches_are_the_markers_of_the_panel():
    *hollow, filled = channel_panels.pair_swatches().values()
    assert [line.get_marker() for line in hollow] == [line.get_marker() for line in filled] == ["o", "^"]
    assert [line.get_markerfacecolor() for line in [*hollow, *filled]] == ["none", "none", "0.3", "0.3"]
    labels = [text.get_text() for text in figB9_pairs.draw(tables_of(SETTINGS)["layers"]).legends[0].get_texts()]
    assert labels == ["$r$ = 4", "layer 1", "layer 2", "layer 3", *channel_panels.pair_swatches()]


def test_dimensions_have_one_scale_in_all_settings():
    panels = figB11_dimensions.draw(tables_of(SETTINGS)["layers"]).axes
    assert len({axes.get_ylim() for axes in panels}) == 1 and len(panels) == len(SETTINGS)
    assert max(bar.get_height() for axes in panels for bar in axes.patches) < panels[0].get_ylim()[1]


def test_ratios_are_of_the_runs_that_fulfil_the_first_two_criteria():
    runs = tables_of(SETTINGS)["runs"]
    chosen = channel_panels.towards_a_pair(runs)
    panel = axes()
    channel_panels.ratios_panel(panel, chosen)
    assert len(chosen) == 3 + 2 + 8 + 4 + 1 + 2 + 1
    assert sum(bar.get_height() for bar in panel.containers[0]) == len(chosen)


def test_bars_are_the_shares_of_the_settings_in_order():
    panel = axes()
    fig4_channels.shares_panel(panel, tables_of(SETTINGS)["shares"])
    assert [bar.get_height() for bar in panel.patches] == pytest.approx([30, 40, 100 / 6, 40])
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        "Rosenbrock (10, 1)",
        "GP 0.5 (20, 1)",
        "erf (6, 1)",
        "3 layers (5, 1)",
    ]


def test_the_bars_beside_them_are_those_of_all_readings():
    runs = tables_of(SETTINGS)["runs"]
    shares = channel_shares.channel_shares(runs.assign(channel_span=False))
    panel = axes()
    fig4_channels.readings_panel(panel, shares)
    heights = [[bar.get_height() for bar in bars] for bars in panel.containers if hasattr(bars, "patches")]
    assert heights[0] == pytest.approx([30, 40, 100 / 6, 40]) and heights[1] == [0] * 4
    assert heights[2] == pytest.approx([50, 60, 100 / 6, 60])
    assert list(fig4_channels.READING_LABELS) == list(channel_shares.READINGS)


def test_loss_histograms_hold_all_runs_of_finite_norm_and_all_in_channels():
    runs = tables_of(SETTINGS)["runs"]
    panel = axes()
    fig4_channels.losses_panel(panel, runs[runs["setting"] == "gp-s0.5"], "loss", "training")
    assert sum(bar.get_height() for bar in panel.containers[0]) == pytest.approx(100)
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["finite (8)", "channel (8)"]


def test_losses_on_training_and_test_data_have_one_axis_and_the_same_bins():
    runs = tables_of(SETTINGS)["runs"].assign(loss=lambda rows: 0.1 + 0.01 * rows["seed"], loss_test=lambda rows: 5 * rows["loss"])
    top, bottom = style.new_figure(2).subplots(2)
    fig4_channels.losses_panels(top, bottom, runs[runs["setting"] == "gp-s0.5"])
    edges = [[bar.get_x() for bar in panel.containers[0]] for panel in (top, bottom)]
    assert edges[0] == edges[1] and top.get_xlim() == bottom.get_xlim()


def test_combinations_of_layers_have_their_shares_of_the_channels_and_the_numbers_of_runs():
    rows = {"criterion": ["paper"] * 3 + ["diverging"] * 3, "layers": ["1", "2", "1+2"] * 2, "count": [3, 1, 0, 1, 0, 0]}
    shares = pd.DataFrame(rows | {"setting": "rosenbrock 3 layers", "runs": 20})
    panel = axes()
    fig4_channels.layers_panel(panel, shares)
    assert [[bar.get_height() for bar in bars] for bars in panel.containers] == [[75, 25, 0], [100, 0, 0]]
    assert [text.get_text() for text in panel.texts] == ["3", "1", "0", "1", "0", "0"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["paper (4)", "diverging (1)"]


def test_triplets_are_counted_by_their_largest_distance_and_by_the_mean():
    layers = tables_of(SETTINGS)["layers"].assign(triplet_mean=1e-4)
    layers["triplet_cosine"] = np.where(layers["seed"] % 2 == 0, 1e-4, 2e-3)
    inside = layers[layers["channel"]]
    assert figB11_dimensions.triplets(layers) == [(inside["seed"] % 2 == 0).sum(), len(inside)]


def test_every_flow_is_a_line_of_its_colour():
    spectra = tables_of(SETTINGS)["spectra"]
    top, bottom = style.new_figure(2).subplots(2)
    fig4_channels.spectra_panels(top, bottom, spectra[spectra["setting"] == "gp-s0.5"])
    colours = [line.get_color() for line in bottom.lines]
    assert [colours.count(colour) for colour in (palette.FINITE_COLOUR, palette.CHANNEL_COLOUR)] == [8, 8]


def test_dimensions_count_groups_of_parallel_layers_of_runs_in_a_channel():
    layers = tables_of(SETTINGS)["layers"]
    assert channel_panels.channel_dimensions(layers).tolist() == [3 + 8 + 1 + 6, 3 + 8 + 1 + 6]  # of "3+2": one of 1, one of 2
    assert channel_panels.channel_dimensions(layers[~layers["channel"]]).size == 0


def test_maps_of_shares_have_every_network_in_its_cell():
    hits = {("rosenbrock", 2, "4"): 3, ("rosenbrock", 8, "4"): 5, ("rosenbrock", 8, "16"): 0, ("gp-s0.5", 2, "16"): 10}
    parts = [synthetic.channel_rows(name, 10, count, widths=r, dimension=d) for (name, d, r), count in hits.items()]
    parts.append(synthetic.channel_rows("rosenbrock 2 layers", 10, 9, widths="4x4", activation="softplus"))
    parts.append(synthetic.channel_rows("rosenbrock erf", 10, 9))
    rows = figS_shares.of_networks(channel_shares.channel_shares(pd.concat(parts, ignore_index=True)))
    figure = figS_shares.draw(channel_shares.channel_shares(pd.concat(parts, ignore_index=True)))
    maps = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert set(maps) == {"Rosenbrock", "GP 0.5"} and len(rows) == 3 * len(hits)
    for label, name in [("Rosenbrock", "rosenbrock"), ("GP 0.5", "gp-s0.5")]:
        shown = maps[label].images[0].get_array()  # dimensions 2, 8 upwards, widths 4, 16 to the right
        for (down, d), (across, r) in itertools.product(enumerate([2, 8]), enumerate(["4", "16"])):
            count = hits.get((name, d, r))
            assert shown.mask[down, across] if count is None else shown[down, across] == count / 10
    texts = sorted(text.get_text() for text in maps["Rosenbrock"].texts if text.get_text().isdigit())
    assert texts == ["0", "30", "50"]


def test_points_below_the_maps_pool_the_networks_with_intervals_by_network():
    counts = {"2": 1, "4": 9}
    runs = pd.concat([synthetic.channel_rows("gp-s2", 10, count, widths=r) for r, count in counts.items()], ignore_index=True)
    figure = figS_shares.draw(channel_shares.channel_shares(runs))
    panel = next(axes for axes in figure.axes if axes.get_xlabel() == "dataset")
    (line,) = [container.lines[0] for container in panel.containers]
    assert line.get_ydata() == pytest.approx([50])
    low, high = panel.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert low < 5 and high > 95  # two networks that differ as much as can be say next to nothing


def test_figures_need_no_numerical_engine():
    code = "import sys, fig4_channels, figB7_convergence, figB8_draws, figB9_pairs, figB10_updates, figB11_dimensions"
    paths = ":".join(map(str, [ROOT / "workflow", ROOT / "workflow" / "scripts" / "figures"]))
    command = [sys.executable, "-c", code + "; sys.exit('numba' in sys.modules)"]
    assert subprocess.run(command, env={"PYTHONPATH": paths}).returncode == 0
