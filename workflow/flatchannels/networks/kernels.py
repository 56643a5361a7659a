"""The numba kernels behind `network`: mean-squared loss, gradient and Hessian of a fully connected network.

One code path for every depth. Layers l = 0 … L + 1 with widths r_l (r_0 inputs, r_{L+1} = 1, linear output);
z_l = W_l h_{l−1}, h_l = σ(z_l), where h_l ends with a row of ones if there are biases. Samples are contiguous and
taken in blocks; every quantity per sample is a row of the workspace. With sample weights ω and e = f − y:

    E_{L+1} = 2ωe,   V_l = W_{l+1}ᵀ E_{l+1},   E_l = σ'_l V_l,   κ_l = σ''_l V_l               (first adjoints)
    B[u, v] = ∂E_v/∂z_u for units u, v of layers l(u) ≤ l(v)                                    (second adjoints)
    D[u, v] = ∂h_v/∂z_u                                                                         (tangents)
    ∂L/∂W_l[i, k] = Σ_n E_{l,i} h_{l−1,k}
    ∂²L/∂W_l[i, k]∂W_m[j, q] = Σ_n h_{l−1,k} (B[(l,i), (m,j)] h_{m−1,q} + [m > l] E_{m,j} D[(l,i), (m−1,q)])

Sources: Bishop, *Pattern Recognition and Machine Learning*, section 5.4.5 (exact Hessian by a second adjoint sweep),
here with all units of one layer swept together; the products of inputs are formed once for all pairs of units.

Every function takes arrays and numbers and does no I/O. `loss_and_gradient`, `derivatives` and `predict` are the entries.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from flatchannels.networks.blocks import SAMPLES_PER_BLOCK, aligned
from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.scalars import activate

# Sums over samples may be reordered; NaN and infinity must survive, since they tell the solver of a failed step.
SUMS = SETTINGS | {"fastmath": {"reassoc", "contract", "nsz", "arcp"}}


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


def plan(code, layout):
    """Lay out the workspace of a network with that code of its activation and that `Layout` of its parameters: a `Plan`."""
    widths, bias = np.array(layout.sizes, dtype=np.int64), int(layout.bias)
    layers = widths.size - 1
    used = 0

    def take(count):
        nonlocal used
        used += int(count)
        return used - int(count)

    def per_layer(extra=0):
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
        T=take(max(rows * columns for rows, columns in layout.shapes)),
        total=used,
    )


def workspace(plan, samples=SAMPLES_PER_BLOCK):
    """The rows of a `Plan` for blocks of so many samples, 64-byte aligned, with the rows of ones of the biases in place."""
    rows = aligned((plan.total, samples))
    for layer, first in enumerate(plan.H):
        if plan.bias:
            rows[first + plan.widths[layer]] = 1.0
    return rows


@njit(**SUMS)
def multiply(rows, left, right, target):
    """rows[target] = rows[left] · rows[right]."""
    a, b, t = rows[left], rows[right], rows[target]
    for n in range(t.size):
        t[n] = a[n] * b[n]


@njit(**SUMS)
def multiply_add(rows, left, right, target):
    """rows[target] += rows[left] · rows[right]."""
    a, b, t = rows[left], rows[right], rows[target]
    for n in range(t.size):
        t[n] += a[n] * b[n]


@njit(**SUMS)
def add(rows, source, target):
    """rows[target] += rows[source]."""
    s, t = rows[source], rows[target]
    for n in range(t.size):
        t[n] += s[n]


@njit(**SUMS)
def mix(weights, first, row_step, column_step, rows, source, source_step, sources, target, targets):
    """rows[target + i] = Σ_k weights[first + i·row_step + k·column_step] rows[source + k·source_step], k by fours.

    The strides let one function apply a matrix (row_step = columns, column_step = 1) and its transpose. A remainder of
    two or three sources repeats the last one with weight 0.
    """
    last = sources - 1
    for i in range(targets):
        t = rows[target + i]
        w = first + i * row_step
        for k in range(0, sources, 4):
            a0, s0 = weights[w + k * column_step], rows[source + k * source_step]
            if k == last:
                if k == 0:
                    for n in range(t.size):
                        t[n] = a0 * s0[n]
                else:
                    for n in range(t.size):
                        t[n] += a0 * s0[n]
                continue
            k1, k2, k3 = k + 1, min(k + 2, last), min(k + 3, last)
            s1, s2, s3 = rows[source + k1 * source_step], rows[source + k2 * source_step], rows[source + k3 * source_step]
            a1 = weights[w + k1 * column_step]
            a2 = weights[w + k2 * column_step] if k2 == k + 2 else 0.0
            a3 = weights[w + k3 * column_step] if k3 == k + 3 else 0.0
            if k == 0:
                for n in range(t.size):
                    t[n] = a0 * s0[n] + a1 * s1[n] + a2 * s2[n] + a3 * s3[n]
            else:
                for n in range(t.size):
                    t[n] += a0 * s0[n] + a1 * s1[n] + a2 * s2[n] + a3 * s3[n]


@njit(**SUMS)
def mix_scaled(weights, first, row_step, column_step, rows, source, source_step, sources, scale, scale_step, target, targets):
    """`mix`, then row target + i multiplied by rows[scale + i·scale_step]: one pass fewer where there is one source."""
    if sources > 1:
        mix(weights, first, row_step, column_step, rows, source, source_step, sources, target, targets)
        for i in range(targets):
            multiply(rows, scale + i * scale_step, target + i, target + i)
        return
    s = rows[source]
    for i in range(targets):
        a, t, d = weights[first + i * row_step], rows[target + i], rows[scale + i * scale_step]
        for n in range(t.size):
            t[n] = a * s[n] * d[n]


@njit(**SUMS)
def contract(rows, left, lefts, right, rights, out, out_row, out_column):
    """out[out_row + i, out_column + k] += Σ_n rows[left + i, n] rows[right + k, n], in tiles of four by four.

    A tile that sticks out repeats the last row and drops the result: one tile to maintain.
    """
    last_left, last_right = lefts - 1, rights - 1
    for i in range(0, lefts, 4):
        if lefts - i == 1:
            _contract_row(rows, left + i, right, rights, out[out_row + i], out_column)
            continue
        a0, a1 = rows[left + i], rows[left + min(i + 1, last_left)]
        a2, a3 = rows[left + min(i + 2, last_left)], rows[left + min(i + 3, last_left)]
        for k in range(0, rights, 4):
            if rights - k == 1:
                _contract_row(rows, right + k, left + i, min(4, lefts - i), out[:, out_column + k], out_row + i)
                continue
            b0, b1 = rows[right + k], rows[right + min(k + 1, last_right)]
            b2, b3 = rows[right + min(k + 2, last_right)], rows[right + min(k + 3, last_right)]
            c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = 0.0
            c20 = c21 = c22 = c23 = c30 = c31 = c32 = c33 = 0.0
            for n in range(rows.shape[1]):
                c00 += a0[n] * b0[n]
                c01 += a0[n] * b1[n]
                c02 += a0[n] * b2[n]
                c03 += a0[n] * b3[n]
                c10 += a1[n] * b0[n]
                c11 += a1[n] * b1[n]
                c12 += a1[n] * b2[n]
                c13 += a1[n] * b3[n]
                c20 += a2[n] * b0[n]
                c21 += a2[n] * b1[n]
                c22 += a2[n] * b2[n]
                c23 += a2[n] * b3[n]
                c30 += a3[n] * b0[n]
                c31 += a3[n] * b1[n]
                c32 += a3[n] * b2[n]
                c33 += a3[n] * b3[n]
            columns = min(4, rights - k)
            _add_tile_row(out, out_row + i, out_column + k, columns, c00, c01, c02, c03)
            if i + 1 < lefts:
                _add_tile_row(out, out_row + i + 1, out_column + k, columns, c10, c11, c12, c13)
            if i + 2 < lefts:
                _add_tile_row(out, out_row + i + 2, out_column + k, columns, c20, c21, c22, c23)
            if i + 3 < lefts:
                _add_tile_row(out, out_row + i + 3, out_column + k, columns, c30, c31, c32, c33)


@njit(**SUMS)
def _add_tile_row(out, row, column, columns, c0, c1, c2, c3):
    out[row, column] += c0
    if columns > 1:
        out[row, column + 1] += c1
    if columns > 2:
        out[row, column + 2] += c2
    if columns > 3:
        out[row, column + 3] += c3


@njit(**SUMS)
def _contract_row(rows, left, right, rights, out, out_column):
    """`contract` for a single left row."""
    a = rows[left]
    last = rights - 1
    for k in range(0, rights, 4):
        b0, b1 = rows[right + k], rows[right + min(k + 1, last)]
        b2, b3 = rows[right + min(k + 2, last)], rows[right + min(k + 3, last)]
        c0 = c1 = c2 = c3 = 0.0
        for n in range(a.size):
            c0 += a[n] * b0[n]
            c1 += a[n] * b1[n]
            c2 += a[n] * b2[n]
            c3 += a[n] * b3[n]
        out[out_column + k] += c0
        if k + 1 < rights:
            out[out_column + k + 1] += c1
        if k + 2 < rights:
            out[out_column + k + 2] += c2
        if k + 3 < rights:
            out[out_column + k + 3] += c3


@njit(**SETTINGS)
def forward(plan, parameters, x, rows):
    """Load a block of inputs (inputs, samples); leave h, σ' and σ'' of every layer in their rows."""
    layers = plan.widths.size - 1
    for k in range(plan.widths[0]):
        rows[plan.H[0] + k, :] = x[k]
    unit = 0
    for layer in range(1, layers + 1):
        width, columns, h = plan.widths[layer], plan.widths[layer - 1] + plan.bias, plan.H[layer]
        mix(parameters, plan.first[layer], columns, 1, rows, plan.H[layer - 1], 1, columns, h, width)
        if layer < layers:
            for i in range(width):
                d1, d2 = rows[plan.D1[layer] + i], rows[plan.D2[layer] + i]
                activate(plan.code, plan.smoothing[unit], rows[h + i], d1, d2)
                unit += 1


