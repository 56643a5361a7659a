"""Inputs have the moments that they should; targets are the functions that they are called; files are read whole or refused."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flatchannels.data import datasets, files
from flatchannels.data.dataset import Dataset
from flatchannels.storage import dataset_files

ROOT = Path(__file__).parents[2]
SAMPLES = 20_000


def dataset(name="d", dimension=3, **spec):
    return datasets.make_with_test({"inputs": "normal", "samples": SAMPLES} | spec, dimension, 1, name)[0]


@pytest.mark.parametrize("kind", ["normal", "uniform", "sphere"])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_inputs_have_mean_0_and_variance_1_in_every_coordinate(kind, dimension):
    x = dataset(dimension=dimension, inputs=kind, target="sinusoids", terms=1, frequency=1.0).x
    assert np.allclose(x.mean(axis=0), 0, atol=5 / np.sqrt(SAMPLES))
    assert np.allclose(x.T @ x / SAMPLES, np.eye(dimension), atol=10 / np.sqrt(SAMPLES))


def test_the_sphere_has_one_radius_and_the_cube_its_edges():
    sphere = dataset(inputs="sphere", target="sinusoids", terms=1, frequency=1.0).x
    assert np.allclose(np.linalg.norm(sphere, axis=1), np.sqrt(3))
    cube = dataset(inputs="uniform", target="sinusoids", terms=1, frequency=1.0).x
    assert abs(cube).max() <= np.sqrt(3) and abs(cube).max() == pytest.approx(np.sqrt(3), abs=1e-3)


def test_correlated_inputs_have_the_covariance_asked_for():
    covariance = [[2.0, 0.9], [0.9, 1.0]]
    x = dataset(dimension=2, covariance=covariance, target="rosenbrock").x
    assert np.allclose(x.T @ x / SAMPLES, covariance, atol=0.1)


@pytest.mark.parametrize("covariance", [[[1.0]], [[1.0, 2.0], [2.0, 1.0]], [[1.0, 0.5], [0.4, 1.0]]])
def test_what_is_no_covariance_is_refused(covariance):
    with pytest.raises(ValueError, match="^d: covariance must be"):
        dataset(dimension=2, covariance=covariance, target="rosenbrock")


def test_a_teacher_without_bias_is_odd_with_erf_and_belongs_to_name_and_seed():
    spec = {"target": "teacher", "widths": [3, 2], "activation": "erf", "bias": False, "inputs": "normal", "samples": 50}
    data = dataset(**spec)
    assert data.y.std() > 0
    assert np.array_equal(data.y, dataset(**spec).y) and not np.array_equal(data.y, dataset("other", **spec).y)


def test_sinusoids_of_frequency_0_would_be_constant_and_of_a_small_one_are_smooth():
    data = dataset(dimension=1, target="sinusoids", terms=3, frequency=0.01, standardise=False)
    order = np.argsort(data.x[:, 0])
    assert abs(np.diff(data.y[order])).max() < 0.05 * abs(data.y).max() + 0.05


def test_a_function_of_ones_own_is_called_and_its_mistakes_are_named(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def f(x):\n    return x[:, 0] ** 2\ndef g(x):\n    return x\ndef h(x):\n    return 1 / 0\n")
    data = dataset(target=f"{file}:f")
    assert np.array_equal(data.y, data.x[:, 0] ** 2)
    where = re.escape(f"({file}, line 6)")
    for name, problem in [
        ("g", "gave shape"),
        ("h", f"raised ZeroDivisionError: .* {where}$"),
        ("none", "raised AttributeError: mine.py has no function none$"),
    ]:
        with pytest.raises(ValueError, match=problem):
            dataset(target=f"{file}:{name}")
    with pytest.raises(ValueError, match="there is no Python file"):
        dataset(target=f"{tmp_path}/no.py:f")


def test_a_file_with_a_dataclass_and_a_module_beside_it_is_a_target(tmp_path):
    (tmp_path / "beside_mine.py").write_text("def square(x):\n    return x**2\n")
    file = tmp_path / "mine.of.dataclass.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom beside_mine import square\n"
        "@dataclass\nclass Wave:\n    size: float = 2.0\n"
        "def f(x):\n    import beside_mine\n    return Wave().size * beside_mine.square(x[:, 0])\n"
    )
    path = list(sys.path)
    data = dataset(target=f"{file}:f")
    assert np.array_equal(data.y, 2 * data.x[:, 0] ** 2) and sys.path == path


@pytest.mark.parametrize(
    "content, problem",
    [
        ("import sys\nsys.exit(3)\n", r"raised SystemExit: 3 \(.*mine\.py, line 2\)$"),
        ("def f(x):\n    return x[:, 0] * float('nan')\n", r"gave 7 values that are not finite, of 7"),
        ("def f(x):\n    y = x[:, 0]\n    y[2] = float('inf')\n    return y\n", r"gave 1 values that are not finite, of 7"),
        ("def f(x):\n    return x[:, 0] + 1j\n", "gave no array of real numbers"),
        ("def f(x):\n    return [1, [2, 3]]\n", "gave no array of real numbers"),
        ("def f(x):\n    return 1 +\n", r"raised SyntaxError: .*line 2"),
        ("def f(x):\n    raise KeyError\n", r"raised KeyError: \(.*mine\.py, line 2\)$"),
        ("def f(x):\n    raise OSError('a\\nb')\n", r"raised OSError: a b \(.*mine\.py, line 2\)$"),
        ("import not_there_at_all\n", r"raised ModuleNotFoundError: .* \(.*mine\.py, line 1\)$"),
        ("from beside_mine_too import f\n", r"raised ValueError: no \(.*beside_mine_too\.py, line 2\)$"),
    ],
)
def test_what_a_function_of_ones_own_does_wrong_is_said_in_one_line(tmp_path, content, problem):
    (tmp_path / "beside_mine_too.py").write_text("def f(x):\n    raise ValueError('no')\n")
    (tmp_path / "mine.py").write_text(content)
    path = list(sys.path)
    with pytest.raises(ValueError, match=problem) as caught:
        dataset(target=f"{tmp_path}/mine.py:f", samples=7)
    assert str(caught.value).startswith("d: target") and "\n" not in str(caught.value)
    assert sys.path == path
    if "raised" in problem:
        assert caught.value.__cause__ is not None and "flatchannels_target_mine" not in sys.modules


def test_the_log_of_a_dataset_has_the_traceback_of_ones_own_function_and_then_the_line(tmp_path):
    (tmp_path / "mine.py").write_text("def f(x):\n    return g(x)\ndef g(x):\n    return 1 / 0\n")
    job = {"name": "d", "dimension": 2, "seed": 1, "spec": {"target": "mine.py:f", "inputs": "normal", "samples": 5}}
    command = [sys.executable, ROOT / "workflow" / "scripts" / "dataset.py", "out.npz", json.dumps(job)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and not (tmp_path / "out.npz").exists()
    *before, last = done.stderr.splitlines()
    assert last == "d: target mine.py:f raised ZeroDivisionError: division by zero (mine.py, line 4) (datasets in the configuration)"
    assert "return g(x)" in "".join(before) and "dataset.py" not in "".join(before)


@pytest.mark.parametrize("suffix", files.DATA_SUFFIXES)
def test_a_file_gives_the_samples_that_it_holds(tmp_path, suffix):
    random, path = np.random.default_rng(0), tmp_path / f"data{suffix}"
    x, y, weights = random.normal(size=(30, 2)), random.normal(size=30), random.random(30)
    if suffix == ".npz":
        np.savez(path, x=x, y=y, weights=weights)
    else:
        table = pd.DataFrame({"a": x[:, 0], "y": y, "b": x[:, 1], "weights": weights})
        table.to_csv(path, index=False) if suffix == ".csv" else table.to_parquet(path)
    data, test = files.read(path)
    assert test is None
    assert np.allclose(data.x, x, rtol=1e-15) and np.allclose(data.y, y, rtol=1e-15) and np.allclose(data.weights, weights / weights.sum())
    train, test = datasets.make_with_test({"target": "file", "file": str(path), "test_samples": 10, "standardise": True}, 2, 1, "d")
    assert len(train.y) == 20 and len(test.y) == 10
    assert np.allclose(train.weights @ train.x, 0, atol=1e-14) and train.weights @ train.y**2 == pytest.approx(1)


@pytest.mark.parametrize(
    "content, problem",
    [
        ("a,b\n1,2\n", "there is no column 'y'; it has a, b"), ("y\n1\n", "no inputs"), ("a,y\n1,x\n", "column 'y' holds no numbers"),
        ("a,y,y\n1,2,3\n", "column 'y' is there 2 times"), (",a,y\n0,1,2\n", "column 1 has no name; if it is the index of pandas"),
        ("a,y\n1,\n2,3\n", "column 'y' lacks 1 values"), ("", "No columns"), ("a,y,weights\n1,2,-1\n", "weights must be nonnegative"),
        ("y,b\n3.5,2.5,9\n3.6,2.6,9\n", "its rows have 3 values, and its header has 2 names"),
        ("a,y\n1,2\n3,x1\n", "column 'y' holds no numbers alone: 'x1' is none"), ("a,y\n", "it has no rows"),
        ("a,y\n1,2,\n3,4,\n", "its rows have 3 values"), ("a,y\n\n0,1,2\n1,3,4\n", "its rows have 3 values"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_dataset_is_refused_in_one_line(tmp_path, content, problem):
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=problem) as caught:
        files.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_spaces_behind_commas_belong_to_no_name(tmp_path):
    (tmp_path / "data.csv").write_text("a, b, y\n1, 2, 3\n4, 5, 6\n")
    data, _ = files.read(tmp_path / "data.csv")
    assert data.x.tolist() == [[1, 2], [4, 5]] and data.y.tolist() == [3, 6]


def test_other_broken_files_are_refused_in_one_line(tmp_path):
    np.savez(tmp_path / "no-y.npz", x=np.ones((3, 2)))
    np.savez(tmp_path / "nan.npz", x=np.full((3, 2), np.nan), y=np.ones(3))
    np.savez(tmp_path / "pickle.npz", x=np.array([{}]), y=np.ones(1))
    (tmp_path / "not.npz").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "not.parquet").write_bytes(b"nothing")
    for name in ["no-y.npz", "nan.npz", "pickle.npz", "not.npz", "not.parquet", "missing.csv", "data.txt"]:
        with pytest.raises(ValueError, match=name) as caught:
            files.read(tmp_path / name)
        assert "\n" not in str(caught.value)


def test_standardised_data_have_mean_0_and_variance_1_in_any_units():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(50, 3)) * [1e6, 1.0, 0.0] + [5.0, 1e3, 2.0], 1e-8 * random.normal(size=50)
    train, test = Dataset(x, y).standardised(Dataset(x + 1e6, y))
    assert np.allclose(train.x.mean(axis=0), 0, atol=1e-9) and np.allclose(train.x.std(axis=0), [1, 1, 0], atol=1e-9)
    assert train.y.std() == pytest.approx(1) and np.allclose((test.x - train.x)[:, 0], 1e6 / x[:, 0].std())


GOOD = {"x": np.arange(40.0).reshape(20, 2), "y": np.arange(20.0)}


@pytest.mark.parametrize(
    "arrays, problem",
    [
        ({"x_test": np.ones((3, 1)), "y_test": np.ones(3)}, "x_test has 1 columns; it must have as many as x, 2"),
        ({"x_test": np.ones(3), "y_test": np.ones(3)}, "x_test has 1 columns; it must have as many as x, 2"),
        ({"x_test": np.ones((3, 3)), "y_test": np.ones(3)}, "x_test has 3 columns; it must have as many as x, 2"),
        ({"x_test": np.ones((3, 2))}, "it holds one of x_test and y_test; test samples need both"),
        ({"y_test": np.ones(3)}, "it holds one of x_test and y_test; test samples need both"),
        ({"weight": np.ones(20)}, "it holds weight; the arrays of a dataset are x, y, weights, x_test, y_test"),
        ({"X_test": np.ones((3, 2)), "ytest": np.ones(3)}, "it holds X_test, ytest; the arrays of a dataset are x, y,"),
    ],
)  # fmt: skip
def test_arrays_that_do_not_belong_to_a_dataset_are_refused_in_one_line(tmp_path, arrays, problem):
    path = tmp_path / "data.npz"
    np.savez(path, **GOOD, **arrays)
    for standardise in (True, False):
        with pytest.raises(ValueError) as caught:
            datasets.make_with_test({"target": "file", "file": str(path), "standardise": standardise}, 2, 1, "d")
        assert str(caught.value).startswith(f"d: {path}: {problem}") and "\n" not in str(caught.value)


def test_a_dataset_of_the_pipeline_is_a_file_like_others(tmp_path):
    data, test = Dataset(**GOOD), Dataset(GOOD["x"][:3] + 1, GOOD["y"][:3])
    dataset_files.write_dataset(tmp_path / "made.npz", data, {"name": "made"}, test)
    again, tests = files.read(tmp_path / "made.npz")
    assert np.array_equal(again.x, data.x) and np.array_equal(again.y, data.y) and np.allclose(again.weights, data.weights, rtol=1e-15)
    assert np.array_equal(tests.x, test.x) and np.array_equal(tests.y, test.y)


def test_two_test_sets_are_a_mistake(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, **GOOD, x_test=np.ones((3, 2)), y_test=np.ones(3))
    with pytest.raises(ValueError, match=r"^d: test_samples is 5; .*data.npz has 3 test samples of its own: remove one of the two$"):
        datasets.make_with_test({"target": "file", "file": str(path), "test_samples": 5}, 2, 1, "d")


def test_what_is_called_npz_and_is_none_is_refused_without_unpickling(tmp_path):
    path = tmp_path / "data.npz"
    np.save(tmp_path / "one.npy", np.ones(3))
    np.savez(tmp_path / "whole.npz", **GOOD)
    whole = (tmp_path / "whole.npz").read_bytes()
    damaged = whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]
    contents = [b"", (tmp_path / "one.npy").read_bytes(), b"a,y\n1,2\n", pickle.dumps({"x": 1}), b"a,y\n" + whole, whole[:99], damaged]
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"^{re.escape(str(path))}: it is no npz") as caught:
            files.read(path)
        assert "\n" not in str(caught.value) and "pickle" not in str(caught.value).replace("allow_pickle=False", "")


@pytest.mark.parametrize("value", [0.0, 0.1, 3e8])
def test_a_target_that_is_constant_is_shifted_alone(tmp_path, value):
    (tmp_path / "mine.py").write_text(f"import numpy as np\ndef f(x):\n    return np.full(len(x), {value})\n")
    data, test = datasets.make_with_test(
        {"target": f"{tmp_path}/mine.py:f", "inputs": "normal", "samples": 7, "test_samples": 2, "standardise": True}, 2, 1, "d"
    )
    assert abs(data.y).max() <= 1e-15 * value and abs(test.y).max() <= 1e-15 * value


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=9))
def test_targets_are_standardised_as_datasets_are(y):
    y = np.array(y)
    (expected, _), got = Dataset(np.ones((len(y), 1)), y).standardised(), datasets.standardise(y)
    assume(y.std() == 0 or y.std() > 1e-13 * abs(y).max() or y.std() < 1e-15 * abs(y).max())
    assert np.allclose(got, expected.y, rtol=1e-6, atol=1e-6 * max(1.0, abs(expected.y).max()))
    if y.std() > 1e-13 * abs(y).max():
        assert np.array_equal(got, (y - y.mean()) / y.std())


def test_values_that_make_no_dataset_are_named_with_it(tmp_path):
    (tmp_path / "mine.py").write_text("def f(x):\n    return 1e308 * (1 + 0 * x[:, 0])\n")
    with pytest.raises(ValueError, match="^d: y must be finite$"), np.errstate(all="ignore"):
        dataset(target=f"{tmp_path}/mine.py:f", standardise=True)
