"""Many payloads in one buffer, out of which the arrays of all of them are taken at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray, spread

WIDTH = 8  # bytes of the widest number
_GAPS = [bytes(n) for n in range(WIDTH + 1)]


class Joined:
    """N payloads, each of which begins at a multiple of `WIDTH` bytes.

    Args:
        payloads: each starts at byte ``lead``.

    Attributes:
        sizes: (N,) bytes of each.
    """

    def __init__(self, payloads: Sequence[bytes], lead: int) -> None:
        lengths = np.fromiter(map(len, payloads), np.int64, len(payloads))
        gaps = -lengths % WIDTH
        spaced = [b""] * (2 * len(payloads))
        spaced[::2], spaced[1::2] = payloads, map(_GAPS.__getitem__, gaps.tolist())
        before = -lead % WIDTH
        self._data = b"".join([_GAPS[before], *spaced, _GAPS[WIDTH - before]])
        ends = (lengths + gaps).cumsum()
        self._starts = ends - (lengths + gaps) + (before + lead)
        self.sizes = lengths - lead

    def take(self, kind: str, at: IntArray, counts: IntArray, *shape: int) -> npt.NDArray[Any]:
        """Arrays of numbers of a ``kind``, one after another: (sum of counts, *shape), in native order.

        Args:
            at: (N,), the byte of each payload at which its array begins: a multiple of the numbers' size.
            counts: (N,), how many of ``shape`` it holds; they must lie within the payload.
        """
        dtype, row = np.dtype(kind), math.prod(shape)
        starts, total = self._starts + at, int(counts.sum())
        if not total * row:
            found = np.zeros(total * row, dtype)
        elif dtype.itemsize > 1:
            places = spread(starts // dtype.itemsize, counts * row)
            found = np.frombuffer(self._data, dtype).take(places)
        else:  # whole rows, wherever they begin
            every = np.ndarray((len(self._data) - row + 1,), f"V{row}", self._data, 0, (1,))
            before = counts.cumsum() - counts
            found = every[np.arange(0, total * row, row) + (starts - before * row).repeat(counts)].view(dtype)
        return found.reshape(total, *shape).astype(dtype.newbyteorder("="), copy=False)
