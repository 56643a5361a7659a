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
from numpy.typing import NDArray


class HiddenLayer(NamedTuple):
    """Where the weights of a hidden layer's neurons stand in θ.

    rows (r, k) : indices of the input weights of each neuron, bias included.
    columns (r, m) : indices of the output weights of each neuron; m is the width of the layer above.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """The layout of a network with one output.

    Parameters
    ----------
    inputs : number d of inputs.  widths : of the hidden layers.  bias : whether all layers have biases, or none.
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
        """Views of [W | b] of every layer, (…, out, in + bias), of one θ (P,) or of many (…, P)."""
        parts = zip(pairwise(self.first), self.shapes)
        return [theta[..., start:end].reshape(*theta.shape[:-1], *shape) for (start, end), shape in parts]

    @cached_property
    def hidden_layers(self) -> list[HiddenLayer]:
        """The `HiddenLayer`s, the one next to the inputs first."""
        indices = self.matrices(np.arange(self.parameters))
        return [HiddenLayer(rows, above[:, : len(rows)].T) for rows, above in pairwise(indices)]


def layout_of(meta: Mapping[str, Any]) -> Layout:
    """The layout of the networks of a record, from its metadata."""
    return Layout(meta["inputs"], tuple(meta["widths"]), meta["bias"])


def checked_sizes(inputs: Any, widths: Any) -> tuple[int, tuple[int, ...]]:
    """inputs and widths as integers.  ValueError where they are no sizes of a network."""
    given = list(widths) if isinstance(widths, Sequence | np.ndarray) and not isinstance(widths, str) else []
    if given and all(map(_is_size, [inputs, *given])):
        return int(inputs), tuple(map(int, given))
    raise ValueError(f"inputs is {inputs!r} and widths {widths!r}; inputs must be an integer of at least 1, widths a list of such")


def _is_size(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and bool(value >= 1)
