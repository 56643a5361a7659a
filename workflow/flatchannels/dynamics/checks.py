"""What the functions of this folder accept, checked before anything runs: one line for each mistake, with what was given and allowed."""

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.dynamics.objectives import Objective, TwiceDifferentiable
from flatchannels.networks.checks import as_array
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

SYMMETRY = 1e-6  # of a Hessian, relative to its largest entry: what is left of one by finite differences passes


def check_numbers(**values: Any) -> None:
    """Check that settings are positive numbers, and rtol, where it is among them, below 1.

    Parameters
    ----------
    values : name=value

    Raises
    ------
    ValueError
        One is not.
    """
    for name, value in values.items():
        number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
        if not (number and value > 0):
            raise ValueError(f"{name} is {value!r}; it must be a positive number")
    if "rtol" in values and not values["rtol"] < 1:
        raise ValueError(f"rtol is {values['rtol']!r}; it must be below 1")


def check_counts(smallest: int = 1, **values: Any) -> None:
    """Check that settings are integers that are large enough.

    Parameters
    ----------
    smallest : int
    values : name=value

    Raises
    ------
    ValueError
        One is not.
    """
    for name, value in values.items():
        try:
            count = operator.index(value)
        except TypeError:
            count = smallest - 1
        if isinstance(value, bool) or count < smallest:
            raise ValueError(f"{name} is {value!r}; it must be an integer of at least {smallest}")


def checked_theta(theta: ArrayLike, name: str = "theta") -> Array:
    """A copy of θ in float64, which need not be finite: that is an outcome of a flow.

    Parameters
    ----------
    theta : (P,)
    name : str
        What an error calls it.

    Returns
    -------
    (P,)

    Raises
    ------
    ValueError
        It is no vector of real numbers, or an empty one.
    """
    given = as_array(theta)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers")
    if given.ndim != 1 or not given.size:
        raise ValueError(f"{name} has shape {given.shape}; it must be a vector of at least one number")
    return np.array(given, dtype=float)


def check_objective(objective: TwiceDifferentiable, theta: Array) -> None:
    """Check what an objective gives at θ; networks, which check θ themselves, are passed over.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)

    Raises
    ------
    ValueError
        It lacks a method, or shapes and types are not those of `TwiceDifferentiable`.
    """
    if isinstance(objective, Objective):
        return
    _check_methods(objective, "loss_and_gradient", "derivatives")
    loss, gradient = _parts(objective.loss_and_gradient(theta), "loss_and_gradient", ("loss", "gradient"))
    _check_shapes(theta, loss, gradient)
    checked_derivatives(objective, theta)


def checked_derivatives(objective: TwiceDifferentiable, theta: Array) -> tuple[float, Array, Array]:
    """An objective's `derivatives` at θ, checked.

    Parameters
    ----------
    objective : TwiceDifferentiable
    theta : (P,)

    Returns
    -------
    loss : float
    gradient : (P,)
    hessian : (P, P)

    Raises
    ------
    ValueError
        There is no such method, shapes or types are not those of `TwiceDifferentiable`, or the Hessian is not symmetric.
    """
    _check_methods(objective, "derivatives")
    loss, gradient, hessian = _parts(objective.derivatives(theta), "derivatives", ("loss", "gradient", "Hessian"))
    _check_shapes(theta, loss, gradient, hessian)
    if np.isfinite(hessian).all() and abs(hessian - hessian.T).max() > SYMMETRY * abs(hessian).max():
        raise ValueError("the Hessian of the objective is not symmetric")
    return loss, gradient, hessian


def _check_methods(objective: Any, *methods: str) -> None:
    if isinstance(objective, Network):
        raise ValueError("a Network alone has no loss; give Objective(net, data)")
    for method in methods:
        if not callable(getattr(objective, method, None)):
            raise ValueError(f"{type(objective).__name__} has no method {method}; an objective needs {' and '.join(methods)}")


def _parts(given: Any, method: str, names: tuple[str, ...]) -> tuple:
    if not isinstance(given, tuple) or len(given) != len(names):
        raise ValueError(f"{method} of the objective gives {type(given).__name__}; it must give a tuple of {', '.join(names)}")
    return given


def _check_shapes(theta: Array, loss: Any, *arrays: Any) -> None:
    if np.shape(loss) or np.asarray(loss).dtype.kind not in "biuf":
        raise ValueError(f"the loss of the objective is {type(loss).__name__} of shape {np.shape(loss)}; it must be one real number")
    for name, array, shape in zip(("gradient", "Hessian"), arrays, (theta.shape, theta.shape * 2), strict=False):
        if not isinstance(array, np.ndarray) or array.dtype != np.float64 or array.shape != shape:
            kind = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            raise ValueError(f"the {name} of the objective is {kind}; it must be a float64 array of shape {shape}")
