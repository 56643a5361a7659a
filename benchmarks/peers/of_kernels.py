"""Loss, gradient and Hessian in jax or torch: what an environment of their own runs for `kernels.py`.

    python benchmarks/peers/of_kernels.py jax|torch CASES.npz

CASES.npz holds for case number i: x_i (N, d), y_i, theta_i, and in the JSON string `cases` its widths, activation and bias. Written to
standard output is one line of JSON: for each case the processor time of gradient and Hessian in ns a sample, and the sum of the Hessian's
squares, by which the caller sees that it is the same. float64, one thread, compiled by jax.jit; torch by its vmapped functions.
"""

import json
import sys
import time

import numpy as np

PEER_SECONDS = 1.0  # for each figure, about


def least_time(function, samples):
    """The least processor time of a call among several in a second, in ns a sample; the first call, which compiles, does not count."""
    function()
    times, begin = [], time.perf_counter()
    while len(times) < 3 or (time.perf_counter() - begin < PEER_SECONDS and len(times) < 1000):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times) / samples * 1e9


def loss_of(matrices_of, activation, mean):
    """The loss θ, x, y → Σ (f − y)² / N of a network, in either library."""

    def loss(theta, x, y):
        h = x
        layers = matrices_of(theta)
        for number, matrix in enumerate(layers):
            inputs = h.shape[1]
            z = h @ matrix[:, :inputs].T
            if matrix.shape[1] > inputs:
                z = z + matrix[:, inputs]
            h = z if number == len(layers) - 1 else activation(z)
        return mean((h[:, 0] - y) ** 2)

    return loss


def matrices(theta, sizes, bias):
    """[W | b] of every layer."""
    first, result = 0, []
    for below, out in zip(sizes, sizes[1:]):
        columns = below + bias
        result.append(theta[first : first + out * columns].reshape(out, columns))
        first += out * columns
    return result


def with_jax(sizes, activation, bias, x, y, theta):
    """Functions without arguments: gradient, Hessian."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    functions = {"softplus": jax.nn.softplus, "g": lambda z: jax.nn.sigmoid(4 * z) + jax.nn.softplus(z)}
    loss = loss_of(lambda theta: matrices(theta, sizes, bias), functions[activation], jnp.mean)
    x, y, theta = map(jnp.asarray, (x, y, theta))
    gradient, hessian = jax.jit(jax.value_and_grad(loss)), jax.jit(jax.hessian(loss))
    return lambda: jax.block_until_ready(gradient(theta, x, y)), lambda: jax.block_until_ready(hessian(theta, x, y))


def with_torch(sizes, activation, bias, x, y, theta):
    """Functions without arguments: gradient, Hessian."""
    import torch

    torch.set_num_threads(1)
    softplus = torch.nn.functional.softplus
    functions = {"softplus": softplus, "g": lambda z: torch.sigmoid(4 * z) + softplus(z)}
    loss = loss_of(lambda theta: matrices(theta, sizes, bias), functions[activation], torch.mean)
    x, y, theta = (torch.tensor(array, dtype=torch.float64) for array in (x, y, theta))
    gradient, hessian = torch.func.grad_and_value(loss), torch.func.hessian(loss)
    return lambda: gradient(theta, x, y), lambda: hessian(theta, x, y)


def main():
    """One line for each case, as soon as it is done, on standard error; all as JSON at the end."""
    peer, path = sys.argv[1:]
    make = {"jax": with_jax, "torch": with_torch}[peer]
    given, results = np.load(path), []
    for number, case in enumerate(json.loads(str(given["cases"]))):
        x, y, theta = (given[f"{name}_{number}"] for name in ("x", "y", "theta"))
        sizes = [x.shape[1], *case["widths"], 1]
        gradient, hessian = make(sizes, case["activation"], case["bias"], x, y, theta)
        squares = float((np.asarray(hessian()) ** 2).sum())
        results.append({"gradient": least_time(gradient, len(x)), "hessian": least_time(hessian, len(x)), "squares": squares})
        print(f"{peer}: {case['widths']}, d = {x.shape[1]}: {results[-1]['hessian']:.0f} ns", file=sys.stderr, flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
