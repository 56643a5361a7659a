"""Loss gradient and Hessian of our kernels beside jax, on one core, in the same process.

    python benchmarks/kernels.py        needs jax; without it only our own times are shown

Each figure is the least of several repetitions, in ns per sample. Compare the ratios, not the times, between machines.
"""

import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

import time  # noqa: E402

import numpy as np  # noqa: E402

from flatchannels import Dataset, Network  # noqa: E402

try:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
except ImportError:
    jax = None

SAMPLES = 10_000
CASES = [
    ((4,), 2, "g", False),
    ((4,), 4, "softplus", True),
    ((8,), 8, "softplus", True),
    ((16,), 16, "softplus", True),
    ((4, 4), 4, "softplus", True),
    ((4, 4), 16, "softplus", True),
    ((4, 4, 4), 4, "softplus", True),
    ((4, 4, 4), 16, "softplus", True),
]


def least_time(function, seconds=0.6, repetitions=5):
    """The least mean time of a call over several repetitions of about `seconds` together, in ns per sample."""
    function()
    start = time.perf_counter()
    function()
    calls = max(1, int(seconds / repetitions / (time.perf_counter() - start)))
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        for _ in range(calls):
            function()
        times.append((time.perf_counter() - start) / calls)
    return min(times) / SAMPLES * 1e9


def jax_functions(net):
    """Compiled value-and-gradient and Hessian of the same loss."""
    activation = {
        "softplus": jax.nn.softplus,
        "g": lambda z: jax.nn.sigmoid(4 * z) + jax.nn.softplus(z),
        "erf": lambda z: jax.lax.erf(z / 2**0.5),
    }[net.activation]

    def loss(theta, x, y):
        h, first = x, 0
        for layer, (rows, columns) in enumerate(net.shapes):
            matrix = theta[first : first + rows * columns].reshape(rows, columns)
            first += rows * columns
            z = h @ matrix[:, : h.shape[1]].T + (matrix[:, -1] if net.bias else 0.0)
            h = z if layer == len(net.shapes) - 1 else activation(z)
        return jnp.mean((h[:, 0] - y) ** 2)

    return jax.jit(jax.value_and_grad(loss)), jax.jit(jax.hessian(loss))


def jax_times(net, theta, data):
    """What jax takes for loss and gradient, and for the Hessian, in ns per sample; nan without jax."""
    if not jax:
        return float("nan"), float("nan")
    first, second = jax_functions(net)
    assert np.allclose(second(theta, data.x, data.y), net.hessian(theta, data), atol=1e-10)
    return (
        least_time(lambda: jax.block_until_ready(first(theta, data.x, data.y))),
        least_time(lambda: jax.block_until_ready(second(theta, data.x, data.y)), repetitions=3),
    )


def compare(widths, inputs, activation, bias):
    """One line of the table."""
    rng = np.random.default_rng(0)
    net = Network(inputs, widths, activation, bias)
    x, y = rng.normal(size=(SAMPLES, inputs)), rng.normal(size=SAMPLES)
    data, theta = Dataset(x, y), net.initialise(rng)
    gradient = least_time(lambda: net.loss_and_gradient(theta, data))
    hessian = least_time(lambda: net.derivatives(theta, data))
    peers = jax_times(net, theta, data)
    name = f"{list(widths)}, d={inputs}"
    print(
        f"{name:>14} {net.parameters:4d} | {gradient:9.1f} {peers[0]:8.1f} {gradient / peers[0]:6.3f} | "
        f"{hessian:9.1f} {peers[1]:9.1f} {hessian / peers[1]:6.4f}",
        flush=True,
    )


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{'network':>14} {'P':>4} | {'gradient':>9} {'jax':>8} {'ratio':>6} | {'+ Hessian':>9} {'jax':>9} {'ratio':>6}")
    for case in CASES:
        compare(*case)


if __name__ == "__main__":
    main()
