"""What each constant of the flow is worth: Hessians and ends of the same starts with the constant smaller and larger.

    python benchmarks/constants.py [--seeds 2] [--only FRESH_STEPS …]

Counts, not times: the table does not depend on the machine. It is the one in docs/numerics.md.
"""

import argparse
from types import ModuleType

import numpy as np

from flatchannels import Network
from flatchannels.data.datasets import make
from flatchannels.dynamics import curvature, flow, implicit, integrator, ndf, polish, stopping
from flatchannels.dynamics.training import train

MODULES = [curvature, flow, implicit, integrator, ndf, polish, stopping]
VARIANTS = {
    "FAST_CONTRACTION": (0.1, 0.4),
    "SLOW_CONTRACTION": (0.5, 1.0),
    "FRESH_STEPS": (10, 100),
    "CURVATURE_AGE": (1, 100),
    "LOSS_RISE": (1e-9, 1e-5),
    "LOOSE": (0.03, 0.9),
    "NEWTON_ITERATIONS": (5, 20),
    "KEPT_SIZE": (20, 1000),
    "KEPT_ITERATIONS": (3, 8),
    "KEPT_AGE": (1.1, 3.0),
    "LONGEST_PAUSE": (8, 512),
    "PATIENCE_WITH_ORDER": (2, 6),
    "FIRST_MOVE": (1e-3, 0.1),
    "STATIONARY_STEP": (1e-8, 1e-6),
    "STATIONARY_DECREASE": (1e-13, 1e-11),
    "FLAT_CHANGE": (1e-13, 1e-11),
    "PATIENCE": (3, 12),
}
CASES = [
    ((4,), 2, "softplus", True),
    ((3,), 2, "g", False),
    ((4,), 4, "erf", True),
    ((8,), 8, "softplus", True),
    ((4, 4), 4, "softplus", True),
]
SPEC = {"target": "rosenbrock", "inputs": "normal", "samples": 2_000}


def changed(name: str, value: float) -> list[tuple[ModuleType, float]]:
    """Set a constant in every module that has it; returns what it was in each.  KeyError for one that no module has."""
    before = [(module, getattr(module, name)) for module in MODULES if hasattr(module, name)]
    if not before:
        raise KeyError(f"no module of the flow has a constant {name}")
    for module, _ in before:
        setattr(module, name, value)
    return before


def runs(seeds: int) -> list:
    """All runs of the cases."""
    result = []
    for widths, inputs, activation, bias in CASES:
        data, net = make(SPEC, inputs, 1, f"benchmark-d{inputs}"), Network(inputs, widths, activation, bias)
        result += [train(net, data, seed=seed, spectrum_samples=1) for seed in range(seeds)]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=VARIANTS, help="constants to vary")
    options = parser.parse_args()
    as_it_is = runs(options.seeds)
    hessians = np.array([run.flow.hessians for run in as_it_is])
    print(f"{len(as_it_is)} runs, {hessians.sum()} Hessians; ends other than as it is, of {len(as_it_is)}", flush=True)
    print("| constant | value | smaller, larger | Hessians | of a run, median | other ends |\n|---|---|---|---|---|---|", flush=True)
    for name in options.only:
        ratios, medians, others = [], [], []
        for value in VARIANTS[name]:
            before = changed(name, value)
            varied = runs(options.seeds)
            for module, old in before:
                setattr(module, name, old)
            counts = np.array([run.flow.hessians for run in varied])
            ratios.append(counts.sum() / hessians.sum())
            medians.append(np.median(counts / hessians))
            others.append(sum(abs(a.loss / b.loss - 1) > 1e-9 for a, b in zip(varied, as_it_is)))
        low, high = VARIANTS[name]
        print(
            f"| `{name}` | {before[0][1]:g} | {low:g}, {high:g} | {ratios[0]:.2f}, {ratios[1]:.2f} | {medians[0]:.2f}, {medians[1]:.2f} "
            f"| {others[0]}, {others[1]} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
