"""Saddle lines: critical for every γ, stable as the Fukumizu–Amari matrix says, and what flows next to them do."""

import time

import numpy as np
import pytest

from flatchannels import Dataset, Network, train
from flatchannels.data.datasets import make
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.training import Objective
from flatchannels.landscape import escapes
from flatchannels.landscape.escapes import flow_arrays, heun, late_cosine, perturbed_flow, return_to_channel
from flatchannels.landscape.saddles import (
    Verdict,
    distance_to_line,
    follow,
    fukumizu_amari,
    hessian_polynomial,
    hessians_along_line,
    merge,
    pair_direction,
    perturb,
    projected_gamma,
    saddle_line,
    smallest_eigenvector,
    spectrum_along_line,
    split,
    surface_along_line,
    update_cosines,
    verdict,
)
from flatchannels.networks.scalars import kernel_values
from flatchannels.reasons import Stop
from flatchannels.studies.saddle_examples import branch, nearest

SMOOTH = ("g", "softplus", "erf", "tanh", "sigmoid")
GAMMAS = (-1e3, -37.0, -1.0, 0.0, 0.3, 0.5, 1.0, 2.0, 1e3)


def example(activation="g", bias=True, width=3, inputs=2, residual=0.1, samples=150, seed=0):
    """A network exactly at a critical point: targets chosen such that the residuals are orthogonal to the Jacobian."""
    rng = np.random.default_rng(seed)
    net = Network(inputs, (width,), activation, bias)
    theta = rng.normal(size=net.parameters)
    x, weights = rng.normal(size=(samples, inputs)), rng.uniform(0.5, 1.5, samples)
    weights /= weights.sum()
    noise = rng.normal(size=samples) + rng.normal() * np.cos(2 * x[:, 0] + rng.normal())
    basis = np.linalg.qr(weights[:, None] ** 0.5 * jacobian(net, theta, x))[0]
    noise = weights**0.5 * noise
    for _ in range(2):  # twice is enough for orthogonality to rounding
        noise = noise - basis @ (basis.T @ noise)
    return net, theta, Dataset(x, net.predict(theta, x) - residual * noise / weights**0.5, weights)


def jacobian(net, theta, x):
    """∂f/∂θ (N, P), written down from the formula of the network."""
    (W, _), (a, _) = net.unpack(theta)
    value, slope, *_ = kernel_values(net.activation, net.first_layer(theta, x))
    inputs = np.column_stack([x, np.ones(len(x))]) if net.bias else x
    columns = [a[0, i] * slope[:, i, None] * inputs for i in range(len(W))] + [value]
    return np.column_stack(columns + [np.ones(len(x))] if net.bias else columns)


@pytest.fixture(scope="module")
def data():
    return make({"target": "rosenbrock", "inputs": "grid", "points": 31}, 2, 1, "grid")


@pytest.fixture(scope="module")
def networks(data):
    """Converged networks of finite norm, one for each minimum found."""
    found = {}
    for activation, bias, width, seeds in (
        ("g", False, 1, (0, 1)),
        ("g", False, 3, (1,)),
        ("g", True, 2, (0, 6)),
        ("erf", True, 2, (0,)),
        ("softplus", True, 2, (0, 3)),
    ):
        net = Network(2, (width,), activation, bias)
        for seed in seeds:
            run = train(net, data, seed=seed, spectrum_samples=1)
            if run.stop == Stop.STATIONARY and run.gradient_norm < 1e-12:
                found.setdefault((net, round(run.loss, 8)), run.theta)
    return [(net, theta) for (net, _), theta in found.items()]


def lines(networks):
    return [(net, theta, neuron, saddle_line(net, theta, neuron)) for net, theta in networks for neuron in range(net.widths[0])]


def line_of(networks, data, wanted):
    """The first saddle line with this verdict."""
    return next(line for net, theta, neuron, line in lines(networks) if verdict(net, theta, neuron, data) == wanted)


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


def smoothed_example():
    net, theta, data = example("relu")
    return net.smoothed(theta, 0.3), theta, data


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
    Verdict.STABLE_INSIDE: lambda gamma: 0 < gamma < 1,
    Verdict.STABLE_OUTSIDE: lambda gamma: not 0 <= gamma <= 1,
    Verdict.UNSTABLE: lambda gamma: False,
}


def test_the_verdict_agrees_with_the_smallest_eigenvalue_at_200_random_points():
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
        found = verdict(net, theta, neuron, data)
        values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
        assert (negative(values) == 0) == STABLE[found](gamma), (activation, found, gamma, values)
        seen.setdefault(activation, set()).add(found)
        checked += 1
    assert set.union(*seen.values()) == set(STABLE)
    for name in SMOOTH:  # definite and indefinite ones
        assert Verdict.UNSTABLE in seen[name] and seen[name] & {Verdict.STABLE_INSIDE, Verdict.STABLE_OUTSIDE}


