"""A question, encoded: what it is before it is put to any namespace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.dates import Period
from nuonuo.encoding.names import spoken
from nuonuo.encoding.tokens import Asked
from nuonuo.encoding.words import Word


@dataclass(frozen=True, eq=False)
class Question:
    """A question's words, and what the encoder made of it.

    Attributes:
        query: the question as it was put. text: what of it is asked: all of it, or of a long one a part.
        words: those of ``text``.
        state: (d,) float32, its unit sentence vector.
        asked: its tokens: what memories complete.
        periods: the stretches of time that it speaks of.
    """

    query: str
    text: str
    words: list[Word]
    state: npt.NDArray[np.float32]
    asked: Asked
    periods: tuple[Period, ...] = ()

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """(T,), the index of the word that each token belongs to."""
        return self.asked.owners

    @cached_property
    def asks(self) -> bool:
        """Whether it asks for something by a word such as "what", "who" or "when"."""
        return any(word.asks for word in self.words)

    @cached_property
    def stems(self) -> list[str]:
        """The distinct stems of its words, in order."""
        return list(dict.fromkeys(word.stem for word in self.words))

    @cached_property
    def spellings(self) -> list[str]:
        """Those, and the stems of the other forms in which its words are written."""
        return spellings(self.words)

    @cached_property
    def names(self) -> list[tuple[str, int, int]]:
        """What could be a name in it, and from which character to which it goes (`spoken`)."""
        return spoken(self.text, self.words)


def spellings(words: Iterable[Word]) -> list[str]:
    """The distinct stems of ``words``, and those of the other forms in which they are written."""
    found = [stem for word in words for stem in (*word.forms, *word.pieces)]
    return list(dict.fromkeys(found))
