"""A fully connected network as the inspector sees it: its matrices, whoever trained it.

Any width, depth and number of outputs; biases in some layers or none. The engine's networks have one output; here the output
weights of a neuron are a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.data.dataset import real_array

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Dense:
    """One layer z = W h + b.

    Parameters
    ----------
    name : str
        What it is called where it comes from.
    W : (out, in)
    b : (out,) or None
    """

    name: str
    W: Array
    b: Array | None

    @property
    def rows(self) -> Array:
        """[W | b] (out, in + 1), or W where there is no bias: the input weights of each neuron."""
        return self.W if self.b is None else np.column_stack([self.W, self.b])


@dataclass(frozen=True)
class Model:
    """Layers from the inputs to the outputs, with one activation between all of them.

    Parameters
    ----------
    layers : tuple of Dense
    activation : str or None
        The name of an activation of this package; None where it is not known, and what depends on it is left out.
    skipped : tuple of str
        What the source holds besides, with the reason why it is left out.
    unread : tuple of str
        Those arrays among it that may act between the layers: with them, what the network computes is not known.
    """

    layers: tuple[Dense, ...]
    activation: str | None = None
    skipped: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the hidden layers."""
        return tuple(len(layer.W) for layer in self.layers[:-1])

    @property
    def parameters(self) -> int:
        """How many numbers there are in all layers."""
        return sum(layer.rows.size for layer in self.layers)

    @property
    def theta(self) -> Array:
        """All parameters in one vector: layer after layer the row-major [W | b]."""
        return np.concatenate([layer.rows.ravel() for layer in self.layers])

    def at(self, theta: Array) -> "Model":
        """The model of the same shapes with other parameters.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        Model
        """
        layers, start = [], 0
        for layer in self.layers:
            rows = theta[start : start + layer.rows.size].reshape(layer.rows.shape)
            start += rows.size
            layers.append(Dense(layer.name, rows if layer.b is None else rows[:, :-1], None if layer.b is None else rows[:, -1]))
        return replace(self, layers=tuple(layers))


def from_layers(layers: Sequence[tuple[ArrayLike, ArrayLike | None]], activation: str | None = None) -> Model:
    """A model of some layers.

    Parameters
    ----------
    layers : sequence of (W, b)
        Hidden layers first; W is (out, in), b (out,) or None.
    activation : str, optional

    Returns
    -------
    Model

    Raises
    ------
    ValueError
        Fewer than two layers, arrays that are no matrices and vectors of finite real numbers, or shapes that do not follow one
        another.
    """
    if len(layers) < 2:
        raise ValueError(f"{len(layers)} layers given; a network with a hidden layer has at least 2")
    dense: list[Dense] = []
    for number, (W, b) in enumerate(layers, 1):
        matrix = real_array(f"W{number}", W)
        bias = None if b is None else real_array(f"b{number}", b)
        if matrix.ndim != 2 or not matrix.size:
            raise ValueError(f"W{number} has shape {matrix.shape}; it must be (out, in)")
        if bias is not None and bias.shape != (len(matrix),):
            raise ValueError(f"b{number} has shape {bias.shape}; it must be ({len(matrix)},), one for each row of W{number}")
        if dense and matrix.shape[1] != len(dense[-1].W):
            raise ValueError(f"W{number} takes {matrix.shape[1]} inputs; the layer below has {len(dense[-1].W)} neurons")
        dense.append(Dense(f"W{number}", matrix, bias))
    return Model(tuple(dense), activation)
