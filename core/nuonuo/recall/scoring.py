"""Scoring: how well memories complete a question, word by word and with their neighbours' help.

s_t(m) = max over patterns x of m of cos(q_t - c, x); for a word of a date, at least how near m's time is
e_t(m) = max(s_t(m), g s_t(m +- 1), g^2 s_t(m +- 2))
B(m)   = l(m)^h sum_t w_t e_t(m) + lexical + dense
E(m)   = B(m) + max(0, l(m) (a B(m +- 1) + b B(m +- 2)) - c (a + b) B(m))

l(m) is 1 for a short text and falls with its length: more patterns complete more words by chance.
A reply takes more from the question before it than a neighbour does, and an answered question counts
less. A long turn says what it has to say by itself: it takes little from its neighbours, and so does one
that says what many say. Where the question was asked before, that turn is no answer (`heard`). Activation
flows to a turn as far as its neighbours have more of it: so what is said in passing, among turns about
something else, does not fall behind turns on the matter that have each other's help.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuonuo.associative.patterns import best_of
from nuonuo.config import MemoryConfig
from nuonuo.index.arrays import IntArray
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.recall.search import BoolArray, FloatArray, Search

OWN_WORD = 1.5  # a turn with a word 1 / OWN_WORD as rare as a word can be is no echo of a question


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Candidates and what each signal says of them; rows ascend.

    Shapes: C candidates, T query tokens.
        rows: (C,) int64. own: (C, T), s_t(m), each token's best completion by the memory itself.
        completed: (C, T), e_t(m), the same with its neighbours' help, at a discount.
        tokens, lexical, dense, echo, temporal, content, explicit: (C,), each signal's share of the energy;
            echo, which is 0 or below, is what a turn loses that asks what the question asks.
        beside: (4, C), where its neighbours stand among the candidates, C for none: one turn before,
            one after, two before, two after. discounts: (4, C), what a word counts that stands there.
        source: (C,), the row from which activation came along a link, -1 for none.
        link: (C,), the weight of that link.
        cosines, bm25: (C,), what the dense and the lexical share were made of. heard: (C,), `heard`.
    """

    rows: IntArray
    own: FloatArray
    completed: FloatArray
    tokens: FloatArray
    lexical: FloatArray
    dense: FloatArray
    echo: FloatArray
    temporal: FloatArray
    content: FloatArray
    explicit: FloatArray
    beside: IntArray
    discounts: FloatArray
    source: IntArray
    link: FloatArray
    cosines: FloatArray
    bm25: FloatArray
    heard: FloatArray

    @property
    def base(self) -> FloatArray:
        """How well each candidate completes the question, before any association."""
        return self.tokens + self.lexical + self.dense + self.echo

    @property
    def energy(self) -> FloatArray:
        """E(m): everything that speaks for a candidate by itself."""
        return self.base + self.temporal + self.content + self.explicit


def score(search: Search, rows: IntArray) -> Scored:
    """The energy of each of ``rows`` (C,), ascending, with the help of its neighbours in time."""
    return with_neighbours(search, rows, *_signals(search, rows))


def extend(search: Search, scored: Scored, rows: IntArray) -> Scored:
    """``scored`` with more ``rows``, as if all had been scored at once."""
    new = np.zeros(len(search.mask), bool)
    new[rows] = True
    new[scored.rows] = False
    fresh = np.flatnonzero(new)
    if not len(fresh):
        return scored
    own, cosines, lexical, left = _signals(search, fresh)
    every = np.concatenate([scored.rows, fresh])
    order = np.argsort(every)
    return with_neighbours(
        search,
        every[order],
        np.vstack([scored.own, own])[order],
        np.concatenate([scored.cosines, cosines])[order],
        np.concatenate([scored.bm25, lexical])[order],
        np.concatenate([scored.heard, left])[order],
    )


