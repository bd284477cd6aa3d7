"""The dense cue index: memories whose sentence vectors lie nearest to the question's.

Stage one compares bit sketches (signs, one popcount for 64 dimensions: Charikar 2002), stage two the
vectors themselves, rounded to 8 bits a component. It needs no building and no tuning, forgets at once, and
every sum is one of integers: the same answer whatever the history and the machine, which a navigable
graph does not give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.associative.patterns import pack, popcount
from nuonuo.index.arrays import IntArray, Ragged, largest

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.int8]

BLOCK = 8192  # sketches at a time, so that what is computed on the way stays in the processor's cache
LEVELS = 127  # d * LEVELS^2 stays below 2^24 for d <= 1040: integers that float32 adds exactly


@dataclass(frozen=True, slots=True, eq=False)
class DenseCue:
    """A question's vector, as the two stages compare it.

    Attributes:
        sketch: its signs, 64 a word. rounded: (d,) float32, integers up to `LEVELS`. norm: their length.
    """

    sketch: list[int]
    rounded: FloatArray
    norm: np.float32


def dense_cue(state: FloatArray) -> DenseCue:
    """Round ``state`` (d,) for `VectorIndex`."""
    rounded, norms = quantise(state[None, :])
    return DenseCue(pack(state[None, :] > 0)[0].tolist(), rounded[0].astype(np.float32), norms[0])


class VectorIndex:
    """Sentence vectors by row; a row may have several (windows of a long text, sentences, cues).

    Args:
        dimension: d. oversampling: vectors compared exactly for each row asked for.
    """

    def __init__(self, dimension: int, oversampling: int) -> None:
        self._dimension, self._oversampling = dimension, oversampling
        self._vectors = Ragged(np.int8, (dimension,))
        self._norms = Ragged(np.float32)
        self._owners = Ragged(np.int32, fill=-1)
        self._columns = [Ragged(np.uint64) for _ in range(-(-dimension // 64))]

    def append(self) -> None:
        """Make room for the next row; it has no vector until it is `put`."""
        for array in (self._vectors, self._norms, self._owners, *self._columns):
            array.append(array.rows[:0])

    def put(
        self, row: int, vectors: npt.NDArray[np.floating[Any]], searched: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """Give ``row`` its ``vectors`` (W, d), unit rows, in place of any that it had.

        Args:
            searched: (W,), the vectors by which `nearest` finds the row; all of them where None. The
                others speak for a row that was found.
        """
        rounded, norms = quantise(vectors)
        self._vectors.replace(row, rounded)
        self._norms.replace(row, norms)
        found_by = vectors if searched is None else vectors[searched]
        self._owners.replace(row, np.full(len(found_by), row, np.int32))
        for column, words in zip(self._columns, pack(found_by > 0).T, strict=True):
            column.replace(row, words)

    def clear(self, row: int) -> None:
        """Forget the vectors of ``row``."""
        for array in (self._vectors, self._norms, self._owners, *self._columns):
            array.clear(row)

    def nearest(self, cue: DenseCue, k: int, mask: npt.NDArray[np.bool_]) -> IntArray:
        """About the ``k`` rows of ``mask`` (n,) whose best vector is nearest to ``cue``, ascending.

        Exact where no more than k * oversampling vectors are searched.
        """
        owners = self._owners.rows
        usable = mask.take(owners, mode="wrap")
        usable &= owners >= 0  # owner -1 read the last row, and is no owner
        total, wanted = np.count_nonzero(usable), k * self._oversampling
        having = np.zeros(len(mask), bool)
        differences: npt.NDArray[np.int16] = np.zeros(0, np.int16)
        while True:
            if wanted >= total:
                having[owners[usable]] = True
            else:
                if not len(differences):
                    differences = self._differences(cue)
                    np.putmask(differences, ~usable, self._dimension + 1)
                # Every tie is looked at: which of them comes first depends on the history.
                within = np.cumsum(np.bincount(differences))
                having[owners[differences <= np.searchsorted(within, wanted)]] = True
            rows = np.flatnonzero(having)
            if len(rows) >= k or wanted >= total:
                return rows[largest(self.cosines(rows, cue), k)]
            wanted *= 4  # rows with many vectors crowded the others out

    def cosines(self, rows: IntArray, cue: DenseCue) -> FloatArray:
        """The cosine of each row's best vector with ``cue``: (C,); 0 for a row without vectors."""
        at, counts = self._vectors.places(rows)  # the norms lie in the same places
        # einsum and not @: for so little, waking a second thread costs more than it gives
        products = np.einsum("ij,j->i", self._vectors.rows.take(at, axis=0).astype(np.float32), cue.rounded)
        products /= self._norms.rows.take(at) * cue.norm
        best, full = np.zeros(len(rows), np.float32), np.flatnonzero(counts)
        if len(full):
            best[full] = np.maximum.reduceat(products, (counts.cumsum() - counts)[full])
        return best

    def states(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """The first vector of each of ``rows`` (C,), each of which must have one.

        It is that of the text; of its first window, where the encoder cannot take it whole.

        Returns:
            (C, d) float32, integers as they are kept, and their lengths (C,).
        """
        at, counts = self._vectors.places(rows)
        first = at[counts.cumsum() - counts]
        return self._vectors.rows.take(first, axis=0).astype(np.float32), self._norms.rows.take(first)

    def __getitem__(self, row: int) -> FloatArray:
        """The vectors of ``row`` as they are kept (W, d): unit rows."""
        units: FloatArray = self._vectors[row].astype(np.float32) / self._norms[row][:, None]
        return units

    @property
    def nbytes(self) -> int:
        arrays = (self._vectors, self._norms, self._owners, *self._columns)
        return sum(array.nbytes for array in arrays)

    def _differences(self, cue: DenseCue) -> npt.NDArray[np.int16]:
        """The number of signs in which each stored sketch differs from the cue's."""
        columns = [column.rows for column in self._columns]
        blocks = [slice(start, start + BLOCK) for start in range(0, len(columns[0]), BLOCK)]
        return np.concatenate(
            [
                popcount(
                    column[block] ^ np.uint64(word) for column, word in zip(columns, cue.sketch, strict=True)
                )
                for block in blocks
            ]
        )


def quantise(vectors: npt.NDArray[np.floating[Any]]) -> tuple[ByteArray, FloatArray]:
    """Round the rows of ``vectors`` (W, d) to integers, the largest component to `LEVELS`.

    Returns:
        (W, d) int8, and the lengths of the rounded rows (W,) float32.
    """
    exact = vectors.astype(np.float64)
    largest_component = np.abs(exact).max(axis=1, keepdims=True, initial=1e-12)
    rounded = np.rint(exact * (LEVELS / largest_component)).astype(np.int8)
    squares = (rounded.astype(np.int64) ** 2).sum(axis=1)
    return rounded, np.sqrt(squares.astype(np.float64)).astype(np.float32)
