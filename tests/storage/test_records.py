"""What is written is read back; what is damaged is refused."""

import errno
import io
import json
import os
import zipfile
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic

from flatchannels import Dataset, Network, train
from flatchannels.reasons import Stop
from flatchannels.storage import records
from flatchannels.storage.records import Failure, RecordError


@pytest.fixture
def block(tmp_path):
    path = tmp_path / "seeds-1-3.npz"
    records.write_runs(path, synthetic.meta(), [synthetic.run(1), Failure(2, "ValueError: no"), synthetic.run(3)])
    return path


def write(kind, path):
    if kind == "runs":
        records.write_runs(path, synthetic.meta(), [synthetic.run(1)])
    elif kind == "dataset":
        records.write_dataset(path, Dataset(np.ones((4, 2)), np.arange(4.0), None), {"name": "planted"})
    else:
        records.write_table(path, "planted", pd.DataFrame({"name": ["a", "b"], "value": [1.5, np.nan]}))


READERS = {
    "runs": records.read_runs,
    "dataset": records.read_dataset_arrays,
    "table": lambda path: records.read_table(path, "planted"),
}


def test_a_block_of_runs_is_read_back_exactly(block):
    meta, arrays = records.read_runs(block)
    run = synthetic.run(3)
    assert list(arrays["seed"]) == [1, 2, 3] and meta["widths"] == [3] and meta["last_seed"] == 3
    assert np.array_equal(arrays["theta"][2], run.theta)
    assert np.array_equal(arrays["trajectory_theta"][2, :7], run.flow.theta)
    assert np.isnan(arrays["trajectory_theta"][2, 7:]).all() and arrays["trajectory_theta"].shape == (3, 12, 9)


def test_a_run_that_raised_is_recorded_with_its_message_and_no_numbers(block):
    _, arrays = records.read_runs(block)
    assert arrays["stop"][1] == Stop.FAILED and arrays["message"][1] == "ValueError: no"
    assert np.isnan(arrays["loss"][1]) and np.isnan(arrays["theta"][1]).all() and arrays["steps"][1] == 0


def test_a_record_opens_without_the_package(block):
    with np.load(block) as file:
        assert json.loads(str(file["meta"]))["activation"] == "g" and file["loss"].shape == (3,)


def test_only_the_arrays_asked_for_are_returned(block):
    _, arrays = records.read_runs(block, ["loss", "theta"])
    assert list(arrays) == ["loss", "theta"]


def test_datasets_are_read_back_exactly(tmp_path):
    rng = np.random.default_rng(1)
    data = Dataset(rng.standard_normal((8, 3)), rng.standard_normal(8), rng.dirichlet(np.ones(8)))
    records.write_dataset(tmp_path / "planted.npz", data, {"name": "planted"})
    arrays, meta = records.read_dataset_arrays(tmp_path / "planted.npz")
    assert all(np.array_equal(arrays[key], getattr(data, key)) for key in ["x", "y", "weights"]) and meta["name"] == "planted"


def test_test_points_are_kept_beside_the_others(tmp_path):
    rng = np.random.default_rng(2)
    data, test = Dataset(rng.standard_normal((8, 3)), rng.standard_normal(8)), Dataset(rng.standard_normal((5, 3)), rng.standard_normal(5))
    records.write_dataset(tmp_path / "planted.npz", data, {}, test)
    arrays, _ = records.read_dataset_arrays(tmp_path / "planted.npz")
    assert np.array_equal(arrays["x_test"], test.x) and np.array_equal(arrays["y_test"], test.y)
    assert np.array_equal(records.read_dataset(tmp_path / "planted.npz")[0].x, data.x)
    other = SimpleNamespace(x=np.ones((5, 2)), y=np.ones(5))
    with pytest.raises(RecordError, match="x_test has 2 columns; x has 3"):
        records.write_dataset(tmp_path / "bad.npz", data, {}, other)


def test_the_dataset_class_comes_back(tmp_path):
    write("dataset", tmp_path / "planted.npz")
    data, _ = records.read_dataset(tmp_path / "planted.npz")
    assert np.array_equal(data.y, np.arange(4.0))


def test_tables_are_read_back_and_open_in_pandas(tmp_path):
    write("table", tmp_path / "planted.parquet")
    frame = records.read_table(tmp_path / "planted.parquet", "planted")
    pd.testing.assert_frame_equal(frame, pd.read_parquet(tmp_path / "planted.parquet"))
    with pytest.raises(RecordError, match="holds the table 'planted', not 'runs'"):
        records.read_table(tmp_path / "planted.parquet", "runs")


