"""Completions: what completed each word of a question, hit by hit: evidence before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray
from nuonuo.associative.patterns import RoundedStates, nearest
from nuonuo.encoding.question import Question
from nuonuo.index.shard import Shard
from nuonuo.recall.copied import Copied
from nuonuo.recall.pipeline import Ranking
from nuonuo.recall.scoring import Scored
from nuonuo.recall.search import BoolArray, Dated, FloatArray

ANSWERED = 0.3  # a word of the question that nothing completes better than this has no answer
TIMESTAMP = -1  # the part of an answer that no text gives, but the memory's time


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


class Completions:
    """What completed each word of a question, hit by hit.

    What it takes is copied while the shard's lock is held; the work is done when it is first asked for,
    since most recalls are only read for their texts.

    Attributes:
        rows, seqs: the memories whose texts hold the answers, by row and by the store's number.
        copied: the token patterns of those, and of the hits.
    """

    def __init__(self, shard: Shard, question: Question, ranking: Ranking) -> None:
        self._question, self._ranking = question, ranking
        scored = ranking.scored
        rows = ranking.rows
        if question.asked.states is None:
            self.answers = [_lexical_answers(shard, question, ranking, row) for row in rows.tolist()]
            self.rows, self.seqs, self.copied = rows.tolist(), shard.seqs(rows), Copied(shard, rows)
            return
        self._at = np.empty((len(ranking.at), 5), np.int64)  # (K, 5): the hit, then its neighbours
        self._at[:, 0], self._at[:, 1:] = ranking.at, scored.places[ranking.at]
        silent, self._dated = shard.patterns.counts(scored.rows) == 0, _dated(scored, ranking.dates)
        # (K, T): whichever of the five completes a token best, and how well: e_t(m)
        self._side, self._top, answering = _best(
            scored, self._at, silent, self._dated, len(question.asked.states)
        )
        holders = np.flatnonzero(answering)
        self.rows, self.seqs = scored.rows[holders].tolist(), shard.seqs(scored.rows[holders])
        answering[ranking.at] = True
        self.copied = Copied(shard, scored.rows[answering])

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
        found: list[list[Answer]] = []
        open_: dict[int, list[tuple[int, int, int]]] = {}  # by row: hit, place of the answer, token
        for hit, top in enumerate(self._top.tolist()):
            answers: list[Answer] = []
            for word in order:
                token = max(pieces[word], key=top.__getitem__)  # the best piece stands for its word
                if top[token] < ANSWERED:
                    continue
                holder = self._at[hit, self._side[hit, token]]
                row = int(ranking.scored.rows[holder])
                by_form = token >= len(states) or ranking.scored.own.completions[holder, token] == 1
                dated = bool(self._dated[holder, token])
                if not by_form and not dated:
                    open_.setdefault(row, []).append((hit, len(answers), token))
                mean = sum(top[piece] for piece in pieces[word]) / len(pieces[word])
                answers.append(Answer(word, weight[word], mean, row, TIMESTAMP if dated else 0, 0, 0))
            found.append(answers)
        for row, wanted in open_.items():
            self._locate(row, wanted, states, found)
        return [tuple(answers) for answers in found]

    def _locate(
        self,
        row: int,
        wanted: Sequence[tuple[int, int, int]],
        states: RoundedStates,
        found: list[list[Answer]],
    ) -> None:
        """Set in ``found`` where in the texts of ``row`` the answers stand that a pattern gives."""
        patterns, spans = self.copied[row]
        tokens = np.unique([token for _, _, token in wanted])
        at = dict(zip(tokens.tolist(), nearest(patterns, states.of(tokens)).tolist(), strict=True))
        for hit, place, token in wanted:
            part, begin, stop = spans[at[token]].tolist()
            found[hit][place] = replace(found[hit][place], part=part, start=begin, end=stop)


def _best(
    scored: Scored, at: IntArray, silent: BoolArray, dated: BoolArray, read: int
) -> tuple[IntArray, FloatArray, BoolArray]:
    """Who completes each token best for each hit: the hit, or one of its neighbours.

    Args:
        at: (K, 5), those among the candidates, C for none. silent: (C,), who has no patterns: by them it
            answers none of the first ``read`` tokens, but by its time (``dated``, (C, T)).

    Returns:
        (K, T) which of the five, of equals the first one; (K, T) how well; (C,) who completes some token as
        well as an answer does.
    """
    own, fast, answering = scored.own, kernels.loaded(), np.zeros(len(silent), bool)
    if fast is not None:
        side = np.empty((len(at), own.completions.shape[1]), np.int64)
        top = np.empty(side.shape, np.float32)
        fast.answers(
            at,
            own.completions,
            own.discounts,
            silent,
            dated,
            read,
            side,
            top,
            answering,
            np.float32(ANSWERED),
        )
        return side, top, answering
    nobody = at == len(silent)
    reached = own.completions[np.where(nobody, 0, at)]  # (K, 5, T)
    reached[:, 1:] *= own.discounts[at[:, 0], :, None]
    unread = silent[:, None] & ~dated
    unread[:, read:] = False
    reached[unread[np.where(nobody, 0, at)]] = -np.inf
    reached[nobody] = -np.inf
    side, top = reached.argmax(axis=1), reached.max(axis=1)
    answering[at[np.arange(len(at))[:, None], side][top >= np.float32(ANSWERED)]] = True
    return side, top, answering


def _dated(scored: Scored, dates: Sequence[Dated]) -> BoolArray:
    """Whether each candidate's time, and none of its words, completes a token: (C, T)."""
    found = np.zeros(scored.own.completions.shape, bool)
    for date in dates:
        found[:, date.tokens] |= scored.own.completions[:, date.tokens] <= date.closeness[scored.rows, None]
    return found


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
