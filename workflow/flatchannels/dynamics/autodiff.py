"""Functions of torch as objectives of `gradient_flow` and `polish`, by automatic differentiation.

Torch is imported when it is needed: whoever has a function of it has it too. Functions of JAX need no module:
docs/how-to/library.md shows the two methods for them.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float64]


class TorchObjective:
    """A `TwiceDifferentiable` from a function of torch.

    Parameters
    ----------
    function : callable
        θ, a tensor (P,) in float64, → the loss, a tensor with one number. It must be twice differentiable, and keep to float64: in float32
        a gradient comes to rest at 1e-7, and no flow is followed further.
    """

    def __init__(self, function: "Callable[[torch.Tensor], torch.Tensor]") -> None:
        self.function = function
        self.depends = False  # on θ, as far as torch knows: looked at once

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """Value and gradient.

        Parameters
        ----------
        theta : ndarray (P,)

        Returns
        -------
        float, ndarray (P,)

        Raises
        ------
        ValueError
            The function returns something else than one number in float64, or one that is cut off from θ.
        """
        import torch

        if not self.depends:
            self.depends = self._checked(torch.tensor(theta, dtype=torch.float64, requires_grad=True)).requires_grad
            if not self.depends:
                raise ValueError("the function's value is cut off from θ, as by .detach(), .item() or NumPy: torch has no gradient of it")
        gradient, loss = torch.func.grad_and_value(self._checked)(torch.tensor(theta, dtype=torch.float64))
        return float(loss), np.array(gradient)

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """Value, gradient and Hessian.

        Parameters
        ----------
        theta : ndarray (P,)

        Returns
        -------
        float, ndarray (P,), ndarray (P, P)
            The Hessian is symmetric to the last digit.

        Raises
        ------
        ValueError
            The function returns something else than one number in float64.
        """
        import torch

        hessian = np.array(torch.func.hessian(self._checked)(torch.tensor(theta, dtype=torch.float64)))
        return *self.loss_and_gradient(theta), (hessian + hessian.T) / 2

    def _checked(self, theta: "torch.Tensor") -> "torch.Tensor":
        loss = self.function(theta)
        kind, shape = getattr(loss, "dtype", type(loss).__name__), tuple(getattr(loss, "shape", ()))
        if str(kind) != "torch.float64" or shape not in ((), (1,)):
            raise ValueError(f"the function returns {kind} of shape {shape}; it must return one number, a tensor in float64")
        return loss.reshape(())
