"""No run that has finished is lost: gaps, failures, signals, files that went missing."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

from flatchannels.cli import blocks, main
from flatchannels.reasons import Stop
from flatchannels.runs.interruptions import Terminated
from flatchannels.runs.processes import ProcessDied
from flatchannels.storage import continuation, run_records

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 2))
    y = np.sin(2 * x).sum(axis=1)
    np.savez(tmp_path / "data.npz", x=x, y=(y - y.mean()) / y.std())
    return tmp_path / "data.npz"


def run(*words):
    return main(list(map(str, words)))


def same(one, other):
    return all(np.array_equal(one[key], other[key], equal_nan=one[key].dtype.kind == "f")
               for key in one if not key.startswith("seconds") and key != "message")  # fmt: skip


def only(seeds, then):
    """`results` that answers for these seeds, in this order, and then raises."""

    def answer(function, jobs, workers, prepare):
        jobs = {job[3]: job for job in jobs}
        yield from (function(jobs[seed]) for seed in seeds)
        raise then

    return answer


def test_runs_behind_a_gap_are_kept(data, tmp_path, monkeypatch, capsys):
    out, whole = tmp_path / "runs.npz", tmp_path / "whole.npz"
    words = ["train", data, "--widths", 2, "--seeds", "1-5", "--out"]
    assert run(*words, whole) == 0
    monkeypatch.setattr(blocks, "results", only([4, 2], KeyboardInterrupt()))
    assert run(*words, out) == 130
    kept = run_records.read_runs(out)[1]
    assert kept["seed"].tolist() == [1, 2, 3, 4] and ["not run yet" in text for text in kept["message"]] == [True, False, True, False]
    assert run("inspect", out, "--run", 1) == 2 and run("inspect", out, "--run", 4) == 0
    monkeypatch.setattr(blocks, "results", only([5], KeyboardInterrupt()))
    assert run("continue", out) == 130
    asked = []
    monkeypatch.undo()
    real = blocks._run
    monkeypatch.setattr(blocks, "_run", lambda job: asked.append(job[3]) or real(job))
    assert run("continue", out) == 0 and asked == [1, 3]
    assert same(run_records.read_runs(out)[1], run_records.read_runs(whole)[1])
    capsys.readouterr()
    assert run("continue", out) == 2 and "nothing to go on with" in capsys.readouterr().err


def test_a_run_that_fails_when_it_goes_on_keeps_what_it_had(data, tmp_path, monkeypatch, capsys):
    out, whole = tmp_path / "runs.npz", tmp_path / "whole.npz"
    words = ["train", data, "--widths", 2, "--seeds", "1-2", "--out"]
    assert run(*words, whole) == 0 and run(*words, out, "--max-steps", 9) == 0
    before = run_records.read_runs(out)[1]
    monkeypatch.setattr("flatchannels.dynamics.training.train", lambda *arguments, **settings: 1 / 0)
    assert run("continue", out, "--max-steps", 20_000) == 0
    assert capsys.readouterr().out.count("ZeroDivisionError") == 2
    assert same(run_records.read_runs(out)[1], before)
    monkeypatch.undo()
    assert run("continue", out, "--max-steps", 20_000) == 0
    assert same(run_records.read_runs(out)[1], run_records.read_runs(whole)[1])


def test_runs_that_failed_are_tried_again(data, tmp_path, monkeypatch, capsys):
    out, real = tmp_path / "runs.npz", blocks._run
    monkeypatch.setattr(blocks, "_run", lambda job: (job[3], run_records.Failure(job[3], "planted")) if job[3] == 2 else real(job))
    assert run("train", data, "--widths", 2, "--seeds", "1-3", "--out", out) == 0
    assert run_records.read_runs(out)[1]["message"].tolist()[1] == "planted"
    assert "3 runs, 1 of them failed" in capsys.readouterr().out
    monkeypatch.undo()
    assert run("continue", out) == 0 and "planted" not in run_records.read_runs(out)[1]["message"]


def test_runs_at_a_limit_begin_anew_where_what_they_need_is_missing(data, tmp_path, capsys):
    out, whole = tmp_path / "runs.npz", tmp_path / "whole.npz"
    words = ["train", data, "--widths", 2, "--seeds", "1-2", "--out"]
    assert run(*words, whole) == 0 and run(*words, out, "--max-steps", 9) == 0
    kept = continuation.unfinished_path(out)
    kept.write_bytes(kept.read_bytes()[:-9])
    assert run("continue", out) == 2 and "if it is removed, the runs that met a limit begin anew" in capsys.readouterr().err
    kept.unlink()
    assert run("continue", out, "--max-steps", 20_000) == 0
    assert "2 of the runs" in capsys.readouterr().err
    assert same(run_records.read_runs(out)[1], run_records.read_runs(whole)[1])


def test_runs_that_begin_anew_stay_in_the_record_until_they_have_ended(data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "runs.npz"
    assert run("train", data, "--widths", 2, "--seeds", "1-3", "--out", out, "--max-steps", 9) == 0
    before = run_records.read_runs(out)[1]
    continuation.unfinished_path(out).unlink()
    monkeypatch.setattr(blocks, "results", only([2], KeyboardInterrupt()))
    assert run("continue", out, "--max-steps", 20_000) == 130
    after = run_records.read_runs(out)[1]
    assert after["seed"].tolist() == [1, 2, 3] and after["steps"][1] > 9 and after["steps"][[0, 2]].tolist() == [9, 9]
    assert np.array_equal(after["theta"][[0, 2]], before["theta"][[0, 2]])


def test_a_process_that_is_killed_costs_its_own_run_alone(data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "runs.npz"
    monkeypatch.setattr(blocks, "results", only([1, 3], ProcessDied("told to scripts")))
    assert run("train", data, "--widths", 2, "--seeds", "1-3", "--out", out) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "a process has died" in said and "scripts" not in said
    assert (run_records.read_runs(out, ["stop"])[1]["stop"] != Stop.FAILED).tolist() == [True, False, True]


@pytest.mark.parametrize("ended", [KeyboardInterrupt(), Terminated(signal.SIGTERM), ProcessDied()])
def test_a_record_that_was_to_be_replaced_stays_until_a_run_has_ended_and_is_told_apart(data, tmp_path, monkeypatch, capsys, ended):
    out, still = tmp_path / "runs.npz", f"; no run had ended, and {tmp_path / 'runs.npz'} is still the earlier one\n"
    words = ["train", data, "--widths", 2, "--seeds", "1-2", "--out", out]
    with monkeypatch.context() as nobody:  # no earlier one, nothing to tell apart
        nobody.setattr(blocks, "results", only([], ended))
        assert run(*words) != 0 and "earlier" not in capsys.readouterr().err and not out.exists()
    assert run(*words, "--max-steps", 9) == 0
    kept = [path.read_bytes() for path in (out, continuation.unfinished_path(out))]
    monkeypatch.setattr(blocks, "results", only([], ended))
    capsys.readouterr()
    assert run(*words, "--force") != 0
    said = capsys.readouterr().err
    assert said.endswith(still) and said.count("\n") == 1
    assert [path.read_bytes() for path in (out, continuation.unfinished_path(out))] == kept
    ended.__notes__ = []
    monkeypatch.setattr(blocks, "results", only([1], ended))
    assert run(*words, "--force") != 0 and "earlier" not in capsys.readouterr().err
    assert out.read_bytes() != kept[0] and not continuation.unfinished_path(out).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_lets_snakemake_put_away_its_locks(tmp_path, number):
    """A stand-in for snakemake, which notes that it was told, and how long it was let be."""
    script = """
