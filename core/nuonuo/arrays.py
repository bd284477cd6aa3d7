"""Arrays that grow at their end, blocks of many lengths in them, and the choice of the largest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels

IntArray = npt.NDArray[np.int64]

STEP = 1 << 24  # bytes by which an array grows at a time, once that is less than half of it
MANY = 1 << 14  # numbers from which on `spread` goes another way
SMALL = 1024  # entries up to which sorting all of them is NumPy's quickest way to the largest
COMPILED = 4096  # entries up to which the kernel is quicker than NumPy


class Growable:
    """An array that grows along its first axis.

    It grows by half of what it holds, a large one by `STEP`, and from 64 of them on by a 64th, where it lies:
    the system moves pages, and nothing is copied. New room is cleared, for which the system must first find
    pages; as it is little at a time, no append to a million rows takes much longer than one to a few.

    Attributes:
        data: (n, *shape) view of what has been appended; must not be used after the next append.
    """

    def __init__(self, dtype: npt.DTypeLike, shape: tuple[int, ...] = ()) -> None:
        self._buffer = np.zeros((0, *shape), dtype)
        self._step = STEP // max(self._buffer.itemsize * math.prod(shape), 1)
        self._n = 0
        self.data: npt.NDArray[Any] = self._buffer

    def append(self, rows: npt.ArrayLike) -> None:
        """Append ``rows`` (m, *shape)."""
        start = self._n
        rows = np.asarray(rows, self._buffer.dtype)
        self.extend(len(rows))
        self.data[start:] = rows

    def extend(self, n: int, value: Any = 0) -> None:
        """Append ``n`` entries of ``value``."""
        start, end = self._n, self._n + n
        if end > len(self._buffer):
            held = len(self._buffer)
            room = max(end, held + min(held // 2, max(self._step, held // 64)), 16)
            self._buffer.resize((room, *self._buffer.shape[1:]), refcheck=False)
        self._n, self.data = end, self._buffer[:end]
        if value:  # what is not in use yet is all zeros
            self.data[start:] = value

    def __len__(self) -> int:
        return self._n

    @property
    def nbytes(self) -> int:
        return self._buffer.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """For each of N items a block of rows of its own length.

    Shapes:
        rows: (sum of counts, *shape), the blocks one after another. counts: (N,) int64.
    """

    rows: npt.NDArray[Any]
    counts: IntArray

    @classmethod
    def of(cls, blocks: Sequence[npt.NDArray[Any]]) -> Blocks:
        """``blocks``, of which there must be one at least."""
        return cls(np.concatenate(blocks), np.array([len(block) for block in blocks], np.int64))

    @classmethod
    def join(cls, parts: Sequence[Blocks]) -> Blocks:
        """The blocks of all ``parts``, of which there must be one at least, one after another."""
        return cls(
            np.concatenate([part.rows for part in parts]), np.concatenate([part.counts for part in parts])
        )

    def take(self, at: IntArray) -> Blocks:
        """The blocks of the items ``at`` (C,)."""
        return Blocks(self.rows.take(self.places(at), axis=0), self.counts[at])

    def places(self, at: IntArray) -> IntArray:
        """Where in `rows` the blocks of the items ``at`` (C,) lie, one after another."""
        return spread(self.starts[at], self.counts[at])

    @property
    def starts(self) -> IntArray:
        """Where each block begins (N,)."""
        found: IntArray = self.counts.cumsum() - self.counts
        return found

    @property
    def owners(self) -> IntArray:
        """Which of the N items each row belongs to."""
        found: IntArray = np.arange(len(self.counts)).repeat(self.counts)
        return found

    def __getitem__(self, at: int) -> npt.NDArray[Any]:
        start = int(self.counts[:at].sum())
        return self.rows[start : start + int(self.counts[at])]


class Ragged:
    """For each item a block of rows of its own length, all in one array.

    A block that is dropped is overwritten at once; its room is not used again.

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

    def extend(self, n: int) -> None:
        """Make room for ``n`` more items, whose blocks are empty."""
        self._starts.extend(n)
        self._counts.extend(n)

    def put(self, items: IntArray, blocks: Blocks) -> None:
        """Give ``items`` (N,), whose blocks are empty, their ``blocks``."""
        self._starts.data[items] = len(self._rows) + blocks.starts
        self._counts.data[items] = blocks.counts
        self._rows.append(blocks.rows)

    def clear(self, item: int) -> None:
        """Leave ``item`` an empty block, and nothing where its block was."""
        self[item][...] = self._fill
        self._counts.data[item] = 0

    def __getitem__(self, item: int) -> npt.NDArray[Any]:
        start = self._starts.data[item]
        return self._rows.data[start : start + self._counts.data[item]]

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def blocks(self) -> tuple[IntArray, IntArray]:
        """Where in `rows` the block of each item begins, and its length."""
        return self._starts.data, self._counts.data

    def places(self, items: IntArray) -> tuple[IntArray, IntArray]:
        """Where in `rows` the blocks of ``items`` (C,) lie, one after another, and their lengths (C,)."""
        counts = self._counts.data[items]
        return spread(self._starts.data[items], counts), counts

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


