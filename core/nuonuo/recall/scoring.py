"""Scoring: how well memories complete a question, word by word and with their neighbours' help.

    s_t(m)   how well m completes the token t by itself (`nuonuo.recall.own`)
    e_t(m) = max(s_t(m), g s_t(m +- 1), g^2 s_t(m +- 2))
    B(m)   = l(m)^h sum_t w_t e_t(m) + lexical + dense + echo
    T(m)   = max(0, l(m) (a max B(m +- 1) + b max B(m +- 2)) - c (a + b) max(0, B(m)))
    E(m)   = B(m) + T(m) + what it has from being named by the question + what links bring to it

What differs for a question of one word, without token vectors, for a reply and for a question that has its
answer is told where it is worked out.

What a memory says by itself (`nuonuo.recall.own`) is worked out once; what its neighbours add (`Scored`),
when the candidates are known, and again when links have added some.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray, weighted
from nuonuo.config import MemoryConfig
from nuonuo.index.sessions import NOBODY
from nuonuo.recall.own import Own, by_itself
from nuonuo.recall.search import FloatArray, Search

WORDS, NAME, EXPLICIT = range(3)  # kinds of links along which activation flows
WHOLE = 0.8  # share of the tokens' weight that the sentence takes which is asked as a whole


SIGNALS = ("tokens", "lexical", "dense", "echo", "temporal", "named", "content", "explicit")
TEMPORAL, BY_NAME, CONTENT = map(SIGNALS.index, ("temporal", "named", "content"))


class _Signal:
    """What the signal of this name gives each candidate (C,)."""

    def __set_name__(self, owner: type[Shares], name: str) -> None:
        self._at = SIGNALS.index(name)

    def __get__(self, shares: Shares, owner: type[Shares]) -> FloatArray:
        found: FloatArray = shares.each[self._at]
        return found


@dataclass(frozen=True, eq=False)
class Shares:
    """What each signal gives each candidate; echo, which takes, is 0 or below.

    Shapes: each: (8, C) float32, in the order of `SIGNALS`; the sums below are made once, when it is whole.
    """

    each: FloatArray

    tokens, lexical, dense, echo = _Signal(), _Signal(), _Signal(), _Signal()
    temporal, named, content, explicit = _Signal(), _Signal(), _Signal(), _Signal()

    @property
    def base(self) -> FloatArray:
        """B(m): how well each candidate completes the question, before any association."""
        return self._sums[0]

    @property
    def energy(self) -> FloatArray:
        """E(m): everything that speaks for a candidate by itself."""
        return self._sums[1]

    @cached_property
    def _sums(self) -> tuple[FloatArray, FloatArray]:
        fast = kernels.loaded()
        if fast is not None:
            base, energy = np.empty((2, self.each.shape[1]), np.float32)
            fast.total(self.each, base, energy)
            return base, energy
        base, (temporal, named, content, explicit) = _base(self.each), self.each[TEMPORAL:]
        return base, base + temporal + named + content + explicit


def _base(each: FloatArray) -> FloatArray:
    tokens, lexical, dense, echo = each[:TEMPORAL]
    base: FloatArray = tokens + lexical + dense + echo
    return base


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Candidates and their energies.

    Shapes: C candidates, T query tokens.
        own: what each says by itself.
        places: (C, 4) int64, where its neighbours stand among the candidates, C for none.
        completed: (C, T), e_t(m), each token's best completion with the neighbours' help.
        shares: what each signal gives.
        source: (C,) int64, the row from which activation came along a link, -1 for none.
        link: (C,) float32, the weight of that link.
        kind: (C,) int64, that link's: `WORDS`, `NAME` or `EXPLICIT`; -1 for none.
    """

    own: Own
    places: IntArray
    completed: FloatArray
    shares: Shares
    source: IntArray
    link: FloatArray
    kind: IntArray

    @property
    def rows(self) -> IntArray:
        return self.own.rows

    @property
    def answers(self) -> FloatArray:
        """(C, T): what of e_t(m) may answer: less for a turn that only asks what the question asks."""
        return self.completed * self.own.heard[:, None]


def score(search: Search, rows: IntArray) -> Scored:
    """The energy of each of ``rows`` (C,), ascending, with the help of its neighbours in time."""
    own = by_itself(search, rows)
    return _energies(search, own, *completion(own))


def extend(search: Search, scored: Scored, rows: IntArray) -> Scored:
    """``scored`` with more ``rows``, as if all had been scored at once; what has flowed to it stays."""
    new = missing(scored.rows, rows)
    if not len(new):
        return scored
    own = scored.own.joined(by_itself(search, new))
    found = _energies(search, own, *completion(own))
    if scored.kind.max(initial=NOBODY) > NOBODY:
        kept = places_of(own.rows, scored.rows)
        found.shares.each[CONTENT:, kept] = scored.shares.each[CONTENT:]
        found.source[kept], found.link[kept], found.kind[kept] = scored.source, scored.link, scored.kind
    return found


def _energies(search: Search, own: Own, places: IntArray, completed: FloatArray) -> Scored:
    fast = kernels.loaded()
    if fast is not None and search.question.asked.states is not None:
        each = _weighed(fast, search, own, places, completed)
    else:
        each = base_energy(search, own, completed)
        each[TEMPORAL] = temporal_energy(search.config, own, places, _base(each))
    if len(search.named.rows):
        each[BY_NAME] = named_energy(search, own.rows)
    nothing, nowhere = np.zeros(len(own.rows), np.float32), np.full(len(own.rows), NOBODY)
    return Scored(own, places, completed, Shares(each), source=nowhere, link=nothing, kind=nowhere.copy())


