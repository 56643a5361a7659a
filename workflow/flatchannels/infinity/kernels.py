"""The numba kernels behind limit networks: loss, gradient and Hessian of layers of units.

As `networks.kernels`, with the same `networks.rows`, for layers whose units take several forms z_f = W_f·h of the channels h
below and give several channels. With the Jacobian G[c, f] = ∂h_c/∂z_f of a layer's channels, which is not 0 within units alone:

    V = W_{l+1}ᵀ E_{l+1},   E_f = Σ_c G[c, f] V_c,   κ_{fg} = Σ_c V_c ∂²h_c/∂z_f∂z_g                        (first adjoints)
    B[f, g] = Σ_c G[c, f] Σ_p W_{l+1}[p, c] B[p, g],   within a layer + κ_{fg}                              (second adjoints)
    D[f, c] = ∂h_c/∂z_f                                                                                    (tangents)

A steep unit has the logarithm of its scale as a parameter too: a form whose only input is 1. The forms of a layer and after them its
scales are called nodes. Parameters are all matrices, layer by layer, the output's last, then all scales.

They stand in one file, because numba's cache does not notice edits in another.

Source: as `networks.kernels`; Bishop, section 5.4.5.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from flatchannels.infinity.plans import EXPONENTIAL, LINEAR, NEURON, QUADRATIC, QUADRUPLE, STEEP, TRIPLE, Plan
from flatchannels.networks import scalars
from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.rows import add, add_products, combine, contract, multiply, multiply_add
from flatchannels.networks.scalars import LOOP, SCALAR
from flatchannels.networks.second_derivatives import assemble, pair_sums_of

Array = NDArray[np.float64]

NEGLIGIBLE = 1e-30  # below it a derivative is taken as 0: products of several would be subnormal numbers, which are fifty times slower


@njit(**SCALAR)
def _kept(value: float) -> float:
    return 0.0 if abs(value) < NEGLIGIBLE else value


@njit(**LOOP)
def _activate(code: int, z: Array, d0: Array, d1: Array, d2: Array, d3: Array, d4: Array) -> None:
    """σ and its first four derivatives of a row z (samples,)."""
    for n in range(z.size):
        d4[n] = 0.0
    if code == 0:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.g(z[n], 0.0)
            _, s1, s2, _ = scalars.sigmoid(4.0 * z[n], 0.0)
            _, _, p1, _ = scalars.softplus(z[n], 0.0)
            d4[n] = p1 * (1.0 - 6.0 * p1) + 256.0 * s2 * (1.0 - 12.0 * s1)
    elif code == 1:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.softplus(z[n], 0.0)
            d4[n] = d2[n] * (1.0 - 6.0 * d2[n])
    elif code == 2:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.erf(z[n], 0.0)
            d4[n] = (3.0 - z[n] * z[n]) * z[n] * d1[n]
    elif code == 4:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.sigmoid(z[n], 0.0)
            d4[n] = d2[n] * (1.0 - 12.0 * d1[n])
    elif code == 5:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.tanh(z[n], 0.0)
            d4[n] = d0[n] * d1[n] * (16.0 - 24.0 * d0[n] * d0[n])
    elif code == 6:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.gelu(z[n], 0.0)
            _, slope, _, _ = scalars.erf(z[n], 0.0)
            square = z[n] * z[n]
            d4[n] = 0.5 * slope * (7.0 * square - square * square - 4.0)
    elif code == 7:
        for n in range(z.size):
            d0[n], d1[n], d2[n], d3[n] = scalars.silu(z[n], 0.0)
            _, s1, s2, s3 = scalars.sigmoid(z[n], 0.0)
            d4[n] = 4.0 * s3 + z[n] * s2 * (1.0 - 12.0 * s1)
    for n in range(z.size):
        d0[n], d1[n], d2[n], d3[n], d4[n] = _kept(d0[n]), _kept(d1[n]), _kept(d2[n]), _kept(d3[n]), _kept(d4[n])


@njit(**LOOP)
def jets(plan: Plan, u: int, parameters: Array, rows: Array) -> None:
    """The channels of unit u, their slopes and bends, from the forms in the rows Z."""
    layer, kind, z, h, scale = plan.units[u]
    h += plan.H[layer]
    slope, bend, d = plan.unit_slope[u], plan.unit_bend[u], plan.jet
    d0, d1, d2, d3, d4 = rows[d], rows[d + 1], rows[d + 2], rows[d + 3], rows[d + 4]
    z0 = rows[plan.Z + z]
    if kind == LINEAR:
        rows[h, :] = z0
        rows[slope, :] = 1.0
    elif kind == QUADRATIC:
        for n in range(z0.size):
            rows[h, n], rows[slope, n], rows[bend, n] = 0.5 * z0[n] * z0[n], z0[n], 1.0
    elif kind == EXPONENTIAL:
        for n in range(z0.size):
            d0[n] = _kept(np.exp(z0[n]))
        rows[h, :] = d0
        rows[slope, :] = d0
        rows[bend, :] = d0
    elif kind == STEEP:
        s, inverse = np.exp(parameters[scale]), np.exp(-parameters[scale])
        for n in range(z0.size):
            z0[n] *= inverse
        _activate(plan.code, z0, d0, d1, d2, d3, d4)
        for n in range(z0.size):
            y = z0[n]
            rise = _kept(d0[n] - y * d1[n])
            rows[h, n], rows[slope, n], rows[slope + 1, n] = s * d0[n], d1[n], s * rise
            rows[bend, n], rows[bend + 1, n], rows[bend + 2, n] = d2[n] * inverse, -y * d2[n], s * (rise + y * y * d2[n])
    else:
        _activate(plan.code, z0, d0, d1, d2, d3, d4)
        rows[h, :], rows[slope, :], rows[bend, :] = d0, d1, d2
        if kind != NEURON:
            z1 = rows[plan.Z + z + 1]
            rows[slope + 2, :], rows[bend + 2, :] = d1, d2
            for n in range(z0.size):
                rows[h + 1, n], rows[slope + 1, n], rows[bend + 1, n] = z1[n] * d1[n], z1[n] * d2[n], z1[n] * d3[n]
        for k in range(2, 4 if kind == QUADRUPLE else 3 if kind == TRIPLE else 2):
            q, sign, b = rows[plan.Z + z + k], plan.signs[u, k - 2], bend + 2 * k - 1
            for n in range(z0.size):
                half = 0.5 * sign * q[n] * q[n]
                rows[h + 1, n] += half * d2[n]
                rows[slope + 1, n] += half * d3[n]
                rows[bend + 1, n] += half * d4[n]
                rows[slope + 1 + k, n], rows[b, n], rows[b + 1, n] = sign * q[n] * d2[n], sign * q[n] * d3[n], sign * d2[n]
        if kind == TRIPLE:
            q = rows[plan.Z + z + 2]
            rows[slope + 5, :], rows[bend + 6, :] = d1, d2
            for n in range(z0.size):
                rows[h + 2, n], rows[slope + 4, n], rows[bend + 5, n] = q[n] * d1[n], q[n] * d2[n], q[n] * d3[n]


@njit(**SETTINGS)
def forward(plan: Plan, parameters: Array, x: Array, rows: Array) -> None:
    """Load a block of inputs (inputs, samples); leave channels, slopes and bends of every layer in their rows."""
    last = plan.channels.size - 1
    for k in range(plan.channels[0]):
        rows[plan.H[0] + k, :] = x[k]
    for layer in range(1, last + 1):
        columns = plan.channels[layer - 1] + plan.bias
        target = plan.H[last] if layer == last else plan.Z
        combine(parameters, plan.first[layer], columns, 1, rows, plan.H[layer - 1], 1, columns, target, plan.forms[layer])
        if layer < last:
            for u in range(plan.of_layer[layer], plan.of_layer[layer + 1]):
                jets(plan, u, parameters, rows)


@njit(**SETTINGS)
def residual(plan: Plan, y: Array, weights: Array, rows: Array) -> float:
    """The block's Σ ω(f − y)², with E = 2ω(f − y) and B = 2ω of the output left in their rows."""
    last = plan.channels.size - 1
    f, e, b = rows[plan.H[last]], rows[plan.E[last]], rows[plan.pairs[last, 0, 0]]
    loss = 0.0
    for n in range(f.size):
        difference = f[n] - y[n]
        b[n] = 2.0 * weights[n]
        e[n] = b[n] * difference
        loss += weights[n] * difference * difference
    return loss


