"""Combinations, products and sums over any number of rows of the workspace: the intrinsics of `vectors`, part after part."""

from numba import njit

from flatchannels.networks import vectors
from flatchannels.networks.compilation import SETTINGS

# Sums over samples may be reordered; NaN and infinity must survive, since they tell the solver of a failed step.
SUMS = SETTINGS | {"fastmath": {"reassoc", "contract", "nsz", "arcp"}}

part = njit(**SETTINGS)(vectors.part)


@njit(**SETTINGS)
def combine(weights, first, row_step, column_step, rows, source, source_step, sources, target, targets):
    """rows[target + i] = Σ_k weights[first + i·row_step + k·column_step] rows[source + k·source_step].

    The steps let one function apply a matrix (row_step = columns, column_step = 1) and its transpose.
    """
    i = 0
    while i < targets:
        m = part(targets - i)
        begin = first + i * row_step
        vectors.combine_rows(m, weights, begin, row_step, column_step, rows, source, source_step, sources, target + i, 1)
        i += m


@njit(**SETTINGS)
def combine_scaled(weights, first, row_step, column_step, rows, source, source_step, sources, scale, target, target_step, targets):
    """`combine`, with the row i multiplied by rows[scale + i] and put at target + i·target_step."""
    i = 0
    while i < targets:
        m = part(targets - i)
        begin, out = first + i * row_step, target + i * target_step
        vectors.combine_rows_scaled(
            m, weights, begin, row_step, column_step, rows, source, source_step, sources, scale + i, 1, out, target_step
        )
        i += m


@njit(**SETTINGS)
def multiply(rows, left, left_step, right, target, count):
    """rows[target + q] = rows[left + q·left_step] rows[right + q] for q < count; the target may be right."""
    q = 0
    while q < count:
        m = part(count - q)
        vectors.multiply_rows(m, rows, left + q * left_step, left_step, right + q, target + q)
        q += m


@njit(**SUMS)
def multiply_add(rows, left, right, target):
    """rows[target] += rows[left] rows[right]."""
    a, b, t = rows[left], rows[right], rows[target]
    for n in range(t.size):
        t[n] += a[n] * b[n]


@njit(**SUMS)
def add(rows, source, target):
    """rows[target] += rows[source]."""
    s, t = rows[source], rows[target]
    for n in range(t.size):
        t[n] += s[n]


@njit(**SETTINGS)
def add_products(rows, factor, source, other_factor, other, target, count):
    """rows[target + q] = rows[factor] rows[source + q] + rows[other_factor] rows[other + q] for q < count."""
    q = 0
    while q < count:
        m = part(count - q)
        vectors.add_products(m, rows, factor, source + q, other_factor, other + q, target + q)
        q += m


@njit(**SETTINGS)
def contract(rows, left, lefts, right, rights, out, out_row, out_column):
    """out[out_row + i, out_column + k] += Σ_n rows[left + i, n] rows[right + k, n] for i < lefts, k < rights."""
    i = 0
    while i < lefts:
        m = part(lefts - i)
        k = 0
        while k < rights:
            n = part(rights - k)
            vectors.add_tile(m, n, rows, left + i, right + k, out, out_row + i, out_column + k)
            k += n
        i += m
