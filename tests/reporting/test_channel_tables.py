"""Tables of the sweep `channels` hold every run once, with the loss that the engine gives on the test points."""

import numpy as np
import pytest
import synthetic

from flatchannels import Dataset, Network, names
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.layout import Layout
from flatchannels.pipeline import expansion
from flatchannels.reasons import Stop
from flatchannels.reporting import channel_shares, channel_tables
from flatchannels.storage import dataset_files, run_records
from flatchannels.storage.schemas import channels as schemas

TRAINING = synthetic.TRAINING


def planted(widths, seed, channel_layers=(), maxnorm=1000.0, inputs=2):
    """A run at the wall whose trajectory moves along the channels of pairs in the given layers, and nowhere else."""
    net = Network(inputs, widths, "softplus", True)
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=net.parameters)
    layers = Layout(inputs, tuple(widths), True).hidden_layers
    step = np.zeros_like(theta)
    for number in channel_layers:
        layer = layers[number - 1]
        theta[layer.rows[1]] = theta[layer.rows[0]] * (1 + 1e-4 * rng.normal(size=layer.rows.shape[1]))
        step[layer.columns[0]], step[layer.columns[1]] = 1.0, -1.0
    trajectory = theta + np.linspace(0, 0.9, 12)[:, None] * step * np.sqrt(2 * maxnorm * theta.size / max(step @ step, 1))
    theta = theta + step * np.sqrt(2 * maxnorm * theta.size / (step @ step) * 1.1) if channel_layers else theta
    stop = Stop.WALL if channel_layers else Stop.STATIONARY
    run = synthetic.run(seed, theta=theta, samples=12, stop=stop, weight_norm=theta @ theta / 2 / theta.size)
    run.flow.theta = trajectory
    run.theta_initial = trajectory[0] + rng.normal(size=theta.size)
    return run


def write_block(folder, widths, runs, dataset="gp-s0.5-d2-r4x4-softplus"):
    path = folder / f"{dataset}-{'x'.join(map(str, widths))}.npz"
    draw = {"target": "gaussian-process", "inputs": "normal", "samples": 9, "scale": 0.5}
    meta = synthetic.meta(2, widths, "softplus", True, sweep="channels", dataset=dataset, spec=draw)
    run_records.write_runs(path, meta, runs)
    return path


def write_dataset(folder, name="gp-s0.5-d2-r4x4-softplus", test=True):
    rng = np.random.default_rng(5)
    data, fresh = Dataset(rng.normal(size=(9, 2)), rng.normal(size=9)), Dataset(rng.normal(size=(30, 2)), rng.normal(size=30))
    dataset_files.write_dataset(folder / f"{name}.npz", data, {"name": name}, fresh if test else None)
    return folder / f"{name}.npz", fresh


@pytest.fixture
def tables(tmp_path):
    (tmp_path / "datasets").mkdir()
    dataset, _ = write_dataset(tmp_path / "datasets")
    failure = run_records.Failure(4, "ValueError: no")
    runs = [planted((4, 4), 1, [1]), planted((4, 4), 2, [2]), planted((4, 4), 3), failure]
    return channel_tables.channel_tables([write_block(tmp_path, (4, 4), runs)], [dataset])


def test_every_run_has_a_verdict_and_every_layer_a_row(tables):
    runs, layers = tables["channel_runs"], tables["channels"]
    assert runs["channel"].tolist() == [True, True, False, False] and runs["channel_dimension"].tolist()[1:] == [1, 0, 0]
    # Strong outputs of the first layer make the rows above look parallel: the stricter criterion is not taken in.
    assert runs["channel_layers"].tolist() == ["1+2", "2", "", ""] and runs["strict_layers"].tolist() == ["1", "2", "", ""]
    assert layers[["seed", "layer"]].to_numpy().tolist() == [[seed, layer] for seed in [1, 2, 3, 4] for layer in [1, 2]]
    assert set(runs["setting"]) == {"gp-s0.5 2 layers"} and set(runs["family"]) == {"gp-s0.5"}
    assert list(runs) == list(schemas.CHANNEL_RUNS.columns)


