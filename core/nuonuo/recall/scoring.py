"""Scoring: how well memories complete a question, word by word and with their neighbours' help.

    s_t(m) = max over patterns x of m of cos(q_t - c, x); for a word of a date, at least how near m's time is
    e_t(m) = max(s_t(m), g s_t(m +- 1), g^2 s_t(m +- 2))
    B(m)   = l(m)^h sum_t w_t e_t(m) + lexical + dense
    T(m)   = max(0, l(m) (a B(m +- 1) + b B(m +- 2)) - c (a + b) B(m))

What a memory says by itself (`Own`) is worked out once; what its neighbours add (`Scored`), once the
candidates are known, and again only for those that got new neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray
from nuonuo.associative.patterns import completions
from nuonuo.config import MemoryConfig
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.recall.search import BoolArray, FloatArray, Search

WORDS, NAME, EXPLICIT = range(3)  # kinds of links along which activation flows
WHOLE = 0.8  # share of the tokens' weight that the sentence takes which is asked as a whole
OWN_WORD = 1.5  # a turn with a word 1 / OWN_WORD as rare as a word can be is no echo of a question


@dataclass(frozen=True, slots=True, eq=False)
class Own:
    """What candidates say by themselves, and what each would take from its neighbours; rows ascend.

    Shapes: C candidates, T query tokens.
        rows: (C,) int64.
        completions: (C, T), s_t(m), each token's best completion by the memory itself.
        cosines, bm25: (C,), of the best sentence vector, and BM25 over the greatest that the question allows.
        leans: (C,), l(m). heard: (C,). unanswered: (C,). replies: (C,) bool, whether it is one.
        neighbours: (C, 4) int64, the rows one turn before, one after, two before, two after; -1 for none.
        discounts: (C, 4), what a word counts that stands there.
    """

    rows: IntArray
    completions: FloatArray
    cosines: FloatArray
    bm25: FloatArray
    leans: FloatArray
    heard: FloatArray
    unanswered: FloatArray
    replies: BoolArray
    neighbours: IntArray
    discounts: FloatArray

    def joined(self, other: Own) -> Own:
        """These candidates and those of ``other``, none of which is among them."""
        order = np.argsort(np.concatenate([self.rows, other.rows]))
        names = [field.name for field in fields(self)]
        return Own(*(np.concatenate([getattr(self, n), getattr(other, n)])[order] for n in names))


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """What each signal gives each candidate, (C,) float32 each; echo, which takes, is 0 or below."""

    tokens: FloatArray
    lexical: FloatArray
    dense: FloatArray
    echo: FloatArray
    temporal: FloatArray
    named: FloatArray
    content: FloatArray
    explicit: FloatArray

    @property
    def base(self) -> FloatArray:
        """B(m): how well each candidate completes the question, before any association."""
        return self.tokens + self.lexical + self.dense + self.echo

    @property
    def energy(self) -> FloatArray:
        """E(m): everything that speaks for a candidate by itself."""
        return self.base + self.temporal + self.named + self.content + self.explicit


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
    new = np.zeros(len(search.mask), bool)
    new[rows] = True
    new[scored.rows] = False
    if not new.any():
        return scored
    own = scored.own.joined(by_itself(search, np.flatnonzero(new)))
    found = _energies(search, own, *completion(own))
    kept = ~new[own.rows]
    for flowed, before in (
        *((getattr(found.shares, name), getattr(scored.shares, name)) for name in ("content", "explicit")),
        *((getattr(found, name), getattr(scored, name)) for name in ("source", "link", "kind")),
    ):
        flowed[kept] = before
    return found


def _energies(search: Search, own: Own, places: IntArray, completed: FloatArray) -> Scored:
    shares = base_energy(search, own, completed)
    temporal = temporal_energy(search.config, own, places, shares.base)
    shares = replace(shares, temporal=temporal, named=named_energy(search, own.rows))
    nothing, nowhere = np.zeros(len(own.rows), np.float32), np.full(len(own.rows), NOBODY)
    return Scored(own, places, completed, shares, source=nowhere, link=nothing, kind=nowhere.copy())


# -- what a memory says by itself -----------------------------------------------------------------


def by_itself(search: Search, rows: IntArray) -> Own:
    """What each of ``rows`` (C,), ascending, says by itself."""
    shard = search.shard
    leans, left, replies, neighbours, discounts = around(search, rows)
    return Own(
        rows=rows,
        completions=own_completion(search, rows),
        cosines=shard.vectors.cosines(rows, search.dense),
        bm25=search.lexical.of(rows) / search.most,
        leans=leans,
        heard=heard(search, rows),
        unanswered=left,
        replies=replies,
        neighbours=neighbours,
        discounts=discounts,
    )


def around(search: Search, rows: IntArray) -> tuple[FloatArray, FloatArray, BoolArray, IntArray, FloatArray]:
    """What each of ``rows`` (C,) is to the turns around it.

    Returns:
        `Own.leans`, `Own.unanswered`, `Own.replies`, `Own.neighbours` and `Own.discounts`.
    """
    shard, config, fast = search.shard, search.config, kernels.loaded()
    if fast is None:
        leans, replies = leaning(shard, rows, config), shard.sessions.replies(rows)
        neighbours = np.ascontiguousarray(shard.sessions.neighbours(rows).T)
        left, discounts = unanswered(search, neighbours[:, 1]), neighbour_discounts(leans, replies, config)
    else:
        c = len(rows)
        leans, left, replies = np.empty(c, np.float32), np.empty(c, np.float32), np.empty(c, bool)
        neighbours, discounts = np.empty((c, 4), np.int64), np.empty((c, 4), np.float32)
        counts = (config.neighbour_discount, config.reply_discount, 1 - config.asked_discount)
        fast.beside(
            rows, config.short_turn, shard.turns, *shard.sessions.order, search.mask,
            np.array(counts, np.float32), leans, left, replies, neighbours, discounts,
        )  # fmt: skip
    times = shard.repeats.times(rows)
    if times.max(initial=1) > 1:
        discounts = discounts * singular(shard, times, config)[:, None]
    return leans, left, replies, neighbours, discounts


def own_completion(search: Search, rows: IntArray) -> FloatArray:
    """s_t(m) (C, T): for each token of the question, its best completion by the memory itself.

    A word without a state is completed (1) where its stem stands in the memory, and not (0) elsewhere. So is
    every word by a memory that is embedded in part: what has no pattern there is known by its stem.
    """
    shard, asked = search.shard, search.question.asked
    own = np.zeros((len(rows), len(asked.owners)), np.float32)
    if asked.states is not None and len(asked.states):
        own[:, : len(asked.states)] = completions(shard.patterns, rows, asked.states)
    tokens: dict[str, list[int]] = {}
    for token, forms in enumerate(asked.forms):
        for stem in forms:
            tokens.setdefault(stem, []).append(token)
    for stem, those in tokens.items():
        at = shard.postings.standing(rows, stem).nonzero()[0]
        if len(at):
            own[at[:, None], those] = 1
    partly = np.flatnonzero(shard.partly(rows))
    if len(partly):
        for token, word in enumerate(asked.owners.tolist()):
            stands = shard.postings.standing(rows[partly], search.question.words[word].stem)
            own[partly[stands], token] = 1
    for date in search.dates:
        own[:, date.tokens] = np.maximum(own[:, date.tokens], date.closeness[rows, None])
    return own


def leaning(shard: Shard, rows: IntArray, config: MemoryConfig) -> FloatArray:
    """l(m) (C,): how much each of ``rows`` leaves to its neighbours to say: 1 if it is short, else L / n.

    L is `MemoryConfig.short_turn`, n the length of the turn. A long turn says what it has to say by itself,
    and completes more words by chance.
    """
    lengths = np.maximum(shard.lengths(rows), 1)
    leans: FloatArray = np.minimum(config.short_turn / lengths, 1).astype(np.float32)
    return leans


def neighbour_discounts(leans: FloatArray, replies: BoolArray, config: MemoryConfig) -> FloatArray:
    """What a word counts (C, 4) that stands one turn before, one after, two before, two after.

    g and g^2; in a reply the question before it counts more, as far as the reply is short.
    """
    g = np.float32(config.neighbour_discount)
    before = np.where(replies, g + leans * (np.float32(config.reply_discount) - g), g)
    others = np.broadcast_to(np.array([g, g * g, g * g]), (len(leans), 3))
    return np.ascontiguousarray(np.column_stack([before, others]))


def singular(shard: Shard, times: IntArray, config: MemoryConfig) -> FloatArray:
    """How far the words of what is said ``times`` (C,) are its own: 1, and less for what many repeat.

    What an assistant says to everyone ("I am sorry, I do not know that.") answers nothing, whatever stood
    before it. With c of N memories that say it: 1 - `common_loss` (ln c / ln N)^2.
    """
    share = np.log(times) / np.log(max(shard.count, 2))
    found: FloatArray = (1 - config.common_loss * share**2).astype(np.float32)
    return found


def unanswered(search: Search, answers: IntArray) -> FloatArray:
    """What is left (C,) of what a question completes that has an answer: the answer is what is looked for.

    Args:
        answers: (C,), the row after each candidate, -1 for none.
    """
    left = np.ones(len(answers), np.float32)
    answered = np.flatnonzero(search.shard.sessions.replies(answers) & search.mask[answers])
    if len(answered):
        leans = leaning(search.shard, answers[answered], search.config)
        left[answered] = 1 - np.float32(1 - search.config.asked_discount) * leans
    return left


def heard(search: Search, rows: IntArray) -> FloatArray:
    """What is left of each of ``rows`` (C,) beside a question: 1, and less for a turn that asks the same.

    What is asked for by "what", "who" or "when" is a word that the question lacks: a turn that asks, and
    says nothing beyond the question, cannot hold it, however well it fits. With n in [0, 1] how rare its
    rarest other word is: 1 - (1 - `echo_discount`) max(0, 1 - `OWN_WORD` n). A question of yes or no may
    well be answered by a turn that asks the same ("Rex is ill, you know?").
    """
    shard, question, left = search.shard, search.question, np.ones(len(rows), np.float32)
    asking = np.flatnonzero(shard.sessions.asking(rows))
    if len(asking) and any(word.asks for word in question.words):
        new = shard.postings.beyond(rows[asking], question.spellings)
        left[asking] -= np.float32(1 - search.config.echo_discount) * np.maximum(
            1 - np.float32(OWN_WORD) * new, 0
        )
    return left


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


def base_energy(search: Search, own: Own, completed: FloatArray) -> Shares:
    """B(m) in its shares: tokens, lexical, dense, and echo, which takes from all of them."""
    config, weights = search.config, search.weights
    if search.question.asked.states is None:  # what does not stand there is as near as all
        by_chance = own.leans[:, None] ** np.float32(config.long_discount)
        near = np.repeat(own.cosines[:, None], completed.shape[1], axis=1)
        for date in search.dates:
            near[:, date.tokens] = 0  # a time is told by a time, or by its words
        completed = np.maximum(by_chance * completed, near)
        tokens = np.float32(config.token_weight) * (completed @ weights)
        dense = np.float32(config.dense_weight) * own.cosines
    else:
        by_chance = own.leans ** np.float32(config.long_discount)
        tokens = np.float32(config.token_weight) * search.worded * by_chance * (completed @ weights)
        whole = np.float32(WHOLE * config.token_weight) * (1 - search.worded)
        dense = (np.float32(config.dense_weight) + whole) * own.cosines
    lexical = np.float32(config.lexical_weight) * own.bm25
    echo = (own.heard - 1) * (tokens + lexical + dense)
    return Shares(tokens, lexical, dense, echo, *np.zeros((4, len(own.rows)), np.float32))


def temporal_energy(config: MemoryConfig, own: Own, places: IntArray, base: FloatArray) -> FloatArray:
    """T(m) (C,): what the neighbours have more of than the memory itself.

    Activation flows as far as they have more: so what is said in passing, among turns about something else,
    does not fall behind turns on the matter that have each other's help.
    """
    near, far = np.float32(config.temporal_near), np.float32(config.temporal_far)
    kept = np.float32(config.temporal_own) * (near + far)
    fast = kernels.loaded()
    if fast is not None:
        found = np.empty(len(base), np.float32)
        weights = np.array((near, config.temporal_reply, far, kept), np.float32)
        fast.lend(base, places, own.leans, own.replies, weights, found)
        return found
    back = np.where(own.replies, np.float32(config.temporal_reply), near)
    before1, after1, before2, after2 = np.append(base, np.float32(0)).take(places.T)
    lent = np.maximum(back * before1, near * after1)
    lent += far * np.maximum(before2, after2)
    temporal: FloatArray = np.maximum(lent * own.leans - kept * np.maximum(base, 0), 0)
    return temporal


def named_energy(search: Search, rows: IntArray) -> FloatArray:
    """c f N(m) (C,): what a memory has from being named by the question itself, 0 where it is not."""
    config, who, found = search.config, search.named, np.zeros(len(rows), np.float32)
    at = places_of(rows, who.rows)
    there = at < len(rows)
    weight = np.float32(config.content_weight * config.named_weight * config.naming_floor)
    found[at[there]] = weight * who.rarity[there]
    return found


def places_of(rows: IntArray, wanted: IntArray) -> IntArray:
    """Where each of ``wanted`` (...) stands in the ascending ``rows``; len(rows) for one that does not."""
    if not len(rows):
        return np.zeros(wanted.shape, np.int64)
    at = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[at] == wanted, at, len(rows))
