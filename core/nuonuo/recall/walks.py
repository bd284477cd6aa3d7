"""Walks over a shard: what `AssociativeMemory.chain` does.

A vector is completed among the memories that share its code's units (Phi q, the associator's) or lie nearest
to it; a text evokes what the recall pipeline puts first. Then each stop asks what follows: explicit
associations, neighbours in the session, memories that share rare words or names.

Why a stop reads a row of A (`HebbianAssociator.follows`) and does not ask A^T f(Phi q) anew (`next`): its
state has settled on one stored pattern, so f(Phi q) is 1 at that memory and 0 elsewhere, and both say the
same, unless two memories share a code, as one sentence said twice. Then `next` would mix what followed the
one with what followed the other; the walk knows at which of them it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.associative.chain import Association, Stop, walk
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.following import followers
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.index.vectors import dense_cue
from nuonuo.recall.linked import Shared, shared
from nuonuo.recall.pipeline import recall
from nuonuo.records import AssociationKind

FloatArray = npt.NDArray[np.float32]

ENTRIES = 32  # memories that a cue may settle to
BACKWARD = 0.9  # what came before follows less readily than what came after (Kahana 1996: forward asymmetry)
FANOUT = 32  # content links of a stop that compete


def walk_shard(
    shard: Shard,
    state: FloatArray,
    code: npt.NDArray[np.int32],
    question: Question | None,
    hops: int,
    config: MemoryConfig,
) -> tuple[Stop, ...]:
    """Walk ``hops`` associations from what the cue evokes. The shard's lock must be held.

    Args:
        state: the cue's vector (d,), unit. code: its active units.
        question: the cue as a question, for a text; the walk then starts at what recall puts first.
    """
    if question is None:
        alike = shard.associator.resembling(code, ENTRIES)
        near = shard.vectors.nearest(dense_cue(state), ENTRIES, shard.alive)
        entries: Sequence[int] = np.union1d(alike, near).tolist()
    else:
        ranking = recall(shard, question, 1, shard.alive, config)
        entries = ranking.rows.tolist()
    return walk(
        state, entries, lambda rows: _patterns(shard, rows), lambda row, _: _follow(shard, row, config), hops
    )


def in_common(shard: Shard, stops: Sequence[Stop], config: MemoryConfig) -> list[Shared]:
    """What links each of ``stops`` to the one before it. The shard's lock must be held."""
    rows = [NOBODY, *(stop.item for stop in stops)]
    return [
        shared(shard, before, stop.item, stop.kind, config.content_max_df)
        for before, stop in zip(rows, stops, strict=False)
    ]


def _patterns(shard: Shard, rows: Sequence[int]) -> FloatArray:
    """The stored patterns of ``rows``: each memory's first sentence vector, a unit row (n, d)."""
    states, lengths = shard.vectors.states(np.array(rows, np.int64))
    units: FloatArray = states / lengths[:, None]
    return units


def _follow(shard: Shard, row: int, config: MemoryConfig) -> Iterator[Association]:
    """What follows ``row``, by each kind of association."""
    for target, weight in zip(*map(np.ndarray.tolist, shard.associator.follows(row)), strict=True):
        yield Association(target, weight, "explicit")
    before, after = shard.sessions.beside(row)
    for target, weight in (
        (after, config.chain_temporal),
        (before, config.chain_temporal * BACKWARD),
    ):
        if target != NOBODY and weight:
            yield Association(target, weight, "temporal")
    if config.chain_content:
        by_words, by_names = followers(shard.postings, row, FANOUT, config)
        yield from _associations(*by_words, "content", config)
        yield from _associations(*by_names, "name", config)


def _associations(
    targets: IntArray, weights: FloatArray, kind: AssociationKind, config: MemoryConfig
) -> Iterator[Association]:
    carried = (config.chain_content * weight for weight in weights.tolist())
    return map(Association, targets.tolist(), carried, repeat(kind))
