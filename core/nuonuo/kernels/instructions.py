"""What one instruction of the processor does, and no operator of Python says."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

INT, BYTES = ir.IntType(32), ir.IntType(8).as_pointer()
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


ones: Any = intrinsic(_count_ones)
multiply_add: Any = intrinsic(_multiply_add)
ahead: Any = intrinsic(_ahead)
