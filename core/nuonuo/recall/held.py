"""A namespace that is asked: what every place answers, and the one whose shard a process holds.

The other is a namespace that is too large for that (`nuonuo.recall.wide`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Protocol

import numpy as np
import numpy.typing as npt

from nuonuo.associative.chain import Stop
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.filters import Conditions
from nuonuo.index.shard import Shard
from nuonuo.index.shards import Memories, Shards
from nuonuo.recall.asking import Recalled, ask, seqs_of
from nuonuo.recall.linked import Shared
from nuonuo.recall.search import FloatArray
from nuonuo.recall.walks import in_common, walk_shard

Walked = tuple[tuple[Stop, ...], list[int], list[Shared]]
"""The stops of a walk, their seqs, and what each has in common with the one before it."""


class Place(Protocol):
    """A namespace, wherever what is derived of it lies. Each call is of one state.

    The memories that an answer names come with it, by seq; evidence stays whole whatever becomes of them.
    """

    def recall(
        self, questions: Sequence[Question], k: int, conditions: Conditions, distinct: bool
    ) -> tuple[list[Recalled], Memories]:
        """What each of ``questions`` recalls."""
        ...

    def frequencies(self, stems: Sequence[str]) -> list[int]:
        """In how many memories each of ``stems`` stands."""
        ...

    def meeting(
        self, conditions: Conditions, limit: int | None, offset: int, *, newest_first: bool
    ) -> Memories:
        """Those that meet ``conditions``, by order of arrival or the reverse."""
        ...

    def walk(
        self, state: FloatArray, code: npt.NDArray[np.int32], question: Question | None, hops: int
    ) -> tuple[Walked, Memories]:
        """A walk from what a vector (d,) with its code evokes, or a question."""
        ...


class Held:
    """A namespace whose shard is in RAM."""

    def __init__(self, shards: Shards, namespace: str, config: MemoryConfig) -> None:
        self._shards, self._namespace, self._config = shards, namespace, config

    def recall(
        self, questions: Sequence[Question], k: int, conditions: Conditions, distinct: bool
    ) -> tuple[list[Recalled], Memories]:
        """As `Place.recall`."""

        def work(shard: Shard) -> list[Recalled]:
            mask = shard.meeting(conditions)
            return [ask(shard, each, k, mask, self._config, distinct=distinct) for each in questions]

        return self._shards.told(self._namespace, work, seqs_of)

    def frequencies(self, stems: Sequence[str]) -> list[int]:
        """As `Place.frequencies`."""
        with self._shards.reading(self._namespace) as shard:
            return [shard.postings.df(stem) for stem in stems]

    def meeting(
        self, conditions: Conditions, limit: int | None, offset: int, *, newest_first: bool
    ) -> Memories:
        """As `Place.meeting`."""

        def work(shard: Shard) -> list[int]:
            seqs = sorted(shard.seqs(np.flatnonzero(shard.meeting(conditions))), reverse=newest_first)
            return seqs[offset : None if limit is None else offset + limit]

        return self._shards.told(self._namespace, work, list)[1]

    def walk(
        self, state: FloatArray, code: npt.NDArray[np.int32], question: Question | None, hops: int
    ) -> tuple[Walked, Memories]:
        """As `Place.walk`."""

        def work(shard: Shard) -> Walked:
            stops = walk_shard(shard, state, code, question, hops, self._config)
            seqs = shard.seqs(np.array([stop.item for stop in stops], np.int64))
            return stops, seqs, in_common(shard, stops, self._config)

        return self._shards.told(self._namespace, work, itemgetter(1))
