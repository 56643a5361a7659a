"""The channel subspace holds what moves along a planted channel, and nothing else."""

import numpy as np
import pytest
from planted import GROUPS, NETWORKS, planted

from flatchannels.landscape.subspace import channel_basis
from flatchannels.landscape.updates import update_ratios


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
def test_the_projector_is_idempotent_and_symmetric(inputs, widths, bias):
    theta, layers = planted(inputs, widths, bias, GROUPS[widths])
    basis = channel_basis(theta, layers)
    assert np.allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    projector = basis @ basis.T
    assert np.allclose(projector @ projector, projector, atol=1e-12) and np.array_equal(projector, projector.T)


def test_one_pair_spans_its_outputs_and_two_directions_of_each_input():
    theta, layers = planted(5, (4,), True, GROUPS[(4,)])
    assert channel_basis(theta, layers).shape[1] == 2 + 2 * 2
    theta[layers[0].rows[2]] = theta[layers[0].rows[0]]  # duplicates span one direction
    assert channel_basis(theta, layers).shape[1] == 2 + 2 * 1
    theta, layers = planted(5, (4,), True, {0: [[0, 1, 3]]})
    assert channel_basis(theta, layers).shape[1] == 3 + 3 * 3
    theta, layers = planted(5, (4,), True, {})
    assert channel_basis(theta, layers).shape == (theta.size, 0)


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
@pytest.mark.parametrize("epsilon", [1e-2, 1e-5])
def test_planted_updates_lie_in_the_subspace_or_outside_it(inputs, widths, bias, epsilon):
    theta, layers = planted(inputs, widths, bias, GROUPS[widths], epsilon)
    basis = channel_basis(theta, layers)
    along, across = np.zeros_like(theta), np.random.default_rng(1).normal(size=theta.size)
    for number, found in GROUPS[widths].items():
        rows, columns = layers[number]
        for group in found:
            i, j = group[:2]
            direction = theta[rows[i]] - theta[rows[j]]
            direction /= np.linalg.norm(direction)
            along[rows[i]] += direction
            along[rows[j]] -= direction
            along[columns[i]] += 3
            along[columns[j]] -= 2
    across -= basis @ (basis.T @ across)
    points = np.cumsum([theta, along, across, 3 * along + 4 * across * np.linalg.norm(along) / np.linalg.norm(across), 0 * theta], axis=0)
    assert update_ratios(points, basis)[:3] == pytest.approx([1, 0, 0.6], abs=1e-8)
    assert np.isnan(update_ratios(points, basis)[3])
