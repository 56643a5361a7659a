"""Limit networks of any depth: units at infinity that feed the next layer.

A layer's unit is what a neuron or a group of neurons tends to (`limits`). To the layer above it gives one or more channels,
each a function of the unit's linear forms of the channels below. With z, p and q the forms:

    neuron σ(z);   pair σ(z), p σ'(z);   triple σ(z), p σ'(z) ± ½ q² σ''(z), q σ'(z);   exponential e^z;   linear z;
    steep s σ(z/s), which for activations with a hinge becomes max(z, 0) as s → 0.

The layer above multiplies channels by coefficients, and nothing else changes: the function is smooth, and so is its loss. Where a
channel may grow while its coefficients shrink, a term that is 0 at every minimum holds these at length 1. It adds nothing to the
loss, and takes a flat direction away.

Source: paper, section 3, Appendix C; networks of several layers are this project's.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.infinity.compiled import Compiled
from flatchannels.infinity.limits import Unit
from flatchannels.infinity.plans import SHAPES, plan
from flatchannels.networks.activations import ACTIVATIONS
from flatchannels.networks.network import Network

Array = NDArray[np.float64]

SAMPLES_PER_PASS = 200  # arrays up to 128 kB: larger ones come from the system each time, which takes ten times longer and more
NEGLIGIBLE = 1e-30  # below it a derivative is taken as 0: products of several would be subnormal numbers, which are fifty times slower
HELD = 1.0  # weight of the term that holds coefficients at length 1, over the mean square of the targets


class Jet(NamedTuple):
    """A channel (n,) with its derivatives by the unit's forms: {i: (n,)}."""

    value: Array
    first: dict[int, Array]


class Pass(NamedTuple):
    """A forward pass over a block: the inputs (k, n) of each layer, and of the output; the jets of each unit; f − y (n,)."""

    inputs: list[Array]
    jets: list[list[Jet]]
    error: Array


def _sums(left: tuple[Any, ...], right: tuple[Any, ...]) -> Any:
    """Of two tuples the sums of what stands in the same place, as far as the left one goes."""
    return tuple(a + b for a, b in zip(left, right))


def _without_tiny(values: Array) -> Array:
    """Values with 0 for those that are `NEGLIGIBLE`."""
    return np.where(abs(values) < NEGLIGIBLE, 0.0, values)


