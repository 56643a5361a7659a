"""A run with its picture and its file: what is saved comes back, and goes on where a limit ended it."""

import dataclasses

import numpy as np
import pytest

from flatchannels import Dataset, Network, Run, inspect, train
from flatchannels.inspection.checkpoints import read_end
from flatchannels.reasons import Stop
from flatchannels.runs import records
from flatchannels.runs.pictures import closest_pairs
from flatchannels.storage.errors import RecordError, WriteError


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    return Dataset(x, np.sin(2 * x).sum(axis=1)).standardised()[0]


def same(one, other):
    return np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f")


@pytest.mark.parametrize("net", [Network(2, (2,), "tanh"), Network(2, (2, 2), "softplus", bias=False)])
def test_what_is_saved_comes_back(net, data, tmp_path):
    run = train(net, data, seed=3, trajectory_samples=40, spectrum_samples=6, max_t=np.inf)
    run.save(tmp_path / "run.npz")
    back = Run.load(tmp_path / "run.npz")
    assert not run.unfinished and [path.name for path in tmp_path.iterdir()] == ["run.npz"]
    assert (back.network, back.seed, back.stop, back.finish, back.data) == (net, 3, run.stop, run.finish, run.data)
    assert back.settings["rtol"] == 1e-5 and back.settings["trajectory_samples"] == 40
    for field in dataclasses.fields(run):
        if field.name not in ("flow", "polish", "settings", "network"):
            assert same(getattr(back, field.name), getattr(run, field.name)), field.name
    for field in dataclasses.fields(run.flow):
        if field.name != "multiplier":
            assert getattr(back.flow, field.name) is None or same(getattr(back.flow, field.name), getattr(run.flow, field.name)), field.name
    assert back.polish.loss == pytest.approx(run.polish.loss, rel=1e-12) and np.isnan(back.polish.hessian).all()
    assert same(read_end(tmp_path / "run.npz").theta, run.theta)  # the inspector reads it too
    assert inspect(read_end(tmp_path / "run.npz"), net.activation, data).evidence.loss == pytest.approx(run.loss, rel=1e-9)


def test_a_run_at_the_wall_comes_back_with_the_loss_of_its_regulariser(data, tmp_path):
    run = train(Network(2, (3,)), data, seed=1, maxnorm=0.5)
    assert run.stop == Stop.WALL and run.polish.loss > run.loss
    run.save(tmp_path / "run.npz")
    assert Run.load(tmp_path / "run.npz").polish.loss == pytest.approx(run.polish.loss, rel=1e-12)


def test_a_saved_run_goes_on_to_where_it_would_have_come(data, tmp_path):
    net = Network(2, (3,), "tanh")
    train(net, data, seed=1, max_steps=10).save(tmp_path / "part.npz")
    part = Run.load(tmp_path / "part.npz")
    assert part.unfinished and part.stop == Stop.STEP_LIMIT
    whole = train(net, data, seed=1)
    on = train(net, data, part.theta_initial, flow=part.flow)
    assert on.seed is None and same(on.theta, whole.theta) and on.flow.steps == whole.flow.steps
    on.save(tmp_path / "part.npz")  # nothing is left to go on with
    assert [path.name for path in tmp_path.iterdir()] == ["part.npz"] and Run.load(tmp_path / "part.npz").seed is None


def test_runs_are_equal_where_all_but_their_time_is(data, tmp_path):
    net = Network(2, (2,), "tanh")
    run, again, other = (train(net, data, seed=seed) for seed in (3, 3, 4))
    assert run == again and run != other and run in [other, again] and run != "a run"
    again.flow.seconds += 1.0
    assert run == again
    changes = [
        {"theta": np.nextafter(run.theta, 1.0)}, {"spectrum_t": run.spectrum_t[:-1]}, {"loss": np.nan}, {"seed": None}, {"data": ""},
        {"network": Network(2, (2,), "erf")}, {"settings": run.settings | {"rtol": 1e-6}},
        {"flow": dataclasses.replace(run.flow, steps=0)}, {"polish": dataclasses.replace(run.polish, gradient=run.polish.gradient + 1.0)},
    ]  # fmt: skip
    for change in changes:
        changed = dataclasses.replace(run, **change)
        assert changed != run and changed == dataclasses.replace(run, **change), change
    run.save(tmp_path / "run.npz")
    back = Run.load(tmp_path / "run.npz")
    assert back == Run.load(tmp_path / "run.npz") and np.isnan(back.polish.hessian).all() and back != run  # which has its Hessian
    part = train(net, data, seed=3, max_steps=8)
    part.save(tmp_path / "part.npz")
    assert Run.load(tmp_path / "part.npz") == part == train(net, data, seed=3, max_steps=8)
    (tmp_path / "part.unfinished").unlink()
    assert not Run.load(tmp_path / "part.npz").unfinished
    assert part != dataclasses.replace(part, flow=dataclasses.replace(part.flow, state=None))


