"""Do runs from random initialisations end by themselves, how, and in how many steps?

    python benchmarks/flows.py [--seeds 4] [--check]

Runs (r, d) = (4, 2), (4, 4), (8, 8), (16, 16) and [4, 4] at d = 4, with g, softplus and erf. With --check every run is
repeated at rtol 1e-8 from the same start and the final losses compared. Where jax is installed, the time of a run is also
given in evaluations of the same network's Hessian by jax, which can be compared between machines.
"""

import argparse
from collections import Counter

import kernels  # first: it sets what jax and BLAS read when they are loaded
import numpy as np

from flatchannels import Network, train
from flatchannels.data.datasets import make
from flatchannels.dynamics.training import compile_kernels

CASES = [((4,), 2), ((4,), 4), ((8,), 8), ((4, 4), 4), ((16,), 16)]
SPEC = {"target": "rosenbrock", "inputs": "normal", "samples": 10_000}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rtol", type=float, default=1e-5)
    parser.add_argument("--max-seconds", type=float, default=3600.0)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)), help="numbers of the sizes to run")
    parser.add_argument("--check", action="store_true", help="repeat every run at rtol 1e-8")
    options = parser.parse_args()
    compile_kernels()
    for widths, inputs in (CASES[k] for k in options.cases):
        data = make(SPEC, inputs, 1, f"benchmark-d{inputs}")
        for activation in ("g", "softplus", "erf"):
            net = Network(inputs, widths, activation, True)
            runs = [train(net, data, seed=seed, rtol=options.rtol, max_seconds=options.max_seconds) for seed in range(options.seeds)]
            flows = [run.flow for run in runs]
            medians = [int(np.median([getattr(flow, name) for flow in flows])) for name in ("steps", "rejections", "gradients", "hessians")]
            stops = ", ".join(f"{count} {stop}" for stop, count in sorted(Counter(run.stop.name for run in runs).items()))
            seconds = [flow.seconds + run.polish.seconds for flow, run in zip(flows, runs)]
            hessian = kernels.jax_times(net, runs[0].theta_initial, data)[1] * kernels.SAMPLES / 1e9
            agree = ""
            if options.check:
                tight = [train(net, data, seed=seed, rtol=1e-8, max_seconds=options.max_seconds) for seed in range(options.seeds)]
                same = [abs(a.loss / b.loss - 1) < 1e-9 for a, b in zip(runs, tight)]
                agree = f" | rtol 1e-8 agrees {sum(same)}/{len(same)}"
            print(
                f"{list(widths)}, d={inputs}, {activation:8} | {stops:42} | median steps, rejections, gradients, Hessians "
                f"{medians} | seconds {np.median(seconds):.2f}, longest {max(seconds):.2f} "
                f"(in Hessians by jax {np.median(seconds) / hessian:.1f}, {max(seconds) / hessian:.1f}) | worst ‖∇(L + R)‖∞ "
                f"{max(run.gradient_norm for run in runs):.0e} | largest t {max(flow.t_end for flow in flows):.0e}{agree}",
                flush=True,
            )


if __name__ == "__main__":
    main()
