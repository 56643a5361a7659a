"""Would conjugate gradients in place of Hessians pay in Newton's iteration? The products Hv that they need, along flows.

    python benchmarks/krylov.py [--seeds 2]

A step of the flow solves (I + cH) d = −residual, with c about a tenth of t. With products Hv alone, each about two gradients, that is
done by conjugate gradients; `break-even` is the number of products that cost as much as one Hessian. The residual is a random one, of
which a thousandth may be left. Where I + cH is indefinite the iteration does not apply. Points are evenly spaced in log t, between the
first step and the end of a flow. Counts but for the break-even, which is of one run's times.
"""

import argparse
import time

import numpy as np
from scipy.sparse.linalg import cg

from flatchannels import Network, gradient_flow
from flatchannels.data.datasets import make
from flatchannels.dynamics.objectives import Objective

CASES = [((4,), 2), ((8,), 8), ((16,), 8), ((4, 4), 4), ((4, 4, 4), 4)]  # widths, inputs
STEP = 0.1  # c, in t
LEFT = 1e-3  # of the residual
POINTS = 30
PRODUCT = 2.0  # gradients that a product Hv costs


def products(hessian, c, generator):
    """How many products Hv solve (I + cH) d = −residual, at most ten times P; NaN where it is indefinite."""
    matrix = np.eye(len(hessian)) + c * hessian
    if np.linalg.eigvalsh(matrix)[0] <= 0:
        return np.nan
    count = 0

    def counted(_):
        nonlocal count
        count += 1

    cg(matrix, generator.normal(size=len(hessian)), rtol=LEFT, maxiter=10 * len(hessian), callback=counted)
    return count


def seconds(function, theta, repetitions=20):
    """Least processor time of a call."""
    times = []
    for _ in range(repetitions):
        begin = time.process_time()
        function(theta)
        times.append(time.process_time() - begin)
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    for widths, inputs in CASES:
        net = Network(inputs, widths, "softplus", True)
        objective = Objective(net, make({"target": "rosenbrock", "inputs": "normal", "samples": 10_000}, inputs, 1, f"benchmark-d{inputs}"))
        counts, positions = [], []
        for seed in range(1, options.seeds + 1):
            generator = np.random.default_rng(seed)
            flow = gradient_flow(objective, net.initialise(generator), samples=400)
            chosen = np.searchsorted(flow.t, np.geomspace(flow.t[1], flow.t_end, POINTS)).clip(1, len(flow.t) - 1)
            counts += [products(objective.derivatives(flow.theta[k])[2], STEP * flow.t[k], generator) for k in chosen]
            positions += list(range(POINTS))
        counts, positions = np.array(counts), np.array(positions)
        even = seconds(objective.derivatives, flow.theta_end) / seconds(objective.loss_and_gradient, flow.theta_end) / PRODUCT
        thirds = [f"{np.nanmedian(counts[positions * 3 // POINTS == third]):.0f}" for third in range(3)]
        print(
            f"{list(widths)}, d = {inputs}: P = {net.parameters}, break-even {even:.1f}; "
            f"products in the first, second and last third of log t: {', '.join(thirds)}; "
            f"worth it at {np.mean(counts < even):.0%} of the points, indefinite at {np.mean(np.isnan(counts)):.0%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
