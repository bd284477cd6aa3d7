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
import numpy.typing as npt

from nuonuo.associative.patterns import agreement
from nuonuo.config import MemoryConfig
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.encoding.question import Question
from nuonuo.encoding.words import Analyzer, whole_word
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.index.times import stamp_at
from nuonuo.recall.passage import Passages
from nuonuo.recall.pipeline import Ranking
from nuonuo.recall.scoring import Scored
from nuonuo.recall.search import BoolArray, Dated
from nuonuo.records import AssociationKind, Evidence, Hit, Link, Match, MatchSource, Memory, Telling

ANSWERED = 0.3  # a word of the question that nothing completes better than this has no answer
TIMESTAMP = -1  # the part of an answer that no text gives, but the memory's time
SHOWN = 3  # shared words that a link of content names, the rarest first


@dataclass(frozen=True, slots=True)
class Answer:
    """What completed one word of the question: the word's number, and where the answer stands."""

    word: int
    weight: float
    similarity: float
    row: int
    part: int
    start: int
    end: int


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


class Completions:
    """What completed each word of a question, hit by hit.

    What it takes is copied while the shard's lock is held; the work is done when it is first asked for,
    since most recalls are only read for their texts.

    Attributes:
        rows, seqs: the memories whose texts hold the answers, by row and by the store's number.
    """

    def __init__(self, shard: Shard, question: Question, ranking: Ranking) -> None:
        self._question, self._ranking = question, ranking
        scored = ranking.scored
        rows = ranking.rows
        if question.asked.states is None:
            self.answers = [_lexical_answers(shard, question, ranking, row) for row in rows.tolist()]
            self.rows, self.seqs = rows.tolist(), shard.seqs(rows)
            return
        # (K, 5): the hit, then its neighbours
        self._at = np.column_stack([ranking.at, scored.places[ranking.at]])
        counts = shard.patterns.counts(scored.rows)
        silent = np.append(counts == 0, True)  # the last one stands for nobody
        reached = np.vstack([scored.own.completions, scored.own.completions[:1]])[self._at]  # (K, 5, T)
        reached[:, 1:] *= scored.own.discounts[ranking.at, :, None]
        dated = np.vstack([_dated(scored, ranking.dates), np.zeros((1, reached.shape[2]), bool)])
        read = np.arange(reached.shape[2]) < len(question.asked.states)
        reached[silent[self._at][:, :, None] & ~dated[self._at] & read] = -np.inf
        reached[self._at == len(scored.rows)] = -np.inf
        self._side, self._top = reached.argmax(axis=1), reached.max(axis=1)  # (K, T), e_t(m) by hit and token
        answering = np.zeros(len(scored.rows) + 1, bool)
        answering[self._at[np.arange(len(rows))[:, None], self._side][self._top >= ANSWERED]] = True
        holders = np.flatnonzero(answering)
        self.rows, self.seqs = scored.rows[holders].tolist(), shard.seqs(scored.rows[holders])
        self._dated = dated
        self._counts = counts[holders]
        self._patterns, _ = shard.patterns.gather(scored.rows[holders])
        self._spans, _ = shard.spans.gather(scored.rows[holders])

    @cached_property
    def answers(self) -> list[tuple[Answer, ...]]:
        """For each hit, the weightiest word first; a word that nothing completes is left out."""
        question, ranking = self._question, self._ranking
        states = question.asked.states
        if states is None:
            return []
        words = question.owners.tolist()
        pieces: dict[int, list[int]] = {}
        for token, word in enumerate(words):
            pieces.setdefault(word, []).append(token)
        weight = {word: float(ranking.weights[own].sum()) for word, own in pieces.items()}
        order = sorted(pieces, key=lambda word: -weight[word])
        values = agreement(self._patterns, states)
        ends = np.cumsum(self._counts)
        starts = ends - self._counts
        block = dict(zip(self.rows, zip(starts.tolist(), ends.tolist(), strict=True), strict=True))
        found = []
        for hit, top in enumerate(self._top.tolist()):
            answers = []
            for word in order:
                token = max(pieces[word], key=top.__getitem__)  # the best piece stands for its word
                if top[token] < ANSWERED:
                    continue
                holder = self._at[hit, self._side[hit, token]]
                row = int(ranking.scored.rows[holder])
                part, begin, stop = TIMESTAMP, 0, 0
                by_form = token >= len(states) or ranking.scored.own.completions[holder, token] == 1
                if by_form and not self._dated[holder, token]:
                    part = 0
                elif not self._dated[holder, token]:
                    start, end = block[row]
                    part, begin, stop = self._spans[start + values[token, start:end].argmax()].tolist()
                mean = sum(top[piece] for piece in pieces[word]) / len(pieces[word])
                answers.append(Answer(word, weight[word], mean, row, part, begin, stop))
            found.append(tuple(answers))
        return found


def _dated(scored: Scored, dates: Sequence[Dated]) -> npt.NDArray[np.bool_]:
    """Whether each candidate's time, and none of its words, completes a token: (C, T)."""
    found = np.zeros(scored.own.completions.shape, bool)
    for date in dates:
        found[:, date.tokens] |= scored.own.completions[:, date.tokens] <= date.closeness[scored.rows, None]
    return found


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
    hits = []
    for place, (hit, memory) in enumerate(zip(traced, memories, strict=False)):
        if memory is not None:
            matches = Lazy(
                partial(_matches, question, hit.row, place, completions, texts, lexicon.analyzer, zone)
            )
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
    analyzer: Analyzer,
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
            part, written = _written(question, answer, holder.parts, analyzer)
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


def _written(question: Question, answer: Answer, parts: Sequence[str], analyzer: Analyzer) -> tuple[int, str]:
    """The part of the memory that holds the answer, and the answer as it is written there."""
    if answer.end > answer.start:
        return answer.part, whole_word(parts[answer.part], answer.start, answer.end)
    word = question.words[answer.word]  # a lexical answer: some word of the memory has one of its forms
    for part, text in enumerate(parts):
        for form in (*word.forms, *word.pieces):
            if found := analyzer.written(text, form):
                return part, found
    return 0, ""


def _lexical_answers(shard: Shard, question: Question, ranking: Ranking, row: int) -> tuple[Answer, ...]:
    """Without token vectors: the words whose stems stand in the memory's own text, and its time."""
    found = []
    for token, word in enumerate(question.owners.tolist()):
        weight = float(ranking.weights[token])
        near = max((float(date.closeness[row]) for date in ranking.dates if date.tokens[token]), default=0)
        forms = question.asked.forms[token]
        if any(shard.postings.standing(np.array([row]), form)[0] for form in forms):
            found.append(Answer(word, weight, 1.0, row, 0, 0, 0))
        elif near >= ANSWERED:
            found.append(Answer(word, weight, near, row, TIMESTAMP, 0, 0))
    return tuple(found)
