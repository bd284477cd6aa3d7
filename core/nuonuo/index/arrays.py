"""Arrays that grow at their end, in amortised constant time, and the choice of the largest entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

SMALL = 1024  # entries up to which sorting all of them is the quickest way to the largest


class Growable:
    """An array that grows along its first axis.

    Attributes:
        data: (n, *shape) view of what has been appended; valid until the next append.
    """

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self._buffer = np.zeros((0, *shape), dtype)
        self._n = 0

    @property
    def data(self) -> npt.NDArray[Any]:
        return self._buffer[: self._n]

    def append(self, rows: npt.ArrayLike) -> None:
        """Append ``rows`` (m, *shape)."""
        rows = np.asarray(rows, self._buffer.dtype)
        end = self._n + len(rows)
        if end > len(self._buffer):
            grown = np.zeros(
                (max(end, len(self._buffer) * 3 // 2, 16), *self._buffer.shape[1:]), self._buffer.dtype
            )
            grown[: self._n] = self.data
            self._buffer = grown
        self._buffer[self._n : end] = rows
        self._n = end

    def __len__(self) -> int:
        return self._n

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes


class Ragged:
    """For each item a block of rows of its own length, all in one array.

    A block that is dropped or replaced is overwritten at once; its room is not used again.

    Args:
        fill: what a dropped block is overwritten with.

    Attributes:
        rows: (n, *shape), the one array, with what is left of dropped blocks.
    """

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = (), fill: int = 0) -> None:
        self._rows = Growable(dtype, shape)
        self._starts = Growable(np.int64)
        self._counts = Growable(np.int64)
        self._fill = fill

    @property
    def rows(self) -> npt.NDArray[Any]:
        return self._rows.data

    def append(self, block: npt.NDArray[Any]) -> None:
        """Give the next item its ``block`` (m, *shape)."""
        self._starts.append([len(self._rows)])
        self._counts.append([len(block)])
        self._rows.append(block)

    def replace(self, item: int, block: npt.NDArray[Any]) -> None:
        """Give ``item`` another block."""
        self.clear(item)
        self._starts.data[item] = len(self._rows)
        self._counts.data[item] = len(block)
        self._rows.append(block)

    def clear(self, item: int) -> None:
        """Leave ``item`` an empty block, and nothing where its block was."""
        self[item][...] = self._fill
        self._counts.data[item] = 0

    def __getitem__(self, item: int) -> npt.NDArray[Any]:
        start = self._starts.data[item]
        return self._rows.data[start : start + self._counts.data[item]]

    def __len__(self) -> int:
        return len(self._starts)

    def places(self, items: IntArray) -> tuple[IntArray, IntArray]:
        """Where in `rows` the blocks of ``items`` (C,) lie, one after another, and their lengths (C,)."""
        counts = self._counts.data[items]
        ends = counts.cumsum()
        total = int(ends[-1]) if len(ends) else 0
        return np.arange(total) + (self._starts.data[items] - (ends - counts)).repeat(counts), counts

    def gather(self, items: IntArray) -> tuple[npt.NDArray[Any], IntArray]:
        """The blocks of ``items`` (C,), one after another, and their lengths (C,)."""
        at, counts = self.places(items)
        return self._rows.data.take(at, axis=0), counts

    def counts(self, items: IntArray) -> IntArray:
        """The lengths of the blocks of ``items`` (C,)."""
        return self._counts.data[items]

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes + self._starts.nbytes + self._counts.nbytes


def largest(values: npt.NDArray[Any], k: int) -> IntArray:
    """The indices of the ``k`` largest of ``values`` (n,), ascending; ties go to the lower index.

    A tie is broken in the same way whatever else is in the array, which `np.argpartition` does not
    promise: recall must not depend on the history by which a state came about.
    """
    if k >= len(values):
        return np.arange(len(values))
    if k <= 0:
        return np.zeros(0, np.int64)
    if len(values) <= SMALL:
        return np.sort((-values).argsort(kind="stable")[:k])
    threshold = np.partition(values, len(values) - k)[len(values) - k]
    above = np.flatnonzero(values > threshold)
    equal = np.flatnonzero(values == threshold)[: k - len(above)]
    return np.sort(np.concatenate([above, equal]))
