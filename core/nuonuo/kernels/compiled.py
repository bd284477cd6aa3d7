"""The kernels, compiled by numba: the loops in which a recall spends its time, without NumPy's passes.

Each gives bit for bit what the NumPy code gives that it stands beside: sums of integers are exact, and what
is computed in float32 is computed in the same order, without fused or reordered operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite.ir import IRBuilder
from numba import types
from numba.extending import intrinsic

U64, I64, F32 = types.uint64[::1], types.int64[::1], types.float32[::1]
MATRIX, PAIRS = types.float32[:, ::1], types.int64[:, ::1]
PAIRS32 = types.int32[:, ::1]
BOOL, I32, I16 = types.boolean[::1], types.int32[::1], types.int16[::1]


Kernel = TypeVar("Kernel", bound=Callable[..., None])


def _compiled(*arguments: Any) -> Callable[[Kernel], Kernel]:
    """Compile for these arguments, now; what was compiled is kept beside this file or in the user's cache."""

    def compile_(function: Kernel) -> Kernel:
        options: dict[str, Any] = {"nogil": True, "cache": True}
        try:
            compiled = numba.njit([types.void(*arguments)], **options)(function)
        except RuntimeError:  # no folder that can be written
            compiled = numba.njit([types.void(*arguments)], nogil=True)(function)
        return cast(Kernel, compiled)

    return compile_


