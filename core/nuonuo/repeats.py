"""Repeats: turns in which the same words are asked, or answered to the user, again and again.

What a user tells twice happened twice, and a passage that is stored twice is the store's affair. A
question that is put again, and what an assistant says to everyone, are the same thing over again.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray
from nuonuo.records import Memory
from nuonuo.sessions import asks

Wordings = npt.NDArray[np.uint64]

UNIQUE = 0  # the wording of what counts as said once, whatever others say


class Repeats:
    """For each row of a namespace a number for its words: equal for turns that repeat each other."""

    def __init__(self) -> None:
        self._wording = Growable(np.uint64)
        self._times: Counter[int] = Counter()  # by wording: how many rows say so

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
        wording = int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "little") | 1
        self._wording.data[row] = wording
        self._times[wording] += 1

    def clear(self, row: int) -> None:
        """Take back what ``row`` says."""
        wording = int(self._wording.data[row])
        self._wording.data[row] = UNIQUE
        if wording != UNIQUE:
            self._times[wording] -= 1
            if not self._times[wording]:
                del self._times[wording]

    def times(self, rows: IntArray) -> IntArray:
        """How often the namespace holds what each of ``rows`` (C,) says; at least 1."""
        return np.array([self._times.get(each, 1) for each in self._wording.data[rows].tolist()], np.int64)

    def same(self, rows: IntArray, row: int) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` (C,) repeat ``row``, itself among them; none where it is no repeat."""
        wording = self._wording.data[row]
        found: npt.NDArray[np.bool_] = (self._wording.data[rows] == wording) & (wording != UNIQUE)
        return found

    def distinct(self, rows: IntArray) -> IntArray:
        """``rows`` (C,) but for those that repeat one further to the front."""
        wordings = self._wording.data[rows]
        first = np.zeros(len(rows), bool)
        first[np.unique(wordings, return_index=True)[1]] = True
        found: IntArray = rows[first | (wordings == UNIQUE)]
        return found

    @property
    def nbytes(self) -> int:
        return self._wording.nbytes + 100 * len(self._times)
