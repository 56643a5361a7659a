"""What is planted in a layer is found again, with its numbers; where nothing is planted nothing is found."""

import numpy as np
import pandas as pd
import pytest

from flatchannels.inspection.inspection import inspect
from flatchannels.inspection.structure import layer_structure

TRIALS = 400


def random_layer(random):
    width, inputs, outputs = (
        int(random.choice([2, 3, 4, 8, 16, 32, 64, 128, 256])),
        int(random.integers(2, 20)),
        int(random.integers(1, 11)),
    )
    scale = (np.sqrt(2 / (inputs + width)), np.sqrt(2 / (width + outputs))) if random.random() < 0.5 else (1.0, 1.0)
    return scale[0] * random.normal(size=(width, inputs)), scale[1] * random.normal(size=(width, outputs))


def plant(random, kind, rows, columns):
    """A pair, an antiparallel pair (of odd neurons) or a triple in random places: its neurons, ε, c and v (m, k)."""
    n = 3 if kind == "triple" else 2
    neurons = np.sort(random.choice(len(rows), n, replace=False))
    epsilon, c, amplitude = 10 ** random.uniform(-6, -1), *random.normal(size=(2, columns.shape[1]))
    unit = random.normal(size=rows.shape[1])
    unit /= np.linalg.norm(unit)
    w = rows[neurons[0]].copy()
    if kind == "triple":
        bend = random.normal(size=columns.shape[1])
        rows[neurons] = [w + epsilon * unit, w, w - epsilon * unit]
        columns[neurons] = [c / 3 + s * amplitude / (2 * epsilon) + k * bend / epsilon**2 for s, k in [(1, 1), (0, -2), (-1, 1)]]
    else:
        rows[neurons] = [w + epsilon * unit, w - epsilon * unit]
        columns[neurons] = [(c + amplitude / epsilon) / 2, (c - amplitude / epsilon) / 2]
        if kind == "antiparallel":
            rows[neurons[1]] *= -1
            columns[neurons[1]] *= -1
    return tuple(map(int, neurons)), epsilon, c, np.outer(amplitude, unit)


@pytest.mark.parametrize("kind", ["pair", "antiparallel", "triple"])
def test_planted_groups_are_found_with_their_numbers(kind):
    found, false, trials = 0, 0, 0
    for seed in range(TRIALS):
        random = np.random.default_rng(seed)
        rows, columns = random_layer(random)
        if len(rows) < 3:
            continue
        trials += 1
        neurons, epsilon, c, v = plant(random, kind, rows, columns)
        groups = layer_structure(1, rows, columns, "erf").groups
        hit = [group for group in groups if group.neurons == neurons]
        found, false = found + len(hit), false + len(groups) - len(hit)
        for group in hit:
            # Rounding of w leaves 1e-16 of ε relative to |w|, and of a 1e-16 of c relative to |a|.
            assert group.epsilon == pytest.approx(epsilon, rel=1e-7)
            assert np.allclose(group.sum, c, atol=1e-14 * abs(group.outputs).max() * 4)
            assert np.allclose(group.direction, v, rtol=1e-6, atol=1e-12 * abs(group.outputs).max() + 1e-9)
    assert found > 0.97 * trials and false < 0.01 * trials


def test_random_networks_have_no_groups():
    count = 0
    for seed in range(TRIALS):
        rows, columns = random_layer(np.random.default_rng(10_000 + seed))
        count += len(layer_structure(1, rows, columns, "erf").groups)
    assert count <= 0.01 * TRIALS


def test_a_weak_pair_beside_a_strong_one_counts_among_the_others():
    """Two of six neurons that happen to lie close and to cancel are as weak as the rest: no group, though only two are left."""
    rows, columns = np.random.default_rng(0).normal(size=(6, 4)), 0.3 * np.ones((6, 1))
    rows[4], columns[[1, 4], 0] = rows[1] + 1e-2, [50.0, -49.5]
    rows[5], columns[[3, 5], 0] = rows[3] + 0.2, [0.4, -0.35]
    assert [group.neurons for group in layer_structure(1, rows, columns).groups] == [(1, 4)]
    columns[[3, 5], 0] = [6.0, -5.8]
    assert [group.neurons for group in layer_structure(1, rows, columns).groups] == [(1, 4), (3, 5)]


