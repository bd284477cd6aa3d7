"""One state that settles among stored patterns, in NumPy: what a walk does at every stop.

It is written in what costs NumPy least: around vectors so short most of its functions take several times as
long as what they do. The update is that of `nuonuo.associative.hopfield` (Ramsauer et al. 2021, eq. 3).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.errors import InvalidInputError

Array = npt.NDArray[Any]


def rest(
    patterns: Array,
    state: Array,
    similarities: Array,
    beta: float,
    max_steps: int = 32,
    tolerance: float = 1e-5,
) -> tuple[Array, Array, int, bool]:
    """The updates of `nuonuo.associative.hopfield.settle`, of one state, whose arguments nobody checks.

    Args:
        similarities: X ``state`` (N,).

    Shapes:
        patterns: (N, d) float32 or float64. state: (d,), the same dtype.
        returns: the last state (d,), its similarities (N,), the updates made, and whether it rests.

    Raises:
        InvalidInputError: a similarity that is not finite.
    """
    _finite(similarities)
    steps, converged = 0, False
    while steps < max_steps and not converged:
        moved = softmax(beta * similarities).dot(patterns)
        away = moved - state
        converged = bool(np.sqrt(np.add.reduce(away * away)) <= tolerance)
        state, steps, similarities = moved, steps + 1, patterns.dot(moved)
        _finite(similarities)
    return state, similarities, steps, converged


def softmax(z: Array) -> Array:
    """softmax(z) of (N,), the same."""
    e = np.exp(z - z[z.argmax()])
    weights: Array = e / np.add.reduce(e)
    return weights


def _finite(similarities: Array) -> None:
    """`must_be_finite`: a finite sum of squares is none of NaN or infinity, and quicker to get."""
    if not math.isfinite(similarities.dot(similarities)):
        must_be_finite(bool(np.isfinite(similarities).all()))


def must_be_finite(finite: bool) -> None:
    """Raise `InvalidInputError` where similarities are not ``finite``.

    NaN and infinity in either factor reach the product, where looking for them costs d times less.
    """
    if not finite:
        raise InvalidInputError(
            "patterns and state must be finite, got NaN, infinity or values so great that their product "
            "overflows; check the embedder, or scale both down"
        )
