"""Pairs of close rows: in wide layers what matters of all pairs is among those of near neighbours."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from flatchannels.inspection import neighbours
from flatchannels.inspection.neighbours import close_pairs
from flatchannels.inspection.structure import layer_structure


def planted(k, count=400, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = random.normal(size=(count, k)), 0.3 * random.normal(size=(count, 2))
    rows[5], rows[17], rows[300] = rows[2] + 1e-3, -rows[11] + 1e-5, rows[7]
    columns[[2, 5]], columns[[11, 17]] = [[400.0, 300.0], [-399.5, -300.5]], [[3e4, 1e4], [3e4, 1e4]]
    rows[350:390] = rows[1]
    return rows, columns


def test_distances_are_those_of_the_rows_and_their_mirror_images():
    rows, _ = planted(3, 20 + 380)
    pairs, lengths = close_pairs(rows), np.linalg.norm(rows, axis=1)
    mean = (lengths[pairs.first] + lengths[pairs.second]) / 2
    assert np.allclose(pairs.plain * mean, pdist(rows), atol=1e-14)
    mirrored = np.linalg.norm(rows[pairs.first] + rows[pairs.second], axis=1)
    assert np.allclose(pairs.mirrored * mean, mirrored, rtol=1e-9, atol=1e-15)
    products = (rows[pairs.first] * rows[pairs.second]).sum(axis=1) / (lengths[pairs.first] * lengths[pairs.second])
    assert np.allclose(pairs.cosine, products, atol=1e-13)


@pytest.mark.parametrize("k", [2, 5, 9, 40])
def test_near_neighbours_are_the_nearest_of_all_pairs(monkeypatch, k):
    rows, _ = planted(k)
    everything = close_pairs(rows)
    monkeypatch.setattr(neighbours, "WIDE_LAYER", 0)
    monkeypatch.setattr(neighbours, "PRODUCTS_AT_ONCE", 3000)
    near = close_pairs(rows)
    kept = {
        pair: (plain, mirrored)
        for *pair, plain, mirrored in zip(near.first, near.second, near.plain, near.mirrored)
        for pair in [tuple(pair)]
    }
    assert len(kept) == len(near.first) < len(everything.first) and (near.first < near.second).all()
    for distances in (everything.plain, everything.mirrored):
        # So close that each has the other among its nearest: there are fewer than 16 of those. Copies of row 1 are left out.
        close = np.flatnonzero((distances < 0.02) & (everything.first != 1) & (everything.second < 350))
        assert all((everything.first[n], everything.second[n]) in kept for n in close)
    for n, pair in enumerate(zip(everything.first, everything.second)):
        if pair in kept:
            assert kept[pair] == pytest.approx((everything.plain[n], everything.mirrored[n]), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("k", [4, 9, 40])
def test_wide_layers_have_the_structure_that_all_pairs_show(monkeypatch, k):
    rows, columns = planted(k)
    whole = layer_structure(1, rows, columns, "tanh")
    monkeypatch.setattr(neighbours, "WIDE_LAYER", 0)
    wide = layer_structure(1, rows, columns, "tanh")
    copies = [*((1, n) for n in range(350, 390)), (7, 300)]
    assert sorted(wide.duplicates) == sorted(whole.duplicates) == copies
    assert [group.neurons for group in wide.groups] == [group.neurons for group in whole.groups] == [(2, 5), (11, 17)]