@njit(**SETTINGS)
def _along(plan: Plan, layer: int, rows: Array, node: int, targets: Array) -> None:
    """rows[targets[f]] = Σ_c G[c, f] V_c for the nodes f ≥ `node` of a layer, from V in its rows."""
    before = -1
    for k in range(plan.first_slope[layer], plan.first_slope[layer + 1]):
        c, f, row = plan.slopes[k]
        if f == before:
            multiply_add(rows, row, plan.V + c, targets[f])
        elif f >= node:
            multiply(rows, row, 0, plan.V + c, targets[f], 1)
            before = f


@njit(**SETTINGS)
def backward(plan: Plan, parameters: Array, rows: Array, curvature: bool) -> None:
    """First adjoints of the layers L … 1; with curvature, V_c ∂²h_c replaces the bends ∂²h_c."""
    for layer in range(plan.channels.size - 2, 0, -1):
        columns = plan.channels[layer] + plan.bias
        above = plan.forms[layer + 1]
        combine(parameters, plan.first[layer + 1], 1, columns, rows, plan.E[layer + 1], 1, above, plan.V, plan.channels[layer])
        _along(plan, layer, rows, 0, plan.E[layer] + np.arange(plan.forms[layer] + plan.scales[layer]))
        if curvature:
            for k in range(plan.first_bend[layer], plan.first_bend[layer + 1]):
                multiply(rows, plan.V + plan.bends[k, 0], 0, plan.bends[k, 3], plan.bends[k, 3], 1)


