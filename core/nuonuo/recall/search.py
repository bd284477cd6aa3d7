"""A question put to a shard: its words and their weights, and what each index makes of it.

w_t: the idf of its word in the namespace, shared by the word's tokens, to a power; they sum to 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question
from nuonuo.index.lexical import Scores
from nuonuo.index.shard import Shard
from nuonuo.index.vectors import DenseCue, dense_cue

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Dated:
    """One period of a question, put to a shard. A period in which nothing was stored is no more than words.

    Shapes:
        tokens: (T,) bool, the question's tokens that name it.
        closeness: (n,) float32, how near each row's timestamp is to it, 1 inside.
    """

    tokens: BoolArray
    closeness: FloatArray

    @property
    def inside(self) -> BoolArray:
        """(n,): rows that are more in the period than out of it."""
        return self.closeness >= 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """A question put to a shard: what every stage of the pipeline needs.

    Shapes:
        mask: (n,) bool, the rows that may take part.
        weights: (T,) float32, each token's share of the question.
        dense: the question's vector, for the sentence vectors.
        lexical: BM25 of each row; ``most`` is the greatest that the question allows.
        dates: the periods that it speaks of.
    """

    shard: Shard
    question: Question
    mask: BoolArray
    config: MemoryConfig
    weights: FloatArray
    dense: DenseCue
    lexical: Scores
    most: np.float32
    dates: tuple[Dated, ...] = ()


def prepare(shard: Shard, question: Question, mask: BoolArray, config: MemoryConfig) -> Search:
    """Put ``question`` to the rows of ``mask`` (n,)."""
    idf = {stem: shard.postings.idf(stem) for stem in question.stems}
    most = np.float32(max(shard.postings.most(idf.values()), 1e-9))
    dates = tuple(_dated(shard, question, config))
    weights = word_weights(shard, question, config, idf, dates)
    dense, lexical = dense_cue(question.state), shard.postings.scores(question.spellings)
    return Search(shard, question, mask, config, weights, dense, lexical, most, dates)


def _dated(shard: Shard, question: Question, config: MemoryConfig) -> Iterator[Dated]:
    for period in question.periods:
        closeness = shard.fields.closeness(period, config.date_fade)
        if closeness.max(initial=0) > 0:
            named = [word.start < period.end and word.end > period.start for word in question.words]
            yield Dated(np.array(named, bool)[question.owners], closeness)


def word_weights(
    shard: Shard, question: Question, config: MemoryConfig, idf: Mapping[str, float], dates: Sequence[Dated]
) -> FloatArray:
    """w_t: each query token's share of the question (T,), by the ``idf`` of its stem; shares sum to 1.

    Without token vectors each content word is one token. A date is one word, and stands wherever a
    memory's time lies in it.
    """
    owner = question.owners
    if not len(owner):
        return np.zeros(0, np.float32)
    pieces = np.bincount(owner, minlength=len(question.words))
    share = np.array([idf[word.stem] for word in question.words], np.float32) / np.maximum(pieces, 1)
    weights: FloatArray = share.astype(np.float32)[owner] ** np.float32(config.idf_power)
    for date in dates:
        if date.tokens.any():
            idf_of_date = shard.postings.idf_of(int(np.count_nonzero(date.inside)))
            weights[date.tokens] = idf_of_date**config.idf_power / np.count_nonzero(date.tokens)
    weights /= max(weights.sum(), np.float32(1e-9))
    return weights
