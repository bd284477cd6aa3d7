"""Part: some memories of a namespace that is too large for RAM, with the statistics of all of it.

The recall pipeline cannot tell it from a shard of the whole, as long as those memories are there that it
would look at: how rare a stem is, how often something was said and how many were stored in a period is known
of the namespace, and not counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.config import MemoryConfig
from nuonuo.encoding.dates import Period
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.index.lexical import Postings
from nuonuo.index.shard import Shard
from nuonuo.numbering import EMPTY
from nuonuo.stores.base import START, Changes, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """What is known of a namespace, as far as it was asked for.

    Attributes:
        memories: N. words: of all of them.
        frequencies: key of a stem -> in how many memories it stands.
        told, repeated: digest of a wording -> how often it was said; of those that can repeat each other.
        led_to: seq -> how many explicit associations lead to it.
        dated: for each period, in how many memories' time it is; None where none is near it.
    """

    memories: int
    words: int
    frequencies: dict[int, int] = field(default_factory=dict)
    told: dict[int, int] = field(default_factory=dict)
    repeated: dict[int, int] = field(default_factory=dict)
    led_to: dict[int, int] = field(default_factory=dict)
    dated: dict[Period, int | None] = field(default_factory=dict)


class PartPostings(Postings):
    """Postings of some memories, whose stems are as rare as they are in the ``whole``."""

    def __init__(self, config: MemoryConfig, key: Callable[[str], int], whole: Whole) -> None:
        super().__init__(config.bm25_k1, config.bm25_b, key)
        self._whole = whole
        self._frequencies = np.zeros(0, np.int64)
        self._count, self._total = whole.memories, whole.words

    @property
    def frequencies(self) -> IntArray:
        return self._frequencies

    @property
    def complete(self) -> bool:
        return False

    def learn(self) -> None:
        """Take in what is known of the whole by now. A stem that is not known of is as rare as it is here."""
        found, known = self._lists.counts.copy(), self._whole.frequencies
        terms = self._term.find(np.fromiter(known, np.uint64, len(known)))
        here = terms != EMPTY
        often = np.fromiter(known.values(), np.int64, len(known))
        found[terms[here]] = np.maximum(found[terms[here]], often[here])
        self._frequencies = found
        self._count, self._total = self._whole.memories, self._whole.words
        self._changed()

    def measure(self, rows: IntArray, lengths: IntArray) -> None:
        """Let ``rows`` be as long as ``lengths`` (R,) say, of whose words not all are here."""
        self._lengths.data[rows] = lengths
        self._changed()

    def df(self, stem: str) -> int:
        """In how many memories of the whole the stem stands; it need stand in none of these."""
        return self._whole.frequencies.get(self._key(stem), 0)

    def dfs(self, stems: Sequence[str]) -> list[int]:
        return [*map(self.df, stems)]


class PartAssociator(HebbianAssociator):
    """Associations of some memories; what leads to a target is counted in the whole."""

    def __init__(self, n_units: int, damping: float) -> None:
        super().__init__(n_units, damping=damping)
        self.degrees: dict[int, int] = {}  # by row

    def in_degree(self, target: int) -> int:
        return max(super().in_degree(target), self.degrees.get(target, 0))


class Part(Shard):
    """A shard of ``rows`` alone; `learn` tells it of the whole.

    Args:
        namespace, dimension, pattern_bytes, lexicon, config: as for `Shard`.
        rows: those that are here; None for none at all.
        whole: what is known of the namespace that they are a part of.
    """

    def __init__(
        self,
        namespace: str,
        dimension: int,
        pattern_bytes: int,
        lexicon: Lexicon,
        config: MemoryConfig,
        rows: Rows | None,
        whole: Whole,
    ) -> None:
        self._whole = whole
        super().__init__(namespace, dimension, pattern_bytes, lexicon, config)
        self.apply(Changes(START, added=rows))

    def learn(self, associations: Mapping[int, Mapping[int, float]]) -> None:
        """Take in what is known of the whole by now: it is then as if that had been known from the first.

        Args:
            associations: source seq -> {target seq: weight}, as far as both are among the rows.
        """
        for seq, targets in associations.items():
            source = self._row_of(seq)
            if source is not None:
                self._associate(source, targets)
        self._postings.learn()
        self.wordings.count_as(self._whole.told)
        self.repeats.count_as(self._whole.repeated)
        for seq, degree in self._whole.led_to.items():
            row = self._row_of(seq)
            if row is not None:
                self._degrees[row] = degree

    def clear(self) -> None:
        super().clear()
        self.postings = self._postings = PartPostings(self._config, self.lexicon.key, self._whole)
        associator = PartAssociator(self._config.n_units, self._config.hub_damping)
        self.associator, self._degrees = associator, associator.degrees

    def dated(self, period: Period, fade: float) -> tuple[npt.NDArray[np.float32], int] | None:
        count = self._whole.dated.get(period)
        return None if count is None else (self.fields.closeness(period, fade), count)
