"""Walks over a shard: what `AssociativeMemory.chain` does.

The cue is completed among the memories that share its code's units (and, for a text, those that the
recall pipeline finds); then each stop asks what follows: explicit associations through the associator,
neighbours in the session, memories that share rare words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import largest
from nuonuo.chain import Association, Stop, walk
from nuonuo.config import MemoryConfig
from nuonuo.pipeline import Question, recall
from nuonuo.shard import NOBODY, Shard

FloatArray = npt.NDArray[np.float32]

ENTRIES = 32  # memories that a cue may settle to
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
        items, overlaps = shard.codes.overlaps(code)
        entries: Sequence[int] = items[largest(overlaps, ENTRIES)].tolist()
        cue = state
    else:
        ranking = recall(shard, question, 1, shard.alive, config)
        entries = ranking.scored.rows[ranking.at].tolist()
        cue = state
    return walk(cue, entries, lambda rows: _patterns(shard, rows), lambda row, _: _follow(shard, row, config), hops)


def _patterns(shard: Shard, rows: Sequence[int]) -> FloatArray:
    """The stored patterns of ``rows``: each memory's first sentence vector, a unit row (n, d)."""
    stored = np.stack([shard.vectors[row][0] for row in rows]).astype(np.float32)
    return stored / np.linalg.norm(stored, axis=1, keepdims=True)


def _follow(shard: Shard, row: int, config: MemoryConfig) -> Iterator[Association]:
    """What follows ``row``, by each kind of association."""
    for target in shard.codes.outgoing(row):
        yield Association(target, shard.codes.damped(row, target), "explicit")
    (before,), (after,) = shard.neighbours(np.array([row]), 1)
    for target in (int(after), int(before)):
        if target != NOBODY and config.chain_temporal:
            yield Association(target, config.chain_temporal, "temporal")
    if config.chain_content:
        targets, weights = shard.postings.links(row, frozenset(), config.content_max_df)
        best = largest(weights, FANOUT)
        for target, weight in zip(targets[best].tolist(), weights[best].tolist(), strict=True):
            yield Association(target, config.chain_content * weight, "content")
