"""Token patterns: what a memory is made of, word by word.

The encoder computes one vector a token on its way to the sentence vector. For each content token x of
a memory we keep the signs of x - c: a bipolar pattern (`nuonuo.associative.patterns`) in d bits. A
word of the question is completed by the pattern that is nearest to it, and the completions of all words
add up: late interaction (Khattab & Zaharia, ColBERT, 2020) with nothing trained.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.associative.patterns import RoundedStates, round_states
from nuonuo.encoding.embedders import Encoding
from nuonuo.encoding.forms import OTHER
from nuonuo.encoding.words import Word

ByteArray = npt.NDArray[np.uint8]
IntArray = npt.NDArray[np.int64]


def word_of_tokens(words: list[Word], spans: npt.NDArray[np.int32]) -> list[int]:
    """For each token span (T, 2) the index of the word that it lies in, -1 for none: T of them.

    Where words overlap (single characters and pairs in unspaced scripts) the first one has the token.
    """
    starts, found = [word.start for word in words], list[int]()
    for start in spans[:, 0].tolist():
        at = bisect_right(starts, start) - 1
        if at >= 0:  # a character's pair follows it with the same start: step back to the character itself
            at = bisect_left(starts, starts[at], 0, at)
        found.append(at if at >= 0 and start < words[at].end else -1)
    return found


def patterns_of(encoding: Encoding, words: list[Word]) -> tuple[ByteArray, npt.NDArray[np.int32]]:
    """The token patterns of a text's content words.

    Returns:
        (T, ceil(d / 8)) uint8, packed signs, and (T, 2) int32, the characters that each stands for.
        T is 0 where the encoder has no token vectors.
    """
    if encoding.tokens is None or encoding.spans is None:
        return np.zeros((0, 0), np.uint8), np.zeros((0, 2), np.int32)
    owner = word_of_tokens(words, encoding.spans)
    keep = _of(words, owner, content=True)
    return np.packbits(encoding.tokens[keep] > 0, axis=1), encoding.spans[keep]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a question asks word by word: T tokens, of which the first K have a state.

    Attributes:
        states: K of them, rounded; None where the encoder has no token vectors at all.
        owners: (T,) int64, the index of the word that each token belongs to.
        forms: T, for each the stems that answer it by standing in a memory, whatever its state says.
    """

    states: RoundedStates | None
    owners: IntArray
    forms: tuple[tuple[str, ...], ...]


def asked(encoding: Encoding, words: list[Word]) -> Asked:
    """The tokens of a question's content words; of all of them, where it has nothing but stop words.

    A word that the encoder cannot read has no state: it is completed by its stem alone. So is every content
    word, one token each, where the encoder has no token vectors.
    """
    content = [at for at, word in enumerate(words) if word.content]
    if encoding.tokens is None or encoding.spans is None:
        return Asked(None, np.array(content, np.int64), tuple(words[at].forms for at in content))
    owner = word_of_tokens(words, encoding.spans)
    keep = _of(words, owner, content=bool(content))
    owners = [owner[token] for token in keep]
    forms = [_other_forms(words[at]) for at in owners]
    asked_for, read = {*owners}, sorted({(words[at].start, at) for at in owner if at >= 0})
    for at in content:
        word = words[at]
        if at not in asked_for and not _is_pair_of_read(words, at, read):
            # Of a code, whoever parts it writes its pieces: each of them is a token.
            unread = [(piece, *word.forms) for piece in word.pieces] or [word.forms]
            owners += [at] * len(unread)
            forms += unread
    return Asked(round_states(encoding.tokens[keep]), np.array(owners, np.int64), tuple(forms))


def _other_forms(word: Word) -> tuple[str, ...]:
    """The stems that answer a word that was read: what another writer joins or parts; of a number, itself."""
    return (*(word.forms if word.exact else word.forms[1:]), OTHER + word.stem)


def _is_pair_of_read(words: list[Word], at: int, read: list[tuple[int, int]]) -> bool:
    """Whether the word ``at`` lies over others that have tokens, as pairs of unspaced characters do.

    Args:
        read: where each word that has tokens begins, and its number, ascending.
    """
    first = bisect_left(read, (words[at].start, -1))
    return any(start < words[at].end and other != at for start, other in read[first : first + 2])


def _of(words: list[Word], owner: list[int], *, content: bool) -> list[int]:
    """Which tokens stand for a word that the encoder read; ``content``: for a content word."""
    pieces = Counter(owner)
    wanted = [_is_read(word, pieces[at]) and (word.content or not content) for at, word in enumerate(words)]
    return [token for token, at in enumerate(owner) if at >= 0 and wanted[at]]


def _is_read(word: Word, pieces: int) -> bool:
    """Whether a word in so many pieces means something to the encoder.

    What it spells letter by letter, and numbers in pieces ("44", "71"), it knows by sight only.
    """
    return pieces < 2 or not (word.exact or pieces >= len(word.stem))
