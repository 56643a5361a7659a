"""The toy: two erf neurons without biases learn σ(5x + 2.5) + σ(5x − 2.5), x ~ N(0, 1); four parameters (w_1, w_2, a_1, a_2).

Small enough to see all of a loss landscape with channels. The best single neuron, split in two, gives a saddle line with a
plateau; beyond the plateau two channels begin, which end in minima at infinity. There the pair of neurons computes
c σ(wx) + a x σ'(wx), and ℓ(w, 0) is its loss with the best c and a.

Everything is odd in x, so that the positive half of the inputs is enough.

Source: paper, sections 2 to 5, Figures 1, 6 and B12.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigvalsh
from scipy.optimize import brentq
from scipy.special import erf

from flatchannels.data.dataset import Dataset
from flatchannels.data.seeds import generator
from flatchannels.dynamics.flow import Flow, gradient_flow
from flatchannels.dynamics.objectives import TwiceDifferentiable
from flatchannels.dynamics.population import trapezoid
from flatchannels.landscape.updates import inside_the_wall
from flatchannels.networks.network import Network
from flatchannels.storage.schemas.toy import TOY_LIMITS
from flatchannels.storage.table_files import typed_table

Array = NDArray[np.float64]

SLOPE, SHIFT = 5.0, 2.5
ERF_PAIR = Network(1, (2,), "erf", bias=False)
ERF_TEACHER = Network(1, (2,), "erf", bias=True)
TEACHER_THETA = ERF_TEACHER.pack([([[SLOPE], [SLOPE]], [SHIFT, -SHIFT]), ([[1.0, 1.0]], [0.0])])
NODES = 256  # over both signs of x: converged to rounding for |w| < 8
SEARCHED_WEIGHT = 8.0  # up to which ℓ(w, 0) is searched for critical points
# The direction of α and the starts of Figure 6b, from the files of the original authors, in the order (w_1, w_2, a_1, a_2).
ALPHA_DIRECTION = np.array([0.36922787209763275, 0.9269996117264516, 0.04659666471578183, 0.0465966647156984])
START_WEIGHTS = (0.768064464862471, -0.005364874474282851)
STARTS = {
    "channel 1": np.array([*START_WEIGHTS, 4.0, -2.0]),
    "channel 2": np.array([*START_WEIGHTS, 4.0, -2.0]) + 2 * ALPHA_DIRECTION,
    "plateau": np.array([*START_WEIGHTS, 0.5, 0.5]),
}
WALL = 1e4  # where flows into the channels end, as Σθ²/(2P)


def target(x: ArrayLike) -> Array:
    """σ(5x + 2.5) + σ(5x − 2.5) with σ(z) = erf(z/√2).

    Parameters
    ----------
    x : (…)

    Returns
    -------
    float array
    """
    x = np.asarray(x, dtype=float)
    return erf((SLOPE * x + SHIFT) / np.sqrt(2)) + erf((SLOPE * x - SHIFT) / np.sqrt(2))


def infinite_data(nodes: int = NODES) -> Dataset:
    """Data whose mean loss is that over x ~ N(0, 1).

    Parameters
    ----------
    nodes : int
        Of the quadrature.

    Returns
    -------
    Dataset
    """
    both = trapezoid(nodes, target)
    half = nodes // 2
    return Dataset(both.x[half:], both.y[half:], 2 * both.weights[half:])


def finite_data(root_seed: int, samples: int) -> Dataset:
    """Normal samples.

    Parameters
    ----------
    root_seed : int
    samples : int
        How many.

    Returns
    -------
    Dataset
    """
    x = generator(root_seed, "inputs", "toy").normal(size=samples)
    return Dataset(x, target(x))


# The end of the channels


@dataclass(frozen=True)
class Limit:
    """The pair at infinity, c σ(wx) + a x σ'(wx).

    Parameters
    ----------
    w, c, a : float
    loss : float
    gradient : (3,)
        In the coordinates (w, c, a).
    hessian : (3, 3)
    h : float
        By how much the loss of two neurons at distance 2ε exceeds this one: L = loss + ε² h + O(ε⁴).
    """

    w: float
    c: float
    a: float
    loss: float
    gradient: Array
    hessian: Array
    h: float

    @property
    def kind(self) -> str:
        """minimum at infinity, turning point (a minimum with h < 0, at which a channel turns back), saddle or maximum."""
        negative = int(np.sum(eigvalsh(self.hessian) < 0))
        if negative:
            return "saddle" if negative == 1 else "maximum"
        return "minimum at infinity" if self.h > 0 else "turning point"


def limit(data: Dataset, w: float, c: float, a: float) -> Limit:
    """The pair at infinity at any (w, c, a).

    Source: paper, section 3.

    Parameters
    ----------
    data : Dataset
    w, c, a : float

    Returns
    -------
    Limit
    """
    x, q = data.x[:, 0], data.weights
    z = w * x
    s1 = np.sqrt(2 / np.pi) * np.exp(-0.5 * z**2)
    s0, s2, s3 = erf(z / np.sqrt(2)), -z * s1, (z**2 - 1) * s1
    error = c * s0 + a * x * s1 - data.y
    jacobian = np.stack([c * x * s1 + a * x**2 * s2, s0, x * s1])
    hessian = 2 * (q * jacobian) @ jacobian.T
    curvature = 2 * np.array([(q * error) @ values for values in (c * x**2 * s2 + a * x**3 * s3, x * s1, x**2 * s2)])
    hessian[0] += curvature
    hessian[1:, 0] += curvature[1:]
    h = 2 * (q * error) @ (c / 2 * x**2 * s2 + a / 6 * x**3 * s3)
    return Limit(float(w), float(c), float(a), float(q @ error**2), 2 * jacobian @ (q * error), hessian, float(h))


def best_limit(data: Dataset, w: float) -> Limit:
    """ℓ(w, 0): the pair at infinity with the best c and a.

    Parameters
    ----------
    data : Dataset
    w : float

    Returns
    -------
    Limit
    """
    z = w * data.x[:, 0]
    features = np.stack([erf(z / np.sqrt(2)), data.x[:, 0] * np.sqrt(2 / np.pi) * np.exp(-0.5 * z**2)]) * np.sqrt(data.weights)
    c, a = np.linalg.lstsq(features.T, np.sqrt(data.weights) * data.y)[0]
    return limit(data, w, c, a)


def critical_limits(data: Dataset) -> list[Limit]:
    """The pairs at infinity at all critical points of ℓ(w, 0), 0 < w < 8, in the order of w.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    list of Limit
    """
    return [best_limit(data, w) for w in _zeros(lambda w: best_limit(data, w).gradient[0])]


def zeros_of_h(data: Dataset) -> list[float]:
    """The w < 8 at which h of `best_limit` changes its sign.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    list of float
    """
    return _zeros(lambda w: best_limit(data, w).h)


def _zeros(function: Callable[[float], float]) -> list[float]:
    grid = np.geomspace(0.05, SEARCHED_WEIGHT, 400)
    values = np.array([function(w) for w in grid])
    return [brentq(function, grid[k], grid[k + 1], xtol=1e-14) for k in np.flatnonzero(values[1:] * values[:-1] < 0)]


def limits_table(data: Dataset) -> pd.DataFrame:
    """The table `toy_limits`.

    Parameters
    ----------
    data : Dataset

    Returns
    -------
    DataFrame
    """
    ends = [(end.kind, end) for end in critical_limits(data)] + [("zero of h", best_limit(data, w)) for w in zeros_of_h(data)]
    rows = []
    for kind, end in ends:
        values = eigvalsh(end.hessian)
        rows.append({"kind": kind, "w": end.w, "c": end.c, "a": end.a, "loss": end.loss, "h": end.h, "eigenvalue_min": values[0],
                     "eigenvalue_max": values[-1], "gradient_norm": abs(end.gradient).max()})  # fmt: skip
    return typed_table(TOY_LIMITS, rows)


# Flows


def epsilon(theta: Array) -> Array:
    """Half the distance of the input weights.

    Parameters
    ----------
    theta : (…, 4)
        Points.

    Returns
    -------
    (…)
    """
    return np.abs(theta[..., 0] - theta[..., 1]) / 2


def flow_from(objective: TwiceDifferentiable, start: Array, samples: int = 400) -> tuple[Flow, int]:
    """The gradient flow from a point.

    Parameters
    ----------
    objective : TwiceDifferentiable
    start : (4,)
    samples : int
        Points of the trajectory that are kept.

    Returns
    -------
    Flow
    before : int
        How many of its points come before the norm wall.
    """
    flow = gradient_flow(objective, start, rtol=1e-8, maxnorm=WALL, samples=samples)
    return flow, len(inside_the_wall(flow.theta, WALL))
