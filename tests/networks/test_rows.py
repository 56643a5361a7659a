"""The loops over rows of the workspace, for every number of rows: each is its definition, and touches nothing else."""

import numpy as np
import pytest

from flatchannels.networks import rows as loops
from flatchannels.networks.blocks import SAMPLES_PER_BLOCK, aligned

ROWS = 60
COUNTS = range(1, 10)


def example(seed=0):
    rows = aligned((ROWS, SAMPLES_PER_BLOCK))
    rows[:] = np.random.default_rng(seed).normal(size=rows.shape)
    return rows


def same(found, expected):
    """Equal but for rounding."""
    return np.allclose(found, expected, rtol=1e-13, atol=1e-12)


def others_unchanged(rows, targets):
    kept = np.setdiff1d(np.arange(ROWS), targets)
    return np.array_equal(rows[kept], example()[kept])


@pytest.mark.parametrize("lefts", COUNTS)
def test_contractions_add_the_products_of_all_pairs_of_rows(lefts):
    for rights in COUNTS:
        rows, out = example(), np.full((lefts + 2, rights + 3), 7.0)
        loops.contract(rows, 3, lefts, 20, rights, out, 1, 2)
        expected = np.full_like(out, 7.0)
        expected[1:-1, 2:-1] += rows[3 : 3 + lefts] @ rows[20 : 20 + rights].T
        assert same(out, expected) and np.array_equal(out == 7, expected == 7)
        assert others_unchanged(rows, [])


def test_a_row_contracted_with_itself_gives_its_square_whatever_the_tile():
    rows = example()
    out = np.zeros((9, 9))
    loops.contract(rows, 0, 9, 0, 9, out, 0, 0)
    assert same(np.diag(out), (rows[:9] ** 2).sum(axis=1))
    assert same(out, out.T)


@pytest.mark.parametrize("targets", COUNTS)
def test_combinations_apply_a_matrix_and_its_transpose(targets):
    for sources in COUNTS:
        matrix = np.random.default_rng(1).normal(size=(targets, sources))
        rows = example()
        loops.combine(np.append(0.0, matrix), 1, sources, 1, rows, 2, 3, sources, 40, targets)
        assert same(rows[40 : 40 + targets], matrix @ rows[2 : 2 + 3 * sources : 3])
        assert others_unchanged(rows, range(40, 40 + targets))
        loops.combine(matrix.T.ravel(), 0, 1, targets, rows, 2, 1, sources, 40, targets)
        assert same(rows[40 : 40 + targets], matrix @ rows[2 : 2 + sources])


@pytest.mark.parametrize("targets", COUNTS)
def test_scaled_combinations_multiply_each_row_by_one_of_its_own(targets):
    matrix, rows = np.random.default_rng(1).normal(size=(targets, 3)), example()
    loops.combine_scaled(matrix.ravel(), 0, 3, 1, rows, 5, 2, 3, 20, 30, 3, targets)
    where = 30 + 3 * np.arange(targets)
    assert same(rows[where], (matrix @ rows[5:11:2]) * rows[20 : 20 + targets])
    assert others_unchanged(rows, where)


@pytest.mark.parametrize("count", COUNTS)
def test_products_and_sums_of_rows(count):
    rows, some = example(), slice(40, 40 + count)
    loops.multiply(rows, 0, 1, 20, 40, count)
    assert np.array_equal(rows[some], rows[:count] * rows[20 : 20 + count]) and others_unchanged(rows, range(40, 40 + count))
    loops.multiply(rows, 5, 0, 20, 40, count)
    assert np.array_equal(rows[some], rows[5] * rows[20 : 20 + count])
    loops.add_products(rows, 1, 10, 2, 20, 40, count)
    assert same(rows[some], rows[1] * rows[10 : 10 + count] + rows[2] * rows[20 : 20 + count])
    before = rows[some].copy()
    loops.multiply(rows, 0, 1, 40, 40, count)  # in place
    assert np.array_equal(rows[some], before * rows[:count]) and others_unchanged(rows, range(40, 40 + count))
    loops.multiply_add(rows, 3, 4, 51)
    assert same(rows[51], example()[51] + rows[3] * rows[4])
    loops.add(rows, 3, 50)
    assert np.array_equal(rows[50], example()[50] + rows[3])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_survives_the_sums(value):
    rows, out = example(), np.zeros((6, 7))
    rows[3, 17] = value
    loops.contract(rows, 0, 6, 10, 7, out, 0, 0)
    assert not np.isfinite(out[3]).any() and np.isfinite(np.delete(out, 3, axis=0)).all()
    loops.combine(np.ones(6), 0, 6, 1, rows, 0, 1, 6, 40, 1)
    assert not np.isfinite(rows[40, 17]) and np.isfinite(np.delete(rows[40], 17)).all()