@njit(**SETTINGS)
def sum_gradients(plan: Plan, rows: Array, gradient: Array) -> None:
    """Add the block's Σ_n E_f h_k, and Σ_n E_f of scales, to the gradient (P,)."""
    for layer in range(1, plan.channels.size):
        forms, columns, begin = plan.forms[layer], plan.channels[layer - 1] + plan.bias, plan.first[layer]
        out = gradient[begin : begin + forms * columns].reshape(forms, columns)
        contract(rows, plan.E[layer], forms, plan.H[layer - 1], columns, out, 0, 0)
        for k in range(plan.scales[layer]):
            gradient[plan.first_scale[layer] + k] += rows[plan.E[layer] + forms + k].sum()


@njit(**SETTINGS)
def loss_and_gradient(plan: Plan, parameters: Array, x: Array, y: Array, weights: Array, rows: Array, gradient: Array) -> float:
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
def derivatives(plan: Plan, parameters: Array, x: Array, y: Array, weights: Array, rows: Array, gradient: Array, hessian: Array) -> float:
    """`loss_and_gradient` with the full Hessian (P, P), overwritten too, in one pass over the samples."""
    gradient[:] = 0.0
    hessian[:] = 0.0
    pair_sums = pair_sums_of(plan.forms, plan.channels, plan.bias)
    loss = 0.0
    for block in range(y.shape[0]):
        forward(plan, parameters, x[block], rows)
        loss += residual(plan, y[block], weights[block], rows)
        backward(plan, parameters, rows, True)
        sum_gradients(plan, rows, gradient)
        second_adjoints(plan, parameters, rows)
        within_layers(plan, rows, pair_sums, hessian)
        between_layers(plan, parameters, rows, hessian)
    assemble(plan.forms, plan.channels, plan.bias, plan.first, pair_sums, hessian)
    return loss


@njit(**SETTINGS)
def second_adjoints(plan: Plan, parameters: Array, rows: Array) -> None:
    """Second adjoints of one block: B of pairs of nodes of one layer, and of a layer's nodes f with those g of layers m above."""
    last = plan.channels.size - 1
    for layer in range(last - 1, 0, -1):
        width, weight = plan.channels[layer], plan.first[layer + 1]
        columns, above = width + plan.bias, plan.forms[layer + 1]
        nodes = plan.forms[layer] + plan.scales[layer]
        for m in range(layer + 1, last + 1):
            many = plan.forms[m] + plan.scales[m]
            for g in range(many):
                source, step = plan.B[layer + 1, m] + g, many
                if m == layer + 1:
                    source, step = plan.square, 1
                    for p in range(above):
                        rows[source + p, :] = rows[plan.pairs[m, p, g]]
                combine(parameters, weight, 1, columns, rows, source, step, above, plan.V, width)
                _along(plan, layer, rows, 0, plan.B[layer, m] + np.arange(nodes) * many + g)
        many = above + plan.scales[layer + 1]
        for f in range(nodes):
            combine(parameters, weight, 1, columns, rows, plan.B[layer, layer + 1] + f * many, 1, above, plan.V, width)
            _along(plan, layer, rows, f, plan.pairs[layer, f])
        for k in range(plan.first_bend[layer], plan.first_bend[layer + 1]):
            _, f, g, row = plan.bends[k]
            add(rows, row, plan.pairs[layer, f, g])


