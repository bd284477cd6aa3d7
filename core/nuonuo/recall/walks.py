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

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.associative.chain import Stop, wander
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.following import looking_ahead
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.index.vectors import dense_cue
from nuonuo.recall.linked import Shared, shared
from nuonuo.recall.pipeline import recall

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
        alike = shard.associator.resembling(code, ENTRIES)
        near = shard.vectors.nearest(dense_cue(state), ENTRIES, shard.alive)
        entries = np.union1d(alike, near)
    else:
        entries = recall(shard, question, 1, shard.alive, config).rows
    return wander(state, entries, shard.vectors.units, looking_ahead(shard, FANOUT, config), hops)


def in_common(shard: Shard, stops: Sequence[Stop], config: MemoryConfig) -> list[Shared]:
    """What links each of ``stops`` to the one before it. The shard's lock must be held."""
    rows = [NOBODY, *(stop.item for stop in stops)]
    return [
        shared(shard, before, stop.item, stop.kind, config.content_max_df)
        for before, stop in zip(rows, stops, strict=False)
    ]
