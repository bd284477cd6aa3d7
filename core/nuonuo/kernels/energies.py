"""Kernels for the energies of candidates."""

from __future__ import annotations

from typing import Any

import numpy as np

from nuonuo.kernels.compiling import BOOL, F32, MATRIX, PAIRS, compiled


@compiled(MATRIX, F32, F32)
def weighted(values: Any, weights: Any, found: Any) -> None:
    """As `nuonuo.arrays.weighted`: into ``found`` (C,)."""
    for at in range(len(found)):
        summed = np.float32(0)
        for token in range(len(weights)):
            summed += values[at, token] * weights[token]
        found[at] = summed


@compiled(MATRIX, F32, F32, F32, F32, F32, PAIRS, F32, BOOL, F32, MATRIX)
def weigh(
    completed: Any,
    of_tokens: Any,
    by_chance: Any,
    cosines: Any,
    bm25: Any,
    heard: Any,
    places: Any,
    leans: Any,
    replies: Any,
    weights: Any,
    shares: Any,
) -> None:
    """What the tokens, the words, the vector and the turns beside it give each candidate: into ``shares``.

    Args:
        completed, of_tokens: (C, T) and (T,), how far each completes each token, and the tokens' weights.
        by_chance: (C,), how much of that is not by chance.
        cosines, bm25, heard, places, leans, replies: as `nuonuo.recall.own.Own` and `Scored` have them.
        weights: of the tokens, the vector and the words; of a neighbour's energy: near, of the question that
            is answered, far; and of the candidate's own.
        shares: (8, C), found: tokens, lexical, dense, echo and temporal; the rest stays.
    """
    tokens, dense, lexical = weights[0], weights[1], weights[2]
    near, replied, far, kept = weights[3], weights[4], weights[5], weights[6]
    count, nothing = len(completed), np.float32(0)
    dots, base = np.empty(count, np.float32), np.empty(count, np.float32)
    weighted(completed, of_tokens, dots)
    for at in range(count):
        shares[0, at] = tokens * by_chance[at] * dots[at]
        shares[1, at] = lexical * bm25[at]
        shares[2, at] = dense * cosines[at]
        said = shares[0, at] + shares[1, at] + shares[2, at]
        shares[3, at] = (heard[at] - np.float32(1)) * said
        base[at] = said + shares[3, at]
    for at in range(count):
        before = base[places[at, 0]] if places[at, 0] < count else nothing
        after = base[places[at, 1]] if places[at, 1] < count else nothing
        farther = base[places[at, 2]] if places[at, 2] < count else nothing
        beyond = base[places[at, 3]] if places[at, 3] < count else nothing
        lent = max((replied if replies[at] else near) * before, near * after)
        lent += far * max(farther, beyond)
        shares[4, at] = max(lent * leans[at] - kept * max(base[at], nothing), nothing)


@compiled(MATRIX, F32, F32)
def total(shares: Any, base: Any, energy: Any) -> None:
    """What the ``shares`` (8, C) of each candidate sum to: into ``base`` (C,) the first four, else all."""
    for at in range(len(base)):
        base[at] = shares[0, at] + shares[1, at] + shares[2, at] + shares[3, at]
        energy[at] = base[at] + shares[4, at] + shares[5, at] + shares[6, at] + shares[7, at]
