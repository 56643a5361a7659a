"""What another configuration made is refused where one is asked for."""

import json
from contextlib import nullcontext

import numpy as np
import pytest
import synthetic

from flatchannels import Dataset
from flatchannels.reasons import Stop
from flatchannels.storage import dataset_files, origins, products, run_records
from flatchannels.storage.errors import RecordError

ASKED = {
    "seed": 1, "datasets": {"rosenbrock-grid": synthetic.meta()["spec"], "other": {}}, "toy": {"samples": 256},
    "training": synthetic.TRAINING | {"max_seconds": 9, "max_steps": 30, "max_t": 1e9, "continue_unfinished": False},
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({}, None),
        ({"seed": 2}, "seed 1; the configuration says 2"),
        ({"datasets": {"rosenbrock-grid": {**ASKED["datasets"]["rosenbrock-grid"], "points": 12}}},
         "datasets.rosenbrock-grid.points 11; the configuration says 12"),
        ({"datasets": {"other": {}}}, "datasets.rosenbrock-grid {.*}; the configuration says nothing of that name"),
        ({"training": ASKED["training"] | {"rtol": 1e-4}}, "training.rtol 1e-05; the configuration says 0.0001"),
        ({"training": ASKED["training"] | {"max_t": 1e3}}, None),
        ({"training": ASKED["training"] | {"max_steps": 40}}, "training.max_steps 30; the configuration says 40"),
        ({"training": ASKED["training"] | {"max_steps": 40, "continue_unfinished": True}}, None),
    ],
)  # fmt: skip
def test_a_record_made_by_another_configuration_is_refused_where_one_is_asked_for(tmp_path, monkeypatch, asked, problem):
    path = tmp_path / "seeds-1-1.npz"
    training = {key: value for key, value in ASKED["training"].items() if key != "continue_unfinished"}
    run_records.write_runs(path, synthetic.meta(training=training), [synthetic.run(1, stop=Stop.STEP_LIMIT)])
    monkeypatch.setenv(origins.ASKED, json.dumps(ASKED | asked))
    if problem is None:
        run_records.read_runs(path, ["loss"])
    else:
        with pytest.raises(RecordError, match=f"seeds-1-1.npz: was made with {problem}$"):
            run_records.read_runs(path, ["loss"])


def test_datasets_and_products_of_the_toy_are_refused_too(tmp_path, monkeypatch):
    data, meta = Dataset(np.ones((4, 2)), np.arange(4.0)), {"name": "gp-d2-r4-g", "dimension": 2, "spec": {"inputs": "normal"}, "seed": 1}
    (tmp_path / "datasets").mkdir()
    for name in ("gp-d2-r4-g", "gp-d2-r4"):
        dataset_files.write_dataset(tmp_path / f"datasets/{name}.npz", data, meta)
    with pytest.raises(RecordError, match="gp-d2-r4.npz: is out of place: it holds the dataset gp-d2-r4-g$"):
        dataset_files.read_dataset_arrays(tmp_path / "datasets/gp-d2-r4.npz")
    arrays = {"gamma": np.ones((1, 2)), "alpha": np.ones((1, 2)), "theta": np.ones((1, 2, 3))}
    products.write_toy(tmp_path / "flows.npz", "toy_flows", arrays, {"seed": 1, "toy": {"samples": 256}})
    asked = ASKED | {"datasets": {"gp": {"inputs": "normal"}}}
    for change, readable in [({}, [True, True]), ({"seed": 2}, [False, False]), ({"toy": {"samples": 99}}, [True, False]),
                             ({"datasets": {"gp": {"inputs": "normal", "samples": 9}}}, [False, True])]:  # fmt: skip
        monkeypatch.setenv(origins.ASKED, json.dumps(asked | change))
        for read, fine in zip([lambda: dataset_files.read_dataset(tmp_path / "datasets/gp-d2-r4-g.npz"),
                               lambda: products.read_toy(tmp_path / "flows.npz", "toy_flows")], readable):  # fmt: skip
            with nullcontext() if fine else pytest.raises(RecordError, match="was made with"):
                read()