def test_the_verdict_agrees_with_the_smallest_eigenvalue_on_converged_networks(networks, data):
    rng = np.random.default_rng(3)
    seen = set()
    for net, theta, neuron, line in lines(networks):
        found = verdict(net, theta, neuron, data)
        seen.add(found)
        for gamma in (off_the_ends(rng), rng.uniform(0.1, 0.9)):
            values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
            assert (negative(values) == 0) == STABLE[found](gamma)
    assert seen == set(STABLE)


def test_a_neuron_without_curvature_is_degenerate():
    net, theta, data = example("relu")
    assert verdict(net, theta, 0, data) == Verdict.DEGENERATE
    net = Network(1, (1,), "tanh", True)
    dead = net.pack([([[1.0]], [0.3]), ([[0.0]], [0.0])])
    assert verdict(net, dead, 0, Dataset([[0.0], [1.0]], [1.0, 2.0])) == Verdict.DEGENERATE
    # Curvature in one direction only: inputs on a line through the origin leave the other eigenvalue at 0.
    net = Network(2, (1,), "softplus", False)
    x = np.linspace(-1, 1, 20)[:, None] * [1.0, 2.0]
    assert verdict(net, np.array([0.5, -0.2, 1.0]), 0, Dataset(x, np.zeros(20))) == Verdict.DEGENERATE


def test_the_hessian_along_the_line_is_a_polynomial_of_degree_two(networks, data):
    gammas = np.array([-1e3, -3.3, 0.0, 0.123, 0.5, 1.0, 2.7, 1e3])
    for _, _, _, line in lines(networks):
        coefficients = hessian_polynomial(data, line)
        for gamma, hessian in zip(gammas, hessians_along_line(coefficients, gammas), strict=True):
            direct = line.net.hessian(line(gamma), data)
            assert abs(hessian - direct).max() < 1e-14 * abs(direct).max()
        outputs = line.net.widths[0] + line.net.bias
        assert not coefficients[1:, -outputs:, -outputs:].any()  # between output weights it does not depend on γ, exactly


def test_at_both_ends_as_many_eigenvalues_are_zero_as_a_neuron_has_input_weights(networks, data):
    for net, _, _, line in lines(networks):
        for gamma in (0.0, 1.0, 0.5, -1.0):
            values = np.linalg.eigvalsh(line.net.hessian(line(gamma), data))
            zeros = int(np.sum(abs(values) < 1e-14 * values[-1]))
            assert zeros == 1 + (2 + net.bias if gamma in (0.0, 1.0) else 0)


def test_the_spectrum_is_symmetric_about_one_half(networks, data):
    gammas = np.linspace(-2, 3, 41)
    for _, _, _, line in lines(networks):
        values = np.sort(spectrum_along_line(data, line, gammas).values, axis=1)
        assert abs(values - values[::-1]).max() < 1e-13 * abs(values).max()


def test_branches_are_continuous_eigenpairs(networks, data):
    line = line_of(networks, data, Verdict.STABLE_INSIDE)
    gammas = np.linspace(-2, 3, 1001)
    spectrum = spectrum_along_line(data, line, gammas)
    for k in (0, 137, 400, 500, 600, 1000):
        hessian, vectors = line.net.hessian(line(gammas[k]), data), spectrum.vectors[k]
        assert np.allclose(hessian @ vectors, vectors * spectrum.values[k], atol=1e-13 * abs(hessian).max() * 10)
        assert np.allclose(vectors.T @ vectors, np.eye(len(vectors)), atol=1e-12)
    assert np.all(np.diff(spectrum.values[500]) > 0) and abs(spectrum.angles[500]).max() == 0
    overlaps = np.einsum("kpb,kpb->kb", spectrum.vectors[1:], spectrum.vectors[:-1])
    assert overlaps.min() > 0.9  # through γ = 0 and 1 too, where the eigenvectors of 0 are any basis of their space
    along = int(np.argmax(abs(spectrum.vectors[500].T @ line.direction)))
    assert abs(spectrum.values[:, along]).max() < 1e-13 * spectrum.values.max() and spectrum.angles[:, along].max() < 1e-6


def test_ten_thousand_spectra_take_less_than_a_minute(data):
    net = Network(2, (2,), "g", False)
    line = saddle_line(net, net.initialise(np.random.default_rng(0)), 1)
    begin = time.perf_counter()
    assert spectrum_along_line(data, line, np.linspace(-2, 3, 10_001)).values.shape == (10_001, 9)
    assert time.perf_counter() - begin < 60


