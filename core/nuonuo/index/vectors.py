"""The dense cue index: memories whose sentence vectors lie nearest to the question's.

Stage one compares bit sketches (signs, one popcount for 64 dimensions: Charikar 2002), stage two the
vectors themselves, rounded to 8 bits a component. It needs no building and no tuning, forgets at once, and
every sum is one of integers: the same answer whatever the history and the machine, which a navigable
graph does not give.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import Blocks, IntArray, Ragged, largest
from nuonuo.associative.patterns import popcount
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.traces import Columns

FloatArray = npt.NDArray[np.float32]
ByteArray = npt.NDArray[np.int8]

EXACT = 1040  # dimensions up to which products of rounded vectors are exact in float32
BLOCK = 8192  # sketches at a time, so that what is computed on the way stays in the processor's cache


@dataclass(frozen=True, eq=False)
class DenseCue:
    """A question's vector, as the two stages compare it.

    Attributes:
        words: its signs, 64 a word. components: (d,) int8, integers up to `LEVELS`. norm: their length.
    """

    words: npt.NDArray[np.uint64]
    components: ByteArray
    norm: np.float32

    @cached_property
    def rounded(self) -> FloatArray:
        """``components`` as numbers that are multiplied: (d,) float32."""
        return self.components.astype(np.float32)


def dense_cue(state: FloatArray) -> DenseCue:
    """Round ``state`` (d,) for `VectorIndex`."""
    fast = kernels.loaded()
    if fast is not None and state.dtype == np.float32:
        components, norm = np.empty(len(state), np.int8), np.empty(1, np.float32)
        words = np.empty(-(-len(state) // 64), np.uint64)
        fast.cue(np.ascontiguousarray(state), components, words, norm)
        return DenseCue(words, components, norm[0])
    rounded, norms = round_vectors(state[None, :])
    return DenseCue(sketch(state[None, :])[0], rounded[0], norms[0])


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
        self._sketches = Ragged(np.uint64, (-(-dimension // 64),))
        self._gaps = False  # whether any vector was forgotten, and left its room to nobody

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they have no vector until they are `put`."""
        for array in (self._vectors, self._norms, self._owners, self._sketches):
            array.extend(n)

    def put(self, rows: IntArray, traces: Columns) -> None:
        """Give ``rows`` (N,), which must be new or cleared, the vectors of ``traces``.

        Those of the text and its cues are the ones by which `nearest` finds a row. Those of sentences speak
        for a row that was found.
        """
        self._vectors.put(rows, traces.vectors)
        self._norms.put(rows, Blocks(traces.norms, traces.vectors.counts))
        found_by = traces.sketches
        self._owners.put(rows, Blocks(rows.repeat(found_by.counts), found_by.counts))
        self._sketches.put(rows, found_by)

    def clear(self, row: int) -> None:
        """Forget the vectors of ``row``."""
        self._gaps = True
        for array in (self._vectors, self._norms, self._owners, self._sketches):
            array.clear(row)

    def nearest(self, cue: DenseCue, k: int, mask: npt.NDArray[np.bool_]) -> IntArray:
        """About the ``k`` rows of ``mask`` (n,) whose best vector is nearest to ``cue``, ascending.

        Exact where no more than k * oversampling vectors are searched.
        """
        fast = kernels.loaded()
        owners = self._owners.rows
        if fast is not None:
            wanted, mask = k * self._oversampling, np.ascontiguousarray(mask)
            every = not self._gaps and bool(mask.all())
            rows: IntArray = fast.close(self._sketches.rows, cue.words, owners, mask, every, wanted, k)
            return rows[largest(self.cosines(rows, cue), k)]
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
        fast = kernels.loaded()
        if fast is not None and self._dimension <= EXACT:
            found = np.empty(len(rows), np.float32)
            starts, counts = self._vectors.blocks
            fast.cosines(
                self._vectors.rows, self._norms.rows, starts, counts, rows, cue.components, cue.norm, found
            )
            return found
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
        first = self._vectors.blocks[0][rows]
        return self._vectors.rows.take(first, axis=0).astype(np.float32), self._norms.rows.take(first)

    def units(self, rows: IntArray) -> FloatArray:
        """`states` of ``rows`` (C,), each divided by its length: unit rows (C, d)."""
        fast = kernels.loaded()
        if fast is None:
            states, lengths = self.states(rows)
            return states / lengths[:, None]
        units = np.empty((len(rows), self._dimension), np.float32)
        fast.units(self._vectors.rows, self._norms.rows, self._vectors.blocks[0], rows, units)
        return units

    def __getitem__(self, row: int) -> FloatArray:
        """The vectors of ``row`` as they are kept (W, d): unit rows."""
        units: FloatArray = self._vectors[row].astype(np.float32) / self._norms[row][:, None]
        return units

    @property
    def nbytes(self) -> int:
        arrays = (self._vectors, self._norms, self._owners, self._sketches)
        return sum(array.nbytes for array in arrays)

    def _differences(self, cue: DenseCue) -> npt.NDArray[np.int16]:
        """The number of signs in which each stored sketch differs from the cue's."""
        sketches = self._sketches.rows
        blocks = [sketches[start : start + BLOCK].T for start in range(0, max(len(sketches), 1), BLOCK)]
        return np.concatenate(
            [
                popcount(column ^ word for column, word in zip(block, cue.words, strict=True))
                for block in blocks
            ]
        )
