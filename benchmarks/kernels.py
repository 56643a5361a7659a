"""Where the time of loss, gradient and Hessian goes, and what others take for the same: per size, on one core.

    python benchmarks/kernels.py [--seconds 1] [--peers numpy jax torch] [--json FILE] [--plot FILE]

For each size, in ns a sample: gradient alone; gradient and Hessian; of these the products (the multiplications and additions that the
formulas need, at the best speed of the library's matrix product, measured in between in the same process), the activations, and what
is left. Then how many times as long NumPy, jax and torch take. Prints the table; writes it and a picture where asked.

jax and torch run in environments of their own, .venv-peers (`make peers-environment`) and .venv-gp (`make gp-environment`); without one its
column is empty. Times are the least processor times of several calls. Compare ratios, not times, between machines.
"""

import argparse
import json
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
ONE_THREAD |= {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
os.environ |= ONE_THREAD
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):  # they would slow the matrix product that all is held against
    os.environ.pop(variable, None)

import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402

from flatchannels import Dataset, Network  # noqa: E402
from flatchannels.inspection.losses import loss_named  # noqa: E402
from flatchannels.inspection.model import from_layers  # noqa: E402
from flatchannels.inspection.objective import Objective  # noqa: E402
from flatchannels.inspection.samples import samples_for  # noqa: E402
from flatchannels.networks.activations import ACTIVATIONS  # noqa: E402
from flatchannels.networks.blocks import aligned  # noqa: E402
from flatchannels.networks.scalars import activate  # noqa: E402

ROOT = Path(__file__).parents[1]
SAMPLES = 10_000
IN_A_ROW = 4  # calls of one kind: the first finds in the caches what others left there
CASES = [
    ((2,), 2, "g", False),
    ((4,), 2, "g", False),
    ((4,), 4, "softplus", True),
    ((8,), 8, "softplus", True),
    ((16,), 2, "softplus", True),
    ((16,), 16, "softplus", True),
    ((4, 4), 4, "softplus", True),
    ((4, 4), 16, "softplus", True),
    ((4, 4, 4), 4, "softplus", True),
    ((4, 4, 4), 16, "softplus", True),
]
ENVIRONMENTS = {"jax": ROOT / ".venv-peers", "torch": ROOT / ".venv-gp"}
PARTS = {"products": "products, at the speed of dgemm", "activations": "activations", "left": "what is left"}


def seconds_of(function):
    """The processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


class Dgemm:
    """The library's product of two square matrices: the best speed that the processor shows, in multiplications and additions a second."""

    SIZE = 512

    def __init__(self):
        self.matrix, self.best = np.random.default_rng(0).normal(size=(self.SIZE, self.SIZE)), 0.0

    def take(self):
        """Measure one product more."""
        self.best = max(self.best, self.SIZE**3 / seconds_of(lambda: self.matrix @ self.matrix))


def multiplications(net):
    """Multiplications with addition a sample in the sums over samples: of the gradient and of the Hessian's upper triangle.

    Within a layer the products of two inputs are summed for each pair of units; between layers each weight has one sum with every
    weight above.
    """
    hessian, above = 0, net.parameters
    for rows, columns in net.shapes:
        above -= rows * columns
        hessian += rows * (rows + 1) // 2 * (columns * (columns + 1) // 2) + rows * columns * above
    return net.parameters + hessian


def activation_time(net):
    """Processor time of σ, σ' and σ'' of one number, in ns."""
    z, slope, bend = aligned((3, SAMPLES))
    z[:] = np.random.default_rng(0).normal(size=SAMPLES)
    code = ACTIVATIONS[net.activation].code
    activate(code, 0.0, z.copy(), slope, bend)
    return min(seconds_of(lambda: activate(code, 0.0, z, slope, bend)) for _ in range(200)) / SAMPLES * 1e9


def problem(widths, inputs, activation, bias):
    """A network, a θ with all parameters away from 0, and data."""
    rng = np.random.default_rng(0)
    net = Network(inputs, widths, activation, bias)
    data = Dataset(rng.normal(size=(SAMPLES, inputs)), rng.normal(size=SAMPLES))
    return net, net.initialise(rng) + 0.3 * rng.normal(size=net.parameters), data


def measured(case, dgemm, seconds):
    """One row: our times and their parts. Calls of all kinds alternate, so that a change of the processor's speed concerns all."""
    net, theta, data = problem(*case)
    functions = {"gradient": lambda: net.loss_and_gradient(theta, data), "both": lambda: net.derivatives(theta, data)}
    for function in functions.values():
        function()
    times, begin = {name: [] for name in functions}, time.process_time()
    while len(times["both"]) < 5 * IN_A_ROW or time.process_time() - begin < seconds:
        dgemm.take()
        for name, function in functions.items():
            times[name] += [seconds_of(function) for _ in range(IN_A_ROW)]
    row = {name: min(some) / SAMPLES * 1e9 for name, some in times.items()}
    row["activations"] = activation_time(net) * sum(net.widths)
    described = {"widths": list(case[0]), "d": case[1], "activation": case[2], "bias": case[3], "parameters": net.parameters}
    return described | {"multiplications": multiplications(net)} | row