import pathlib, signal, sys, time
try:
    pathlib.Path("lock").touch()
    time.sleep(300)
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path("lock").unlink()
"""
    (tmp_path / "snakemake.py").write_text(script)
    (tmp_path / "call.py").write_text(
        "import sys, flatchannels.cli.figure as figure, flatchannels.pipeline.config as config\n"
        "from flatchannels.cli import main\n"
        f"figure.find_checkout = lambda start: figure.Path({str(tmp_path)!r})\n"
        "figure.figure_names = lambda checkout: ['fig6']\n"
        "config.load = config.validate = lambda *words: {'results_dir': 'results'}\n"
        "sys.exit(main(['figure', 'fig6', '--config', 'call.py']))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "workflow")])}
    process = subprocess.Popen([sys.executable, "call.py"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)  # fmt: skip
    until = time.monotonic() + 60
    while not (tmp_path / "lock").exists() and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number and said.count("\n") == 1 and not (tmp_path / "lock").exists()


def test_a_record_of_other_versions_is_not_mixed_with_runs_of_these(data, tmp_path, monkeypatch, capsys):
    for n, more in enumerate(([], ["--max-steps", 3])):  # without and with what goes on
        out = tmp_path / f"runs{n}.npz"
        monkeypatch.setattr(blocks, "results", only([1], KeyboardInterrupt()))
        with monkeypatch.context() as older:
            older.setattr("flatchannels.__version__", "0.0.1")
            assert run("train", data, "--widths", 2, "--seeds", "1-2", "--out", out, *more) == 130
        before = out.read_bytes()
        assert run("continue", out) == 2 and out.read_bytes() == before
        said = capsys.readouterr().err
        assert "made by flatchannels 0.0.1 and numpy" in said and "another file" in said


def test_kernels_are_compiled_before_the_clock_runs(data, tmp_path, monkeypatch):
    called = []
    real = blocks._run
    monkeypatch.setattr("flatchannels.dynamics.training.compile_kernels", lambda: called.append("kernels"))
    monkeypatch.setattr(blocks, "_run", lambda job: called.append(job[3]) or real(job))
    assert run("train", data, "--widths", 2, "--seeds", "1-2", "--out", tmp_path / "runs.npz") == 0
    assert called == ["kernels", 1, 2]


@pytest.mark.parametrize("number, whom", [(signal.SIGTERM, os.kill), (signal.SIGTERM, os.killpg), (signal.SIGINT, os.killpg)])
def test_signals_end_all_processes_and_leave_what_is_finished(data, tmp_path, number, whom):
    out = tmp_path / "runs.npz"
    command = [sys.executable, "-m", "flatchannels", "train", data, "--widths", "2", "--seeds", "1-9999", "--workers", "2", "--out", out]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True,
                               env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")})  # fmt: skip
    until = time.monotonic() + 240
    while not out.exists() and time.monotonic() < until:
        time.sleep(0.2)
    whom(process.pid, number)
    _, said = process.communicate(timeout=60)  # returns once nobody holds the pipe: all processes are gone
    assert process.returncode == 128 + number and said.strip().splitlines()[-1].startswith("flatchannels: ")
    assert "Traceback" not in said
    assert (run_records.read_runs(out, ["stop"])[1]["stop"] != Stop.FAILED).any()


MEANWHILE = """
import os, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            os.kill(os.getpid(), 2)