@pytest.mark.parametrize("kind", READERS)
def test_equal_content_gives_equal_bytes(tmp_path, kind):
    write(kind, tmp_path / "first")
    write(kind, tmp_path / "second")
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("kind", READERS)
def test_a_changed_byte_anywhere_is_detected(tmp_path, kind):
    write(kind, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    rng = np.random.default_rng(7)
    places = np.concatenate([rng.integers(len(data), size=300), np.arange(len(data) - 150, len(data)), np.arange(50)])
    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "damaged").write_bytes(damaged)
        with pytest.raises(RecordError, match="damaged: ") as error:
            READERS[kind](tmp_path / "damaged")
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", READERS)
def test_a_truncation_at_any_length_is_detected(tmp_path, kind):
    write(kind, tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    for length in {*range(0, len(data), 97), *range(len(data) - 80, len(data))}:
        (tmp_path / "truncated").write_bytes(data[:length])
        with pytest.raises(RecordError, match="truncated: "):
            READERS[kind](tmp_path / "truncated")
    (tmp_path / "truncated").write_bytes(data + b"x")
    with pytest.raises(RecordError):
        READERS[kind](tmp_path / "truncated")


def test_missing_foreign_and_mismatched_files_are_named(tmp_path, block):
    np.savez(tmp_path / "foreign.npz", loss=np.ones(3))
    (tmp_path / "text.npz").write_text("no npz")
    for name, problem in [("absent.npz", "No such file"), ("foreign.npz", "no seal"), ("text.npz", "not an npz file")]:
        with pytest.raises(RecordError, match=f"{name}: .*{problem}"):
            records.read_runs(tmp_path / name)
    with pytest.raises(RecordError, match="holds 'flatchannels runs', not 'flatchannels dataset'"):
        records.read_dataset_arrays(block)


def reseal(path, change):
    """Rewrite a record with `change(meta, arrays)` applied and a valid seal: what only validation can find."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta, arrays)
    records.write_bytes(path, records._npz_bytes(meta, arrays))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda meta, arrays: meta.update(version=2), "version 2"),
        (lambda meta, arrays: meta.update(bias=True), "the metadata implies"),
        (lambda meta, arrays: meta.update(widths=[4]), "the metadata implies"),
        (lambda meta, arrays: meta.update(first_seed=2, last_seed=4), "seeds are not 2…4"),
        (lambda meta, arrays: meta.pop("training"), "training"),
        (lambda meta, arrays: arrays.pop("loss"), "loss"),
        (lambda meta, arrays: arrays.update(more=np.ones(3)), "more"),
        (lambda meta, arrays: arrays.update(loss=arrays["loss"].astype(np.float32)), "loss has type float32"),
        (lambda meta, arrays: arrays["loss"].__setitem__(0, np.nan), "loss is not finite"),
        (lambda meta, arrays: arrays["theta"].__setitem__((2, 1), np.inf), "theta is not finite"),
        (lambda meta, arrays: arrays["trajectory_loss"].__setitem__((0, 2), np.nan), "trajectory_loss is not finite"),
        (lambda meta, arrays: arrays["trajectory_theta"].__setitem__((0, 6, 1), np.nan), "trajectory_theta is not finite"),
        (lambda meta, arrays: arrays["stop"].__setitem__(0, 99), r"stop holds unknown codes \[99\]"),
        (lambda meta, arrays: arrays["message"].__setitem__(0, "why"), "messages and failures"),
    ],
)
def test_contradictions_within_a_sealed_record_are_found(block, change, problem):
    reseal(block, change)
    with pytest.raises(RecordError, match=problem):
        records.read_runs(block)


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
    records.write_runs(path, synthetic.meta(training=training), [synthetic.run(1, stop=Stop.STEP_LIMIT)])
    monkeypatch.setenv(records.ASKED, json.dumps(ASKED | asked))
    if problem is None:
        records.read_runs(path, ["loss"])
    else:
        with pytest.raises(RecordError, match=f"seeds-1-1.npz: was made with {problem}$"):
            records.read_runs(path, ["loss"])


def test_datasets_and_products_of_the_toy_are_refused_too(tmp_path, monkeypatch):
    data, meta = Dataset(np.ones((4, 2)), np.arange(4.0)), {"name": "gp-d2-r4-g", "dimension": 2, "spec": {"inputs": "normal"}, "seed": 1}
    (tmp_path / "datasets").mkdir()
    for name in ("gp-d2-r4-g", "gp-d2-r4"):
        records.write_dataset(tmp_path / f"datasets/{name}.npz", data, meta)
    with pytest.raises(RecordError, match="gp-d2-r4.npz: is out of place: it holds the dataset gp-d2-r4-g$"):
        records.read_dataset_arrays(tmp_path / "datasets/gp-d2-r4.npz")
    arrays = {"gamma": np.ones((1, 2)), "alpha": np.ones((1, 2)), "theta": np.ones((1, 2, 3))}
    records.write_toy(tmp_path / "flows.npz", "toy_flows", arrays, {"seed": 1, "toy": {"samples": 256}})
    asked = ASKED | {"datasets": {"gp": {"inputs": "normal"}}}
    for change, readable in [({}, [True, True]), ({"seed": 2}, [False, False]), ({"toy": {"samples": 99}}, [True, False]),
                             ({"datasets": {"gp": {"inputs": "normal", "samples": 9}}}, [False, True])]:  # fmt: skip
        monkeypatch.setenv(records.ASKED, json.dumps(asked | change))
        for read, fine in zip([lambda: records.read_dataset(tmp_path / "datasets/gp-d2-r4-g.npz"),
                               lambda: records.read_toy(tmp_path / "flows.npz", "toy_flows")], readable):  # fmt: skip
            with nullcontext() if fine else pytest.raises(RecordError, match="was made with"):
                read()


def test_bad_datasets_are_refused_when_written(tmp_path):
    good = np.full(4, 0.25)
    for y, weights in [(np.ones(3), good), (np.full(4, np.nan), good), (np.ones(4), np.ones(4)), (np.ones((4, 1)), good)]:
        with pytest.raises(RecordError):
            records.write_dataset(tmp_path / "bad.npz", SimpleNamespace(x=np.ones((4, 2)), y=y, weights=weights), {})
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_does_not_fit_its_metadata_is_not_written(tmp_path):
    for runs in [[], [synthetic.run(1), synthetic.run(3)], [synthetic.run(1, parameters=8)], [synthetic.run(1, samples=13)]]:
        with pytest.raises(RecordError):
            records.write_runs(tmp_path / "bad.npz", synthetic.meta(), runs)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    records.write_text(tmp_path / "note", "old")

    def broken(*names):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(records.os, "replace", broken)
    with pytest.raises(RecordError, match="note: cannot be written: No space left on device$"):
        records.write_text(tmp_path / "note", "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["note"] and (tmp_path / "note").read_text() == "old"


def test_the_content_digest_ignores_wall_times_alone(tmp_path, block):
    meta, arrays = records.read_runs(block)
    assert records.content_digest(arrays) == meta["sha256"]
    arrays["seconds_flow"] = arrays["seconds_flow"] + 1
    assert records.content_digest(arrays) == meta["sha256"]
    arrays["loss"] = np.nextafter(arrays["loss"], 1)
    assert records.content_digest(arrays) != meta["sha256"]


def test_members_carry_no_dates(block):
    with zipfile.ZipFile(io.BytesIO(block.read_bytes())) as archive:
        assert {info.date_time for info in archive.infolist()} == {records.ZIP_EPOCH}


def unfinished_run(seed, max_steps=30):
    data = Dataset(np.random.default_rng(0).normal(size=(40, 2)), np.arange(40.0) / 40)
    return train(Network(2, (2,), "g"), data, seed=seed, max_steps=max_steps, trajectory_samples=12, spectrum_samples=5)


ORIGIN = {"job": {"seed": 1, "training": {"rtol": 1e-5, "max_seconds": 9, "max_steps": 30, "max_t": 1e9}}, "data": "abc"}


def test_what_an_unfinished_run_needs_to_go_on_is_kept_and_removed(tmp_path):
    record = tmp_path / "seeds-1-2.npz"
    cut, whole = unfinished_run(1), unfinished_run(2, 500)
    assert cut.unfinished and not whole.unfinished
    records.write_unfinished(record, ORIGIN, [cut, whole])
    kept = records.read_unfinished(record, ORIGIN)
    assert kept[1].flow.steps == 30 and kept[1].unfinished and np.array_equal(kept[2].theta, whole.theta)
    more = {**ORIGIN, "job": {"seed": 1, "training": ORIGIN["job"]["training"] | {"max_steps": 500}}}
    assert list(records.read_unfinished(record, more)) == [1, 2]
    for other in ({"data": "abd"}, {"job": {"seed": 1, "training": {"rtol": 1e-4}}}):
        assert records.read_unfinished(record, ORIGIN | other) == {}
    assert records.can_go_on(record, more["job"]["training"]) and not records.can_go_on(record, ORIGIN["job"]["training"])
    records.write_unfinished(record, ORIGIN, [whole])
    assert list(tmp_path.iterdir()) == [] and not records.can_go_on(record, more["job"]["training"])


def test_limits_of_a_record_stay_unless_it_can_go_on(block):
    records.write_runs(block, synthetic.meta(training=synthetic.TRAINING | ORIGIN["job"]["training"]), [synthetic.run(1)])
    new = {"max_seconds": 1, "max_steps": 500, "max_t": 1e3}
    assert records.limits_kept(block, new) == {"max_seconds": 9, "max_steps": 30, "max_t": 1e9}
    records.write_unfinished(block, ORIGIN, [unfinished_run(1)])
    assert records.limits_kept(block, new) == new
    assert records.limits_kept(block, new | {"max_steps": 30}) == {"max_seconds": 9, "max_steps": 30, "max_t": 1e9}


def test_a_kept_state_is_refused_where_it_is_damaged_or_would_run_something(tmp_path):
    record = tmp_path / "seeds-1-1.npz"
    for harm in (SimpleNamespace(a=1), Harmful()):
        run = SimpleNamespace(seed=1, unfinished=True, stop=Stop.STEP_LIMIT, flow=SimpleNamespace(state=1), harm=harm)
        records.write_unfinished(record, ORIGIN, [run])
        with pytest.raises(RecordError, match="does not belong to a run"):
            records.read_unfinished(record, ORIGIN)
    records.unfinished_path(record).write_bytes(b"PK\x03\x04")
    with pytest.raises(RecordError, match="unfinished: has no seal"):
        records.read_unfinished(record, ORIGIN)
    assert records.can_go_on(record, {})


class Harmful:
    def __reduce__(self):
        return eval, ("1 / 0",)
