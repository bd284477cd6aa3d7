"""Kernels for what follows a memory in a walk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from nuonuo.kernels.compiling import BOOL, F32, F64, I64, compiled
from nuonuo.kernels.linking import TABLES, name_links, stem_links
from nuonuo.kernels.ranking import strongest


@compiled(I64, F64, I64, types.int64, types.int64, types.float64, types.int64, returns=types.int64)
def place(targets: Any, weights: Any, kinds: Any, end: Any, target: Any, weight: Any, kind: Any) -> Any:
    """Put ``target`` among the first ``end`` of ``targets``, where it is not reached as strongly already.

    The strongest stand first, of equals the lower ones; what does not reach it (> 0) is left out.

    Returns:
        How many there are then.
    """
    at = 0
    while at < end and targets[at] != target:
        at += 1
    if not weight > (weights[at] if at < end else 0.0):
        return end
    end = max(end, at + 1)
    while at > 0 and (weights[at - 1] < weight or (weights[at - 1] == weight and targets[at - 1] > target)):
        targets[at], weights[at], kinds[at] = targets[at - 1], weights[at - 1], kinds[at - 1]
        at -= 1
    targets[at], weights[at], kinds[at] = target, weight, kind
    return end


@compiled(
    TABLES, F32, types.float32, BOOL, I64, F64, F32, types.float32, types.float64, types.int64, F64,
    types.float64, types.float64, types.int64, I64, F64, types.int64, types.int64, I64, I64, F64, I64,
    returns=types.int64,
)  # fmt: skip
def followers(
    tables: Any,
    norms: Any,
    most: Any,
    stops: Any,
    without: Any,
    linking: Any,
    rarities: Any,
    sharing: Any,
    content: Any,
    fanout: Any,
    scratch: Any,
    forward: Any,
    backward: Any,
    row: Any,
    explicit: Any,
    learned: Any,
    before: Any,
    after: Any,
    visited: Any,
    targets: Any,
    weights: Any,
    kinds: Any,
) -> Any:
    """Where ``row`` leads, the strongest first, where nobody has a title: how many rows lie ahead.

    Args:
        tables ... without: as for `stem_links`; linking: its ``rarity``. scratch: its ``sums``.
        rarities: how rare a name is, by the number of memories that have it, up to as many as link.
        sharing: what it counts to have a name too.
        content, fanout: what links by words and by names count, and how many of each compete.
        forward, backward: how strongly the row after it follows, and the one before it.
        explicit, learned: (E,), rows with which it is associated, and how strongly.
        before, after: the rows beside it, negative for none.
        visited: (V,), rows that do not lie ahead.
        targets, weights, kinds: (E + 2 + 2 fanout,), found: the rows, how strongly they follow, and by what:
            0 for what is explicit, 1 for a row beside it, 2 for words, 3 for names.
    """
    counts, terms, begins, lengths = tables[2], tables[3], tables[4], tables[5]
    room, end, left = 0, 0, 0
    for at in range(begins[row], begins[row] + lengths[row]):
        df = counts[terms[at, 0]]
        room += df if df < len(linking) else 0
    rows, found, held = np.full(1, row), np.empty(1, np.int64), np.empty(1, np.int64)
    sources, linked, often = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    given, naming, strength = np.empty(room), np.empty(room, np.bool_), np.empty(room, np.float32)
    best, strengths = np.empty(fanout, np.int64), np.empty(fanout, np.float32)
    for at in range(len(explicit)):
        end = place(targets, weights, kinds, end, explicit[at], learned[at], 0)
    if after >= 0:
        end = place(targets, weights, kinds, end, after, forward, 1)
    if before >= 0:
        end = place(targets, weights, kinds, end, before, backward, 1)
    stem_links(
        tables, norms, most, stops, without, linking, rows, scratch, sources, linked, given, often, found
    )
    for at in range(found[0]):
        strength[at] = given[at] / (given[at] + 1)
    strongest(linked, strength[: found[0]], best, strengths, held)
    for at in range(held[0]):
        end = place(targets, weights, kinds, end, best[at], content * np.float64(strengths[at]), 2)
    name_links(tables, without, len(rarities) - 1, rows, scratch, sources, linked, often, naming, found)
    for at in range(found[0]):
        strength[at] = rarities[often[at]] * (sharing / np.sqrt(np.float32(often[at] - 1)))
    strongest(linked, strength[: found[0]], best, strengths, held)
    for at in range(held[0]):
        end = place(targets, weights, kinds, end, best[at], content * np.float64(strengths[at]), 3)
    for at in range(end):
        new = True
        for each in visited:
            new &= targets[at] != each
        if new:
            targets[left], weights[left], kinds[left] = targets[at], weights[at], kinds[at]
            left += 1
    return left
