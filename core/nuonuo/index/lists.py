"""Lists of many lengths in one array, each of which grows at its end: what an inverted index is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray, spread

WAITING = 1 << 20  # entries of lists that wait to be sorted together


class Lists:
    """For each key an ascending list of items, with integers beside each: an inverted index.

    All lists lie in one array. One that is full moves to its end, with twice the room, so that a long list
    grows in amortised constant time; what it left is not used again.

    Args:
        width: of an entry: the item, and the integers beside it.
    """

    def __init__(self, width: int = 1) -> None:
        self._entries = Growable(np.int32, (width,))
        self._starts = Growable(np.int64)
        self._counts = Growable(np.int64)
        self._rooms = Growable(np.int64)
        self._waiting: list[tuple[IntArray, npt.NDArray[np.int32]]] = []  # what was added and not yet sorted
        self._left = WAITING  # entries that may still wait

    @property
    def counts(self) -> IntArray:
        """How many items the list of each key holds (K,)."""
        self._settle()
        return self._counts.data

    def extend(self, n: int) -> None:
        """Make room for ``n`` more keys, whose lists are empty."""
        for array in (self._starts, self._counts, self._rooms):
            array.extend(n)

    def add(self, keys: IntArray, entries: npt.NDArray[np.int32]) -> None:
        """Put ``entries`` (E, width) at the ends of the lists of ``keys`` (E,).

        The items of one key must ascend, and be greater than those that its list holds. They are put there
        when somebody looks: what comes in pages is sorted once.
        """
        self._waiting.append((keys, entries))
        self._left -= len(keys)
        if self._left < 0:
            self._settle()

    def _settle(self) -> None:
        """Put what waits where it belongs."""
        if not self._waiting:
            return
        keys, entries = (np.concatenate(each) for each in zip(*self._waiting, strict=True))
        self._waiting, self._left = [], WAITING
        both = np.sort(keys << 32 | np.arange(len(keys)))  # several times as fast as a stable argsort
        keys, order = both >> 32, both & 0xFFFFFFFF
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        new = np.diff(first, append=len(keys))
        own = keys[first]
        held = self._counts.data[own]
        self._make_room(own, held + new)
        whole = f"V{4 * entries.shape[1]}"  # an entry at a time, and not a number at a time
        at = spread(self._starts.data[own] + held, new)
        self._entries.data.view(whole)[at, 0] = entries.view(whole)[:, 0].take(order)
        self._counts.data[own] = held + new

    def insert(self, key: int, entry: Sequence[int]) -> None:
        """Put ``entry`` (width,) where its item belongs in the list of ``key``."""
        self._settle()
        held = int(self._counts.data[key])
        self._make_room(np.array([key]), np.array([held + 1]))
        self._counts.data[key] += 1
        entries = self[key]
        at = int(entries[:held, 0].searchsorted(entry[0]))
        entries[at + 1 :] = entries[at:held].copy()
        entries[at] = entry

    def remove(self, key: int, item: int) -> None:
        """Take ``item`` out of the list of ``key``, which must hold it."""
        entries = self[key]
        at = int(entries[:, 0].searchsorted(item))
        entries[at:-1] = entries[at + 1 :].copy()
        entries[-1] = 0
        self._counts.data[key] -= 1

    @property
    def blocks(self) -> tuple[npt.NDArray[np.int32], IntArray, IntArray]:
        """All entries (n, width), where in them the list of each key begins (K,), and how long it is (K,)."""
        self._settle()
        return self._entries.data, self._starts.data, self._counts.data

    def __getitem__(self, key: int) -> npt.NDArray[np.int32]:
        """The entries of ``key`` (n, width)."""
        self._settle()
        start = self._starts.data[key]
        found: npt.NDArray[np.int32] = self._entries.data[start : start + self._counts.data[key]]
        return found

    def __len__(self) -> int:
        return len(self._starts)

    def gather(self, keys: IntArray) -> tuple[npt.NDArray[np.int32], IntArray]:
        """The entries of ``keys`` (C,), one list after another, and their lengths (C,)."""
        self._settle()
        counts = self._counts.data[keys]
        return self._entries.data.take(spread(self._starts.data[keys], counts), axis=0), counts

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, what waits among them; nothing is moved for it."""
        arrays = (self._entries, self._starts, self._counts, self._rooms)
        waiting = sum(keys.nbytes + entries.nbytes for keys, entries in self._waiting)
        return sum(array.nbytes for array in arrays) + waiting

    def _make_room(self, keys: IntArray, wanted: IntArray) -> None:
        """Move those lists of ``keys`` (C,), all distinct, that cannot hold ``wanted`` (C,) items."""
        full = wanted > self._rooms.data[keys]
        if not full.any():
            return
        keys, held = keys[full], self._counts.data[keys[full]]
        rooms = np.maximum(wanted[full], 2 * held)
        starts = len(self._entries) + rooms.cumsum() - rooms
        entries, _ = self.gather(keys)
        self._entries.extend(int(rooms.sum()))
        self._entries.data[spread(starts, held)] = entries
        self._starts.data[keys] = starts
        self._rooms.data[keys] = rooms
