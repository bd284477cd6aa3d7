"""Certainty: what of each candidate competes with the null pattern for how sure a recall is.

    P(m)  = max over the passages p of m of sum_t w_t max over the patterns x in p of cos(q_t, x)
    B'(m) = B(m) + g(P) max(0, P(m) - tokens(m)),    g from 0 at `BY_CHANCE` to 1 at `SAID`

A long text completes more by chance, so it is ranked by less than it does (`MemoryConfig.long_discount`).
But it is a row of passages, each no longer than a short turn: where one of them completes the question as
only what was said does, the long text is as sure as a short one that says the same.
"""

from __future__ import annotations

import numpy as np

from nuonuo.arrays import IntArray, batches, weighted
from nuonuo.associative.patterns import RoundedStates, best_of
from nuonuo.recall.scoring import Scored
from nuonuo.recall.search import FloatArray, Search

BY_CHANCE = 0.4  # what the best passage of a long text completes of questions on other matters
CELLS = 1 << 22  # completions of a token by half a passage that are in memory at a time
SAID = 0.55  # what is completed by the words of the question themselves, in whatever context


def certain(search: Search, scored: Scored, at: IntArray) -> FloatArray:
    """B(m) of every candidate (C,), or B'(m) where that is more, for the long texts among ``at`` (K,)."""
    base, own, states = scored.shares.base, scored.own, search.question.asked.states
    long = at[(own.leans[at] < 1) & (search.shard.patterns.counts(own.rows[at]) > 0)]
    if states is None or not len(states) or search.worded < 1 or not len(long):
        return base
    base = base.copy()
    step = max(search.config.short_turn // 4, 1)  # half of a passage; two that follow make one
    cells = -(-search.shard.patterns.counts(own.rows[long]) // step) * len(search.weights)
    for some in batches(cells, CELLS):
        base[long[some]] += _more(search, scored, states, long[some], step)
    return base


def _more(search: Search, scored: Scored, states: RoundedStates, long: IntArray, step: int) -> FloatArray:
    """B'(m) - B(m) (L,) of the long texts ``long`` (L,), whose halves of passages have ``step`` patterns."""
    own = scored.own
    patterns, counts = search.shard.patterns.gather(own.rows[long])
    halves = -(-counts // step)
    lengths = np.concatenate([_halves(int(count), step) for count in counts])
    unread = own.completions[long, len(states) :]  # wherever in the text they stand
    completed = np.column_stack([best_of(patterns, lengths, states), unread.repeat(halves, axis=0)])  # (H, T)
    follows = np.ones(len(completed), bool)
    follows[np.cumsum(halves) - 1] = False
    passages = completed.copy()
    at_first = np.flatnonzero(follows)
    passages[at_first] = np.maximum(completed[at_first], completed[at_first + 1])
    most = np.maximum.reduceat(weighted(passages, search.weights), np.cumsum(halves) - halves)
    said = np.clip((most - BY_CHANCE) / (SAID - BY_CHANCE), 0, 1) * own.heard[long]
    more = np.float32(search.config.token_weight) * most - scored.shares.tokens[long]
    gained: FloatArray = said * np.maximum(more, 0)
    return gained


def _halves(count: int, step: int) -> IntArray:
    found = np.full(-(-count // step), step, np.int64)
    found[-1] = count - step * (len(found) - 1)
    return found
