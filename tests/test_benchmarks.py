"""The benchmark of kernels: what it counts, and a table and picture where a peer is missing."""

import os
import runpy
from pathlib import Path

import pytest

from flatchannels.networks.network import Network

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def kernels():
    before = dict(os.environ)  # the script limits libraries to one thread
    names = runpy.run_path(str(ROOT / "benchmarks" / "kernels.py"), run_name="read")
    os.environ.clear()
    os.environ.update(before)
    return names


@pytest.mark.parametrize("widths", [(1,), (1, 1), (1, 1, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_with_single_neurons_each_entry_of_the_upper_triangle_is_one_sum(kernels, widths, bias):
    net = Network(3, widths, "softplus", bias)
    assert kernels["multiplications"](net) == net.parameters + net.parameters * (net.parameters + 1) // 2


def test_pairs_of_units_share_the_products_of_inputs(kernels):
    # [2], d = 2 without biases: 6 of the gradient; 3 pairs × 3 products, 1 × 3 of the output layer, 4 × 2 between them.
    assert kernels["multiplications"](Network(2, (2,), "softplus", False)) == 6 + 9 + 3 + 8


def test_a_missing_peer_leaves_its_column_empty(kernels, tmp_path):
    row = {"widths": [2], "d": 3, "parameters": 11, "gradient": 10.0, "both": 40.0, "products": 20.0, "activations": 5.0, "left": 15.0}
    rows = [row | {"jax": None, "numpy": {"gradient": 50.0, "hessian": 120.0}}]
    lines = kernels["table"](rows, ["jax", "numpy"])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(line) for line in cells} == {10}
    assert cells[2][-3:] == ["2.0", "", "5.0, 3"]  # times the products; no jax; NumPy's gradient and Hessian in multiples
    kernels["picture"](rows, ["jax", "numpy"]).savefig(tmp_path / "kernels.png")
    assert (tmp_path / "kernels.png").stat().st_size > 1000
