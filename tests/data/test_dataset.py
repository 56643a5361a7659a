"""A dataset cannot be changed, and neither can a copy of one."""

import copy
import pickle

import numpy as np
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
