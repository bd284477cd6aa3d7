"""Token patterns: what a memory is made of, word by word.

The encoder computes one vector a token on its way to the sentence vector. For each content token x of
a memory we keep the signs of x - c: a bipolar pattern (`nuonuo.associative.patterns`) in d bits. A
word of the question is completed by the pattern that is nearest to it, and the completions of all words
add up: late interaction (Khattab & Zaharia, ColBERT, 2020) with nothing trained.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.associative.patterns import RoundedStates, round_states
from nuonuo.encoding.embedders import Encoding
from nuonuo.encoding.words import Word

ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]


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


def query_tokens(encoding: Encoding, words: list[Word]) -> tuple[RoundedStates, IntArray] | None:
    """The content tokens of a question, or None where the encoder has no token vectors.

    A question of nothing but stop words ("who are you?") is asked with all of them.

    Returns:
        T states q_t - c, rounded, and the index of the word that each belongs to (T,).
    """
    if encoding.tokens is None or encoding.spans is None or not len(encoding.tokens):
        return None
    owner = word_of_tokens(words, encoding.spans)
    keep = _content(words, owner)
    if not keep.any():
        keep = owner >= 0
    if not keep.any():
        return None
    return round_states(encoding.tokens[keep]), owner[keep]


def _content(words: list[Word], owner: IntArray) -> npt.NDArray[np.bool_]:
    if not words:
        return np.zeros(len(owner), bool)
    content = np.array([word.content for word in words])
    return np.asarray((owner >= 0) & content[np.maximum(owner, 0)])
