"""Laws along a training, and checkpoints in folders and records."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from flatchannels.cli import main
from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.training import train
from flatchannels.inspection.checkpoints import Checkpoint, is_record, read_end, read_folder, read_trajectory
from flatchannels.inspection.formats import ModelError
from flatchannels.inspection.history import history
from flatchannels.inspection.inspection import inspect
from flatchannels.inspection.laws import fit_power_law
from flatchannels.inspection.model import from_layers
from flatchannels.networks.network import Network
from flatchannels.storage import run_records


def pair_at(epsilon, v=2.0):
    """A network of six neurons with a pair at ε of fixed v: neurons 1 and 4."""
    random = np.random.default_rng(0)
    W1, b1, W2 = random.normal(size=(6, 3)), random.normal(size=6), 0.3 * random.normal(size=(1, 6))
    W1[4], b1[4] = W1[1] - 2 * epsilon * np.array([0.6, 0.8, 0.0]), b1[1]
    W2[0, [1, 4]] = [0.5 + v / (2 * epsilon), 0.5 - v / (2 * epsilon)]
    return from_layers([(W1, b1), (W2, np.zeros(1))], "tanh")


def followed(t, epsilon):
    return history([Checkpoint(step, f"{step}", pair_at(e)) for step, e in zip(t, epsilon)], "tanh")


def test_a_law_is_recovered_with_its_beginning():
    t = np.linspace(200, 2000, 40)
    for start in (150.0, 0.0, -500.0):
        law = fit_power_law(t, 3 * (t - start) ** -0.25)
        assert law.exponent == pytest.approx(-0.25, abs=1e-6) and law.includes(-0.25, 1e-9)
        assert law.start == pytest.approx(start, abs=1e-2) and law.at(t) == pytest.approx(3 * (t - start) ** -0.25, rel=1e-6)


def test_the_interval_holds_the_exponent_as_often_as_it_says():
    inside, trials = 0, 300
    t = np.geomspace(10, 1e4, 25)
    for seed in range(trials):
        noise = np.random.default_rng(seed).normal(0, 0.05, size=25)
        inside += fit_power_law(t, np.exp(noise) * (t + 30) ** -0.25).includes(-0.25)
    # Binomial: 0.95 ± 0.0126; the interval is approximate, and conservative where t₀ is free.
    assert inside / trials > 0.95 - 4 * 0.0126


def test_what_cannot_be_fitted_is_left_out():
    t = np.arange(1.0, 6.0)
    assert fit_power_law(t, t**-0.25) is None  # too few
    assert fit_power_law(np.linspace(100, 150, 30), np.ones(30)) is None  # too short
    assert fit_power_law(np.arange(10.0), np.arange(10.0)) is not None  # step 0 has no logarithm, and is left out
    assert fit_power_law(np.arange(1, 10.0), np.full(9, np.nan)) is None


def test_the_flow_of_a_pair_has_the_exponents_of_the_channel():
    """dK/dt = 4 h |v|² / K³, the gradient flow of L = L_∞ + h |v|²/K², with K = |v|/ε: a group is followed along its solution."""
    t = np.linspace(10, 1e6, 60)
    K = solve_ivp(lambda _, K: 4 * 0.5 * 2.0**2 / K**3, (0, 1e6), [25.0], t_eval=t, rtol=1e-10, atol=1e-10).y[0]
    found = followed(t, 2.0 / K)
    (group,) = found.groups
    assert group.neurons == (1, 4) and np.allclose(group.epsilon, 2.0 / K) and group.member.all()
    assert group.laws["epsilon"].exponent == pytest.approx(-0.25, abs=1e-2)
    assert group.laws["cosine"].exponent == pytest.approx(-0.5, abs=2e-2)
    assert "follows ε ∝ t^(−1/4)" in group.verdict and "follows ε" in found.summary()


@pytest.mark.parametrize(
    "exponent, words", [(-1.0, "faster"), (-0.5, "faster"), (0.0, "does not fall"), (0.1, "does not fall"), (-0.12, "more slowly")]
)
def test_other_laws_are_called_others(exponent, words):
    t = np.geomspace(1, 1e4, 40)
    assert words in followed(t, 0.02 * t**exponent).groups[0].verdict


def test_few_checkpoints_and_noise_are_not_judged():
    t = np.geomspace(1, 100, 4)
    assert "too few checkpoints" in followed(t, 0.05 * t**-0.25).groups[0].verdict
    t = np.linspace(100, 250, 8)
    noise = np.random.default_rng(3).normal(0, 0.3, size=8)
    assert "do not tell" in followed(t, 0.02 * np.exp(noise) * t**-0.25).groups[0].verdict


def save(model, path):
    np.savez(path, **{name: value for n, layer in enumerate(model.layers, 1) for name, value in ((f"W{n}", layer.W), (f"b{n}", layer.b))})


def test_checkpoints_stand_in_the_order_of_their_steps_or_their_names(tmp_path):
    for folder, names, steps in [
        ("numbers", ["ckpt-2", "ckpt-10", "ckpt-1"], [1, 2, 10]),
        ("named", ["v3-epoch=20-lr1", "v3-epoch=3-lr1"], [3, 20]),
        ("times", ["t=1.5e3", "t=2e1"], [20, 1500]),
        ("equal", ["a2-x1", "a10-x1"], [1, 2]),
        ("words", ["begin", "end"], [1, 2]),
        ("networks", ["net2-100", "net2-20"], [20, 100]),
        ("students", ["epoch100_student2", "epoch20_student2"], [20, 100]),
        ("best", ["best", "step-100", "step-20"], [20, 100]),
        ("capitals", ["Epoch3_loss0.30", "Epoch1_loss0.91", "EPOCH2_loss0.45"], [1, 2, 3]),
        ("finest", ["step=1200-epoch=3", "step=300-epoch=4"], [300, 1200]),
    ]:
        (tmp_path / folder).mkdir()
        for name in names:
            save(pair_at(0.1), tmp_path / folder / f"{name}.npz")
        (chain,) = read_folder(tmp_path / folder)
        assert [checkpoint.step for checkpoint in chain] == steps
        assert chain[-1].model.skipped == (("best.npz: no step in its name",) if folder == "best" else ())
        if folder == "equal":
            assert [checkpoint.name for checkpoint in chain] == ["a2-x1.npz", "a10-x1.npz"]


def test_a_folder_that_is_no_training_gets_one_line(tmp_path):
    with pytest.raises(ModelError, match="0 files"):
        read_folder(tmp_path)
    save(pair_at(0.1), tmp_path / "1.npz")
    with pytest.raises(ModelError, match="1 files"):
        read_folder(tmp_path)
    np.savez(tmp_path / "2.npz", W1=np.ones((3, 2)), W2=np.ones((1, 3)))
    with pytest.raises(ModelError, match="2.npz has other layers than 1.npz"):
        read_folder(tmp_path)
    save(pair_at(0.1), tmp_path / "other-1.npz")
    with pytest.raises(ModelError, match="1.npz and other-1.npz are both of step 1"):
        read_folder(tmp_path)


def test_files_and_folders_can_be_handed_to_the_functions(tmp_path):
    (tmp_path / "run").mkdir()
    random, t = np.random.default_rng(4), np.geomspace(1, 1000, 10).astype(int)
    np.savez(tmp_path / "data.npz", x=random.normal(size=(50, 3)), y=random.normal(size=50))
    for step in t:
        save(pair_at(0.05 * step**-0.25), tmp_path / "run" / f"step-{step}.npz")
    training = history(tmp_path / "run", "tanh", tmp_path / "data.npz", hessian=False)
    assert training.steps.tolist() == t.tolist() and len(training.to_dataframe()) == len(t) and np.isfinite(training.loss).all()
    found = inspect(str(tmp_path / "run" / "step-1000.npz"), "tanh", str(tmp_path / "data.npz"))
    assert found.evidence.loss == training.loss[-1] and found.groups[0][1].neurons == training.groups[0].neurons
    with pytest.raises(ModelError, match="no folder"):
        history(tmp_path / "none")


def test_the_command_follows_a_folder_and_draws(tmp_path, capsys):
    (tmp_path / "run").mkdir()
    random = np.random.default_rng(4)
    np.savez(tmp_path / "data.npz", x=random.normal(size=(50, 3)), y=random.normal(size=50))
    for step in np.geomspace(1, 1000, 10).astype(int):
        save(pair_at(0.05 * step**-0.25), tmp_path / "run" / f"step-{step}.npz")
    words = ["inspect", str(tmp_path / "run"), "--activation", "tanh", "--no-certificate", "--data", str(tmp_path / "data.npz")]
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        assert main([*words, "--json", "--plot", str(tmp_path / f"picture{suffix}")]) == 0
        assert (tmp_path / f"picture{suffix}").read_bytes().startswith(start)
        told = json.loads(capsys.readouterr().out)
    (group,) = told["history"]
    assert group["laws"]["epsilon"]["low"] <= -0.25 <= group["laws"]["epsilon"]["high"] and len(told["hessian_max_history"]) == 10
    assert told["steps"] == sorted(told["steps"])
    for wrong in (["--plot", "picture.gif"], ["--run", "3"], ["--plot", str(tmp_path / "data.npz" / "picture.png")]):
        model = str(tmp_path / "run" / "step-1.npz")
        assert main(["inspect", model, *wrong]) == 2 and capsys.readouterr().err.count("\n") == 1


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    data, net = Dataset(x, np.sin(x).sum(axis=1)), Network(2, (3,), "softplus")
    training = {"rtol": 1e-4, "maxnorm": 1e3, "max_seconds": 60.0, "max_steps": 300, "max_t": 1e5, "trajectory_samples": 20,
                "spectrum_samples": 3}  # fmt: skip
    runs = [train(net, data, seed=seed, **training) for seed in (1, 2)]
    meta = {"sweep": "s", "dataset": "d-d2", "inputs": 2, "widths": [3], "activation": "softplus", "bias": True, "training": training,
            "seed": 0, "spec": {}, "data": "", "versions": {}, "cpu": ""}  # fmt: skip
    path = tmp_path_factory.mktemp("runs") / "runs.npz"
    run_records.write_runs(path, meta, runs)
    return path, runs, partial(net.matrices)


def test_a_record_of_ours_gives_the_end_and_the_trajectory_of_a_run(record, capsys):
    path, runs, _ = record
    assert is_record(path)
    chain = read_trajectory(path, 2)
    assert np.array_equal(chain[-1].model.theta, runs[1].flow.theta[len(chain) - 1]) and chain[3].step == runs[1].flow.t[3]
    assert main(["inspect", str(path), "--run", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["activation"] == "softplus"
    assert main(["inspect", str(path), "--run", "1", "--history"]) == 0
    assert "20 checkpoints" in capsys.readouterr().out
    one = ["--run", "1"]
    for wrong, words in [
        ([], "name one with --run"),
        (["--run", "9"], "run is 9"),
        ([*one, "--activation", "relu"], "the network itself says 'softplus'"),
        ([*one, "--layers", "W1", "W2"], "is a record of runs"),
        ([*one, "--loss", "cross-entropy"], "--data"),
    ]:
        assert main(["inspect", str(path), *wrong]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and words in told


def test_records_in_a_folder_are_told_by_their_seeds_whatever_their_names(record, tmp_path, capsys):
    path, runs, _ = record
    meta, _ = run_records.read_runs(path, ["seed"])
    for name, seeds in (("a", [1, 2]), ("b", [3]), ("c", [5]), ("d", [9]), ("e", [9])):
        run_records.write_runs(tmp_path / f"{name}.npz", meta, [replace(runs[seed % 2], seed=seed) for seed in seeds])
    (tmp_path / "f.npz").write_bytes(path.read_bytes()[:999])
    assert np.array_equal(read_end(tmp_path, 3).theta, runs[1].theta) and np.array_equal(read_end(tmp_path, 2).theta, runs[0].theta)
    assert np.array_equal(read_trajectory(tmp_path, 5)[0].model.theta, runs[1].flow.theta[0])
    for wrong, words in [
        ([], f"{tmp_path} holds records of runs, of the seeds 1 to 3, 5, 9; name one with --run"),
        (["--history"], "of the seeds 1 to 3, 5, 9"),
        (["--run", "4"], f"run is 4; {tmp_path} has the seeds 1 to 3, 5, 9; no records are f.npz"),
        (["--run", "9"], "several of that seed, in d.npz and e.npz"),
        (["--run", "3", "--layers", "W1", "W2"], "has records of runs"),
    ]:
        assert main(["inspect", str(tmp_path), *wrong]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1 and words in told
    for function in (inspect, history):
        with pytest.raises(ModelError, match=r"of the seeds 1 to 3, 5, 9; .* in Python Run.load"):
            function(tmp_path)
    (tmp_path / "none").mkdir()
    assert main(["inspect", str(tmp_path / "none"), "--run", "1"]) == 2 and "nor a folder of such" in capsys.readouterr().err


def test_many_seeds_are_told_in_a_short_line(record, tmp_path):
    path, runs, _ = record
    meta, _ = run_records.read_runs(path, ["seed"])
    for seed in range(0, 40, 2):
        run_records.write_runs(tmp_path / f"seed-{seed}.npz", meta, [replace(runs[0], seed=seed)])
    with pytest.raises(ModelError, match="of the seeds 0, 2, 4, 6, 8, 10, 12, …, 38; name one"):
        inspect(tmp_path)


def test_a_run_that_began_at_the_wall_has_no_history(record, tmp_path):
    path, runs, _ = record
    meta, _ = run_records.read_runs(path, ["seed"])
    meta["training"]["maxnorm"] = 1e-3
    outside = tmp_path / "runs.npz"
    run_records.write_runs(outside, meta, runs)
    with pytest.raises(ModelError, match="0 points within the norm wall"):
        read_trajectory(outside, 1)
