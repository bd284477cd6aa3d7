"""Wordings: which memories say the same in the same words, and how often that was said."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nuonuo.index.arrays import Growable, IntArray
from nuonuo.records import Memory

_STOPS = ".!\u2026 \u3002\uff01\uff61\u0964\u06d4"  # Latin, Chinese and Japanese, Hindi, Urdu
UNIQUE = 0  # the wording of what counts as said once, whatever others say


class Wordings:
    """For each row of a namespace a number for its words: equal for those that say the same."""

    def __init__(self) -> None:
        self._wording = Growable(np.int32)  # by row: the number of what it says
        self._times = Growable(np.int64)  # by wording: how many rows say so
        self._times.append([1])
        self._digests = [b""]  # by wording
        self._numbers: dict[bytes, int] = {}  # by digest

    def append(self) -> None:
        """Make room for the next row; it says nothing until it is `put`."""
        self._wording.append([UNIQUE])

    def put(self, row: int, memory: Memory) -> None:
        """Give ``row``, which must be new or cleared, its wording: the words of one speaker.

        Case, spaces and the full stop make no difference; every other sign does ("$5", "C++", a question
        mark).
        """
        words = " ".join(memory.text.casefold().split()).rstrip(_STOPS)
        said = f"{memory.role or ''}\0{words}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(said, digest_size=8).digest()
        wording = self._numbers.setdefault(digest, len(self._digests))
        if wording == len(self._digests):
            self._digests.append(digest)
            self._times.append([0])
        self._wording.data[row] = wording
        self._times.data[wording] += 1

    def clear(self, row: int) -> None:
        """Take back what ``row`` says."""
        wording = int(self._wording.data[row])
        self._wording.data[row] = UNIQUE
        if wording != UNIQUE:
            self._times.data[wording] -= 1
            if not self._times.data[wording]:
                del self._numbers[self._digests[wording]]
                self._digests[wording] = b""

    def times(self, rows: IntArray) -> IntArray:
        """How often the namespace holds what each of ``rows`` (C,) says; at least 1."""
        found: IntArray = self._times.data[self._wording.data[rows]]
        return found

    def same(self, rows: IntArray, row: int) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` (C,) repeat ``row``, itself among them; none where it is no repeat."""
        wording = self._wording.data[row]
        found: npt.NDArray[np.bool_] = (self._wording.data[rows] == wording) & (wording != UNIQUE)
        return found

    def alike(self, row: int, mask: npt.NDArray[np.bool_]) -> IntArray:
        """The rows of ``mask`` (n,) that say what ``row`` says, ascending, itself among them."""
        if self._times.data[self._wording.data[row]] < 2:
            return np.array([row], np.int64)
        return np.flatnonzero(mask & (self._wording.data == self._wording.data[row]))

    def distinct(self, rows: IntArray) -> IntArray:
        """``rows`` (C,) but for those that repeat one further to the front."""
        again = np.flatnonzero(self.times(rows) > 1)
        if not len(again):
            return rows
        first = np.unique(self._wording.data[rows[again]], return_index=True)[1]
        return np.delete(rows, np.delete(again, first))

    def best(self, rows: IntArray, values: npt.NDArray[np.float32]) -> IntArray:
        """One of each wording, as ascending indices into ``rows`` (C,): the best, of equals the newest.

        Args:
            rows: ascending. values: (C,).
        """
        again = np.flatnonzero(self.times(rows) > 1)
        if not len(again):
            return np.arange(len(rows))
        order = again[np.lexsort((-again, -values[again]))]
        kept = order[np.unique(self._wording.data[rows[order]], return_index=True)[1]]
        return np.delete(np.arange(len(rows)), np.setdiff1d(again, kept))

    def newest(self, rows: IntArray, mask: npt.NDArray[np.bool_]) -> IntArray:
        """Of what ``rows`` (C,) say and others too, the newest row of ``mask`` (n,) that says it."""
        wanted = np.unique(self._wording.data[rows[self.times(rows) > 1]])
        if not len(wanted):
            return rows[:0]
        last = np.full(len(self._digests), -1, np.int64)
        allowed = np.flatnonzero(mask)
        last[self._wording.data[allowed]] = allowed  # ascending: the last one stands
        found: IntArray = last[wanted]
        return found

    @property
    def nbytes(self) -> int:
        per_wording = 200  # a digest, a number, and their places in a dict and a list
        return self._wording.nbytes + self._times.nbytes + per_wording * len(self._numbers)