def test_eigenvectors_are_followed_through_a_crossing():
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    rates = np.array([1.0, -1.0, 0.3])
    vectors = Q
    for s in np.linspace(-1, 1, 21):  # all three meet at s = 0
        values, vectors = follow(vectors, *np.linalg.eigh(Q @ np.diag(rates * s) @ Q.T))
        assert np.allclose(values, rates * s, atol=1e-14) and np.allclose(vectors, Q, atol=1e-13)


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


def test_updates_along_the_line_have_cosine_one():
    net, theta, _ = example()
    line = saddle_line(net, theta, 0)
    sideways = np.eye(line.net.parameters)[0]
    path = np.array([line(0.0), line(1.0), line(1.0) + sideways, line(0.5) + sideways])
    assert update_cosines(path, line.direction) == pytest.approx([1, 0, -1], abs=1e-12)
    assert abs(pair_direction(line.net, line.pair) @ line.direction) == pytest.approx(1)


def test_the_smallest_eigenvector_beyond_the_line_and_its_sign():
    hessian = np.diag([0.0, 0.5, 2.0, 0.5])
    value, vector = smallest_eigenvector(hessian)
    assert value == 0 and vector.tolist() == [1, 0, 0, 0]
    towards = np.array([0.3, -3.0, 1.0, 4.0])
    value, vector = smallest_eigenvector(hessian, leaving_out=np.array([2.0, 0, 0, 0]), towards=towards)
    assert value == 0.5 and vector == pytest.approx([0, -0.6, 0, 0.8])
    assert smallest_eigenvector(np.diag([1.0, -1.0]), towards=np.array([0.1, -1]))[1] == pytest.approx([0, -1])


def test_a_perturbation_has_the_size_asked_for():
    assert perturb(np.ones(2), np.array([3.0, 4.0]), 1e-3) == pytest.approx([1.0006, 1.0008], rel=1e-15)
    with pytest.raises(ValueError, match="length 0"):
        perturb(np.ones(2), np.zeros(2), 1.0)


def test_the_surface_along_the_line_has_the_curvature_of_the_branch(networks, data):
    line = line_of(networks, data, Verdict.STABLE_INSIDE)
    spectrum = spectrum_along_line(data, line, np.linspace(-1, 2, 601))
    gammas, directions = np.array([-1.0, -0.3, 0.4, 0.5, 1.5, 2.0]), branch(spectrum, -1)
    values = spectrum.values[nearest(spectrum.gammas, gammas), np.argmin(spectrum.values[-1])]
    assert np.array_equal(values > 0, [False, False, True, True, False, False]) and values[-1] == spectrum.values[-1].min()
    size = 1e-3
    surface = surface_along_line(data, line, gammas, directions(gammas), [-size, 0.0, size])
    assert np.ptp(surface[:, 1]) < 1e-14
    assert np.allclose((surface[:, 0] - 2 * surface[:, 1] + surface[:, 2]) / size**2, values, rtol=0.02, atol=1e-5)


