"""What two relu neurons learn in a channel: y = x_2 · 1[x_1 > 0], a jump that no finite relu network can make.

A teacher with input weights (1, 0), (1, ε) and output weights ∓1/ε computes it but for O(ε); its students learn it by
gradient flow on infinite data, x ~ N(0, I), and follow their own channel towards it.

Source: paper, Appendix C.3, Figure B13.
"""

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.seeds import generator
from flatchannels.dynamics.flow import Flow, gradient_flow
from flatchannels.dynamics.population import Population
from flatchannels.landscape.updates import inside_the_wall
from flatchannels.networks.network import Network
from flatchannels.precision import on_the_wall

Array = NDArray[np.float64]

RELU_PAIR = Network(2, (2,), "relu", bias=False)
TEACHER_EPSILON = 1e-5
RELU_TEACHER = RELU_PAIR.pack([([[1.0, 0.0], [1.0, TEACHER_EPSILON]], None), ([[-1 / TEACHER_EPSILON, 1 / TEACHER_EPSILON]], None)])
# ASSUME: the paper does not say how far its network had come; beyond this ‖θ‖ the errors of the closed form stop the flow.
MAXNORM = 50.0
ATTEMPTS = 20


def learn(root_seed: int) -> Flow:
    """The first flow from a Glorot-normal point that goes along a channel up to the norm wall.

    Parameters
    ----------
    root_seed : int

    Returns
    -------
    Flow

    Raises
    ------
    RuntimeError
        None of 20 does.
    """
    objective = Population(RELU_PAIR, RELU_PAIR, RELU_TEACHER)
    for seed in range(1, ATTEMPTS + 1):
        start = RELU_PAIR.initialise(generator(root_seed, "initialisation", "relu channel", seed))
        flow = gradient_flow(objective, start, rtol=1e-3, maxnorm=MAXNORM, max_steps=400)
        if on_the_wall(flow.weight_norm, MAXNORM):  # what it does on the wall does not matter
            return flow
    raise RuntimeError(f"none of {ATTEMPTS} flows goes along a channel to the norm wall")


def distance(theta: Array) -> Array:
    """Half the distance of the neurons' normalised input weights.

    Parameters
    ----------
    theta : (T, 6)
        Points.

    Returns
    -------
    (T,)
    """
    weights = theta[:, :4].reshape(-1, 2, 2)
    units = weights / np.linalg.norm(weights, axis=2, keepdims=True)
    return np.linalg.norm(units[:, 0] - units[:, 1], axis=1) / 2


def product(root_seed: int, points: int = 121) -> dict[str, Array]:
    """The arrays of Figure B13 (products.TOY).

    Parameters
    ----------
    root_seed : int
    points : int
        Along each axis of the surface.

    Returns
    -------
    dict[str, float array]
    """
    flow = learn(root_seed)
    inside = slice(len(inside_the_wall(flow.theta, MAXNORM)))
    side = np.linspace(-2, 2, points)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    theta = flow.theta[inside][-1]
    return {
        "x": side, "target": RELU_PAIR.predict(RELU_TEACHER, grid).reshape(points, points), "theta": theta, "teacher": RELU_TEACHER,
        "function": RELU_PAIR.predict(theta, grid).reshape(points, points), "t": flow.t[inside], "loss": flow.loss[inside],
        "epsilon": distance(flow.theta[inside]),
    }  # fmt: skip
