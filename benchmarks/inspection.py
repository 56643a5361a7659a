"""Time and memory of `inspect`: weights alone up to 10⁶ parameters, with data and Hessian up to 10⁴. Each case in a process of its own.

python benchmarks/inspection.py
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np

from flatchannels.inspection.inspection import inspect

# sizes from inputs to outputs, samples (0: without data)
CASES = [
    ([16, 64, 64, 1], 0), ([100, 300, 200, 10], 0), ([500, 900, 600, 10], 0), ([784, 1024, 192, 10], 0), ([100, 5000, 100, 5], 0),
    ([10, 20000, 10], 0), ([8, 16, 1], 10_000), ([8, 16, 16, 1], 10_000), ([16, 64, 64, 10], 1000), ([64, 96, 40, 10], 1000),
]  # fmt: skip


def case(sizes: list[int], samples: int) -> dict:
    """Seconds and peak memory for a random network; with the products that the Hessian's eigenvalues took."""
    random = np.random.default_rng(0)
    layers = [(random.normal(size=(out, below)) / np.sqrt(below), random.normal(size=out)) for below, out in zip(sizes, sizes[1:])]
    data = (random.normal(size=(samples, sizes[0])), random.normal(size=(samples, sizes[-1]))) if samples else None
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    found = inspect(layers, "tanh", data)
    seconds, peak = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spectrum = found.evidence.spectrum if found.evidence else None
    return {
        "parameters": found.model.parameters,
        "seconds": seconds,
        "MiB": (peak - before) / 1024,
        "spectrum": spectrum and vars(spectrum),
    }


def main() -> None:
    """All cases, a line each."""
    print(f"{'network':24} {'parameters':>10} {'samples':>8} {'seconds':>8} {'MiB':>6}  products")
    for sizes, samples in CASES:
        command = [sys.executable, __file__, json.dumps(sizes), str(samples)]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ends = found["spectrum"]
        told = "" if ends is None else f"{ends['products'] or 'dense'}{'' if np.isfinite(ends['resolution']) else ' (not converged)'}"
        name = "-".join(map(str, sizes))
        print(f"{name:24} {found['parameters']:10} {samples:8} {found['seconds']:8.2f} {found['MiB']:6.0f}  {told}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(case(json.loads(sys.argv[1]), int(sys.argv[2]))))
    else:
        main()