def numpy_times(case):
    """`inspection.objective`: gradient by matrix products, Hessian by products with the unit vectors, in NumPy."""
    net, theta, data = problem(*case)
    model = from_layers(net.unpack(theta), net.activation)
    objective = Objective(model, samples_for(model, data.x, data.y), loss_named("mse"))
    assert np.allclose(objective.hessian(), net.hessian(theta, data), rtol=1e-9, atol=1e-12)
    times = {name: min(seconds_of(getattr(objective, name)) for _ in range(3)) for name in ("gradient", "hessian")}
    return {name: some / SAMPLES * 1e9 for name, some in times.items()}


def library_times(peer, cases):
    """Of jax or torch: `peers/of_kernels.py` in its environment, with the same numbers; None for each case where that is missing."""
    python = ENVIRONMENTS[peer] / "bin" / "python"
    if not python.exists():
        print(f"{peer}: no {ENVIRONMENTS[peer].name}, so it is left out")
        return [None] * len(cases)
    arrays, squares = {}, []
    for number, case in enumerate(cases):
        net, theta, data = problem(*case)
        arrays |= {f"x_{number}": data.x, f"y_{number}": data.y, f"theta_{number}": theta}
        squares.append((net.hessian(theta, data) ** 2).sum())
    described = [{"widths": case[0], "activation": case[2], "bias": case[3]} for case in cases]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.npz"
        np.savez(path, cases=json.dumps(described), **arrays)
        script = ROOT / "benchmarks" / "peers" / "of_kernels.py"
        done = subprocess.run([python, script, peer, path], stdout=subprocess.PIPE, text=True, check=True)
    results = json.loads(done.stdout.splitlines()[-1])
    for result, expected in zip(results, squares):
        assert np.isclose(result.pop("squares"), expected, rtol=1e-9), f"{peer} has another Hessian"
    return results


def named(row):
    return f"{row['widths']}, d = {row['d']}"


def table(rows, peers):
    """The lines of the table, in Markdown."""
    heads = ["network", "P", "gradient", "with Hessian", "products", "activations", "left", "× products"]
    heads += [f"{peer}: gradient, Hessian" for peer in peers]
    lines = [" | ".join(heads), " | ".join(["---"] * len(heads))]
    for row in rows:
        cells = [named(row), str(row["parameters"]), *(f"{row[key]:.1f}" for key in ("gradient", "both", *PARTS))]
        cells.append(f"{row['both'] / row['products']:.1f}")
        for peer in peers:
            times = row[peer]
            cells.append(f"{times['gradient'] / row['gradient']:.1f}, {times['hessian'] / row['both']:.0f}" if times else "")
        lines.append(" | ".join(cells))
    return [f"| {line} |" for line in lines]


def picture(rows, peers):
    """Left the parts of our time, right the peers' times for the Hessian in multiples of ours."""
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    shares, ratios = figure.subplots(1, 2, sharey=True)
    places, left = np.arange(len(rows)), np.zeros(len(rows))
    for part, label in PARTS.items():
        values = np.array([max(row[part], 0.0) / row["both"] for row in rows])
        shares.barh(places, values, left=left, label=label, height=0.7)
        left += values
    for row, place in zip(rows, places):
        shares.text(1.01, place, f"{row['both']:.0f} ns", va="center", fontsize=7)
    shares.set(xlim=(0, 1.15), xlabel="share of the time for gradient and Hessian", yticks=places, yticklabels=map(named, rows))
    shares.invert_yaxis()
    for peer, marker in zip(peers, "os^"):
        known = [(row[peer]["hessian"] / row["both"], place) for row, place in zip(rows, places) if row[peer]]
        if known:
            ratios.plot(*zip(*known), marker, label=peer)
    ratios.axvline(1.0, color="0.6", lw=0.8)
    ratios.set(xscale="log", xlabel="Hessian: time / ours")
    for axes in (shares, ratios):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=7, loc="upper center", bbox_to_anchor=(0.5, 1.14), ncols=3)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="for each network of ours, about (default 1)")
    parser.add_argument("--peers", nargs="*", choices=["numpy", "jax", "torch"], default=["numpy", "jax", "torch"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    dgemm = Dgemm()
    rows = [measured(case, dgemm, options.seconds) for case in CASES]
    for row in rows:
        row["products"] = row["multiplications"] / dgemm.best * 1e9
        row["left"] = row["both"] - row["products"] - row["activations"]
    for peer in options.peers:
        found = [numpy_times(case) for case in CASES] if peer == "numpy" else library_times(peer, CASES)
        for row, times in zip(rows, found):
            row[peer] = times
    print("\n".join(table(rows, options.peers)))
    about = {"dgemm_gflops": 2e-9 * dgemm.best, "unit": "ns a sample", "samples": SAMPLES, "numpy": np.__version__}
    about["processor"] = platform.processor() or platform.machine()
    if options.json:
        options.json.write_text(json.dumps(about | {"networks": rows}, indent=1) + "\n")
    if options.plot:
        picture(rows, options.peers).savefig(options.plot, dpi=200)


if __name__ == "__main__":
    main()
