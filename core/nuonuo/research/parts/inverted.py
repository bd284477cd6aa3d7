"""Codes in inverted lists, in arrays that do not change: Phi q for hundreds of thousands of items at once.

`nuonuo.associative.hebbian.HebbianAssociator` learns and forgets one item at a time; an experiment that
fills a million items and throws them away needs neither. What both answer is the same, which the tests
hold them to.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.associative.projection import CodeArray, strongest
from nuonuo.errors import InvalidInputError

FloatArray = npt.NDArray[np.float64]


class InvertedCodes:
    """Phi (N x n) by its columns.

    Args:
        codes: of the items. n_units: n.

    Shapes:
        codes: (N, k) int32, distinct units in each row.

    Raises:
        InvalidInputError: another shape, or a unit outside [0, n_units).
    """

    def __init__(self, codes: CodeArray, n_units: int) -> None:
        if codes.ndim != 2 or not codes.size:
            raise InvalidInputError(f"codes must have shape (N, k), N and k >= 1, got {codes.shape}")
        if codes.min() < 0 or codes.max() >= n_units:
            raise InvalidInputError(f"units must be in [0, {n_units}), got {codes.min()} to {codes.max()}")
        self.codes = codes
        self.n_units = n_units
        order = np.argsort(codes, axis=None, kind="stable")
        self._items = (order // codes.shape[1]).astype(np.int32)
        counts = np.bincount(codes.ravel(), minlength=n_units)
        self._starts = np.concatenate([[0], np.cumsum(counts)])

    def __len__(self) -> int:
        return len(self.codes)

    def overlaps(self, code: npt.NDArray[np.integer], first: int | None = None) -> IntArray:
        """Phi q, over the ``first`` items alone where that is given: (N,) or (first,) counts.

        Shapes:
            code: (k',) distinct units.
        """
        count = len(self) if first is None else first
        lists = [self._items[self._starts[unit] : self._starts[unit + 1]] for unit in code.tolist()]
        if count < len(self):  # each list is ascending
            lists = [items[: np.searchsorted(items, count)] for items in lists]
        return np.bincount(np.concatenate(lists), minlength=count)

    def superpose(self, activity: FloatArray, targets: CodeArray | None = None) -> FloatArray:
        """Phi^T a, or Phi_target^T a: what the matrix W answers, (n,).

        Shapes:
            activity: (M,), M <= N, of the first M items. targets: (N, k'), the codes that the items lead to.
        """
        active = np.flatnonzero(activity)
        codes = (self.codes if targets is None else targets)[active]
        shares = np.repeat(activity[active], codes.shape[1])
        return np.bincount(codes.ravel(), shares, minlength=self.n_units).astype(np.float64, copy=False)


def strongest_units(drive: FloatArray, k: int) -> CodeArray:
    """The k units of greatest drive, ascending; of equals the lower ones: winner-take-all, (n,) -> (k,)."""
    (units,) = strongest(drive[None], k)
    return np.asarray(units, np.int32)


def random_codes(rng: np.random.Generator, count: int, n_units: int, n_active: int) -> CodeArray:
    """``count`` codes of ``n_active`` distinct units each, all alike likely: (count, n_active).

    Raises:
        InvalidInputError: n_active outside [1, n_units].
    """
    if not 1 <= n_active <= n_units:
        raise InvalidInputError(f"n_active must be in [1, n_units = {n_units}], got {n_active}")
    codes = np.empty((count, n_active), np.int32)
    if n_active > n_units // 4:
        for row in codes:
            row[:] = np.sort(rng.choice(n_units, n_active, replace=False))
        return codes
    spare = n_active + 10 + n_active * n_active // n_units
    todo = np.arange(count)
    while len(todo):
        drawn = rng.integers(n_units, size=(len(todo), spare), dtype=np.int32)
        order = np.argsort(drawn, axis=1, kind="stable")
        ordered = np.take_along_axis(drawn, order, 1)
        fresh = np.ones_like(drawn, bool)  # the first of equals, in the order in which they were drawn
        np.put_along_axis(fresh, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], 1)
        kept = fresh & (np.cumsum(fresh, axis=1) <= n_active)
        full = kept.sum(axis=1) == n_active
        codes[todo[full]] = np.sort(drawn[full][kept[full]].reshape(-1, n_active), axis=1)
        todo = todo[~full]
    return codes
