"""Many runs over processes: a table, files as they finish, interruptions that lose nothing that was done."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from flatchannels import Dataset, Network, Run, train, train_many
from flatchannels.cli import main
from flatchannels.dynamics.optimisers import Optimiser
from flatchannels.runs import many
from flatchannels.runs.processes import results
from flatchannels.storage.errors import RecordError

ROOT = Path(__file__).parents[2]
NET = Network(2, (2,), "tanh")


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    return Dataset(x, np.sin(2 * x).sum(axis=1)).standardised()[0]


def test_the_table_has_a_row_for_each_seed_as_train_gives_it(data):
    table = train_many(NET, data, [5, 2], progress=False)
    assert table["seed"].tolist() == [5, 2] and (table["message"] == "").all() and (table["file"] == "").all()
    for row in table.itertuples():
        run = train(NET, data, seed=row.seed)
        assert (row.stop, row.finish, row.loss, row.steps) == (run.stop.name, run.finish.name, run.loss, run.flow.steps)
    assert table["unfinished"].dtype == bool and not table["unfinished"].any()


def test_processes_give_the_same_table_and_leave_their_runs(data, tmp_path):
    alone = train_many(NET, data, range(3), progress=False)
    threads = os.environ.get("OMP_NUM_THREADS")
    spread = train_many(NET, data, range(3), workers=2, folder=tmp_path, progress=False)
    assert spread.drop(columns=["seconds", "file"]).equals(alone.drop(columns=["seconds", "file"]))
    assert os.environ.get("OMP_NUM_THREADS") == threads
    for row in spread.itertuples():
        assert Run.load(row.file).loss == row.loss


def test_runs_keep_their_protocol_and_are_told_by_it(data, tmp_path):
    settings = {"initial_scale": 0.1, "scheme": "he_normal", "optimiser": Optimiser("sgd", 0.05, 50, 20, seed=3)}
    first = train_many(NET, data, [1], folder=tmp_path, progress=False, **settings)
    assert first["stop"].tolist() == ["BUDGET"] and first["steps"].tolist() == [50]
    kept = Run.load(first["file"][0])
    assert kept.settings == settings | {key: kept.settings[key] for key in kept.settings.keys() - settings.keys()}
    assert np.array_equal(kept.theta_initial, 0.1 * NET.initialise(np.random.default_rng(1), "he_normal"))
    assert train_many(NET, data, [1], folder=tmp_path, progress=False, **settings).equals(first)
    with pytest.raises(ValueError, match="was made with initial_scale 0.1; now it is 1.0: give another folder"):
        train_many(NET, data, [1], folder=tmp_path, progress=False, **settings | {"initial_scale": 1.0})
    with pytest.raises(ValueError, match="scheme is 'she'; it must be one of"):
        train_many(NET, data, [1], scheme="she")


def test_an_optimiser_whose_time_was_over_goes_on(data, tmp_path):
    settings = {"initial_scale": 0.5, "optimiser": Optimiser("adam", 0.01, 20_000, 20), "folder": tmp_path, "progress": False}
    first = train_many(NET, data, [1], max_seconds=1e-3, **settings)
    assert first["stop"].tolist() == ["TIME_LIMIT"] and first["unfinished"].all()
    on = train_many(NET, data, [1], **settings)
    whole = train(NET, data, seed=1, initial_scale=0.5, optimiser=settings["optimiser"])
    assert on["stop"].tolist() == ["BUDGET"] and on["loss"][0] == whole.loss and on["steps"][0] == 20_000


def test_the_same_call_trains_what_is_missing_and_goes_on_where_a_limit_is_higher(data, tmp_path, monkeypatch):
    real, called = many.runs.train, []
    monkeypatch.setattr(many.runs, "train", lambda *words, **more: called.append(more) or real(*words, **more))
    first = train_many(NET, data, [1, 2], folder=tmp_path, progress=False, max_steps=8)
    assert first["unfinished"].all() and len(called) == 2
    again = train_many(NET, data, [1, 2, 3], folder=tmp_path, progress=False, max_steps=8)
    assert len(called) == 3 and again.iloc[:2].equals(first.iloc[:2])
    on = train_many(NET, data, [1, 2, 3], folder=tmp_path, progress=False)
    assert len(called) == 6 and all(more["flow"].steps == 8 for more in called[3:]) and not on["unfinished"].any()
    assert on["loss"].tolist() == [train(NET, data, seed=seed).loss for seed in (1, 2, 3)]
    assert [Run.load(name).seed for name in on["file"]] == [1, 2, 3]


def test_a_folder_of_something_else_is_refused(data, tmp_path):
    train_many(NET, data, [1], folder=tmp_path, progress=False)
    for what, arguments, settings in [
        ("the network", (Network(2, (3,), "tanh"), data), {}),
        ("the data", (NET, Dataset(data.x, 2 * data.y)), {}),
        ("rtol", (NET, data), {"rtol": 1e-4}),
    ]:
        with pytest.raises(ValueError, match=f"seed-1.npz was made with {what}.*another folder"):
            train_many(*arguments, [1], folder=tmp_path, progress=False, **settings)
    (tmp_path / "seed-1.npz").rename(tmp_path / "seed-2.npz")
    with pytest.raises(ValueError, match="seed-2.npz holds the runs of seeds 1 to 1"):
        train_many(NET, data, [2], folder=tmp_path, progress=False)
    (tmp_path / "seed-1.npz").write_bytes(b"")
    with pytest.raises(RecordError, match="seed-1.npz"):
        train_many(NET, data, [1], folder=tmp_path, progress=False)


@pytest.mark.parametrize("arguments, settings, line", [
    ((NET, [1, 1]), {}, "twice"), ((NET, [-1]), {}, "seed is -1"), ((NET, ["1"]), {}, "seed is '1'"),
    ((NET, [1, 2]), {"workers": 0}, "workers is 0; it must be an integer"), ((NET, [1]), {"workers": "2"}, "workers is '2'"),
    ((NET, [1]), {"workers": 2.0}, "workers is 2.0"), ((NET, [1]), {"workers": None}, "workers is None"), ((NET, 5), {}, "seeds is 5"),
    ((NET, [1]), {"rtol": 2.0}, "rtol"), ((Network(3, (2,)), [1]), {}, "inputs|dimension|columns"), ((None, [1]), {}, "Network"),
])  # fmt: skip
def test_mistakes_get_one_line_before_anything_runs(data, tmp_path, arguments, settings, line):
    net, seeds = arguments
    with pytest.raises(ValueError, match=line) as caught:
        train_many(net, data, seeds, folder=tmp_path, progress=False, **settings)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [{"theta0": np.zeros(9)}, {"seed": 3}, {"flow": None}, {"seeds": [2]}, {"learning_rate": 1.0}])
def test_keywords_that_would_have_no_meaning_are_refused(data, tmp_path, words):
    with pytest.raises(TypeError, match="|".join(words)) as caught:
        train_many(NET, data, [1], folder=tmp_path, progress=False, **words)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_seeds_that_no_record_holds_are_refused(data, tmp_path):
    for seeds in ([10**20], [2**63], [np.uint64(2**63)], [1.0], [True], [None]):
        with pytest.raises(ValueError, match="seed is .* from 0 to 9223372036854775807"):
            train_many(NET, data, seeds, folder=tmp_path, progress=False)
    table = train_many(NET, data, [2**63 - 1, np.int64(4)], folder=tmp_path, progress=False, max_steps=3)
    assert [Run.load(tmp_path, seed).loss for seed in (2**63 - 1, 4)] == table["loss"].tolist()


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(data, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(many.runs, "train", lambda *words, **more: pytest.fail("a run has begun"))
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper", tmp_path / ("a" * 300)):
        with pytest.raises(RecordError, match="cannot be written"):
            train_many(NET, data, [1], folder=folder, progress=False)


def test_a_run_of_a_folder_is_named_by_its_seed(data, tmp_path):
    train_many(NET, data, [3, 5], folder=tmp_path, progress=False)
    assert Run.load(tmp_path, 5).seed == 5
    with pytest.raises(ValueError, match="is a folder; name one of its runs by its seed"):
        Run.load(tmp_path)
    with pytest.raises(RecordError, match="seed-4.npz: No such file"):
        Run.load(tmp_path, seed=4)


def test_a_run_of_a_folder_is_inspected_as_one_of_its_own_record_is(data, tmp_path, capsys):
    train_many(NET, data, [3, 5], folder=tmp_path / "study", progress=False)
    np.savez(tmp_path / "data.npz", x=data.x, y=data.y)
    told = []
    for words in ([tmp_path / "study", "--run", "5"], [tmp_path / "study" / "seed-5.npz"]):
        assert main(["inspect", *map(str, words), "--data", str(tmp_path / "data.npz"), "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1] and told[0]["loss"] == pytest.approx(Run.load(tmp_path / "study", 5).loss, rel=1e-9)
    assert main(["inspect", str(tmp_path / "study"), "--run", "5", "--history"]) == 0
    assert " checkpoints, step " in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "study")]) == 2
    said = capsys.readouterr().err
    assert "of the seeds 3, 5; name one with --run" in said and said.count("\n") == 1


def test_a_run_at_a_limit_starts_anew_where_what_it_needs_is_missing(data, tmp_path):
    train_many(NET, data, [1], folder=tmp_path, progress=False, max_steps=8)
    (tmp_path / "seed-1.unfinished").unlink()
    again = train_many(NET, data, [1], folder=tmp_path, progress=False)
    assert again["loss"].tolist() == [train(NET, data, seed=1).loss]


def test_a_run_that_raises_is_a_row_and_is_tried_again(data, tmp_path, monkeypatch):
    def refuses(*arguments, **settings):
        raise ArithmeticError("planted")

    monkeypatch.setattr(many.runs, "train", refuses)
    row = train_many(NET, data, [1], folder=tmp_path, progress=False).iloc[0]
    assert (row["stop"], row["message"], row["file"]) == ("FAILED", "ArithmeticError: planted", "") and list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert train_many(NET, data, [1], folder=tmp_path, progress=False)["file"].tolist() == [str(tmp_path / "seed-1.npz")]


SCRIPT = """
import numpy as np
from flatchannels import Dataset, Network, train_many
x = np.random.default_rng(0).normal(size=(60, 2))
{guard}
    print(len(train_many(Network(2, (2,), "tanh"), Dataset(x, np.sin(x).sum(axis=1)), range({runs}), workers=2, folder="runs")))