def _weighed(fast: Any, search: Search, own: Own, places: IntArray, completed: FloatArray) -> FloatArray:
    """`base_energy` and `temporal_energy`, compiled."""
    config, each = search.config, np.zeros((len(SIGNALS), len(own.rows)), np.float32)
    near, far = np.float32(config.temporal_near), np.float32(config.temporal_far)
    whole = np.float32(WHOLE * config.token_weight) * (1 - search.worded)
    weights = np.array(
        (
            np.float32(config.token_weight) * search.worded,
            np.float32(config.dense_weight) + whole,
            config.lexical_weight,
            near,
            config.temporal_reply,
            far,
            np.float32(config.temporal_own) * (near + far),
        ),
        np.float32,
    )
    by_chance = own.leans ** np.float32(config.long_discount)
    fast.weigh(
        completed, search.weights, by_chance, own.cosines, own.bm25, own.heard, places, own.leans,
        own.replies, weights, each,
    )  # fmt: skip
    return each


# -- with its neighbours' help --------------------------------------------------------------------


def completion(own: Own) -> tuple[IntArray, FloatArray]:
    """Where each candidate's neighbours stand (C, 4), and e_t(m) (C, T): completed by itself or by them."""
    fast = kernels.loaded()
    if fast is not None:
        places, completed = np.empty(own.neighbours.shape, np.int64), np.empty_like(own.completions)
        fast.spread(
            own.rows, own.neighbours, own.completions, own.discounts, own.unanswered, places, completed
        )
        return places, completed
    places = places_of(own.rows, own.neighbours)
    padded = np.vstack([own.completions, np.zeros((1, own.completions.shape[1]), np.float32)])
    helped = padded.take(places.T, axis=0)
    helped *= own.discounts.T[:, :, None]
    completed = np.maximum(own.completions, helped.max(axis=0))
    completed *= own.unanswered[:, None]
    return places, completed


def base_energy(search: Search, own: Own, completed: FloatArray) -> FloatArray:
    """B(m) in its shares, of (8, C): tokens, lexical, dense, and echo, which takes from all of them."""
    config, weights = search.config, search.weights
    if search.question.asked.states is None:  # what does not stand there is as near as all
        by_chance = own.leans[:, None] ** np.float32(config.long_discount)
        near = np.repeat(own.cosines[:, None], completed.shape[1], axis=1)
        for date in search.dates:
            near[:, date.tokens] = 0  # a time is told by a time, or by its words
        completed = np.maximum(by_chance * completed, near)
        tokens = np.float32(config.token_weight) * weighted(completed, weights)
        dense = np.float32(config.dense_weight) * own.cosines
    else:
        by_chance = own.leans ** np.float32(config.long_discount)
        tokens = np.float32(config.token_weight) * search.worded * by_chance * weighted(completed, weights)
        whole = np.float32(WHOLE * config.token_weight) * (1 - search.worded)
        dense = (np.float32(config.dense_weight) + whole) * own.cosines
    lexical = np.float32(config.lexical_weight) * own.bm25
    each = np.zeros((len(SIGNALS), len(own.rows)), np.float32)
    each[:TEMPORAL] = tokens, lexical, dense, (own.heard - 1) * (tokens + lexical + dense)
    return each


def temporal_energy(config: MemoryConfig, own: Own, places: IntArray, base: FloatArray) -> FloatArray:
    """T(m) (C,): what the neighbours have more of than the memory itself.

    Activation flows as far as they have more: so what is said in passing, among turns about something else,
    does not fall behind turns on the matter that have each other's help.
    """
    near, far = np.float32(config.temporal_near), np.float32(config.temporal_far)
    kept = np.float32(config.temporal_own) * (near + far)
    back = np.where(own.replies, np.float32(config.temporal_reply), near)
    before1, after1, before2, after2 = np.append(base, np.float32(0)).take(places.T)
    lent = np.maximum(back * before1, near * after1)
    lent += far * np.maximum(before2, after2)
    temporal: FloatArray = np.maximum(lent * own.leans - kept * np.maximum(base, 0), 0)
    return temporal


def named_energy(search: Search, rows: IntArray) -> FloatArray:
    """M(m) (C,): what a memory has from being named by the question itself, 0 where it is not."""
    config, who, found = search.config, search.named, np.zeros(len(rows), np.float32)
    at = places_of(rows, who.rows)
    there = at < len(rows)
    weight = np.float32(config.content_weight * config.named_weight * config.naming_floor)
    found[at[there]] = weight * who.weight[there]
    return found


def missing(rows: IntArray, wanted: IntArray) -> IntArray:
    """Those of ``wanted`` (L,) that are not among ``rows`` (C,), ascending, each once."""
    fast = kernels.loaded()
    if fast is None:
        return np.setdiff1d(wanted, rows)
    found, held = np.empty(len(wanted), np.int64), np.empty(1, np.int64)
    fast.missing(rows, np.ascontiguousarray(wanted), found, held)
    return found[: held[0]]


def places_of(rows: IntArray, wanted: IntArray) -> IntArray:
    """Where each of ``wanted`` (...) stands in the ascending ``rows``; len(rows) for one that does not."""
    if not len(rows):
        return np.zeros(wanted.shape, np.int64)
    at = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[at] == wanted, at, len(rows))
