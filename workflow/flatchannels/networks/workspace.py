"""The workspace of the kernels: which row holds what, planned once per network."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.networks.blocks import SAMPLES_AT_ONCE, SAMPLES_PER_BLOCK, aligned
from flatchannels.networks.layout import Layout


class Plan(NamedTuple):
    """A network as the kernels see it: sizes, and where in the workspace `rows` everything lies (`plan` makes it).

    code : int, the activation.  bias : 0 or 1.
    widths : int64 (L + 2,), from the inputs to the output.  first : int64 (L + 2,), where in θ the matrix of layer l begins.
    smoothing : float64 (hidden units,), see `activations.relu`.
    H, E, D1, D2 : int64 (L + 2,), first row of each layer's h, first adjoints, σ' and σ''.
    B : int64 (L + 2, L + 2), first row of the second adjoints of each pair of layers, see `second_adjoints`.
    D : int64 (L + 2,), first row of the tangents of each layer, of one unit at a time.
    square, products, T : int, first rows of scratch.  total : int, the number of rows.
    """

    code: int
    bias: int
    widths: np.ndarray
    first: np.ndarray
    smoothing: np.ndarray
    H: np.ndarray
    E: np.ndarray
    D1: np.ndarray
    D2: np.ndarray
    B: np.ndarray
    D: np.ndarray
    square: int
    products: int
    T: int
    total: int


def plan(code: int, layout: Layout) -> Plan:
    """Lay out the workspace of a network with that code of its activation and that `Layout` of its parameters: a `Plan`."""
    widths, bias = np.array(layout.sizes, dtype=np.int64), int(layout.bias)
    layers = widths.size - 1
    used = 0

    def take(count: int) -> int:
        nonlocal used
        used += int(count)
        return used - int(count)

    def per_layer(extra: int = 0) -> NDArray[np.int64]:
        return np.array([take(width + extra) for width in widths], dtype=np.int64)

    B = np.zeros((layers + 1, layers + 1), dtype=np.int64)
    for low in range(1, layers + 1):
        for high in range(low, layers + 1):
            pairs = widths[low] * (widths[low] + 1) // 2 if low == high else widths[low] * widths[high]
            B[low, high] = take(pairs)
    longest = widths[:-1].max() + bias
    return Plan(
        code=code,
        bias=bias,
        widths=widths,
        first=np.array([0, *layout.first[:-1]], dtype=np.int64),
        smoothing=np.zeros(widths[1:-1].sum()),
        H=per_layer(bias),
        E=per_layer(),
        D1=per_layer(),
        D2=per_layer(),
        B=B,
        D=per_layer(),
        square=take(widths[1:].max() ** 2 if layers > 2 else 0),
        products=take(longest * (longest + 1) // 2),
        T=take(layout.parameters - layout.first[1]),
        total=used,
    )


def allocated(plan: Plan, samples: int = SAMPLES_PER_BLOCK) -> NDArray[np.float64]:
    """The rows of a `Plan` for blocks of so many samples, a multiple of `SAMPLES_AT_ONCE`, with the rows of ones of the biases in place."""
    assert samples % SAMPLES_AT_ONCE == 0, f"{samples} samples are no multiple of {SAMPLES_AT_ONCE}"
    rows = aligned((plan.total, samples))
    for layer, first in enumerate(plan.H):
        if plan.bias:
            rows[first + plan.widths[layer]] = 1.0
    return rows
