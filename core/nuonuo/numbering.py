"""Numbers for keys of 64 bits: a hash table of arrays, which takes many keys in a few operations."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels

IntArray = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

EMPTY, GONE = -1, -2  # places of the table that hold no number, and those whose number was taken back
_BITS = 4  # of the smallest table
_WORD = (1 << 64) - 1
# Which keys fall on each other differs from process to process: nobody can write a file of such keys.
_FACTOR = int.from_bytes(os.urandom(8), "little") | 1


class Numbering:
    """From keys to their numbers, by open addressing (Knuth 1973, 6.4): at most half of the places is in use.

    What was taken back leaves no key behind.
    """

    def __init__(self) -> None:
        self._begin(_BITS)

    def _begin(self, bits: int) -> None:
        self._shift, self._last = 64 - bits, (1 << bits) - 1
        self._numbers = np.full(1 << bits, EMPTY, np.int32)
        self._keys = np.zeros(1 << bits, np.uint64)
        self._taken = 0  # places that are not `EMPTY`
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def get(self, key: int) -> int | None:
        """The number of ``key``; None where it has none."""
        place = self._place(key)
        return None if place is None else int(self._numbers[place])

    def find(self, keys: Keys) -> IntArray:
        """The number of each of ``keys`` (E,), `EMPTY` for none."""
        fast = kernels.loaded()
        if fast is not None:
            keys, here = _in_order(keys), np.empty(len(keys), np.int64)
            fast.find(keys, np.uint64(_FACTOR), np.uint64(self._shift), self._keys, self._numbers, here)
            return here
        places = self._first(keys)
        found, held = self._numbers.take(places), self._keys.take(places)
        left = np.flatnonzero((found != EMPTY) & ((held != keys) | (found == GONE)))
        places, keys = places[left], keys[left]
        while len(left):
            places = (places + 1) & self._last
            numbers, held = self._numbers.take(places), self._keys.take(places)
            found[left] = numbers
            on = np.flatnonzero((numbers != EMPTY) & ((held != keys) | (numbers == GONE)))
            left, places, keys = left[on], places[on], keys[on]
        return found.astype(np.int64)

    def number(self, keys: Keys, size: int) -> tuple[IntArray, Keys]:
        """The number of each of ``keys`` (E,), where new ones get ``size`` and what follows it.

        Returns:
            (E,), and the new keys in the order of their numbers: that in which they first come.
        """
        fast = kernels.loaded()
        if fast is not None:
            return self._number(fast, keys, size)
        found = self.find(keys) if self._size else np.full(len(keys), EMPTY, np.int64)
        unknown = np.flatnonzero(found == EMPTY)
        if not len(unknown):
            return found, keys[:0]
        asked = keys[unknown]
        distinct, first = np.unique(asked, return_index=True)
        new = distinct[first.argsort()]
        self._make_room(len(new))
        self._put(new, np.arange(size, size + len(new), dtype=np.int32))
        found[unknown] = self.find(asked)
        return found, new

    def _number(self, fast: Any, keys: Keys, size: int) -> tuple[IntArray, Keys]:
        """`number`, compiled."""
        keys = _in_order(keys)
        found, new = np.empty(len(keys), np.int64), np.empty(len(keys), np.uint64)
        at, coming, known = 0, 0, self._size
        while True:
            state, most = np.array([at, coming, self._taken]), self._last // 2
            fast.number(
                keys, np.uint64(_FACTOR), np.uint64(self._shift), self._keys, self._numbers, most, size,
                state, found, new,
            )  # fmt: skip
            at, coming, self._taken = state.tolist()
            self._size = known + coming
            if at == len(keys):
                return found, new[:coming]
            self._make_room(min(len(keys) - at, max(self._size, 1)))  # how many are new, nobody knows

    def remove(self, key: int) -> None:
        """Take back the number of ``key``, which must have one."""
        place = self._place(key)
        if place is None:
            raise KeyError(key)
        self._numbers[place], self._keys[place] = GONE, 0
        self._size -= 1

    def items(self) -> list[tuple[int, int]]:
        """All keys with their numbers, by key."""
        here = self._numbers >= 0
        return sorted(zip(self._keys[here].tolist(), self._numbers[here].tolist(), strict=True))

    @property
    def nbytes(self) -> int:
        return self._numbers.nbytes + self._keys.nbytes

    def _place(self, key: int) -> int | None:
        place = (key * _FACTOR & _WORD) >> self._shift
        while (number := self._numbers[place]) != EMPTY:
            if number != GONE and int(self._keys[place]) == key:
                return place
            place = (place + 1) & self._last
        return None

    def _first(self, keys: Keys) -> IntArray:
        """Where to look first for each of ``keys`` (E,)."""
        found: IntArray = (keys * np.uint64(_FACTOR) >> np.uint64(self._shift)).astype(np.int64)
        return found

    def _make_room(self, n: int) -> None:
        """Have room for ``n`` more keys."""
        if 2 * (self._taken + n) <= self._last:
            return
        here = self._numbers >= 0
        keys, numbers = self._keys[here], self._numbers[here]
        self._begin(max(_BITS, (3 * (len(keys) + n)).bit_length()))
        self._put(keys, numbers)

    def _put(self, keys: Keys, numbers: npt.NDArray[np.int32]) -> None:
        """Give ``keys`` (E,), all distinct and new, their ``numbers`` (E,)."""
        self._taken += len(keys)
        self._size += len(keys)
        fast = kernels.loaded()
        if fast is not None:
            fast.put(keys, numbers, np.uint64(_FACTOR), np.uint64(self._shift), self._keys, self._numbers)
            return
        places = self._first(keys)
        while len(keys):
            free = np.flatnonzero(self._numbers.take(places) == EMPTY)
            self._numbers[places[free]] = numbers[free]
            # Of several that want one place, one has it now.
            here = self._numbers.take(places) == numbers
            self._keys[places[here]] = keys[here]
            left = ~here
            keys, numbers, places = keys[left], numbers[left], (places[left] + 1) & self._last


def _in_order(keys: Keys) -> Keys:
    """``keys`` as kernels take them; what was read lies wherever it lay in a file, where nobody may write."""
    plain = keys.flags.carray and keys.dtype == np.uint64
    return keys if plain else np.require(keys, np.uint64, ["C", "A", "W"])
