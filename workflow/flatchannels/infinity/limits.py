"""Limit networks: what networks on their way to infinity compute at its end, with the derivatives of its loss.

Two neurons of a channel, in the coordinates w (their mean), c = a_i + a_j, K = a_i − a_j and v = K (w_i − w_j) / 2,

    a_i σ(w_i·x) + a_j σ(w_j·x) = c σ(w·x) + (v·x) σ'(w·x) + K⁻² [ (c/2)(v·x)² σ''(w·x) + (1/6)(v·x)³ σ'''(w·x) ] + O(K⁻⁴),

are a gated linear unit at K = ∞, where the loss is smooth in K⁻² = ε²/|v|². Other groups of neurons have limits of other
kinds (`KINDS`). In NumPy: what comes after the runs compiles nothing.

Source: paper, section 3, Appendix C.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from flatchannels.data.dataset import Dataset
from flatchannels.networks.activations import ACTIVATIONS, Activation
from flatchannels.networks.network import Network

Array = NDArray[np.float64]
UnitJet = tuple[Array, list[Array], dict[tuple[int, int], Array]]  # value, derivatives by c and by each form, second ones

# kind → (whether it has an amplitude c, its linear forms of the inputs)
KINDS = {
    "neuron": (True, ("z",)),  # c σ(z)
    "pair": (True, ("z", "p")),  # c σ(z) + p σ'(z)
    "triple": (True, ("z", "p", "q")),  # c σ(z) + p σ'(z) ± ½ q² σ''(z)
    "quadruple": (True, ("z", "p", "q", "r")),  # c σ(z) + p σ'(z) + ½ (± q² ± r²) σ''(z)
    "exponential": (False, ("z",)),  # ± e^z
    "steep": (True, ("z",)),  # ± e^c σ(± e^−c z): a neuron, which for activations with a hinge becomes ± max(± z, 0) as c → −∞
}

SECOND_ORDER = ("triple", "quadruple")  # kinds with σ'', whose loss exceeds that at infinity by a multiple of 1/|a|
SAMPLES_AT_ONCE = 200  # arrays up to 128 kB: larger ones come from the system each time, which takes ten times longer


class Unit(NamedTuple):
    """A unit of a limit network: its kind, the sign of ½ q² or of its one term, the neurons that it is the limit of, the sign of ½ r²."""

    kind: str
    sign: float = 1.0
    neurons: tuple[int, ...] = ()
    last_sign: float = 1.0


class Block(NamedTuple):
    """Some samples: x (k, n) with its row of ones where there is a bias, the terms of the affine part, ones (1, n), y, weights."""

    x: Array
    affine: Array
    ones: Array
    y: Array
    weights: Array

    def bases(self, kind: str) -> list[Array]:
        """What the derivatives by c, where there is one, and by each form are multiplied by to give those by parameters."""
        amplitude, forms = KINDS[kind]
        return [self.ones] * amplitude + [self.x] * len(forms)


class AnyLimit(Protocol):
    """What a limit network of one layer and one of several have in common; `LimitNetwork` says what each of it is."""

    activation: Activation
    units: Sequence[Unit]
    layer_of: list[int]
    first: NDArray[np.int64]
    parameters: int

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]: ...
    def derivatives(self, theta: Array) -> tuple[float, Array, Array]: ...
    def unpack(self, theta: Array) -> tuple[list[tuple[float, Array]], Array]: ...
    def squares(self, theta: Array) -> float: ...
    def features(self, theta: Array, n: int) -> Array: ...
    def slope(self, theta: Array) -> Array: ...
    def slopes(self, theta: Array) -> Array: ...


class LimitNetwork:
    """f(x) = Σ units + ℓ·x + c₀ on a dataset: an objective for `polish`.

    θ (P,) holds unit after unit its c, if it has one, and the coefficients of its forms (inputs, then bias), then ℓ, then c₀.

    Parameters
    ----------
    network : Network with one hidden layer, whose activation, inputs and bias are taken.  data : Dataset.
    units : list of Unit.  linear : whether there is an ℓ.
    """

    def __init__(self, network: Network, data: Dataset, units: Sequence[Unit], linear: bool = False) -> None:
        self.activation, self.units, self.layer_of = ACTIVATIONS[network.activation], units, [0] * len(units)
        self.blocks = []
        for start in range(0, data.y.size, SAMPLES_AT_ONCE):
            here = slice(start, start + SAMPLES_AT_ONCE)
            inputs, y = data.x[here].T, data.y[here]
            ones = np.ones((1, y.size))
            x = np.concatenate([inputs, ones]) if network.bias else np.ascontiguousarray(inputs)
            affine = np.concatenate([inputs[: linear * len(inputs)], ones[: int(network.bias)]])
            self.blocks.append(Block(x, affine, ones, y, data.weights[here]))
        self.inputs, outputs = len(x), len(affine)
        sizes = [KINDS[unit.kind][0] + len(KINDS[unit.kind][1]) * self.inputs for unit in units]
        self.first = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.parameters = int(self.first[-1]) + outputs

    def unpack(self, theta: Array) -> tuple[list[tuple[float, Array]], Array]:
        """[(c, forms (m, k)), …] of the units, and the affine part; c is 1 where the kind has none."""
        parts = []
        for unit, start, end in zip(self.units, self.first, self.first[1:]):
            amplitude = KINDS[unit.kind][0]
            forms = theta[start + amplitude : end].reshape(-1, self.inputs)
            parts.append((float(theta[start]) if amplitude else 1.0, forms))
        return parts, theta[self.first[-1] :]

    def pack(self, parts: Sequence[tuple[float, Array]], affine: Array) -> Array:
        """The inverse of `unpack`."""
        pieces = [np.concatenate([[c] if KINDS[unit.kind][0] else [], np.ravel(forms)]) for unit, (c, forms) in zip(self.units, parts)]
        return np.concatenate([*pieces, affine])

    def squares(self, theta: Array) -> float:
        """Σθ² of the network whose limit this is, if its units are all finite."""
        parts, affine = self.unpack(theta)
        total = float(affine @ affine)
        for unit, (c, forms) in zip(self.units, parts):
            output = np.exp(c) if unit.kind == "steep" else c
            total += output**2 + float((forms**2).sum()) / (output**2 if unit.kind == "steep" else 1.0)
        return total

    def _jet(self, unit: Unit, c: float, rows: Array) -> UnitJet:
        """Value, first and second derivatives by (c, forms) of rows (m, n): (n,), list of (n,), {(i, j): (n,)} with i ≤ j."""
        if unit.kind == "exponential":
            value = unit.sign * np.exp(rows[0])
            return value, [value], {(0, 0): value}
        if unit.kind == "steep":
            scale = unit.sign * np.exp(c)
            y = rows[0] / scale
            s = self.activation.derivatives(y)
            rise = s[0] - y * s[1]
            return scale * s[0], [scale * rise, s[1]], {(0, 0): scale * (rise + y**2 * s[2]), (0, 1): -y * s[2], (1, 1): s[2] / scale}
        s = self.activation.derivatives(rows[0])
        value, first, second = c * s[0], [s[0], c * s[1]], {(0, 1): s[1], (1, 1): c * s[2]}
        if len(rows) > 1:
            p = rows[1]
            value, first = value + p * s[1], [first[0], first[1] + p * s[2], s[1]]
            second = {**second, (1, 1): second[1, 1] + p * s[3], (1, 2): s[2]}
        for k, (sign, row) in enumerate(zip((unit.sign, unit.last_sign), rows[2:]), 3):
            q, half = sign * row, 0.5 * sign * row**2
            value, first = value + half * s[2], [first[0], first[1] + half * s[3], *first[2:], q * s[2]]
            second = {**second, (1, 1): second[1, 1] + half * s[4], (1, k): q * s[3], (k, k): sign * s[2]}
        return value, first, second

    def _jets(self, theta: Array, block: Block) -> tuple[list[UnitJet], Array]:
        """What `_jet` returns of every unit, and f − y (n,), on a block."""
        parts, affine = self.unpack(theta)
        with np.errstate(all="ignore"):  # a step too long gives infinities, which `polish` refuses
            jets = [self._jet(unit, c, forms @ block.x) for unit, (c, forms) in zip(self.units, parts)]
        return jets, sum((jet[0] for jet in jets), affine @ block.affine) - block.y

    def loss_and_gradient(self, theta: Array) -> tuple[float, Array]:
        """float, (P,)."""
        loss, gradient = 0.0, np.zeros(self.parameters)
        for block in self.blocks:
            jets, error = self._jets(theta, block)
            loss += float(block.weights @ error**2)
            gradient += self._jacobian(jets, block) @ (2 * block.weights * error)
        return loss, gradient

    def _jacobian(self, jets: list[UnitJet], block: Block) -> Array:
        """∂f/∂θ on a block: (P, n)."""
        rows = np.empty((self.parameters, block.y.size))
        start = 0
        for unit, (_, first, _) in zip(self.units, jets):
            for basis, d in zip(block.bases(unit.kind), first):
                np.multiply(basis, d, out=rows[start : start + len(basis)])
                start += len(basis)
        rows[start:] = block.affine
        return rows

    def derivatives(self, theta: Array) -> tuple[float, Array, Array]:
        """float, (P,), (P, P)."""
        loss, gradient, hessian = 0.0, np.zeros(self.parameters), np.zeros((self.parameters, self.parameters))
        for block in self.blocks:
            jets, error = self._jets(theta, block)
            slope, jacobian = 2 * block.weights * error, self._jacobian(jets, block)
            loss += float(block.weights @ error**2)
            gradient += jacobian @ slope
            hessian += (jacobian * (2 * block.weights)) @ jacobian.T
            for unit, start, (_, _, second) in zip(self.units, self.first, jets):
                bases = block.bases(unit.kind)
                starts = start + np.concatenate([[0], np.cumsum([len(basis) for basis in bases])])
                for (i, j), d in second.items():
                    product = (bases[i] * (slope * d)) @ bases[j].T
                    rows, columns = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
                    hessian[rows, columns] += product
                    if i != j:
                        hessian[columns, rows] += product.T
        return loss, gradient, hessian

    def features(self, theta: Array, n: int) -> Array:
        """What the forms of unit n are linear in: the inputs (k, N), with a row of ones where there is a bias."""
        return np.concatenate([block.x for block in self.blocks], axis=1)

    def slope(self, theta: Array) -> Array:
        """2ω(f − y) (N,), the derivative of the loss by the output at each sample."""
        return np.concatenate([2 * block.weights * self._jets(theta, block)[1] for block in self.blocks])

    def slopes(self, theta: Array) -> Array:
        """For each unit the derivative of the loss, at infinity, by the small number s that leads away from there.

        Of a pair s = K⁻² (the paper's h is this over |v|²), of an exponential unit s = 1/|a|; NaN for other kinds.
        Source: paper, section 4; for exponential units the next term of σ.
        """
        parts, result = self.unpack(theta)[0], np.full(len(self.units), np.nan)
        for block in self.blocks:
            slope = 2 * block.weights * self._jets(theta, block)[1]
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
