"""The dense cue index: memories whose sentence vectors lie nearest to the question's.

Stage one compares bit sketches (signs, one popcount for 64 dimensions: Charikar 2002), stage two the
vectors themselves. It needs no building and no tuning, forgets at once, and gives the same answer
whatever the history, which a navigable graph does not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray, Ragged, largest
from nuonuo.tokens import pack

FloatArray = npt.NDArray[np.float32]


class VectorIndex:
    """Sentence vectors by row; a row may have several (windows of a long text, cues).

    Args:
        dimension: d. oversampling: vectors compared exactly for each one asked for.
    """

    def __init__(self, dimension: int, oversampling: int) -> None:
        self._dimension, self._oversampling = dimension, oversampling
        self._vectors = Ragged(np.float16, (dimension,))
        self._owners = Ragged(np.int32, fill=-1)
        self._columns = [Ragged(np.uint64) for _ in range(-(-dimension // 64))]

    def append(self) -> None:
        """Make room for the next row; it has no vector until it is `put`."""
        self._vectors.append(np.zeros((0, self._dimension), np.float16))
        self._owners.append(np.zeros(0, np.int32))
        for column in self._columns:
            column.append(np.zeros(0, np.uint64))

    def put(self, row: int, vectors: npt.NDArray[np.float16]) -> None:
        """Give ``row`` its ``vectors`` (W, d), unit rows, in place of any that it had."""
        self._vectors.replace(row, vectors)
        self._owners.replace(row, np.full(len(vectors), row, np.int32))
        for column, words in zip(self._columns, pack(vectors > 0).T, strict=True):
            column.replace(row, words)

    def clear(self, row: int) -> None:
        """Forget the vectors of ``row``."""
        self._owners.clear(row)
        self._vectors.clear(row)
        for column in self._columns:
            column.clear(row)

    def nearest(self, query: FloatArray, k: int, mask: npt.NDArray[np.bool_]) -> IntArray:
        """About the ``k`` rows of ``mask`` (n,) whose best vector is nearest to ``query`` (d,), ascending.

        Exact where no more than k * oversampling vectors are stored.
        """
        owners = self._owners.rows
        usable = np.zeros(len(owners), bool)
        owned = owners >= 0
        usable[owned] = mask[owners[owned]]
        rows = np.zeros(0, np.int64)
        wanted, total = k * self._oversampling, np.count_nonzero(usable)
        if wanted < total:
            agreement = self._agreement(query)
            agreement[~usable] = np.iinfo(np.int16).min
            while len(rows) < k and wanted < total:  # rows with many vectors may crowd the others out
                # Every tie is looked at: which of them comes first depends on the history.
                least = np.partition(agreement, -wanted)[-wanted]
                rows = np.unique(owners[agreement >= least])
                wanted *= 4
        if len(rows) < k:
            rows = np.unique(owners[usable])
        rows = rows.astype(np.int64)
        return rows[largest(self.cosines(rows, query), k)]

    def _agreement(self, query: FloatArray) -> npt.NDArray[np.int16]:
        """Minus the number of signs in which each stored sketch differs from the query's."""
        agreement = np.zeros(len(self._owners.rows), np.int16)
        for column, word in zip(self._columns, pack(query[None, :] > 0)[0], strict=True):
            agreement -= np.bitwise_count(column.rows ^ word)
        return agreement

    def cosines(self, rows: IntArray, query: FloatArray) -> FloatArray:
        """The cosine of each row's best vector with ``query`` (d,): (C,); 0 for a row without vectors."""
        vectors, counts = self._vectors.gather(rows)
        # einsum sums each row by itself, so a cosine does not depend on what it is computed beside.
        products = np.einsum("ij,j->i", vectors.astype(np.float32), query)
        best = np.zeros(len(rows), np.float32)
        full = np.flatnonzero(counts)
        if len(full):
            best[full] = np.maximum.reduceat(products, (np.cumsum(counts) - counts)[full])
        return best

    def __getitem__(self, row: int) -> npt.NDArray[np.float16]:
        """The vectors of ``row`` (W, d)."""
        return self._vectors[row]

    @property
    def nbytes(self) -> int:
        return self._vectors.nbytes + self._owners.nbytes + sum(column.nbytes for column in self._columns)
