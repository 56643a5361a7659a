"""Blocks of runs are read back; those that contradict themselves are refused."""

import json

import numpy as np
import pytest
import synthetic

from flatchannels.reasons import Stop
from flatchannels.storage import archives, atomic, run_records
from flatchannels.storage.errors import RecordError


def test_a_block_of_runs_is_read_back_exactly(block):
    meta, arrays = run_records.read_runs(block)
    run = synthetic.run(3)
    assert list(arrays["seed"]) == [1, 2, 3] and meta["widths"] == [3] and meta["last_seed"] == 3
    assert np.array_equal(arrays["theta"][2], run.theta)
    assert np.array_equal(arrays["trajectory_theta"][2, :7], run.flow.theta)
    assert np.isnan(arrays["trajectory_theta"][2, 7:]).all() and arrays["trajectory_theta"].shape == (3, 12, 9)


def test_a_run_that_raised_is_recorded_with_its_message_and_no_numbers(block):
    _, arrays = run_records.read_runs(block)
    assert arrays["stop"][1] == Stop.FAILED and arrays["message"][1] == "ValueError: no"
    assert np.isnan(arrays["loss"][1]) and np.isnan(arrays["theta"][1]).all() and arrays["steps"][1] == 0


def test_a_record_opens_without_the_package(block):
    with np.load(block) as file:
        assert json.loads(str(file["meta"]))["activation"] == "g" and file["loss"].shape == (3,)


def test_only_the_arrays_asked_for_are_returned(block):
    _, arrays = run_records.read_runs(block, ["loss", "theta"])
    assert list(arrays) == ["loss", "theta"]


def reseal(path, change):
    """Rewrite a record with `change(meta, arrays)` applied and a valid seal: what only validation can find."""
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    meta = json.loads(str(arrays.pop("meta")))
    change(meta, arrays)
    atomic.write_bytes(path, archives.archive_bytes(meta, arrays))


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
        run_records.read_runs(block)


def test_a_record_that_does_not_fit_its_metadata_is_not_written(tmp_path):
    for runs in [[], [synthetic.run(1), synthetic.run(3)], [synthetic.run(1, parameters=8)], [synthetic.run(1, samples=13)]]:
        with pytest.raises(RecordError):
            run_records.write_runs(tmp_path / "bad.npz", synthetic.meta(), runs)
    assert list(tmp_path.iterdir()) == []