def test_mistakes_with_files_get_one_line(data, tmp_path):
    run = train(Network(2, (2,), "tanh"), data, seed=4)
    with pytest.raises(ValueError, match="must end with .npz"):
        run.save(tmp_path / "run.txt")
    run.save(tmp_path / "run.npz")
    with pytest.raises(ValueError, match="seed is 5; .* has the seeds 4 to 4"):
        Run.load(tmp_path / "run.npz", seed=5)
    with pytest.raises(RecordError, match="No such file"):
        Run.load(tmp_path / "nothing.npz")
    (tmp_path / "run.npz").write_bytes((tmp_path / "run.npz").read_bytes()[:-9])
    with pytest.raises(RecordError, match="run.npz"):
        Run.load(tmp_path / "run.npz")


def test_the_picture_shows_loss_norm_curvature_and_closest_pairs_against_t(data):
    run = train(Network(2, (3, 2), "tanh"), data, seed=1, max_steps=40)
    figure = run.plot()
    loss, norm, largest, closest = figure.axes
    later = run.flow.t > 0
    assert same(loss.lines[0].get_xydata(), np.column_stack([run.flow.t, run.flow.loss])[later])
    assert np.allclose(norm.lines[0].get_ydata(), (run.flow.theta[later] ** 2).mean(axis=1) / 2, rtol=1e-12)
    assert set(largest.lines[0].get_ydata()) <= set(run.spectrum_max)
    assert len(closest.lines) == 2 and all(axis.get_xscale() == axis.get_yscale() == "log" for axis in figure.axes)
    figure.canvas.draw()
    assert run.stop.name in run._repr_html_()


def test_closest_pairs_are_the_least_angles_by_their_definition(data):
    run = train(Network(2, (3, 1), "tanh"), data, seed=2, max_steps=5)
    found = closest_pairs(run)
    for theta, (first, second) in zip(run.flow.theta, found):
        (W, b), *_ = run.network.unpack(theta)
        rows = np.column_stack([W, b])
        units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        assert first == pytest.approx(min(1 - units[i] @ units[j] for i, j in [(0, 1), (0, 2), (1, 2)]), rel=1e-6)
        assert np.isnan(second)


def test_a_run_is_shown_in_one_line(data):
    run = train(Network(2, (3, 2), "tanh"), data, seed=4, max_steps=3)
    told = repr(run)
    assert len(told) < 200 and "\n" not in told
    numbers = f"loss={run.loss:.6g}, t={run.flow.t_end:.3g}, norm={run.weight_norm:.4g}"
    assert all(word in told for word in ("(3, 2)", "'tanh'", "seed=4", "STEP_LIMIT", numbers))
    assert "seed" not in repr(train(run.network, data, run.theta_initial, max_steps=3))


@pytest.mark.parametrize("seed", [-1, 2**63, 10**20, 1.5, True, "1"])
def test_seeds_that_no_record_holds_are_refused(data, seed):
    for words, more in (((), {"seed": seed}), ((None, seed), {})):
        with pytest.raises(ValueError, match="seed is .* from 0 to 9223372036854775807"):
            train(Network(2, (2,)), data, *words, **more)


def test_kernels_are_compiled_before_the_clock_runs(data, monkeypatch):
    called = []
    monkeypatch.setattr("flatchannels.dynamics.training.compile_kernels", lambda: called.append("kernels"))
    monkeypatch.setattr("flatchannels.dynamics.training.check_settings", lambda settings: called.append("run"))
    train(Network(2, (2,)), data, seed=1, max_steps=2)
    assert called == ["kernels", "run"]


def test_a_run_in_the_place_of_its_flow_gets_one_line(data):
    run = train(Network(2, (2,), "tanh"), data, seed=4, max_steps=3)
    with pytest.raises(ValueError, match="flow is a Run; it must be the flow of an earlier run: flow=run.flow"):
        train(run.network, data, run.theta_initial, flow=run)


def test_limits_that_were_not_met_make_no_difference(data, tmp_path):
    net = Network(2, (2,), "tanh")
    run = train(net, data, seed=3, trajectory_samples=10, spectrum_samples=3)
    other = train(net, data, seed=3, trajectory_samples=10, spectrum_samples=3, max_seconds=100, max_steps=10**6)
    assert run == other and run != train(net, data, seed=3, trajectory_samples=10, spectrum_samples=3, rtol=1e-4)


def test_what_a_run_needs_to_go_on_stays_until_the_new_record_is_there(data, tmp_path, monkeypatch):
    net, path = Network(2, (2,), "tanh"), tmp_path / "run.npz"
    part = train(net, data, seed=3, max_steps=5)
    part.save(path)
    whole = train(net, data, part.theta_initial, flow=part.flow)
    with monkeypatch.context() as patched:
        patched.setattr(records.run_records, "write_runs", lambda *_: (_ for _ in ()).throw(WriteError(path, "no space")))
        with pytest.raises(WriteError):
            whole.save(path)
    assert Run.load(path).unfinished
    whole.save(path)
    assert not Run.load(path).unfinished and [file.name for file in tmp_path.iterdir()] == ["run.npz"]
