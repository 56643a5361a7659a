"""Layers of units as the compiled kernels see them: shapes of the units, and where everything lies in the workspace.

Source: this project's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flatchannels.networks.blocks import SAMPLES_PER_BLOCK, aligned

Array = NDArray[np.float64]

NEURON, PAIR, TRIPLE, QUADRUPLE, EXPONENTIAL, LINEAR, STEEP, QUADRATIC = range(8)


class Shape(NamedTuple):
    """A kind of unit.

    code : number of the kind.  scaled : whether it has a scale log s.  forms, channels : how many.
    held : those of its channels whose coefficients have length 1.
    slopes : (channel, node) of each derivative that is not 0.  bends : (channel, node, node) of each second one.
    """

    code: int
    scaled: bool
    forms: int
    channels: int
    held: tuple[int, ...]
    slopes: tuple[tuple[int, int], ...]
    bends: tuple[tuple[int, int, int], ...]


OF_PAIR = ((0, 0), (1, 0), (1, 1)), ((0, 0, 0), (1, 0, 0), (1, 0, 1))
# In the order in which `jets` fills the rows.
SHAPES = {
    "neuron": Shape(NEURON, False, 1, 1, (), ((0, 0),), ((0, 0, 0),)),
    "pair": Shape(PAIR, False, 2, 2, (1,), *OF_PAIR),
    "triple": Shape(
        TRIPLE, False, 3, 3, (1,),
        (*OF_PAIR[0], (1, 2), (2, 0), (2, 2)), (*OF_PAIR[1], (1, 0, 2), (1, 2, 2), (2, 0, 0), (2, 0, 2)),
    ),
    "quadruple": Shape(
        QUADRUPLE, False, 4, 2, (1,),
        (*OF_PAIR[0], (1, 2), (1, 3)), (*OF_PAIR[1], (1, 0, 2), (1, 2, 2), (1, 0, 3), (1, 3, 3)),
    ),
    "exponential": Shape(EXPONENTIAL, False, 1, 1, (0,), ((0, 0),), ((0, 0, 0),)),
    "linear": Shape(LINEAR, False, 1, 1, (0,), ((0, 0),), ()),
    "quadratic": Shape(QUADRATIC, False, 1, 1, (0,), ((0, 0),), ((0, 0, 0),)),
    "steep": Shape(STEEP, True, 1, 1, (0,), ((0, 0), (0, 1)), ((0, 0, 0), (0, 0, 1), (0, 1, 1))),
}  # fmt: skip


class Plan(NamedTuple):
    """Layers of units as the kernels see them: sizes, and where in the workspace `rows` everything lies (`plan` makes it).

    code : int, the activation.  bias : 0 or 1.
    channels, forms, scales : int64 (L + 2,), from the inputs to the output, which is one form.
    first : int64 (L + 2,), where the matrix of layer l begins.  first_scale : the same for its scales.
    units : int64 (units, 5), layer, kind, first form and first channel within the layer, scale among the parameters.
    signs : float64 (units, 2).  of_layer : int64 (L + 3,), the first unit of each layer.
    slopes, bends : int64 (…, 3) and (…, 4), channel, node(s) within the layer, row; the slopes of a layer by node, of which
    each has one at least.  first_slope, first_bend : (L + 3,) as `of_layer`,
    unit_slope, unit_bend : (units,), the row of the first one of a unit.
    H, E : int64 (L + 2,), first row of each layer's channels and of the adjoints of its nodes.
    pairs : int64 (L + 2, nodes, nodes), row of the second adjoint of each pair of nodes of one layer.
    B : int64 (L + 2, L + 2), first row of those of two layers.  D : (L + 2,), of the tangents of one node.
    Z, V, square, products, T, ones, jet : int, first rows of scratch.  total : int, the number of rows.
    """

    code: int
    bias: int
    channels: NDArray[np.int64]
    forms: NDArray[np.int64]
    scales: NDArray[np.int64]
    first: NDArray[np.int64]
    first_scale: NDArray[np.int64]
    units: NDArray[np.int64]
    signs: Array
    of_layer: NDArray[np.int64]
    slopes: NDArray[np.int64]
    bends: NDArray[np.int64]
    first_slope: NDArray[np.int64]
    first_bend: NDArray[np.int64]
    unit_slope: NDArray[np.int64]
    unit_bend: NDArray[np.int64]
    H: NDArray[np.int64]
    E: NDArray[np.int64]
    pairs: NDArray[np.int64]
    B: NDArray[np.int64]
    D: NDArray[np.int64]
    Z: int
    V: int
    square: int
    products: int
    T: int
    ones: int
    jet: int
    total: int


def plan(code: int, bias: bool, inputs: int, layers: Sequence[Sequence[tuple[str, float, float]]]) -> Plan:
    """Lay out the workspace for layers of units.

    Parameters
    ----------
    code : int
        Of the activation.
    bias : bool
    inputs : int
    layers : sequence of sequence of (kind, sign, last sign)
        The units of each layer.

    Returns
    -------
    Plan
    """
    last = len(layers) + 1
    shapes = [[SHAPES[kind] for kind, *_ in layer] for layer in layers]
    channels = np.array([inputs, *(sum(shape.channels for shape in layer) for layer in shapes), 1])
    forms = np.array([0, *(sum(shape.forms for shape in layer) for layer in shapes), 1])
    scales = np.array([0, *(sum(shape.scaled for shape in layer) for layer in shapes), 0])
    nodes, columns = forms + scales, np.array([0, *(channels[:-1] + bias)])
    first = np.concatenate([[0, 0], np.cumsum(forms[1:] * columns[1:])[:-1]])
    matrices = int(np.sum(forms * columns))
    first_scale = matrices + np.concatenate([[0], np.cumsum(scales)[:-1]])
    used = 0

    def take(count: int) -> int:
        nonlocal used
        used += int(count)
        return used - int(count)

    H, E, D = (np.array([take(count + extra) for count in counts]) for counts, extra in ((channels, bias), (nodes, 0), (channels, 0)))
    pairs, B = np.zeros((last + 1, nodes.max(), nodes.max()), dtype=np.int64), np.zeros((last + 1, last + 1), dtype=np.int64)
    for layer in range(1, last + 1):
        linear = forms[layer]
        # Pairs of forms first, because they are summed together; then those of a form and a scale, form by form.
        ordered = [(f, g) for f in range(linear) for g in range(f, linear)]
        ordered += [(f, g) for f in range(nodes[layer]) for g in range(max(f, linear), nodes[layer])]
        for low, high in ordered:
            pairs[layer, low, high] = pairs[layer, high, low] = take(1)
        for above in range(layer + 1, last + 1):
            B[layer, above] = take(nodes[layer] * nodes[above])
    units, slopes, bends = [], [], []
    of_layer, first_slope, first_bend = [0, 0], [0, 0], [0, 0]
    for number, members in enumerate(shapes, 1):
        form = channel = scale = 0
        for shape in members:
            node_of = [form + i for i in range(shape.forms)] + [int(forms[number]) + scale] * shape.scaled
            units.append((number, shape.code, form, channel, int(first_scale[number]) + scale))
            slopes += [(channel + c, node_of[f], 0) for c, f in shape.slopes]
            bends += [(channel + c, node_of[f], node_of[g], 0) for c, f, g in shape.bends]
            form, channel, scale = form + shape.forms, channel + shape.channels, scale + shape.scaled
        of_layer.append(len(units))
        first_slope.append(len(slopes))
        first_bend.append(len(bends))
    slope_rows, bend_rows = np.array(slopes, dtype=np.int64).reshape(-1, 3), np.array(bends, dtype=np.int64).reshape(-1, 4)
    slope_rows[:, -1] = take(len(slopes)) + np.arange(len(slopes))
    bend_rows[:, -1] = take(len(bends)) + np.arange(len(bends))
    order = np.concatenate([low + np.argsort(slope_rows[low:high, 1], kind="stable") for low, high in zip(first_slope, first_slope[1:])])
    slope_rows = slope_rows[order]
    all_shapes = [shape for layer in shapes for shape in layer]
    starts = [np.cumsum([0, *(len(getattr(shape, what)) for shape in all_shapes[:-1])]) for what in ("slopes", "bends")]
    longest = columns.max()
    return Plan(
        code=code, bias=int(bias), channels=channels, forms=forms, scales=scales, first=first, first_scale=first_scale,
        units=np.array(units, dtype=np.int64), signs=np.array([signs for layer in layers for _, *signs in layer], dtype=float),
        of_layer=np.array(of_layer), slopes=slope_rows, bends=bend_rows, first_slope=np.array(first_slope), first_bend=np.array(first_bend),
        unit_slope=slope_rows[:, -1].min() + starts[0], unit_bend=(bend_rows[0, -1] if bends else 0) + starts[1],
        H=H, E=E, pairs=pairs, B=B, D=D, Z=take(forms.max()), V=take(channels.max()), square=take(nodes.max()),
        products=take(longest * (longest + 1) // 2), T=take(max((forms * columns).max(), nodes.max())),
        ones=take(1), jet=take(5), total=used,
    )  # fmt: skip


def workspace(plan: Plan) -> Array:
    """The rows of a `Plan`, 64-byte aligned, with the rows of ones in place.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    (rows, samples)
    """
    rows = aligned((plan.total, SAMPLES_PER_BLOCK))
    rows[plan.ones] = 1.0
    for layer in range(plan.H.size - 1):
        if plan.bias:
            rows[plan.H[layer] + plan.channels[layer]] = 1.0
    return rows
