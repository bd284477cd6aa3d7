"""Evidence: why a memory was recalled, read off the pipeline's last state.

Two steps, since texts lie in the store: `trace` works on the shard's numbers while its lock is held,
`explain` puts words to them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import tzinfo
from functools import cached_property, partial
from typing import TypeVar, overload

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.encoding.words import Analyzer, whole_word
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.index.times import stamp_at
from nuonuo.recall.completions import TIMESTAMP, Answer, Completions
from nuonuo.recall.passage import Passages
from nuonuo.recall.pipeline import Ranking
from nuonuo.recall.search import BoolArray
from nuonuo.records import AssociationKind, Evidence, Hit, Link, Match, MatchSource, Memory, Telling

SHOWN = 3  # shared words that a link of content names, the rarest first
LONG = 10_000  # characters of a text that is read once for all words that are looked for in it


@dataclass(frozen=True, slots=True)
class Traced:
    """One hit in numbers: its row, score, rank, shares, and the link by which it was reached.

    Attributes:
        shared: (df, key) of each rare stem that it shares with the source of the link.
    """

    row: int
    seq: int
    score: float
    rank: float
    signals: dict[str, float]
    source_id: str | None
    link: float
    shared: tuple[tuple[int, int], ...]
    told: tuple[Told, ...]


T = TypeVar("T")


class Lazy(Sequence[T]):
    """A sequence that is worked out when it is first looked at."""

    def __init__(self, work: Callable[[], tuple[T, ...]]) -> None:
        self._work = work

    @cached_property
    def _all(self) -> tuple[T, ...]:
        return self._work()

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._all == tuple(other)

    def __hash__(self) -> int:
        return hash(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def __reduce__(self) -> tuple[type[tuple[T, ...]], tuple[tuple[T, ...]]]:
        return tuple, (self._all,)  # copied and pickled as what it stands for


Told = tuple[str, int, bool, str | None]  # id, microseconds, whether that is a whole day, session


def trace(shard: Shard, ranking: Ranking, config: MemoryConfig, mask: BoolArray) -> list[Traced]:
    """The hits of ``ranking`` in numbers. The shard's lock must be held.

    Args:
        mask: (n,), the rows that took part.
    """
    scored, chosen, found = ranking.scored, ranking.chosen, []
    seqs = shard.seqs(ranking.rows)
    shares = {field.name: getattr(scored.shares, field.name)[ranking.at] for field in fields(scored.shares)}
    own = set(shares)
    shares |= {"together": chosen.together, "redundancy": -chosen.redundancy}
    values = np.stack([*shares.values()], axis=1).tolist()
    for place, at in enumerate(ranking.at.tolist()):
        row = int(scored.rows[at])
        signals = {name: share for name, share in zip(shares, values[place], strict=True) if share}
        source = int(scored.source[at])
        shared: tuple[tuple[int, int], ...] = ()
        if source != NOBODY and scored.shares.content[at] >= scored.shares.explicit[at]:
            shared = tuple(shard.postings.shared(source, row, config.content_max_df))
        source_id = None if source == NOBODY else shard.ids[source]
        score = sum(share for name, share in signals.items() if name in own)
        rank, link = sum(signals.values()), float(scored.link[at])
        told = tuple(
            (str(shard.ids[each]), *shard.fields.times.state(each), shard.fields.session(each))
            for each in shard.wordings.alike(row, mask).tolist()
        )
        found.append(Traced(row, seqs[place], score, rank, signals, source_id, link, shared, told))
    return found


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
    hits = []
    for place, (hit, memory) in enumerate(zip(traced, memories, strict=False)):
        if memory is not None:
            matches = Lazy(partial(_matches, question, hit.row, place, completions, texts, written, zone))
            path = Lazy(partial(_path, hit, memory, lexicon))
            evidence = Evidence(hit.signals, matches, path, hit.rank)
            times = Lazy(partial(_tellings, hit.told))
            span = Lazy(partial(passages.span, place, memory.text))
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


def _path(hit: Traced, target: Memory, lexicon: Lexicon) -> tuple[Link, ...]:
    if hit.source_id is None:
        return ()
    kind: AssociationKind = "content" if hit.shared else "explicit"
    said = {lexicon.key(stem): stem for text in target.parts for stem in lexicon.analyzer.spellings(text)}
    rarest = sorted((df, said[key]) for df, key in hit.shared if key in said)[:SHOWN]
    words = tuple(lexicon.analyzer.written(target.text, stem) or stem for _, stem in rarest)
    return (Link(hit.source_id, target.id or "", kind, min(hit.link, 1.0), words),)


class Written:
    """Answers to ``question`` as they are written."""

    def __init__(self, question: Question, analyzer: Analyzer) -> None:
        self._question, self._analyzer = question, analyzer
        self._stems = frozenset(question.spellings)
        self._read: dict[str, Mapping[str, str]] = {}  # by long text

    def of(self, answer: Answer, parts: Sequence[str]) -> tuple[int, str]:
        """The part of the memory that holds the answer, and the answer as it is written there."""
        if answer.end > answer.start:
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
            self._read[text] = self._analyzer.writings(text, self._stems)
        return self._read[text].get(stem, "")
