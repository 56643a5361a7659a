"""Gradient flows by our solver beside those of libraries, with the same kernels, Hessians and tolerances: cost, ends, errors.

    python benchmarks/solvers.py [--cases 0 1 …] [--seeds 4] [--methods LSODA …] [--rtol 1e-5] [--patience 10] [--json FILE] [--plot FILE]

All solvers start from the same points, six networks with some seeds each, of which about half lead into channels. Peers stop at the wall,
or at the time at which ours came to its end: by themselves they know neither. Ours goes on along the wall, and is charged for it. Costs are
seconds of the processor on one core; compare ratios, not times. A peer that is not done after --patience times our seconds, or fails, is
counted as that.

`error` is the distance of θ, relative, from a reference at the last time before the wall, a hundredth of the end of the others; the
reference is LSODA's at a thousandth of the tolerance. --errors turns it on: it costs as much as all the rest.
CVODE takes part where scikit-sundae is installed, Kvaerno5 where diffrax is: `make peers-environment` installs both into .venv-peers.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.integrate import BDF, LSODA, Radau

from flatchannels import Network
from flatchannels.data.datasets import make
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.objectives import Objective
from flatchannels.dynamics.training import compile_kernels

try:
    from sksundae.cvode import CVODE
except ImportError:
    CVODE = None
try:
    from peers.diffrax_steps import diffrax_steps
except ImportError:
    diffrax_steps = None

CASES = [
    ((4,), 2, "softplus"), ((4,), 4, "g"), ((8,), 2, "softplus"), ((8,), 8, "softplus"), ((4, 4), 4, "softplus"), ((16,), 4, "erf"),
]  # fmt: skip
MAXNORM = 1e3
SCIPY = {"LSODA": LSODA, "BDF": BDF, "Radau": Radau}
REFINED = 1e-3  # tolerance of the reference
DONE = "time", "wall"  # how an integration ends that came to its end


class GivenUp(Exception):
    """The time is over."""


class Watched:
    """The flow of an objective as peers want it, which counts, and ends when the seconds are over."""

    def __init__(self, objective, seconds, squared_wall):
        self.objective, self.limit, self.squared_wall = objective, seconds, squared_wall
        self.gradients, self.hessians = 0, 0
        self.start()

    def start(self):
        """Set the clock to 0."""
        self.began = time.process_time()

    def seconds(self):
        """Of the processor, since the start."""
        return time.process_time() - self.began

    def check(self):
        """Give up if the time is over."""
        if self.seconds() > self.limit:
            raise GivenUp

    def slope(self, t, theta):
        """−∇L (P,)."""
        self.check()
        self.gradients += 1
        return -self.objective.loss_and_gradient(theta)[1]

    def jacobian(self, t, theta):
        """−H (P, P)."""
        self.check()
        self.hessians += 1
        return -self.objective.derivatives(theta)[2]


def scipy_steps(method, flow, theta, t_end, rtol):
    """(t, θ) after every step of one of scipy's solvers."""
    solver = SCIPY[method](flow.slope, 0.0, theta, t_end, rtol=rtol, atol=1e-3 * rtol, jac=flow.jacobian)
    while solver.status == "running":
        solver.step()
        if solver.status == "failed":
            raise ArithmeticError(method)
        yield solver.t, solver.y


def cvode_steps(method, flow, theta, t_end, rtol):
    """(t, θ) after every step of SUNDIALS' CVODE."""

    def slope(t, theta, out):
        out[:] = flow.slope(t, theta)

    def jacobian(t, theta, before, out):
        out[:] = flow.jacobian(t, theta)

    solver = CVODE(slope, jacfn=jacobian, rtol=rtol, atol=1e-3 * rtol, linsolver="dense", max_num_steps=10**6)
    solver.init_step(0.0, theta)
    t = 0.0
    while t < t_end:
        step = solver.step(t_end, method="onestep", tstop=t_end)
        if not step.success:
            raise ArithmeticError(method)
        t = float(np.ravel(step.t)[-1])
        yield t, np.reshape(step.y, (-1, theta.size))[-1]


PEERS = {name: scipy_steps for name in SCIPY}
PEERS |= {"CVODE": cvode_steps} if CVODE else {}
PEERS |= {"Kvaerno5": diffrax_steps} if diffrax_steps else {}


def integrate(method, objective, theta, t_end, rtol, seconds):
    """One flow by a peer, to t_end or the wall: what became of it."""
    flow, end = Watched(objective, seconds, 2 * theta.size * MAXNORM), "time"
    t, point = 0.0, theta
    try:
        for now, there in PEERS[method](method, flow, theta, t_end, rtol):
            t, point = now, there
            if point @ point >= flow.squared_wall:
                end = "wall"
                break
    except GivenUp:
        end = "given up"
    except ArithmeticError:
        end = "failed"
    cost = flow.seconds()
    loss = objective.loss_and_gradient(point)[0] if np.isfinite(point).all() else np.nan
    return {"end": end, "t": t, "loss": loss, "seconds": cost, "gradients": flow.gradients, "hessians": flow.hessians, "theta": point}


def warm_up(methods, rtol):
    """A short flow by each peer: what the first call in a process loads and compiles is not to be measured."""
    net = Network(2, (1,), "softplus", True)
    objective = Objective(net, make({"target": "rosenbrock", "inputs": "normal", "samples": 100}, 2, 1, "benchmark-d2"))
    for method in methods:
        integrate(method, objective, net.initialise(np.random.default_rng(1)), 1e-3, rtol, 60.0)


