"""The landscape of the toy around its saddle line, as Figures 1, 6 and B12 show it.

Source: paper, sections 3 and 5, Figures 1, 6 and B12.
"""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh, eigvalsh

from flatchannels.dynamics.objectives import Affine, Objective, TwiceDifferentiable
from flatchannels.dynamics.polish import polish
from flatchannels.networks.network import Network
from flatchannels.studies.toy import ALPHA_DIRECTION, STARTS, best_limit, flow_from, target

Array = NDArray[np.float64]

GAMMA_FRAME = 4.35  # γ on the saddle line where the direction α is taken (paper, Figure 6b)
LANDSCAPE_GAMMA = np.concatenate([np.linspace(-0.5, 12, 76), np.linspace(12, 50, 39)[1:]])
LANDSCAPE_ALPHA = np.linspace(-1.8, 3.8, 169)
LANDSCAPE_STEP = 0.02  # in α, from one minimum to the next


class Frame:
    """The saddle line of the toy, and the plane in which Figure 6b shows the landscape.

    γ = (a_1 − a_2)/√2 along the line, α along the direction of the smallest Hessian eigenvalue at γ = 4.35, towards larger w; both
    are 0 where the split neuron has equal halves.

    Parameters
    ----------
    objective : Objective
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        narrow = polish(Objective(Network(1, (1,), "erf", bias=False), objective.data), np.ones(2))
        self.w, self.a = narrow.theta
        self.loss = narrow.loss

    @cached_property
    def axes(self) -> Array:
        """The unit vectors of γ and α and two more that complete them: the columns of (4, 4)."""
        along, across = np.array([0, 0, 1, -1]) / np.sqrt(2), ALPHA_DIRECTION
        rest = np.linalg.svd(np.stack([along, across]))[2][2:]
        return np.stack([along, across, *rest], axis=1)

    def saddle(self, gamma: float) -> Array:
        """The point of the saddle line at γ.

        Parameters
        ----------
        gamma : float

        Returns
        -------
        (4,)
        """
        return np.array([self.w, self.w, (self.a + np.sqrt(2) * gamma) / 2, (self.a - np.sqrt(2) * gamma) / 2])

    def point(self, gamma: float, alpha: float) -> Array:
        """A point of the plane.

        Parameters
        ----------
        gamma : float
        alpha : float

        Returns
        -------
        (4,)
        """
        return self.saddle(gamma) + alpha * self.axes[:, 1]

    def coordinates(self, theta: ArrayLike) -> Array:
        """γ and α of points.

        Parameters
        ----------
        theta : (…, 4)

        Returns
        -------
        gamma, alpha : (…)
        """
        return np.moveaxis((np.asarray(theta) - self.saddle(0.0)) @ self.axes[:, :2], -1, 0)

    def landscape(self, gammas: Array, alphas: Array) -> Array:
        """The loss over (γ, α), minimised over the two other directions.

        Of several minima it is the one that continues the saddle line, where it is the line itself, in small steps outwards in α.

        Parameters
        ----------
        gammas : (G,)
        alphas : (A,)

        Returns
        -------
        (G, A)
        """
        # ASSUME: which minimum the paper leaves open; the lowest of all goes from branch to branch, with kinks.
        return np.array(
            [self._branch(gamma, alphas[alphas < 0][::-1])[::-1] + self._branch(gamma, alphas[alphas >= 0]) for gamma in gammas]
        )

    def _branch(self, gamma: float, alphas: Array) -> list[float]:
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


def landscape(frame: Frame, gamma: Array = LANDSCAPE_GAMMA, alpha: Array = LANDSCAPE_ALPHA) -> dict[str, Any]:
    """Arrays of Figures 1, 6a–c and B12 (products.TOY): landscapes, ℓ(w, 0), functions that the network computes.

    Parameters
    ----------
    frame : Frame
    gamma : (G,)
    alpha : (A,)

    Returns
    -------
    dict[str, Any]
    """
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


def _at_gammas(frame: Frame, thetas: Array, gammas: Array) -> Array:
    """Points of a path (T, 4) at the given γ, along which its own γ grows: (G, 4)."""
    along = np.maximum.accumulate(frame.coordinates(thetas)[0])
    return np.stack([np.interp(gammas, along, column) for column in thetas.T], axis=1)


def sharp_landscape(objective: TwiceDifferentiable, path: Array, alphas: Array) -> Array:
    """The loss at θ + α e_max, where e_max is the direction of the largest eigenvalue.

    Parameters
    ----------
    objective : TwiceDifferentiable
    path : (G, 4)
        Points θ.
    alphas : (A,)

    Returns
    -------
    (G, A)
    """
    losses, previous = np.empty((len(path), len(alphas))), None
    for row, theta in zip(losses, path):
        vector = eigh(objective.derivatives(theta)[2])[1][:, -1]
        previous = vector if previous is None else vector * np.sign(vector @ previous)
        row[:] = [objective.loss_and_gradient(theta + alpha * previous)[0] for alpha in alphas]
    return losses
