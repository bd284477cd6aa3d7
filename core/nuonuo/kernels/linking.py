"""Kernels for the links that leave the sources of activation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import BOOL, F32, F64, I32, I64, PAIRS32, compiled
from nuonuo.kernels.ranking import largest

# `nuonuo.index.lexical.Postings.tables`: the memories that have each term, what stands in each row, and the
# terms of its title; each as rows, where the block of each begins, and how long it is.
TABLES: Any = types.Tuple((PAIRS32, I64, I64, PAIRS32, I64, I64, I32, I64, I64))  # type: ignore[no-untyped-call]


@compiled(TABLES, F32, types.float32, BOOL, I64, F64, I64, F64, I64, I64, F64, I64, I64)
def stem_links(
    tables: Any,
    norms: Any,
    most: Any,
    stops: Any,
    without: Any,
    rarity: Any,
    rows: Any,
    sums: Any,
    sources: Any,
    targets: Any,
    given: Any,
    rarest: Any,
    found: Any,
) -> None:
    """Whom each of ``rows`` (S,) shares rare stems with, by source, then target.

    Args:
        tables: `TABLES`. norms, most: of BM25's saturation.
        stops, without: terms that link nothing; ``without`` ascends.
        rarity: by the number of memories that have a stem: from 2 up to as many as link.
        sums: (n,), -1 throughout, and so it is left.
        sources, targets, given: found: the source's number, the row, and the sum of what they share.
        rarest: found: in how many memories the rarest term of the target's title stands, where the source
            says all of it, else 0.
        found: (1,), how many links there are; where there is no room for all, minus what is needed.
    """
    entries, starts, counts, forward, begins, lengths, titles, title_begins, title_lengths = tables
    end, needed = 0, 0
    for source in range(len(rows)):
        first = begins[rows[source]]
        for place in range(first, first + lengths[rows[source]]):
            df = counts[forward[place, 0]]
            if df < len(rarity) and not stops[forward[place, 0]]:
                needed += df
    if needed > len(targets):
        found[0] = -needed
        return
    own = np.empty(0, np.int32)
    for source in range(len(rows)):
        row, begin = rows[source], end
        first = begins[row]
        for place in range(first, first + lengths[row]):
            term = forward[place, 0]
            df = counts[term]
            if df < 2 or df >= len(rarity) or stops[term]:
                continue
            at = np.searchsorted(without, term)
            if at < len(without) and without[at] == term:
                continue
            for entry in range(starts[term], starts[term] + df):
                target = entries[entry, 0]
                if target != row:
                    frequency = np.float32(entries[entry, 1])
                    if sums[target] < 0:
                        sums[target] = 0
                        targets[end] = target
                        end += 1
                    sums[target] += rarity[df] * np.float64(most * frequency / (frequency + norms[target]))
        targets[begin:end] = np.sort(targets[begin:end])
        if len(titles):
            own = np.sort(forward[first : first + lengths[row], 0])
        for at in range(begin, end):
            target = targets[at]
            sources[at], given[at], rarest[at] = source, sums[target], 0
            sums[target] = -1
            title = title_begins[target]
            for place in range(title, title + title_lengths[target]):
                term = titles[place]
                if not stops[term]:
                    said = np.searchsorted(own, term)
                    if said == len(own) or own[said] != term:
                        rarest[at] = 0
                        break
                    if rarest[at] == 0 or counts[term] < rarest[at]:
                        rarest[at] = counts[term]
    found[0] = end


@compiled(TABLES, I64, types.int64, I64, F64, I64, I64, I64, BOOL, I64)
def name_links(
    tables: Any,
    without: Any,
    max_df: Any,
    rows: Any,
    best: Any,
    sources: Any,
    targets: Any,
    df: Any,
    naming: Any,
    found: Any,
) -> None:
    """Whom each of ``rows`` (S,) shares a name with, by source, then target: for each the strongest.

    Args:
        tables, without: as for `stem_links`. max_df: memories with a name that links.
        best: (n,), -1 throughout, and so it is left.
        sources, targets, df, naming: found: the source's number, the row, in how many memories the name
            stands, and whether the target is called by it.
        found: (1,), how many links there are; where there is no room for all, minus what is needed.
    """
    entries, starts, counts, forward, begins, lengths, titles, title_begins, title_lengths = tables
    end, other, needed = 0, max_df + 1, 0
    for source in range(len(rows)):
        first = begins[rows[source]]
        for place in range(first, first + lengths[rows[source]]):
            if forward[place, 1] == 0 and counts[forward[place, 0]] <= max_df:
                needed += counts[forward[place, 0]]
    if needed > len(targets):
        found[0] = -needed
        return
    for source in range(len(rows)):
        row, begin = rows[source], end
        first = begins[row]
        for place in range(first, first + lengths[row]):
            term = forward[place, 0]
            if forward[place, 1] != 0 or counts[term] < 2 or counts[term] > max_df:
                continue
            at = np.searchsorted(without, term)
            if at < len(without) and without[at] == term:
                continue
            for entry in range(starts[term], starts[term] + counts[term]):
                target = entries[entry, 0]
                if target == row:
                    continue
                value = np.float64(counts[term] + other)  # whoever only has the name stands behind all others
                title = title_begins[target]
                for each in range(title, title + title_lengths[target]):
                    if titles[each] == term:
                        value = np.float64(counts[term])
                        break
                if best[target] < 0:
                    targets[end] = target
                    end += 1
                    best[target] = value
                elif value < best[target]:
                    best[target] = value
        targets[begin:end] = np.sort(targets[begin:end])
        for at in range(begin, end):
            stands = np.int64(best[targets[at]])
            best[targets[at]] = -1
            naming[at] = stands < other
            sources[at], df[at] = source, stands if stands < other else stands - other
    found[0] = end


@compiled(
    TABLES, F32, types.float32, BOOL, I64, I64, F64, F32, F32, I64, F32, BOOL, F64, I64, I64, I64, F32, I64,
    I64, I64, F64, I64, BOOL, F32, I64,
)  # fmt: skip
def leading(
    tables: Any,
    norms: Any,
    most: Any,
    stops: Any,
    said: Any,
    named: Any,
    linking: Any,
    rarities: Any,
    weights: Any,
    rows: Any,
    activation: Any,
    mask: Any,
    scratch: Any,
    source: Any,
    target: Any,
    kind: Any,
    weight: Any,
    held: Any,
    sources: Any,
    targets: Any,
    given: Any,
    df: Any,
    naming: Any,
    carried: Any,
    found: Any,
) -> None:
    """The links that carry most from ``rows`` (S,), by words and by names, where nobody has a title.

    Args:
        tables ... stops: as for `stem_links`. said, named: stems, and names, that link nothing; both ascend.
        linking: the ``rarity`` of `stem_links`. rarities: how rare a name is, by the number of memories that
            have it, up to as many as link.
        weights: what the greatest of both kinds counts, by words and by names; what a link must carry to
            count, by words and by names; and what it counts to have a name too.
        activation: (S,), how loud each speaks. mask: (n,), whom links may reach. scratch: (n,), as `sums`.
        source, target, kind, weight: (k,), found: the links, by words (0), then by names (1).
        held: (1,), found: how many.
        sources ... carried: room for links. found: as for `stem_links`.
    """
    by_words, by_names, faint, common, sharing = weights
    loud = np.flatnonzero(activation * by_words > faint)
    stem_links(
        tables, norms, most, stops, said, linking, rows[loud], scratch, sources, targets, given, df,
        found,
    )  # fmt: skip
    if found[0] < 0:
        return
    end = found[0]
    for at in range(end):
        sources[at] = loud[sources[at]]
        given[at] = np.float32(given[at] / (given[at] + 1))
    loud = np.flatnonzero(activation * by_names > faint)
    name_links(
        tables, named, len(rarities) - 1, rows[loud], scratch, sources[end:], targets[end:], df[end:],
        naming[end:], found,
    )  # fmt: skip
    if found[0] < 0:
        found[0] -= end
        return
    stop = end + found[0]
    for at in range(end, stop):
        sources[at] = loud[sources[at]]
        given[at] = rarities[df[at]] * (sharing / np.sqrt(np.float32(df[at] - 1)))
    for at in range(stop):
        reached = mask[targets[at]]
        carried[at] = np.float32(given[at]) * activation[sources[at]] if reached else np.float32(-1)
    kept = np.arange(min(stop, len(target)))
    if stop > len(kept) > 0:
        largest(carried[:stop], kept)
    count = 0
    for at in kept:
        if carried[at] > (faint if at < end else common):
            source[count], target[count], weight[count] = sources[at], targets[at], given[at]
            kind[count] = at >= end
            count += 1
    held[0], found[0] = count, stop
