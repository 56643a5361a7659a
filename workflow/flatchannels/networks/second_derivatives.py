"""The Hessian of one block of samples: second adjoints, tangents, sums of products. `kernels` has the formulas."""

import numpy as np
from numba import njit

from flatchannels.networks.compilation import SETTINGS
from flatchannels.networks.rows import add, add_products, combine_scaled, contract, multiply


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
            source, others = plan.square if m == layer + 1 and m < layers else plan.B[layer + 1, m], plan.widths[m]
            for j in range(others):
                weight, target = plan.first[layer + 1], plan.B[layer, m] + j
                combine_scaled(parameters, weight, 1, columns, rows, source + j, others, above, plan.D1[layer], target, others, width)
        pair = plan.B[layer, layer]
        for i in range(width):
            source, weight = plan.B[layer, layer + 1] + i * above, plan.first[layer + 1] + i
            combine_scaled(parameters, weight, 1, columns, rows, source, 1, above, plan.D1[layer] + i, pair, 1, width - i)
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
            multiply(rows, h + k, 0, h + k, target, columns - k)
            target += columns - k
        pairs = plan.widths[layer] * (plan.widths[layer] + 1) // 2
        contract(rows, plan.B[layer, layer], pairs, plan.products, target - plan.products, pair_sums, row, 0)
        row += pairs


@njit(**SETTINGS)
def between_layers(plan, parameters, rows, hessian):
    """Add the block's share of the Hessian's blocks of layers l < m to `hessian`: for each unit one product with all above."""
    layers = plan.widths.size - 1
    for layer in range(1, layers):
        columns = plan.widths[layer - 1] + plan.bias
        for i in range(plan.widths[layer]):
            target = plan.T
            for m in range(layer + 1, layers + 1):
                if m > layer + 1:
                    _tangents(plan, parameters, rows, layer, i, m - 1)
                target = _cross_terms(plan, rows, layer, i, m, target)
            row, count = plan.first[layer] + i * columns, target - plan.T
            contract(rows, plan.H[layer - 1], columns, plan.T, count, hessian, row, plan.first[layer + 1])


@njit(**SETTINGS)
def _tangents(plan, parameters, rows, layer, i, m):
    """Rows D[m] = ∂h_m/∂z_{layer,i}, from D[m − 1], or from σ' where layer m − 1 is the unit's own."""
    width, inner = plan.widths[m], plan.widths[m - 1]
    columns, first = inner + plan.bias, plan.first[m]
    if m == layer + 1:
        combine_scaled(parameters, first + i, columns, 1, rows, plan.D1[layer] + i, 1, 1, plan.D1[m], plan.D[m], 1, width)
    else:
        combine_scaled(parameters, first, columns, 1, rows, plan.D[m - 1], 1, inner, plan.D1[m], plan.D[m], 1, width)


@njit(**SETTINGS)
def _cross_terms(plan, rows, layer, i, m, target):
    """Rows B[(l,i),(m,j)] h_{m−1,q} + E_{m,j} D[(l,i),(m−1,q)] from `target` on, for all (j, q) as in θ; returns their end."""
    below, h = plan.widths[m - 1], plan.H[m - 1]
    for j in range(plan.widths[m]):
        b, e = plan.B[layer, m] + i * plan.widths[m] + j, plan.E[m] + j
        if m > layer + 1:
            add_products(rows, b, h, e, plan.D[m - 1], target, below)
            multiply(rows, b, 0, h + below, target + below, plan.bias)
        else:
            multiply(rows, b, 0, h, target, below + plan.bias)
            add_products(rows, b, h + i, e, plan.D1[layer] + i, target + i, 1)
        target += below + plan.bias
    return target


@njit(**SETTINGS)
def pair_sums_of(forms, channels, bias):
    """Zeros for the sums of `within_layers`: a row for each pair of forms of a layer, a column for each pair of its inputs.

    forms, channels (layers + 1,) : of each layer, how many linear forms it takes and how many channels it hands on.
    """
    most_pairs, most_products = 0, 0
    for layer in range(1, channels.size):
        columns = channels[layer - 1] + bias
        most_pairs += forms[layer] * (forms[layer] + 1) // 2
        most_products = max(most_products, columns * (columns + 1) // 2)
    return np.zeros((most_pairs, most_products))


@njit(**SETTINGS)
def assemble(forms, channels, bias, first, pair_sums, hessian):
    """Put the sums of `within_layers` into their places and mirror the upper triangle.  first : of each layer, in θ."""
    row = 0
    for layer in range(1, channels.size):
        columns = channels[layer - 1] + bias
        for i in range(forms[layer]):
            for j in range(i, forms[layer]):
                first_i, first_j = first[layer] + i * columns, first[layer] + j * columns
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