def test_duplicates_and_dead_neurons_are_named_and_copies_do_not_count_as_groups():
    random = np.random.default_rng(0)
    rows, columns = random.normal(size=(8, 4)), random.normal(size=(8, 2))
    rows[5], columns[5], rows[7] = rows[2], -0.9 * columns[2], rows[2]
    columns[1] = 0
    found = layer_structure(2, rows, columns)
    assert (found.duplicates, found.dead, found.groups) == (((2, 5), (2, 7)), (1,), ())


def test_copies_of_a_member_of_a_pair_leave_the_pair():
    random = np.random.default_rng(1)
    rows, columns = random.normal(size=(8, 4)), 0.3 * random.normal(size=(8, 1))
    rows[4] = rows[3] + 1e-3
    columns[3], columns[4] = 50.0, -49.0
    rows[6], columns[6], columns[3] = rows[3], 20.0, 30.0
    found = layer_structure(1, rows, columns)
    assert found.duplicates == ((3, 6),) and [group.neurons for group in found.groups] == [(3, 4)]
    assert found.groups[0].sum == pytest.approx([1.0])


def test_a_group_of_a_scalar_network_computes_its_limit_up_to_the_square_of_epsilon():
    """a_i σ(w_i·x) + a_j σ(w_j·x) → c σ(w·x) + (v·x) σ'(w·x): the error falls as ε²."""
    random = np.random.default_rng(2)
    x, errors = np.column_stack([random.normal(size=(50, 3)), np.ones(50)]), []
    rows, columns = random.normal(size=(6, 4)), 0.1 * random.normal(size=(6, 1))
    for epsilon in (1e-1, 1e-2, 1e-3):
        unit = np.ones(4) / 2
        rows[:2] = rows[5] + epsilon * unit, rows[5] - epsilon * unit
        columns[:2, 0] = 0.5 + 1 / epsilon, 0.5 - 1 / epsilon
        (group,) = layer_structure(1, rows, np.concatenate([columns[:5], [[0.0]]]), "tanh").groups
        z = x @ group.center
        limit = group.sum[0] * np.tanh(z) + (x @ group.direction[0]) / np.cosh(z) ** 2
        errors.append(abs(np.tanh(x @ rows[:2].T) @ columns[:2, 0] - limit).max())
    assert errors[0] / errors[1] == pytest.approx(100, rel=0.2) and errors[1] / errors[2] == pytest.approx(100, rel=0.2)


def test_an_inspection_tells_what_it_found_in_every_form():
    random = np.random.default_rng(3)
    W1, b1, W2 = random.normal(size=(5, 3)), random.normal(size=5), 0.2 * random.normal(size=(2, 5))
    W1[3], b1[3] = W1[1] + 1e-4, b1[1]
    W2[:, 1], W2[:, 3] = [30.0, -20.0], [-30.5, 21.0]
    found = inspect([(W1, b1), (W2, None)], activation="softplus")
    shown = found.to_json()["layers"][0]
    assert shown["groups"][0]["neurons"] == [1, 3] and shown["groups"][0]["kind"] == "pair"
    assert shown["groups"][0]["sum"] == pytest.approx([-0.5, 1.0]) and np.shape(shown["groups"][0]["direction"]) == (2, 4)
    assert "channel: pair of neurons 1, 3" in found.summary() and list(found.to_dataframe()["neurons"]) == [(1, 3)]
    assert "<table" in found._repr_html_()


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_table_of_groups_goes_into_a_file_and_comes_back(outputs, tmp_path):
    random = np.random.default_rng(0)
    W1, W2 = random.normal(size=(6, 3)), random.normal(size=(outputs, 6))
    W1[4], W2[:, 1], W2[:, 4] = W1[1] + 1e-4, 1e3, -1e3 + 1.0
    found = inspect([(W1, None), (W2, None)], "tanh")
    (group,) = (group for _, group in found.groups)
    found.to_dataframe().to_parquet(tmp_path / "groups.parquet")
    (row,) = pd.read_parquet(tmp_path / "groups.parquet").itertuples()
    assert (
        tuple(row.neurons) == (1, 4) and np.array_equal(np.array([*row.direction]), group.direction) and np.array_equal(row.sum, group.sum)
    )
