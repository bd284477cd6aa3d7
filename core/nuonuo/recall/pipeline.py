"""The recall pipeline: from a question to the memories that complete it, over one shard.

    candidates -> energy -> association -> chosen together -> settled

`recall` runs the stages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nuonuo.associative import hopfield
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.arrays import IntArray, largest
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.recall.association import associate
from nuonuo.recall.choice import Chosen, choose
from nuonuo.recall.scoring import Scored, score
from nuonuo.recall.search import BoolArray, Dated, FloatArray, Search, prepare


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The result of the pipeline.

    Shapes: weights: (T,) float32, each token's share of the question.
    """

    scored: Scored
    chosen: Chosen
    weights: FloatArray
    confidence: float
    dates: tuple[Dated, ...] = ()

    @property
    def at(self) -> IntArray:
        """The hits as indices into ``scored`` (k,), best first."""
        return self.chosen.at


def recall(shard: Shard, question: Question, k: int, mask: BoolArray, config: MemoryConfig) -> Ranking:
    """The ``k`` rows of ``mask`` (n,) that complete ``question`` best, and how sure that is."""
    search = prepare(shard, question, mask, config)
    rows = candidates(search, max(k, config.dense_candidates))
    for date in search.dates:  # what lies in a period that was named is looked through by itself
        within = candidates(replace(search, mask=mask & date.inside), config.dense_candidates)
        rows = np.union1d(rows, within)
    with np.errstate(invalid="ignore"):  # a BLAS may flag lanes of a product that it throws away
        scored = associate(search, score(search, rows))
        chosen = choose(search, scored, k)
    settled = hopfield.weights(scored.base, config.beta, config.null_energy)
    return Ranking(scored, chosen, search.weights, float(settled.confidence), search.dates)


def candidates(search: Search, dense: int) -> IntArray:
    """The rows worth scoring: ``dense`` nearest cues, best lexical ones, and their temporal neighbours."""
    mask, wanted = search.mask, search.config.lexical_candidates
    if np.count_nonzero(mask) <= dense + wanted:
        return np.flatnonzero(mask)
    shard, rare = search.shard, search.lexical.rare
    worded = np.flatnonzero((rare > 0) & mask)
    near = various(
        shard,
        lambda k: shard.vectors.nearest(search.dense, k, mask),
        lambda rows: shard.vectors.cosines(rows, search.dense),
        dense,
    )
    sharing = various(shard, lambda k: worded[largest(rare[worded], k)], lambda rows: rare[rows], wanted)
    cued = np.concatenate([near, sharing])
    beside = search.shard.sessions.neighbours(cued)
    reached = np.zeros(len(mask), bool)
    reached[cued] = True
    reached[beside[beside != NOBODY]] = True
    return np.flatnonzero(reached & mask)


def various(
    shard: Shard, best: Callable[[int], IntArray], value: Callable[[IntArray], FloatArray], k: int
) -> IntArray:
    """The rows of ``best(k)``; where most of them repeat each other, the best k of other texts too.

    Else what is asked every day ("What is on today?") would leave no room for anything else.

    Args:
        best: from a number to so many rows at most, ascending. value: from rows (C,) to what they are
            worth, (C,) float32; ``best`` goes by it too.
    """
    rows = found = best(k)
    others, size = shard.repeats.distinct(found), k
    while len(found) == size and 2 * len(others) < k:
        size *= 2
        found = best(size)
        others = shard.repeats.distinct(found)
    return rows if size == k else np.union1d(rows, others[largest(value(others), k)])
