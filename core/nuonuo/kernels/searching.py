"""Kernels for the candidates: the nearest vectors, and the best by their words."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import BOOL, F32, F64, I16, I32, I64, PAIRS32, U64, WORDS, compiled, ones

BLOCK = 64  # values of which the greatest is looked at first


@compiled(WORDS, U64, I32, BOOL, I16, I64)
def nearest(sketches: Any, cue: Any, owners: Any, mask: Any, differences: Any, found: Any) -> None:
    """In how many bits each of ``sketches`` (n, w) whose owner is in ``mask`` differs from ``cue`` (w,).

    Args:
        differences: (n,), found; the last value that ``found`` has room for stands for the others.
        found: how many have each value: they are added to it.
    """
    nowhere = len(found) - 1
    for at in range(len(owners)):
        differences[at] = nowhere
        if owners[at] >= 0 and mask[owners[at]]:
            differ = np.uint64(0)
            for word in range(len(cue)):
                differ += ones(sketches[at, word] ^ cue[word])
            differences[at] = differ
            found[differ] += 1


@compiled(I16, I32, types.int64, BOOL)
def within(differences: Any, owners: Any, limit: Any, having: Any) -> None:
    """Set in ``having`` the owners of those that differ by ``limit`` or less."""
    for at in range(len(differences)):
        if differences[at] <= limit:
            having[owners[at]] = True


@compiled(types.int8[:, ::1], F32, I64, I64, I64, types.int8[::1], types.float32, F32)
def cosines(
    vectors: Any, norms: Any, starts: Any, counts: Any, rows: Any, cue: Any, norm: Any, found: Any
) -> None:
    """The cosine of the best vector of each of ``rows`` (C,) with ``cue``: (C,); 0 without vectors."""
    for at in range(len(rows)):
        start, count = starts[rows[at]], counts[rows[at]]
        best = np.float32(0)
        for place in range(start, start + count):
            product = np.int32(0)
            for i in range(len(cue)):
                product += np.int32(vectors[place, i]) * np.int32(cue[i])
            cosine = np.float32(product) / (norms[place] * norm)
            if place == start or cosine > best:
                best = cosine
        found[at] = best


@compiled(PAIRS32, I64, I64, F32, types.float32, I64, F32, F64)
def add(
    entries: Any, starts: Any, counts: Any, norms: Any, most: Any, terms: Any, idf: Any, sums: Any
) -> None:
    """Add to ``sums`` (n,) what BM25 gives each row for each of ``terms`` (E,), by its ``idf``.

    Args:
        entries, starts, counts: the postings. norms, most: of BM25's saturation.
    """
    for at in range(len(terms)):
        start = starts[terms[at]]
        for place in range(start, start + counts[terms[at]]):
            row, frequency = entries[place, 0], np.float32(entries[place, 1])
            sums[row] += np.float64(idf[at] * (most * frequency / (frequency + norms[row])))


@compiled(F32, BOOL, I64)
def top(values: Any, mask: Any, found: Any) -> None:
    """Where the greatest of ``values`` (n,) stand that are above 0 and in ``mask`` (n,): into ``found`` (k,).

    Ascending; of equals the first ones. -1 at the beginning, where there are fewer.
    """
    k, held, least = len(found), 0, np.float32(0)
    best = np.empty(k, np.float32)
    for start in range(0, len(values), BLOCK):
        stop = min(start + BLOCK, len(values))
        greatest = np.float32(0)
        for at in range(start, stop):
            greatest = max(greatest, values[at])
        if greatest <= least:
            continue
        for at in range(start, stop):
            value = values[at]
            if value > least and mask[at]:
                place = min(held, k - 1)
                while place > 0 and best[place - 1] < value:
                    best[place], found[place] = best[place - 1], found[place - 1]
                    place -= 1
                best[place], found[place] = value, at
                held = min(held + 1, k)
                if held == k:
                    least = best[k - 1]
    found[held:] = -1
    found[:] = np.sort(found)
