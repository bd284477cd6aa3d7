"""Repeats: turns in which the same words are asked, or answered to the user, again and again.

What a user tells twice happened twice, and a passage that is stored twice is the store's affair. A
question that is put again, and what an assistant says to everyone, are the same thing over again.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from nuonuo.index.arrays import Growable, IntArray
from nuonuo.index.sessions import asks
from nuonuo.records import Memory

UNIQUE = 0  # the wording of what counts as said once, whatever others say


class Repeats:
    """For each row of a namespace a number for its words: equal for turns that repeat each other."""

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
        """Give ``row``, which must be new or cleared, its wording.

        Only a session's turns that ask, or that another than the user says, can be repeats. Case,
        spaces and the full stop make no difference; every other sign does ("$5", "C++", a question mark).
        """
        told = memory.role not in (None, "user")
        if memory.session_id is None or not (told or asks(memory.text)):
            return
        words = " ".join(memory.text.casefold().split()).rstrip(".!\u2026 ")
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

    def distinct(self, rows: IntArray) -> IntArray:
        """``rows`` (C,) but for those that repeat one further to the front."""
        again = np.flatnonzero(self.times(rows) > 1)
        if not len(again):
            return rows
        first = np.unique(self._wording.data[rows[again]], return_index=True)[1]
        return np.delete(rows, np.delete(again, first))

    @property
    def nbytes(self) -> int:
        per_wording = 200  # a digest, a number, and their places in a dict and a list
        return self._wording.nbytes + self._times.nbytes + per_wording * len(self._numbers)