def _signals(search: Search, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """What ``rows`` say by themselves: completions (C, T), cosines, BM25 over its greatest, `heard` (C,)."""
    cosines = search.shard.vectors.cosines(rows, search.dense)
    return own_completion(search, rows), cosines, search.lexical.of(rows) / search.most, heard(search, rows)


def own_completion(search: Search, rows: IntArray) -> FloatArray:
    """s_t(m) (C, T): for each token of the question, its best completion by the memory itself.

    Without token vectors a word is completed (1) where its stem stands in the memory, and not (0) elsewhere.
    """
    shard, question = search.shard, search.question
    if question.tokens is None:
        stems = [question.words[at].stem for at in question.owners]
        found = [[shard.postings.has(row, stem) for stem in stems] for row in rows.tolist()]
        own: FloatArray = np.array(found, np.float32).reshape(len(rows), len(stems))
    else:
        own = best_of(*shard.patterns.gather(rows), question.tokens)
    for date in search.dates:
        own[:, date.tokens] = np.maximum(own[:, date.tokens], date.closeness[rows, None])
    return own


def with_neighbours(
    search: Search,
    rows: IntArray,
    own: FloatArray,
    cosines: FloatArray,
    lexical: FloatArray,
    left: FloatArray,
) -> Scored:
    """The energy of ``rows`` (C,) from what each says by itself and what its neighbours in time add.

    Shapes: own: (C, T); cosines, lexical, left: (C,), of the best sentence vector, BM25 over its greatest,
        and `heard`.
    """
    config, weights, shard = search.config, search.weights, search.shard
    beside = shard.sessions.neighbours(rows)
    at = places_of(rows, beside)
    leans, replies = leaning(shard, rows, config), shard.sessions.replies(rows)
    # e_t(m) = max(s_t(m), g s_t(m +- 1), g^2 s_t(m +- 2)); the last row of `padded` stands for nobody.
    padded = np.vstack([own, np.zeros((1, own.shape[1]), np.float32)])
    g = np.float32(config.neighbour_discount)
    discounts = np.empty(at.shape, np.float32)
    discounts[0], discounts[1], discounts[2:] = from_before(leans, replies, config), g, g * g
    discounts *= singular(shard, rows, config)
    helped = padded.take(at, axis=0)
    helped *= discounts[:, :, None]
    completed = np.maximum(own, helped.max(axis=0))
    answer = beside[1]
    answered = np.flatnonzero(shard.sessions.replies(answer) & search.mask[answer])
    if len(answered):
        answer_leans = leaning(shard, answer[answered], config)
        completed[answered] *= 1 - np.float32(1 - config.asked_discount) * answer_leans[:, None]
    if search.question.tokens is None:  # what the tokens would say, the sentence vector says alone
        dated = np.zeros(own.shape[1], bool)
        for date in search.dates:
            dated |= date.tokens
        tokens = np.float32(config.token_weight) * (completed[:, dated] @ weights[dated])
        dense = np.float32(config.dense_weight + config.token_weight) * cosines
    else:
        by_chance = leans ** np.float32(config.long_discount)
        tokens = np.float32(config.token_weight) * by_chance * (completed @ weights)
        dense = np.float32(config.dense_weight) * cosines
    worded = np.float32(config.lexical_weight) * lexical
    said = tokens + worded + dense
    echo = (left - 1) * said
    completed *= left[:, None]
    base = np.append(said + echo, np.float32(0))
    near_share = np.float32(config.temporal_near)
    back_share = np.where(replies, np.float32(config.temporal_reply), near_share)
    before1, after1, before2, after2 = base.take(at)
    temporal = np.maximum(back_share * before1, near_share * after1)
    temporal += np.float32(config.temporal_far) * np.maximum(before2, after2)
    # As far as they have more: else whoever stands among turns on the matter passes whoever does not.
    own_share = np.float32(config.temporal_own) * (near_share + np.float32(config.temporal_far))
    temporal = np.maximum(temporal * leans - own_share * np.maximum(base[:-1], 0), 0)
    zeros = np.zeros(len(rows), np.float32)
    return Scored(
        rows,
        own,
        completed,
        tokens,
        worded,
        dense,
        echo,
        temporal,
        zeros,
        zeros,
        at,
        discounts,
        np.full(len(rows), NOBODY),
        zeros,
        cosines,
        lexical,
        left,
    )


def singular(shard: Shard, rows: IntArray, config: MemoryConfig) -> FloatArray:
    """How far the words of each of ``rows`` (C,) are its own: 1, and less for those that many repeat.

    What an assistant says to everyone ("I am sorry, I do not know that.") answers nothing, whatever stood
    before it. With c of N memories that say it: 1 - `common_loss` (ln c / ln N)^2.
    """
    times = np.log(shard.repeats.times(rows)) / np.log(max(shard.count, 2))
    found: FloatArray = (1 - config.common_loss * times**2).astype(np.float32)
    return found


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
        new = shard.postings.beyond(rows[asking], {word.stem for word in question.words})
        left[asking] -= np.float32(1 - search.config.echo_discount) * np.maximum(
            1 - np.float32(OWN_WORD) * new, 0
        )
    return left


def from_before(leans: FloatArray, replies: BoolArray, config: MemoryConfig) -> FloatArray:
    """What a word counts in each memory (C,) that stands in the turn before it: more in a reply."""
    g = np.float32(config.neighbour_discount)
    return np.where(replies, g + leans * (np.float32(config.reply_discount) - g), g)


def leaning(shard: Shard, rows: IntArray, config: MemoryConfig) -> FloatArray:
    """How much each of ``rows`` leaves to its neighbours to say (C,): 1 for a short turn, L / n for a longer.

    L is `MemoryConfig.short_turn`, n the length of the turn.
    """
    lengths = np.maximum(shard.lengths(rows), 1)
    leans: FloatArray = np.minimum(config.short_turn / lengths, 1).astype(np.float32)
    return leans


def places_of(rows: IntArray, wanted: IntArray) -> IntArray:
    """Where each of ``wanted`` (...) stands in the ascending ``rows``; len(rows) for one that does not."""
    if not len(rows):
        return np.zeros(wanted.shape, np.int64)
    at = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[at] == wanted, at, len(rows))
