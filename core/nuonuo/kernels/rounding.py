"""Kernels for states and vectors that are rounded."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import F32, MATRIX, compiled


@compiled(MATRIX, F32, types.int64, types.uint64[:, :, ::1], MATRIX, F32)
def rounded(states: Any, scales: Any, bits: Any, planes: Any, values: Any, levels: Any) -> None:
    """Round each of ``states`` (T, d), over its scale of ``scales`` (T,), to ``bits`` bits a component.

    Args:
        planes: (bits, T, ceil(d / 64)), found: each bit of the levels, as `np.packbits` lays them out.
        values: (T, d), found: the numbers in [-1, 1] that the levels stand for.
        levels: (T,), found: the sum of each state's levels.
    """
    top, d = (1 << bits) - 1, states.shape[1]
    half, step, one = np.float32(top / 2), np.float32(2 / top), np.float32(1)
    level = np.empty(d, np.int32)
    for at in range(states.shape[0]):
        total, scale = np.int32(0), scales[at]
        for i in range(d):
            share = min(max(states[at, i] / scale, -one), one)
            level[i] = np.int32(np.rint((share + one) * half))
            values[at, i] = np.float32(level[i]) * step - one
            total += level[i]
        levels[at] = np.float32(total)
        for word in range(planes.shape[2]):
            for bit in range(bits):
                found = np.uint64(0)
                for i in range(64 * word, min(64 * word + 64, d)):
                    place = np.uint64((i & 56) + 7 - (i & 7))  # bytes begin with their highest bit
                    found |= np.uint64(level[i] >> bit & 1) << place
                planes[bit, at, word] = found


@compiled(F32, types.int8[::1], types.uint64[::1], F32)
def cue(vector: Any, components: Any, words: Any, norm: Any) -> None:
    """Round ``vector`` (d,) to 8 bits a component, the largest to 127; and its signs.

    Args:
        components: (d,), found. words: (ceil(d / 64),), found: the signs, as `np.packbits` lays them out.
        norm: (1,), found: the length of what is rounded.
    """
    most, squares = 1e-12, 0.0
    for value in vector:
        most = max(most, abs(np.float64(value)))
    scale = 127 / most
    words[:] = 0
    for i in range(len(vector)):
        level = np.rint(np.float64(vector[i]) * scale)
        components[i] = np.int8(level)
        squares += level * level
        if vector[i] > 0:
            words[i >> 6] |= np.uint64(1) << np.uint64((i & 56) + 7 - (i & 7))
    norm[0] = np.float32(np.sqrt(squares))