def ours(objective, theta, rtol, maxnorm=MAXNORM, max_t=1e16):
    """One flow by our solver, to its own end."""
    begin = time.process_time()
    flow = gradient_flow(objective, theta, rtol=rtol, maxnorm=maxnorm, max_t=max_t, samples=400)
    return flow, time.process_time() - begin


def errors(objective, theta, flow, methods, rtol, seconds):
    """|θ − reference| / |reference| by solver, on the way: at the last sample before the wall, or at a hundredth of the end."""
    inside = (flow.theta**2).sum(axis=1) < 2 * theta.size * MAXNORM * (1 - 1e-3)
    t = flow.t[inside][-1] if not inside.all() else flow.t_end / 100
    reference = integrate("LSODA", objective, theta, t, REFINED * rtol, 5 * seconds)
    if reference["end"] != "time":
        return {}
    ends = {"ours": _at(objective, ours(objective, theta, rtol, np.inf, t)[0], t)}
    for method in methods:
        peer = integrate(method, objective, theta, t, rtol, seconds)
        if peer["end"] == "time":
            ends[method] = peer["theta"]
    length = np.linalg.norm(reference["theta"])
    return {method: float(np.linalg.norm(end - reference["theta"]) / length) for method, end in ends.items()}


def _at(objective, flow, t):
    """θ(t) of a flow that has gone a little further: its last samples, interpolated in log t."""
    after = int(np.searchsorted(flow.t, t).clip(1, len(flow.t) - 1))
    share = np.log(t / flow.t[after - 1]) / np.log(flow.t[after] / flow.t[after - 1])
    return flow.theta[after - 1] + share * (flow.theta[after] - flow.theta[after - 1])


def one_start(widths, inputs, activation, seed, options):
    """Every solver from one start: a record."""
    data = make({"target": "rosenbrock", "inputs": "normal", "samples": 10_000}, inputs, 1, f"benchmark-d{inputs}")
    net = Network(inputs, widths, activation, True)
    objective, theta = Objective(net, data), net.initialise(np.random.default_rng(seed))
    flow, cost = ours(objective, theta, options.rtol)
    record = {"network": f"{list(widths)}, d={inputs}, {activation}", "seed": seed, "stop": flow.stop.name, "t": flow.t_end,
              "ours": {"seconds": cost, "loss": flow.loss_end, "gradients": flow.gradients, "hessians": flow.hessians}}  # fmt: skip
    seconds = options.patience * cost
    for method in options.methods:
        record[method] = integrate(method, objective, theta, flow.t_end, options.rtol, seconds)
        record[method].pop("theta")
    record["errors"] = errors(objective, theta, flow, options.methods, options.rtol, seconds) if options.errors else {}
    return record


def line(record, methods):
    """One line of the table: cost of ours, then of each peer in units of it, and by how much its loss differs."""
    text = f"{record['network']:26} {record['seed']:2} {record['stop']:10} {record['ours']['seconds']:6.2f} s {_counts(record['ours'])}"
    for method in methods:
        peer = record[method]
        ratio, drift = peer["seconds"] / record["ours"]["seconds"], abs(peer["loss"] / record["ours"]["loss"] - 1)
        text += f" | {method} {ratio:5.2f} {_counts(peer)} {f'{drift:.0e}' if peer['end'] in DONE else peer['end']}"
    return text


def _counts(solution):
    return f"{solution['gradients']:6} g {solution['hessians']:5} H"


def summary(records, methods):
    """For each peer: median and extremes of its cost in units of ours, and how many did not come to the end."""
    for method in methods:
        done = [record for record in records if record[method]["end"] in DONE]
        ratios = [record[method]["seconds"] / record["ours"]["seconds"] for record in done]
        spread = f"{np.median(ratios):.2f} times ours, {min(ratios):.2f} to {max(ratios):.2f}" if ratios else "none finished"
        found = [record["errors"][method] / record["errors"]["ours"] for record in done if {method, "ours"} <= record["errors"].keys()]
        beside = f"; error {np.median(found):.2g} times ours" if found else ""
        print(f"{method:6} median {spread}; {len(records) - len(done)} of {len(records)} unfinished{beside}")


def draw(records, methods, path):
    """Cost of each peer against ours, start by start; crosses did not come to the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 4.5), layout="constrained")
    for k, method in enumerate(methods):
        for done, marker in ((True, "o"), (False, "x")):
            chosen = [record for record in records if (record[method]["end"] in DONE) == done]
            points = [(record["ours"]["seconds"], record[method]["seconds"]) for record in chosen]
            if points:
                axes.plot(*np.transpose(points), marker, color=f"C{k}", label=method if done else f"{method}, unfinished", markersize=4)
    low, high = (extreme(record["ours"]["seconds"] for record in records) for extreme in (min, max))
    axes.plot([low, high], [low, high], "k-", linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlabel="seconds, ours", ylabel="seconds, the peer")
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=150)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)), help="numbers of the networks")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--methods", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--rtol", type=float, default=1e-5)
    parser.add_argument("--patience", type=float, default=10.0, help="seconds of a peer, in units of ours, after which it is given up")
    parser.add_argument("--errors", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    compile_kernels()
    warm_up(options.methods, options.rtol)
    records = []
    for widths, inputs, activation in (CASES[k] for k in options.cases):
        for seed in range(1, options.seeds + 1):
            records.append(one_start(widths, inputs, activation, seed, options))
            print(line(records[-1], options.methods), flush=True)
    summary(records, options.methods)
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))
    if options.plot:
        draw(records, options.methods, options.plot)


if __name__ == "__main__":
    main()
