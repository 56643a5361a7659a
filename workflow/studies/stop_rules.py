"""What a limit on time, or the stop rule and solver of the original, would change in the shares of channels.

    PYTHONPATH=workflow python workflow/studies/stop_rules.py results/paper [--seeds 3] [--limits 1e3 1e5] [--patience 1000]

Runs of every network with one hidden layer and softplus are made again from their initial points, under other rules:

- `t < T`: our flow, ended at time T of the mean loss if it has not ended before, and then the finish, a second-order optimiser.
- `patience n`: an implicit Runge-Kutta solver with the tolerances of the original (Radau of order 5 in place of KenCarp58; rtol 1e-3,
  atol 1e-6), with the Hessian as its Jacobian, on L + R. It ends when n evaluations have not lowered the loss, at the wall, or when its
  time is up; then the same finish. How patient the original was the paper does not say: several n tell what depends on it.

The finish may take 20 000 steps, twenty times those that end our flows. For each rule it says how many runs are at infinite norm, have a
parallel pair, and are in a channel, beside our rule for the same runs. With --out a study that was interrupted goes on.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import sample
from scipy.integrate import Radau

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.flow import Flow, gradient_flow
from flatchannels.dynamics.objectives import Objective, TwiceDifferentiable
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.training import balanced
from flatchannels.landscape.criteria import analyse
from flatchannels.networks.network import Network
from flatchannels.networks.norm import weight_norm
from flatchannels.precision import on_the_wall

OURS = "ours"
RTOL, ATOL = 1e-3, 1e-6  # of the original (paper, Appendix B)
FINISH_ITERATIONS = 20_000  # ours in runs has 1000, for a flow that has come to rest; here it may have all the way before it
QUANTITIES = ["infinite", "pair", "channel"]
KEY = ["setting", "dimension", "widths", "seed"]
COLUMNS = [*KEY, "rule", "stop", "loss", "norm", *QUANTITIES, "norm_flow", "finish", "iterations", "evaluations"]


@dataclass
class Ended:
    """Where a flow under another rule ended.

    theta : (P,).  points : (T, P), its steps.  times : (T,).  why : patience, wall, time, t or failed.  evaluations : of the gradient.
    """

    theta: np.ndarray
    points: np.ndarray
    times: np.ndarray
    why: str
    evaluations: int


def impatient_flow(
    objective: TwiceDifferentiable, start: np.ndarray, patience: Sequence[int], maxnorm: float, max_t: float, max_seconds: float
) -> dict[int, Ended]:
    """Radau's flow dθ/dt = −∇L until so many evaluations in a row have not lowered the loss; one flow for all of `patience`.

    Parameters
    ----------
    objective : of L + R.
    start : (P,)
    patience : numbers of evaluations, each for a rule of its own.
    maxnorm : the wall, at which the flow ends.
    max_t, max_seconds : its other limits.

    Returns
    -------
    dict, patience → Ended.
    """
    best, best_at, evaluations = np.inf, 0, 0

    def slope(_: float, theta: np.ndarray) -> np.ndarray:
        nonlocal best, best_at, evaluations
        loss, gradient = objective.loss_and_gradient(theta)
        evaluations += 1
        if loss < best:
            best, best_at = loss, evaluations
        return -gradient

    begin = time.thread_time()  # of the processor: other work on the machine ends no flow
    solver = Radau(slope, 0.0, start, max_t, rtol=RTOL, atol=ATOL, jac=lambda _, theta: -objective.derivatives(theta)[2])
    times, points = [0.0], [np.array(start)]
    found: dict[int, Ended] = {}
    waiting, why = sorted(set(patience)), ""
    while waiting:
        while waiting and (why or evaluations - best_at >= waiting[0]):
            found[waiting.pop(0)] = Ended(points[-1], np.array(points), np.array(times), why or "patience", evaluations)
        if not waiting:
            break
        solver.step()
        if solver.status == "failed" or not np.isfinite(solver.y).all():
            why = "failed"
            continue
        times.append(solver.t)
        points.append(solver.y.copy())
        if on_the_wall(weight_norm(solver.y), maxnorm):
            why = "wall"
        elif solver.status == "finished":
            why = "t"
        elif time.thread_time() - begin > max_seconds:
            why = "time"
    return found


def thinned(times: np.ndarray, points: np.ndarray, samples: int) -> np.ndarray:
    """Of the points (T, P) those nearest to so many times that are equally spaced in log t, each once, the first and the last with them."""
    positive = times[times > 0]
    if len(times) <= samples or not len(positive):
        return points
    wanted = np.geomspace(positive[0], positive[-1], samples)
    rows = np.unique(np.concatenate([[0], np.abs(np.log(positive)[:, None] - np.log(wanted)).argmin(axis=0) + 1, [len(times) - 1]]))
    return points[rows]


def row_of(network: Network, data: Dataset, theta: np.ndarray, points: np.ndarray, start: np.ndarray, maxnorm: float) -> dict:
    """The verdict on a run from its end and its trajectory."""
    found = analyse(theta, points, network.layout, maxnorm, start)
    return {"loss": network.loss(theta, data), "norm": weight_norm(theta), "infinite": found.infinite,
            "pair": found.infinite and found.parallel, "channel": found.in_channel}  # fmt: skip


def study(sampled: sample.Sampled, results: Path, limits: Sequence[float], patience: Sequence[int], max_seconds: float) -> list[dict]:
    """One row per rule for a run of the sweep."""
    network, data, training = sampled.network, sample.dataset(results, sampled.meta), sampled.meta["training"]
    maxnorm, samples = training["maxnorm"], training["trajectory_samples"]
    start = sampled.run["theta_initial"]
    judge = partial(row_of, network, data, start=start, maxnorm=maxnorm)
    stops = {code: name for name, code in sampled.meta["stop_codes"].items()}
    rows = [{"rule": OURS, "stop": stops[int(sampled.run["stop"])], **judge(sampled.run["theta"], sampled.run["trajectory_theta"])}]
    objective, walled = Objective(network, data), Objective(network, data, maxnorm)

    def finished(theta: np.ndarray, points: np.ndarray) -> dict:
        end = polish(walled, theta, max_seconds=max_seconds, max_iterations=FINISH_ITERATIONS)
        how = {"norm_flow": weight_norm(theta), "finish": end.finish.name, "iterations": end.iterations}
        return how | judge(end.theta, points)

    settings = {key: training[key] for key in ["rtol", "maxnorm", "max_seconds", "max_steps"]} | {"samples": samples}
    flow: Flow | None = None
    told: dict = {}
    for limit in sorted(limits):
        if flow is None or flow.state:  # from the last limit on
            flow = gradient_flow(objective, start, **settings, max_t=limit, state=flow and flow.state)
            told = finished(balanced(flow, maxnorm), flow.theta)
        rows.append({"rule": f"t < {limit:g}", "stop": flow.stop.name, **told})
    for number, ended in impatient_flow(walled, start, patience, maxnorm, training["max_t"], max_seconds).items():
        row = finished(ended.theta, thinned(ended.times, ended.points, samples))
        rows.append({"rule": f"patience {number}", "stop": ended.why, "evaluations": ended.evaluations, **row})
    return [sampled.name | row for row in rows]


def summary(table: pd.DataFrame) -> str:
    """Shares by rule and setting, and how many verdicts on the same runs differ from ours."""
    lines = [
        "Shares in per cent, with 95 % intervals by network:",
        sample.shares(table, QUANTITIES, ["setting", "rule"]).to_string(index=False),
    ]
    ours = table[table["rule"] == OURS].set_index(KEY)
    for rule, group in table[table["rule"] != OURS].groupby("rule", sort=False):
        mine = group.set_index(KEY)
        before = ours.loc[mine.index]
        gained, lost = (mine["channel"] & ~before["channel"]).sum(), (before["channel"] & ~mine["channel"]).sum()
        stops = ", ".join(f"{count} {name}" for name, count in mine["stop"].value_counts().items())
        finishes = ", ".join(f"{count} {name}" for name, count in mine["finish"].value_counts().items())
        lower = (mine["loss"] < before["loss"] * (1 - 1e-6)).sum()
        lines.append(
            f"{rule}: of {len(mine)} runs {gained} more are in a channel and {lost} less; {lower} end at a lower loss; "
            f"stops: {stops}; finishes: {finishes}"
        )
    return "\n".join(lines)


def main() -> None:
    """Make the runs again, print the shares, and write the rows."""
    parser = sample.parser(__doc__ or "")
    parser.add_argument("--limits", type=float, nargs="*", default=[1e2, 1e4, 1e6, 1e8], metavar="T", help="on t of the mean loss")
    parser.add_argument("--patience", type=int, nargs="*", default=[100, 1000], metavar="N", help="evaluations without a lower loss")
    parser.add_argument(
        "--max-seconds", type=float, default=120.0, metavar="S", help="of the original's solver, for each run (%(default)s)"
    )
    parser.add_argument("--cores", type=int, default=2, metavar="N", help="runs at a time (%(default)s)")
    given = parser.parse_args()
    chosen = list(sample.runs(given.results, given.seeds, given.max_width, given.max_dimension))
    table = pd.read_csv(given.out, dtype={"widths": str}) if given.out and given.out.exists() else pd.DataFrame(columns=COLUMNS)
    rules = {OURS, *(f"t < {limit:g}" for limit in given.limits), *(f"patience {number}" for number in given.patience)}
    if not table.empty and (others := sorted(set(table["rule"]) ^ rules)):
        parser.error(f"{given.out} was begun with other rules ({', '.join(others)}); give another file")
    done = set(zip(*(table[key] for key in KEY)))
    waiting = [each for each in chosen if tuple(each.name[key] for key in KEY) not in done]
    work = partial(study, results=given.results, limits=given.limits, patience=given.patience, max_seconds=given.max_seconds)
    with ProcessPoolExecutor(given.cores, mp_context=get_context("spawn")) as workers:
        for number, found in enumerate(workers.map(work, waiting), 1):
            rows = pd.DataFrame(found).reindex(columns=COLUMNS)
            table = rows if table.empty else pd.concat([table, rows], ignore_index=True)
            if given.out:
                table.to_csv(given.out, index=False)
            print(f"{number} of {len(waiting)} runs", end="\r", flush=True)
    print(summary(table))


if __name__ == "__main__":
    main()
