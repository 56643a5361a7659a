"""Distances of neurons, closest pairs and triplets, groups."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flatchannels.landscape.geometry import closest_pair, closest_triplet, groups, least_triplet_mean

values = st.floats(-10, 10).filter(lambda value: abs(value) > 1e-3)
weights = st.tuples(st.integers(3, 7), st.integers(2, 5)).flatmap(lambda shape: arrays.arrays(float, shape, elements=values))


def cosine_distance(u, v):
    return 1 - u @ v / np.linalg.norm(u) / np.linalg.norm(v)


@settings(max_examples=60, deadline=None)
@given(weights)
def test_closest_pair_and_triplet_are_those_of_brute_force(weights):
    def distance(subset):
        return max(cosine_distance(weights[i], weights[j]) for i, j in combinations(subset, 2))

    for size, function in [(2, closest_pair), (3, closest_triplet)]:
        *found, least = function(weights)
        assert found == sorted(set(found)) and len(found) == size
        assert least == pytest.approx(distance(found), abs=1e-14)
        assert least <= min(map(distance, combinations(range(len(weights)), size))) + 1e-14


@settings(max_examples=60, deadline=None)
@given(weights)
def test_the_mean_of_a_triplet_is_that_of_brute_force(weights):
    def mean(subset):
        return np.mean([cosine_distance(weights[i], weights[j]) for i, j in combinations(subset, 2)])

    assert least_triplet_mean(weights) == pytest.approx(min(map(mean, combinations(range(len(weights)), 3))), abs=1e-14)
    assert least_triplet_mean(weights) <= closest_triplet(weights)[3] + 1e-14


@settings(max_examples=60, deadline=None)
@given(weights, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_distances_do_not_depend_on_order_rotation_or_length(weights, random, length):
    order = random.sample(range(len(weights)), len(weights))
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(weights.shape[1],) * 2))
    *_, distance = closest_pair(weights)
    assert closest_pair(weights[order])[2] == pytest.approx(distance, abs=1e-14)
    assert closest_pair(weights @ rotation)[2] == pytest.approx(distance, abs=1e-14)
    assert closest_pair(weights * length)[2] == pytest.approx(distance, abs=1e-14)
    assert 0 <= distance <= 2


def test_small_angles_keep_their_digits():
    for angle in [1e-2, 1e-5, 1e-8, 1e-11]:
        weights = np.array([[1.0, 0.0], [3 * np.cos(angle), 3 * np.sin(angle)], [0.0, -1.0]])
        assert closest_pair(weights) == (0, 1, pytest.approx(2 * np.sin(angle / 2) ** 2, rel=1e-4))


@pytest.mark.parametrize(
    "bad, expected",
    [
        ([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]], "neuron 1"),
        ([[1.0, 0.0], [0.0, 1.0], [np.nan, 1.0]], "neuron 2"),
        ([[1.0, 0.0]], "at least"),
        ([1.0, 0.0, 1.0], "at least"),
    ],
)
def test_neurons_without_direction_or_company_are_refused(bad, expected):
    for function in [closest_pair, closest_triplet]:
        with pytest.raises(ValueError, match=expected):
            function(np.array(bad))


def test_links_chain_into_groups():
    angles = np.array([0.0, 0.1, 0.2, 2.0, 4.0, 4.05])  # 1 − cos 0.1 = 0.005, 1 − cos 0.2 = 0.02
    weights = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 7)[:, None]
    assert groups(weights) == [[0, 1, 2], [4, 5]]
    assert groups(weights[[2, 4, 3, 0, 5, 1]]) == [[0, 3, 5], [1, 4]]
    assert groups(weights[[0, 2, 3, 4]]) == []
    assert groups(np.zeros((3, 2))) == []


@settings(max_examples=60, deadline=None)
@given(weights)
def test_groups_are_disjoint_and_separated(weights):
    found = groups(weights, 0.3)
    members = [neuron for group in found for neuron in group]
    assert len(members) == len(set(members)) and all(len(group) > 1 for group in found)
    of = {neuron: number for number, group in enumerate(found) for neuron in group}
    for i, j in combinations(range(len(weights)), 2):
        if cosine_distance(weights[i], weights[j]) < 0.3 - 1e-12:
            assert of[i] == of[j]
