"""Evidence: why a memory was recalled, read off the pipeline's last state.

Two steps, since texts lie in the store: `trace` works on the shard's numbers while its lock is held,
`explain` puts words to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.pipeline import Ranking
from nuonuo.records import AssociationKind, Evidence, Hit, Link, Match, Memory
from nuonuo.scoring import Question, places_of, token_words
from nuonuo.shard import NOBODY, Shard
from nuonuo.tokens import similarities
from nuonuo.words import Analyzer, whole_word

ANSWERED = 0.3  # a word of the question that nothing completes better than this has no answer
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
    """One hit in numbers: its row, score, shares, answers, and the link by which it was reached."""

    row: int
    seq: int
    score: float
    signals: dict[str, float]
    answers: tuple[Answer, ...]
    source: int
    link: float
    shared: tuple[str, ...]


def trace(shard: Shard, question: Question, ranking: Ranking, config: MemoryConfig) -> list[Traced]:
    """The hits of ``ranking`` in numbers. The shard's lock must be held."""
    scored, found = ranking.scored, []
    answers = _answers(shard, question, ranking, config)
    seqs = shard.seqs(scored.rows[ranking.at])
    for place, at in enumerate(ranking.at.tolist()):
        row = int(scored.rows[at])
        signals = {
            "tokens": float(scored.tokens[at]),
            "lexical": float(scored.lexical[at]),
            "dense": float(scored.dense[at]),
            "temporal": float(scored.temporal[at]),
            "content": float(scored.content[at]),
            "explicit": float(scored.explicit[at]),
            "together": float(ranking.together[place]),
        }
        signals = {name: share for name, share in signals.items() if share}
        source = int(scored.source[at])
        shared: tuple[str, ...] = ()
        if source != NOBODY and scored.content[at] >= scored.explicit[at]:
            shared = tuple(shard.postings.shared(source, row, config.content_max_df)[:SHOWN])
        found.append(
            Traced(
                row,
                seqs[place],
                sum(signals.values()),
                signals,
                answers[place],
                source,
                float(scored.link[at]),
                shared,
            )
        )
    return found


def involved(traced: list[Traced]) -> list[int]:
    """The rows whose texts `explain` needs."""
    rows = {hit.row for hit in traced} | {hit.source for hit in traced if hit.source != NOBODY}
    return sorted(rows | {answer.row for hit in traced for answer in hit.answers})


def explain(
    question: Question, traced: list[Traced], memories: Mapping[int, Memory], analyzer: Analyzer
) -> tuple[Hit, ...]:
    """The hits with their evidence in words; a hit that is no longer stored is left out.

    Args:
        memories: row -> memory, for the rows of `involved` that are still stored.
    """
    return tuple(
        Hit(memories[hit.row], hit.score, _evidence(question, hit, memories, analyzer))
        for hit in traced
        if hit.row in memories
    )


def _evidence(
    question: Question, hit: Traced, memories: Mapping[int, Memory], analyzer: Analyzer
) -> Evidence:
    matches = []
    for answer in hit.answers:
        holder = memories.get(answer.row)
        if holder is None:
            continue
        part, written = _written(question, answer, (holder.text, *holder.cues), analyzer)
        word = question.words[answer.word]
        matches.append(
            Match(
                word=question.text[word.start : word.end],
                weight=answer.weight,
                answer=written,
                similarity=answer.similarity,
                source="neighbour" if answer.row != hit.row else "text" if part == 0 else "cue",
                memory_id=holder.id or "",
            )
        )
    path: tuple[Link, ...] = ()
    source = memories.get(hit.source)
    if source is not None:
        kind: AssociationKind = "content" if hit.shared else "explicit"
        target = memories[hit.row]
        words = tuple(analyzer.written(target.text, stem) or stem for stem in hit.shared)
        path = (Link(source.id or "", target.id or "", kind, min(hit.link, 1.0), words),)
    return Evidence(hit.signals, tuple(matches), path)


def _written(question: Question, answer: Answer, parts: Sequence[str], analyzer: Analyzer) -> tuple[int, str]:
    """The part of the memory that holds the answer, and the answer as it is written there."""
    if answer.end > answer.start:
        return answer.part, whole_word(parts[answer.part], answer.start, answer.end)
    stem = question.words[answer.word].stem  # a lexical answer: some word of the memory has the stem
    for part, text in enumerate(parts):
        if found := analyzer.written(text, stem):
            return part, found
    return 0, ""


def _answers(
    shard: Shard, question: Question, ranking: Ranking, config: MemoryConfig
) -> list[tuple[Answer, ...]]:
    """For each hit, what completed each word of the question, the weightiest word first."""
    rows = ranking.scored.rows[ranking.at]
    if question.tokens is None:
        return [_lexical_answers(shard, question, ranking, row) for row in rows.tolist()]
    scored = ranking.scored
    sides = [rows, *(side for distance in (1, 2) for side in shard.neighbours(rows, distance))]
    at = places_of(scored.rows, np.stack(sides, axis=1))  # (K, 5): the hit itself, then its neighbours
    counts = shard.patterns.counts(scored.rows)
    silent = np.append(counts == 0, True)  # the last one stands for nobody
    g = config.neighbour_discount
    discount = np.array([1, g, g, g * g, g * g], np.float32)
    reached = np.vstack([scored.own, scored.own[:1]])[at] * discount[:, None]  # (K, 5, T)
    reached[silent[at]] = -np.inf
    winner = reached.argmax(axis=1).tolist()
    top = reached.max(axis=1).tolist()  # e_t(m), by hit and token
    pieces: dict[int, list[int]] = {}
    for token, word in enumerate(question.tokens.words.tolist()):
        pieces.setdefault(word, []).append(token)
    weight = {word: float(ranking.weights[tokens].sum()) for word, tokens in pieces.items()}
    order = sorted(pieces, key=lambda word: -weight[word])
    chosen = [
        [max(pieces[word], key=top[hit].__getitem__) for word in order] for hit in range(len(rows))
    ]  # the best piece of each word
    chosen = [[token for token in tokens if top[hit][token] >= ANSWERED] for hit, tokens in enumerate(chosen)]
    holder = [[int(at[hit, winner[hit][token]]) for token in tokens] for hit, tokens in enumerate(chosen)]
    holders = sorted({each for row in holder for each in row})
    values = similarities(shard.patterns.gather(scored.rows[holders])[0], question.tokens)
    start = dict(zip(holders, (np.cumsum(counts[holders]) - counts[holders]).tolist(), strict=True))
    words = question.tokens.words.tolist()
    found = []
    for hit, tokens in enumerate(chosen):
        answers = []
        for token, each in zip(tokens, holder[hit], strict=True):
            row, word = int(scored.rows[each]), words[token]
            best = values[start[each] : start[each] + counts[each], token].argmax()
            part, begin, end = shard.spans[row][best].tolist()
            mean = sum(top[hit][piece] for piece in pieces[word]) / len(pieces[word])
            answers.append(Answer(word, weight[word], mean, row, part, begin, end))
        found.append(tuple(answers))
    return found


def _lexical_answers(shard: Shard, question: Question, ranking: Ranking, row: int) -> tuple[Answer, ...]:
    """Without token vectors: the words of the question whose stems stand in the memory's own text."""
    return tuple(
        Answer(word, float(ranking.weights[token]), 1.0, row, 0, 0, 0)
        for token, word in enumerate(token_words(question).tolist())
        if shard.postings.has(row, question.words[word].stem)
    )
