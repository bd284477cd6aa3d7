"""Evidence: why a memory was recalled, read off the pipeline's last state.

Two steps, since texts lie in the store: `trace` works on the shard's numbers while its lock is held,
`explain` puts words to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import chain, compress, islice
from typing import NamedTuple

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.encoding.words import Analyzer, whole_word
from nuonuo.errors import NotAStoreError
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.index.times import stamp_at
from nuonuo.recall.completions import TIMESTAMP, Answer, Completions
from nuonuo.recall.lazy import Lazy
from nuonuo.recall.linked import Shared, in_words, shared
from nuonuo.recall.passage import Passages
from nuonuo.recall.pipeline import Ranking
from nuonuo.recall.scoring import EXPLICIT, NAME, SIGNALS, WORDS
from nuonuo.recall.search import BoolArray
from nuonuo.records import AssociationKind, Evidence, Hit, Link, Match, MatchSource, Memory, Telling

KINDS: dict[int, AssociationKind] = {WORDS: "content", NAME: "name", EXPLICIT: "explicit"}
_NAMES = (*SIGNALS, "together", "redundancy", "branch")  # a memory's own; the last depend on other hits
LONG = 10_000  # characters of a text that is read once for all words that are looked for in it


class Traced(NamedTuple):
    """One hit in numbers: its row, score, rank, shares, and the links by which it was reached, in order."""

    row: int
    seq: int
    score: float
    rank: float
    signals: dict[str, float]
    path: tuple[Hop, ...]
    told: tuple[Told, ...]


class Hop(NamedTuple):
    """One link in numbers.

    Attributes:
        target: its row.
        common: what links them.
    """

    source_id: str
    target_id: str
    target: int
    kind: AssociationKind
    weight: float
    common: Shared


Told = tuple[str, int, bool, str | None]  # id, microseconds, whether that is a whole day, session


def trace(shard: Shard, ranking: Ranking, config: MemoryConfig, mask: BoolArray) -> list[Traced]:
    """The hits of ``ranking`` in numbers. The shard's lock must be held.

    Args:
        mask: (n,), the rows that took part.
    """
    scored, chosen, rows, found = ranking.scored, ranking.chosen, ranking.rows, []
    values = np.empty((len(rows), len(_NAMES)), np.float32)
    values[:, : len(SIGNALS)] = scored.shares.each[:, ranking.at].T
    values[:, len(SIGNALS) :] = np.array([chosen.together, -chosen.redundancy, chosen.branch]).T
    linked = (scored.source.take(ranking.at) != NOBODY).tolist()
    each = zip(rows.tolist(), shard.seqs(rows), ranking.at.tolist(), values.tolist(), linked, strict=True)
    for (row, seq, at, shares, by_link), told in zip(each, _told(shard, rows, mask), strict=True):
        signals = dict(compress(zip(_NAMES, shares, strict=True), shares))
        path = _hops(shard, ranking, at, config) if by_link else ()
        found.append(Traced(row, seq, sum(shares[: len(SIGNALS)]), sum(shares), signals, path, told))
    return found


def _told(shard: Shard, rows: IntArray, mask: BoolArray) -> list[tuple[Told, ...]]:
    """Each time that what each of ``rows`` (k,) says was told, among the rows of ``mask`` (n,)."""
    alike, fields = shard.wordings.alike(rows, mask), shard.fields
    every = [*chain.from_iterable(alike)]
    at, ids = np.array(every, np.int64), [str(shard.ids[row]) for row in every]
    each = zip(ids, *fields.times.states(at), fields.sessions_of(at), strict=True)
    return [tuple(islice(each, len(those))) for those in alike]


def _hops(shard: Shard, ranking: Ranking, at: int, config: MemoryConfig) -> tuple[Hop, ...]:
    """The links by which the candidate ``at`` was reached: back along names to where the branch begins."""
    scored, found, seen = ranking.scored, list[Hop](), {at}
    while (source := int(scored.source[at])) != NOBODY:
        row, kind = int(scored.rows[at]), int(scored.kind[at])
        common = shared(shard, source, row, KINDS[kind], config.content_max_df, ranking.named.terms)
        ends = str(shard.ids[source]), str(shard.ids[row])
        found.append(Hop(*ends, row, KINDS[kind], float(scored.link[at]), common))
        if kind != NAME or source in ranking.named.rows:
            break
        at = int(scored.rows.searchsorted(source))
        if at in seen or scored.kind[at] != NAME:
            break
        seen.add(at)
    return tuple(reversed(found))


def explain(
    question: Question,
    traced: list[Traced],
    completions: Completions,
    passages: Passages,
    memories: Sequence[Memory | None],
    lexicon: Lexicon,
    zone: tzinfo,
) -> tuple[Hit, ...]:
    """The hits with their evidence in words; a hit that is no longer stored is left out.

    Args:
        zone: in whose days a timestamp is told.
        memories: those of ``traced``, then those of ``completions``; None for one that is no longer stored.
    """
    texts = dict(zip(completions.rows, memories[len(traced) :], strict=True))
    written = Written(question, lexicon.analyzer)
    shown = {hit.row: memory for hit, memory in zip(traced, memories, strict=False)}
    hits = []
    for place, (hit, memory) in enumerate(zip(traced, memories, strict=False)):
        if memory is not None:
            matches = Lazy(_matches, question, hit.row, place, completions, texts, written, zone)
            path = Lazy(_path, hit, shown, lexicon)
            evidence = Evidence(hit.signals, matches, path, hit.rank)
            times = Lazy(_tellings, hit.told)
            span = Lazy(passages.span, place, memory.text)
            hits.append(Hit(memory, hit.score, evidence, times, span))
    return tuple(hits)


def _tellings(told: tuple[Told, ...]) -> tuple[Telling, ...]:
    return tuple(Telling(id, stamp_at(stamp), session, day) for id, stamp, day, session in told)


def _matches(
    question: Question,
    row: int,
    place: int,
    completions: Completions,
    texts: Mapping[int, Memory | None],
    writings: Written,
    zone: tzinfo,
) -> tuple[Match, ...]:
    found = []
    for answer in completions.answers[place]:
        holder = texts.get(answer.row)
        if holder is None:
            continue
        source: MatchSource
        if answer.part == TIMESTAMP:
            told = holder.when(zone)
            source, written = "timestamp", str(told.date() if told else "")
        else:
            part, written = writings.of(answer, holder.parts)
            source = "neighbour" if answer.row != row else "text" if part == 0 else "cue"
        word = question.words[answer.word]
        found.append(
            Match(
                word=question.text[word.start : word.end],
                weight=answer.weight,
                answer=written,
                similarity=answer.similarity,
                source=source,
                memory_id=holder.id or "",
            )
        )
    return tuple(found)


def _path(hit: Traced, shown: Mapping[int, Memory | None], lexicon: Lexicon) -> tuple[Link, ...]:
    return tuple(
        Link(hop.source_id, hop.target_id, hop.kind, min(hop.weight, 1.0), _words(hop, shown, lexicon))
        for hop in hit.path
    )


def _words(hop: Hop, shown: Mapping[int, Memory | None], lexicon: Lexicon) -> tuple[str, ...]:
    """What both ends of a link have in common, in words; nothing, where its target is not shown."""
    target = shown.get(hop.target)
    return () if target is None else in_words(hop.common, hop.kind, target, lexicon)


class Written:
    """Answers to ``question`` as they are written."""

    def __init__(self, question: Question, analyzer: Analyzer) -> None:
        self._question, self._analyzer = question, analyzer
        self._read: dict[str, Mapping[str, str]] = {}  # by long text

    def of(self, answer: Answer, parts: Sequence[str]) -> tuple[int, str]:
        """The part of the memory that holds the answer, and the answer as it is written there."""
        if answer.end > answer.start:
            if not 0 <= answer.part < len(parts) or not 0 <= answer.start < len(parts[answer.part]):
                raise NotAStoreError(
                    "what is stored of a memory points out of its text: it is damaged; restore it from a copy"
                )
            return answer.part, whole_word(parts[answer.part], answer.start, answer.end)
        word = self._question.words[
            answer.word
        ]  # a lexical answer: some word of the memory has one of its forms
        for part, text in enumerate(parts):
            for form in (*word.forms, *word.pieces):
                if found := self._word(text, form):
                    return part, found
        return 0, ""

    def _word(self, text: str, stem: str) -> str:
        if len(text) <= LONG:
            return self._analyzer.written(text, stem)
        if text not in self._read:
            self._read[text] = self._analyzer.writings(text, frozenset(self._question.spellings))
        return self._read[text].get(stem, "")
