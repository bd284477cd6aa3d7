"""Kernels for the candidates: the nearest vectors, the best by their words, who shares most of a code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import BOOL, F32, I16, I32, I64, MATRIX, PAIRS, PAIRS32, U64, WORDS, compiled
from nuonuo.kernels.instructions import AHEAD, ahead, multiply_add, ones
from nuonuo.kernels.ranking import insert

BLOCK = 64  # scores of which the greatest is looked at first
SUMS = 64 * BLOCK  # scores that are summed up at a time
RUNS = 4  # stretches of memory that are read beside each other: one alone comes no faster than its turn
U = types.uint64


@compiled(WORDS, types.int64, U, U, U, U, U, U, returns=U)
def six(sketches: Any, at: Any, a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    """In how many bits row ``at`` of ``sketches`` (n, 6) differs from the words ``a`` to ``f``."""
    first = ones(sketches[at, 0] ^ a) + ones(sketches[at, 1] ^ b) + ones(sketches[at, 2] ^ c)
    return first + (ones(sketches[at, 3] ^ d) + ones(sketches[at, 4] ^ e) + ones(sketches[at, 5] ^ f))


@compiled(WORDS, U64, I32, BOOL, types.boolean, I16, I64)
def nearest(
    sketches: Any, cue: Any, owners: Any, mask: Any, every: Any, differences: Any, found: Any
) -> None:
    """In how many bits each of ``sketches`` (n, w) whose owner is in ``mask`` differs from ``cue`` (w,).

    Args:
        every: whether each sketch has an owner that is in ``mask``.
        differences: (n,), found; the last value that ``found`` has room for stands for the others.
        found: how many have each value: they are added to it.
    """
    if len(cue) == 6:  # 384 components, as most small models have: without an inner loop it takes two thirds
        a, b, c, d, e, f = cue[0], cue[1], cue[2], cue[3], cue[4], cue[5]
        length = len(owners) // RUNS
        for place in range(length):
            for run in range(RUNS):
                at = place + run * length
                differ = six(sketches, at, a, b, c, d, e, f)
                differences[at] = differ
                found[differ] += 1
        for at in range(RUNS * length, len(owners)):
            differ = six(sketches, at, a, b, c, d, e, f)
            differences[at] = differ
            found[differ] += 1
    else:
        for at in range(len(owners)):
            differ = np.uint64(0)
            for word in range(len(cue)):
                differ += ones(sketches[at, word] ^ cue[word])
            differences[at] = differ
            found[differ] += 1
    if every:
        return
    nowhere = len(found) - 1
    for at in range(len(owners)):
        owner = owners[at]
        if owner < 0 or not mask[np.uint32(owner)]:
            found[differences[at]] -= 1
            differences[at] = nowhere


@compiled(WORDS, U64, I32, BOOL, types.boolean, types.int64, types.int64, returns=I64)
def close(sketches: Any, cue: Any, owners: Any, mask: Any, every: Any, wanted: Any, k: Any) -> Any:
    """Who in ``mask`` owns the ``wanted`` sketches (n, w) nearest to ``cue`` (w,): (C,), ascending.

    Of equals all. Where these are fewer than ``k``, four times as many sketches are wanted.
    """
    most = 64 * len(cue)  # bits that may differ: what is damaged has some beyond the dimension too
    differences, counts = np.empty(len(owners), np.int16), np.zeros(most + 2, np.int64)
    nearest(sketches, cue, owners, mask, every, differences, counts)
    total = counts[: most + 1].sum()
    while True:
        limit, number = most, total
        if wanted < total:
            limit, number = 0, counts[0]
            while number < wanted:
                limit += 1
                number += counts[limit]
        found, end = np.empty(number, np.int64), 0
        for at in range(len(owners)):
            if differences[at] <= limit:
                found[end] = owners[at]
                end += 1
        found.sort()
        end = 0
        for owner in found:
            if not end or found[end - 1] != owner:
                found[end] = owner
                end += 1
        if end >= k or wanted >= total:
            return found[:end].copy()
        wanted *= 4  # rows with many vectors crowded the others out


@compiled(types.int8[:, ::1], F32, I64, I64, I64, types.int8[::1], types.float32, F32)
def cosines(
    vectors: Any, norms: Any, starts: Any, counts: Any, rows: Any, cue: Any, norm: Any, found: Any
) -> None:
    """The cosine of the best vector of each of ``rows`` (C,) with ``cue``: (C,); 0 without vectors."""
    for at in range(len(rows)):
        if at + AHEAD < len(rows):
            ahead(vectors, starts[rows[at + AHEAD]], counts[rows[at + AHEAD]])
        start, count = starts[rows[at]], counts[rows[at]]
        best = np.float32(0)
        for place in range(start, start + count):
            product = np.int32(0)
            for i in range(len(cue)):
                product = multiply_add(product, vectors[place, i], cue[i])
            cosine = np.float32(product) / (norms[place] * norm)
            if place == start or cosine > best:
                best = cosine
        found[at] = best


@compiled(types.int8[:, ::1], F32, I64, I64, MATRIX)
def units(vectors: Any, norms: Any, starts: Any, rows: Any, found: Any) -> None:
    """The first vector of each of ``rows`` (C,), divided by its length: into ``found`` (C, d)."""
    for row in rows:
        ahead(vectors, starts[row], 1)
    for at in range(len(rows)):
        start = starts[rows[at]]
        norm = norms[start] if norms[start] else np.float32(np.nan)  # only what is damaged has none
        for i in range(found.shape[1]):
            found[at, i] = np.float32(vectors[start, i]) / norm


@compiled(PAIRS32, I64, I64, F32, types.float32, I64, F32, F32, F32)
def bm25(
    entries: Any,
    starts: Any,
    counts: Any,
    norms: Any,
    most: Any,
    terms: Any,
    idf: Any,
    scores: Any,
    peaks: Any,
) -> None:
    """What BM25 gives each row for ``terms`` (E,) by their ``idf``: into ``scores`` (n,).

    It goes through all lists together, some rows at a time, whose sums stay in the processor's cache.

    Args:
        entries, starts, counts: the postings, in which the rows of a term ascend. norms, most: of BM25's
            saturation.
        peaks: the greatest score among each `BLOCK` rows.
    """
    at, sums = starts[terms], np.empty(SUMS, np.float64)
    ends = at + counts[terms]
    bits, tops = scores.view(np.int32), peaks.view(np.int32)  # of floats >= 0 the order is that of their bits
    for first in range(0, len(scores), SUMS):
        stop = min(first + SUMS, len(scores))
        sums[:] = 0
        for term in range(len(terms)):
            place, end = at[term], ends[term]
            while place < end and entries[place, 0] < stop:
                row, frequency = entries[place, 0], np.float32(entries[place, 1])
                sums[row - first] += np.float64(idf[term] * (most * frequency / (frequency + norms[row])))
                place += 1
            at[term] = place
        for row in range(first, stop):
            scores[row] = np.float32(sums[row - first])
        for begin in range(first, stop, BLOCK):
            greatest = np.int32(0)
            for row in range(begin, min(begin + BLOCK, stop)):
                greatest = max(greatest, bits[row])
            tops[begin // BLOCK] = greatest


@compiled(F32, F32, BOOL, I64)
def top(values: Any, peaks: Any, mask: Any, found: Any) -> None:
    """Where the greatest of ``values`` (n,) stand that are above 0 and in ``mask`` (n,): into ``found`` (k,).

    Ascending; of equals the first ones. -1 at the beginning, where there are fewer.

    Args:
        peaks: the greatest value among each `BLOCK`.
    """
    k, held, least = len(found), 0, np.float32(0)
    best = np.empty(k, np.float32)
    for block in range(len(peaks)):
        if peaks[block] <= least:
            continue
        for at in range(block * BLOCK, min((block + 1) * BLOCK, len(values))):
            value = values[at]
            if value > least and mask[at]:
                insert(best, found, held, value, at)
                held = min(held + 1, k)
                if held == k:
                    least = best[k - 1]
    found[held:] = -1
    found[:] = np.sort(found)


@compiled(types.uint32[::1], I32, I64, I64)
def most_frequent(items: Any, counts: Any, reached: Any, found: Any) -> None:
    """Which numbers stand most often in ``items`` (n,): into ``found`` (k,), ascending; of equals the lower.

    Args:
        counts: (room,), zeros; found: how often each number stands there. What ``found`` has too much of
            room for is filled with ``room``.
        reached: zeros, two more than any number stands there; found: how many stand there as often, or more.
    """
    k, room = len(found), len(counts)
    found[:] = room
    if not k:
        return
    for item in items:
        counts[item] += 1
        reached[counts[item]] += 1
    least = 1
    while reached[least + 1] >= k:
        least += 1
    end, equal = 0, k - reached[least + 1]
    for item in range(room):
        if counts[item] > least or (counts[item] == least and equal > 0):
            equal -= counts[item] == least
            found[end] = item
            end += 1


@compiled(U64, BOOL, types.int64)
def mark(marks: Any, mask: Any, row: Any) -> None:
    """Set the bit of ``row`` in ``marks``, if it is in ``mask``."""
    if mask[row]:
        marks[row >> 6] |= np.uint64(1) << np.uint64(row & 63)


@compiled(I64, PAIRS, BOOL, U64, I64, I64)
def reached(rows: Any, neighbours: Any, mask: Any, marks: Any, found: Any, held: Any) -> None:
    """The rows of ``mask`` (n,) among ``rows`` (C,) and the turns around them: into ``found``, ascending.

    Args:
        neighbours: (n, 2), the row before and the row after each, -1 for none. Two of each are looked at.
        marks: (ceil(n / 64),), zeros, a bit for each row. found: (5 C,). held: (1,), found: how many.
    """
    for row in rows:
        mark(marks, mask, row)
        for side in range(2):
            near = neighbours[row, side]
            if near >= 0:
                mark(marks, mask, near)
                far = neighbours[near, side]
                if far >= 0:
                    mark(marks, mask, far)
    end = 0
    for word in range(len(marks)):
        left = marks[word]
        while left:
            lowest = left & (~left + np.uint64(1))
            found[end] = 64 * word + np.int64(ones(lowest - np.uint64(1)))
            left ^= lowest
            end += 1
    held[0] = end


@compiled(I32, I64, I64, returns=I64)
def repeated(numbers: Any, times: Any, rows: Any) -> Any:
    """Which of ``rows`` (C,), by their places, have a number that is there more than once: ascending.

    Args:
        numbers: by row. times: by number, how often it is there.
    """
    found, end = np.empty(len(rows), np.int64), 0
    for at in range(len(rows)):
        found[end] = at
        end += times[numbers[rows[at]]] > 1
    return found[:end]