def test_heun_is_of_second_order():
    net, theta, data = example("softplus", residual=1.0)
    objective, start = Objective(net, data), theta + 0.3
    reference = gradient_flow(objective, start, rtol=1e-11, max_t=2.0)
    before = int(np.searchsorted(reference.t, 1.0)) - 1
    exact = heun(objective, reference.theta[before], (1.0 - reference.t[before]) / 2000, 2000)[1][-1]
    errors = [abs(heun(objective, start, 1.0 / steps, steps)[1][-1] - exact).max() for steps in (200, 400)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_heun_keeps_the_points_asked_for_and_ends_where_told():
    net, theta, data = example()
    t, thetas, losses = heun(Objective(net, data), theta + 0.1, 0.01, 25, every=10)
    assert np.allclose(t, [0, 0.1, 0.2, 0.25]) and thetas.shape == (4, net.parameters) and np.all(np.diff(losses) < 0)
    assert losses[-1] == net.loss(thetas[-1], data)
    t, thetas, _ = heun(Objective(net, data), theta + 0.1, 0.01, 25, every=10, until=lambda point: point[0] != theta[0] + 0.1)
    assert np.allclose(t, [0, 0.01]) and len(thetas) == 2


@pytest.mark.parametrize("wanted, returning", [(Verdict.STABLE_INSIDE, [0.2, 0.5, 0.8]), (Verdict.STABLE_OUTSIDE, [-1.0, 1.5, 2.5])])
def test_perturbations_return_to_a_plateau(networks, data, wanted, returning):
    line = line_of(networks, data, wanted)
    loss = line.net.loss(line(0.5), data)
    rng = np.random.default_rng(0)
    for gamma in returning:
        for direction in (None, rng.normal(size=line.net.parameters)):
            flow = perturbed_flow(data, line, gamma, 1e-3, direction, heun_steps=300)
            assert flow.stop in (Stop.FLAT, Stop.STATIONARY) and abs(flow.loss[-1] - loss) < 1e-10
            assert abs(flow.gamma[-1] - gamma) < 0.01 and flow.distance[-1] < 1e-5 < flow.distance[0]


@pytest.mark.parametrize("wanted, escaping", [(Verdict.STABLE_INSIDE, [-1.0, 2.0]), (Verdict.STABLE_OUTSIDE, [0.3, 0.5])])
def test_perturbations_of_a_strict_saddle_end_lower(networks, data, wanted, escaping):
    line = line_of(networks, data, wanted)
    flows = [perturbed_flow(data, line, gamma, size, heun_steps=300) for gamma in escaping for size in (1e-7, -1e-7)]
    table = flow_arrays(flows)
    assert np.all(table["curvature"] < 0) and np.all(table["end_loss"] < line.net.loss(line(0.5), data) - 1e-3)
    assert np.all(np.diff(flows[0].loss) < 1e-7 * flows[0].loss[1:]) and np.all(np.diff(flows[0].t) > 0)
    length = max(len(flow.t) for flow in flows)
    assert table["flow_distance"].shape == (4, length) and table["flow_neuron_distances"].shape == (4, length, line.net.widths[0])
    for k, flow in enumerate(flows):
        assert np.array_equal(table["flow_gamma"][k, : len(flow.t)], flow.gamma) and np.isnan(table["flow_t"][k, len(flow.t) :]).all()


def test_flows_from_mirrored_perturbations_mirror_each_other(networks, data):
    # Exchanging the halves maps Γ(γ) to Γ(1 − γ) and leaves the loss unchanged.
    line = line_of(networks, data, Verdict.STABLE_INSIDE)
    exchange = np.arange(line.net.parameters)
    (_, columns), _ = line.net.shapes
    i, j = (neuron * columns + np.arange(columns) for neuron in line.pair)
    outputs = line.net.widths[0] * columns + np.array(line.pair)
    exchange[i], exchange[j], exchange[outputs] = j, i, outputs[::-1]
    assert np.allclose(line(2.0)[exchange], line(-1.0))
    direction = smallest_eigenvector(line.net.hessian(line(2.0), data))[1]
    one = perturbed_flow(data, line, 2.0, 1e-7, direction, heun_steps=1000)
    other = perturbed_flow(data, line, -1.0, 1e-7, direction[exchange], heun_steps=1000)
    assert one.loss[-1] == pytest.approx(other.loss[-1], rel=1e-9) and one.gamma[-1] == pytest.approx(1 - other.gamma[-1], rel=1e-3)


@pytest.mark.parametrize("activation", ["g", "erf"])
def test_the_saddle_line_of_a_merged_channel_leads_back_to_it(data, activation):
    net = Network(2, (2,), activation, False)
    run = train(net, data, seed=0, spectrum_samples=1)
    assert run.stop == Stop.WALL
    found = return_to_channel(net, run.theta, (0, 1), data)
    assert found.narrow.loss > run.loss and found.narrow.stop == Stop.STATIONARY
    back = found.back.index(True)
    assert found.flows[back].loss[-1] == pytest.approx(run.loss, rel=1e-9) and found.cosines[back] > 0.99999
    assert np.all(np.diff(found.flows[back].loss) < 1e-7 * run.loss)


def test_a_flow_to_the_same_loss_on_another_way_has_not_come_back(data, monkeypatch):
    monkeypatch.setattr(escapes, "PARALLEL", 1.1)
    net = Network(2, (2,), "g", False)
    run = train(net, data, seed=0, spectrum_samples=1)
    found = return_to_channel(net, run.theta, (0, 1), data, rtol=1e-4)
    assert min(abs(flow.loss[-1] - run.loss) for flow in found.flows) < 1e-9 and found.back == [False, False]


def test_a_saddle_line_at_infinity_leads_nowhere(data):
    net = Network(2, (2,), "softplus", True)
    run = train(net, data, seed=1, spectrum_samples=1)
    found = return_to_channel(net, run.theta, (0, 1), data)
    assert found.narrow.stop == Stop.WALL and found.flows == found.back == found.cosines == []


def test_late_cosines_leave_the_wall_out():
    net, theta, _ = example()
    line = saddle_line(net, theta, 0)
    path = line(np.linspace(0, 1, 5))
    far = path[-1] + 100 * np.eye(line.net.parameters)[:2]
    assert late_cosine(np.concatenate([path, far]), line, maxnorm=100) == pytest.approx(1)
    assert np.isnan(late_cosine(path[[0, 0]], line))


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
