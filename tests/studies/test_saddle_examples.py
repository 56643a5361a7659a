"""Examples of saddle lines are chosen by rule, their files are whole, and figures and claims say what the files say."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.landscape import criteria
from flatchannels.landscape.updates import inside_the_wall
from flatchannels.reasons import Stop
from flatchannels.storage import products, run_records
from flatchannels.storage.errors import RecordError
from flatchannels.studies import plateau_flows, saddle_examples, saddle_tables

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow" / "scripts" / "figures"))

import fig2cd_plateau  # noqa: E402
import fig3_channel  # noqa: E402
import figA2_escapes  # noqa: E402
import figA4_eigenvalues  # noqa: E402
import figB5_surface  # noqa: E402
import figB6_distances  # noqa: E402
import style  # noqa: E402

PLATEAU_FIGURES = [fig2cd_plateau, figA2_escapes, figA4_eigenvalues]
CHANNEL_FIGURES = [fig3_channel, figB5_surface, figB6_distances]


@pytest.fixture(scope="module")
def datasets():
    return {"rosenbrock-grid": make({"target": "rosenbrock", "inputs": "grid", "points": 31}, 2, 1, "grid")}


@pytest.fixture(scope="module")
def blocks(datasets, tmp_path_factory):
    """Records of bias-free networks of one neuron, which end at finite norm, and of two, which go to infinity."""
    paths, sizes = [], {"trajectory_samples": 250, "spectrum_samples": 2}
    for width in (1, 2):
        net = Network(2, (width,), "g", False)
        runs = [train(net, datasets["rosenbrock-grid"], seed=seed, **sizes) for seed in range(3)]
        paths.append(tmp_path_factory.mktemp("runs") / f"r{width}.npz")
        run_records.write_runs(paths[-1], synthetic.meta(widths=(width,), training=sizes | {"maxnorm": 1000}), runs)
    return paths


@pytest.fixture(scope="module")
def lines(blocks, datasets):
    return saddle_tables.line_table(blocks, datasets)


@pytest.fixture(scope="module")
def plateau(lines, datasets):
    return saddle_examples.plateau(saddle_examples.choose_plateau(lines, 1), datasets)


@pytest.fixture(scope="module")
def channel(blocks, datasets):
    return saddle_examples.channel(saddle_examples.channel_candidates(blocks), datasets, 1e3)


def test_the_table_has_a_row_for_each_neuron_of_each_converged_network(lines, blocks):
    expected = []
    for path in blocks:
        meta, runs = run_records.read_runs(path, ["stop", "seed"])
        finite = runs["seed"][runs["stop"] == meta["stop_codes"]["STATIONARY"]]
        expected += [(str(width), seed, neuron) for width in meta["widths"] for seed in finite for neuron in range(width)]
    assert 0 < len(expected) < 9 and list(lines[["widths", "seed", "neuron"]].itertuples(index=False, name=None)) == expected
    assert (lines["zeros_end"] - lines["zeros"] == 2).all() and lines["gradient"].max() < 1e-12
    assert (lines["stable_inside"] == (lines["verdict"] == "stable inside")).all() and lines["stable_inside"].any()


def rows(**columns):
    table = {"widths": "2", "bias": False, "seed": 1, "neuron": 0, "loss": 0.5, "matrix_min": 1.0, "matrix_max": 2.0} | columns
    return pd.DataFrame(table)


def test_saddle_lines_are_of_networks_at_strict_minima_alone(datasets, tmp_path):
    """An exact fit is none: its residuals are rounding, and so is the matrix that tells what a split neuron does."""
    runs = [synthetic.run(1, 3), *(synthetic.run(seed, 3, stop=stop) for seed, stop in [(2, Stop.EXACT), (3, Stop.FLAT), (4, Stop.WALL)])]
    run_records.write_runs(tmp_path / "record.npz", synthetic.meta(2, (1,), sweep="levels"), runs)
    assert saddle_tables.line_table([tmp_path / "record.npz"], datasets)["seed"].tolist() == [1]


def test_the_plateau_is_of_the_lowest_loss_then_the_first_seed_then_the_most_definite_neuron():
    table = rows(seed=[1, 2, 2, 3, 4, 5], neuron=[0, 0, 1, 0, 0, 0], loss=[0.5, 0.4, 0.4, 0.4, 0.1, 0.3],
                 matrix_min=[9.0, 1.0, 3.0, 9.0, 9.0, 9.0],
                 verdict=["stable inside"] * 4 + ["unstable", "stable outside"])  # fmt: skip
    chosen = saddle_examples.choose_plateau(table, 2)
    assert (chosen["seed"], chosen["neuron"]) == (2, 1)  # its eigenvalues 2 and 3, those of neuron 0: 1 and 2
    assert saddle_examples.choose_plateau(table, 2, seed=3)["loss"] == 0.4
    assert saddle_examples.choose_plateau(table, 2, seed=5)["verdict"] == "stable outside"
    assert saddle_examples.choose_plateau(table, 2, seed=4) is None and saddle_examples.choose_plateau(table, 3) is None


def test_flows_from_the_plateau_return_and_all_others_end_lower(plateau):
    told, arrays = plateau
    start, change = arrays["start"], arrays["end_loss"] - told["loss"]
    inside, outside = abs(start - 0.5) < 0.49, abs(start - 0.5) > 0.51
    assert (inside.sum(), outside.sum()) == (5, 24) and arrays["eigenvalues"].shape[0] >= 10_001
    assert abs(change[inside]).max() < 1e-10 and abs(arrays["end_gamma"] - start)[inside].max() < 1e-5
    assert np.all(change[outside] < -1e-3) and np.all(arrays["curvature"][outside] < 0) and np.all(arrays["curvature"][inside] > 0)


def test_the_surface_lies_above_the_plateau_and_falls_beside_the_rest(plateau):
    told, arrays = plateau
    gamma, heights = arrays["surface_gamma"], arrays["surface_loss"] - told["loss"]
    assert abs(heights[:, heights.shape[1] // 2]).max() < 1e-14
    inside = (gamma > 0.05) & (gamma < 0.95)
    assert np.all(heights[inside][:, [0, -1]] > 0) and np.all(heights[(gamma < -0.05) | (gamma > 1.05)][:, [0, -1]] < 0)


def test_a_channel_that_its_saddle_line_leads_back_to_is_found(channel):
    told, arrays = channel
    assert told["back"] and told["tried"][-1]["back"].count(True) >= 1
    cosines = abs(arrays["flow_cosine"][0])
    assert 1 - cosines[np.isfinite(cosines)][-51:].mean() < 1e-6  # +α is the side that leads into the channel
    kept = np.isfinite(arrays["flow_cosine"][0])
    gamma, excess = abs(arrays["flow_gamma"][0][kept]), (arrays["flow_loss"][0] - arrays["loss_infinity"][0])[kept]
    late = gamma > 0.2 * gamma[-1]
    assert np.polyfit(np.log(gamma[late]), np.log(excess[late]), 1)[0] == pytest.approx(-2, abs=0.05)


def test_without_candidates_nothing_is_found(tmp_path):
    path = tmp_path / "channel.npz"
    products.write_saddles(path, "channel", *saddle_examples.channel([], {}, 1e3))
    meta, arrays = products.read_saddles(path, "channel")
    assert not meta["found"] and meta["tried"] == meta["escapes"] == [] and arrays["flow_loss"].shape == (0, 0)


def test_the_files_are_read_back_whole_and_refuse_what_does_not_fit(plateau, tmp_path):
    told, arrays = plateau
    path = tmp_path / "plateau.npz"
    products.write_saddles(path, "plateau", told, arrays)
    meta, read = products.read_saddles(path, "plateau")
    assert meta["found"] and meta["seed"] == told["seed"] and all(np.array_equal(read[key], arrays[key], equal_nan=True) for key in arrays)
    with pytest.raises(RecordError, match="holds 'flatchannels plateau'"):
        products.read_saddles(path, "channel")
    faults = [({"angles": arrays["angles"][1:]}, "angles has shape"), ({"theta": arrays["theta"] * np.nan}, "theta is not finite"),
              ({"more": 1.0}, "unknown: .'more'.")]  # fmt: skip
    for wrong, message in faults:
        with pytest.raises(RecordError, match=message):
            products.write_saddles(path, "plateau", told, arrays | wrong)


def write_both(folder, plateau, channel):
    paths = [folder / f"{name}.npz" for name in ("plateau", "channel")]
    for path, example in zip(paths, (plateau, channel), strict=True):
        products.write_saddles(path, path.stem, *example)
    return paths


def test_figures_show_the_examples(plateau, channel, tmp_path):
    paths = write_both(tmp_path, plateau, channel)
    for figures, path in zip((PLATEAU_FIGURES, CHANNEL_FIGURES), paths, strict=True):
        example = products.read_saddles(path, path.stem)
        drawn = [module.draw(*example) for module in figures]
        style.save(drawn[1], [tmp_path / "figure.png"])
        for figure in [drawn[0], drawn[2]]:
            figure.set_layout_engine("none")
            figure.draw_without_rendering()
    losses = next(axes for axes in fig2cd_plateau.draw(plateau[0] | {"found": True}, plateau[1]).axes if axes.get_ylabel() == "final loss")
    assert sum(len(line.get_xdata()) for line in losses.lines if line.get_marker() == "o") == 31


@pytest.mark.parametrize("tried, expected", [([], "no run in a channel"), ([{}] * 4, "4 runs in a channel tried")])
def test_figures_say_that_there_is_no_example(tried, expected):
    for module in CHANNEL_FIGURES:
        assert any(text.get_text().startswith(expected) for text in module.draw({"found": False, "tried": tried}, {}).axes[0].texts)
    for module in PLATEAU_FIGURES:
        assert "definite" in module.draw({"found": False}, {}).axes[0].texts[0].get_text()


def test_the_figure_says_whether_the_flow_came_back():
    meta = {"activation": "g", "seed": 3, "tried": [1, 2], "back": True}
    assert "comes back" in fig3_channel.verdict(meta) and "none comes back" in fig3_channel.verdict(meta | {"back": False})


def test_late_updates_in_a_channel_are_parallel_to_the_saddle_lines_of_its_pair(blocks):
    table = saddle_tables.update_table(blocks)
    assert set(table["widths"]) == {"2"} and (table["rise"] < 0.01 * table["fall"]).all()
    assert table["cosine"].min() > 0.999 and table["last"].min() > 0.99999


def test_updates_are_told_of_runs_that_the_third_criterion_leaves_out(blocks, monkeypatch):
    everything = saddle_tables.update_table(blocks)
    monkeypatch.setattr(criteria, "ALIGNED_RATIO", 2.0)
    found = saddle_tables.update_table(blocks)
    assert everything["aligned"].any() and not found["aligned"].any()
    assert found.drop(columns="aligned").equals(everything.drop(columns="aligned"))


def test_the_fall_and_its_rises_are_those_of_the_last_updates(blocks):
    table = saddle_tables.update_table(blocks[1:])
    meta, arrays = run_records.read_runs(blocks[1], ["seed", "trajectory_theta", "trajectory_loss"])
    for row in table.itertuples():
        index = arrays["seed"].tolist().index(row.seed)
        losses = arrays["trajectory_loss"][index][: len(inside_the_wall(arrays["trajectory_theta"][index], 1000))][-52:]
        assert row.fall == pytest.approx((losses[0] - losses[-1]) / losses[0], rel=1e-9) and row.fall > 0
        assert row.rise == pytest.approx(sum(max(b - a, 0) for a, b in zip(losses, losses[1:])) / losses[0], abs=1e-15)
    assert set(table["setting"]) == {"rosenbrock-grid g"} and set(table["family"]) == {"rosenbrock-grid"}


def test_flows_of_other_networks_go_where_the_matrix_says(lines, blocks, datasets):
    chosen = plateau_flows.choose_neurons(lines)
    assert len(chosen) == chosen["minimum"].nunique() and set(chosen["verdict"]) <= {"stable inside", "stable outside"}
    flows = pd.DataFrame(plateau_flows.network_flows(chosen, datasets))
    assert len(flows) == 3 * len(chosen) > 0 and flows["network"].nunique() == len(chosen)
    inside = (flows["start"] == 0.5) == (flows["verdict"] == "stable inside")
    change = flows["loss"] - flows["loss_line"]
    assert change[inside].abs().max() < 1e-10 and change[~inside].max() < -1e-6


def test_networks_are_spread_over_all_minima_with_a_stable_neuron():
    number = np.repeat(np.arange(100), 2)
    table = rows(seed=number, neuron=np.tile([0, 1], 100), loss=0.1 + number / 100, matrix_min=np.tile([1.0, 3.0], 100),
                 matrix_max=4.0, verdict=np.where(number % 2, "stable inside", "unstable"))  # fmt: skip
    chosen = plateau_flows.choose_neurons(table, 10)
    assert len(chosen) == 10 and set(chosen["neuron"]) == {1} and set(chosen["seed"] % 2) == {1}
    assert (chosen["seed"].min(), chosen["seed"].max()) == (1, 99)
    assert len(plateau_flows.choose_neurons(table.assign(loss=0.5), 10)) == 0  # one minimum, whose first seed has no stable neuron
    assert len(plateau_flows.choose_neurons(table[:0])) == 0


def test_the_table_of_escapes_has_the_flows_of_all_examples(plateau, channel, tmp_path):
    told, arrays = plateau
    more = {"example": "network", "network": "r3 seed 1", "seed": 1, "neuron": 0, "verdict": "stable inside", "back": False, "stop": "FLAT"}
    numbers = dict.fromkeys(["start", "size", "curvature", "loss_line", "loss", "gamma", "distance", "rise"], 0.5)
    flows = saddle_tables.escape_table(*write_both(tmp_path, (told | {"escapes": [more | numbers]}, arrays), channel))
    assert (flows["example"] == "plateau").sum() == 31 and (flows["example"] == "network").sum() == 1
    assert set(flows["example"]) == {"plateau", "channel", "network"} and flows["network"].str.match(r"r\d+(-nobias)? seed \d+$").all()
