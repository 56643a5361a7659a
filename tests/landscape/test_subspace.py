"""The channel subspace holds what moves along a planted channel, and nothing else."""

import numpy as np
import pytest
from planted_channels import GROUPS, NETWORKS, planted

from flatchannels.landscape.geometry import groups
from flatchannels.landscape.subspace import channel_basis, mean_basis
from flatchannels.landscape.updates import current_ratios, update_ratios


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


# The reading of the original's code


def members(theta, layers):
    return [groups(theta[layer.rows]) for layer in layers]


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
def test_the_basis_of_means_is_orthonormal_and_holds_outputs_and_all_rows_along_the_means(inputs, widths, bias):
    theta, layers = planted(inputs, widths, bias, GROUPS[widths])
    basis = mean_basis(theta, layers, members(theta, layers))
    assert np.allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    for layer, found in zip(layers, members(theta, layers), strict=True):
        for group in found:
            for neuron in range(len(layer.rows)):
                along = np.zeros_like(theta)
                along[layer.rows[neuron]] = theta[layer.rows[group]].mean(axis=0)
                assert np.allclose(basis @ (basis.T @ along), along)
            along = np.zeros_like(theta)
            along[layer.columns[group]] = 1.0
            assert np.allclose(basis @ (basis.T @ along), along)


def test_the_dimension_counts_outputs_of_groups_and_one_direction_per_group_and_neuron():
    theta, layers = planted(5, (4,), True, GROUPS[(4,)])
    assert mean_basis(theta, layers, members(theta, layers)).shape[1] == 2 + 4
    theta, layers = planted(5, (4,), True, {0: [[0, 1], [2, 3]]})
    assert mean_basis(theta, layers, members(theta, layers)).shape[1] == 4 + 4 * 2
    theta, layers = planted(5, (4,), True, {})
    assert mean_basis(theta, layers, members(theta, layers)).shape == (theta.size, 0)


def test_ratios_at_the_current_point_follow_a_turning_mean():
    theta, layers = planted(2, (3,), False, {0: [[0, 1]]}, epsilon=0.0)
    found, (rows, _) = members(theta, layers), layers[0]
    points = np.tile(theta, (40, 1))
    for k, point in enumerate(points):
        angle = 0.05 * k
        point[rows[:2]] = np.exp(0.3 * k) * np.array([np.cos(angle), np.sin(angle)])  # a spiral, with updates at a fixed angle to w
    ratios = current_ratios(points, lambda point: mean_basis(point, layers, found))
    growth = np.exp(0.3) * np.exp(0.05j) - 1
    assert ratios == pytest.approx(np.full(39, abs(growth.real / growth)), rel=1e-9)
    fixed = update_ratios(points, mean_basis(points[-1], layers, found))
    assert fixed.min() < 0.5 < ratios.min()
    assert current_ratios(points[:1], lambda point: mean_basis(point, layers, found)).shape == (0,)
