"""The toy trained: gradient flows into its channels, SGD and Adam on samples, gradient descent to where it stops.

Source: paper, section 5, Figures 6b and d.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from flatchannels.data.dataset import Dataset
from flatchannels.data.seeds import generator
from flatchannels.dynamics.descent import gradient_descent, log_spaced, stochastic
from flatchannels.dynamics.flow import Flow
from flatchannels.dynamics.objectives import Objective, TwiceDifferentiable
from flatchannels.storage.schemas.toy import TOY_FLOWS, TOY_RATES
from flatchannels.storage.table_files import typed_table
from flatchannels.studies.toy import ERF_PAIR, STARTS, Limit, critical_limits, epsilon, flow_from, infinite_data
from flatchannels.studies.toy_landscape import Frame

Array = NDArray[np.float64]

NEAR_THE_EDGE = 0.9  # λ_max η / 2 on the flow where gradient descent of rate η starts: until then it follows the flow
LOOK = 0.1  # share of all steps so far after which a descent is looked at again
SETTLED = 1e-3  # relative change of ε from look to look; without the edge it would be 2.4 %, for ε falls as t^(−1/4)
DESCENT_NODES = 128  # enough for |w| < 4, at half the cost of a step


def approach(theta: Array, loss: Array, end: Limit) -> tuple[float, float]:
    """How a flow into a channel approaches its limit, over the last decade of ε.

    Parameters
    ----------
    theta : (T, 4)
        The flow.
    loss : (T,)
    end : Limit

    Returns
    -------
    exponent : float
        Of L − L_∞ in ε, fitted.
    ratio : float
        (L − L_∞)/(ε² h) at the last point.
    """
    distance, excess = epsilon(theta), loss - end.loss
    early = np.flatnonzero(distance > 10 * distance[-1])
    late = slice(early[-1] + 1 if early.size else 0, None)
    exponent = np.polyfit(np.log(distance[late]), np.log(excess[late]), 1)[0]
    return float(exponent), float(excess[-1] / (distance[-1] ** 2 * end.h))


def flows(frame: Frame, finite: Dataset, random_starts: int, root_seed: int) -> tuple[dict[str, Array], pd.DataFrame]:
    """Gradient flows on infinite and finite data.

    Parameters
    ----------
    frame : Frame
        On infinite data.
    finite : Dataset
        Of samples.
    random_starts : int
        How many more flows begin at Glorot-normal points.
    root_seed : int

    Returns
    -------
    dict
        Arrays (products.TOY).
    DataFrame
        The table `toy_flows`.
    """
    random = generator(root_seed, "initialisation", "toy")
    extra = {f"random {number}": ERF_PAIR.initialise(random) for number in range(1, random_starts + 1)}
    rows, paths = [], []
    for name, objective in [("infinite", frame.objective), ("finite", Objective(ERF_PAIR, finite))]:
        ends = [end for end in critical_limits(objective.data) if end.kind == "minimum at infinity"]
        for start, theta in (STARTS | (extra if name == "infinite" else {})).items():
            flow, inside = flow_from(objective, theta)
            rows.append({"data": name, "start": start, **_flow_row(frame, flow, inside, ends)})
            if start in STARTS:
                paths.append(np.where(np.arange(len(flow.theta))[:, None] < inside, flow.theta, np.nan))
    coordinates = np.array([frame.coordinates(path) for path in _padded(paths)])
    return {"gamma": coordinates[:, 0], "alpha": coordinates[:, 1], "theta": _padded(paths)}, typed_table(TOY_FLOWS, rows)


def _flow_row(frame: Frame, flow: Flow, inside: int, ends: list[Limit]) -> dict[str, Any]:
    theta, loss = flow.theta[:inside], flow.loss[:inside]
    gamma, alpha = frame.coordinates(theta[-1])
    row = {"stop": flow.stop.name, "gamma": gamma, "alpha": alpha, "loss": loss[-1], "epsilon": epsilon(theta[-1])}
    if flow.stop.name == "WALL" and ends:
        # A neuron with both signs changed is the same neuron.
        upright = theta * np.tile(np.sign(theta[-1, :2]), 2)
        end = min(ends, key=lambda end: abs(end.w - upright[-1, :2].mean()))
        exponent, ratio = approach(upright, loss, end)
        row |= {"limit_loss": end.loss, "exponent": exponent, "ratio": ratio, "epsilon": epsilon(upright[-1])}
    return row


def _padded(paths: list[Array]) -> Array:
    """Paths (T_i, 4) as one array (paths, T, 4), with NaN behind the shorter ones."""
    padded = np.full((len(paths), max(map(len, paths)), 4), np.nan)
    for row, path in zip(padded, paths):
        row[: len(path)] = path
    return padded


def descents(
    frame: Frame,
    finite: Dataset,
    root_seed: int,
    *,
    epochs: int,
    batch: int,
    sgd_rate: float,
    adam_rate: float,
    gd_rates: Sequence[float],
    gd_steps: int,
    samples: int = 400,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """SGD and Adam on finite data, and gradient descent on infinite data.

    SGD and Adam start where the flows into both channels do, gradient descent in channel 2 (paper, Figure 6b and d).

    Parameters
    ----------
    frame : Frame
        On infinite data.
    finite : Dataset
        Of samples.
    root_seed : int
    epochs : int
        Of SGD and Adam.
    batch : int
        Samples per step of these.
    sgd_rate, adam_rate : float
        Learning rates.
    gd_rates : sequence of float
        Learning rates of gradient descent.
    gd_steps : int
        At most so many.
    samples : int
        Points of each trajectory that are kept.

    Returns
    -------
    dict
        Arrays (products.TOY).
    DataFrame
        The table `toy_rates`.
    """
    keep = log_spaced(epochs, samples)
    seed = int(generator(root_seed, "batches", "toy").integers(2**32))
    paths = [
        stochastic(STARTS[start], finite, rate, batch, keep, seed, adam)
        for adam, rate in [(False, sgd_rate), (True, adam_rate)]
        for start in ("channel 1", "channel 2")
    ]
    flow, inside = flow_from(frame.objective, STARTS["channel 2"])
    found = [_descent(frame.objective, flow.t[:inside], flow.theta[:inside], rate, gd_steps, samples) for rate in gd_rates]
    coordinates = np.array([frame.coordinates(path) for path in paths])
    arrays = {"epoch": keep, "gamma": coordinates[:, 0], "alpha": coordinates[:, 1], "rate": gd_rates}
    arrays |= {key: np.array([descent[key] for descent, _ in found]) for key in ("step", "sharpness", "epsilon")}
    return arrays, typed_table(TOY_RATES, [row for _, row in found])


def edge(objective: TwiceDifferentiable, thetas: Array, rate: float) -> int:
    """The first point of a flow at which λ_max η / 2 has come to 0.9.

    Parameters
    ----------
    objective : TwiceDifferentiable
    thetas : (T, 4)
    rate : float
        η.

    Returns
    -------
    int
        Its index, or that of the last point.
    """
    sharpness = np.array([eigvalsh(objective.derivatives(theta)[2])[-1] for theta in thetas])
    near = np.flatnonzero(sharpness * rate / 2 >= NEAR_THE_EDGE)
    near = near[near > np.flatnonzero(sharpness == sharpness.min())[0]]  # not on the way into the channel
    return int(near[0]) if near.size else len(thetas) - 1


def settled_descent(theta: Array, rate: float, most_steps: int, before: float = 0.0) -> tuple[Array, NDArray[np.int64], bool]:
    """Gradient descent until ε no longer changes.

    Two steps each time, because at the edge of stability θ goes to and fro.

    Parameters
    ----------
    theta : (4,)
    rate : float
        The learning rate.
    most_steps : int
    before : float
        Steps that led to θ.

    Returns
    -------
    theta : (T, 4)
    steps : int (T,)
        After how many steps.
    settled : bool
    """
    data, steps, thetas, done, distance = infinite_data(DESCENT_NODES), [0], [theta], 0, np.inf
    while done < most_steps:
        take = min(max(int(LOOK * (before + done)), 1000), most_steps - done)
        _, last, end = gradient_descent(thetas[-1], data, rate, np.array([0, take - 1, take]))
        done, earlier = done + take, distance
        steps, thetas = [*steps, done - 1, done], [*thetas, last, end]
        distance = float(np.mean(epsilon(np.array([last, end]))))
        if abs(distance / earlier - 1) < SETTLED and take > 1000:
            return np.array(thetas), np.array(steps), True
    return np.array(thetas), np.array(steps), False


def _descent(
    objective: TwiceDifferentiable, t: Array, thetas: Array, rate: float, most_steps: int, samples: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """The course of gradient descent of one rate: on the flow until it is near the edge, then step by step; its row of `toy_rates`."""
    start = edge(objective, thetas, rate)
    ends, steps, settled = settled_descent(thetas[start], rate, most_steps, t[start] / rate)
    course, number = np.concatenate([thetas[:start], ends]), np.concatenate([t[:start] / rate, t[start] / rate + steps])
    sharpness = np.array([eigvalsh(objective.derivatives(theta)[2])[-1] for theta in course])
    distances = epsilon(course)
    last, end = sharpness[-2:].mean(), distances[-2:].mean()
    row = {"rate": rate, "steps": round(number[-1]), "descent_steps": int(steps[-1]), "sharpness": last, "ratio": last * rate / 2,
           "epsilon": end, "settled": settled}  # fmt: skip
    kept = np.unique(np.linspace(0, len(course) - 1, samples).round().astype(int))
    kept = np.concatenate([kept, np.full(samples - len(kept), len(course) - 1)])
    return {"step": number[kept], "sharpness": sharpness[kept], "epsilon": distances[kept]}, row
