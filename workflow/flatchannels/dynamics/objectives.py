"""What a flow and a polish work on: any function of θ with a gradient and a Hessian, and three of them.

`gradient_flow` and `polish` take any object with the two methods of `TwiceDifferentiable`. They also use, where the object has them,

- `linear_neurons(theta)` → int: how many neurons work on the linear part of their activation; decides between the ends FLAT and LINEAR;
- `loss_scale`, float: the size of the loss of a function that explains nothing, for networks the mean square of the targets; a loss
  is 0 to rounding relative to it. Without it, or where it is 0, the loss at the start takes its place;
- `exact_fit`, float: the fraction of it that counts as 0, `precision.EXACT_FIT` if nothing is said;
- `gauge(theta)` → (P, n): orthonormal directions along which the function is constant but for what smoothing does to it; a
  flow need not come to rest along them.
"""

from typing import Any, Protocol

import numpy as np
import scipy  # scipy.sparse is loaded when first used: a run does without
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.dynamics.curvature import tangential
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network
from flatchannels.networks.norm import regulariser
from flatchannels.precision import EXACT_FIT, EXACT_FIT_OF_ROUNDED_KINKS, EXACT_FIT_OF_START

Array = NDArray[np.float64]


class TwiceDifferentiable(Protocol):
    """A function of θ (P,) with its derivatives, in float64. Values that are not finite are refused by whoever asked."""

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Value and gradient.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        ...

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and Hessian.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P), symmetric
        """
        ...


def exact_loss(objective: TwiceDifferentiable, initial: float) -> float:
    """The loss up to which one is 0 to rounding.

    Parameters
    ----------
    objective : TwiceDifferentiable
    initial : float
        The loss at the start.

    Returns
    -------
    float
        Negative where nothing tells.
    """
    scale = getattr(objective, "loss_scale", None)
    if scale is None and initial == 0:
        return -1.0
    return max(getattr(objective, "exact_fit", EXACT_FIT) * (scale or abs(initial)), EXACT_FIT_OF_START * abs(initial))


def linear_neurons(objective: TwiceDifferentiable, theta: Array) -> int:
    """The objective's `linear_neurons`; 0 where it has none.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)

    Returns
    -------
    int
    """
    return objective.linear_neurons(theta) if hasattr(objective, "linear_neurons") else 0


def gauge(objective: TwiceDifferentiable, theta: Array) -> Array:
    """The objective's `gauge`; without columns where it has none.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)

    Returns
    -------
    (P, n), orthonormal columns
    """
    return objective.gauge(theta) if hasattr(objective, "gauge") else np.zeros((theta.size, 0))


class Objective:
    """L of a network on a dataset as a function of θ, or L + R where maxnorm is given.

    Parameters
    ----------
    network : Network
    data : Dataset
    maxnorm : float, optional
        The wall of R; without it R is left out.
    """

    def __init__(self, network: Network, data: Dataset, maxnorm: float | None = None) -> None:
        self.network, self.data, self.maxnorm = network, data, maxnorm

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """`Network.loss_and_gradient`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        return self.network.loss_and_gradient(theta, self.data, self.maxnorm)

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """`Network.derivatives`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        return self.network.derivatives(theta, self.data, self.maxnorm)

    @property
    def loss_scale(self) -> float:
        """The weighted mean square of the targets."""
        return float(self.data.weights @ self.data.y**2)

    def linear_neurons(self, theta: Array) -> int:
        """How many neurons of the first hidden layer have an activation that is linear, up to rounding, on every sample.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        int
        """
        threshold = ACTIVATIONS[self.network.activation].linear_above
        z = self.network.first_layer(theta, self.data.x)
        return int(np.sum(z.min(axis=0) > threshold))

    def gauge(self, theta: Array) -> Array:
        """`Network.gauge`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (P, n), orthonormal columns
        """
        return self.network.gauge(theta)


class Regularised:
    """Any objective plus the regulariser R of the norm wall.

    What else the objective has it keeps.

    Parameters
    ----------
    objective : TwiceDifferentiable
    maxnorm : float
        The wall.
    """

    def __init__(self, objective: TwiceDifferentiable, maxnorm: float) -> None:
        self.objective, self.maxnorm = objective, maxnorm

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["objective"], name)

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """L + R and its gradient.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        loss, gradient = self.objective.loss_and_gradient(theta)
        gradient = gradient.copy()
        return loss + regulariser(theta, self.maxnorm, gradient), gradient

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """L + R, its gradient and its Hessian.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        loss, gradient, hessian = self.objective.derivatives(theta)
        gradient, hessian = gradient.copy(), hessian.copy()
        return loss + regulariser(theta, self.maxnorm, gradient, hessian), gradient, hessian


class GaugeFixed(Objective):
    """The same for relu, on the surface of constant Σ sign · θ² (`Network.scalings`), which an exact relu flow never leaves.

    A smoothed one has a little slope along the gauge, normal to that surface, which over long times would carry a flow to
    where the smoothing is as wide as the data.
    """

    exact_fit = EXACT_FIT_OF_ROUNDED_KINKS

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Loss, and gradient along the surface.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        loss, gradient = super().loss_and_gradient(theta)
        gauge = self.gauge(theta)
        return loss, gradient - gauge @ (gauge.T @ gradient)

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Loss, gradient along the surface, and Hessian along it of the Lagrangian: the surface's own curvature counts.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        loss, gradient, hessian = super().derivatives(theta)
        multipliers = np.linalg.lstsq(self.network.scalings * theta[:, None], gradient, rcond=None)[0]
        hessian[np.diag_indices_from(hessian)] -= self.network.scalings @ multipliers
        return loss, *tangential(gradient, hessian, self.gauge(theta), 0.0)


class Affine:
    """An objective on the affine set θ = M η + b, as a function of η (Q,).

    objective : a function of θ (P,).  matrix : M (P, Q), dense or of scipy.sparse.  offset : b (P,).

    Parameters
    ----------
    objective : TwiceDifferentiable
        A function of θ (P,).
    matrix : (P, Q)
        M, dense or of scipy.sparse.
    offset : (P,) or float
        b.
    """

    def __init__(self, objective: TwiceDifferentiable, matrix: Any, offset: ArrayLike = 0.0) -> None:
        self.objective, self.matrix, self.offset = objective, matrix, np.asarray(offset, dtype=float)

    @classmethod
    def coordinates(cls, objective: TwiceDifferentiable, theta: Array, free: NDArray[np.bool_]) -> "Affine":
        """The objective with some of the parameters to vary, and the others fixed.

        Parameters
        ----------
        objective : TwiceDifferentiable
        theta : (P,)
            Where they are fixed.
        free : bool (P,)
            Which vary.

        Returns
        -------
        Affine
        """
        return cls(objective, scipy.sparse.eye_array(theta.size, format="csc")[:, np.flatnonzero(free)], np.where(free, 0.0, theta))

    @classmethod
    def scaled(cls, objective: TwiceDifferentiable, scale: Array) -> "Affine":
        """The objective in the coordinates θ / scale.

        Parameters
        ----------
        objective : TwiceDifferentiable
        scale : (P,)

        Returns
        -------
        Affine
        """
        return cls(objective, scipy.sparse.diags_array(scale))

    def theta(self, eta: Array) -> Array:
        """θ = M η + b.

        Parameters
        ----------
        eta : (Q,)

        Returns
        -------
        (P,)
        """
        return self.matrix @ eta + self.offset

    def loss_and_gradient(self, eta: Array) -> tuple[float, Array]:
        """Loss, and gradient Mᵀg.

        Parameters
        ----------
        eta : (Q,)

        Returns
        -------
        loss : float
        gradient : (Q,)
        """
        loss, gradient = self.objective.loss_and_gradient(self.theta(eta))
        return loss, self.matrix.T @ gradient

    def derivatives(self, eta: Array) -> tuple[float, Array, Array]:
        """Loss, gradient Mᵀg and Hessian MᵀHM.

        Parameters
        ----------
        eta : (Q,)

        Returns
        -------
        loss : float
        gradient : (Q,)
        hessian : (Q, Q)
        """
        loss, gradient, hessian = self.objective.derivatives(self.theta(eta))
        return loss, self.matrix.T @ gradient, self.matrix.T @ hessian @ self.matrix
