"""Saddle lines: critical for every γ, and stable as the Fukumizu–Amari matrix says."""

import numpy as np
import pytest
from examples import example, lines, smoothed_example

from flatchannels import Dataset, Network
from flatchannels.landscape.escapes import perturb
from flatchannels.landscape.saddle_lines import (
    Stability,
    distance_to_line,
    fukumizu_amari,
    merge,
    projected_gamma,
    saddle_line,
    split,
    stability,
)
from flatchannels.landscape.spectrum import spectrum_along_line

SMOOTH = ("g", "softplus", "erf", "tanh", "sigmoid")
GAMMAS = (-1e3, -37.0, -1.0, 0.0, 0.3, 0.5, 1.0, 2.0, 1e3)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("gamma", [-7.0, 0.0, 0.3, 1.0, 1e3])
def test_a_split_changes_neither_the_function_nor_the_other_neurons(bias, gamma):
    net, theta, data = example(bias=bias)
    wide, split_theta = split(net, theta, 1, gamma)
    assert wide == Network(2, (4,), "g", bias)
    assert np.allclose(wide.predict(split_theta, data.x), net.predict(theta, data.x), atol=1e-14 * max(1, abs(gamma)))
    (W, b), (a, c) = net.unpack(theta)
    (wide_W, wide_b), (wide_a, wide_c) = wide.unpack(split_theta)
    assert np.array_equal(wide_W, W[[0, 1, 1, 2]]) and np.array_equal(wide_a[0, [0, 3]], a[0, [0, 2]])
    assert np.array_equal(wide_a[0, 1:3], np.array([gamma, 1 - gamma]) * a[0, 1])
    assert (np.array_equal(wide_b, b[[0, 1, 1, 2]]) and wide_c == c) if bias else wide_b is None


