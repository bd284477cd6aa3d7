"""Repeats: memories in which the same speaker says the same words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray

Wordings = npt.NDArray[np.uint64]


class Repeats:
    """For each row of a namespace a number for who says what; the same number where it is said again."""

    def __init__(self) -> None:
        self._wording = Growable(np.uint64)
        self._times: Counter[int] = Counter()  # by wording: how many rows say so

    def append(self) -> None:
        """Make room for the next row; it says nothing until it is `put`."""
        self._wording.append([0])

    def put(self, row: int, role: str | None, stems: Sequence[str], text: str) -> None:
        """Give ``row``, which must be new or cleared, its wording.

        Case and punctuation make no difference; function words do: "I like cats" does not say what
        "I do not like cats" says. A text without words (an emoji) stands for itself.
        """
        said = "\0".join([role or "", *(stems or [text])]).encode("utf-8", "surrogatepass")
        wording = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little")
        self._wording.data[row] = wording
        self._times[wording] += 1

    def clear(self, row: int) -> None:
        """Take back what ``row`` says."""
        wording = int(self._wording.data[row])
        self._times[wording] -= 1
        if not self._times[wording]:
            del self._times[wording]
        self._wording.data[row] = 0

    def wordings(self, rows: IntArray) -> Wordings:
        """The wording of each of ``rows`` (C,): equal for those that repeat each other."""
        found: Wordings = self._wording.data[rows]
        return found

    def times(self, rows: IntArray) -> IntArray:
        """How many memories of the namespace say what each of ``rows`` (C,) says; at least 1."""
        return np.array([self._times[wording] for wording in self._wording.data[rows].tolist()], np.int64)

    @property
    def nbytes(self) -> int:
        return self._wording.nbytes + 100 * len(self._times)
