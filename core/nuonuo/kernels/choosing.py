"""Kernels for the choice of the hits, and for what completed each word of the question."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import BOOL, F32, I64, MATRIX, PAIRS, compiled
from nuonuo.kernels.energies import weighted


@compiled(MATRIX, types.int64, F32, MATRIX)
def cover(answers: Any, taken: Any, covered: Any, new: Any) -> None:
    """Cover what the candidate ``taken`` answers, and work out what each answers beyond that.

    Args:
        answers: (C, T). covered: (T,), the best answer of those that were taken, and then of this one too.
        new: (C, T), found: how much more than that each answers.
    """
    for token in range(len(covered)):
        covered[token] = max(covered[token], answers[taken, token])
    for at in range(answers.shape[0]):
        for token in range(answers.shape[1]):
            new[at, token] = max(answers[at, token] - covered[token], np.float32(0))


@compiled(F32, F32, types.float32, F32, F32, F32, I64)
def best_to_add(
    free: Any, dots: Any, weight: Any, redundant: Any, bonus: Any, values: Any, found: Any
) -> None:
    """Which candidate has the greatest free + bonus - redundant: into ``found`` (1,); of equals the first.

    Args:
        free, redundant: (C,). dots: (C,), what each still answers. bonus, values: (C,), found: ``weight`` of
            that, and the sum.
    """
    best, most = 0, np.float32(-np.inf)
    for at in range(len(free)):
        bonus[at] = weight * dots[at]
        values[at] = free[at] + bonus[at] - redundant[at]
        if values[at] > most:
            best, most = at, values[at]
    found[0] = best


@compiled(F32, F32, types.float32, F32, F32, F32, MATRIX, F32, MATRIX, F32, types.int64, I64, MATRIX)
def take_best(
    free: Any,
    dots: Any,
    weight: Any,
    redundant: Any,
    bonus: Any,
    values: Any,
    answers: Any,
    covered: Any,
    new: Any,
    of_tokens: Any,
    place: Any,
    at: Any,
    told: Any,
) -> None:
    """Take the candidate that is the `best_to_add`, and `cover` what it answers.

    Args:
        free ... new: as they have it; who is taken is free no more.
        of_tokens: (T,), the tokens' weights, by which ``dots`` is brought up to what each ``new``ly answers.
        at, told: (k,) and (3, k), found at ``place``: the candidate, its bonus and what it loses.
    """
    best_to_add(free, dots, weight, redundant, bonus, values, at[place : place + 1])
    best = at[place]
    told[0, place], told[1, place], told[2, place] = bonus[best], redundant[best], 0
    free[best] = -np.inf
    cover(answers, best, covered, new)
    weighted(new, of_tokens, dots)


@compiled(PAIRS, MATRIX, MATRIX, BOOL, types.boolean[:, ::1], types.int64, PAIRS, MATRIX, BOOL, types.float32)
def answers(
    at: Any,
    own: Any,
    discounts: Any,
    silent: Any,
    dated: Any,
    read: Any,
    side: Any,
    top: Any,
    answering: Any,
    least: Any,
) -> None:
    """Who completes each token best for each hit: the hit, or one of its neighbours.

    Args:
        at: (K, 5), the hit and its neighbours among the candidates, C for none. own: (C, T).
        discounts: (C, 4), what a word counts that stands at a neighbour. silent: (C,), who has no patterns:
            by them it answers none of the first ``read`` tokens, but by its time (dated, (C, T)).
        side, top: (K, T), found: which of the five, of equals the first one, and how well.
        answering: (C,), found: who completes some token as well as ``least``.
    """
    count, tokens = own.shape
    for hit in range(len(at)):
        for token in range(tokens):
            best, place = np.float32(-np.inf), 0
            for each in range(5):
                who = at[hit, each]
                if who == count or (silent[who] and token < read and not dated[who, token]):
                    continue
                value = own[who, token]
                if each:
                    value *= discounts[at[hit, 0], each - 1]
                if value > best:
                    best, place = value, each
            side[hit, token], top[hit, token] = place, best
            if best >= least:
                answering[at[hit, place]] = True
