"""`flatchannels train`, `continue`, `figure`: what they leave behind, and what they say to mistakes."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import flatchannels
from flatchannels.cli import blocks, main
from flatchannels.cli.figure import figure_names, find_checkout
from flatchannels.cli.train import METHODS, START_DEFAULTS, TRAINING_DEFAULTS
from flatchannels.dynamics import optimisers
from flatchannels.dynamics.optimisers import Optimiser
from flatchannels.inspection.checkpoints import read_end
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.storage import run_records

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path):
    random = np.random.default_rng(0)
    x = random.normal(size=(80, 2))
    y = np.sin(2 * x).sum(axis=1)
    np.savez(tmp_path / "data.npz", x=x, y=(y - y.mean()) / y.std())
    return tmp_path / "data.npz"


def run(*words):
    return main(list(map(str, words)))


def test_defaults_are_those_of_train():
    known = inspect.signature(flatchannels.train).parameters
    for defaults in (TRAINING_DEFAULTS, START_DEFAULTS):
        assert {key: known[key].default for key in defaults} == defaults
    assert METHODS == optimisers.METHODS


def test_runs_are_those_of_train_and_the_record_holds_them(data, tmp_path, capsys):
    out = tmp_path / "runs.npz"
    assert run("train", data, "--widths", "3", "--activation", "tanh", "--seeds", "2-3", "--out", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)["runs"]
    with np.load(data) as given:
        samples = flatchannels.Dataset(given["x"], given["y"])
    net = flatchannels.Network(2, (3,), "tanh")
    for row, seed in zip(told, (2, 3), strict=True):
        expected = flatchannels.train(net, samples, seed=seed)
        assert (row["seed"], row["stop"], row["loss"]) == (seed, expected.stop.name, expected.loss)
        assert np.array_equal(read_end(out, seed).theta, expected.theta)
    assert run("inspect", out, "--run", 2, "--data", data, "--json") == 0
    assert json.loads(capsys.readouterr().out)["loss"] == pytest.approx(told[0]["loss"], rel=1e-10)


def test_runs_begin_where_the_scheme_and_the_scale_say_and_go_on_from_there(data, tmp_path, capsys):
    out, words = tmp_path / "runs.npz", ["--widths", "2", "--activation", "tanh", "--initial-scale", "0.1", "--scheme", "he_normal"]
    assert run("train", data, *words, "--out", out, "--max-steps", 10) == 0
    start = 0.1 * flatchannels.Network(2, (2,), "tanh").initialise(np.random.default_rng(1), "he_normal")
    assert np.array_equal(run_records.read_runs(out, ["theta_initial"])[1]["theta_initial"][0], start)
    assert run("continue", out, "--max-steps", 20_000) == 0
    assert run("train", data, *words, "--out", tmp_path / "whole.npz") == 0
    ends = [run_records.read_runs(path, ["theta"])[1]["theta"] for path in (out, tmp_path / "whole.npz")]
    assert np.array_equal(*ends)
    capsys.readouterr()
    assert run("train", data, "--widths", "2", "--out", tmp_path / "no.npz", "--initial-scale", "0") == 2
    assert "initial_scale is 0.0; it must be a positive number" in capsys.readouterr().err


def test_an_optimiser_takes_the_place_of_the_flow(data, tmp_path, capsys):
    out = tmp_path / "runs.npz"
    words = ["--optimiser", "sgd", "--rate", "0.05", "--budget", "200", "--batch", "16"]
    assert run("train", data, "--widths", "2", "--activation", "tanh", "--seeds", "2-3", "--out", out, "--json", *words) == 0
    told = json.loads(capsys.readouterr().out)["runs"]
    with np.load(data) as given:
        samples = flatchannels.Dataset(given["x"], given["y"])
    for row, seed in zip(told, (2, 3), strict=True):
        optimiser = Optimiser("sgd", 0.05, 200, 16, seed)
        expected = flatchannels.train(flatchannels.Network(2, (2,), "tanh"), samples, seed=seed, optimiser=optimiser)
        assert (row["seed"], row["stop"], row["loss"]) == (seed, "BUDGET", expected.loss)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0.1"], "rate"),
        (["--optimiser", "gd", "--rate", "0.1"], "--budget"),
        (["--optimiser", "adam", "--budget", "9"], "--rate"),
        (["--optimiser", "gd", "--rate", "0.1", "--budget", "9", "--batch", "4"], "batch is 4"),
        (["--optimiser", "adam", "--rate", "-1", "--budget", "9"], "rate is -1"),
    ],
)
def test_numbers_of_an_optimiser_that_make_no_sense_get_one_line(data, tmp_path, capsys, words, said):
    assert run("train", data, "--widths", "2", "--out", tmp_path / "a.npz", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_runs_that_met_a_limit_go_on_to_where_they_would_have_come(data, tmp_path, capsys):
    whole, parts = tmp_path / "whole.npz", tmp_path / "parts.npz"
    words = ["--widths", "2", "--seeds", "1-2", "--out"]
    run("train", data, *words, whole)
    assert run("train", data, *words, parts, "--max-steps", 10) == 0
    assert f"2 met a limit: flatchannels continue {parts} --max-steps …" in capsys.readouterr().out
    assert run("continue", parts, "--max-steps", 20_000, "--json") == 0
    told = json.loads(capsys.readouterr().out)["runs"]
    assert not any(row["unfinished"] for row in told)
    for row, loss in zip(told, run_records.read_runs(whole, ["loss"])[1]["loss"], strict=True):
        assert row["loss"] == pytest.approx(loss, rel=1e-9)
    assert run("continue", parts) == 2 and "nothing to go on with" in capsys.readouterr().err


def test_infinite_limits_are_none(data, tmp_path, capsys):
    out = tmp_path / "runs.npz"
    assert run("train", data, "--widths", "2", "--out", out, "--maxnorm", "inf", "--max-t", "1") == 0, capsys.readouterr().err
    assert run("continue", out, "--max-t", "inf") == 0, capsys.readouterr().err
    assert run_records.read_runs(out, ["t_end"])[1]["t_end"][0] > 1


def test_a_device_is_no_record_and_a_batch_no_larger_than_the_data(data, tmp_path, capsys):
    assert run("inspect", "/dev/zero") == 2 and capsys.readouterr().err.count("\n") == 1
    words = ["--optimiser", "sgd", "--rate", "0.1", "--budget", "9", "--batch", "81", "--out", tmp_path / "a.npz"]
    assert run("train", data, "--widths", "2", *words) == 2
    assert "batch is 81" in capsys.readouterr().err and not (tmp_path / "a.npz").exists()


def test_several_processes_give_the_same_record(data, tmp_path):
    records = []
    for workers in (1, 2):
        out = tmp_path / f"by{workers}.npz"
        assert run("train", data, "--widths", 2, "--seeds", "1-2", "--out", out, "--workers", workers) == 0
        records.append(run_records.read_runs(out)[1])
    assert all(np.array_equal(records[0][key], records[1][key], equal_nan=True)
               for key in records[0] if not key.startswith("seconds") and key != "message")  # fmt: skip


def test_what_an_interruption_left_out_is_run_by_continue(data, tmp_path, monkeypatch, capsys):
    out, real = tmp_path / "runs.npz", blocks._run

    def interrupted(job):
        if job[3] == 2:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(blocks, "_run", interrupted)
    words = ["train", data, "--widths", 2, "--seeds", "1-3", "--out", out]
    assert run(*words) == 130
    assert run_records.read_runs(out, ["seed"])[1]["seed"].tolist() == [1]
    before = run_records.read_runs(out)[1]
    made = []
    monkeypatch.setattr(blocks, "_run", lambda job: made.append(job[3]) or interrupted(job))
    assert run("continue", out) == 130 and made == [2]  # interrupted again: what was finished is still there
    assert run_records.read_runs(out, ["seed"])[1]["seed"].tolist() == [1]
    monkeypatch.setattr(blocks, "_run", real)
    assert run("continue", out) == 0
    after = run_records.read_runs(out)[1]
    assert after["seed"].tolist() == [1, 2, 3]
    assert all(np.array_equal(after[key][0], before[key][0], equal_nan=before[key].dtype.kind == "f") for key in before)
    assert run(*words) == 2 and "--force replaces it" in capsys.readouterr().err


def test_ctrl_c_ends_with_130_and_one_line(data, tmp_path):
    command = [sys.executable, "-m", "flatchannels", "train", data, "--widths", "4", "--seeds", "1-2000", "--out", tmp_path / "runs.npz"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")})
    until = time.monotonic() + 120
    while not (tmp_path / "runs.npz").exists() and time.monotonic() < until:
        time.sleep(0.2)  # the first record is written ten seconds after the start
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said.strip().splitlines()[-1] == "flatchannels: interrupted"
    assert len(run_records.read_runs(tmp_path / "runs.npz", ["seed"])[1]["seed"]) >= 1


def test_mistakes_get_one_line(data, tmp_path, capsys):
    good = {"--widths": "2", "--out": str(tmp_path / "new.npz")}
    for wrong, words in [
        ({"--widths": "2y"}, "widths is 2y"), ({"--widths": "0"}, "widths"), ({"--seeds": "3-1"}, "seeds is 3-1"),
        ({"--seeds": "a"}, "seeds"), ({"--seeds": "1-99999"}, "there can be"), ({"--rtol": "2"}, "rtol"),
        ({"--max-steps": "0"}, "max_steps"), ({"--max-t": "nan"}, "max_t"),
        ({"--out": "runs.txt"}, ".npz"), ({"--workers": "0"}, "workers"),
    ]:  # fmt: skip
        assert run("train", data, *(word for pair in (good | wrong).items() for word in pair)) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    np.savez(tmp_path / "text.npz", x=np.array(["a"]), y=np.ones(1))
    for name in ("text.npz", "none.npz", "data.txt"):
        assert run("train", tmp_path / name, "--widths", 2, "--out", tmp_path / "o.npz") == 2 and capsys.readouterr().err.count("\n") == 1
    for name in ("data.npz", "none.npz"):
        assert run("continue", tmp_path / name) == 2 and capsys.readouterr().err.count("\n") == 1


def test_other_data_are_refused_by_continue(data, tmp_path, capsys):
    out = tmp_path / "runs.npz"
    run("train", data, "--widths", 2, "--out", out, "--max-steps", 3)
    np.savez(tmp_path / "other.npz", x=np.ones((5, 2)), y=np.arange(5.0))
    assert run("continue", out, "--data", tmp_path / "other.npz") == 2 and "does not hold the data" in capsys.readouterr().err
    data.rename(tmp_path / "moved.npz")
    assert run("continue", out) == 2 and "--data says where" in capsys.readouterr().err
    assert run("continue", out, "--data", tmp_path / "moved.npz", "--max-steps", 5) == 0
    assert run("continue", out, "--max-steps", 7) == 0  # it is known now


def test_figures_are_those_of_the_workflow(tmp_path, capsys, monkeypatch):
    names = figure_names(ROOT)
    assert names[0] == "fig1" and {"fig2", "fig2cd", "fig6", "figA1", "figB13", "figR"} <= set(names) and len(names) == len(set(names))
    assert find_checkout(ROOT / "docs") == ROOT
    monkeypatch.chdir(ROOT)
    assert run("figure") == 0 and capsys.readouterr().out.split() == names
    assert run("figure", "fig77") == 2 and "must be one of fig1" in capsys.readouterr().err
    assert run("figure", "fig6", "--config", "none.yaml") == 2 and "no such file" in capsys.readouterr().err
    monkeypatch.setattr("flatchannels.cli.figure.__file__", str(tmp_path / "a" / "b" / "c" / "figure.py"))
    monkeypatch.chdir(tmp_path)
    assert run("figure", "fig6") == 2 and "in no checkout" in capsys.readouterr().err


def test_a_dry_run_of_a_figure_calls_snakemake():
    command = [sys.executable, "-m", "flatchannels", "figure", "fig6", "--config", "config/smoke.yaml", "--dry-run", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["figure"] == "fig6" and "fig6" in done.stderr


@pytest.mark.parametrize("command", ["inspect", "train", "continue", "figure"])
def test_help_teaches_by_examples_and_loads_neither_kernels_nor_statistics(command):
    lines = ["import sys", "from flatchannels.cli import main", "try:", f"    main(['{command}', '--help'])", "finally:"]
    script = "\n".join([*lines, "    assert {'numba', 'scipy.stats'}.isdisjoint(sys.modules)"])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT / "workflow")})
    assert done.returncode == 0, done.stderr
    assert "examples:" in done.stdout and "exit codes:" in done.stdout


@pytest.mark.parametrize("command", ["inspect", "train"])
def test_help_names_every_activation(command, capsys):
    with pytest.raises(SystemExit):
        run(command, "--help")
    _, told = capsys.readouterr().out.split("\noptions:\n")
    assert set(ACTIVATIONS) <= set(re.findall(r"\w+", told.split("--activation")[1].split("  --")[0]))
