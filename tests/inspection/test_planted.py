"""The study of planted groups in `benchmarks/planted.py`, smaller."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flatchannels.inspection.inspection import inspect

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import planted  # noqa: E402


@pytest.fixture(scope="module")
def found():
    return pd.DataFrame(list(planted.trials(2, seed=1)))


def test_every_activation_kind_and_distance_is_tried(found):
    assert set(found["kind"]) == set(planted.KINDS) and found["activation"].nunique() == 8
    assert set(found[found["kind"] != "duplicate"]["epsilon"]) == set(planted.EPSILONS)
    assert "g" not in set(found[found["kind"] == "antiparallel"]["activation"])


def test_groups_are_found_and_next_to_nothing_else(found):
    near = found[(found["epsilon"] <= 1e-2)]
    assert near["found"].mean() > 0.97 and found[found["kind"] == "duplicate"]["found"].all()
    assert found["false"].mean() < 0.02 and found["false_without"].mean() < 0.02


def test_distance_and_gate_are_recovered_to_the_rounding_of_the_weights(found):
    """ε is a difference of numbers of size |w|, v of ones of size |a||w|, c of ones of size |a|: |v|/ε in a pair, |bend|/ε² in a triple."""
    hits, unit = found[found["found"] & (found["kind"] != "duplicate")], 100 * np.finfo(float).eps
    epsilon = hits["epsilon"]
    assert (hits["epsilon_error"] < unit / epsilon).all()
    pairs, triples = hits["kind"] != "triple", hits["kind"] == "triple"
    # A gate that is weak by chance has more of it, hence the median.
    for where, power in ((pairs, 1), (triples, 2)):
        assert (hits["direction_error"] * epsilon**power)[where].median() < unit
        assert (hits["sum_error"] * epsilon**power)[where].median() < unit


@pytest.mark.parametrize("kind", ["pair", "antiparallel"])
def test_a_planted_pair_computes_its_limit(kind):
    """What is planted is what the table says: Σ a σ(w·x) → c σ + (v·x) σ', as ε², up to the affine part of the mirror image."""
    errors = []
    for epsilon in (1e-2, 5e-3):
        random = np.random.default_rng(3)
        network = planted.Network([random.normal(size=(8, 4)), random.normal(size=(2, 9))], "tanh")
        told = planted.plant(np.random.default_rng(4), network, kind, epsilon)
        x = np.column_stack([random.normal(size=(50, 3)), np.ones(50)])
        neurons = list(told.neurons)
        output = np.tanh(x @ network.matrices[0][neurons].T) @ network.matrices[1][:, neurons].T
        center = (network.matrices[0][neurons[0]] + (-1 if kind == "antiparallel" else 1) * network.matrices[0][neurons[1]]) / 2
        z = x @ center
        limit = np.outer(np.tanh(z), told.sum) + (x @ told.direction.T) / np.cosh(z[:, None]) ** 2
        errors.append(abs(output - limit).max())
        assert [group.neurons for _, group in inspect(network.layers, "tanh").groups] == [told.neurons]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
