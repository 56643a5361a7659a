"""Limit networks as the compiled kernels compute them: whose parameters they are, and those that are fixed.

Source: this project's.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.infinity import kernels
from flatchannels.infinity.plans import Plan, plan, workspace
from flatchannels.networks.activations import ACTIVATIONS

Array = NDArray[np.float64]


class Compiled:
    """The loss of layers of units on a dataset, as a function of θ: an objective for `polish`.

    Parameters
    ----------
    plan : Plan
        Of the layers.
    data : Dataset
    where : int (P,)
        Which parameter of the kernels each of θ is.
    signs : (P,)
        By which it is multiplied.
    fixed : float array
        What the other parameters of the kernels are, and 0 for those in θ.
    """

    def __init__(self, plan: Plan, data: Dataset, where: NDArray[np.int64], signs: Array, fixed: Array) -> None:
        self.plan, self.data, self.where, self.signs, self.fixed = plan, data, where, signs, fixed

    @cached_property
    def _rows(self) -> Array:
        return workspace(self.plan)

    def _parameters(self, theta: Array) -> Array:
        parameters = self.fixed.copy()
        parameters[self.where] = self.signs * theta
        return parameters

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Loss and gradient.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        """
        gradient = np.empty(self.fixed.size)
        loss = kernels.loss_and_gradient(self.plan, self._parameters(theta), *self.data.blocks, self._rows, gradient)
        return float(loss), gradient[self.where] * self.signs

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Loss, gradient and Hessian.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        gradient, hessian = np.empty(self.fixed.size), np.empty((self.fixed.size, self.fixed.size))
        loss = kernels.derivatives(self.plan, self._parameters(theta), *self.data.blocks, self._rows, gradient, hessian)
        signs = self.signs * self.signs[:, None]
        return float(loss), gradient[self.where] * self.signs, hessian[np.ix_(self.where, self.where)] * signs


def compile_kernels() -> None:
    """Compile everything that a limit network needs, into numba's cache."""
    theta = np.linspace(0.1, 0.4, 4)  # of one neuron with one input and biases
    layout = plan(ACTIVATIONS["softplus"].code, True, 1, [[("neuron", 1.0, 1.0)]])
    one = Compiled(layout, Dataset([[0.0]], [0.0]), np.arange(theta.size), np.ones(theta.size), np.zeros(theta.size))
    one.loss_and_gradient(theta)
    one.derivatives(theta)
