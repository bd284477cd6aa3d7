"""The passage that answered: the stretch of a long text that completes most of the question.

    s_t(u) = max over the patterns x in a sentence u of cos(q_t, x)
    the window of sentences, of at most `LONGEST` characters, with the greatest sum_t w_t max_u s_t(u)

The window is then filled up with the sentences around it. The work is done when a passage is first looked at.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.associative.patterns import best_of
from nuonuo.encoding.question import Question
from nuonuo.encoding.sentences import PIECE, piece_spans
from nuonuo.encoding.words import Analyzer
from nuonuo.recall.copied import Copied
from nuonuo.recall.pipeline import Ranking
from nuonuo.recall.search import FloatArray

LONGEST = 600  # characters; a text that is no longer is its own passage
MANY = 1000  # sentences of a text, from which on they are looked at several at a time
FAINT = 0.3  # a completion below this says nothing of where the answer stands
FEW = 20  # token patterns; a text of `LONGEST` characters has more

Span = tuple[int, int]


class Passages:
    """Where each hit of a ranking answers."""

    def __init__(self, question: Question, ranking: Ranking, copied: Copied, analyzer: Analyzer) -> None:
        self._question, self._weights, self._analyzer = question, ranking.weights, analyzer
        self._rows, self._copied = ranking.rows.tolist(), copied

    def span(self, place: int, text: str) -> Span:
        """Where the passage of the hit at ``place``, whose text this is, begins and ends."""
        if len(text) <= LONGEST:
            return 0, len(text)
        pieces = _pieces(text)
        return _window(pieces, self._completed(place, text, np.array([start for start, _ in pieces])))

    def _completed(self, place: int, text: str, starts: IntArray) -> FloatArray:
        """w_t s_t(u) (U, T) for the pieces of ``text`` that begin at ``starts`` (U,); 0 where it is faint."""
        asked = self._question.asked
        found = np.zeros((len(starts), len(asked.owners)), np.float32)
        patterns, spans = self._copied[self._rows[place]]
        if asked.states is not None and len(asked.states) and len(patterns) > FEW:
            own = np.flatnonzero(spans[:, 0] == 0)
            piece = np.maximum(np.searchsorted(starts, spans[own, 1], "right") - 1, 0)
            order = np.argsort(piece, kind="stable")
            counts = np.bincount(piece, minlength=len(starts))
            found[:, : len(asked.states)] = best_of(patterns[own[order]], counts, asked.states)
        tokens: dict[str, list[int]] = {}
        for token, forms in enumerate(asked.forms):
            for form in forms:
                tokens.setdefault(form, []).append(token)
        begins = starts.tolist()
        for word in self._analyzer.words(text):
            for form in tokens.keys() & word.spellings:
                found[max(bisect_right(begins, word.start) - 1, 0), tokens[form]] = 1
        found[found < FAINT] = 0
        found *= self._weights
        return found


def _pieces(text: str) -> list[Span]:
    """Its pieces of sentences; where they are many, joined to about `PIECE` characters."""
    pieces = [*piece_spans(text)]
    if len(pieces) <= MANY:
        return pieces
    joined: list[Span] = []
    for start, end in pieces:
        if joined and end - joined[-1][0] <= PIECE:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined


def _window(pieces: Sequence[Span], completed: FloatArray) -> Span:
    """From where to where: the window that completes most, the shortest of equals, and what fits around it.

    Shapes: completed: (U, T), what each piece completes of each token.
    """
    best, first, last = -1.0, 0, 0
    ends = np.array([end for _, end in pieces])
    for i, (start, _) in enumerate(pieces):
        fitting = max(int(ends.searchsorted(start + LONGEST, "right")), i + 1)
        values = np.maximum.accumulate(completed[i:fitting]).sum(axis=1)
        # Of the windows that begin here and complete the same, the first one is the shortest.
        for at in [0, *(np.flatnonzero(values[1:] > values[:-1]) + 1).tolist()]:
            value, j = float(values[at]), i + at
            shorter = pieces[j][1] - start < pieces[last][1] - pieces[first][0]
            if value > best + 1e-6 or (value > best - 1e-6 and shorter):
                best, first, last = max(value, best), i, j
    grown = True
    while grown:  # what follows explains more often than what came before
        grown = False
        if last + 1 < len(pieces) and pieces[last + 1][1] - pieces[first][0] <= LONGEST:
            last, grown = last + 1, True
        if first and pieces[last][1] - pieces[first - 1][0] <= LONGEST:
            first, grown = first - 1, True
    return pieces[first][0], pieces[last][1]
