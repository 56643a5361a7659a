"""Limit networks: what networks on their way to infinity compute at its end, with the derivatives of its loss.

Two neurons of a channel, in the coordinates w (their mean), c = a_i + a_j, K = a_i − a_j and v = K (w_i − w_j) / 2,

    a_i σ(w_i·x) + a_j σ(w_j·x) = c σ(w·x) + (v·x) σ'(w·x) + K⁻² [ (c/2)(v·x)² σ''(w·x) + (1/6)(v·x)³ σ'''(w·x) ] + O(K⁻⁴),

are a gated linear unit at K = ∞, where the loss is smooth in K⁻² = ε²/|v|². Other groups of neurons have limits of other
kinds (`KINDS`).

Source: paper, section 3, Appendix C.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.infinity.compiled import Compiled
from flatchannels.infinity.plans import SHAPES, plan
from flatchannels.networks.activations import ACTIVATIONS, Activation
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

# kind → (whether it has an amplitude c, its linear forms of the inputs)
KINDS = {
    "neuron": (True, ("z",)),  # c σ(z)
    "pair": (True, ("z", "p")),  # c σ(z) + p σ'(z)
    "triple": (True, ("z", "p", "q")),  # c σ(z) + p σ'(z) ± ½ q² σ''(z)
    "quadruple": (True, ("z", "p", "q", "r")),  # c σ(z) + p σ'(z) + ½ (± q² ± r²) σ''(z)
    "exponential": (False, ("z",)),  # ± e^z
    "quadratic": (False, ("q",)),  # ± ½ q², whose form has no bias: that would be an ℓ
    "steep": (True, ("z",)),  # ± e^c σ(± e^−c z): a neuron, which for activations with a hinge becomes ± max(± z, 0) as c → −∞
}

SECOND_ORDER = ("triple", "quadruple")  # kinds with σ'', whose loss exceeds that at infinity by a multiple of 1/|a|
SAMPLES_PER_PASS = 200  # arrays up to 128 kB: larger ones come from the system each time, which takes ten times longer


class Unit(NamedTuple):
    """A unit of a limit network.

    Attributes
    ----------
    kind : str
    sign : float
        Of ½ q², or of its one term.
    neurons : tuple of int
        That it is the limit of.
    last_sign : float
        Of ½ r².
    """

    kind: str
    sign: float = 1.0
    neurons: tuple[int, ...] = ()
    last_sign: float = 1.0


class Block(NamedTuple):
    """Some samples.

    Attributes
    ----------
    x : (k, n)
        With its row of ones where there is a bias.
    affine : float array
        The terms of the affine part.
    y : (n,)
    weights : (n,)
    """

    x: Array
    affine: Array
    y: Array
    weights: Array


class AnyLimit(Protocol):
    """What a limit network of one layer and one of several have in common; `LimitNetwork` says what each of it is."""

    activation: Activation
    units: Sequence[Unit]
    layer_of: list[int]
    first: NDArray[np.int64]
    parameters: int

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """As of `LimitNetwork`.

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
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        loss : float
        gradient : (P,)
        hessian : (P, P)
        """
        ...

    def unpack(self, theta: Array) -> tuple[list[tuple[float, Array]], Array]:
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (number, forms)
        rest : float array
        """
        ...

    def squares(self, theta: Array) -> float:
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        float
        """
        ...

    def features(self, theta: Array, n: int) -> Array:
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)
        n : int
            The unit.

        Returns
        -------
        (k, N)
        """
        ...

    def slope(self, theta: Array) -> Array:
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (N,)
        """
        ...

    def slopes(self, theta: Array) -> Array:
        """As of `LimitNetwork`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (units,)
        """
        ...


class LimitNetwork:
    """f(x) = Σ units + ℓ·x + c₀ on a dataset: an objective for `polish`.

    θ (P,) holds unit after unit its c, if it has one, and the coefficients of its forms (inputs, then bias), then ℓ, then c₀.

    Parameters
    ----------
    network : Network
        With one hidden layer; its activation, inputs and bias are taken.
    data : Dataset
    units : list of Unit
    linear : bool
        Whether there is an ℓ.
    """

    def __init__(self, network: Network, data: Dataset, units: Sequence[Unit], linear: bool = False) -> None:
        self.activation, self.units, self.layer_of = ACTIVATIONS[network.activation], units, [0] * len(units)
        self.data, self.bias, self.dimension, self.linear = data, network.bias, network.inputs, linear
        self.blocks = []
        for start in range(0, data.y.size, SAMPLES_PER_PASS):
            here = slice(start, start + SAMPLES_PER_PASS)
            inputs, y = data.x[here].T, data.y[here]
            ones = np.ones((1, y.size))
            x = np.concatenate([inputs, ones]) if network.bias else np.ascontiguousarray(inputs)
            affine = np.concatenate([inputs[: linear * len(inputs)], ones[: int(network.bias)]])
            self.blocks.append(Block(x, affine, y, data.weights[here]))
        self.inputs, outputs = len(x), len(affine)
        sizes = [KINDS[unit.kind][0] + len(KINDS[unit.kind][1]) * self._columns(unit) for unit in units]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.parameters = int(self.first[-1]) + outputs

    def _columns(self, unit: Unit) -> int:
        """How many coefficients a form of a unit has in θ."""
        return self.dimension if unit.kind == "quadratic" else self.inputs

    def unpack(self, theta: Array) -> tuple[list[tuple[float, Array]], Array]:
        """The parameters of all units; c is 1 where the kind has none.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (c, forms (m, k))
        affine : float array
            The affine part.
        """
        parts = []
        for unit, start, end in zip(self.units, self.first, self.first[1:]):
            amplitude = KINDS[unit.kind][0]
            forms = theta[start + amplitude : end].reshape(-1, self._columns(unit))
            if forms.shape[1] < self.inputs:
                forms = np.column_stack([forms, np.zeros(len(forms))])
            parts.append((float(theta[start]) if amplitude else 1.0, forms))
        return parts, theta[self.first[-1] :]

    def pack(self, parts: Sequence[tuple[float, Array]], affine: Array) -> Array:
        """The inverse of `unpack`.

        Parameters
        ----------
        parts : sequence of (c, forms)
        affine : float array

        Returns
        -------
        (P,)
        """
        pieces = [
            np.concatenate([[c] if KINDS[unit.kind][0] else [], np.ravel(forms[:, : self._columns(unit)])])
            for unit, (c, forms) in zip(self.units, parts)
        ]
        return np.concatenate([*pieces, affine])

    def squares(self, theta: Array) -> float:
        """Σθ² of the network whose limit this is, if its units are all finite.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        float
        """
        parts, affine = self.unpack(theta)
        total = float(affine @ affine)
        for unit, (c, forms) in zip(self.units, parts):
            output = np.exp(c) if unit.kind == "steep" else c
            total += output**2 + float((forms**2).sum()) / (output**2 if unit.kind == "steep" else 1.0)
        return total

    @cached_property
    def _compiled(self) -> Compiled:
        """Units with an amplitude c have it as the coefficient of their channel σ; the coefficients of all other channels are fixed."""
        kinds = [(unit.kind, unit.sign, unit.last_sign) for unit in self.units] + [("linear", 1.0, 1.0)] * self.linear
        layout = plan(self.activation.code, self.bias, self.dimension, [kinds])
        total, columns, output = int(layout.first_scale[-1]), self.dimension + self.bias, int(layout.first[-1])
        where, signs, fixed = [], np.ones(self.parameters), np.zeros(total)
        for n, (unit, (_, _, form, channel, scale)) in enumerate(zip(self.units, layout.units)):
            begin = int(layout.first[1]) + form * columns
            if unit.kind == "steep":
                where.append(scale)
                signs[self.first[n] + 1 : self.first[n + 1]] = unit.sign
            elif KINDS[unit.kind][0]:
                where.append(output + channel)
            held = output + channel + np.array(SHAPES[unit.kind].held, dtype=int)
            fixed[held] = unit.sign if unit.kind in ("steep", "exponential", "quadratic") else 1.0
            where += range(begin, begin + SHAPES[unit.kind].forms * self._columns(unit))
        if self.linear:
            _, _, form, channel, _ = layout.units[-1]
            fixed[output + channel] = 1.0
            where += range(int(layout.first[1]) + form * columns, int(layout.first[1]) + form * columns + self.dimension)
        if self.bias:
            where.append(output + int(layout.channels[-2]))
        return Compiled(layout, self.data, np.array(where), signs, fixed)

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
        return self._compiled.loss_and_gradient(theta)

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
        return self._compiled.derivatives(theta)

    def _value(self, unit: Unit, c: float, rows: Array) -> Array:
        """What a unit with (c, rows (m, n) of its forms) adds to the output: (n,)."""
        if unit.kind == "exponential":
            return unit.sign * np.exp(rows[0])
        if unit.kind == "quadratic":
            return 0.5 * unit.sign * rows[0] ** 2
        if unit.kind == "steep":
            scale = unit.sign * np.exp(c)
            return scale * self.activation.derivatives(rows[0] / scale)[0]
        s = self.activation.derivatives(rows[0])
        value = c * s[0] + sum(p * s[1] for p in rows[1:2])
        return value + sum(0.5 * sign * q**2 * s[2] for sign, q in zip((unit.sign, unit.last_sign), rows[2:]))

    def _error(self, theta: Array, block: Block) -> Array:
        """f − y (n,) on a block."""
        parts, affine = self.unpack(theta)
        return sum((self._value(unit, c, forms @ block.x) for unit, (c, forms) in zip(self.units, parts)), affine @ block.affine) - block.y

    def features(self, theta: Array, n: int) -> Array:
        """What the forms of a unit are linear in: the inputs, with a row of ones where there is a bias.

        Parameters
        ----------
        theta : (P,)
        n : int
            The unit.

        Returns
        -------
        (k, N)
        """
        return np.concatenate([block.x for block in self.blocks], axis=1)

    def slope(self, theta: Array) -> Array:
        """2ω(f − y), the derivative of the loss by the output at each sample.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (N,)
        """
        return np.concatenate([2 * block.weights * self._error(theta, block) for block in self.blocks])

    def slopes(self, theta: Array) -> Array:
        """For each unit the derivative of the loss, at infinity, by the small number s that leads away from there.

        Of a pair s = K⁻² (the paper's h is this over |v|²), of an exponential unit s = 1/|a|; NaN for other kinds.
        Source: paper, section 4; for exponential units the next term of σ.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (units,)
        """
        parts, result = self.unpack(theta)[0], np.full(len(self.units), np.nan)
        for block in self.blocks:
            slope = 2 * block.weights * self._error(theta, block)
            for n, (unit, (c, forms)) in enumerate(zip(self.units, parts)):
                rows = forms @ block.x
                if unit.kind == "pair":
                    s, p = self.activation.derivatives(rows[0]), rows[1]
                    term = slope @ (c / 2 * p**2 * s[2] + p**3 * s[3] / 6)
                elif unit.kind == "exponential":
                    assert self.activation.tail is not None
                    term = unit.sign * self.activation.tail * (slope @ np.exp(2 * rows[0]))
                else:
                    continue
                result[n] = np.nan_to_num(result[n]) + term
        return result
