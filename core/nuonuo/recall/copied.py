"""Token patterns of some memories, copied while the shard's lock is held.

Evidence is worked out when it is first looked at, and the shard may have moved on by then.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.associative.patterns import WordArray
from nuonuo.index.shard import Shard

Patterns = tuple[WordArray, npt.NDArray[np.int32]]
"""(T, ceil(d' / 64)) uint64, and (T, 3) int32: the part and the characters that each stands for."""


class Copied:
    """The token patterns of ``rows`` (C,) of a shard, whose lock must be held."""

    def __init__(self, shard: Shard, rows: IntArray) -> None:
        at, counts = shard.patterns.places(rows)  # the spans lie in the same places
        self._patterns, self._spans = (each.rows.take(at, axis=0) for each in (shard.patterns, shard.spans))
        ends = counts.cumsum()
        places = zip((ends - counts).tolist(), ends.tolist(), strict=True)
        self._places = dict(zip(rows.tolist(), places, strict=True))

    def __getitem__(self, row: int) -> Patterns:
        """The patterns of ``row``, which must be one of those that were copied."""
        start, end = self._places[row]
        return self._patterns[start:end], self._spans[start:end]
