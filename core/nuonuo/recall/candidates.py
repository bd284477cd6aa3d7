"""Candidates: the rows worth scoring, found by the dense and the lexical cue, with their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray, distinct, largest
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.recall.search import BoolArray, FloatArray, Search


def candidates(search: Search, k: int) -> IntArray:
    """The rows (C,), ascending, that a question for ``k`` hits scores.

    What lies in a period that the question names is looked through by itself: what was said then need not
    resemble the question.
    """
    dense = search.config.dense_candidates
    rows = cued(search, max(k, dense), k)
    for date in search.dates:
        rows = np.union1d(rows, cued(replace(search, mask=search.mask & date.inside), dense, 0))
    return np.union1d(rows, search.named.rows) if len(search.named.rows) else rows


def cued(search: Search, dense: int, least: int) -> IntArray:
    """``dense`` nearest cues, best lexical ones, and their neighbours, ascending; few rows are all taken.

    Of what is said again and again the newest telling is among them, and so are ``least`` wordings.
    """
    mask, wanted = search.mask, search.config.lexical_candidates
    if np.count_nonzero(mask) <= dense + wanted:
        return np.flatnonzero(mask)
    shard, lexical = search.shard, search.lexical
    near = various(
        shard,
        lambda k: shard.vectors.nearest(search.dense, k, mask),
        lambda rows: shard.vectors.cosines(rows, search.dense),
        dense,
        least,
    )
    sharing = various(shard, lambda k: lexical.best(k, mask), lambda rows: lexical.rare[rows], wanted)
    found = np.concatenate([near, sharing])
    return with_neighbours(shard, np.concatenate([found, shard.wordings.newest(found, mask)]), mask)


def with_neighbours(shard: Shard, rows: IntArray, mask: BoolArray) -> IntArray:
    """The rows of ``mask`` (n,) among ``rows`` (C,) and the turns around them, ascending."""
    fast = kernels.loaded()
    if fast is None:
        beside = shard.sessions.neighbours(rows)
        reached: IntArray = distinct(np.concatenate([rows, beside[beside != NOBODY]]))
        return reached[mask[reached]]
    marks, held = np.zeros(-(-len(mask) // 64), np.uint64), np.zeros(1, np.int64)
    found = np.empty(5 * len(rows), np.int64)
    fast.reached(rows, shard.sessions.order[0], np.ascontiguousarray(mask), marks, found, held)
    return found[: held[0]]


def various(
    shard: Shard,
    best: Callable[[int], IntArray],
    value: Callable[[IntArray], FloatArray],
    k: int,
    least: int = 0,
) -> IntArray:
    """The rows of ``best(k)``; where most of them repeat each other, the best k of other texts too.

    Else what is asked every day ("What is on today?") would leave no room for anything else.

    Args:
        least: how many texts there must be in any case, where as many exist.
        best: from a number to so many rows at most, ascending. value: from rows (C,) to what they are
            worth, (C,) float32; ``best`` goes by it too.
    """
    rows = found = best(k)
    others, size = shard.wordings.distinct(found), k
    while len(found) == size and len(others) < max(k / 2, least):
        size *= 2
        found = best(size)
        others = shard.wordings.distinct(found)
    return rows if size == k else np.union1d(rows, others[largest(value(others), k)])
