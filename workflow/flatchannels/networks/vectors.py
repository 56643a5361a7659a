"""Loops over rows of samples, written in LLVM's language: explicit vectors, several rows at a time in registers.

numba's own loops over slices of one array test on every call whether the slices overlap and where vectors begin, which costs
as much as the work on a row of some hundred samples. Here rows hold a whole number of pairs of vectors (`blocks.SAMPLES_PER_BLOCK`),
and a target is never a source of another target of the same call. Rows that begin at vector boundaries are faster. They need
not: a network that was pickled has lost that, and loads and stores that take it for granted would end its process.

Each function is an intrinsic of numba for up to `LARGEST` rows; `rows` and `tiles` call it for any number.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_features = binding.get_host_cpu_features()
_wide = bool(_features.get("avx512f"))
# Vectors as wide as the processor's. A tile of LARGEST × LARGEST sums and one vector of each of its rows have to fit into the
# registers: 32, but 16 on x86 before AVX-512.
LANES = 8 if _wide else 4 if _features.get("avx") else 2
LARGEST = 4 if _wide or not binding.get_default_triple().startswith(("x86", "i")) else 3
UNROLLED = 2  # vectors of one row at a time: a fused multiply-add takes four cycles, and two begin in each

VECTOR = ir.VectorType(ir.DoubleType(), LANES)
ZEROS = ir.Constant(VECTOR, [0.0] * LANES)
INTEGER = ir.IntType(32)
FUSED = ("contract", "nsz")  # NaN and infinity survive, since they tell the solver of a failed step
INDEX = types.intp

Builder = Any  # llvmlite has no types
Value = Any


def part(rest: int) -> int:
    """The size of the next of nearly equal parts of `rest` of at most LARGEST: 17 rows are 4 + 4 + 3 + 3 + 3."""
    parts = -(-rest // LARGEST)
    return -(-rest // parts)


class Rows:
    """The workspace (rows, samples) while code is generated."""

    def __init__(self, context: Any, builder: Builder, kind: Any, value: Value):
        array = context.make_array(kind)(context, builder, value)
        self.builder, self.data = builder, array.data
        self.samples = cgutils.unpack_tuple(builder, array.shape)[1]

    def row(self, first: Value, step: Value | int, number: int) -> Value:
        """Pointer to the row first + number · step."""
        b = self.builder
        index = b.add(first, b.mul(first.type(number), first.type(step) if isinstance(step, int) else step))
        return b.gep(self.data, [b.mul(index, self.samples)])

    def at(self, pointer: Value, sample: Value, offset: int = 0) -> Value:
        """Pointer to the vector of samples from `sample` + offset vectors on."""
        place = self.builder.add(sample, sample.type(offset * LANES))
        return self.builder.bitcast(self.builder.gep(pointer, [place]), VECTOR.as_pointer())

    def load(self, pointer: Value, sample: Value, offset: int = 0) -> Value:
        """That vector."""
        return self.builder.load(self.at(pointer, sample, offset), align=8)

    def store(self, vector: Value, pointer: Value, sample: Value, offset: int = 0) -> None:
        """Put a vector there."""
        self.builder.store(vector, self.at(pointer, sample, offset), align=8)

    def loop(self, vectors: int = 1) -> Any:
        """Context manager of a loop over the samples, so many vectors at a time; gives (sample, …)."""
        integer = self.samples.type
        return cgutils.for_range_slice(self.builder, integer(0), self.samples, integer(vectors * LANES))


def by_size(builder: Builder, sizes: list[Value], emit: Callable[..., None]) -> None:
    """Code of `emit(m, …)` for every m, … from 1 to LARGEST, of which that of the sizes at run time is taken."""
    end = builder.append_basic_block("end")
    sizes_as_one = sizes[0].type(0)
    shapes: list[tuple[int, ...]] = [()]
    for size in sizes:
        sizes_as_one = builder.add(builder.mul(sizes_as_one, size.type(LARGEST)), builder.sub(size, size.type(1)))
        shapes = [(*shape, m) for shape in shapes for m in range(1, LARGEST + 1)]
    switch = builder.switch(sizes_as_one, end)
    for number, shape in enumerate(shapes):
        block = builder.append_basic_block("size_" + "_".join(map(str, shape)))
        switch.add_case(sizes_as_one.type(number), block)
        builder.position_at_end(block)
        emit(*shape)
        builder.branch(end)
    builder.position_at_end(end)


def _broadcast(builder: Builder, pointer: Value) -> Value:
    """A vector with the number at `pointer` in every lane."""
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), builder.load(pointer), INTEGER(0))
    return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), ir.Constant(ir.VectorType(INTEGER, LANES), [0] * LANES))


def _added_up(builder: Builder, vectors: list[Value]) -> Value:
    """One vector whose lane i is the sum of the lanes of vectors[i], of LANES many: neighbours first, then pairs of them …"""
    distance = 1
    while len(vectors) > 1:
        firsts = [LANES + (lane & ~distance) if lane & distance else lane for lane in range(LANES)]
        seconds = [lane + distance for lane in firsts]
        low, high = (ir.Constant(ir.VectorType(INTEGER, LANES), lanes) for lanes in (firsts, seconds))
        pairs = zip(vectors[::2], vectors[1::2])
        vectors = [builder.fadd(builder.shuffle_vector(a, b, low), builder.shuffle_vector(a, b, high)) for a, b in pairs]
        distance *= 2
    return vectors[0]


def _add_lanes(builder: Builder, vector: Value, lanes: list[int], target: Value) -> None:
    """Add those lanes of a vector to the numbers from `target` on, at once: a vector of that many."""
    some = builder.shuffle_vector(vector, ZEROS, ir.Constant(ir.VectorType(INTEGER, len(lanes)), lanes))
    pointer = builder.bitcast(target, ir.VectorType(ir.DoubleType(), len(lanes)).as_pointer())
    builder.store(builder.fadd(builder.load(pointer, align=8), some), pointer, align=8)


@intrinsic
def add_tile(typing: Any, lefts: Any, rights: Any, rows: Any, left: Any, right: Any, out: Any, row: Any, column: Any) -> Any:
    """out[row + i, column + k] += Σ_n rows[left + i, n] rows[right + k, n] for i < lefts, k < rights.

    The sums of all pairs stay in registers, one lane for each sample modulo LANES: m·n multiplications need m + n loads.
    LLVM does not find this by itself; its own version of the loop reaches two thirds of the speed.

    Source: Goto & van de Geijn 2008, *Anatomy of high-performance matrix multiplication* (register tiles).
    """

    def generate(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        lefts, rights, rows, left, right, out, row, column = arguments
        rows = Rows(context, b, signature.args[2], rows)
        out = Rows(context, b, signature.args[5], out)

        def emit(m: int, n: int) -> None:
            a_rows, b_rows = [rows.row(left, 1, i) for i in range(m)], [rows.row(right, 1, k) for k in range(n)]
            sums = [cgutils.alloca_once(b, VECTOR) for _ in range(m * n)]
            for total in sums:
                b.store(ZEROS, total)
            with rows.loop() as (sample, _):
                lefts = [rows.load(pointer, sample) for pointer in a_rows]
                rights = [rows.load(pointer, sample) for pointer in b_rows]
                for total, (x, y) in zip(sums, [(x, y) for x in lefts for y in rights]):
                    b.store(b.fadd(b.load(total), b.fmul(x, y, flags=FUSED), flags=FUSED), total)
            begins = [b.gep(out.row(row, 1, i), [column]) for i in range(m)]
            for first in range(0, m * n, LANES):
                some = [b.load(total) for total in sums[first : first + LANES]]
                added = _added_up(b, some + [ZEROS] * (LANES - len(some)))
                for i in range(first // n, -(-(first + len(some)) // n)):
                    places = [place for place in range(i * n, (i + 1) * n) if first <= place < first + len(some)]
                    _add_lanes(b, added, [place - first for place in places], b.gep(begins[i], [column.type(places[0] - i * n)]))

        by_size(b, [lefts, rights], emit)
        return context.get_dummy_value()

    return types.void(INDEX, INDEX, rows, INDEX, INDEX, out, INDEX, INDEX), generate


def _combination(scaled: bool) -> Callable[[Any, Builder, Any, Any], Any]:
    """The code of `combine_rows` and `combine_rows_scaled`."""

    def generate(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        targets, weights, first, row_step, column_step, rows, source, source_step, sources, scale, scale_step, target, target_step = (
            arguments
        )
        weights = context.make_array(signature.args[1])(context, b, weights).data
        rows = Rows(context, b, signature.args[5], rows)
        pairs = [(m, u) for m in range(LARGEST) for u in range(UNROLLED)]

        def emit(m: int) -> None:
            mine = [(i, u) for i, u in pairs if i < m]
            sums = {place: cgutils.alloca_once(b, VECTOR) for place in mine}
            begins = [b.gep(weights, [b.add(first, b.mul(row_step, row_step.type(i)))]) for i in range(m)]
            outs = [rows.row(target, target_step, i) for i in range(m)]
            scales = [rows.row(scale, scale_step, i) for i in range(m)] if scaled else []
            begin = rows.row(source, 1, 0)
            step = b.mul(source_step, rows.samples)
            with rows.loop(UNROLLED) as (sample, _):
                for total in sums.values():
                    b.store(ZEROS, total)
                with cgutils.for_range(b, sources) as loop:
                    pointer = b.gep(begin, [b.mul(loop.index, step)])
                    values = [rows.load(pointer, sample, u) for u in range(UNROLLED)]
                    for i in range(m):
                        weight = _broadcast(b, b.gep(begins[i], [b.mul(loop.index, column_step)]))
                        for u in range(UNROLLED):
                            old = b.load(sums[i, u])
                            b.store(b.fadd(old, b.fmul(weight, values[u], flags=FUSED), flags=FUSED), sums[i, u])
                for i, u in mine:
                    result = b.load(sums[i, u])
                    if scaled:
                        result = b.fmul(result, rows.load(scales[i], sample, u), flags=FUSED)
                    rows.store(result, outs[i], sample, u)

        by_size(b, [targets], emit)
        return context.get_dummy_value()

    return generate


@intrinsic
def combine_rows(
    typing: Any, targets: Any, weights: Any, first: Any, row_step: Any, column_step: Any,
    rows: Any, source: Any, source_step: Any, sources: Any, target: Any, target_step: Any,
) -> Any:  # fmt: skip
    """rows[target + i·target_step] = Σ_k weights[first + i·row_step + k·column_step] rows[source + k·source_step], i < targets."""
    generate = _combination(False)

    def generate_unscaled(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        return generate(context, b, signature, [*arguments[:9], None, None, *arguments[9:]])

    return types.void(INDEX, weights, *[INDEX] * 3, rows, *[INDEX] * 5), generate_unscaled


@intrinsic
def combine_rows_scaled(
    typing: Any, targets: Any, weights: Any, first: Any, row_step: Any, column_step: Any,
    rows: Any, source: Any, source_step: Any, sources: Any, scale: Any, scale_step: Any, target: Any, target_step: Any,
) -> Any:  # fmt: skip
    """`combine_rows`, with the row i multiplied by rows[scale + i·scale_step]."""
    return types.void(INDEX, weights, *[INDEX] * 3, rows, *[INDEX] * 7), _combination(True)


@intrinsic
def multiply_rows(typing: Any, count: Any, rows: Any, left: Any, left_step: Any, right: Any, target: Any) -> Any:
    """rows[target + q] = rows[left + q·left_step] rows[right + q] for q < count."""

    def generate(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        count, rows, left, left_step, right, target = arguments
        rows = Rows(context, b, signature.args[1], rows)

        def emit(m: int) -> None:
            places = [(rows.row(left, left_step, q), rows.row(right, 1, q), rows.row(target, 1, q)) for q in range(m)]
            with rows.loop() as (sample, _):
                products = [b.fmul(rows.load(x, sample), rows.load(y, sample)) for x, y, _ in places]
                for product, (_, _, out) in zip(products, places):
                    rows.store(product, out, sample)

        by_size(b, [count], emit)
        return context.get_dummy_value()

    return types.void(INDEX, rows, *[INDEX] * 4), generate


@intrinsic
def add_products(typing: Any, count: Any, rows: Any, factor: Any, source: Any, other_factor: Any, other: Any, target: Any) -> Any:
    """rows[target + q] = rows[factor] rows[source + q] + rows[other_factor] rows[other + q] for q < count."""

    def generate(context: Any, b: Builder, signature: Any, arguments: Any) -> Any:
        count, rows, factor, source, other_factor, other, target = arguments
        rows = Rows(context, b, signature.args[1], rows)

        def emit(m: int) -> None:
            first, second = rows.row(factor, 1, 0), rows.row(other_factor, 1, 0)
            places = [(rows.row(source, 1, q), rows.row(other, 1, q), rows.row(target, 1, q)) for q in range(m)]
            with rows.loop() as (sample, _):
                x, y = rows.load(first, sample), rows.load(second, sample)
                results = []
                for u, v, _out in places:
                    one = b.fmul(x, rows.load(u, sample), flags=FUSED)
                    results.append(b.fadd(one, b.fmul(y, rows.load(v, sample), flags=FUSED), flags=FUSED))
                for result, (_u, _v, out) in zip(results, places):
                    rows.store(result, out, sample)

        by_size(b, [count], emit)
        return context.get_dummy_value()

    return types.void(INDEX, rows, *[INDEX] * 5), generate