@njit(**SETTINGS)
def within_layers(plan: Plan, rows: Array, pair_sums: Array, hessian: Array) -> None:
    """Add the block's Σ_n B[f, g] h_k h_q to pair_sums, a row for each f ≤ g, a column for each k ≤ q; what has scales to `hessian`."""
    row = 0
    for layer in range(1, plan.channels.size):
        forms, h, columns = plan.forms[layer], plan.H[layer - 1], plan.channels[layer - 1] + plan.bias
        target = plan.products
        for k in range(columns):
            multiply(rows, h + k, 0, h + k, target, columns - k)
            target += columns - k
        pairs = forms * (forms + 1) // 2
        contract(rows, plan.pairs[layer, 0, 0], pairs, plan.products, target - plan.products, pair_sums, row, 0)
        row += pairs
        scales, place = plan.scales[layer], plan.first_scale[layer]
        if scales:
            for f in range(forms):
                contract(rows, h, columns, plan.pairs[layer, f, forms], scales, hessian, plan.first[layer] + f * columns, place)
            for k in range(scales):
                pair = plan.pairs[layer, forms + k, forms + k]
                contract(rows, plan.ones, 1, pair, scales - k, hessian, place + k, place + k)


@njit(**SETTINGS)
def between_layers(plan: Plan, parameters: Array, rows: Array, hessian: Array) -> None:
    """Add the block's share of the Hessian's blocks of layers l < m to `hessian`."""
    last = plan.channels.size - 1
    for layer in range(1, last):
        forms, columns = plan.forms[layer], plan.channels[layer - 1] + plan.bias
        for f in range(forms + plan.scales[layer]):
            row, left, lefts = plan.first[layer] + f * columns, plan.H[layer - 1], columns
            if f >= forms:
                row, left, lefts = plan.first_scale[layer] + f - forms, plan.ones, 1
            for m in range(layer + 1, last + 1):
                if layer + 1 < last:
                    _tangents(plan, parameters, rows, layer, f, m - 1)
                count = _cross_terms(plan, rows, layer, f, m)
                if f < forms:
                    contract(rows, left, lefts, plan.T, count, hessian, row, plan.first[m])
                else:  # in the upper triangle, as scales come after all matrices
                    contract(rows, plan.T, count, left, lefts, hessian, plan.first[m], row)
                if plan.scales[m]:
                    source = plan.B[layer, m] + f * (plan.forms[m] + plan.scales[m]) + plan.forms[m]
                    contract(rows, left, lefts, source, plan.scales[m], hessian, row, plan.first_scale[m])


@njit(**SETTINGS)
def _tangents(plan: Plan, parameters: Array, rows: Array, layer: int, f: int, m: int) -> None:
    """Rows D[m] = ∂h_m/∂z_{layer,f}, from D[m − 1], or from the slopes where layer m is the node's own."""
    for c in range(plan.channels[m]):
        rows[plan.D[m] + c, :] = 0.0
    inner = plan.channels[m - 1]
    if m > layer:
        combine(parameters, plan.first[m], inner + plan.bias, 1, rows, plan.D[m - 1], 1, inner, plan.Z, plan.forms[m])
    for k in range(plan.first_slope[m], plan.first_slope[m + 1]):
        c, g, slope = plan.slopes[k]
        if m > layer and g < plan.forms[m]:
            multiply_add(rows, slope, plan.Z + g, plan.D[m] + c)
        elif m == layer and g == f:
            add(rows, slope, plan.D[m] + c)


@njit(**SETTINGS)
def _cross_terms(plan: Plan, rows: Array, layer: int, f: int, m: int) -> int:
    """Rows T = B[(l,f),(m,j)] h_{m−1,q} + E_{m,j} D[(l,f),(m−1,q)], for all (j, q); returns their number."""
    below, many = plan.channels[m - 1], plan.forms[m] + plan.scales[m]
    target = plan.T
    for j in range(plan.forms[m]):
        b = plan.B[layer, m] + f * many + j
        if m > layer + 1:
            add_products(rows, b, plan.H[m - 1], plan.E[m] + j, plan.D[m - 1], target, below)
            multiply(rows, b, 0, plan.H[m - 1] + below, target + below, plan.bias)
        else:  # D of a layer's own nodes are their slopes
            multiply(rows, b, 0, plan.H[m - 1], target, below + plan.bias)
            for k in range(plan.first_slope[layer], plan.first_slope[layer + 1]):
                c, g, slope = plan.slopes[k]
                if g == f:
                    multiply_add(rows, plan.E[m] + j, slope, target + c)
        target += below + plan.bias
    return target - plan.T
