"""Benchmarks: what that of kernels counts, a table and picture where a peer is missing; what the comparison of versions finds."""

import os
import runpy
from pathlib import Path

import pytest
import synthetic

from flatchannels.networks.network import Network
from flatchannels.reasons import Stop
from flatchannels.storage import run_records

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


def results(folder, losses, blocks, seconds, stop=Stop.STATIONARY):
    """A folder of results with runs of one network, in blocks of so many seeds, each a job of so many processor seconds."""
    first = 1
    for size in blocks:
        block = range(first, first + size)
        record = Path("runs", "levels", "rosenbrock-grid", "g", "r3-nobias", f"seeds-{block[0]}-{block[-1]}.npz")
        (folder / record).parent.mkdir(parents=True, exist_ok=True)
        planted = [synthetic.run(seed, loss=losses[seed - 1], stop=stop) for seed in block]
        run_records.write_runs(folder / record, synthetic.meta(), planted)
        benchmark = (folder / "benchmarks" / record).with_suffix(".tsv")
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text(f"s\tmax_rss\tcpu_time\n1.0\t100\t{seconds}\n")
        first += size
    return folder


def test_versions_compare_runs_by_seed_whatever_the_blocks(tmp_path):
    versions = runpy.run_path(str(ROOT / "workflow" / "studies" / "versions.py"), run_name="read")
    before = results(tmp_path / "before", [0.1, 0.2, 0.3, 0.4], [2, 2], 8.0)
    after = results(tmp_path / "after", [0.1, 0.2 * (1 + 1e-12), 0.25], [3], 3.0, Stop.FLAT)
    both = versions["table"](before).merge(versions["table"](after), on=versions["PLACE"], suffixes=("_before", "_after"))
    assert both["seed"].tolist() == [1, 2, 3]
    first, *others = versions["ends"](both).splitlines()
    assert "2 of 3 runs, of these 2 with another stop; of the others 1 end lower" in first
    assert len(others) == 2 and "-0.166667" in others[1]
    assert "| 3, 2 | 3 | 4.00, 1.00 | 0.25 | 31, 31 | 1.00 |" in versions["costs"](both, None)
