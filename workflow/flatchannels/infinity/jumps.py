"""The jump procedure: far along a channel, by halving ε and letting the gradient flow settle, over and over.

At fixed c, a, w and Δ (`coordinates.Pair`) the weights of a channel pair for half the ε are known, and near the valley that the
flow would have followed there. Every point is compared with the exact end of the channel, the minimum of the limit network.

Source: paper, Appendix C.1, Figure 5.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import eigvalsh

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.training import Objective
from flatchannels.infinity.candidates import candidates
from flatchannels.infinity.charts import Chart
from flatchannels.landscape.coordinates import Pair, from_channel, to_channel
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network, network_of
from flatchannels.storage import run_records
from flatchannels.storage.schemas.infinity import JUMPED_NETWORK, JUMPS
from flatchannels.storage.table_files import typed_table

Array = NDArray[np.float64]

SMALLEST_EPSILON = 1e-4
RESOLVED = 20  # L − L_∞ is followed as long as it is so many times the rounding of a loss whose large outputs cancel
FLOW_STRIDE = 5  # of the stored points of the flow, how many are passed over
SETTLING = 30  # iterations of Newton's method after that
RELAXATION_TIMES = 30.0  # of the limit network's slowest direction over which the flow settles


def jump_table(row: pd.Series | None, datasets: Any) -> pd.DataFrame:
    """The table of jumps along the channel of one run; empty without one.

    Parameters
    ----------
    row : Series or None
        Of the table of routes, certified to end in a single pair.
    datasets : mapping
        Name → Dataset, those of the runs in the table.

    Returns
    -------
    DataFrame
    """
    if row is None:
        return typed_table(JUMPS, [])
    meta, arrays = run_records.read_runs(row["record"], ["seed", "theta", "trajectory_theta"])
    n = int(np.flatnonzero(arrays["seed"] == row["seed"])[0])
    data = datasets[meta["dataset"]]
    network = network_of(meta)
    points = along(network, data, arrays["theta"][n], arrays["trajectory_theta"][n])
    return typed_table(JUMPS, [{key: row[key] for key in JUMPED_NETWORK} | point for point in points])


def along(network: Network, data: Dataset, theta: Array, trajectory: Array, smallest: float = SMALLEST_EPSILON) -> list[dict[str, Any]]:
    """What there is to see at each point, first along the flow that led to θ, then by jumps from there.

    Parameters
    ----------
    network : Network
        With one hidden layer.
    data
        Dataset.
    theta : (P,)
        In a channel of a single pair.
    trajectory : (T, P)
        The flow.
    smallest : float
        The ε below which no jump leads, nor where rounding would hide L − L_∞.

    Returns
    -------
    list of dict
    """
    guess = next(guess for guess in candidates(network, data, theta) if guess.names == ["pair"])
    end = polish(guess.limit, guess.start)
    where = next(n for n, unit in enumerate(guess.limit.units) if unit.kind == "pair")
    c, (w, v) = guess.limit.unpack(end.theta)[0][where]
    a = float(np.linalg.norm(v))
    limit = {"limit_c": c, "limit_a": a, "limit_cosine": float(v @ w / np.linalg.norm(w) / a), "loss_infinity": end.loss}
    settle = RELAXATION_TIMES / eigvalsh(end.hessian)[0]
    outputs = network.matrices(theta)[-1][0]
    i, j = sorted(guess.limit.units[where].neurons, key=lambda neuron: -outputs[neuron])  # so that a > 0
    points = []
    for point in trajectory[np.isfinite(trajectory).all(axis=1)][::FLOW_STRIDE]:
        points.append({"stage": "flow", **_measure(network, data, point, i, j, end.loss), **limit})
    while True:
        theta = settled(network, data, gradient_flow(Objective(network, data), theta, max_t=settle).theta_end, i, j)
        points.append({"stage": "jump", **_measure(network, data, theta, i, j, end.loss), **limit})
        pair = pair_of(network, theta, i, j)
        rounding = np.finfo(float).eps * 2 * pair.a / pair.epsilon / np.sqrt(data.y.size)  # at half the ε
        if pair.epsilon / 2 < smallest or points[-1]["excess"] / 4 < RESOLVED * rounding:
            return points
        theta = with_pair(network, theta, i, j, pair._replace(epsilon=pair.epsilon / 2))


def settled(network: Network, data: Dataset, theta: Array, i: int, j: int) -> Array:
    """The point of the valley at the a_i − a_j of θ, by Newton's method, which goes on where the flow counts as stationary.

    Parameters
    ----------
    network : Network
    data : Dataset
    theta : (P,)
    i : int
    j : int

    Returns
    -------
    (P,)
    """
    chart = Chart(network, data, theta, [(0, i, j)])
    place = chart.at(1.0)
    return place.theta(polish(place, chart.start, max_iterations=SETTLING).theta)


def pair_of(network: Network, theta: Array, i: int, j: int) -> Pair:
    """Neurons i and j in the coordinates of a channel.

    Parameters
    ----------
    network : Network
    theta : (P,)
    i : int
    j : int

    Returns
    -------
    Pair
    """
    hidden, output = network.matrices(theta)
    return to_channel(hidden[i], hidden[j], output[0, i], output[0, j])


def with_pair(network: Network, theta: Array, i: int, j: int, pair: Pair) -> Array:
    """θ with the weights of neurons i and j from the coordinates of a channel.

    Parameters
    ----------
    network : Network
    theta : (P,)
    i : int
    j : int
    pair : Pair

    Returns
    -------
    (P,)
    """
    theta = theta.copy()
    hidden, output = network.matrices(theta)  # views into θ
    hidden[i], hidden[j], output[0, i], output[0, j] = from_channel(pair)
    return theta


def _measure(network: Network, data: Dataset, theta: Array, i: int, j: int, infinity: float) -> dict[str, Any]:
    """The columns POINT of neurons i and j at θ, where L_∞ is `infinity`."""
    pair = pair_of(network, theta, i, j)
    loss, _, hessian = network.derivatives(theta, data)
    x = np.column_stack([data.x, np.ones(len(data.x))]) if network.bias else data.x
    sigma = ACTIVATIONS[network.activation].derivatives
    w_i, w_j, a_i, a_j = from_channel(pair)
    value, slope, *_ = sigma(x @ pair.w)
    gated = pair.c * value + pair.a * (x @ pair.direction) * slope
    difference = a_i * sigma(x @ w_i)[0] + a_j * sigma(x @ w_j)[0] - gated
    return {
        "epsilon": pair.epsilon, "c": pair.c, "a": pair.a, "cosine": float(pair.direction @ pair.w / np.linalg.norm(pair.w)),
        "loss": loss, "excess": loss - infinity, "limit_error": float(np.sqrt(data.weights @ difference**2)),
        "largest": eigvalsh(hessian)[-1],
    }  # fmt: skip
