"""The layout of θ: layer after layer the row-major matrix [W | b], the bias last in each row, the output layer at the end.

In NumPy alone, for everyone who takes a θ apart: networks, geometry, tables.

Source: paper, section 2 (the parameters); the order is this project's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from flatchannels.networks.checks import as_array

Layers = Sequence[tuple[ArrayLike, ArrayLike | None]]


class HiddenLayer(NamedTuple):
    """Where the weights of a hidden layer's neurons stand in θ.

    Parameters
    ----------
    rows : int (r, k)
        The indices of the input weights of each neuron, bias included.
    columns : int (r, m)
        The indices of the output weights of each neuron; m is the width of the layer above.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The layout of a network with one output.

    Parameters
    ----------
    inputs : int
        The number d of inputs.
    widths : tuple of int
        Of the hidden layers.
    bias : bool
        Whether all layers have biases, or none.
    """

    inputs: int
    widths: tuple[int, ...]
    bias: bool

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Widths from the inputs to the output."""
        return (self.inputs, *self.widths, 1)

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The (out, in + bias) shape of each layer's [W | b], the output layer last."""
        return tuple((out, below + bool(self.bias)) for below, out in pairwise(self.sizes))

    @cached_property
    def first(self) -> tuple[int, ...]:
        """Where in θ the matrix of each layer begins, and after the last where θ ends."""
        return (0, *np.cumsum([rows * columns for rows, columns in self.shapes]).tolist())

    @property
    def parameters(self) -> int:
        """The number P of parameters."""
        return self.first[-1]

    def matrices(self, theta: NDArray) -> list[NDArray]:
        """Views of the matrix [W | b] of every layer.

        Parameters
        ----------
        theta : (P,) or (…, P)
            One θ or many.

        Returns
        -------
        list of (…, out, in + bias)
        """
        parts = zip(pairwise(self.first), self.shapes)
        return [theta[..., start:end].reshape(*theta.shape[:-1], *shape) for (start, end), shape in parts]

    def pack(self, layers: Layers) -> NDArray[np.float64]:
        """θ of the weights and biases of every layer.

        Parameters
        ----------
        layers : sequence of (W, b)
            Hidden layers first; W is (out, in), b is (out,), or None without biases.

        Returns
        -------
        (P,)

        Raises
        ------
        ValueError
            The number of layers or a shape does not fit.
        """
        if len(layers) != len(self.shapes):
            raise ValueError(f"{len(layers)} layers given; the network has {len(self.shapes)}")
        parts = []
        for number, ((W, b), shape) in enumerate(zip(layers, self.shapes), 1):
            matrix = as_array(W).astype(np.float64)
            if (b is not None) != self.bias:
                has, must = ("no biases", "some") if self.bias else ("biases", "none")
                raise ValueError(f"layer {number} has {has}; the network has {must} in all layers")
            if b is not None:
                biases = as_array(b).astype(np.float64)
                if matrix.ndim != 2 or biases.shape != matrix.shape[:1]:
                    raise ValueError(
                        f"a layer has W of shape {matrix.shape} and b of shape {biases.shape}; they must be (out, in) and (out,)"
                    )
                matrix = np.column_stack([matrix, biases])
            if matrix.shape != shape:
                raise ValueError(f"a layer's [W | b] has shape {matrix.shape}; it must be {shape}")
            parts.append(matrix.ravel())
        return np.concatenate(parts)

    def unpack(self, theta: NDArray) -> list[tuple[NDArray, NDArray | None]]:
        """The weights and biases of every layer, copies: the inverse of `pack`.

        Parameters
        ----------
        theta : (P,)

        Returns
        -------
        list of (W, b)
        """
        matrices = [matrix.copy() for matrix in self.matrices(theta)]
        return [(matrix[:, :-1], matrix[:, -1]) if self.bias else (matrix, None) for matrix in matrices]

    @cached_property
    def hidden_layers(self) -> list[HiddenLayer]:
        """The `HiddenLayer`s, the one next to the inputs first."""
        indices = self.matrices(np.arange(self.parameters))
        return [HiddenLayer(rows, above[:, : len(rows)].T) for rows, above in pairwise(indices)]


def layout_of(meta: Mapping[str, Any]) -> Layout:
    """The layout of the networks of a record.

    Parameters
    ----------
    meta : mapping
        The record's metadata.

    Returns
    -------
    Layout
    """
    return Layout(meta["inputs"], tuple(meta["widths"]), meta["bias"])
