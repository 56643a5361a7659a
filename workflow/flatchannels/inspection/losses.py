"""Losses of networks with any number of outputs, and their derivatives by the outputs.

As in torch: `MSELoss` averages over the outputs too, `CrossEntropyLoss` takes the outputs as logits, and a single logit is that of
`BCEWithLogitsLoss`. With one output the mean-squared error is the paper's loss. Source: paper, section 1; Bishop 2006, section 4.3.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Loss:
    """A loss ℓ(f, y) of outputs f and targets y, both (n, m).

    Parameters
    ----------
    name : str
    value : function, (f, y) → (n,)
    slope : function, (f, y) → (n, m)
        ∂ℓ/∂f.
    bend : function, (f, u) → (n, m)
        The Hessian of ℓ by f times u.
    """

    name: str
    value: Callable[[Array, Array], Array]
    slope: Callable[[Array, Array], Array]
    bend: Callable[[Array, Array], Array]


def _cross_entropy(f: Array, y: Array) -> Array:
    if f.shape[1] == 1:
        return (np.logaddexp(0.0, f) - y * f)[:, 0]
    return -(y * log_softmax(f, axis=1)).sum(axis=1)


def _probabilities(f: Array) -> Array:
    return expit(f) if f.shape[1] == 1 else softmax(f, axis=1)


def _cross_entropy_bend(f: Array, u: Array) -> Array:
    p = _probabilities(f)
    return p * (1 - p) * u if f.shape[1] == 1 else p * (u - (p * u).sum(axis=1, keepdims=True))


MEAN_SQUARED_ERROR = Loss(
    "mse",
    value=lambda f, y: ((f - y) ** 2).mean(axis=1),
    slope=lambda f, y: 2 * (f - y) / f.shape[1],
    bend=lambda f, u: 2 * u / f.shape[1],
)
CROSS_ENTROPY = Loss("cross-entropy", value=_cross_entropy, slope=lambda f, y: _probabilities(f) - y, bend=_cross_entropy_bend)
LOSSES = {loss.name: loss for loss in (MEAN_SQUARED_ERROR, CROSS_ENTROPY)}


def loss_named(name: str) -> Loss:
    """The loss of a name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Loss

    Raises
    ------
    ValueError
        The name is not known.
    """
    if name not in LOSSES:
        raise ValueError(f"loss is {name!r}; it must be one of {', '.join(LOSSES)}")
    return LOSSES[name]
