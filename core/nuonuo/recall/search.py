"""A question put to a shard: its words and their weights, and what each index makes of it.

w_t: the idf of its word in the namespace, shared by the word's tokens, to a power; they sum to 1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.config import MemoryConfig
from nuonuo.encoding.question import Question, spellings
from nuonuo.encoding.words import Word
from nuonuo.index.scores import Scores
from nuonuo.index.shard import Shard
from nuonuo.index.vectors import DenseCue, dense_cue
from nuonuo.recall.branches import Named, named

FloatArray = npt.NDArray[np.float32]

ALONE = 0.2  # how far a question of one content word is asked by that word
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Dated:
    """One period of a question, put to a shard. A period in which nothing was stored is no more than words.

    Shapes:
        tokens: (T,) bool, the question's tokens that name it.
        closeness: (n,) float32, how near each row's timestamp is to it, 1 inside.
        count: how many memories are more in it than out of it.
    """

    tokens: BoolArray
    closeness: FloatArray
    count: int

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
        said: (N,) int64, ascending, the terms of its words, in every form in which they are written.
        standing: (P,) int64 each, terms and the tokens that are completed by whatever memory has them.
        worded: in [0, 1], how far the question is asked word by word; the rest of it is asked as a whole.
        dense: the question's vector, for the sentence vectors.
        lexical: BM25 of each row; ``most`` is the greatest that the question allows.
        named: the memories that it names.
        dates: the periods that it speaks of.
    """

    shard: Shard
    question: Question
    mask: BoolArray
    config: MemoryConfig
    weights: FloatArray
    said: IntArray
    standing: tuple[IntArray, IntArray]
    worded: np.float32
    dense: DenseCue
    lexical: Scores
    most: np.float32
    named: Named
    dates: tuple[Dated, ...] = ()


def prepare(shard: Shard, question: Question, mask: BoolArray, config: MemoryConfig) -> Search:
    """Put ``question`` to the rows of ``mask`` (n,)."""
    postings = shard.postings
    names = (name for name, *_ in question.names)
    postings.look_up(chain(question.spellings, *question.asked.forms, names))
    said = postings.known(question.spellings)
    idf, dates, weights, worded = _weighed(shard, question, config)
    words = _asked(question, worded)
    lexical = postings.scores(spellings(words))
    most = np.float32(max(postings.most(least_idf(shard, words, idf).values()), 1e-9))
    cue = dense_cue(question.state)
    who = named(shard, question, mask, config)
    standing = standing_terms(shard, question)
    return Search(
        shard, question, mask, config, weights, said, standing, worded, cue, lexical, most, who, dates
    )


def asked_words(shard: Shard, question: Question, config: MemoryConfig) -> Sequence[Word]:
    """The words of ``question`` by which `prepare` looks for memories."""
    return _asked(question, _weighed(shard, question, config)[-1])


def _asked(question: Question, worded: np.float32) -> Sequence[Word]:
    return question.words if worded == 1 else [word for word in question.words if word.content]


def _weighed(
    shard: Shard, question: Question, config: MemoryConfig
) -> tuple[dict[str, float], tuple[Dated, ...], FloatArray, np.float32]:
    """The idf of each stem, the dates, the weights of the tokens, and how far it is asked word by word."""
    idf = shard.postings.idfs(question.stems)
    dates = tuple(_dated(shard, question, config))
    weights = word_weights(shard, question, config, idf, dates)
    return idf, dates, weights, asked_by_word(question, weights, dates)


def standing_terms(shard: Shard, question: Question) -> tuple[IntArray, IntArray]:
    """The terms (P,) that complete a token wherever they stand, and those tokens (P,)."""
    term_of = shard.postings.term_of
    found = [
        (term, token)
        for token, forms in enumerate(question.asked.forms)
        for form in forms
        if (term := term_of(form)) is not None
    ]
    terms, tokens = np.array(found, np.int64).reshape(-1, 2).T
    return np.ascontiguousarray(terms), np.ascontiguousarray(tokens)


def _dated(shard: Shard, question: Question, config: MemoryConfig) -> Iterator[Dated]:
    for period in question.periods:
        found = shard.dated(period, config.date_fade)
        if found is not None:
            named = [word.start < period.end and word.end > period.start for word in question.words]
            yield Dated(np.array(named, bool)[question.owners], *found)


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
            idf_of_date = shard.postings.idf_of(date.count)
            weights[date.tokens] = idf_of_date**config.idf_power / np.count_nonzero(date.tokens)
    weights /= max(weights.sum(), np.float32(1e-9))
    return weights


def asked_by_word(question: Question, weights: FloatArray, dates: Sequence[Dated]) -> np.float32:
    """How far the question is asked word by word: min(1, n - 1) of n content words, at least `ALONE`.

    n = 1 / sum of the squared shares of its words (the participation ratio). One word by itself ("What is
    my rent?") is completed by whatever comes nearest to it, and no other word tells whether that is right;
    the sentence knows what is asked. A date, and a word that the encoder cannot read, ask by themselves.
    """
    asked = question.asked
    if asked.states is None or dates or len(asked.states) < len(weights) or not len(weights):
        return np.float32(1)
    shares = np.bincount(asked.owners, weights)
    return np.float32(min(max(1 / np.add.reduce(shares * shares) - 1, ALONE), 1))


def least_idf(shard: Shard, words: Sequence[Word], idf: Mapping[str, float]) -> dict[str, float]:
    """The ``idf`` of each stem of ``words``; of what is stored in another form only, that form's.

    Asked for an "e-mail", a memory that says "email" says all of it.
    """
    found: dict[str, float] = {}
    for word in words:
        whole = None if word.whole is None else word.whole.stem
        other = whole is not None or word.pieces
        if not other or shard.postings.df(word.stem):
            found[word.stem] = idf[word.stem]
        elif whole is not None and shard.postings.df(whole):
            found[whole] = shard.postings.idf(whole)
        elif word.pieces:
            found |= {piece: shard.postings.idf(piece) for piece in word.pieces}
        else:
            found[word.stem] = idf[word.stem]
    return found
