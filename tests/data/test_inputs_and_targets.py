"""Inputs have the moments that they should; targets are the functions that they are called; files are read whole or refused."""

import numpy as np
import pandas as pd
import pytest

from flatchannels.data import datasets, files
from flatchannels.data.dataset import Dataset

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
    for name, problem in [("g", "gave shape"), ("h", "raised ZeroDivisionError"), ("none", "raised AttributeError")]:
        with pytest.raises(ValueError, match=problem):
            dataset(target=f"{file}:{name}")
    with pytest.raises(ValueError, match="there is no Python file"):
        dataset(target=f"{tmp_path}/no.py:f")


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
        ("a,y\n1,\n2,3\n", "column 'y' lacks 1 values"), ("", "No columns"), ("a,y,weights\n1,2,-1\n", "weights must be nonnegative"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_dataset_is_refused_in_one_line(tmp_path, content, problem):
    path = tmp_path / "data.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=problem) as caught:
        files.read(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


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