def spread(starts: IntArray, counts: IntArray) -> IntArray:
    """The whole numbers from each of ``starts`` (C,), so many as ``counts`` (C,) say, one after another."""
    ends: IntArray = counts.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    if total < MANY:
        first: IntArray = starts - (ends - counts)
        return np.arange(total) + first.repeat(counts)
    # By ones, but for where a row begins: to add them up is several times as fast as to repeat the firsts.
    full = np.flatnonzero(counts)
    starts, counts, ends = starts[full], counts[full], ends[full]
    steps = np.ones(total, np.int64)
    steps[0] = starts[0]
    steps[ends[:-1]] = starts[1:] - (starts + counts)[:-1] + 1
    return steps.cumsum(out=steps)


def among(values: npt.NDArray[Any], few: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which of ``values`` (n,) are among ``few`` (m,), ascending."""
    if not len(few):
        return np.zeros(len(values), bool)
    at = few.searchsorted(values)
    at[at == len(few)] = 0
    found: npt.NDArray[np.bool_] = few[at] == values
    return found


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The distinct ones of ``values`` (n,), ascending: of few, several times as quick as `np.unique`."""
    values = np.sort(values)
    new = np.empty(len(values), bool)
    new[:1] = True
    np.not_equal(values[1:], values[:-1], out=new[1:])
    return values[new]


def largest(values: npt.NDArray[Any], k: int) -> IntArray:
    """The indices of the ``k`` largest of ``values`` (n,), ascending; ties go to the lower index.

    A tie is broken in the same way whatever else is in the array, which `np.argpartition` does not
    promise: recall must not depend on the history by which a state came about.
    """
    if k >= len(values):
        return np.arange(len(values))
    if k <= 0:
        return np.zeros(0, np.int64)
    fast = kernels.loaded()
    if fast is not None and values.dtype == np.float32 and len(values) <= COMPILED:
        found = np.empty(k, np.int64)
        fast.largest(np.ascontiguousarray(values), found)
        return found
    if len(values) <= SMALL:
        # Of whole numbers ~ turns the order round for all: the least has no negative, nor have unsigned ones.
        falling = ~values if values.dtype.kind in "iu" else -values
        return np.sort(falling.argsort(kind="stable")[:k])
    threshold = np.partition(values, len(values) - k)[len(values) - k]
    above = np.flatnonzero(values > threshold)
    equal = np.flatnonzero(values == threshold)[: k - len(above)]
    return np.sort(np.concatenate([above, equal]))


def weighted(values: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What each row of ``values`` (C, T) sums to by ``weights`` (T,): added to 0 from first to last, (C,).

    Of a matrix times a vector the last bits of a row depend on how many rows there are and where it stands
    among them, by the processor: what is brought out of a database would not be what a process holds.
    """
    fast, count = kernels.loaded(), len(values)
    if fast is not None:
        found = np.empty(count, np.float32)
        fast.weighted(np.ascontiguousarray(values), weights, found)
        return found
    if not len(weights):
        return np.zeros(count, np.float32)
    products = np.multiply(values.T, weights[:, None], order="C")
    # Rows lie side by side now, and what is added is a number of each; of a single row NumPy would add pairs.
    summed: npt.NDArray[np.float32] = np.add.reduce(products) if count > 1 else products.cumsum(0)[-1]
    return summed + np.float32(0)  # -0, where a sum began with its first product, is 0


def batches(sizes: IntArray, most: int) -> Iterator[slice]:
    """Runs of items (C,), in order, whose ``sizes`` (C,) sum to ``most`` or less; one item may have more."""
    start, total = 0, 0
    for at, size in enumerate(sizes.tolist()):
        if at > start and total + size > most:
            yield slice(start, at)
            start, total = at, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))
