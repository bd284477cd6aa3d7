"""What a memory says by itself, and what it would take from the turns around it.

s_t(m) = max over patterns x of m of cos(q_t - c, x); for a word of a date, at least how near m's time is
l(m)   = min(1, L / n), how much m leaves to its neighbours to say
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, among
from nuonuo.associative.patterns import completions
from nuonuo.config import MemoryConfig
from nuonuo.index.shard import Shard
from nuonuo.recall.search import BoolArray, FloatArray, Search

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
        fast = kernels.loaded()
        if fast is not None:
            found = tuple(_room(one, len(self.rows) + len(other.rows)) for one in _values(self))
            fast.join(_values(self), _values(other), found)
            return Own(*found)
        order = np.concatenate([self.rows, other.rows]).argsort(kind="stable")  # of two runs: it merges them
        both = zip(_values(self), _values(other), strict=True)
        return Own(*(np.concatenate(pair).take(order, axis=0) for pair in both))


_values = attrgetter(*(field.name for field in fields(Own)))


def _room(like: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """An array (n, ...) of the kind of ``like`` (C, ...)."""
    return np.empty((n, *like.shape[1:]), like.dtype)


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
    again = shard.repeats.again(rows)
    if len(again):
        discounts[again] *= singular(shard, shard.repeats.times(rows[again]), config)[:, None]
    return leans, left, replies, neighbours, discounts


def own_completion(search: Search, rows: IntArray) -> FloatArray:
    """s_t(m) (C, T): for each token of the question, its best completion by the memory itself.

    A word without a state is completed (1) where its stem stands in the memory, and not (0) elsewhere. So is
    every word by a memory that is embedded in part: what has no pattern there is known by its stem.
    """
    shard, asked = search.shard, search.question.asked
    own = np.zeros((len(rows), len(asked.owners)), np.float32)
    if asked.states is not None and len(asked.states):
        completions(shard.patterns, rows, asked.states, own)
    terms, tokens = search.standing
    fast = kernels.loaded()
    if fast is not None:
        fast.stand(*shard.postings.lists, terms, tokens, rows, own)
    else:
        for term, token in zip(terms.tolist(), tokens.tolist(), strict=True):
            own[among(rows, shard.postings.rows_of(term)), token] = 1
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
    shard, left = search.shard, np.ones(len(rows), np.float32)
    if not search.question.asks:
        return left
    asking = np.flatnonzero(shard.sessions.asking(rows))
    if len(asking):
        new = shard.postings.beyond(rows[asking], search.said)
        left[asking] -= np.float32(1 - search.config.echo_discount) * np.maximum(
            1 - np.float32(OWN_WORD) * new, 0
        )
    return left