def _count_ones(typing: Any, word: Any) -> Any:
    """The number of bits of a uint64 that are 1."""

    def generate(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


_ones: Any = intrinsic(_count_ones)


@_compiled(U64, types.uint64, types.boolean, I16)
def differ(column: Any, word: Any, first: Any, differences: Any) -> None:
    """Add to ``differences`` (n,) in how many bits each of ``column`` (n,) differs from ``word``.

    Args:
        first: set them instead.
    """
    if first:
        for at in range(len(column)):
            differences[at] = _ones(column[at] ^ word)
    else:
        for at in range(len(column)):
            differences[at] += _ones(column[at] ^ word)


@_compiled(I16, I32, BOOL, I64)
def histogram(differences: Any, owners: Any, mask: Any, found: Any) -> None:
    """How many of ``differences`` (n,) whose owner is in ``mask`` have each value: added to ``found``.

    The others are set to the last value that ``found`` has room for.
    """
    nowhere = len(found) - 1
    for at in range(len(differences)):
        if owners[at] >= 0 and mask[owners[at]]:
            found[differences[at]] += 1
        else:
            differences[at] = nowhere


@_compiled(I16, I32, types.int64, BOOL)
def within(differences: Any, owners: Any, limit: Any, having: Any) -> None:
    """Set in ``having`` the owners of those that differ by ``limit`` or less."""
    for at in range(len(differences)):
        if differences[at] <= limit:
            having[owners[at]] = True


@_compiled(types.int8[:, ::1], F32, I64, I64, I64, types.int8[::1], types.float32, F32)
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


@_compiled(types.uint64[:, ::1], I64, I64, I64, types.uint64[:, :, ::1], F32, F32, types.float32, MATRIX)
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
        planes: (2, ceil(d / 64), T). Tokens come last, so that one instruction serves several of them.
    """
    words, tokens = planes.shape[1], planes.shape[2]
    most, agreed = np.empty(tokens, np.int64), np.empty(tokens, np.uint64)
    for at in range(len(rows)):
        start, count = starts[rows[at]], counts[rows[at]]
        most[:] = -(2**31)
        for place in range(start, start + count):
            ones = np.uint64(0)
            agreed[:] = 0
            for word in range(words):
                bits = patterns[place, word]
                ones += _ones(bits)
                for token in range(tokens):
                    high = _ones(bits & planes[1, word, token]) << np.uint64(1)
                    agreed[token] += _ones(bits & planes[0, word, token]) + high
            for token in range(tokens):
                value = 2 * np.int64(agreed[token]) - 3 * np.int64(ones)
                most[token] = max(most[token], value)
        for token in range(tokens):
            if count:
                found[at, token] = (step * np.float32(most[token]) + offsets[token]) / lengths[token]
            else:
                found[at, token] = 0


@_compiled(PAIRS32, I64, I64, I64, I64, BOOL, I32, types.int64, I64)
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


@_compiled(I64, types.int64, I32, PAIRS, BOOL, BOOL, F32, F32, F32, BOOL, PAIRS, MATRIX)
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


@_compiled(I64, PAIRS, MATRIX, MATRIX, F32, PAIRS, MATRIX)
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
            if around[at, side] >= 0:
                place = np.searchsorted(rows, around[at, side])
                if place < count and rows[place] == around[at, side]:
                    places[at, side] = place
        for token in range(tokens):
            best = own[at, token]
            for side in range(4):
                place = places[at, side]
                lent = own[place, token] * discounts[at, side] if place < count else np.float32(0)
                if lent > best:
                    best = lent
            completed[at, token] = best * unanswered[at]


@_compiled(F32, PAIRS, F32, BOOL, F32, F32)
def lend(base: Any, places: Any, leans: Any, replies: Any, weights: Any, found: Any) -> None:
    """What neighbours have more of than a candidate itself: into ``found`` (C,).

    Args:
        weights: the shares of a neighbour's energy: near, of the question that is answered, far; and of the
            candidate's own.
    """
    near, replied, far, kept = weights[0], weights[1], weights[2], weights[3]
    count, nothing = len(base), np.float32(0)
    for at in range(count):
        before = base[places[at, 0]] if places[at, 0] < count else nothing
        after = base[places[at, 1]] if places[at, 1] < count else nothing
        farther = base[places[at, 2]] if places[at, 2] < count else nothing
        beyond = base[places[at, 3]] if places[at, 3] < count else nothing
        lent = max((replied if replies[at] else near) * before, near * after)
        lent += far * max(farther, beyond)
        found[at] = max(lent * leans[at] - kept * max(base[at], nothing), nothing)


@_compiled(
    PAIRS32, I64, I64, F32, types.float32, I64, I64, types.float64[::1], I64, I64, types.float64[::1], I64
)
def share(
    entries: Any,
    starts: Any,
    counts: Any,
    norms: Any,
    most: Any,
    terms: Any,
    owners: Any,
    rarity: Any,
    rows: Any,
    touched: Any,
    given: Any,
    sizes: Any,
) -> None:
    """Sum for each source, over its ``terms``, what each row shares of them, weighed by ``rarity``; all (E,).

    Args:
        entries, starts, counts: the postings. norms, most: of BM25's saturation. owners: ascending.
        rows: (S,), the sources, which share nothing with themselves.
        touched, given: found: the rows, source by source and each time ascending, and the sums.
        sizes: (S,), found: how many rows each source has.
    """
    sums, end, first = np.zeros(len(norms)), 0, 0
    seen = np.zeros(len(norms), np.bool_)
    for source in range(len(rows)):
        begin = end
        while first < len(terms) and owners[first] == source:
            start = starts[terms[first]]
            for place in range(start, start + counts[terms[first]]):
                row = entries[place, 0]
                if row != rows[source]:
                    frequency = np.float32(entries[place, 1])
                    sums[row] += rarity[first] * np.float64(most * frequency / (frequency + norms[row]))
                    if not seen[row]:
                        seen[row] = True
                        touched[end] = row
                        end += 1
            first += 1
        touched[begin:end] = np.sort(touched[begin:end])
        for at in range(begin, end):
            row = touched[at]
            given[at], sums[row], seen[row] = sums[row], 0, False
        sizes[source] = end - begin


@_compiled(PAIRS32, I64, I64, F32, types.float32, I64, F32, types.float64[::1])
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


@_compiled(F32, BOOL, I64)
def top(values: Any, mask: Any, found: Any) -> None:
    """Where the greatest of ``values`` (n,) stand that are above 0 and in ``mask`` (n,): into ``found`` (k,).

    Ascending; of equals the first ones. -1 at the beginning, where there are fewer.
    """
    k, held = len(found), 0
    best = np.empty(k, np.float32)
    for at in range(len(values)):
        value = values[at]
        if value > 0 and mask[at] and (held < k or value > best[k - 1]):
            place = min(held, k - 1)
            while place > 0 and best[place - 1] < value:
                best[place], found[place] = best[place - 1], found[place - 1]
                place -= 1
            best[place], found[place] = value, at
            held = min(held + 1, k)
    found[held:] = -1
    found[:] = np.sort(found)
