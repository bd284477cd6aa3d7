"""What one instruction of the processor does, and no operator of Python says."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from nuonuo.kernels import LANES

INT, LONG, BYTES = ir.IntType(32), ir.IntType(64), ir.IntType(8).as_pointer()
VECTOR = ir.VectorType(LONG, LANES)
LINE = 64  # bytes that come into the cache together
AHEAD = 2  # rows that are fetched before their turn


def _count_ones(typing: Any, word: Any) -> Any:
    """The number of bits of a uint64 that are 1."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _multiply_add(typing: Any, total: Any, one: Any, other: Any) -> Any:
    """``total`` + ``one`` * ``other``, int32 of int32 and two int8: the operators would make it an int64.

    Of a sum of 32 bits one instruction of the processor adds up 16 products.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        total, one, other = arguments
        product = builder.mul(builder.sext(one, INT), builder.sext(other, INT))
        return builder.add(total, product)

    return types.int32(types.int32, types.int8, types.int8), generate


def _ahead(typing: Any, array: Any, row: Any, count: Any) -> Any:
    """Have ``count`` rows of ``array`` from ``row`` on brought into the cache, while others are worked at.

    Rows that lie anywhere in memory take longer to come than to be looked at. Nothing is read: a row that is
    not there is no error.

    Args:
        array: (n, ...), its rows one after another. row, count: int64.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        held, row, count = arguments
        own = context.make_array(signature.args[0])(context, builder, held)
        data, stride = builder.bitcast(own.data, BYTES), builder.extract_value(own.strides, 0)
        fetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [BYTES], ir.FunctionType(ir.VoidType(), [BYTES, INT, INT, INT])
        )
        first, size = builder.mul(row, stride), builder.mul(count, stride)
        how = [ir.Constant(INT, value) for value in (0, 3, 1)]  # to read, into every cache, data
        line = ir.Constant(size.type, LINE)
        with cgutils.for_range_slice(builder, first, builder.add(first, size), line, inc=True) as (at, _):
            builder.call(fetch, [builder.gep(data, [at]), *how])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), generate


def _agree(typing: Any, patterns: Any, row: Any, less: Any, planes: Any, block: Any, most: Any) -> Any:
    """Raise ``most`` (B, `LANES`) to how far a pattern agrees with each state of a block.

    Compiled from a loop, states as few as the words of a question would be compared one after another.

    Args:
        patterns, row: (n, w) uint64, of which one row is compared, int64.
        less: int64, what is taken from twice the sum of a state's levels where the pattern has ones.
        planes, block: (B, w, 2, `LANES`) uint64, the bits of the states' levels, the lower first, and which
            block of states, int64. most: int64.
    """

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        held = [context.make_array(signature.args[i])(context, builder, arguments[i]) for i in (0, 3, 5)]
        row, less, block = arguments[1], arguments[2], arguments[4]
        words = builder.extract_value(held[0].shape, 1)
        bits = builder.gep(held[0].data, [builder.mul(row, words)])
        pairs, best = (builder.bitcast(array.data, VECTOR.as_pointer()) for array in held[1:])
        first, two = builder.mul(block, builder.mul(words, LONG(2))), every(builder, LONG(2))
        name, kind = f"llvm.ctpop.v{LANES}i64", ir.FunctionType(VECTOR, [VECTOR])
        count = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
        sums = [cgutils.alloca_once(builder, VECTOR) for _ in range(2)]  # type: ignore[no-untyped-call]
        for each in sums:
            builder.store(ir.Constant(VECTOR, [0] * LANES), each)
        with cgutils.for_range(builder, words) as loop:
            word = every(builder, builder.load(builder.gep(bits, [loop.index])))
            pair = builder.add(first, builder.mul(loop.index, LONG(2)))
            for plane, total in enumerate(sums):
                own = builder.load(builder.gep(pairs, [builder.add(pair, LONG(plane))]), align=8)
                both = builder.call(count, [builder.and_(word, own)])
                builder.store(builder.add(builder.load(total), both), total)
        low, high = (builder.load(total) for total in sums)
        twice = builder.mul(builder.add(low, builder.mul(high, two)), two)
        value, place = builder.sub(twice, every(builder, less)), builder.gep(best, [block])
        before = builder.load(place, align=8)
        more = builder.icmp_signed(">", value, before)
        builder.store(builder.select(more, value, before), place, align=8)
        return context.get_dummy_value()

    return types.void(patterns, types.int64, types.int64, planes, types.int64, most), generate


def every(builder: ir.IRBuilder, value: Any) -> Any:
    """A vector of which each lane is ``value``."""
    nothing = ir.Constant(VECTOR, ir.Undefined)
    lane = builder.insert_element(nothing, value, INT(0))
    return builder.shuffle_vector(lane, nothing, ir.Constant(ir.VectorType(INT, LANES), [0] * LANES))


ones: Any = intrinsic(_count_ones)
agree: Any = intrinsic(_agree)
multiply_add: Any = intrinsic(_multiply_add)
ahead: Any = intrinsic(_ahead)