"""


def script(folder, guard, runs):
    (folder / "study.py").write_text(SCRIPT.format(guard=guard, runs=runs))
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    return subprocess.Popen(
        [sys.executable, "study.py"], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize("whom", ["the whole group, as a terminal does", "the parent alone"])
def test_ctrl_c_leaves_finished_runs_and_no_process(tmp_path, whom):
    process = script(tmp_path, 'if __name__ == "__main__":', 100_000)
    until = time.monotonic() + 240
    while len(list(tmp_path.glob("runs/seed-*.npz"))) < 3 and time.monotonic() < until and process.poll() is None:
        time.sleep(0.1)
    (os.killpg if whom.startswith("the whole") else os.kill)(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)  # returns once nobody holds the pipes: all processes are gone
    assert process.returncode != 0 and "KeyboardInterrupt" in said
    kept = list(tmp_path.glob("runs/seed-*.npz"))
    assert len(kept) >= 3 and all(Run.load(path).network == NET for path in kept)


def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path):
    process = script(tmp_path, "if True:", 4)
    _, said = process.communicate(timeout=240)
    assert process.returncode != 0 and "ProcessDied: a process has ended before its work" in said.strip().splitlines()[-1]
    assert '__name__ == "__main__"' in said


def refused(job):
    raise RecordError("a.npz", "cannot be written")


def test_errors_of_files_come_across_processes():
    with pytest.raises(RecordError, match="a.npz: cannot be written"):
        list(results(refused, [1, 2], 2))


def test_a_batch_that_is_larger_than_the_data_is_refused_before_any_run(data):
    with pytest.raises(ValueError, match="batch is 500; there are 60 samples"):
        train_many(NET, data, range(2), optimiser=Optimiser("sgd", 0.1, 10, 500), progress=False)


def test_runs_of_an_optimiser_with_numbers_of_numpy_are_kept(data, tmp_path):
    optimiser = Optimiser("sgd", np.float32(0.01), np.int64(20), np.int64(5))
    table = train_many(NET, data, range(2), folder=tmp_path, optimiser=optimiser, progress=False)
    assert not table["unfinished"].any() and Run.load(tmp_path, seed=1).settings["optimiser"] == optimiser
