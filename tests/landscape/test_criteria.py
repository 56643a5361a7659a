"""The paper's criteria: planted channels are found, each condition is needed, and runs to infinity fulfil them."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_channels import GROUPS, NETWORKS, planted

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.landscape.criteria import analyse, layer_rows
from flatchannels.landscape.updates import inside_the_wall
from flatchannels.networks.layout import Layout
from flatchannels.networks.norm import weight_norm


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
    one = analyse(theta, trajectory, net.layout, maxnorm=1e9)
    other = analyse(permuted(theta), np.array([permuted(point) for point in trajectory]), net.layout, maxnorm=1e9)
    assert np.allclose(one.ratios, other.ratios, rtol=1e-8, equal_nan=True)
    for ours, theirs in zip(one.layers, other.layers, strict=True):
        for name in ["cosine", "distance", "nearest", "strength", "sign", "triplet_cosine", "triplet_distance", "dimension"]:
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9), name


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
    return analyse(theta, trajectory, Layout(*network), maxnorm=maxnorm or 0.9999 * weight_norm(theta))


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
    across[layers[0].rows[1]] = 1e5 * np.linalg.svd(theta[layers[0].rows[[0, 2]]])[2][-1]  # of another neuron, at right angles to the pair
    run = verdict(theta, along_a_channel(theta, layers, found, first=across), network)
    assert run.first_ratio < 0.1 and run.late_ratio == pytest.approx(1) and run.ratios.shape == (119,)
    assert run.first_ratio_span == run.ratios[0] and run.late_ratio_span == pytest.approx(run.ratios[-51:].mean())
    short = verdict(theta, along_a_channel(theta, layers, found, samples=5, first=across), network)
    assert short.late_ratio_span == pytest.approx(short.ratios.mean()) and short.late_ratio == pytest.approx((run.first_ratio + 3) / 4)


def test_updates_on_the_wall_do_not_count():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    trajectory = along_a_channel(theta, layers, found)
    maxnorm = weight_norm(trajectory[-1]) * 1.001
    slide = np.tile(theta, (40, 1))
    slide[:, layers[0].rows[1]] += np.arange(40.0)[:, None]  # across the channel
    slide *= np.sqrt(maxnorm * 2 * theta.size / (slide**2).sum(axis=1))[:, None]
    long = np.concatenate([trajectory, slide, np.full((7, theta.size), np.nan)])
    assert np.array_equal(inside_the_wall(long, maxnorm), trajectory)
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
    nothing, first = np.full_like(theta, np.nan), trajectory[0] + np.random.default_rng(1).normal(size=theta.size)
    block = {"seed": np.array([3, 4]), "theta": np.stack([theta, nothing]), "theta_initial": np.stack([first, nothing]),
             "trajectory_theta": np.stack([trajectory, np.full_like(trajectory, np.nan)])}  # fmt: skip
    meta = {"inputs": 2, "widths": [4, 4], "bias": True, "activation": "softplus", "training": {"maxnorm": 0.9999 * weight_norm(theta)}}
    rows = layer_rows(meta, block)
    assert [(row["seed"], row["layer"], row["channel"]) for row in rows] == [(3, 1, True), (3, 2, True), (4, 1, False), (4, 2, False)]
    assert [row["groups"] for row in rows] == ["2", "3", "", ""] and [row["dimension"] for row in rows] == [1, 2, 0, 0]
    assert rows[0]["channel_layers"] == "1+2" and rows[2]["channel_layers"] == ""
    assert rows[0]["first_ratio"] < 0.9 < rows[0]["late_ratio"]
    assert all(rows[0][key] and not rows[2][key] for key in ["channel", "channel_span", "channel_pair", "channel_turned"])


def test_the_readings_of_the_third_condition_differ_by_what_they_project():
    """Another neuron may move along the mean weights of the pair; the pair itself may move apart."""
    network = (5, (4,), True)
    theta, layers = planted(*network, GROUPS[(4,)], epsilon=2e-4)
    theta *= 10
    rows = layers[0].rows
    mean = theta[rows[[0, 2]]].mean(axis=0)
    difference = theta[rows[0]] - theta[rows[2]]
    difference -= mean * (mean @ difference) / (mean @ mean)
    elsewhere, apart = np.zeros_like(theta), np.zeros_like(theta)
    elsewhere[rows[1]], apart[rows[0]], apart[rows[2]] = mean, difference, -difference
    for step, original, span in [(elsewhere, True, False), (apart, False, True)]:
        step = 1e-6 * step / np.linalg.norm(step)
        trajectory = theta - step * np.arange(60, 0, -1)[:, None]
        run = verdict(1.01 * theta, trajectory, network, maxnorm=1.01 * weight_norm(theta))
        assert (run.infinite, run.parallel, run.aligned, run.aligned_span) == (True, True, original, span)
        assert run.in_channel == original


def test_an_antiparallel_pair_is_one_where_the_activation_has_the_symmetry():
    network, found = (5, (4,), True), GROUPS[(4,)]
    theta, layers = planted(*network, found, epsilon=2e-4)
    trajectory, meta = along_a_channel(theta, layers, found), {"inputs": 5, "widths": [4], "bias": True}
    meta["training"] = {"maxnorm": 0.9999 * weight_norm(theta)}
    signs = np.ones_like(theta)
    signs[layers[0].rows[2]] = signs[layers[0].columns[2]] = -1
    block = {"seed": np.array([1]), "theta": (signs * theta)[None], "theta_initial": (signs * trajectory[0] + 1)[None],
             "trajectory_theta": (signs * trajectory)[None]}  # fmt: skip
    for activation, counted in [("erf", True), ("tanh", True), ("sigmoid", True), ("softplus", False), ("g", False)]:
        [row] = layer_rows(meta | {"activation": activation}, block)
        assert (row["channel"], row["channel_turned"]) == (False, counted)
    parallel = block | {"theta": theta[None], "trajectory_theta": trajectory[None], "theta_initial": trajectory[:1] + 1}
    [row] = layer_rows(meta | {"activation": "erf"}, parallel)
    assert row["channel"] and row["channel_turned"]


def test_runs_that_go_to_infinity_fulfil_the_criteria_and_their_first_updates_do_not():
    data = make({"target": "rosenbrock", "inputs": "grid", "points": 21}, 2, 1, "coarse")
    net = Network(2, (4,), "softplus", True)
    found = []
    for seed in [0, 2, 6]:
        run = train(net, data, seed=seed)
        found.append(analyse(run.theta, run.flow.theta, net.layout, 1e3, run.theta_initial))
    inside = [run for run in found if run.in_channel]
    assert len(inside) >= 2
    for run in inside:
        assert run.late_ratio > 0.99 and run.first_ratio < 0.9
        assert run.layers[0].sign == -1 and run.layers[0].strength > 100 and run.layers[0].dimension == 1
