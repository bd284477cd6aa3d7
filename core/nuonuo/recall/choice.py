"""The choice: the first hits are taken one after another, each for what it adds to those before it.

The next is the candidate with the greatest

    E(m) + c sum_t w_t max(0, e_t(m) - covered_t) - max over the chosen m' of loss(m, m')

    loss = h B(m)                               where m asks or tells again what m' does (`Repeats`)
           r max(0, cos(m, m') - ALIKE)         for two memories outside of sessions

covered_t being the best e_t among those chosen. The second loss is maximal marginal relevance (Carbonell
& Goldstein 1998), for those that resemble each other at all: of passages that are alike one will do, but
turns that are alike tell of several events. What a candidate adds never grows: scores never rise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuonuo.index.arrays import IntArray
from nuonuo.recall.scoring import Scored
from nuonuo.recall.search import FloatArray, Search

ALIKE = 0.3  # cosine from which two texts resemble each other; of texts on two matters few reach it


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The hits, best first.

    Shapes: k hits.
        at: (k,) int64, indices into the candidates.
        together: (k,) float32, what each adds to those before it.
        redundancy: (k,) float32, what each loses to the one of them that it resembles most or repeats.
    """

    at: IntArray
    together: FloatArray
    redundancy: FloatArray


def choose(search: Search, scored: Scored, k: int) -> Chosen:
    """The first ``k`` one after another; those after `MemoryConfig.together` by what they still add."""
    config, weights = search.config, search.weights
    weight = np.float32(config.together_weight)
    loose = ~search.shard.sessions.inside(scored.rows)
    states, norms = search.shard.vectors.states(scored.rows if loose.any() else scored.rows[:0])
    free = scored.energy  # of the chosen, -inf
    covered = np.zeros(scored.completed.shape[1], np.float32)
    redundant = np.zeros(len(free), np.float32)
    repeats, own = search.shard.repeats, np.maximum(scored.base, 0)
    repeated = repeats.times(scored.rows) > 1
    chosen: list[int] = []
    added: list[float] = []
    lost: list[float] = []
    bonus = weight * (np.maximum(scored.completed, 0) @ weights)
    for _ in range(min(k, config.together, len(free))):
        best = int((free + bonus - redundant).argmax())
        chosen.append(best)
        added.append(float(bonus[best]))
        lost.append(float(redundant[best]))
        free[best] = -np.inf
        covered = np.maximum(covered, scored.completed[best])
        bonus = weight * (np.maximum(scored.completed - covered, 0) @ weights)
        if repeated[best]:
            again = repeats.same(scored.rows, int(scored.rows[best]))
            redundant = np.maximum(redundant, np.float32(config.repeat_loss) * own * again)
        if loose[best]:  # einsum and not @, as in `VectorIndex.cosines`
            cosines = np.einsum("ij,j->i", states, states[best]) / (norms * norms[best])
            loss = np.float32(config.redundancy_weight) * (cosines - np.float32(ALIKE))
            redundant = np.where(loose, np.maximum(redundant, loss), redundant)
    rest = np.flatnonzero(free > -np.inf)
    rest = rest[np.argsort((redundant - free - bonus)[rest], kind="stable")][: k - len(chosen)]
    return Chosen(
        np.concatenate([np.array(chosen, np.int64), rest]),
        np.concatenate([np.array(added, np.float32), bonus[rest]]),
        np.concatenate([np.array(lost, np.float32), redundant[rest]]),
    )
