"""Loss, gradient and exact Hessian-vector products of a fully connected network of any depth and number of outputs.

In NumPy: the engine's compiled kernels are for one output, and whoever inspects compiles nothing. Samples are taken in blocks, so
that memory stays bounded.

Source: Pearlmutter 1994 (the Hessian times a vector by differentiating backpropagation along it).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.inspection.losses import Loss
from flatchannels.inspection.model import Model
from flatchannels.inspection.samples import Samples
from flatchannels.networks.activations import ACTIVATIONS

Array = NDArray[np.float64]

BLOCK = 2**21  # numbers in one array of activations
KEPT = 2**25  # numbers of activations that are kept for the next Hessian-vector product


@dataclass(frozen=True)
class Change:
    """Something that is added to what a hidden layer hands to the next one.

    Parameters
    ----------
    layer : int
        Number of the hidden layer, from 1.
    difference : function
        Its inputs (n, k), bias included → (n, m), added to z of the next layer.
    """

    layer: int
    difference: Callable[[Array], Array]


class _Pass(NamedTuple):
    """One block of samples after a forward pass.

    inputs : of each layer (n, k), bias included.  jets : of each hidden layer (5, n, r), σ and derivatives.  f (n, m).
    y (n, m), weights (n,) : of the samples.
    """

    inputs: list[Array]
    jets: list[Array]
    f: Array
    y: Array
    weights: Array


class Objective:
    """The loss Σ_n ω_n ℓ(f(x_n), y_n) of a model's parameters; no regulariser.

    Parameters
    ----------
    model : Model
        With a known activation.
    samples : Samples
        That fit it.
    loss : Loss

    Raises
    ------
    ValueError
        The activation of the model is not known.
    """

    def __init__(self, model: Model, samples: Samples, loss: Loss) -> None:
        if model.activation not in ACTIVATIONS:
            raise ValueError(f"with data the activation must be known: one of {', '.join(ACTIVATIONS)}")
        self.model, self.samples, self.loss_function = model, samples, loss
        self.sigma = ACTIVATIONS[model.activation].derivatives
        self.matrices = [layer.rows for layer in model.layers]
        self._kept: list[tuple[_Pass, list[Array]]] | None = None

    def outputs(self) -> Array:
        """f on all samples.

        Returns
        -------
        (N, m)
        """
        return np.concatenate([here.f for here in self._passes()])

    def loss(self, change: Change | None = None) -> float:
        """The loss, with a `Change` or as it is.

        Parameters
        ----------
        change : Change, optional

        Returns
        -------
        float
        """
        return sum(float(p.weights @ self.loss_function.value(p.f, p.y)) for p in self._passes(change))

    def gradient(self) -> Array:
        """∇L, in the order of `Model.theta`.

        Returns
        -------
        (P,)
        """
        total = [np.zeros_like(matrix) for matrix in self.matrices]
        for here in self._passes():
            for sum_, slope, inputs in zip(total, self._slopes(here), here.inputs):
                sum_ += slope.T @ inputs
        return np.concatenate([matrix.ravel() for matrix in total])

    def slope_times(self, layer: int, term: Callable[[Array], Array]) -> float:
        """Σ_n ∂L/∂z · term, z what a hidden layer hands to the next one: the derivative of the loss along a term there.

        Parameters
        ----------
        layer : int
            From 1.
        term : function
            Inputs of the layer (n, k) → (n, m).

        Returns
        -------
        float
        """
        return sum(float((self._slopes(p)[layer] * term(p.inputs[layer - 1])).sum()) for p in self._passes())

    def hessian_product(self, direction: Array) -> Array:
        """∇²L times a direction.

        Parameters
        ----------
        direction : (P,)

        Returns
        -------
        (P,)
        """
        total = np.zeros(direction.size)
        for here, slopes in self._passes_and_slopes():
            total += self._product(here, slopes, direction)
        return total

    def hessian(self) -> Array:
        """∇²L, symmetric to rounding.

        Returns
        -------
        (P, P)
        """
        columns = np.stack([self.hessian_product(row) for row in np.eye(self.model.parameters)])
        return (columns + columns.T) / 2

    def _passes(self, change: Change | None = None) -> Iterator[_Pass]:
        """Forward passes over all samples, block by block."""
        widest = max(max(matrix.shape) for matrix in self.matrices)
        size = max(1, BLOCK // widest)
        for start in range(0, len(self.samples.x), size):
            here = slice(start, start + size)
            yield self._forward(self.samples.x[here], self.samples.y[here], self.samples.weights[here], change)

    def _forward(self, x: Array, y: Array, weights: Array, change: Change | None) -> _Pass:
        inputs: list[Array] = []
        jets: list[Array] = []
        h = x
        for number, (matrix, layer) in enumerate(zip(self.matrices, self.model.layers)):
            inputs.append(h if layer.b is None else np.column_stack([h, np.ones(len(h))]))
            z = inputs[-1] @ matrix.T
            if change is not None and change.layer == number:
                z += change.difference(inputs[number - 1])
            if number < len(self.matrices) - 1:
                jets.append(self.sigma(z))
                h = jets[-1][0]
        return _Pass(inputs, jets, z, y, weights)

    def _slopes(self, here: _Pass) -> list[Array]:
        """∂L/∂z (n, out) of every layer on a block."""
        slopes = [here.weights[:, None] * self.loss_function.slope(here.f, here.y)]
        for number in range(len(self.matrices) - 1, 0, -1):
            back = slopes[0] @ self.model.layers[number].W
            slopes.insert(0, back * here.jets[number - 1][1])
        return slopes

    def _passes_and_slopes(self) -> Iterator[tuple[_Pass, list[Array]]]:
        """The same for each product, and kept where memory allows."""
        if self._kept is not None:
            yield from self._kept
            return
        pairs = ((here, self._slopes(here)) for here in self._passes())
        if len(self.samples.x) * 8 * sum(map(len, self.matrices)) <= KEPT:
            self._kept = list(pairs)
            yield from self._kept
        else:
            yield from pairs

    def _product(self, here: _Pass, slopes: list[Array], direction: Array) -> Array:
        """The Hessian of one block times a direction: forward and backward passes, differentiated along it."""
        turned = self._split(direction)
        hidden = [layer.W.shape[1] for layer in self.model.layers]
        moved: list[Array] = []  # R{z} of each layer
        moved_h = np.zeros_like(here.inputs[0][:, : hidden[0]])
        moved_inputs = []
        for number, (layer, turn) in enumerate(zip(self.model.layers, turned)):
            moved_inputs.append(moved_h)
            moved.append(here.inputs[number] @ turn.T + (moved_h @ layer.W.T if number else 0.0))
            if number < len(turned) - 1:
                moved_h = here.jets[number][1] * moved[-1]
        bend = here.weights[:, None] * self.loss_function.bend(here.f, moved[-1])
        parts: list[Array] = []
        for number in range(len(turned) - 1, -1, -1):
            part = bend.T @ here.inputs[number]
            if number:
                part[:, : hidden[number]] += slopes[number].T @ moved_inputs[number]
                W, turn = self.model.layers[number].W, turned[number][:, : hidden[number]]
                back, moved_back = slopes[number] @ W, bend @ W + slopes[number] @ turn
                jet = here.jets[number - 1]
                bend = moved_back * jet[1] + back * jet[2] * moved[number - 1]
            parts.insert(0, part.ravel())
        return np.concatenate(parts)

    def _split(self, theta: Array) -> list[Array]:
        """Views of θ (P,) in the shapes of the layers' [W | b]."""
        ends = np.cumsum([matrix.size for matrix in self.matrices])
        return [part.reshape(matrix.shape) for part, matrix in zip(np.split(theta, ends[:-1]), self.matrices)]
