"""The table of routes holds what was predicted at the wall and beyond it beside what happens there."""

import numpy as np
import pytest
import synthetic

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.objectives import Objective
from flatchannels.dynamics.polish import polish
from flatchannels.networks.norm import weight_norm
from flatchannels.storage import dataset_files, run_records
from flatchannels.studies.network_routes import route_table

SIZES = {"trajectory_samples": 60, "spectrum_samples": 2}


@pytest.fixture(scope="module")
def data():
    return make({"target": "rosenbrock", "inputs": "grid", "points": 21}, 2, 1, "coarse")


@pytest.fixture(scope="module")
def runs(data):
    net = Network(2, (2,), "g", False)
    return [train(net, data, seed=seed, **SIZES) for seed in range(6)]


@pytest.fixture(scope="module")
def table(data, runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    dataset_files.write_dataset(folder / "dataset.npz", data, {"name": "rosenbrock-grid"})
    run_records.write_runs(folder / "r2.npz", synthetic.meta(widths=(2,), training=SIZES | {"maxnorm": 1000}), runs)
    return route_table([folder / "r2.npz"], folder / "dataset.npz")


def test_each_run_at_the_wall_has_a_row_with_its_predictions(table, runs):
    assert len(table) == sum(run.weight_norm >= 1000 for run in runs) and (table["runs"] == 6).all()
    certified = table[table["verdict"] == "certified"]
    assert len(certified) and (certified["wall"] == 1000).all() and certified["loss_beyond"].isna().all()
    assert np.allclose(certified["predicted_wall"] - certified["loss_infinity"], certified["loss"] - certified["loss_infinity"], rtol=0.1)
    assert (certified["predicted_beyond"] < certified["predicted_wall"]).all()
    assert (certified["predicted_beyond"] > certified["loss_infinity"]).all()


def test_a_flow_continued_to_ten_times_the_norm_has_the_predicted_loss(table, runs, data):
    row = table[(table["verdict"] == "certified") & (table["route"] == "pair")].iloc[0]
    net, [run] = Network(2, (2,), "g", False), [run for run in runs if run.seed == row["seed"]]
    flow = gradient_flow(Objective(net, data), run.theta, maxnorm=1e4)
    end = polish(Objective(net, data, 1e4), flow.theta_end).theta
    assert weight_norm(end) == pytest.approx(1e4, rel=1e-4)
    assert row["predicted_beyond"] - row["loss_infinity"] == pytest.approx(net.loss(end, data) - row["loss_infinity"], rel=0.02)
