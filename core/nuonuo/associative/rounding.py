"""Vectors as they are kept and compared: rounded to 8 bits a component, and their signs.

Sums of what is rounded are sums of integers: the same answer whatever the history and the machine.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.associative.patterns import WordArray, pack

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.int8]

LEVELS = 127  # d * LEVELS^2 stays below 2^24 for d <= 1040: integers that float32 adds exactly


def round_vectors(vectors: npt.NDArray[np.floating[Any]]) -> tuple[ByteArray, FloatArray]:
    """Round the rows of ``vectors`` (W, d) to integers, the largest component to `LEVELS`.

    Returns:
        (W, d) int8, and the lengths of the rounded rows (W,) float32.
    """
    exact = vectors.astype(np.float64)
    largest_component = np.abs(exact).max(axis=1, keepdims=True, initial=1e-12)
    exact *= LEVELS / largest_component
    rounded = np.rint(exact, out=exact)
    squares = np.einsum("ij,ij->i", rounded, rounded)  # of integers: exact in whatever order
    return rounded.astype(np.int8), np.sqrt(squares).astype(np.float32)


def sketch(vectors: npt.NDArray[np.floating[Any]]) -> WordArray:
    """The signs of ``vectors`` (W, d), as bits: (W, ceil(d / 64)) uint64 (Charikar 2002)."""
    return pack(vectors > 0)
