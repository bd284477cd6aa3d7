"""BM25 of the rows of a namespace for one question."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, largest

FloatArray = npt.NDArray[np.float32]


class Scores:
    """BM25 of the rows of one namespace for one question.

    Attributes:
        rare: (n,) float32, the share of the stems that choose candidates.

    Args:
        peaks: the greatest of `rare` in each of the kernels' blocks; None where NumPy summed it up.
    """

    def __init__(self, rare: FloatArray, peaks: FloatArray | None, common: list[FloatArray]) -> None:
        self.rare = rare
        self._peaks, self._common = peaks, common

    def best(self, k: int, mask: npt.NDArray[np.bool_]) -> IntArray:
        """The ``k`` rows of ``mask`` (n,) of the greatest `rare` above 0, ascending; of equals the first."""
        fast = kernels.loaded()
        if fast is None or self._peaks is None:
            rows = np.flatnonzero((self.rare > 0) & mask)
            return rows[largest(self.rare[rows], k)]
        found = np.empty(k, np.int64)
        fast.top(self.rare, self._peaks, np.ascontiguousarray(mask), found)
        return found[found.searchsorted(0) :]

    def of(self, rows: IntArray) -> FloatArray:
        """The whole score of each of ``rows`` (C,): (C,)."""
        scores: FloatArray = self.rare[rows]
        for given in self._common:
            scores += given[rows]
        return scores
