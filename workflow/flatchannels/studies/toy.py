"""The toy: two erf neurons without biases learn σ(5x + 2.5) + σ(5x − 2.5), x ~ N(0, 1); four parameters (w_1, w_2, a_1, a_2).

Small enough to see all of a loss landscape with channels. The best single neuron, split in two, gives a saddle line with a
plateau; beyond the plateau two channels begin, which end in minima at infinity. There the pair of neurons computes
c σ(wx) + a x σ'(wx), and ℓ(w, 0) is its loss with the best c and a.

Everything is odd in x, so that the positive half of the inputs is enough.

Source: paper, sections 2 to 5, Figures 1, 6 and B12.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import eigh, eigvalsh
from scipy.optimize import brentq
from scipy.special import erf

from flatchannels.data.dataset import Dataset
from flatchannels.data.seeds import generator
from flatchannels.dynamics.descent import gradient_descent, log_spaced, stochastic
from flatchannels.dynamics.flow import gradient_flow
from flatchannels.dynamics.objectives import Affine, Objective
from flatchannels.dynamics.polish import polish
from flatchannels.dynamics.population import trapezoid
from flatchannels.landscape.updates import inside_the_wall
from flatchannels.networks.network import Network
from flatchannels.storage.schemas.toy import TOY_FLOWS, TOY_LIMITS, TOY_RATES
from flatchannels.storage.table_files import typed_table

SLOPE, SHIFT = 5.0, 2.5
ERF_PAIR = Network(1, (2,), "erf", bias=False)
ERF_TEACHER = Network(1, (2,), "erf", bias=True)
TEACHER_THETA = ERF_TEACHER.pack([([[SLOPE], [SLOPE]], [SHIFT, -SHIFT]), ([[1.0, 1.0]], [0.0])])
NODES = 256  # over both signs of x: converged to rounding for |w| < 8
SEARCHED_WEIGHT = 8.0  # up to which ℓ(w, 0) is searched for critical points
GAMMA_FRAME = 4.35  # γ on the saddle line where the direction α is taken (paper, Figure 6b)
# The direction of α and the starts of Figure 6b, from the files of the original authors, in the order (w_1, w_2, a_1, a_2).
ALPHA_DIRECTION = np.array([0.36922787209763275, 0.9269996117264516, 0.04659666471578183, 0.0465966647156984])
START_WEIGHTS = (0.768064464862471, -0.005364874474282851)
STARTS = {
    "channel 1": np.array([*START_WEIGHTS, 4.0, -2.0]),
    "channel 2": np.array([*START_WEIGHTS, 4.0, -2.0]) + 2 * ALPHA_DIRECTION,
    "plateau": np.array([*START_WEIGHTS, 0.5, 0.5]),
}
NEAR_THE_EDGE = 0.9  # λ_max η / 2 on the flow where gradient descent of rate η starts: until then it follows the flow
LOOK = 0.1  # share of all steps so far after which a descent is looked at again
SETTLED = 1e-3  # relative change of ε from look to look; without the edge it would be 2.4 %, for ε falls as t^(−1/4)
DESCENT_NODES = 128  # enough for |w| < 4, at half the cost of a step
LANDSCAPE_GAMMA = np.concatenate([np.linspace(-0.5, 12, 76), np.linspace(12, 50, 39)[1:]])
LANDSCAPE_ALPHA = np.linspace(-1.8, 3.8, 169)
LANDSCAPE_STEP = 0.02  # in α, from one minimum to the next
WALL = 1e4  # where flows into the channels end, as Σθ²/(2P)


def target(x):
    """σ(5x + 2.5) + σ(5x − 2.5) with σ(z) = erf(z/√2)."""
    return erf((SLOPE * x + SHIFT) / np.sqrt(2)) + erf((SLOPE * x - SHIFT) / np.sqrt(2))


def infinite_data(nodes=NODES):
    """A `Dataset` whose mean loss is that over x ~ N(0, 1)."""
    both = trapezoid(nodes, target)
    half = nodes // 2
    return Dataset(both.x[half:], both.y[half:], 2 * both.weights[half:])


def finite_data(root_seed, samples):
    """A `Dataset` of that many normal samples."""
    x = generator(root_seed, "inputs", "toy").normal(size=samples)
    return Dataset(x, target(x))


# The end of the channels


@dataclass(frozen=True)
class Limit:
    """The pair at infinity, c σ(wx) + a x σ'(wx).

    loss, gradient (3,), hessian (3, 3) : in the coordinates (w, c, a).
    h : float, by which the loss of two neurons at distance 2ε exceeds this one, L = loss + ε² h + O(ε⁴).
    """

    w: float
    c: float
    a: float
    loss: float
    gradient: np.ndarray
    hessian: np.ndarray
    h: float

    @property
    def kind(self):
        """minimum at infinity, turning point (a minimum with h < 0, at which a channel turns back), saddle or maximum."""
        negative = int(np.sum(eigvalsh(self.hessian) < 0))
        if negative:
            return "saddle" if negative == 1 else "maximum"
        return "minimum at infinity" if self.h > 0 else "turning point"


def limit(data, w, c, a):
    """The `Limit` at any (w, c, a).  Source: paper, section 3."""
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


def best_limit(data, w):
    """ℓ(w, 0): the `Limit` at the input weight w with the best c and a."""
    z = w * data.x[:, 0]
    features = np.stack([erf(z / np.sqrt(2)), data.x[:, 0] * np.sqrt(2 / np.pi) * np.exp(-0.5 * z**2)]) * np.sqrt(data.weights)
    c, a = np.linalg.lstsq(features.T, np.sqrt(data.weights) * data.y)[0]
    return limit(data, w, c, a)


def critical_limits(data):
    """The `Limit`s at all critical points of ℓ(w, 0), 0 < w < 8, in the order of w."""
    return [best_limit(data, w) for w in _zeros(lambda w: best_limit(data, w).gradient[0])]


def zeros_of_h(data):
    """The w < 8 at which h of `best_limit` changes its sign."""
    return _zeros(lambda w: best_limit(data, w).h)


def _zeros(function):
    grid = np.geomspace(0.05, SEARCHED_WEIGHT, 400)
    values = np.array([function(w) for w in grid])
    return [brentq(function, grid[k], grid[k + 1], xtol=1e-14) for k in np.flatnonzero(values[1:] * values[:-1] < 0)]


# The saddle line and coordinates around it


class Frame:
    """The saddle line of the toy, and the plane in which Figure 6b shows the landscape.

    γ = (a_1 − a_2)/√2 along the line, α along the direction of the smallest Hessian eigenvalue at γ = 4.35, towards larger w; both
    are 0 where the split neuron has equal halves.
    """

    def __init__(self, objective):
        self.objective = objective
        narrow = polish(Objective(Network(1, (1,), "erf", bias=False), objective.data), np.ones(2))
        self.w, self.a = narrow.theta
        self.loss = narrow.loss

    @cached_property
    def axes(self):
        """The unit vectors of γ and α and two more that complete them: the columns of (4, 4)."""
        along, across = np.array([0, 0, 1, -1]) / np.sqrt(2), ALPHA_DIRECTION
        rest = np.linalg.svd(np.stack([along, across]))[2][2:]
        return np.stack([along, across, *rest], axis=1)

    def saddle(self, gamma):
        """The point of the saddle line at γ: (4,)."""
        return np.array([self.w, self.w, (self.a + np.sqrt(2) * gamma) / 2, (self.a - np.sqrt(2) * gamma) / 2])

    def point(self, gamma, alpha):
        """The point of the plane at (γ, α): (4,)."""
        return self.saddle(gamma) + alpha * self.axes[:, 1]

    def coordinates(self, theta):
        """γ and α of points (…, 4): two arrays (…)."""
        return np.moveaxis((np.asarray(theta) - self.saddle(0.0)) @ self.axes[:, :2], -1, 0)

    def landscape(self, gammas, alphas):
        """The loss over (γ, α), minimised over the two other directions: (len(gammas), len(alphas)).

        Of several minima it is the one that continues the saddle line, where it is the line itself, in small steps outwards in α.
        """
        # ASSUME: which minimum the paper leaves open; the lowest of all goes from branch to branch, with kinks.
        return np.array(
            [self._branch(gamma, alphas[alphas < 0][::-1])[::-1] + self._branch(gamma, alphas[alphas >= 0]) for gamma in gammas]
        )

    def _branch(self, gamma, alphas):
        """The losses of the landscape at points on one side of the saddle line, in the order of their distance: a list."""
        losses, place, reached = [], np.zeros(2), 0.0
        for alpha in alphas:
            steps = max(1, int(np.ceil(abs(alpha - reached) / LANDSCAPE_STEP)))
            for between in np.linspace(reached, alpha, steps + 1)[1:]:
                found = polish(Affine(self.objective, self.axes[:, 2:], self.point(gamma, between)), place, max_iterations=50)
                place = found.theta
            losses.append(found.loss)
            reached = alpha
        return losses


# Flows


def epsilon(theta):
    """Half the distance of the input weights, of points (…, 4)."""
    return np.abs(theta[..., 0] - theta[..., 1]) / 2


def flow_from(objective, start, samples=400):
    """The gradient flow from a point (4,): the `Flow`, and how many of its points come before the norm wall."""
    flow = gradient_flow(objective, start, rtol=1e-8, maxnorm=WALL, samples=samples)
    return flow, len(inside_the_wall(flow.theta, WALL))


def approach(theta, loss, end):
    """How a flow into a channel approaches its `Limit`, over the last decade of ε.

    Returns the exponent of L − L_∞ in ε, fitted, and (L − L_∞)/(ε² h) at the last point.
    """
    distance, excess = epsilon(theta), loss - end.loss
    early = np.flatnonzero(distance > 10 * distance[-1])
    late = slice(early[-1] + 1 if early.size else 0, None)
    exponent = np.polyfit(np.log(distance[late]), np.log(excess[late]), 1)[0]
    return float(exponent), float(excess[-1] / (distance[-1] ** 2 * end.h))


# Products: what the figures draw, and tables


def limits_table(data):
    """The table `toy_limits`."""
    ends = [(end.kind, end) for end in critical_limits(data)] + [("zero of h", best_limit(data, w)) for w in zeros_of_h(data)]
    rows = []
    for kind, end in ends:
        values = eigvalsh(end.hessian)
        rows.append({"kind": kind, "w": end.w, "c": end.c, "a": end.a, "loss": end.loss, "h": end.h, "eigenvalue_min": values[0],
                     "eigenvalue_max": values[-1], "gradient_norm": abs(end.gradient).max()})  # fmt: skip
    return typed_table(TOY_LIMITS, rows)


def landscape(frame, gamma=LANDSCAPE_GAMMA, alpha=LANDSCAPE_ALPHA):
    """Arrays of Figures 1, 6a–c and B12 (products.TOY): landscapes, ℓ(w, 0), functions that the network computes."""
    data = frame.objective.data
    ends = [best_limit(data, w) for w in np.linspace(0.3, 5, 200)]
    flow, inside = flow_from(frame.objective, STARTS["channel 2"])
    x = np.linspace(-2.5, 2.5, 201)
    sharp_gamma, sharp_alpha = np.geomspace(5, 100, 60), np.linspace(-0.1, 0.1, 61)
    path = _at_gammas(frame, flow.theta[:inside], sharp_gamma)
    return {
        "gamma": gamma, "alpha": alpha, "loss": frame.landscape(gamma, alpha), "narrow": [frame.w, frame.a],
        "w": [end.w for end in ends], "limit_loss": [end.loss for end in ends], "limit_h": [end.h for end in ends],
        "limit_c": [end.c for end in ends], "limit_a": [end.a for end in ends],
        "x": x, "target": target(x), "sharp_gamma": sharp_gamma, "sharp_alpha": sharp_alpha,
        "sharp_loss": sharp_landscape(frame.objective, path, sharp_alpha),
        "sharpness": [eigvalsh(frame.objective.derivatives(theta)[2])[-1] for theta in path],
    }  # fmt: skip


def _at_gammas(frame, thetas, gammas):
    """Points of a path (T, 4) at the given γ, along which its own γ grows: (G, 4)."""
    along = np.maximum.accumulate(frame.coordinates(thetas)[0])
    return np.stack([np.interp(gammas, along, column) for column in thetas.T], axis=1)


def sharp_landscape(objective, path, alphas):
    """The loss at θ + α e_max for the points θ of a path (G, 4), e_max being the direction of the largest eigenvalue: (G, A)."""
    losses, previous = np.empty((len(path), len(alphas))), None
    for row, theta in zip(losses, path):
        vector = eigh(objective.derivatives(theta)[2])[1][:, -1]
        previous = vector if previous is None else vector * np.sign(vector @ previous)
        row[:] = [objective.loss_and_gradient(theta + alpha * previous)[0] for alpha in alphas]
    return losses


def flows(frame, finite, random_starts, root_seed):
    """Gradient flows on infinite and finite data: arrays (products.TOY), and the table `toy_flows`.

    frame : on infinite data.  finite : Dataset of samples.  random_starts : how many more flows begin at Glorot-normal points.
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