@njit(**SUMS)
def residual(plan, y, weights, rows):
    """The block's Σ ω(f − y)², with E_{L+1} = 2ω(f − y) and B_{L+1,L+1} = 2ω left in their rows."""
    layers = plan.widths.size - 1
    f, e, b = rows[plan.H[layers]], rows[plan.E[layers]], rows[plan.B[layers, layers]]
    loss = 0.0
    for n in range(f.size):
        difference = f[n] - y[n]
        b[n] = 2.0 * weights[n]
        e[n] = b[n] * difference
        loss += weights[n] * difference * difference
    return loss


@njit(**SETTINGS)
def backward(plan, parameters, rows, curvature):
    """First adjoints of the layers L … 1; with curvature, κ_l replaces σ''_l."""
    layers = plan.widths.size - 1
    for layer in range(layers - 1, 0, -1):
        width, above, e = plan.widths[layer], plan.widths[layer + 1], plan.E[layer]
        mix(parameters, plan.first[layer + 1], 1, width + plan.bias, rows, plan.E[layer + 1], 1, above, e, width)
        for i in range(width):
            if curvature:
                multiply(rows, plan.D2[layer] + i, e + i, plan.D2[layer] + i)
            multiply(rows, plan.D1[layer] + i, e + i, e + i)


@njit(**SETTINGS)
def sum_gradients(plan, rows, gradient):
    """Add the block's Σ_n E_{l,i} h_{l−1,k} to the gradient (P,)."""
    for layer in range(1, plan.widths.size):
        width, columns = plan.widths[layer], plan.widths[layer - 1] + plan.bias
        begin = plan.first[layer]
        out = gradient[begin : begin + width * columns].reshape(width, columns)
        contract(rows, plan.E[layer], width, plan.H[layer - 1], columns, out, 0, 0)


