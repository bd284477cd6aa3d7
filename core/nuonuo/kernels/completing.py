"""Kernels for what memories say by themselves, and with the help of the turns around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels import LANES
from nuonuo.kernels.compiling import BOOL, F32, I32, I64, MATRIX, PAIRS, PAIRS32, WORDS, compiled
from nuonuo.kernels.instructions import AHEAD, agree, ahead, ones

STEPS = (-1, 1, -2, 2)  # from a turn to those around it, as `nuonuo.recall.own.Own.neighbours` has them

# `nuonuo.recall.own.Own`, in the order of its fields.
OWN: Any = types.Tuple((I64, MATRIX, F32, F32, F32, F32, F32, BOOL, PAIRS, MATRIX))  # type: ignore[no-untyped-call]


@compiled(WORDS, I64, I64, I64, types.uint64[:, :, :, ::1], F32, F32, types.float32, MATRIX)
def best_of(
    patterns: Any,
    starts: Any,
    counts: Any,
    rows: Any,
    planes: Any,
    offsets: Any,
    lengths: Any,
    step: Any,
    found: Any,
) -> None:
    """What each of ``rows`` (C,) completes of each state: into ``found`` (C, >= T); 0 without patterns.

    (step a + offsets_t) / lengths_t of the greatest agreement a of state t with a pattern.

    Args:
        planes: (B, ceil(d / 64), 2, `LANES`), as `nuonuo.associative.patterns.RoundedStates.blocks` has them.
    """
    most = np.empty((len(planes), LANES), np.int64)
    for at in range(len(rows)):
        if at + AHEAD < len(rows):
            ahead(patterns, starts[rows[at + AHEAD]], counts[rows[at + AHEAD]])
        start, count = starts[rows[at]], counts[rows[at]]
        most[:] = -(2**31)
        for place in range(start, start + count):
            own = np.uint64(0)
            for word in range(planes.shape[1]):
                own += ones(patterns[place, word])
            for block in range(len(planes)):
                agree(patterns, place, 3 * np.int64(own), planes, block, most)
        for token in range(len(offsets)):
            if count:
                value = np.float32(most[token // LANES, token % LANES])
                found[at, token] = (step * value + offsets[token]) / lengths[token]
            else:
                found[at, token] = 0


@compiled(PAIRS32, I64, I64, I64, I64, I64, MATRIX)
def stand(entries: Any, starts: Any, counts: Any, terms: Any, tokens: Any, rows: Any, found: Any) -> None:
    """Set ``found`` (C, T) to 1 where a row has one of ``terms`` (P,), each of which is one of ``tokens``.

    Args:
        entries, starts, counts: the postings. tokens: (P,). rows: (C,), ascending.
    """
    for pair in range(len(terms)):
        place = starts[terms[pair]]
        end = place + counts[terms[pair]]
        for at in range(len(rows)):
            row = rows[at]
            after, step = place, 1
            while after < end and entries[after, 0] < row:  # twice as far each time, then back by halves
                place = after + 1
                after += step
                step *= 2
            after = min(after, end)
            while place < after:
                middle = (place + after) // 2
                if entries[middle, 0] < row:
                    place = middle + 1
                else:
                    after = middle
            if place < end and entries[place, 0] == row:
                found[at, tokens[pair]] = 1


@compiled(PAIRS32, I64, I64, I64, I64, BOOL, I64, types.int64, I64)
def rarest(
    terms: Any,
    starts: Any,
    counts: Any,
    rows: Any,
    frequencies: Any,
    stops: Any,
    known: Any,
    nowhere: Any,
    found: Any,
) -> None:
    """In how many memories the rarest term of each of ``rows`` (C,) stands that is no stop and not ``known``.

    Args:
        terms: (n, 2), the first of each pair is one. frequencies, stops: by term. known: few.
        nowhere: what is found where there is no such term.
    """
    for at in range(len(rows)):
        if at + AHEAD < len(rows):
            ahead(terms, starts[rows[at + AHEAD]], counts[rows[at + AHEAD]])
        least = nowhere
        start = starts[rows[at]]
        for place in range(start, start + counts[rows[at]]):
            term = terms[place, 0]
            if frequencies[term] < least and not stops[term]:
                for other in known:
                    if other == term:
                        break
                else:
                    least = frequencies[term]
        found[at] = least


@compiled(I64, types.int64, I32, PAIRS, BOOL, BOOL, F32, F32, F32, BOOL, PAIRS, MATRIX)
def beside(
    rows: Any,
    short_turn: Any,
    lengths: Any,
    neighbours: Any,
    answers: Any,
    mask: Any,
    weights: Any,
    leans: Any,
    unanswered: Any,
    replies: Any,
    around: Any,
    discounts: Any,
) -> None:
    """What each of ``rows`` (C,) is to the turns around it.

    Args:
        lengths, neighbours, answers, mask: by row. weights: of a word one turn away, of one
            in the question that is replied to, and what an answered question loses.
        leans, unanswered, replies, around, discounts: what is found, as `nuonuo.recall.own.Own` has it.
    """
    near, replied, less = weights[0], weights[1], weights[2]
    far, more = near * near, replied - near
    for at in range(len(rows)):
        row = rows[at]
        lean = np.float32(min(short_turn / max(lengths[row], 1), 1.0))
        before, after = neighbours[row, 0], neighbours[row, 1]
        leans[at], replies[at] = lean, answers[row]
        around[at, 0], around[at, 1] = before, after
        around[at, 2] = neighbours[before, 0] if before >= 0 else -1
        around[at, 3] = neighbours[after, 1] if after >= 0 else -1
        discounts[at, 0] = near + lean * more if answers[row] else near
        discounts[at, 1], discounts[at, 2], discounts[at, 3] = near, far, far
        unanswered[at] = 1
        if after >= 0 and answers[after] and mask[after]:
            unanswered[at] = np.float32(1) - less * np.float32(min(short_turn / max(lengths[after], 1), 1.0))


@compiled(I64, PAIRS, MATRIX, MATRIX, F32, PAIRS, MATRIX)
def spread(
    rows: Any, around: Any, own: Any, discounts: Any, unanswered: Any, places: Any, completed: Any
) -> None:
    """What each of ``rows`` (C,), ascending, completes by itself or by a neighbour among them.

    Args:
        around: (C, 4), rows. own: (C, T). discounts: (C, 4). unanswered: (C,).
        places: (C, 4), found: where the neighbours stand in ``rows``; C for one that does not.
        completed: (C, T), found.
    """
    count, tokens = own.shape
    for at in range(count):
        for side in range(4):
            places[at, side] = count
            wanted, place = around[at, side], at + STEPS[side]  # where it stands if all between are there
            if wanted >= 0:
                if place < 0 or place >= count or rows[place] != wanted:
                    place = np.searchsorted(rows, wanted)
                if place < count and rows[place] == wanted:
                    places[at, side] = place
        for token in range(tokens):
            best = own[at, token]
            for side in range(4):
                place = places[at, side]
                lent = own[place, token] * discounts[at, side] if place < count else np.float32(0)
                if lent > best:
                    best = lent
            completed[at, token] = best * unanswered[at]


@compiled(I64, I64, I64, I64)
def missing(rows: Any, wanted: Any, found: Any, held: Any) -> None:
    """Those of ``wanted`` (L,) that are not among ``rows`` (C,), ascending: each once into ``found`` (L,).

    Args:
        held: (1,), found: how many.
    """
    end = 0
    for row in np.sort(wanted):
        at = np.searchsorted(rows, row)
        if (at == len(rows) or rows[at] != row) and (end == 0 or found[end - 1] != row):
            found[end] = row
            end += 1
    held[0] = end


@compiled(OWN, types.int64, OWN, types.int64)
def copy(own: Any, here: Any, found: Any, there: Any) -> None:
    """What the candidate at ``here`` says by itself, to ``there`` of ``found``."""
    rows, completions, cosines, bm25, leans, heard, unanswered, replies, neighbours, discounts = own
    found[0][there], found[2][there], found[3][there] = rows[here], cosines[here], bm25[here]
    found[4][there], found[5][there], found[6][there] = leans[here], heard[here], unanswered[here]
    found[7][there] = replies[here]
    for token in range(completions.shape[1]):
        found[1][there, token] = completions[here, token]
    for side in range(4):
        found[8][there, side], found[9][there, side] = neighbours[here, side], discounts[here, side]


@compiled(OWN, OWN, OWN)
def join(one: Any, other: Any, found: Any) -> None:
    """What candidates say by themselves, of two sets without a row in common, as one: into ``found``."""
    first, second = 0, 0
    for at in range(len(found[0])):
        if second == len(other[0]) or (first < len(one[0]) and one[0][first] < other[0][second]):
            copy(one, first, found, at)
            first += 1
        else:
            copy(other, second, found, at)
            second += 1
