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
from flatchannels.storage import dataset_files, run_records, table_files
from flatchannels.storage.schemas.infinity import ROUTES
from flatchannels.studies.network_routes import earlier_table, route_table

SIZES = {"trajectory_samples": 60, "spectrum_samples": 2}


@pytest.fixture(scope="module")
def data():
    return make({"target": "rosenbrock", "inputs": "grid", "points": 21}, 2, 1, "coarse")


@pytest.fixture(scope="module")
def runs(data):
    net = Network(2, (2,), "g", False)
    return [train(net, data, seed=seed, **SIZES) for seed in range(6)]


@pytest.fixture(scope="module")
def folder(data, runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    dataset_files.write_dataset(folder / "dataset.npz", data, {"name": "rosenbrock-grid"})
    for name, some in (("first.npz", runs[:3]), ("all.npz", runs)):
        run_records.write_runs(folder / name, synthetic.meta(widths=(2,), training=SIZES | {"maxnorm": 1000}), some)
    return folder


@pytest.fixture(scope="module")
def table(folder):
    return route_table([folder / "all.npz"], folder / "dataset.npz")


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


def test_more_runs_leave_the_rows_of_the_others_as_they_were(table, folder):
    first = route_table([folder / "first.npz"], folder / "dataset.npz").assign(reason="told before")
    again = route_table([folder / "all.npz"], folder / "dataset.npz", first)
    old = again["seed"].isin(first["seed"])
    assert 0 < len(first) < len(again) == len(table)
    assert (
        (again["reason"][old] == "told before").all() and (again["record"] == str(folder / "all.npz")).all() and (again["runs"] == 6).all()
    )
    columns = ["seed", "route", "verdict", "reason", "loss_infinity", "ratio"]
    assert again[~old][columns].equals(table[~old][columns])


def test_a_run_that_came_out_otherwise_is_judged_anew(table, folder):
    other = table.assign(reason="told before", loss=np.nextafter(table["loss"], 1))
    again = route_table([folder / "all.npz"], folder / "dataset.npz", other)
    assert again["reason"].equals(table["reason"])


def test_an_earlier_table_of_other_code_or_another_dataset_does_not_count(table, tmp_path):
    path, made_by = tmp_path / "r2.parquet", {"code": "1", "dataset": "2"}
    assert earlier_table(path, made_by) is None
    table_files.write_table(path, ROUTES, table, made_by)
    assert len(earlier_table(path, made_by)) == len(table)
    assert earlier_table(path, made_by | {"code": "3"}) is None and earlier_table(path, made_by | {"dataset": "3"}) is None
    path.write_bytes(path.read_bytes()[:-9])
    assert earlier_table(path, made_by) is None
