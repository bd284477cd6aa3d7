"""Wordings: which memories say the same in the same words, and how often that was said."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import Growable, IntArray
from nuonuo.numbering import Numbering
from nuonuo.stores.base import Rows

GONE = np.iinfo(np.int64).max  # the newest row that said something, once that is gone: any other may be it
NONE: IntArray = np.zeros(0, np.int64)  # places of rows, where there are none
UNIQUE = 0  # the wording of what counts as said once, whatever others say


class Wordings:
    """For each row of a namespace a number for its words: equal for those that say the same."""

    def __init__(self) -> None:
        self._wording = Growable(np.int32)  # by row: the number of what it says
        self._times = Growable(np.int64)  # by wording: how many rows say so
        self._last = Growable(np.int64)  # by wording: the newest row that says so, or `GONE`
        self._said = Growable(np.uint64)  # by wording: its digest
        self._numbers = Numbering()  # by digest
        self._repeating = False  # whether any may be said more than once
        self._times.append([1])  # of UNIQUE
        self._last.append([GONE])
        self._said.append([0])

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they say nothing until they are `put`."""
        self._wording.extend(n, UNIQUE)

    def put(self, at: IntArray, rows: Rows) -> None:
        """Give ``rows``, at ``at`` (N,), which must be new or cleared, their wordings (`Words.said`)."""
        self._put(at, rows.traces.words.said)

    def _put(self, at: IntArray, said: npt.NDArray[np.uint64]) -> None:
        numbers, new = self._numbers.number(said, len(self._said))
        self._said.append(new)
        self._times.extend(len(new))
        self._last.extend(len(new))
        np.maximum.at(self._last.data, numbers, at)
        self._wording.data[at] = numbers
        np.add.at(self._times.data, numbers, 1)
        self._repeating = self._repeating or bool((self._times.data[numbers] > 1).any())

    def clear(self, row: int) -> None:
        """Take back what ``row`` says."""
        wording = int(self._wording.data[row])
        self._wording.data[row] = UNIQUE
        if wording != UNIQUE:
            self._times.data[wording] -= 1
            if self._last.data[wording] == row:
                self._last.data[wording] = GONE
            if not self._times.data[wording]:
                self._numbers.remove(int(self._said.data[wording]))
                self._said.data[wording] = 0

    def count_as(self, times: Mapping[int, int]) -> None:
        """Let what is said here count as said so often (digest -> times), whatever is said here."""
        for said, often in times.items():
            number = self._numbers.get(said)
            if number is not None:
                self._times.data[number] = often
                self._repeating = True

    def said(self, row: int) -> int:
        """The digest of what ``row`` says; 0 where it counts as said once."""
        return int(self._said.data[self._wording.data[row]])

    def rows(self, said: int, most: int) -> IntArray:
        """Rows whose wording has the digest ``said``, the newest ``most`` of them, ascending."""
        number = self._numbers.get(said)
        return np.flatnonzero(self._wording.data == number)[-most:] if number else np.zeros(0, np.int64)

    def times(self, rows: IntArray) -> IntArray:
        """How often the namespace holds what each of ``rows`` (C,) says; at least 1."""
        found: IntArray = self._times.data[self._wording.data[rows]]
        return found

    def again(self, rows: IntArray) -> IntArray:
        """Which of ``rows`` (C,), by their places, say what is said more than once: ascending."""
        if not self._repeating:
            return NONE
        fast = kernels.loaded()
        if fast is None:
            return np.flatnonzero(self.times(rows) > 1)
        found: IntArray = fast.repeated(self._wording.data, self._times.data, rows)
        return found

    def same(self, rows: IntArray, row: int) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` (C,) repeat ``row``, itself among them; none where it is no repeat."""
        wording = self._wording.data[row]
        found: npt.NDArray[np.bool_] = (self._wording.data[rows] == wording) & (wording != UNIQUE)
        return found

    def alike(self, rows: IntArray, mask: npt.NDArray[np.bool_]) -> list[list[int]]:
        """For each of ``rows`` (C,) those of ``mask`` (n,), ascending, that say what it says; itself too."""
        found, wording = [[row] for row in rows.tolist()], self._wording.data
        for at in self.again(rows).tolist():
            found[at] = np.flatnonzero(mask & (wording == wording[rows[at]])).tolist()
        return found

    def distinct(self, rows: IntArray) -> IntArray:
        """``rows`` (C,) but for those that repeat one further to the front."""
        again = self.again(rows)
        if not len(again):
            return rows
        first = np.unique(self._wording.data[rows[again]], return_index=True)[1]
        return np.delete(rows, np.delete(again, first))

    def best(self, rows: IntArray, values: npt.NDArray[np.float32]) -> IntArray:
        """One of each wording, as ascending indices into ``rows`` (C,): the best, of equals the newest.

        Args:
            rows: ascending. values: (C,).
        """
        again = self.again(rows)
        if not len(again):
            return np.arange(len(rows))
        order = again[np.lexsort((-again, -values[again]))]
        kept = order[np.unique(self._wording.data[rows[order]], return_index=True)[1]]
        return np.delete(np.arange(len(rows)), np.setdiff1d(again, kept))

    def newest(self, rows: IntArray, mask: npt.NDArray[np.bool_]) -> IntArray:
        """Of what ``rows`` (C,) say and others too, the newest row of ``mask`` (n,) that says it."""
        again = rows[self.again(rows)]
        if not len(again):
            return again
        wanted = np.unique(self._wording.data[again])
        found: IntArray = self._last.data[wanted]
        if found.max() == GONE or not mask[found].all():
            last = np.full(len(self._said), GONE)
            allowed = np.flatnonzero(mask)
            last[self._wording.data[allowed]] = allowed  # ascending: the last one stands
            found = last[wanted]
        return found

    @property
    def nbytes(self) -> int:
        arrays = (self._wording, self._times, self._last, self._said, self._numbers)
        return sum(array.nbytes for array in arrays)