@pytest.mark.parametrize("neuron", [0, 1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_merging_undoes_a_split(neuron, bias):
    net, theta, _ = example(bias=bias)
    for gamma in (-7.0, 0.0, 0.3, 5.0):
        for pair in ((neuron, neuron + 1), (neuron + 1, neuron)):
            merged, merged_theta = merge(*split(net, theta, neuron, gamma), *pair)
            assert merged == net and np.allclose(merged_theta, theta, rtol=1e-14, atol=0)


def test_merging_takes_the_mean_input_weights_and_the_summed_output_weights():
    net = Network(1, (3,), "tanh", True)
    theta = net.pack([([[1.0], [2.0], [5.0]], [0.0, 1.0, 4.0]), ([[10.0, 20.0, -30.0]], [7.0])])
    merged, merged_theta = merge(net, theta, 2, 0)
    (W, b), (a, c) = merged.unpack(merged_theta)
    assert W.tolist() == [[3.0], [2.0]] and b.tolist() == [2.0, 1.0] and a.tolist() == [[-20.0, 20.0]] and c == 7.0


def test_smoothed_kinks_are_split_and_merged_with_their_neurons():
    net, theta, data = smoothed_example()
    wide, split_theta = split(net, theta, 1, -0.4)
    assert wide.smoothing == tuple(np.array(net.smoothing)[[0, 1, 1, 2]])
    assert np.allclose(wide.predict(split_theta, data.x), net.predict(theta, data.x), atol=1e-14)
    assert merge(wide, split_theta, 1, 2)[0] == net


def test_the_line_is_where_the_splits_are():
    net, theta, _ = example()
    line = saddle_line(net, theta, 2)
    for gamma in GAMMAS:
        assert np.allclose(line(gamma), split(net, theta, 2, gamma)[1], rtol=1e-15)
    assert np.linalg.norm(line.direction) == pytest.approx(1) and line.pair == (2, 3)
    assert line([0.0, 0.5]).shape == (2, line.net.parameters)
    assert np.count_nonzero(line.direction) == 2 and line.direction @ (line(1.0) - line(0.0)) > 0


def test_every_point_of_the_line_is_critical_and_the_loss_is_constant(networks, data):
    assert len(networks) >= 6
    rng = np.random.default_rng(0)
    for net, theta, _, line in lines(networks):
        loss = net.loss(theta, data)
        for gamma in GAMMAS:
            point = line(gamma)
            value, gradient = line.net.loss_and_gradient(point, data)
            nearby = line.net.gradient(perturb(point, rng.normal(size=point.size), 1e-2), data)
            assert abs(value - loss) < 1e-13 * max(1, abs(gamma)) * loss
            assert np.linalg.norm(gradient) < 1e-9 * np.linalg.norm(nearby)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", SMOOTH)
def test_the_curvature_of_moving_the_halves_apart_is_the_matrix_times_gamma_times_one_minus_gamma(activation, bias):
    net, theta, data = example(activation, bias, residual=1.0)
    assert_curvature_apart(net, theta, data)


def test_the_curvature_of_moving_smoothed_halves_apart():
    # Not at a critical point: the block of the halves' input weights is the same everywhere.
    assert_curvature_apart(*smoothed_example(), critical=False)


def assert_curvature_apart(net, theta, data, critical=True):
    columns = net.shapes[0][1]
    for neuron in range(3):
        line, matrix = saddle_line(net, theta, neuron), fukumizu_amari(net, theta, neuron, data)
        for gamma in (-1.5, 0.2, 0.5, 3.0):
            hessian = line.net.hessian(line(gamma), data)
            apart = np.zeros((line.net.parameters, columns))
            apart[neuron * columns : (neuron + 1) * columns] = (1 - gamma) * np.eye(columns)
            apart[(neuron + 1) * columns : (neuron + 2) * columns] = -gamma * np.eye(columns)
            scale = abs(hessian).max()
            assert np.allclose(apart.T @ hessian @ apart, gamma * (1 - gamma) * matrix, atol=1e-13 * scale)
            assert not critical or abs(hessian @ line.velocity).max() < 1e-13 * scale  # the 0 along Γ


def negative(values):
    """How many eigenvalues are negative beyond rounding."""
    return int(np.sum(values < -1e-13 * abs(values).max()))


def test_negative_eigenvalues_are_those_of_the_narrow_network_and_of_the_matrix():
    # Sylvester's law, at critical points that are minima and at others that are not.
    rng = np.random.default_rng(1)
    narrow_counts = set()
    for trial in range(100):
        net, theta, data = example(SMOOTH[trial % 5], bool(trial % 2), 1 + trial % 3, 1 + trial % 4, residual=0.5, seed=trial)
        neuron, gamma = int(rng.integers(net.widths[0])), off_the_ends(rng)
        narrow = negative(np.linalg.eigvalsh(net.hessian(theta, data)))
        matrix = fukumizu_amari(net, theta, neuron, data)
        line = saddle_line(net, theta, neuron)
        wide = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
        assert negative(wide) == narrow + int(np.sum(gamma * (1 - gamma) * np.linalg.eigvalsh(matrix) < 0))
        narrow_counts.add(narrow)
    assert 0 in narrow_counts and max(narrow_counts) > 1


def off_the_ends(rng):
    """γ in [−2, 3], not next to 0 or 1, where B_j has no say."""
    while True:
        gamma = rng.uniform(-2, 3)
        if min(abs(gamma), abs(gamma - 1)) > 0.05:
            return gamma


STABLE = {
    Stability.STABLE_INSIDE: lambda gamma: 0 < gamma < 1,
    Stability.STABLE_OUTSIDE: lambda gamma: not 0 <= gamma <= 1,
    Stability.UNSTABLE: lambda gamma: False,
}


def test_the_stability_agrees_with_the_smallest_eigenvalue_at_200_random_points():
    rng = np.random.default_rng(2)
    seen, checked, trial = {}, 0, 0
    while checked < 200:
        trial += 1
        activation = SMOOTH[trial % 5]
        net, theta, data = example(activation, bool(trial // 5 % 2), 1 + trial % 3, 1 + trial % 2, residual=0.05, seed=trial)
        if np.linalg.eigvalsh(net.hessian(theta, data))[0] < 1e-8:
            continue  # not a minimum
        neuron, gamma = int(rng.integers(net.widths[0])), off_the_ends(rng)
        line = saddle_line(net, theta, neuron)
        found = stability(net, theta, neuron, data)
        values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
        assert (negative(values) == 0) == STABLE[found](gamma), (activation, found, gamma, values)
        seen.setdefault(activation, set()).add(found)
        checked += 1
    assert set.union(*seen.values()) == set(STABLE)
    for name in SMOOTH:  # definite and indefinite ones
        assert Stability.UNSTABLE in seen[name] and seen[name] & {Stability.STABLE_INSIDE, Stability.STABLE_OUTSIDE}


def test_the_stability_agrees_with_the_smallest_eigenvalue_on_converged_networks(networks, data):
    rng = np.random.default_rng(3)
    seen = set()
    for net, theta, neuron, line in lines(networks):
        found = stability(net, theta, neuron, data)
        seen.add(found)
        for gamma in (off_the_ends(rng), rng.uniform(0.1, 0.9)):
            values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
            assert (negative(values) == 0) == STABLE[found](gamma)
    assert seen == set(STABLE)


def test_a_neuron_without_curvature_is_degenerate():
    net, theta, data = example("relu")
    assert stability(net, theta, 0, data) == Stability.DEGENERATE
    net = Network(1, (1,), "tanh", True)
    dead = net.pack([([[1.0]], [0.3]), ([[0.0]], [0.0])])
    assert stability(net, dead, 0, Dataset([[0.0], [1.0]], [1.0, 2.0])) == Stability.DEGENERATE
    # Curvature in one direction only: inputs on a line through the origin leave the other eigenvalue at 0.
    net = Network(2, (1,), "softplus", False)
    x = np.linspace(-1, 1, 20)[:, None] * [1.0, 2.0]
    assert stability(net, np.array([0.5, -0.2, 1.0]), 0, Dataset(x, np.zeros(20))) == Stability.DEGENERATE


def test_projected_gamma_is_that_of_the_nearest_point():
    net, theta, _ = example()
    line = saddle_line(net, theta, 1)
    rng = np.random.default_rng(0)
    points = line([-3.0, 0.2, 8.0]) + rng.normal(size=(3, line.net.parameters))
    gammas = projected_gamma(line.net, points, line.a_star, line.pair)
    for point, gamma in zip(points, gammas, strict=True):
        assert (point - line(gamma)) @ line.direction == pytest.approx(0, abs=1e-13)
    assert np.allclose(projected_gamma(line.net, line(list(GAMMAS)), line.a_star, line.pair), GAMMAS, rtol=1e-12, atol=1e-14)


def test_distances_from_the_line_add_up_over_the_neurons():
    net, theta, _ = example()
    line = saddle_line(net, theta, 0)
    across = np.random.default_rng(0).normal(size=line.net.parameters)
    across -= line.direction * (line.direction @ across)
    distance, per_neuron = distance_to_line(line(0.7) + across, line)
    assert distance == pytest.approx(np.linalg.norm(across))
    assert per_neuron.shape == (4,) and (per_neuron**2).sum() + across[-1] ** 2 == pytest.approx(distance**2)
    assert per_neuron[3] == pytest.approx(np.sqrt((across[9:12] ** 2).sum() + across[15] ** 2))
    many = distance_to_line(np.stack([line(0.1), line(5.0) + across]), line)
    assert many[0] == pytest.approx([0, distance], abs=1e-14) and many[1].shape == (2, 4)


def test_what_cannot_be_split_or_merged_says_why():
    deep = Network(2, (2, 2), "g", True)
    with pytest.raises(ValueError, match="one hidden layer"):
        split(deep, np.zeros(deep.parameters), 0, 0.5)
    net, theta, data = example()
    with pytest.raises(ValueError, match="neuron is 3; the hidden layer has neurons 0 to 2"):
        saddle_line(net, theta, 3)
    with pytest.raises(ValueError, match="neuron is -1"):
        fukumizu_amari(net, theta, -1, data)
    with pytest.raises(ValueError, match="gamma is nan"):
        split(net, theta, 0, np.nan)
    with pytest.raises(ValueError, match="the same"):
        merge(net, theta, 1, 1)
    theta[-2] = 0.0
    with pytest.raises(ValueError, match="output weight 0"):
        saddle_line(net, theta, 2)
    with pytest.raises(ValueError, match="strictly increasing"):
        spectrum_along_line(data, saddle_line(net, theta, 0), [0.0, 0.0])
