"""BioHash: a projection that is learned from the vectors alone, by a local rule.

Ryali, Hopfield, Grinberg & Krotov, "Bio-Inspired Hashing for Unsupervised Similarity Search" (ICML 2020), for
p = 2 and Delta = 0: of all units the one that a vector x drives hardest moves towards it, the others stay,

    dW_m = g[rank_m] (x - <W_m, x> W_m)           g = 1 for the winner, else 0
    E    = - sum_x <W_winner(x), x> / |W_winner(x)|

What differs: a step takes the mean over all vectors that a unit has won, and its rows are made unit vectors
again, which is where the rule takes them by itself. Then E never rises, whatever the rate in (0, 1]: the
new row (1 - rate c) W + rate x_mean, c = <W, x_mean> <= 1, is a conic combination of W and x_mean, so it
lies nearer to x_mean than W did; and a vector that changes its winner thereafter changes to a nearer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from nuonuo.associative.projection import FloatArray, LearnedProjection
from nuonuo.errors import InvalidInputError
from nuonuo.research.parts.learned import random_rows

BATCH = 1024


def energy(weights: FloatArray, vectors: FloatArray) -> float:
    """E over ``vectors`` (N, d), unit rows, for ``weights`` (n, d), unit rows; per vector, in [-1, 1]."""
    return -float(np.mean(won(weights, vectors)[1], dtype=np.float64))


def won(weights: FloatArray, vectors: FloatArray) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """The winner of each vector, (N,), and how hard it is driven, (N,)."""
    winners = np.empty(len(vectors), np.int64)
    drive = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), BATCH):
        driven = vectors[start : start + BATCH] @ weights.T
        best = driven.argmax(axis=1)
        winners[start : start + BATCH] = best
        drive[start : start + BATCH] = driven[np.arange(len(best)), best]
    return winners, drive


def step(weights: FloatArray, vectors: FloatArray, rate: float) -> tuple[FloatArray, float]:
    """One step of the rule over ``vectors`` (N, d): the new weights (n, d), and E before it, per vector.

    Raises:
        InvalidInputError: a rate outside (0, 1], beyond which E may rise.
    """
    if not (math.isfinite(rate) and 0 < rate <= 1):
        raise InvalidInputError(f"rate must be in (0, 1], got {rate!r}; beyond 1 the energy may rise")
    winners, drive = won(weights, vectors)
    sums = np.zeros(weights.shape, np.float64)
    np.add.at(sums, winners, vectors)
    counts = np.bincount(winners, minlength=len(weights))
    moved = np.flatnonzero(counts)
    mean = sums[moved] / counts[moved, None]
    rows = weights[moved].astype(np.float64)
    rows += rate * (mean - np.sum(rows * mean, axis=1, keepdims=True) * rows)
    new = weights.copy()
    new[moved] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return new, -float(np.mean(drive, dtype=np.float64))


def train(
    vectors: FloatArray,
    n_units: int,
    n_active: int,
    seed: int,
    *,
    steps: int = 8,
    rate: float = 0.5,
    tell: Callable[[float], None] | None = None,
) -> LearnedProjection:
    """Learn from ``vectors`` (N, d), unit rows; ``tell`` is called with E before each step.

    Raises:
        InvalidInputError: no vectors, steps < 0, or the rate.
    """
    if vectors.ndim != 2 or not vectors.size or steps < 0:
        raise InvalidInputError(
            f"expected vectors (N, d), N >= 1, and steps >= 0, got {vectors.shape}, {steps}"
        )
    weights = random_rows(np.random.default_rng(seed), n_units, vectors.shape[1])
    for _ in range(steps):
        weights, before = step(weights, vectors, rate)
        if tell is not None:
            tell(before)
    return LearnedProjection(weights, n_active, "biohash")