def _flow_row(frame, flow, inside, ends):
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


def _padded(paths):
    """Paths (T_i, 4) as one array (paths, T, 4), with NaN behind the shorter ones."""
    padded = np.full((len(paths), max(map(len, paths)), 4), np.nan)
    for row, path in zip(padded, paths):
        row[: len(path)] = path
    return padded


def descents(frame, finite, root_seed, *, epochs, batch, sgd_rate, adam_rate, gd_rates, gd_steps, samples=400):
    """SGD and Adam on finite data, and gradient descent on infinite data: arrays (products.TOY), and the table `toy_rates`.

    SGD and Adam start where the flows into both channels do, gradient descent in channel 2 (paper, Figure 6b and d).
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


def edge(objective, thetas, rate):
    """The first point of a flow (T, 4) at which λ_max η / 2 has come to 0.9: its index, or that of the last point."""
    sharpness = np.array([eigvalsh(objective.derivatives(theta)[2])[-1] for theta in thetas])
    near = np.flatnonzero(sharpness * rate / 2 >= NEAR_THE_EDGE)
    near = near[near > np.flatnonzero(sharpness == sharpness.min())[0]]  # not on the way into the channel
    return int(near[0]) if near.size else len(thetas) - 1


def settled_descent(theta, rate, most_steps, before=0.0):
    """Gradient descent from θ until ε no longer changes: θ (T, 4) after the numbers of steps (T,), and whether it has settled.

    Two steps each time, because at the edge of stability θ goes to and fro.  before : steps that led to θ.
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


def _descent(objective, t, thetas, rate, most_steps, samples):
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