def test_how_far_the_finish_turned_a_run_is_the_cosine_distance_of_the_two_ends(tmp_path):
    runs = [planted((4,), seed) for seed in (1, 2)]
    runs[0].flow.theta_end, runs[1].flow.theta_end = 3 * runs[0].theta, -runs[1].theta
    _, block = write_dataset(tmp_path), write_block(tmp_path, (4,), [*runs, run_records.Failure(3, "ValueError: no")])
    turned = channel_tables.channel_tables([block], [])["channel_runs"]["finish_cosine"]
    assert turned.to_numpy() == pytest.approx([0, 2, np.nan], abs=1e-15, nan_ok=True)


def test_spectra_are_those_of_the_records_without_the_padding(tables):
    spectra = tables["channel_spectra"]
    assert spectra.groupby("seed").size().to_dict() == {1: 3, 2: 3, 3: 3}
    assert spectra["t"].tolist() == [0.0, 1.0, 2.0] * 3 and set(spectra["largest"]) == {1.0} and set(spectra["smallest"]) == {0.0}
    assert spectra.groupby("seed")["channel"].first().tolist() == [True, True, False]


def test_shares_leave_out_failed_runs_but_for_convergence(tables):
    shares = tables["channel_shares"].set_index(["widths", "quantity"])
    for widths in ["all", "4x4"]:
        assert tuple(shares.loc[(widths, "channel"), ["count", "runs"]]) == (2, 3)
        assert tuple(shares.loc[(widths, "aligned"), ["count", "runs"]]) == (2, 2)
        assert shares.loc[(widths, "converged"), "runs"] == 4
    layers = tables["channel_layers"].set_index(["criterion", "layers"])
    assert layers.loc["paper", "count"].to_dict() == {"1": 0, "2": 1, "1+2": 1} and set(layers["runs"]) == {3}
    assert layers.loc["diverging", "count"].to_dict() == {"1": 1, "2": 1, "1+2": 0}


def test_without_records_all_tables_are_there_and_empty():
    tables = channel_tables.channel_tables([], [])
    wanted = {schema.name: list(schema.columns) for schema in schemas.CHANNEL_SCHEMAS}
    assert {name: list(table) for name, table in tables.items()} == wanted
    assert not any(len(table) for table in tables.values())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("widths, bias", [((3,), True), ((3, 2), False)])
def test_test_losses_are_those_of_the_engine(tmp_path, activation, widths, bias):
    _, fresh = write_dataset(tmp_path)
    net = Network(2, widths, activation, bias)
    theta = 3 * np.random.default_rng(1).normal(size=(4, net.parameters))
    theta[3] = np.nan
    meta = {"inputs": 2, "widths": widths, "bias": bias, "activation": activation}
    losses = channel_tables.losses_at(theta, meta, (fresh.x, fresh.y))
    assert losses[:3] == pytest.approx([net.loss(row, fresh) for row in theta[:3]], rel=1e-10) and np.isnan(losses[3])
    assert np.isnan(channel_tables.losses_at(theta, meta, None)).all()


@pytest.mark.parametrize("name, spec", [
    ("rosenbrock-grid", {"target": "rosenbrock", "inputs": "grid", "points": 5}),
    ("rosenbrock", {"target": "rosenbrock", "inputs": "normal", "samples": 5}),
    ("a-grid-d2", {"target": "rosenbrock", "inputs": "grid", "points": 5}),
    ("gp-s0.5", {"target": "gaussian-process", "inputs": "normal", "samples": 5, "scale": 0.5}),
    ("gp-d2-x", {"target": "gaussian-process", "inputs": "normal", "samples": 5, "scale": 0.5, "redraw": "run"})])  # fmt: skip
def test_the_family_of_a_dataset_is_its_name_in_the_configuration(name, spec):
    product = expansion.dataset_product({"datasets": {name: spec}}, name, 2, (4, 4), "softplus", 3)
    assert names.dataset_family(product, 2, spec) == name


def test_settings_are_ordered_by_scale_then_activation_then_depth():
    found = [names.setting_name(*words) for words in [("gp-s10", "softplus", 1), ("rosenbrock", "softplus", 3),
             ("rosenbrock", "erf", 1), ("gp-s2", "softplus", 1), ("rosenbrock", "softplus", 1)]]  # fmt: skip
    expected = ["rosenbrock", "gp-s2", "gp-s10", "rosenbrock erf", "rosenbrock 3 layers"]
    assert sorted(found, key=names.setting_key) == expected


def test_three_layers_have_seven_combinations():
    assert channel_shares.layer_combinations(3) == ["1", "2", "3", "1+2", "1+3", "2+3", "1+2+3"]
