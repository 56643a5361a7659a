"""Statistics recover what was planted, and do not depend on what must not matter."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import synthetic
from scipy.optimize import brentq, linear_sum_assignment
from scipy.stats import norm

from flatchannels import names
from flatchannels.networks.layout import Layout
from flatchannels.reasons import Finish, Stop
from flatchannels.reporting import levels as levels_
from flatchannels.reporting import runs as runs_
from flatchannels.reporting import shares as shares_
from flatchannels.reporting import solutions as solutions_
from flatchannels.storage import run_records, table_files
from flatchannels.storage.errors import RecordError
from flatchannels.storage.run_records import Failure
from flatchannels.storage.schemas.runs import LOSS_LEVELS, RUNS, SHARES, SOLUTIONS

# Wilson intervals


@pytest.mark.parametrize(("count", "runs"), [(0, 10), (1, 7), (13, 50), (10, 10), (400, 1600)])
def test_wilson_bounds_invert_the_score_test(count, runs):
    z = norm.ppf(0.975)
    for bound in shares_.wilson_interval(count, runs):
        if 0 < bound < 1:
            assert abs(count / runs - bound) == pytest.approx(z * np.sqrt(bound * (1 - bound) / runs), rel=1e-12)


def test_wilson_without_hits_has_its_closed_form():
    z2 = norm.ppf(0.975) ** 2
    assert shares_.wilson_interval(0, 20) == (0.0, pytest.approx(z2 / (20 + z2)))
    assert shares_.wilson_interval(20, 20) == (pytest.approx(20 / (20 + z2)), 1.0)
    assert shares_.wilson_interval(0, 0) == (0.0, 1.0)


def test_wilson_is_symmetric_in_hits_and_misses():
    low, high = shares_.wilson_interval(3, 17)
    assert shares_.wilson_interval(14, 17) == (pytest.approx(1 - high), pytest.approx(1 - low))


def test_wilson_refuses_impossible_counts():
    with pytest.raises(ValueError, match="count is 5; it must lie in 0…4"):
        shares_.wilson_interval(5, 4)


# Duplicates


def test_duplicates_are_pairs_of_equal_input_weights_whatever_the_output_weights():
    hidden = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0], [1.0, 2.0 + 9e-7]])
    theta = np.concatenate([hidden.ravel(), [5.0, -6.0, 7.0, 8.0]])[None]
    assert runs_.count_duplicates(theta, Layout(2, (4,), False)) == [3]
    hidden[3, 1] = 2.0 + 1.1e-6
    theta = np.concatenate([hidden.ravel(), [5.0, -6.0, 7.0, 8.0]])[None]
    assert runs_.count_duplicates(theta, Layout(2, (4,), False)) == [1]


def test_the_bias_tells_neurons_apart_and_layers_count_separately():
    first = np.array([[1.0, 2.0, 0.5], [1.0, 2.0, 0.6]])
    second = np.array([[1.0, 2.0, 0.5], [1.0, 2.0, 0.5]])  # equal, but in the second layer
    theta = np.concatenate([first.ravel(), second.ravel(), [1.0, 2.0, 3.0]])[None]
    assert runs_.count_duplicates(theta, Layout(2, (2, 2), True)) == [1]
    assert runs_.count_duplicates(theta[:, :9], Layout(2, (2,), True)) == [0]


# Runs at infinity


@pytest.mark.parametrize("parameters", [9, 40])
def test_the_loss_at_infinity_is_exact_where_the_excess_falls_with_the_squared_norm(parameters):
    limit, strength, maxnorm = 0.3, 2.0, 1000

    def pull(radius):  # of L + R along θ, for L = limit + strength / |θ|²
        return -2 * strength / radius**3 + (radius**2 / (2 * parameters) - maxnorm) ** 2 * radius / parameters

    wall = np.sqrt(2 * parameters * maxnorm)
    radius = brentq(pull, wall, 1.01 * wall, xtol=1e-14)
    found = runs_.loss_at_infinity(limit + strength / radius**2, radius**2 / (2 * parameters), maxnorm)
    assert found == pytest.approx(limit, abs=1e-5 * strength / radius**2)


def test_the_loss_of_a_finite_run_is_its_own_limit():
    assert runs_.loss_at_infinity(np.array([0.3]), np.array([999.9]), 1000) == [0.3]


# Loss levels


def test_planted_levels_are_found_in_descending_order():
    planted = np.array([0.9, 0.5, 0.499, 0.1])  # 0.5 and 0.499 are 2e-3 apart
    rng = np.random.default_rng(3)
    members = rng.integers(len(planted), size=200)
    levels, losses = levels_.find_levels(planted[members] * (1 - 1e-5 * rng.random(200)))
    assert np.array_equal(levels, members)
    assert losses == pytest.approx(planted, rel=1e-5)


def test_a_level_reaches_down_by_its_tolerance_from_its_highest_loss():
    levels, losses = levels_.find_levels([1.0, 0.9991, 0.9989, 0.9981])
    assert list(levels) == [0, 0, 1, 1] and list(losses) == [1.0, 0.9989]


def test_the_order_of_runs_does_not_matter_to_levels():
    losses = np.random.default_rng(4).lognormal(size=300)
    order = np.random.default_rng(5).permutation(300)
    assert np.array_equal(levels_.find_levels(losses)[0][order], levels_.find_levels(losses[order])[0])


def test_levels_of_no_run_and_of_loss_zero():
    assert [len(part) for part in levels_.find_levels([])] == [0, 0]
    assert list(levels_.find_levels([0.0, 0.0, 1e-30])[0]) == [1, 1, 0]


@pytest.mark.parametrize("bad", [-0.1, np.nan])
def test_levels_refuse_what_is_no_loss(bad):
    with pytest.raises(ValueError, match="losses must be numbers ≥ 0"):
        levels_.find_levels([0.5, bad])


def test_levels_are_shared_between_widths_but_not_between_configurations():
    runs = [
        synthetic.run_rows([0.5, 0.3], "1"),
        synthetic.run_rows([0.5 - 1e-9, 0.2], "2", duplicates=[1, 0]),
        synthetic.run_rows([0.5], "10", bias=True),
        synthetic.run_rows([np.nan], "2", stop="FAILED"),
    ]
    table = levels_.loss_levels(pd.concat(runs, ignore_index=True))
    without = table[~table["bias"]]
    assert list(zip(without["level"], without["widths"], without["runs"], without["duplicates"], strict=True)) == [
        (0, "1", 1, 0), (0, "2", 1, 1), (1, "1", 1, 0), (2, "2", 1, 0),
    ]  # fmt: skip
    assert table[table["bias"]]["level"].tolist() == [0]


# Unique solutions


def shuffled(networks, copies, rng, signs=False):
    """`copies` of every network (n, r, k) with its neurons in random order (and sign), perturbed by rounding."""
    vectors = []
    for network in np.repeat(networks, copies, axis=0):
        vector = network[rng.permutation(len(network))]
        vectors.append(vector * rng.choice([-1, 1], size=(len(vector), 1)) if signs else vector)
    return np.array(vectors) * (1 + 1e-12 * rng.standard_normal(np.shape(vectors)))


@pytest.mark.parametrize("signs", [False, True])
def test_planted_solutions_are_recovered_under_permutations_and_sign_flips(signs):
    rng = np.random.default_rng(6)
    vectors = shuffled(rng.standard_normal((7, 4, 3)), 5, rng, signs)
    labels = solutions_.cluster(solutions_.network_distances(vectors, signs), len(vectors)).reshape(7, 5)
    assert np.all(labels == labels[:, :1]) and len(np.unique(labels)) == 7


def test_sign_flips_are_different_networks_without_the_symmetry():
    network = np.random.default_rng(7).standard_normal((1, 3, 3))
    both = np.concatenate([network, -network])
    assert solutions_.network_distances(both, True) == pytest.approx([0.0])
    assert solutions_.network_distances(both, False)[0] > 1


@pytest.mark.parametrize(("runs", "solutions"), [(0, 0), (1, 1), (2, 1), (30, 1)])
def test_identical_runs_are_one_solution(runs, solutions):
    rng = np.random.default_rng(8)
    vectors = shuffled(rng.standard_normal((1, 3, 3)), runs, rng)
    vectors = vectors.reshape(runs, 3, 3)
    assert len(np.unique(solutions_.cluster(solutions_.network_distances(vectors, False), runs))) == solutions


@pytest.mark.parametrize("runs", [2, 30])
def test_runs_that_all_differ_are_all_solutions(runs):
    vectors = np.random.default_rng(9).standard_normal((runs, 3, 3))
    assert len(np.unique(solutions_.cluster(solutions_.network_distances(vectors, False), runs))) == runs


def test_the_distance_sees_how_a_saddle_line_splits_the_output_weight():
    neurons = np.array([[[1.0, 2.0, 0.25], [1.0, 2.0, 0.75]], [[1.0, 2.0, 0.5], [1.0, 2.0, 0.5]]])
    assert solutions_.network_distances(neurons, False) == pytest.approx([np.sqrt(2) / 4])


@pytest.mark.parametrize("width", [1, 2, 5, 8, 9])
def test_assignment_costs_equal_the_hungarian_ones(width):
    costs = np.random.default_rng(10).random((20, width, width))
    expected = [matrix[linear_sum_assignment(matrix)].sum() for matrix in costs]
    assert solutions_.assignment_costs(costs) == pytest.approx(expected, rel=1e-13)


def test_assignment_costs_equal_enumeration():
    costs = np.random.default_rng(11).random((5, 4, 4))
    expected = [min(sum(matrix[i, j] for i, j in enumerate(order)) for order in permutations(range(4))) for matrix in costs]
    assert solutions_.assignment_costs(costs) == pytest.approx(expected, rel=1e-13)


def test_relu_neurons_are_compared_up_to_their_scale():
    rng = np.random.default_rng(12)
    hidden, outgoing, scale = rng.standard_normal((3, 2)), rng.standard_normal(3), np.array([0.1, 1.0, 30.0])
    theta = np.array([[*hidden.ravel(), *outgoing], [*(hidden * scale[:, None]).ravel(), *(outgoing / scale)]])
    first, second = solutions_.neuron_vectors(theta, 2, 3, False, "relu")
    assert first == pytest.approx(second)
    first, second = solutions_.neuron_vectors(theta, 2, 3, False, "g")
    assert np.abs(first - second).max() > 0.5


def sigma_of(activation, z):
    return {"tanh": np.tanh(z), "sigmoid": 1 / (1 + np.exp(-z)), "softplus": np.log1p(np.exp(z))}[activation]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
def test_the_sign_symmetry_is_claimed_exactly_where_the_function_has_it(activation):
    z = np.linspace(-3, 3, 50)
    flipped = 2 * sigma_of(activation, z) - (-2) * sigma_of(activation, -z)
    assert solutions_.has_sign_symmetry(activation, bias=False) == (np.abs(flipped).max() < 1e-12)
    assert solutions_.has_sign_symmetry(activation, bias=True) == (np.ptp(flipped) < 1e-12)


# From records to tables


@pytest.fixture
def record_paths(tmp_path):
    """Width 2 in blocks: two networks, each found in both orders of its neurons, one saddle, one failure."""
    a, b = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.5, -2, 3, 0, 7, 8])
    swap = [2, 3, 0, 1, 5, 4]
    saddle = np.array([1.0, 2, 1, 2, 5, 6])
    runs = [
        synthetic.run(1, theta=a, loss=0.5), synthetic.run(2, theta=a[swap], loss=0.5), synthetic.run(3, theta=b, loss=0.4),
        synthetic.run(4, theta=b[swap], loss=0.4, weight_norm=1001.0, stop=Stop.WALL),
        synthetic.run(5, theta=saddle, loss=0.6, stop=Stop.FLAT), Failure(6, "ValueError: planted"),
    ]  # fmt: skip
    paths = [tmp_path / "seeds-1-2.npz", tmp_path / "seeds-3-6.npz"]
    for path, block in zip(paths, [runs[:2], runs[2:]], strict=True):
        run_records.write_runs(path, synthetic.meta(widths=(2,)), block)
    return paths


def test_the_run_table_has_one_row_per_run_and_its_planted_values(record_paths):
    table = runs_.run_table(record_paths)
    assert list(table["seed"]) == [1, 2, 3, 4, 5, 6]
    assert list(table["duplicates"]) == [0, 0, 0, 0, 1, 0]
    assert list(table["infinite"]) == [False, False, False, True, False, False]
    assert list(table["converged"]) == [True] * 5 + [False]
    assert list(table["stop"]) == ["STATIONARY", "STATIONARY", "STATIONARY", "WALL", "FLAT", "FAILED"]
    assert set(table["widths"]) == {"2"} and set(table["parameters"]) == {6} and table["loss"].isna().tolist() == [False] * 5 + [True]


def test_exact_fits_have_converged_and_are_one_level(tmp_path):
    """Their losses are rounding, and with large targets so is a gradient above the threshold."""
    losses = [3e-17, 1e-29, 2e-24, 0.0]
    planted = [synthetic.run(seed, 6, loss=loss, stop=Stop.EXACT) for seed, loss in enumerate(losses, 1)]
    planted += [synthetic.run(5, 6, loss=0.25), synthetic.run(6, 6, loss=0.25 * (1 + 1e-12), stop=Stop.SADDLE)]
    for run in [planted[0], planted[5]]:
        run.gradient_norm = 1e-7
    run_records.write_runs(tmp_path / "record.npz", synthetic.meta(2, (2,)), planted)
    runs = runs_.run_table([tmp_path / "record.npz"])
    assert runs["converged"].tolist() == [True] * 5 + [False]
    levels = levels_.loss_levels(runs)
    assert levels["runs"].tolist() == [2, 4] and levels["loss"].tolist() == [0.25 * (1 + 1e-12), 3e-17]
    assert (levels["loss_min"].tolist(), levels["level"].tolist()) == ([0.25, 0.0], [0, 1])
    shares = shares_.shares(runs).set_index(["quantity", "outcome"])
    assert shares.loc[("converged", "all"), ["count", "runs", "failed"]].tolist() == [5, 6, 0]


@pytest.mark.parametrize(
    ("change", "converged"),
    [
        ({}, True),
        ({"gradient_norm": 1e-4}, False),
        ({"hessian_max": 1e4}, False),
        ({"finish": Finish.STEP_LIMIT}, False),
        ({"stop": Stop.STEP_LIMIT}, False),
    ],
)
def test_a_gradient_that_is_rounding_has_converged(tmp_path, change, converged):
    """λ_max = 1e9 and |θ| = √(2·6·1000): rounding θ alone makes a gradient of 1e-5. Not so where the flow or the finish was cut short."""
    run = synthetic.run(1, 6, stop=Stop.WALL, weight_norm=1000.0)
    vars(run).update({"gradient_norm": 1e-6, "hessian_max": 1e9, "finish": Finish.RESOLUTION} | change)
    run_records.write_runs(tmp_path / "record.npz", synthetic.meta(2, (2,)), [run])
    assert runs_.run_table([tmp_path / "record.npz"])["converged"].tolist() == [converged]


@pytest.mark.parametrize("stiffness", [1.0, 1e6, 1e12])
def test_no_minimum_in_float64_has_a_smaller_gradient_than_its_resolution_allows(stiffness):
    """Of a quadratic form whose minimum is rounded to float64; a gradient in higher precision, by exact fractions."""
    rng, size = np.random.default_rng(3), 6
    values = np.geomspace(1.0, stiffness, size)
    matrix = np.linalg.qr(rng.normal(size=(size, size)))[0]
    hessian = (matrix * values) @ matrix.T
    minimum = [Fraction(int(n), 7) for n in rng.integers(-700, 700, size)]
    rounded = [Fraction(float(x)) - x for x in minimum]
    gradient = [float(sum(Fraction(float(h)) * r for h, r in zip(row, rounded))) for row in hessian]
    theta = np.array([float(x) for x in minimum])
    columns = {"hessian_max": np.array([stiffness]), "weight_norm": np.array([theta @ theta / (2 * size)]), "parameters": np.array([size])}
    limit = runs_.gradient_resolution(columns)[0]
    assert 1e-4 * limit < max(abs(np.array(gradient))) <= limit


def test_tables_survive_the_disk(record_paths, tmp_path):
    runs = runs_.run_table(record_paths)
    for schema, table in [(RUNS, runs), (SOLUTIONS, solutions_.solutions(runs)), (SHARES, shares_.shares(runs))]:
        table_files.write_table(tmp_path / "table.parquet", schema, table)
        pd.testing.assert_frame_equal(table_files.read_table(tmp_path / "table.parquet", schema), table)


def test_solutions_are_counted_per_outcome(record_paths):
    table = solutions_.solutions(runs_.run_table(record_paths)).set_index("outcome")
    assert table["runs"].to_dict() == {"all": 5, "finite": 4, "infinite": 1, "no duplicates": 4}
    assert table["solutions"].to_dict() == {"all": 3, "finite": 3, "infinite": 1, "no duplicates": 2}
    assert table.loc["finite", "singletons"] == 2


def test_shares_leave_failures_out_and_count_them(record_paths):
    table = shares_.shares(runs_.run_table(record_paths))
    duplicates = table[(table["quantity"] == "duplicates")].set_index("outcome")
    assert duplicates.loc["all", ["count", "runs", "share", "failed"]].tolist() == [1, 5, 0.2, 1]
    assert duplicates.loc["infinite", ["count", "runs"]].tolist() == [0, 1]
    assert table.loc[table["quantity"] == "converged", ["count", "runs"]].values.tolist() == [[5, 6]]
    low, high = shares_.wilson_interval(1, 5)
    assert duplicates.loc["all", ["low", "high"]].tolist() == [low, high]


def test_a_sweep_in_which_every_run_failed_gives_tables_without_results(tmp_path):
    run_records.write_runs(tmp_path / "record.npz", synthetic.meta(), [Failure(1, "no"), Failure(2, "no")])
    runs = runs_.run_table([tmp_path / "record.npz"])
    assert len(levels_.loss_levels(runs)) == len(solutions_.solutions(runs)) == 0
    shares = shares_.shares(runs)
    assert set(shares["failed"]) == {2}
    for row in shares.itertuples():
        assert (row.count, row.runs) == (0, 2 if row.quantity == "converged" else 0)


def test_tables_of_no_run_have_their_columns_and_types():
    runs = runs_.run_table([])
    for schema, build in [(LOSS_LEVELS, levels_.loss_levels), (SOLUTIONS, solutions_.solutions), (SHARES, shares_.shares)]:
        assert build(runs).dtypes.astype(str).to_dict() == schema.kinds


def test_a_damaged_record_stops_the_table(record_paths):
    record_paths[1].write_bytes(record_paths[1].read_bytes()[:-1])
    with pytest.raises(RecordError, match="seeds-3-6.npz"):
        runs_.run_table(record_paths)


def test_widths_sort_by_layers_and_numbers():
    assert sorted(["4x4x4", "16", "4x4", "2"], key=names.widths_key) == ["2", "16", "4x4", "4x4x4"]
