"""Token patterns: what a memory is made of, word by word.

The encoder computes one vector a token on its way to the sentence vector. For each content token x of
a memory we keep the signs of x - c: a bipolar pattern, Hopfield's own (Hopfield 1982), in d bits. A
word of the question is completed by the pattern that is nearest to it, the limit beta -> inf of one
Hopfield retrieval step, and the completions of all words add up: late interaction (Khattab & Zaharia,
ColBERT, 2020) with nothing trained.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.embedding import Encoding
from nuonuo.words import Word

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


BITS = 2  # of each component of a question's token: more say no more about patterns of one bit
CLIP = 1.494  # the outermost level, in standard deviations: least error for a normal variable (Max 1960)


@dataclass(frozen=True, slots=True, eq=False)
class QueryTokens:
    """The content tokens of a question, each rounded to integers 0 .. 2^BITS - 1 a component.

    So every similarity is a sum of popcounts: exact, and the same on every machine.

    Shapes:
        planes: (BITS, T, ceil(d / 64)) uint64: bit b of each component.
        norms: (T,) float32, the length of 2 levels / (2^BITS - 1) - 1, the vector that the levels stand for.
        levels: (T,) float32, the sum of each token's levels.
        words: (T,) indices into the question's words: the word that each token belongs to.
        dimension: d.
    """

    planes: WordArray
    norms: FloatArray
    levels: FloatArray
    words: IntArray
    dimension: int

    def __len__(self) -> int:
        return len(self.words)


def word_of_tokens(words: list[Word], spans: npt.NDArray[np.int32]) -> IntArray:
    """For each token span (T, 2) the index of the word that it lies in, -1 for none (T,).

    Where words overlap (single characters and pairs in unspaced scripts) the first one has the token.
    """
    if not words:
        return np.full(len(spans), -1)
    starts = np.array([word.start for word in words])
    ends = np.array([word.end for word in words])
    at = np.searchsorted(starts, spans[:, 0], side="right") - 1
    # A character's pair follows it with the same start: step back to the character itself.
    at = np.searchsorted(starts, starts[np.maximum(at, 0)], side="left")
    inside = (starts[at] <= spans[:, 0]) & (spans[:, 0] < ends[at])
    return np.where(inside, at, -1)


def patterns_of(encoding: Encoding, words: list[Word]) -> tuple[ByteArray, npt.NDArray[np.int32]]:
    """The token patterns of a text's content words.

    Returns:
        (T, ceil(d / 8)) uint8, packed signs, and (T, 2) int32, the characters that each stands for.
        T is 0 where the encoder has no token vectors.
    """
    if encoding.tokens is None or encoding.spans is None:
        return np.zeros((0, 0), np.uint8), np.zeros((0, 2), np.int32)
    keep = _content(words, word_of_tokens(words, encoding.spans))
    return np.packbits(encoding.tokens[keep] > 0, axis=1), encoding.spans[keep]


def query_tokens(encoding: Encoding, words: list[Word]) -> QueryTokens | None:
    """The content tokens of a question, or None where the encoder has no token vectors.

    A question of nothing but stop words ("who are you?") is asked with all of them.
    """
    if encoding.tokens is None or encoding.spans is None or not len(encoding.tokens):
        return None
    owner = word_of_tokens(words, encoding.spans)
    keep = _content(words, owner)
    if not keep.any():
        keep = owner >= 0
    if not keep.any():
        return None
    return prepare(encoding.tokens[keep], owner[keep])


def prepare(states: FloatArray, words: IntArray) -> QueryTokens:
    """Round the states q_t - c (T, d) float to `BITS` bits a component."""
    top = 2**BITS - 1
    scale = CLIP * np.sqrt((states**2).mean(axis=1, keepdims=True)) + 1e-12
    levels = np.rint((np.clip(states / scale, -1, 1) + 1) * (top / 2)).astype(np.uint8)
    planes = np.stack([pack(levels >> bit & 1) for bit in range(BITS)])
    values = levels.astype(np.float32) * np.float32(2 / top) - 1
    norms = np.sqrt((values**2).sum(axis=1))
    return QueryTokens(planes, norms, levels.sum(axis=1, dtype=np.float32), words, states.shape[1])


def pack(bits: npt.NDArray[Any]) -> WordArray:
    """Bits (P, d), 0 or 1, as (P, ceil(d / 64)) uint64."""
    return as_words(np.packbits(bits, axis=1))


def as_words(packed: ByteArray) -> WordArray:
    """Packed bits (P, ceil(d / 8)) uint8 as (P, ceil(d / 64)) uint64, filled up with zeros."""
    words = -(-packed.shape[1] // 8)
    if packed.shape[1] % 8:
        packed = np.pad(packed, ((0, 0), (0, words * 8 - packed.shape[1])))
    return np.ascontiguousarray(packed).view(np.uint64)


def agreement(patterns: WordArray, question: QueryTokens) -> npt.NDArray[np.signedinteger[Any]]:
    """How far each bipolar pattern x agrees with each token q of the question, as an integer.

    With b the bits of x = 2 b - 1, and l the levels of q = (2 / L) l - 1, L = 2^BITS - 1:
    x . q = (2 / L) (2 b . l - L sum b) + d - (2 / L) sum l, and b . l is a sum of popcounts over bit
    planes. What is in the parentheses is returned; the rest depends on the token alone.

    Shapes:
        patterns: (P, ceil(d / 64)) uint64; returns (T, P), int16 where that holds it.
    """
    top = 2**BITS - 1
    kind = np.int16 if 2 * top * question.dimension < 2**15 else np.int32
    columns = np.ascontiguousarray(patterns.T)
    agreed = np.zeros((len(question), len(patterns)), kind)
    for plane in question.planes[::-1]:  # the highest bit first (Horner)
        agreed += popcount(column & bits[:, None] for column, bits in zip(columns, plane.T, strict=True))
        agreed += agreed
    agreed -= popcount(columns).astype(kind, copy=False) * top
    return agreed


def best_of(patterns: WordArray, counts: IntArray, question: QueryTokens) -> FloatArray:
    """s_t(m): the cosine of each token of the question with the nearest of each memory's patterns.

    cos(x, q) = x . q / (|x| |q|) with |x| = sqrt(d).

    Shapes:
        patterns: (P, ceil(d / 64)) uint64, those of C memories one after another.
        counts: (C,), how many each memory has, summing to P.
        returns (C, T), 0 for a memory without patterns.
    """
    best = np.zeros((len(counts), len(question)), np.float32)
    full = np.flatnonzero(counts)
    if len(full):
        starts = (np.cumsum(counts) - counts)[full]
        d, step = question.dimension, np.float32(2 / (2**BITS - 1))
        dots = step * np.maximum.reduceat(agreement(patterns, question), starts, axis=1).T
        dots += np.float32(d) - step * question.levels
        best[full] = dots / (question.norms * np.float32(math.sqrt(d)))
    return best


def popcount(words: Iterable[WordArray]) -> npt.NDArray[np.int16]:
    """The number of bits that are 1, summed over ``words``, arrays of one shape (...): (...) int16."""
    threes: list[ByteArray] = []
    for at, word in enumerate(words):
        bits = np.bitwise_count(word)
        if at % 3 == 0:  # three words have 192 bits: their sum fits a byte
            threes.append(bits)
        else:
            threes[-1] += bits
    total = threes[0].astype(np.int16)
    for part in threes[1:]:
        total += part
    return total


def _content(words: list[Word], owner: IntArray) -> npt.NDArray[np.bool_]:
    if not words:
        return np.zeros(len(owner), bool)
    content = np.array([word.content for word in words])
    return np.asarray((owner >= 0) & content[np.maximum(owner, 0)])
