"""What another configuration made is refused where one is asked for."""

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
def test_a_record_made_by_another_configuration_is_refused_where_one_is_asked_for(tmp_path, asked, problem):
    path = tmp_path / "seeds-1-1.npz"
    training = {key: value for key, value in ASKED["training"].items() if key != "continue_unfinished"}
    run_records.write_runs(path, synthetic.meta(training=training), [synthetic.run(1, stop=Stop.STEP_LIMIT)])
    for read in [lambda: run_records.read_runs(path, ["loss"], ASKED | asked), lambda: origins.check_origins([path], ASKED | asked)]:
        with nullcontext() if problem is None else pytest.raises(RecordError, match=f"seeds-1-1.npz: was made with {problem}$"):
            read()
    run_records.read_runs(path, ["loss"])


def test_damaged_files_and_those_that_are_no_archives_are_left_to_their_readers(tmp_path):
    (tmp_path / "half.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "text.txt").write_text("a text")
    origins.check_origins([tmp_path / name for name in ["half.npz", "text.txt", "missing.npz"]], ASKED)


def test_datasets_and_products_of_the_toy_are_refused_too(tmp_path):
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
        now = asked | change
        readers = [(dataset_files.read_dataset, ["datasets/gp-d2-r4-g.npz"]), (products.read_toy, ["flows.npz", "toy_flows"])]
        for (read, (name, *more)), fine in zip(readers, readable):
            with nullcontext() if fine else pytest.raises(RecordError, match="was made with"):
                read(tmp_path / name, *more, now)
