"""Datasets are read back; bad ones are refused."""

from types import SimpleNamespace

import numpy as np
import pytest

from flatchannels import Dataset
from flatchannels.storage import dataset_files
from flatchannels.storage.errors import RecordError


def test_datasets_are_read_back_exactly(tmp_path):
    rng = np.random.default_rng(1)
    data = Dataset(rng.standard_normal((8, 3)), rng.standard_normal(8), rng.dirichlet(np.ones(8)))
    dataset_files.write_dataset(tmp_path / "planted.npz", data, {"name": "planted"})
    arrays, meta = dataset_files.read_dataset_arrays(tmp_path / "planted.npz")
    assert all(np.array_equal(arrays[key], getattr(data, key)) for key in ["x", "y", "weights"]) and meta["name"] == "planted"


def test_test_points_are_kept_beside_the_others(tmp_path):
    rng = np.random.default_rng(2)
    data, test = Dataset(rng.standard_normal((8, 3)), rng.standard_normal(8)), Dataset(rng.standard_normal((5, 3)), rng.standard_normal(5))
    dataset_files.write_dataset(tmp_path / "planted.npz", data, {}, test)
    arrays, _ = dataset_files.read_dataset_arrays(tmp_path / "planted.npz")
    assert np.array_equal(arrays["x_test"], test.x) and np.array_equal(arrays["y_test"], test.y)
    assert np.array_equal(dataset_files.read_dataset(tmp_path / "planted.npz")[0].x, data.x)
    other = SimpleNamespace(x=np.ones((5, 2)), y=np.ones(5))
    with pytest.raises(RecordError, match="x_test has 2 columns; x has 3"):
        dataset_files.write_dataset(tmp_path / "bad.npz", data, {}, other)


def test_the_dataset_class_comes_back(tmp_path):
    dataset_files.write_dataset(tmp_path / "planted.npz", Dataset(np.ones((4, 2)), np.arange(4.0), None), {"name": "planted"})
    data, _ = dataset_files.read_dataset(tmp_path / "planted.npz")
    assert np.array_equal(data.y, np.arange(4.0))


def test_bad_datasets_are_refused_when_written(tmp_path):
    good = np.full(4, 0.25)
    for y, weights in [(np.ones(3), good), (np.full(4, np.nan), good), (np.ones(4), np.ones(4)), (np.ones((4, 1)), good)]:
        with pytest.raises(RecordError):
            dataset_files.write_dataset(tmp_path / "bad.npz", SimpleNamespace(x=np.ones((4, 2)), y=y, weights=weights), {})
    assert list(tmp_path.iterdir()) == []