sys.meta_path.insert(0, Interrupting())
"""
SCRIPT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["flatchannels"].split(":")
CALLS = [["-m", "flatchannels"], ["-c", "import sys; from {0} import {1}; sys.exit({1}())".format(*SCRIPT)]]


def interrupted_at(module, tmp_path, *words):
    """Exit code and all that is said by a command that gets SIGINT when it begins to import a module."""
    (tmp_path / "sitecustomize.py").write_text(MEANWHILE)  # which Python imports first of all
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT / "workflow")]), "INTERRUPTED_AT": module}
    done = subprocess.run([sys.executable, *map(str, words)], env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("module", ["signal", "flatchannels.cli", "argparse", "flatchannels.runs", "numpy", "flatchannels.cli.inspect"])
@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_ends_in_silence_from_the_first_import_on(tmp_path, call, module):
    assert interrupted_at(module, tmp_path, *call, "inspect", "none.npz") in [(-signal.SIGINT, ""), (130, "")]


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c_in_the_imports_of_a_command_gets_one_line(data, tmp_path, call):
    words = [*call, "train", data, "--widths", 2, "--out", tmp_path / "runs.npz"]
    assert interrupted_at("flatchannels.dynamics.settings", tmp_path, *words) == (130, "flatchannels: interrupted\n")
    (tmp_path / "runs.npz").touch()
    code, said = interrupted_at("flatchannels.dynamics.settings", tmp_path, *words, "--force")
    assert code == 130 and said.endswith("runs.npz is still the earlier one\n") and said.count("\n") == 1
