"""A question, encoded: what it is before it is put to any namespace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.associative.patterns import RoundedStates
from nuonuo.encoding.dates import Period
from nuonuo.encoding.words import Word


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question's words, and what the encoder made of it.

    Shapes: T tokens; without token vectors each content word counts as one.
        state: (d,) float32, its unit sentence vector.
        tokens: its T content tokens, or None where there are no token vectors.
        owners: (T,) int64, the index of the word that each token belongs to.
        periods: the stretches of time that it speaks of.
    """

    text: str
    words: list[Word]
    state: npt.NDArray[np.float32]
    tokens: RoundedStates | None
    owners: npt.NDArray[np.int64]
    periods: tuple[Period, ...] = ()

    @property
    def stems(self) -> list[str]:
        """The distinct stems of its words, in order."""
        return list(dict.fromkeys(word.stem for word in self.words))
