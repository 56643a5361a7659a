"""The modified Rosenbrock target on the grid and on normal inputs."""

import numpy as np
import pytest

from flatchannels.data import datasets, targets

NORMAL = {"target": "rosenbrock", "inputs": "normal", "samples": 4000}
GRID = {"target": "rosenbrock", "inputs": "grid", "points": 101}


def test_rosenbrock_by_hand():
    # d = 3 at (0, 1, 2): (1 − 0)² + 3 (1 − 0 + 1)² + (1 − 1)² + 3 (2 − 1 + 1)² = 1 + 12 + 0 + 12.
    assert targets.rosenbrock(np.array([[0.0, 1.0, 2.0]])) == pytest.approx(np.log10(25.1))
    # The minimum is at x_i = 1 where x_i = x_{i−1}² − 1 fails by 1: for d = 2 at (1, 0) the sum is 0.
    assert targets.rosenbrock(np.array([[1.0, 0.0]])) == pytest.approx(-1)


@pytest.mark.parametrize("spec, dimension", [(GRID, 2), (NORMAL, 2), (NORMAL, 16)])
def test_targets_are_standardised_with_the_population_variance(spec, dimension):
    data = datasets.make(spec, dimension, 1, "name")
    assert data.x.shape[1] == dimension
    assert data.y.mean() == pytest.approx(0, abs=1e-12) and np.mean(data.y**2) == pytest.approx(1, rel=1e-12)


def test_the_grid_has_101_by_101_points_with_both_ends():
    x = datasets.make(GRID, 2, 1, "grid").x
    assert x.shape == (10201, 2) and len(np.unique(x, axis=0)) == 10201
    assert x.min() == -np.sqrt(3) and x.max() == np.sqrt(3)
    assert x.std(axis=0) == pytest.approx([1.00995, 1.00995], abs=1e-5)


def test_inputs_are_standard_normal_and_belong_to_the_name_and_the_root_seed():
    first = datasets.make(NORMAL, 4, 1, "a").x
    assert abs(first.mean()) < 5 / np.sqrt(first.size) and first.std() == pytest.approx(1, abs=5 / np.sqrt(2 * first.size))
    assert np.array_equal(first, datasets.make(NORMAL, 4, 1, "a").x)
    assert not np.array_equal(first, datasets.make(NORMAL, 4, 1, "b").x)
    assert not np.array_equal(first, datasets.make(NORMAL, 4, 2, "a").x)


@pytest.mark.parametrize(
    "spec, dimension", [(NORMAL | {"target": "himmelblau"}, 2), (NORMAL | {"inputs": "sobol"}, 2), (NORMAL, 1), (GRID, 3)]
)
def test_what_cannot_be_made_is_refused(spec, dimension):
    with pytest.raises(ValueError, match="name"):
        datasets.make(spec, dimension, 1, "name")
