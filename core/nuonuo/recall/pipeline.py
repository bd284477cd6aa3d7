"""The recall pipeline: from a question to the memories that complete it, over one namespace.

    prepare      the question's words weighed, its cues put to the indexes      `nuonuo.recall.search`
    candidates   who is looked at: nearest vectors, rarest words, neighbours    `nuonuo.recall.candidates`
    score        word by word, by itself and with its neighbours                `nuonuo.recall.scoring`
    associate    activation flows along links to what completes open words      `nuonuo.recall.association`
    choose       the first k wordings, each for what it adds to those before it `nuonuo.recall.choice`
    settle       against a null pattern: how sure                               `nuonuo.associative.hopfield`

The constants stand in `MemoryConfig`. What led to a hit is read off the `Ranking` by
`nuonuo.recall.evidence`; walks, which go on from a hit, stand in `nuonuo.recall.walks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray
from nuonuo.associative import hopfield
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.shard import Shard
from nuonuo.recall.association import associated
from nuonuo.recall.branches import Named
from nuonuo.recall.candidates import candidates
from nuonuo.recall.certainty import certain
from nuonuo.recall.choice import Chosen, choose
from nuonuo.recall.leads import Sources
from nuonuo.recall.scoring import Scored, score
from nuonuo.recall.search import BoolArray, Dated, FloatArray, Search, prepare


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """The result of the pipeline: all candidates, those chosen, and what the question came to.

    Shapes: weights: (T,) float32, each token's share of the question.
    """

    scored: Scored
    chosen: Chosen
    confidence: float
    weights: FloatArray
    dates: tuple[Dated, ...]
    named: Named

    @property
    def at(self) -> IntArray:
        """The hits as indices into ``scored`` (k,), best first."""
        return self.chosen.at

    @property
    def rows(self) -> IntArray:
        """The hits' rows (k,), best first."""
        return self.scored.rows[self.chosen.at]


def recall(
    shard: Shard, question: Question, k: int, mask: BoolArray, config: MemoryConfig, distinct: bool = True
) -> Ranking:
    """The ``k`` rows of ``mask`` (n,) that complete ``question`` best, and how sure that is.

    The shard's lock must be held. What was said again in the same words stands there once, by its best
    telling, and counts once for how sure it is; where ``distinct`` is False each telling has its own place.
    """
    kernels.asked()
    search = prepare(shard, question, mask, config)
    return rank(search, completed(search, k)[0], k, distinct=distinct)


def completed(search: Search, k: int) -> tuple[Scored, Sources, Sources | None]:
    """The candidates with all that completes them, and who spoke for others (`associated`)."""
    with np.errstate(invalid="ignore"):  # a BLAS may flag lanes of a product that it throws away
        return associated(search, score(search, candidates(search, k)))


def rank(search: Search, scored: Scored, k: int, *, distinct: bool) -> Ranking:
    """What `recall` makes of the candidates once they are `completed`."""
    config = search.config
    with np.errstate(invalid="ignore"):
        once = search.shard.wordings.best(scored.rows, scored.shares.energy)
        chosen = choose(search, scored, k, once if distinct else np.arange(len(scored.rows)))
    certainty = certain(search, scored, chosen.at[: config.together])
    settled = hopfield.weights(certainty[once], config.beta, config.null_energy)
    return Ranking(scored, chosen, float(settled.confidence), search.weights, search.dates, search.named)
