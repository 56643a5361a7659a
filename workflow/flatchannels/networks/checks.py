"""What comes to a network from outside, checked: sizes, parameters, inputs. The kernels trust the shapes they are given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def checked_sizes(inputs: Any, widths: Any) -> tuple[int, tuple[int, ...]]:
    """The sizes of a network as integers.

    Parameters
    ----------
    inputs : int
    widths : sequence of int

    Returns
    -------
    inputs : int
    widths : tuple of int

    Raises
    ------
    ValueError
        They are no sizes of a network.
    """
    given = list(widths) if isinstance(widths, Sequence | np.ndarray) and not isinstance(widths, str) else []
    if given and all(map(_is_size, [inputs, *given])):
        return int(inputs), tuple(map(int, given))
    raise ValueError(f"inputs is {inputs!r} and widths {widths!r}; inputs must be an integer of at least 1, widths a list of such")


def checked_parameters(theta: ArrayLike, parameters: int) -> NDArray[np.float64]:
    """θ as a contiguous array.

    Parameters
    ----------
    theta : (P,)
    parameters : int
        P, of the network.

    Returns
    -------
    float64 (P,)

    Raises
    ------
    ValueError
        θ does not hold real numbers, or has another shape.
    """
    given = _of_real_numbers("theta", theta)
    if given.shape != (parameters,):
        raise ValueError(f"theta has shape {given.shape}; this network has {parameters} parameters")
    return np.ascontiguousarray(given, dtype=np.float64)


def checked_inputs(x: ArrayLike, inputs: int) -> NDArray[np.float64]:
    """Inputs as a contiguous array.

    Parameters
    ----------
    x : (N, d), or (N,) where d is 1
    inputs : int
        d, of the network.

    Returns
    -------
    float64 (N, d)

    Raises
    ------
    ValueError
        x does not hold real numbers, or has another shape.
    """
    given = _of_real_numbers("x", x)
    if given.ndim == 1 and inputs == 1:
        given = given[:, None]
    if given.ndim != 2 or given.shape[1] != inputs:
        raise ValueError(f"x has shape {given.shape}; this network takes (N, {inputs})")
    return np.ascontiguousarray(given, dtype=np.float64)


def _of_real_numbers(name: str, values: ArrayLike) -> NDArray:
    given = as_array(values)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of real numbers")
    return given


def as_array(values: ArrayLike) -> NDArray:
    """Lists, tensors of torch and frames as NumPy takes them, without a copy where it can.

    A tensor that requires gradients refuses NumPy, and a frame with columns of several types becomes one of objects: of numbers it is one
    of float64.

    Parameters
    ----------
    values : array_like, tensor of torch, or frame

    Returns
    -------
    array
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.dtype == object and hasattr(values, "dtypes"):
        kinds = {getattr(column, "kind", "O") for column in np.ravel(np.array(values.dtypes, dtype=object))}
        if kinds <= set("biuf"):
            return np.asarray(values, dtype=np.float64)
    return array


def _is_size(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)
