"""Pairs, groups, the channel subspace, the paper's criteria and the coordinates along a channel."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.landscape import channels
from flatchannels.networks.network import weight_norm

NETWORKS = [(2, (4,), False), (3, (4,), True), (2, (4, 4), True), (4, (4, 3, 5), True)]  # inputs, widths, bias

values = st.floats(-10, 10).filter(lambda value: abs(value) > 1e-3)
weights = st.tuples(st.integers(3, 7), st.integers(2, 5)).flatmap(lambda shape: arrays.arrays(float, shape, elements=values))


def cosine_distance(u, v):
    return 1 - u @ v / np.linalg.norm(u) / np.linalg.norm(v)


def parameters(inputs, widths, bias):
    return Network(inputs, widths, "g", bias).parameters


def planted(inputs, widths, bias, neurons, epsilon=1e-3, seed=0):
    """Random θ with channels: neurons {layer: [group, …]} get parallel inputs up to epsilon, and outputs of opposite signs.

    The outputs do not grow with 1/epsilon: two weights that dominate the rows of the layer above would make these parallel.
    """
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=parameters(inputs, widths, bias))
    layers = channels.hidden_layers(inputs, widths, bias)
    for number, found in neurons.items():
        for group in found:
            rows, columns = layers[number].rows[group], layers[number].columns[group]
            theta[rows] = theta[rows[0]] + epsilon * rng.normal(size=rows.shape)
            theta[columns] += 4 * (-1.0) ** np.arange(len(group))[:, None] * rng.normal(size=columns.shape[1])
    return theta, layers


# Distances


@settings(max_examples=60, deadline=None)
@given(weights)
def test_closest_pair_and_triplet_are_those_of_brute_force(weights):
    def distance(subset):
        return max(cosine_distance(weights[i], weights[j]) for i, j in combinations(subset, 2))

    for size, function in [(2, channels.closest_pair), (3, channels.closest_triplet)]:
        *found, least = function(weights)
        assert found == sorted(set(found)) and len(found) == size
        assert least == pytest.approx(distance(found), abs=1e-14)
        assert least <= min(map(distance, combinations(range(len(weights)), size))) + 1e-14


@settings(max_examples=60, deadline=None)
@given(weights, st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
def test_distances_do_not_depend_on_order_rotation_or_length(weights, random, length):
    order = random.sample(range(len(weights)), len(weights))
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(weights.shape[1],) * 2))
    *_, distance = channels.closest_pair(weights)
    assert channels.closest_pair(weights[order])[2] == pytest.approx(distance, abs=1e-14)
    assert channels.closest_pair(weights @ rotation)[2] == pytest.approx(distance, abs=1e-14)
    assert channels.closest_pair(weights * length)[2] == pytest.approx(distance, abs=1e-14)
    assert 0 <= distance <= 2


def test_small_angles_keep_their_digits():
    for angle in [1e-2, 1e-5, 1e-8, 1e-11]:
        weights = np.array([[1.0, 0.0], [3 * np.cos(angle), 3 * np.sin(angle)], [0.0, -1.0]])
        assert channels.closest_pair(weights) == (0, 1, pytest.approx(2 * np.sin(angle / 2) ** 2, rel=1e-4))


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
    for function in [channels.closest_pair, channels.closest_triplet]:
        with pytest.raises(ValueError, match=expected):
            function(np.array(bad))


# Groups


def test_links_chain_into_groups():
    angles = np.array([0.0, 0.1, 0.2, 2.0, 4.0, 4.05])  # 1 − cos 0.1 = 0.005, 1 − cos 0.2 = 0.02
    weights = np.stack([np.cos(angles), np.sin(angles)], axis=1) * np.arange(1, 7)[:, None]
    assert channels.groups(weights) == [[0, 1, 2], [4, 5]]
    assert channels.groups(weights[[2, 4, 3, 0, 5, 1]]) == [[0, 3, 5], [1, 4]]
    assert channels.groups(weights[[0, 2, 3, 4]]) == []
    assert channels.groups(np.zeros((3, 2))) == []


@settings(max_examples=60, deadline=None)
@given(weights)
def test_groups_are_disjoint_and_separated(weights):
    found = channels.groups(weights, 0.3)
    members = [neuron for group in found for neuron in group]
    assert len(members) == len(set(members)) and all(len(group) > 1 for group in found)
    of = {neuron: number for number, group in enumerate(found) for neuron in group}
    for i, j in combinations(range(len(weights)), 2):
        if cosine_distance(weights[i], weights[j]) < 0.3 - 1e-12:
            assert of[i] == of[j]


# The layout of θ


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
def test_rows_and_columns_are_those_of_the_network(inputs, widths, bias):
    net = Network(inputs, widths, "g", bias)
    theta = np.arange(float(net.parameters))
    matrices = net.matrices(theta)
    layers = channels.hidden_layers(inputs, widths, bias)
    assert len(layers) == len(widths)
    for layer, own, above in zip(layers, matrices[:-1], matrices[1:], strict=True):
        assert np.array_equal(theta[layer.rows], own)
        assert np.array_equal(theta[layer.columns].T, above[:, : len(own)])


# The subspace

GROUPS = {(4,): {0: [[0, 2]]}, (4, 4): {0: [[1, 3]], 1: [[0, 1, 2]]}, (4, 3, 5): {0: [[0, 1], [2, 3]], 1: [[0, 2]], 2: [[1, 4]]}}


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
def test_the_projector_is_idempotent_and_symmetric(inputs, widths, bias):
    theta, layers = planted(inputs, widths, bias, GROUPS[widths])
    basis = channels.channel_basis(theta, layers)
    assert np.allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
    projector = basis @ basis.T
    assert np.allclose(projector @ projector, projector, atol=1e-12) and np.array_equal(projector, projector.T)


def test_one_pair_spans_its_outputs_and_two_directions_of_each_input():
    theta, layers = planted(5, (4,), True, GROUPS[(4,)])
    assert channels.channel_basis(theta, layers).shape[1] == 2 + 2 * 2
    theta[layers[0].rows[2]] = theta[layers[0].rows[0]]  # duplicates span one direction
    assert channels.channel_basis(theta, layers).shape[1] == 2 + 2 * 1
    theta, layers = planted(5, (4,), True, {0: [[0, 1, 3]]})
    assert channels.channel_basis(theta, layers).shape[1] == 3 + 3 * 3
    theta, layers = planted(5, (4,), True, {})
    assert channels.channel_basis(theta, layers).shape == (theta.size, 0)


@pytest.mark.parametrize("inputs, widths, bias", NETWORKS)
@pytest.mark.parametrize("epsilon", [1e-2, 1e-5])
def test_planted_updates_lie_in_the_subspace_or_outside_it(inputs, widths, bias, epsilon):
    theta, layers = planted(inputs, widths, bias, GROUPS[widths], epsilon)
    basis = channels.channel_basis(theta, layers)
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
    assert channels.update_ratios(points, basis)[:3] == pytest.approx([1, 0, 0.6], abs=1e-8)
    assert np.isnan(channels.update_ratios(points, basis)[3])


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 99))
def test_the_analysis_does_not_depend_on_the_order_of_the_neurons(order, seed):
    net = Network(3, (4, 4), "g", True)
    theta, layers = planted(3, (4, 4), True, GROUPS[(4, 4)], seed=seed)
    trajectory = theta + np.random.default_rng(seed).normal(size=(80, theta.size)).cumsum(axis=0)[::-1]

    def permuted(theta):
        (V, b), (W, c), (A, d) = net.unpack(theta)
        return net.pack([(V[order], b[order]), (W[:, order], c), (A, d)])

    order = np.array(order)
    one = channels.analyse(theta, trajectory, 3, (4, 4), True, maxnorm=1e9)
    other = channels.analyse(permuted(theta), np.array([permuted(point) for point in trajectory]), 3, (4, 4), True, maxnorm=1e9)
    assert np.allclose(one.ratios, other.ratios, rtol=1e-8, equal_nan=True)
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        for name in ["cosine", "distance", "nearest", "strength", "sign", "triplet_cosine", "triplet_distance", "dimension"]:
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9), name


# The criteria


def along_a_channel(theta, layers, groups, samples=120, first=None):
    """A trajectory into θ that shrinks the output weights of the groups, the further back the more."""
    trajectory = np.tile(theta, (samples, 1))
    for number, found in groups.items():
        for group in found:
            trajectory[:, layers[number].columns[group]] *= np.linspace(0.5, 1 - 1e-3, samples)[:, None, None]
    if first is not None:
        trajectory[0] = trajectory[1] + first
    return trajectory


def verdict(theta, trajectory, network, maxnorm=None):
    """The analysis with a wall that lies between the last point of `along_a_channel` and its end θ, unless told otherwise."""
    return channels.analyse(theta, trajectory, *network, maxnorm=maxnorm or 0.9999 * weight_norm(theta))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_a_planted_channel_is_found_with_its_pair_sign_and_dimension(network):
    found = GROUPS[network[1]]
    theta, layers = planted(*network, found, epsilon=2e-4)
    run = verdict(theta, along_a_channel(theta, layers, found), network)
    assert run.in_channel and run.late_ratio == pytest.approx(1)
    assert run.channel_layers == tuple(number + 1 for number in found)
    for number, groups in found.items():
        layer = run.layers[number]
        assert layer.parallel and list(layer.pair) in [list(pair) for group in groups for pair in combinations(group, 2)]
        assert [list(group) for group in layer.groups] == groups
        assert layer.dimension == sum(len(group) - 1 for group in groups)
        i, j = layer.pair
        inputs, outputs = theta[layers[number].rows], theta[layers[number].columns]
        assert layer.strength == pytest.approx(np.linalg.norm(outputs[i]) + np.linalg.norm(outputs[j]))
        assert layer.sign == np.sign(outputs[i] @ outputs[j])
        assert layer.distance == pytest.approx(np.linalg.norm(inputs[i] - inputs[j])) and layer.nearest <= layer.distance


def test_each_condition_is_needed():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    trajectory = along_a_channel(theta, layers, found)
    assert verdict(theta, trajectory, network).in_channel
    within = verdict(theta, trajectory, network, maxnorm=1e9)
    assert (within.infinite, within.parallel, within.aligned) == (False, True, True) and not within.in_channel
    moved = trajectory.copy()
    moved[:, layers[0].rows[1]] += np.linspace(0, 1e6, len(moved))[:, None]
    elsewhere = verdict(theta, moved * 1e-3, network)
    assert (elsewhere.parallel, elsewhere.aligned) == (True, False) and not elsewhere.in_channel
    theta[layers[0].rows[0]] = -theta[layers[0].rows[2]]
    apart = verdict(theta, trajectory, network)
    assert apart.infinite and not apart.parallel and not apart.in_channel


def test_the_first_update_and_the_mean_of_the_last_51():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    across = np.zeros_like(theta)
    across[layers[0].rows[1]] = 1e5
    run = verdict(theta, along_a_channel(theta, layers, found, first=across), network)
    assert run.first_ratio < 0.1 and run.late_ratio == pytest.approx(1) and run.ratios.shape == (119,)
    assert run.late_ratio == pytest.approx(run.ratios[-51:].mean())
    short = verdict(theta, along_a_channel(theta, layers, found, samples=5, first=across), network)
    assert short.late_ratio == pytest.approx(short.ratios.mean())


def test_updates_on_the_wall_do_not_count():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    trajectory = along_a_channel(theta, layers, found)
    maxnorm = weight_norm(trajectory[-1]) * 1.001
    slide = np.tile(theta, (40, 1))
    slide[:, layers[0].rows[1]] += np.arange(40.0)[:, None]  # across the channel
    slide *= np.sqrt(maxnorm * 2 * theta.size / (slide**2).sum(axis=1))[:, None]
    long = np.concatenate([trajectory, slide, np.full((7, theta.size), np.nan)])
    assert np.array_equal(channels.inside_the_wall(long, maxnorm), trajectory)
    run = verdict(slide[-1], long, network, maxnorm=maxnorm * (1 - 1e-12))
    assert run.in_channel and run.late_ratio == pytest.approx(1)


def test_without_a_group_there_is_nothing_to_project_on():
    theta, _ = planted(5, (4,), True, {})
    trajectory = theta + np.linspace(1, 0, 60)[:, None]
    run = verdict(theta, trajectory, (5, (4,), True))
    assert run.subspace == 0 and np.isnan(run.ratios).all() and np.isnan(run.late_ratio) and not run.in_channel
    one = verdict(theta[:8], trajectory[:, :8], (5, (1,), True))
    assert one.layers[0].pair == () and np.isnan(one.layers[0].cosine) and not one.in_channel


def test_dead_neurons_do_not_hide_the_others_and_failed_runs_have_no_verdict():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    theta[layers[0].rows[1]] = 0
    run = verdict(theta, along_a_channel(theta, layers, found), network)
    assert run.in_channel and run.layers[0].pair == (0, 2) and set(run.layers[0].triplet) == {0, 2, 3}
    failed = verdict(np.full_like(theta, np.nan), np.full((9, theta.size), np.nan), network)
    assert not failed.in_channel and failed.layers[0].pair == () and np.isnan(failed.first_ratio)


def test_output_weights_of_a_channel_hold_most_of_the_norm():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found)
    shares = []
    for scale in [1, 10, 1000]:
        scaled = theta.copy()
        scaled[layers[0].columns[[0, 2]]] *= scale
        layer = verdict(scaled, scaled[None], network).layers[0]
        assert layer.output_share == pytest.approx((scaled[layers[0].columns[[0, 2]]] ** 2).sum() / (scaled @ scaled))
        shares.append(layer.output_share)
    assert shares == sorted(shares) and shares[-1] > 0.999 and layer.diverging
    assert layer.relative == pytest.approx(layer.distance / np.linalg.norm(theta[layers[0].rows[0]]), rel=0.01)


def test_weights_that_diverge_make_the_layer_above_look_parallel_but_not_diverging():
    """One strong neuron below, as with b → −∞, dominates all rows above; the outputs of these stay as they were."""
    network = (3, (4, 4), True)
    theta, layers = planted(*network, {})
    theta[layers[0].columns[1]] = [300.0, 200.0, 400.0, -250.0]
    run = verdict(theta, np.stack([theta * 0.5, theta * 0.9]), network)
    assert run.infinite and run.layers[1].parallel and run.layers[1].groups == ((0, 1, 2),)
    assert run.layers[1].output_share < 1e-3 and not run.layers[1].diverging and run.layers[1].relative > 0.1


def test_rows_of_a_block_have_one_line_per_run_and_layer():
    network, found = (2, (4, 4), True), GROUPS[(4, 4)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    trajectory = along_a_channel(theta, layers, found)
    nothing = np.full_like(theta, np.nan)
    block = {"seed": np.array([3, 4]), "theta": np.stack([theta, nothing]), "theta_initial": np.stack([trajectory[0] - 1, nothing]),
             "trajectory_theta": np.stack([trajectory, np.full_like(trajectory, np.nan)])}  # fmt: skip
    meta = {"inputs": 2, "widths": [4, 4], "bias": True, "training": {"maxnorm": 0.9999 * weight_norm(theta)}}
    rows = channels.layer_rows(meta, block)
    assert [(row["seed"], row["layer"], row["channel"]) for row in rows] == [(3, 1, True), (3, 2, True), (4, 1, False), (4, 2, False)]
    assert [row["groups"] for row in rows] == ["2", "3", "", ""] and [row["dimension"] for row in rows] == [1, 2, 0, 0]
    assert rows[0]["channel_layers"] == "1+2" and rows[2]["channel_layers"] == ""
    assert rows[0]["first_ratio"] < 0.9 < rows[0]["late_ratio"]


def test_runs_that_go_to_infinity_fulfil_the_criteria_and_their_first_updates_do_not():
    data = make({"target": "rosenbrock", "inputs": "grid", "points": 21}, 2, 1, "coarse")
    net = Network(2, (4,), "softplus", True)
    found = []
    for seed in [0, 2, 6]:
        run = train(net, data, seed=seed)
        found.append(channels.analyse(run.theta, run.flow.theta, 2, (4,), True, 1e3, run.theta_initial))
    inside = [run for run in found if run.in_channel]
    assert len(inside) >= 2
    for run in inside:
        assert run.late_ratio > 0.99 and run.first_ratio < 0.9
        assert run.layers[0].sign == -1 and run.layers[0].strength > 100 and run.layers[0].dimension == 1


# Coordinates


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 3), st.floats(1e-6, 10))
def test_channel_coordinates_and_back(seed, size, outputs, distance):
    rng = np.random.default_rng(seed)
    w, step = rng.normal(size=(2, size))
    a_i, a_j = rng.normal(size=(2, outputs)) if outputs else rng.normal(size=2)
    pair = channels.to_channel(w + distance * step, w - distance * step, a_i, a_j)
    assert np.linalg.norm(pair.direction) == pytest.approx(1) and pair.epsilon == pytest.approx(distance * np.linalg.norm(step), rel=1e-8)
    back = channels.from_channel(pair)
    for ours, theirs in zip(back, (w + distance * step, w - distance * step, a_i, a_j), strict=True):
        assert np.allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    again = channels.to_channel(*back)
    assert all(np.allclose(ours, theirs, rtol=1e-7, atol=1e-9) for ours, theirs in zip(pair, again, strict=True))


def test_exchanging_the_neurons_reverses_direction_and_a():
    one = channels.to_channel([1.0, 2.0], [3.0, 0.0], 5.0, -4.0)
    other = channels.to_channel([3.0, 0.0], [1.0, 2.0], -4.0, 5.0)
    assert np.array_equal(one.w, other.w) and one.epsilon == other.epsilon and one.c == other.c
    assert np.array_equal(one.direction, -other.direction) and one.a == -other.a


def test_the_limit_is_a_gated_linear_unit_reached_with_the_square_of_epsilon():
    net = Network(3, (2,), "softplus", True)
    x = np.random.default_rng(0).normal(size=(200, 3))
    w, direction = np.array([0.3, -0.8, 0.5, 0.2]), np.array([0.6, 0.0, -0.8, 0.0])
    extended = np.column_stack([x, np.ones(len(x))])
    z = extended @ w
    limit = 0.7 * np.log1p(np.exp(z)) + 1.5 * (extended @ direction) / (1 + np.exp(-z))
    errors = []
    for epsilon in [1e-2, 1e-3]:
        w_i, w_j, a_i, a_j = channels.from_channel(channels.Pair(w, epsilon, direction, 1.5, 0.7))
        theta = np.concatenate([w_i, w_j, [a_i, a_j, 0.0]])
        errors.append(abs(net.predict(theta, x) - limit).max())
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.02)


def test_equal_neurons_and_infinite_weights_have_no_coordinates():
    with pytest.raises(ValueError, match="undefined"):
        channels.to_channel([1.0, 2.0], [1.0, 2.0], 1.0, 2.0)
    with pytest.raises(ValueError, match="positive"):
        channels.from_channel(channels.Pair(np.ones(2), 0.0, np.ones(2), 1.0, 1.0))