class LayeredLimit:
    """f(x) of a network whose hidden layers consist of units, on a dataset: an objective for `polish`.

    θ (P,) holds unit after unit, the first layer's at first, log s where there is one and the coefficients of the forms (channels of the
    layer below or inputs, then bias); at the end the coefficients of the output.

    Parameters
    ----------
    network : Network
        Whose activation, inputs and bias are taken.
    data : Dataset
    layers : sequence of sequence of Unit
        The units of each hidden layer, the one next to the inputs first.
    """

    def __init__(self, network: Network, data: Dataset, layers: Sequence[Sequence[Unit]]) -> None:
        self.activation, self.bias, self.layers, self.data = ACTIVATIONS[network.activation], network.bias, layers, data
        self.units: Sequence[Unit] = [unit for layer in layers for unit in layer]
        self.layer_of = [number for number, layer in enumerate(layers) for _ in layer]
        widths = [network.inputs + network.bias]
        widths += [sum(SHAPES[unit.kind].channels for unit in layer) + network.bias for layer in layers]
        self.widths, self.inputs = widths, max(widths)
        sizes = [SHAPES[unit.kind].scaled + SHAPES[unit.kind].forms * widths[n] for n, unit in zip(self.layer_of, self.units)]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.parameters = int(self.first[-1]) + widths[-1]
        self.channels = self._first_channels()
        self.samples = [
            (self._with_ones(data.x[here].T), data.y[here], data.weights[here])
            for here in (slice(start, start + SAMPLES_PER_PASS) for start in range(0, data.y.size, SAMPLES_PER_PASS))
        ]
        self.weight = HELD * float(data.weights @ (data.y - data.weights @ data.y) ** 2)
        self.held = [self._coefficients(n, channel) for n, unit in enumerate(self.units) for channel in SHAPES[unit.kind].held]

    def _first_channels(self) -> list[int]:
        """The number of the first channel of each unit, among the channels of its layer."""
        found: list[int] = []
        for layer in self.layers:
            counts = [SHAPES[unit.kind].channels for unit in layer]
            found += np.cumsum([0, *counts[:-1]]).tolist()
        return found

    def _with_ones(self, rows: Array) -> Array:
        return np.concatenate([rows, np.ones((1, rows.shape[1]))]) if self.bias else np.ascontiguousarray(rows)

    def forms_at(self, n: int) -> NDArray[np.int64]:
        """Where in θ the coefficients of the forms of a unit stand.

        Parameters
        ----------
        n : int
            The unit.

        Returns
        -------
        int (forms, k)
        """
        start, unit = self.first[n] + SHAPES[self.units[n].kind].scaled, self.units[n]
        return np.arange(start, self.first[n + 1]).reshape(SHAPES[unit.kind].forms, -1)

    def _coefficients(self, n: int, channel: int) -> NDArray[np.int64]:
        """Where in θ the coefficients of a channel of unit n stand."""
        column, above = self.channels[n] + channel, self.layer_of[n] + 1
        if above == len(self.layers):
            return np.array([self.first[-1] + column])
        return np.concatenate([self.forms_at(m)[:, column] for m, layer in enumerate(self.layer_of) if layer == above])

    def unpack(self, theta: Array) -> tuple[list[tuple[float, Array]], Array]:
        """The parameters of all units.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (log s or 1, forms (m, k))
        output : float array
            The coefficients of the output.
        """
        parts = [
            (float(theta[self.first[n]]) if SHAPES[unit.kind].scaled else 1.0, theta[self.forms_at(n)]) for n, unit in enumerate(self.units)
        ]
        return parts, theta[self.first[-1] :]

    def squares(self, theta: Array) -> float:
        """Σθ² of the network whose limit this is, if its units are all finite.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        float
        """
        total = float(theta @ theta)
        for n, unit in enumerate(self.units):
            if unit.kind == "steep":
                span, scale = theta[self.first[n] + 1 : self.first[n + 1]], theta[self.first[n]]
                total += float(np.exp(2 * scale) - 1 + (span @ span) * (np.exp(-2 * scale) - 1) - scale**2)
        return total

    def _jets(self, unit: Unit, scale: float, rows: Array) -> list[Jet]:
        """The channels of a unit with forms (m, n)."""
        if unit.kind == "exponential":
            value = _without_tiny(np.exp(rows[0]))
            return [Jet(value, {0: value})]
        if unit.kind == "linear":
            return [Jet(rows[0], {0: np.ones_like(rows[0])})]
        if unit.kind == "steep":
            d = _without_tiny(self.activation.derivatives(rows[0] * np.exp(-scale)))
            return [Jet(np.exp(scale) * d[0], {0: d[1]})]
        d = _without_tiny(self.activation.derivatives(rows[0]))
        jets = [Jet(d[0], {0: d[1]})]
        if unit.kind in ("pair", "triple"):
            jets.append(Jet(rows[1] * d[1], {0: rows[1] * d[2], 1: d[1]}))
        if unit.kind == "triple":
            q, half = rows[2], 0.5 * unit.sign * rows[2] ** 2
            value, first = jets[1]
            jets[1] = Jet(value + half * d[2], {0: first[0] + half * d[3], 1: d[1], 2: unit.sign * q * d[2]})
            jets.append(Jet(q * d[1], {0: q * d[2], 2: d[1]}))
        return jets

    def _forward(self, theta: Array, x: Array, y: Array) -> Pass:
        inputs, jets = [x], []
        with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
            for number in range(len(self.layers)):
                channels = []
                for n in self._units_of(number):
                    scale = float(theta[self.first[n]])
                    jets.append(self._jets(self.units[n], scale, theta[self.forms_at(n)] @ inputs[-1]))
                    channels += [jet.value for jet in jets[-1]]
                inputs.append(self._with_ones(np.stack(channels)))
            return Pass(inputs, jets, theta[self.first[-1] :] @ inputs[-1] - y)

    def _units_of(self, number: int) -> Iterator[int]:
        return (n for n, layer in enumerate(self.layer_of) if layer == number)

    def _adjoints(self, theta: Array, run: Pass, slope: Array) -> tuple[list[Array], list[dict[int, Array]]]:
        """∂L/∂(input) of each layer (k, n), of the output last, and of each unit by its forms and log s."""
        below: list[Array] = [np.zeros((0, 0))] * len(self.layers) + [np.multiply.outer(theta[self.first[-1] :], slope)]
        by_form: list[dict[int, Array]] = [{} for _ in self.units]
        for number in range(len(self.layers) - 1, -1, -1):
            lower = np.zeros_like(run.inputs[number])
            for n in self._units_of(number):
                for channel, jet in enumerate(run.jets[n]):
                    weight = below[number + 1][self.channels[n] + channel]
                    for i, d in jet.first.items():
                        by_form[n][i] = by_form[n].get(i, 0.0) + weight * d
                forms = theta[self.forms_at(n)]
                lower += sum(np.multiply.outer(form, by_form[n][i]) for i, form in enumerate(forms))
            below[number] = lower
        return below, by_form

    @cached_property
    def _compiled(self) -> Compiled:
        layout = plan(
            self.activation.code,
            self.bias,
            self.widths[0] - self.bias,
            [[(u.kind, u.sign, u.last_sign) for u in layer] for layer in self.layers],
        )
        where = np.zeros(self.parameters, dtype=np.int64)
        for n, (layer, _, form, _, scale) in enumerate(layout.units):
            if SHAPES[self.units[n].kind].scaled:
                where[self.first[n]] = scale
            at, columns = self.forms_at(n), self.widths[layer - 1]
            where[at] = layout.first[layer] + (form + np.arange(len(at)))[:, None] * columns + np.arange(columns)
        where[self.first[-1] :] = layout.first[-1] + np.arange(self.widths[-1])
        return Compiled(layout, self.data, where, np.ones(where.size), np.zeros(where.size))

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
        return _sums(self._compiled.loss_and_gradient(theta), self._holding(theta))

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
        return _sums(self._compiled.derivatives(theta), self._holding(theta))

    def _holding(self, theta: Array) -> tuple[float, Array, Array]:
        """The term that holds coefficients, and linear units without a bias: float, (P,), (P, P)."""
        value, gradient, hessian = 0.0, np.zeros(self.parameters), np.zeros((self.parameters, self.parameters))
        for place in self.held:
            d = theta[place]
            excess = float(d @ d) - 1
            value += 0.25 * self.weight * excess**2
            gradient[place] += self.weight * excess * d
            hessian[np.ix_(place, place)] += self.weight * (excess * np.eye(d.size) + 2 * np.outer(d, d))
        for n, unit in enumerate(self.units):
            if unit.kind == "triple":  # p and q σ' with the coefficients d of p are one direction: the other coefficients g are normal to d
                d_at, g_at = self._coefficients(n, 1), self._coefficients(n, 2)
                d, g = theta[d_at], theta[g_at]
                product = float(d @ g)
                value += 0.5 * self.weight * product**2
                gradient[d_at] += self.weight * product * g
                gradient[g_at] += self.weight * product * d
                hessian[np.ix_(d_at, d_at)] += self.weight * np.outer(g, g)
                hessian[np.ix_(g_at, g_at)] += self.weight * np.outer(d, d)
                crossed = self.weight * (np.outer(g, d) + product * np.eye(d.size))
                hessian[np.ix_(d_at, g_at)] += crossed
                hessian[np.ix_(g_at, d_at)] += crossed.T
            if unit.kind == "linear" and self.bias:
                place = self.forms_at(n)[0, -1]
                value += 0.5 * self.weight * float(theta[place]) ** 2
                gradient[place] += self.weight * theta[place]
                hessian[place, place] += self.weight
        return value, gradient, hessian

    def normalise(self, theta: Array, n: int, small: float) -> float:
        """Bring the held coefficients of a unit to where they are held, in place, without a change of the function.

        Parameters
        ----------
        theta : (P,)
        n : int
            The unit.
        small : float
            Its small number (`slopes`).

        Returns
        -------
        float
            What that becomes.
        """
        unit, at = self.units[n], self.forms_at(n)
        for channel in SHAPES[unit.kind].held:
            place = self._coefficients(n, channel)
            length = float(np.linalg.norm(theta[place]))
            theta[place] /= length
            if unit.kind == "exponential":
                theta[at[0, -1]] += np.log(length)
                small /= length
            elif unit.kind == "pair":
                theta[at[1]] *= length
                small /= length**2
            elif unit.kind == "triple":
                theta[at[1]] *= length
                theta[at[2]] *= np.sqrt(length)
                others = theta[self._coefficients(n, 2)] / np.sqrt(length)
                along = float(others @ theta[place])
                theta[at[1]] += along * theta[at[2]]
                theta[self._coefficients(n, 2)] = others - along * theta[place]
            else:
                theta[at[0]] *= length
                if unit.kind == "steep":
                    theta[self.first[n]] += np.log(length)
        return small

    def features(self, theta: Array, n: int) -> Array:
        """What the forms of a unit are linear in.

        Parameters
        ----------
        theta : (P,)
        n : int
            The unit.

        Returns
        -------
        (k, N)
        """
        return np.concatenate([self._forward(theta, x, y).inputs[self.layer_of[n]] for x, y, _ in self.samples], axis=1)

    def slope(self, theta: Array) -> Array:
        """2ω(f − y), the derivative of the loss by the output at each sample.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (N,)
        """
        return np.concatenate([2 * weights * self._forward(theta, x, y).error for x, y, weights in self.samples])

    def slopes(self, theta: Array) -> Array:
        """For each unit the derivative of the loss, at infinity, by the small number s that leads away from there.

        Of a pair whose neurons have the outputs (c ± K d) / 2 and the inputs w ± v/K, d being held at length 1, s = K⁻²; of an exponential
        unit with outputs of length |a|, s = 1/|a|; NaN for other kinds.  Source: as `LimitNetwork.slopes`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        (units,)
        """
        result = np.array([0.0 if unit.kind in ("pair", "exponential") else np.nan for unit in self.units])
        for x, y, weights in self.samples:
            run = self._forward(theta, x, y)
            adjoint = self._adjoints(theta, run, 2 * weights * run.error)[0]
            for n, unit in enumerate(self.units):
                above, column = adjoint[self.layer_of[n] + 1], self.channels[n]
                if unit.kind == "pair":
                    z, p = theta[self.forms_at(n)] @ run.inputs[self.layer_of[n]]
                    d = self.activation.derivatives(z)
                    result[n] += above[column] @ (0.5 * p**2 * d[2]) + above[column + 1] @ (p**3 * d[3] / 6)
                elif unit.kind == "exponential":
                    assert self.activation.tail is not None
                    result[n] += self.activation.tail * float(above[column] @ run.jets[n][0].value ** 2)
        return result
