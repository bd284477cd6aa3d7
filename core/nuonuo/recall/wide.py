"""A question put to a namespace that is too large for RAM: what it needs is gathered from the store.

    candidates   the nearest bit sketches and the best words come from the store
    context      the turns around those that the pipeline chose among them
    links        what the best of them lead to, by words, names and associations, and once more from there

After each step the memories that are there make a `Part`, and the pipeline says what it would look at next;
the last part is asked as a shard of the whole would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.index.filters import Conditions
from nuonuo.index.part import Part
from nuonuo.index.shards import Memories
from nuonuo.index.vectors import dense_cue
from nuonuo.recall.asking import Begun, Recalled, ask, seqs_of
from nuonuo.recall.finding import Finder
from nuonuo.recall.gathering import Gathered, meeting
from nuonuo.recall.held import Walked
from nuonuo.recall.pipeline import completed
from nuonuo.recall.search import FloatArray, prepare
from nuonuo.recall.walks import ENTRIES, in_common, walk_shard
from nuonuo.stores.base import PAGE
from nuonuo.stores.exploring import Explorable, Explorer, Within

REACH = 3  # turns around a candidate: two of them speak for it, and who they answer stands before them


class Wide:
    """A namespace of a store, asked there.

    Args:
        dimension, pattern_bytes, lexicon, config: as for `Shard`.
    """

    def __init__(
        self,
        store: Explorable,
        namespace: str,
        dimension: int,
        pattern_bytes: int,
        lexicon: Lexicon,
        config: MemoryConfig,
    ) -> None:
        self._store, self._namespace = store, namespace
        self._dimension, self._pattern_bytes = dimension, pattern_bytes
        self._lexicon, self._config = lexicon, config

    def recall(
        self, questions: Sequence[Question], k: int, conditions: Conditions, distinct: bool
    ) -> tuple[list[Recalled], Memories]:
        """As `Place.recall`."""

        def work(explorer: Explorer) -> tuple[list[Recalled], Memories]:
            recalled = [self._recall(explorer, each, k, conditions, distinct) for each in questions]
            return recalled, _memories(explorer, seqs_of(recalled))

        return self._store.explore(self._namespace, work)

    def frequencies(self, stems: Sequence[str]) -> list[int]:
        """In how many memories each of ``stems`` stands."""
        keys = self._lexicon.keys(stems)
        found = self._store.explore(self._namespace, lambda explorer: explorer.frequencies(keys))
        return [found.get(key, 0) for key in keys]

    def meeting(
        self, conditions: Conditions, limit: int | None, offset: int, *, newest_first: bool
    ) -> Memories:
        """As `Place.meeting`; all are read, by pages."""

        def work(explorer: Explorer) -> list[int]:
            found: list[int] = []
            for rows in explorer.every(PAGE, newest_first=newest_first):
                seqs = rows.seqs[meeting(rows, conditions)].tolist()
                found += reversed(seqs) if newest_first else seqs
                if limit is not None and len(found) >= offset + limit:
                    break
            return found[offset : None if limit is None else offset + limit]

        seqs = self._store.explore(self._namespace, work)
        return dict(zip(seqs, self._store.get_seqs(self._namespace, seqs), strict=True))

    def walk(
        self, state: FloatArray, code: npt.NDArray[np.int32], question: Question | None, hops: int
    ) -> tuple[Walked, Memories]:
        """As `Place.walk`; a vector evokes one of those nearest to it."""

        def work(explorer: Explorer) -> tuple[Walked, Memories]:
            gathered = self._gathered(explorer)
            if question is None:
                n = ENTRIES * self._config.oversampling
                cue = dense_cue(state)
                gathered.bring(explorer.nearest(cue.words, n, Within(), cue.rounded))
            else:
                self._for_question(gathered, question, 1, Conditions())
            while True:
                part = gathered.part()
                stops = walk_shard(part, state, code, question, hops, self._config)
                seqs = part.seqs(np.array([stop.item for stop in stops], np.int64))
                if not gathered.follow(part, [stop.item for stop in stops[:hops]]):
                    walked = stops, seqs, in_common(part, stops, self._config)
                    return walked, _memories(explorer, seqs)

        return self._store.explore(self._namespace, work)

    def _gathered(self, explorer: Explorer) -> Gathered:
        part = partial(
            Part, self._namespace, self._dimension, self._pattern_bytes, self._lexicon, self._config
        )
        return Gathered(explorer, part, self._config)

    def _recall(
        self, explorer: Explorer, question: Question, k: int, conditions: Conditions, distinct: bool
    ) -> Recalled:
        gathered = self._gathered(explorer)
        part, begun = self._for_question(gathered, question, k, conditions)
        mask = part.meeting(conditions)
        recalled = ask(part, question, k, mask, self._config, distinct=distinct, begun=begun)
        hits = np.array([hit.row for hit in recalled.found.traced] if recalled.found else [], np.int64)
        if gathered.bring(gathered.tellings(part.seqs(hits))):
            part = gathered.part()
            recalled = ask(part, question, k, part.meeting(conditions), self._config, distinct=distinct)
        return recalled

    def _for_question(
        self, gathered: Gathered, question: Question, k: int, conditions: Conditions
    ) -> tuple[Part, Begun | None]:
        """All that ``question`` looks at, and how far it was asked of that, if it was."""
        kernels.asked()
        finder = Finder(gathered, self._lexicon, self._config, question, conditions)
        finder.know(k)
        found = finder.cued(k, gathered.part())
        gathered.around(found, REACH)
        for _ in range(3):
            part = gathered.part()
            mask = part.meeting(conditions)
            if not mask.any():
                return part, None
            search = prepare(part, question, mask, self._config)
            scored, sources, further = completed(search, k)
            known = frozenset(part.postings.keys_of(search.named.terms).tolist())
            if not finder.linked(part, sources, known) and (
                further is None or not finder.linked(part, further, known, by_name=True)
            ):
                return part, (search, scored)
        return gathered.part(), None


def _memories(explorer: Explorer, seqs: Sequence[int]) -> Memories:
    """The memories that an answer names, which were read for it."""
    found = explorer.stored(seqs)
    return {seq: found.get(seq) for seq in seqs}
