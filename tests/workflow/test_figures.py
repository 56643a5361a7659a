"""Figures show every row of made-up tables once, survive missing categories, and are the same files every time."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels import Dataset
from flatchannels.reporting import levels as levels_
from flatchannels.reporting import runs as runs_
from flatchannels.reporting import shares as shares_
from flatchannels.reporting.groups import CONFIGURATION
from flatchannels.storage import dataset_files, table_files
from flatchannels.storage.schemas.runs import LOSS_LEVELS, RUNS, SHARES, SOLUTIONS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts" / "figures"))

import fig2_levels  # noqa: E402
import figA1_bias  # noqa: E402
import figA3_convergence  # noqa: E402
import style  # noqa: E402


def made_up_runs(widths=("1", "2", "3"), biases=(False, True), seeds=12, infinite=False, failed=False):
    """Every width finds its own loss; the first seed of each r ≥ 2 has duplicates and the loss of width 1."""
    parts = []
    for bias in biases:
        for width in widths:
            losses = np.full(seeds, (0.6 - 0.1 * bias) / int(width))
            duplicates = (np.arange(seeds) < 1) & (width != "1")
            losses[duplicates] = 0.6 - 0.1 * bias
            stop = "FAILED" if failed else "WALL" if infinite else "STATIONARY"
            parts.append(synthetic.run_rows(losses, width, duplicates.astype(int), bias=bias, infinite=infinite, stop=stop))
    return pd.concat(parts, ignore_index=True) if parts else runs_.run_table([])


def tables_of(runs):
    """loss_levels, solutions and shares, with solutions counted by their losses instead of parameters."""
    rows = [
        {**dict(zip(CONFIGURATION, key[:-1], strict=True)), "widths": key[-1], "outcome": outcome, "runs": mask.sum(),
         "solutions": group["loss"][mask].nunique(), "singletons": 0}
        for key, group in runs[runs["stop"] != "FAILED"].groupby([*CONFIGURATION, "widths"])
        for outcome, mask in {"all": group["loss"] > 0, "no duplicates": group["duplicates"] == 0}.items()
    ]  # fmt: skip
    solutions = pd.DataFrame(rows, columns=list(SOLUTIONS.columns))
    return levels_.loss_levels(runs), solutions, shares_.shares(runs)


def grid(points=5):
    side = np.linspace(-1, 1, points)
    x = np.array([(first, second) for second in side for first in side])
    return {"x": x, "y": x[:, 0] + 10 * x[:, 1]}


def draw_all(runs):
    levels, solutions, shares = tables_of(runs)
    chosen = [table[~table["bias"].astype(bool)] for table in (levels, solutions, shares)]
    return [fig2_levels.draw(grid(), *chosen), figA1_bias.draw(levels, shares), figA3_convergence.draw(runs)]


CASES = {
    "one seed of a width beyond the scale": {"widths": ["16"], "seeds": 1},
    "only without biases": {"biases": [False]},
    "only with biases": {"biases": [True]},
    "all infinite": {"infinite": True},
    "all failed": {"failed": True},
    "no runs": {"biases": []},
}


@pytest.mark.parametrize("case", CASES)
def test_all_figures_render(case):
    for figure in draw_all(made_up_runs(**CASES[case])):
        figure.set_layout_engine("none")  # takes most of the time
        figure.draw_without_rendering()
        assert any(panel.has_data() or panel.texts for panel in figure.axes)  # insets alone may be empty


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_equal_tables_give_equal_files(suffix, tmp_path):
    levels, _, shares = tables_of(made_up_runs())
    paths = [tmp_path / f"{attempt}.{suffix}" for attempt in range(2)]
    for path in paths:
        style.save(figA1_bias.draw(levels, shares), [path])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def markers(axes):
    """Positions of all scattered markers of some axes."""
    return np.concatenate([np.ma.getdata(points.get_offsets()) for points in axes.collections if hasattr(points, "get_sizes")])


def panel(figure, ylabel):
    return next(axes for axes in figure.axes if axes.get_ylabel() == ylabel)


def test_the_levels_panel_has_one_marker_per_level_and_width_and_joins_shared_ones():
    levels, solutions, shares = tables_of(made_up_runs(biases=[False]))
    figure = fig2_levels.draw(grid(), levels, solutions, shares)
    axes = panel(figure, "width $r$")
    expected = [(row.loss, ["1", "2", "3"].index(row.widths)) for row in levels.itertuples()]
    assert np.array(sorted(map(tuple, markers(axes)))) == pytest.approx(np.array(sorted(expected)))
    (lines,) = (lines for lines in axes.collections if hasattr(lines, "get_segments"))
    assert [segment.tolist() for segment in lines.get_segments()] == [[[0.6, 0], [0.6, 2]]]


def test_diamonds_are_filled_where_runs_have_duplicates():
    levels, _, shares = tables_of(made_up_runs(widths=["2"], biases=[False]))
    axes = style.new_figure(2).subplots()
    fig2_levels.levels_panel(axes, levels, ["2"])
    diamonds = next(points for points in axes.collections if hasattr(points, "get_sizes") and len(points.get_offsets()))
    filled = dict(zip(diamonds.get_offsets()[:, 0].tolist(), diamonds.get_facecolors()[:, :3].mean(axis=1) < 1, strict=True))
    assert filled == {0.6: True, 0.3: False}


@pytest.mark.parametrize(("infinite", "ticks"), [(False, 0), (True, 2)])
def test_levels_of_infinite_norm_alone_are_ticked(infinite, ticks):
    levels, _, _ = tables_of(made_up_runs(widths=["2"], biases=[False], infinite=infinite))
    axes = style.new_figure(2).subplots()
    fig2_levels.levels_panel(axes, levels, ["2"])
    assert len(axes.lines[0].get_xdata()) == ticks and len(markers(axes)) == 2


def test_duplicates_bars_are_as_long_as_the_shares():
    runs = made_up_runs(biases=[False])
    _, _, shares = tables_of(runs)
    axes = style.new_figure(2).subplots()
    fig2_levels.duplicates_panel(axes, shares, ["1", "2", "3"])
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0, 100 / 12, 100 / 12])


def test_solution_bars_and_dashes_stand_at_their_numbers():
    _, solutions, _ = tables_of(made_up_runs(biases=[False]))
    axes = style.new_figure(2).subplots()
    fig2_levels.solutions_panel(axes, solutions)
    assert [bar.get_height() for bar in axes.patches] == [1, 2, 2]
    assert [line.get_segments()[0][0, 1] for line in axes.collections] == [3, 9, 27]


def test_the_target_image_has_its_axes_the_right_way_round():
    axes = style.new_figure(2).subplots()
    fig2_levels.target_panel(axes, grid())
    image = np.ma.getdata(axes.images[0].get_array())
    assert image[0] == pytest.approx(np.linspace(-11, -9, 5)) and image[:, 0] == pytest.approx(np.linspace(-11, 9, 5))
    assert axes.images[0].origin == "lower" and axes.images[0].get_extent() == [-1, 1, -1, 1]


def test_outcome_bars_add_up_to_the_runs():
    runs = pd.concat([made_up_runs(["2"], [False], 9), made_up_runs(["2"], [False], 3, infinite=True)], ignore_index=True)
    axes = style.new_figure(2).subplots()
    figA1_bias.outcome_panel(axes, shares_.shares(runs), ["2"])
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 9), (9, 3)]


def test_histograms_hold_every_run_even_outside_the_usual_range():
    runs = made_up_runs(["1", "2"], [False], 10).assign(gradient_norm=np.logspace(-30, 3, 20), hessian_min=np.linspace(-1e4, 1e4, 20))
    runs.loc[0, ["gradient_norm", "hessian_min"]] = 0.0
    figure = figA3_convergence.draw(runs)
    for axes in figure.axes[:2]:
        assert np.sum(axes.patches[-1].get_data().values) == 20


@pytest.mark.parametrize("name", ["fig2_levels", "figA1_bias", "figA3_convergence"])
def test_a_script_reads_the_tables_that_its_rule_names(name, tmp_path):
    runs = made_up_runs()
    levels, solutions, shares = tables_of(runs)
    inputs = {}
    for schema, frame in [(RUNS, runs), (LOSS_LEVELS, levels), (SOLUTIONS, solutions), (SHARES, shares)]:
        inputs[schema.name] = tmp_path / f"{schema.name}.parquet"
        table_files.write_table(inputs[schema.name], schema, frame)
    inputs["dataset"] = tmp_path / "rosenbrock-grid.npz"
    dataset_files.write_dataset(inputs["dataset"], Dataset(**grid()), {})
    inputs["dataset"] = [inputs["dataset"]]
    params = {"sweep": "levels", "dataset": runs["dataset"].iloc[0], "activation": runs["activation"].iloc[0], "nothing": ""}

    class Named(dict):
        __getattr__ = dict.__getitem__

    output = [tmp_path / f"figure.{kind}" for kind in ["svg", "png"]]
    script = ROOT / "workflow" / "scripts" / "figures" / f"{name}.py"
    scope = {"__name__": name}
    exec(compile(script.read_text(), script, "exec"), scope)
    scope["main"](SimpleNamespace(input=Named(inputs), output=output, params=Named(params)))
    assert all(path.stat().st_size > 1000 for path in output)


def test_figures_need_no_numerical_engine():
    figures = ROOT / "workflow" / "scripts" / "figures"
    names = ", ".join(path.stem for path in figures.glob("fig*.py"))
    code = f"import sys, {names}; sys.exit('numba' in sys.modules)"
    paths = ":".join(map(str, [ROOT / "workflow", figures]))
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": paths}).returncode == 0
