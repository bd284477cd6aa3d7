"""Noisy cues: vectors at a given cosine to a pattern, and which patterns can be told apart at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

FloatArray = npt.NDArray[np.float32]


def noisy_cues(patterns: FloatArray, cosine: float, rng: np.random.Generator) -> FloatArray:
    """Unit vectors at ``cosine`` to the unit rows of ``patterns``, otherwise random: (B, d).

    Raises:
        InvalidInputError: a cosine outside (0, 1].
    """
    if not 0 < cosine <= 1:
        raise InvalidInputError(f"cosine must be in (0, 1], got {cosine}")
    noise = rng.standard_normal(patterns.shape)
    noise -= np.sum(noise * patterns, axis=1, keepdims=True) * patterns
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(cosine * patterns + np.sqrt(1 - cosine**2) * noise, np.float32)


def nearest_other(patterns: FloatArray, chosen: npt.NDArray[Any], block: int = 256) -> FloatArray:
    """The cosine of each pattern ``chosen`` (Q,) with the nearest other one of ``patterns`` (N, d): (Q,)."""
    found = np.empty(len(chosen), np.float32)
    for start in range(0, len(chosen), block):
        part = chosen[start : start + block]
        similarities = patterns[part] @ patterns.T
        similarities[np.arange(len(part)), part] = -1
        found[start : start + block] = similarities.max(axis=1)
    return found
