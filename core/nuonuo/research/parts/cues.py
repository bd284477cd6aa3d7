"""Which patterns can be told apart at all, by a cue that is far from clean."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def nearest_other(patterns: FloatArray, chosen: npt.NDArray[Any], block: int = 256) -> FloatArray:
    """The cosine of each pattern ``chosen`` (Q,) with the nearest other one of ``patterns`` (N, d): (Q,)."""
    found = np.empty(len(chosen), np.float32)
    for start in range(0, len(chosen), block):
        part = chosen[start : start + block]
        similarities = patterns[part] @ patterns.T
        similarities[np.arange(len(part)), part] = -1
        found[start : start + block] = similarities.max(axis=1)
    return found
