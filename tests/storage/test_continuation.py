"""Runs that met a limit are kept, and go on."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import synthetic

from flatchannels import Dataset, Network, train
from flatchannels.reasons import Stop
from flatchannels.storage import continuation, run_records
from flatchannels.storage.archives import write_archive
from flatchannels.storage.errors import RecordError


def unfinished_run(seed, max_steps=30):
    data = Dataset(np.random.default_rng(0).normal(size=(40, 2)), np.arange(40.0) / 40)
    return train(Network(2, (2,), "g"), data, seed=seed, max_steps=max_steps, trajectory_samples=12, spectrum_samples=5)


ORIGIN = {"job": {"seed": 1, "training": {"rtol": 1e-5, "max_seconds": 9, "max_steps": 30, "max_t": 1e9}}, "data": "abc"}


def test_what_an_unfinished_run_needs_to_go_on_is_kept_and_removed(tmp_path):
    record = tmp_path / "seeds-1-2.npz"
    cut, whole = unfinished_run(1), unfinished_run(2, 500)
    assert cut.unfinished and not whole.unfinished
    continuation.write_unfinished(record, ORIGIN, [cut, whole])
    kept = continuation.read_unfinished(record, ORIGIN)
    assert kept[1].flow.steps == 30 and kept[1].unfinished and np.array_equal(kept[2].theta, whole.theta)
    more = {**ORIGIN, "job": {"seed": 1, "training": ORIGIN["job"]["training"] | {"max_steps": 500}}}
    assert list(continuation.read_unfinished(record, more)) == [1, 2]
    for other in ({"data": "abd"}, {"job": {"seed": 1, "training": {"rtol": 1e-4}}}):
        assert continuation.read_unfinished(record, ORIGIN | other) == {}
    assert continuation.can_go_on(record, more["job"]["training"]) and not continuation.can_go_on(record, ORIGIN["job"]["training"])
    continuation.write_unfinished(record, ORIGIN, [whole])
    assert list(tmp_path.iterdir()) == [] and not continuation.can_go_on(record, more["job"]["training"])


def test_limits_of_a_record_stay_unless_it_can_go_on(block):
    run_records.write_runs(block, synthetic.meta(training=synthetic.TRAINING | ORIGIN["job"]["training"]), [synthetic.run(1)])
    new = {"max_seconds": 1, "max_steps": 500, "max_t": 1e3}
    assert continuation.limits_kept(block, new) == {"max_seconds": 9, "max_steps": 30, "max_t": 1e9}
    continuation.write_unfinished(block, ORIGIN, [unfinished_run(1)])
    assert continuation.limits_kept(block, new) == new
    assert continuation.limits_kept(block, new | {"max_steps": 30}) == {"max_seconds": 9, "max_steps": 30, "max_t": 1e9}


def test_a_kept_state_is_refused_where_it_is_damaged_or_would_run_something(tmp_path):
    record = tmp_path / "seeds-1-1.npz"
    for harm in (SimpleNamespace(a=1), Harmful()):
        run = SimpleNamespace(seed=1, unfinished=True, stop=Stop.STEP_LIMIT, flow=SimpleNamespace(state=1), harm=harm)
        continuation.write_unfinished(record, ORIGIN, [run])
        with pytest.raises(RecordError, match="does not belong to a run"):
            continuation.read_unfinished(record, ORIGIN)
    continuation.unfinished_path(record).write_bytes(b"PK\x03\x04")
    with pytest.raises(RecordError, match="unfinished: has no seal"):
        continuation.read_unfinished(record, ORIGIN)
    assert continuation.can_go_on(record, {})


class Harmful:
    def __reduce__(self):
        return eval, ("1 / 0",)


def opcodes(module, name, argument):
    """A pickle that calls module.name with a text, whether or not that can be imported here."""

    def text(value):
        return b"\x8c" + bytes([len(value)]) + value.encode()

    return b"\x80\x04" + text(module) + text(name) + b"\x93" + text(argument) + b"\x85R."


@pytest.mark.parametrize("module, name", [
    ("flatchannels.cli.figure", "subprocess.Popen"),  # a class that a module of ours imports
    ("flatchannels.cli.figure", "Path"),
    ("flatchannels.storage.continuation", "pickle.Unpickler"),
    ("planted_by_a_stranger", "Anything"),  # importing it would run it
    ("numpy_planted", "ndarray"),
    ("flatchannels.dynamics.planted", "os.system"),
    ("flatchannels.dynamics.flow", "copy.deepcopy"),
    ("flatchannels.dynamics.flow", "gradient_flow"),
    ("flatchannels.dynamics.training", "Path"),
])  # fmt: skip
def test_a_kept_state_imports_and_calls_nothing_but_what_runs_consist_of(tmp_path, monkeypatch, module, name):
    record, trace = tmp_path / "seeds-1-1.npz", tmp_path / "trace"
    for planted in ("planted_by_a_stranger.py", "numpy_planted.py"):
        (tmp_path / planted).write_text(f"open({str(trace)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    content = np.frombuffer(opcodes(module, name, str(trace)), np.uint8)
    write_archive(continuation.unfinished_path(record), continuation.UNFINISHED_FORM, ORIGIN | {"reasons": {}}, {"runs": content})
    with pytest.raises(RecordError, match="cannot be read"):
        continuation.read_unfinished(record, ORIGIN)
    assert not trace.exists() and "planted_by_a_stranger" not in sys.modules
