"""How kernels are compiled: for what arguments, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba import types

U64, I64, F32, F64 = types.uint64[::1], types.int64[::1], types.float32[::1], types.float64[::1]
MATRIX, PAIRS = types.float32[:, ::1], types.int64[:, ::1]
WORDS, PAIRS32 = types.uint64[:, ::1], types.int32[:, ::1]
BOOL, I32, I16 = types.boolean[::1], types.int32[::1], types.int16[::1]

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def compiled(*arguments: Any, returns: Any = types.void) -> Callable[[Kernel], Kernel]:
    """Compile for these arguments, now; what was compiled is kept beside its file or in the user's cache."""

    def compile_(function: Kernel) -> Kernel:
        options: dict[str, Any] = {"nogil": True, "cache": True}
        try:
            found = numba.njit([returns(*arguments)], **options)(function)
        except RuntimeError:  # no folder that can be written
            found = numba.njit([returns(*arguments)], nogil=True)(function)
        return cast(Kernel, found)

    return compile_
