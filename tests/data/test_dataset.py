"""A dataset cannot be changed, and neither can a copy of one."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest

from flatchannels.data.dataset import Dataset


@pytest.mark.parametrize("copied", [lambda data: data, copy.copy, copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_what_is_in_it_cannot_be_changed(copied):
    given = np.arange(6.0).reshape(3, 2)
    data = Dataset(given, [1.0, 2.0, 3.0], [0.5, 0.25, 0.25])
    given[:] = 7.0
    again = copied(data)
    assert again.x.tolist() == [[0, 1], [2, 3], [4, 5]] and again.y.tolist() == [1, 2, 3] and again.weights.tolist() == [0.5, 0.25, 0.25]
    for array in (again.x, again.y, again.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 9.0


def test_another_dataset_is_standardised_only_if_it_has_as_many_inputs():
    data, narrow = Dataset(np.arange(6.0).reshape(3, 2), [1.0, 2.0, 4.0]), Dataset([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    for one, other in [(data, narrow), (narrow, data)]:
        with pytest.raises(ValueError, match=f"has {other.dimension} inputs; this one has {one.dimension}"):
            one.standardised(other)
    with pytest.raises(ValueError, match="other is tuple; it must be a Dataset"):
        data.standardised((data.x, data.y))


def test_numbers_whose_squares_overflow_are_not_standardised():
    x = np.linspace(-1, 1, 7)
    for data in [Dataset(1e200 * x, x), Dataset(x, 1e200 * x)]:
        with pytest.raises(ValueError, match="too large"):
            data.standardised()
    moved = Dataset(1e100 * x, x).standardised()[0]
    assert moved.x.std() == pytest.approx(1)


def test_frames_with_columns_of_several_types_are_taken():
    frame = pd.DataFrame({"a": [0.5, 1.5, 2.5], "b": [True, False, True], "c": pd.array([1, 2, 3], dtype="Int64")})
    assert Dataset(frame, [1.0, 2.0, 3.0]).x.tolist() == [[0.5, 1, 1], [1.5, 0, 2], [2.5, 1, 3]]
    for column in [pd.array([1, None, 3], dtype="Int64"), ["1", "2", "3"]]:
        with pytest.raises(ValueError, match="x must be an array of real numbers"):
            Dataset(frame.assign(c=column), [1.0, 2.0, 3.0])
    weights = pd.Series(np.full(3, 1 / 3, dtype=np.float32))
    assert Dataset(frame, [1.0, 2.0, 3.0], weights).weights.sum() == pytest.approx(1, abs=1e-15)
