"""Everything that is known about each activation function, in one record: formulas, symmetries, asymptotes.

In NumPy alone: whatever comes after the runs compiles nothing. The kernels have formulas of their own, in `scalars`, of which
`code` is the number.

docs/how-to/activation.md adds one. Tests hold formulas, symmetries and asymptotes against each other.

Source: paper, section 2 and Figure 2 (g, erf, softplus, relu).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are loaded when first used: a run needs none of those here
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _logistic(z: Array) -> tuple[Array, Array]:
    """The sigmoid with its first four derivatives (5, n), and e^−|z| (n,), which is what takes time."""
    decay = np.exp(-np.minimum(abs(z), 300.0))  # whose products below are no subnormal numbers, which are slow
    large = 1 / (1 + decay)
    small = decay * large
    p, q = np.where(z >= 0, large, small), np.where(z >= 0, small, large)
    first = p * q
    second = first * (q - p)
    return np.stack([p, first, second, first * (1 - 6 * first), second * (1 - 12 * first)]), decay


def sigmoid_derivatives(z: Array) -> Array:
    """1 / (1 + exp(−z)) with its derivatives.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    return _logistic(z)[0]


def softplus_derivatives(z: Array) -> Array:
    """log(1 + exp z) with its derivatives.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    derivatives, decay = _logistic(z)
    return np.concatenate([(np.maximum(z, 0) + np.log1p(decay))[None], derivatives[:4]])


def g_derivatives(z: Array) -> Array:
    """sigmoid(4z) + softplus(z) with its derivatives: the asymmetric activation of Figures 2 and 3.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    powers = (4.0 ** np.arange(5)).reshape(5, *[1] * z.ndim)
    return powers * sigmoid_derivatives(4 * z) + softplus_derivatives(z)


def erf_derivatives(z: Array) -> Array:
    """erf(z / √2) with its derivatives.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    slope = np.sqrt(2 / np.pi) * np.exp(-0.5 * z**2)
    return np.stack([scipy.special.erf(np.sqrt(0.5) * z), slope, -z * slope, (z**2 - 1) * slope, (3 - z**2) * z * slope])


def tanh_derivatives(z: Array) -> Array:
    """tanh z with its derivatives.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    t, first = np.tanh(z), 4 * scipy.special.expit(2 * z) * scipy.special.expit(-2 * z)
    return np.stack([t, first, -2 * t * first, first * (6 * t**2 - 2), t * first * (16 - 24 * t**2)])


def relu_derivatives(z: Array) -> Array:
    """max(z, 0) with its derivatives; the first is taken as 0 at the kink, all higher ones as 0 everywhere.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    zero = np.zeros_like(z)
    return np.stack([np.maximum(z, 0.0), np.where(z > 0, 1.0, 0.0), zero, zero, zero])


def gelu_derivatives(z: Array) -> Array:
    """z Φ(z) with its derivatives, where Φ is the distribution of a standard normal variable.

    Source: Hendrycks & Gimpel 2016.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    below, density = scipy.special.ndtr(z), np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    z2 = z**2
    return np.stack([z * below, below + z * density, (2 - z2) * density, (z2 - 4) * z * density, (7 * z2 - z2**2 - 4) * density])


def silu_derivatives(z: Array) -> Array:
    """z / (1 + exp(−z)) with its derivatives.

    Source: Elfwing, Uchibe & Doya 2018.

    Parameters
    ----------
    z : (…)

    Returns
    -------
    (5, …)
        σ and its first four derivatives.
    """
    s = _logistic(z)[0]
    return np.stack([z * s[0], s[0] + z * s[1], 2 * s[1] + z * s[2], 3 * s[2] + z * s[3], 4 * s[3] + z * s[4]])


@dataclass(frozen=True)
class Reflection:
    """A symmetry σ(−z) = sign σ(z) + slope z + constant.

    Parameters
    ----------
    sign : float
    slope : float
    constant : float
    """

    sign: float
    slope: float = 0.0
    constant: float = 0.0


@dataclass(frozen=True)
class Activation:
    """What is known about one activation function σ.

    Parameters
    ----------
    code : int
        The number of its formulas in `scalars.activate`.
    derivatives : function, z (…) → (5, …)
        σ and its first four derivatives.
    reflection : Reflection, optional
        Its symmetry.
    tail : float, optional
        t in σ(z) = e^z + t e^{2z} + … for z → −∞; None where σ does not vanish so.
    hinge : bool
        Whether a σ(w·x) with |w| → ∞ at fixed a |w| becomes a hinge max(0, ·).
    homogeneous : bool
        Whether σ(cz) = cσ(z) for c > 0: then (w, a) → (cw, a/c) leaves the network unchanged. Such a σ has a kink and no
        smooth limits.
    linear_above : float
        Where z is larger, σ(z) − z is constant up to 1e-6.
    """

    code: int
    derivatives: Callable[[Array], Array]
    reflection: Reflection | None = None
    tail: float | None = None
    hinge: bool = False
    homogeneous: bool = False
    linear_above: float = math.inf

    def is_even_or_odd(self, bias: bool) -> bool:
        """Whether a neuron can be turned, w → −w, with its output weight and the output bias alone making up for it.

        Parameters
        ----------
        bias : bool
            Of the network.

        Returns
        -------
        bool
        """
        mirror = self.reflection
        return mirror is not None and mirror.slope == 0 and (mirror.constant == 0 or bias)

    def can_be_turned(self, bias: bool) -> bool:
        """Whether a neuron can be turned where a linear term may be added as well.

        Parameters
        ----------
        bias : bool
            Of the network.

        Returns
        -------
        bool
        """
        return self.reflection is not None and (self.reflection.constant == 0 or bias)


ODD = Reflection(-1.0)
MINUS_LINEAR = Reflection(1.0, slope=-1.0)  # σ(−z) = σ(z) − z

ACTIVATIONS = {
    "g": Activation(0, g_derivatives, tail=-0.5, hinge=True, linear_above=15.0),
    "softplus": Activation(1, softplus_derivatives, MINUS_LINEAR, tail=-0.5, hinge=True, linear_above=15.0),
    "erf": Activation(2, erf_derivatives, ODD),
    "relu": Activation(3, relu_derivatives, MINUS_LINEAR, homogeneous=True),
    "sigmoid": Activation(4, sigmoid_derivatives, Reflection(-1.0, constant=1.0), tail=-1.0),
    "tanh": Activation(5, tanh_derivatives, ODD),
    "gelu": Activation(6, gelu_derivatives, MINUS_LINEAR, hinge=True, linear_above=6.0),
    "silu": Activation(7, silu_derivatives, MINUS_LINEAR, hinge=True, linear_above=18.0),
}