@njit(**SETTINGS)
def loss_and_gradient(plan, parameters, x, y, weights, rows, gradient):
    """Weighted mean-squared loss (returned) and its gradient (P,), overwritten.

    Parameters
    ----------
    parameters : float64 (P,).  x : float64 (blocks, inputs, samples).  rows : `workspace(plan)`.
    y, weights : float64 (blocks, samples); the weights sum to 1 and are 0 for padding.
    """
    gradient[:] = 0.0
    loss = 0.0
    for block in range(y.shape[0]):
        forward(plan, parameters, x[block], rows)
        loss += residual(plan, y[block], weights[block], rows)
        backward(plan, parameters, rows, False)
        sum_gradients(plan, rows, gradient)
    return loss


@njit(**SETTINGS)
def derivatives(plan, parameters, x, y, weights, rows, gradient, hessian):
    """`loss_and_gradient` with the full Hessian (P, P), overwritten too, in one pass over the samples."""
    gradient[:] = 0.0
    hessian[:] = 0.0
    most_pairs, most_products = 0, 0
    for layer in range(1, plan.widths.size):
        columns = plan.widths[layer - 1] + plan.bias
        most_pairs += plan.widths[layer] * (plan.widths[layer] + 1) // 2
        most_products = max(most_products, columns * (columns + 1) // 2)
    pair_sums = np.zeros((most_pairs, most_products))
    loss = 0.0
    for block in range(y.shape[0]):
        forward(plan, parameters, x[block], rows)
        loss += residual(plan, y[block], weights[block], rows)
        backward(plan, parameters, rows, True)
        sum_gradients(plan, rows, gradient)
        second_adjoints(plan, parameters, rows)
        within_layers(plan, rows, pair_sums)
        between_layers(plan, parameters, rows, hessian)
    assemble(plan, pair_sums, hessian)
    return loss


@njit(**SETTINGS)
def second_adjoints(plan, parameters, rows):
    """Second adjoints B[u, v] of one block, for units u, v of layers l ≤ m.

    Row B[l, m] + i·r_m + j holds the pair (l, i), (m, j) for m > l; from B[l, l] on lie the pairs i ≤ j.
    """
    layers = plan.widths.size - 1
    for layer in range(layers - 1, 0, -1):
        width, above, columns = plan.widths[layer], plan.widths[layer + 1], plan.widths[layer] + plan.bias
        if layer + 1 < layers:
            _unpack_pairs(rows, plan.B[layer + 1, layer + 1], above, plan.square)
        for m in range(layer + 1, layers + 1):
            source = plan.square if m == layer + 1 and m < layers else plan.B[layer + 1, m]
            for i in range(width):
                weight = plan.first[layer + 1] + i
                for j in range(plan.widths[m]):
                    target = plan.B[layer, m] + i * plan.widths[m] + j
                    mix_scaled(parameters, weight, 0, columns, rows, source + j, plan.widths[m], above, plan.D1[layer] + i, 0, target, 1)
        pair = plan.B[layer, layer]
        for i in range(width):
            source = plan.B[layer, layer + 1] + i * above
            mix_scaled(parameters, plan.first[layer + 1] + i, 1, columns, rows, source, 1, above, plan.D1[layer] + i, 1, pair, width - i)
            add(rows, plan.D2[layer] + i, pair)
            pair += width - i


@njit(**SETTINGS)
def _unpack_pairs(rows, pairs, width, square):
    """Copy the pairs i ≤ j of one layer to all pairs (i, j)."""
    pair = pairs
    for i in range(width):
        for j in range(i, width):
            rows[square + i * width + j, :] = rows[pair]
            rows[square + j * width + i, :] = rows[pair]
            pair += 1


@njit(**SETTINGS)
def within_layers(plan, rows, pair_sums):
    """Add the block's Σ_n B[(l,i),(l,j)] h_k h_q to pair_sums, a row for each i ≤ j, a column for each k ≤ q."""
    row = 0
    for layer in range(1, plan.widths.size):
        h, columns = plan.H[layer - 1], plan.widths[layer - 1] + plan.bias
        target = plan.products
        for k in range(columns):
            for q in range(k, columns):
                multiply(rows, h + k, h + q, target)
                target += 1
        pairs = plan.widths[layer] * (plan.widths[layer] + 1) // 2
        contract(rows, plan.B[layer, layer], pairs, plan.products, target - plan.products, pair_sums, row, 0)
        row += pairs


@njit(**SETTINGS)
def between_layers(plan, parameters, rows, hessian):
    """Add the block's share of the Hessian's blocks of layers l < m to `hessian`."""
    layers = plan.widths.size - 1
    for layer in range(1, layers):
        columns = plan.widths[layer - 1] + plan.bias
        for i in range(plan.widths[layer]):
            row = plan.first[layer] + i * columns
            for m in range(layer + 1, layers + 1):
                if m > layer + 1:
                    _tangents(plan, parameters, rows, layer, i, m - 1)
                count = _cross_terms(plan, rows, layer, i, m)
                contract(rows, plan.H[layer - 1], columns, plan.T, count, hessian, row, plan.first[m])


@njit(**SETTINGS)
def _tangents(plan, parameters, rows, layer, i, m):
    """Rows D[m] = ∂h_m/∂z_{layer,i}, from D[m − 1], or from σ' where layer m − 1 is the unit's own."""
    width, inner = plan.widths[m], plan.widths[m - 1]
    columns = inner + plan.bias
    if m == layer + 1:
        mix_scaled(parameters, plan.first[m] + i, columns, 1, rows, plan.D1[layer] + i, 1, 1, plan.D1[m], 1, plan.D[m], width)
    else:
        mix_scaled(parameters, plan.first[m], columns, 1, rows, plan.D[m - 1], 1, inner, plan.D1[m], 1, plan.D[m], width)


@njit(**SETTINGS)
def _cross_terms(plan, rows, layer, i, m):
    """Rows T = B[(l,i),(m,j)] h_{m−1,q} + E_{m,j} D[(l,i),(m−1,q)], for all (j, q); returns their number."""
    below = plan.widths[m - 1]
    target = plan.T
    for j in range(plan.widths[m]):
        e = plan.E[m] + j
        for q in range(below + plan.bias):
            multiply(rows, plan.B[layer, m] + i * plan.widths[m] + j, plan.H[m - 1] + q, target)
            if m > layer + 1 and q < below:
                multiply_add(rows, e, plan.D[m - 1] + q, target)
            elif m == layer + 1 and q == i:
                multiply_add(rows, e, plan.D1[layer] + i, target)
            target += 1
    return target - plan.T


@njit(**SETTINGS)
def assemble(plan, pair_sums, hessian):
    """Put the sums of `within_layers` into their places and mirror the upper triangle."""
    row = 0
    for layer in range(1, plan.widths.size):
        columns = plan.widths[layer - 1] + plan.bias
        for i in range(plan.widths[layer]):
            for j in range(i, plan.widths[layer]):
                first_i, first_j = plan.first[layer] + i * columns, plan.first[layer] + j * columns
                column = 0
                for k in range(columns):
                    for q in range(k, columns):
                        hessian[first_i + k, first_j + q] = pair_sums[row, column]
                        hessian[first_i + q, first_j + k] = pair_sums[row, column]
                        column += 1
                row += 1
    for p in range(hessian.shape[0]):
        for q in range(p):
            hessian[p, q] = hessian[q, p]


@njit(**SETTINGS)
def predict(plan, parameters, x, rows, outputs):
    """The network outputs (blocks, samples) at the inputs x (blocks, inputs, samples)."""
    for block in range(outputs.shape[0]):
        forward(plan, parameters, x[block], rows)
        outputs[block, :] = rows[plan.H[plan.widths.size - 1]]
