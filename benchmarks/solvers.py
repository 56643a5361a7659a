"""The gradient flow of one network by our solver beside scipy's stiff solvers, with the same analytic Hessian.

    python benchmarks/solvers.py [--seconds 60]

Each solver integrates from the same start to the time at which ours ends; scipy's are given up after --seconds. Seconds,
evaluations and the loss reached, in one process on one core: compare the ratios, not the times, between machines.
"""

import argparse
import time

import numpy as np
from scipy.integrate import solve_ivp

from flatchannels import Network
from flatchannels.data.datasets import make
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.training import Objective

CASES = [((4,), 2, "erf"), ((4,), 4, "g"), ((4,), 4, "softplus"), ((4, 4), 4, "softplus")]


class GivenUp(Exception):
    """The time is over."""


def integrate(objective, theta, t_end, method, rtol, seconds):
    """scipy's `method` from 0 to t_end or until the seconds are over: time reached, loss, evaluations, seconds."""
    begin, reached, count = time.perf_counter(), [0.0, theta], [0, 0]

    def slope(t, point):
        count[0] += 1
        if time.perf_counter() - begin > seconds:
            raise GivenUp
        if t > reached[0]:
            reached[:] = t, point.copy()
        return -objective.loss_and_gradient(point)[1]

    def jacobian(t, point):
        count[1] += 1
        return -objective.derivatives(point)[2]

    try:
        solution = solve_ivp(slope, (0, t_end), theta, method=method, jac=jacobian, rtol=rtol, atol=1e-3 * rtol)
        reached[:] = solution.t[-1], solution.y[:, -1]
    except GivenUp:
        pass
    return reached[0], objective.loss_and_gradient(reached[1])[0], count, time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rtol", type=float, default=1e-5)
    options = parser.parse_args()
    for widths, inputs, activation in CASES:
        data = make({"target": "rosenbrock", "inputs": "normal", "samples": 10_000}, inputs, 1, f"benchmark-d{inputs}")
        net = Network(inputs, widths, activation, True)
        objective, theta = Objective(net, data), net.initialise(np.random.default_rng(1))
        flow = gradient_flow(objective, theta, rtol=options.rtol, maxnorm=1e3)
        print(
            f"{list(widths)}, d={inputs}, {activation}: ours {flow.stop.name} at t = {flow.t_end:.1e}, loss {flow.loss_end:.10f}, "
            f"{flow.gradients} gradients, {flow.hessians} Hessians, {flow.seconds:.2f} s",
            flush=True,
        )
        for method in ("BDF", "Radau", "LSODA"):
            t, loss, count, seconds = integrate(objective, theta, flow.t_end, method, options.rtol, options.seconds)
            print(
                f"    {method:6} reached t = {t:.1e}, loss {loss:.10f}, {count[0]} gradients, {count[1]} Hessians, "
                f"{seconds:.2f} s, {seconds / flow.seconds:.1f} times ours{'' if t >= flow.t_end else ', given up'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
