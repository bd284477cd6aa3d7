"""Asking a namespace that is too large for RAM: the store has candidates, and knows the whole.

A store that can do that has `Explorable` beside `Store`; what is found is put together by
`nuonuo.recall.wide`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, IntArray
from nuonuo.records import Memory
from nuonuo.stores.base import Rows

T = TypeVar("T")
Spans = Sequence[tuple[int, int]]  # from when to when, in microseconds since 1970


@dataclass(frozen=True, slots=True)
class Within:
    """Where candidates are looked for: in one session, in some spans of time; None for everywhere."""

    session_id: str | None = None
    spans: Spans | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Holders:
    """Which memories have some stems, by which links are weighed.

    Shapes:
        seqs: (H,), ascending. totals: (H,), how many words each has.
        at: (E,), an index into ``seqs``, ascending. stems: (E,) uint64, a key that stands there.
        counts: (E,), how often.
        titles: seq -> the keys of its title, in order, of those that have one.
    """

    seqs: IntArray
    totals: IntArray
    at: IntArray
    stems: npt.NDArray[np.uint64]
    counts: IntArray
    titles: Mapping[int, Sequence[int]]

    def without(self, seqs: IntArray) -> Holders:
        """All but those of ``seqs``."""
        kept = ~np.isin(self.seqs, seqs)
        own = kept[self.at]
        at = (kept.cumsum() - 1)[self.at[own]]
        return Holders(self.seqs[kept], self.totals[kept], at, self.stems[own], self.counts[own], self.titles)


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The vectors of N memories.

    Shapes:
        seqs: (N,), ascending. said: (N,), digests of what they say.
        vectors: blocks of rounded ones. norms: beside their rows.
    """

    seqs: IntArray
    said: npt.NDArray[np.uint64]
    vectors: Blocks
    norms: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Told:
    """How often a wording was said, and by those that can repeat each other; the newest that say it."""

    times: int
    repeated: int
    newest: Sequence[int]


class Explorer(Protocol):
    """One state of one namespace. Stems are known by their keys; a method costs a statement or two."""

    @property
    def memories(self) -> int:
        """How many there are."""
        ...

    @property
    def words(self) -> int:
        """How many words all of them have."""
        ...

    def frequencies(self, stems: Sequence[int]) -> dict[int, int]:
        """In how many memories each of ``stems`` stands; those that stand in none are left out."""
        ...

    def nearest(
        self,
        sketch: npt.NDArray[np.uint64],
        n: int,
        within: Within,
        state: npt.NDArray[np.float32] | None = None,
    ) -> list[int]:
        """The seqs of the ``n`` vectors whose bit sketches differ least from ``sketch``, nearest first.

        Those that differ as much as the last one are among them, the newest first, up to a bound of the
        store. A memory of several vectors may stand there more than once.

        Args:
            state: the vector (d,) that it is the sketch of; where not all are compared, it tells which are.
        """
        ...

    def expect_nearest(
        self,
        sketch: npt.NDArray[np.uint64],
        n: int,
        within: Within,
        state: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Say that `nearest` will be asked for: a store that can do it at the same time may begin."""
        ...

    def sharing(
        self, stems: Mapping[int, float], saturation: tuple[float, float], n: int, within: Within
    ) -> list[int]:
        """About the ``n`` memories of the greatest BM25, best first.

        Args:
            stems: key -> weight of what is looked for, the weightiest first. saturation: k1 and b.
        """
        ...

    def expect_sharing(
        self, stems: Mapping[int, float], saturation: tuple[float, float], n: int, within: Within
    ) -> AbstractContextManager[None]:
        """Say that `sharing` will be asked for: a store that can do it at the same time has begun.

        In the context other things can be asked for meanwhile; `sharing` is asked for after it.
        """
        ...

    def called(self, names: Sequence[int], most: int) -> list[int]:
        """Memories in whose title one of the names with these keys is.

        Of each name ``most`` at most, whole titles before others.
        """
        ...

    def beside(self, seqs: Sequence[int], reach: int) -> list[int]:
        """The memories that stand up to ``reach`` turns before or after one of ``seqs`` in its session."""
        ...

    def told(self, said: Sequence[int], most: int) -> AbstractContextManager[Callable[[], dict[int, Told]]]:
        """Ask what was said more than once among ``said`` (digests), with no more than ``most`` seqs of each.

        What the context gives waits for the answer; a store that can do both at a time goes on meanwhile.
        """
        ...

    def holders(self, stems: Sequence[int]) -> Holders:
        """The memories in which any of ``stems`` stands, and which of them."""
        ...

    def associations(self, seqs: Sequence[int]) -> dict[int, dict[int, float]]:
        """source -> {target: weight} of the explicit associations that leave ``seqs``."""
        ...

    def led_to(self, seqs: Sequence[int]) -> dict[int, int]:
        """How many explicit associations lead to each of ``seqs``."""
        ...

    def lifetime(self) -> tuple[int, int] | None:
        """The first and the last timestamp, in microseconds; None where there is none."""
        ...

    def dated(self, spans: Spans) -> int:
        """How many timestamps lie in ``spans``."""
        ...

    def rows(self, seqs: Sequence[int]) -> Rows | None:
        """The memories with these seqs that are there, with their traces; what was read before is kept."""
        ...

    def vectors(self, seqs: Sequence[int]) -> Vectors | None:
        """As `rows`, of which the rest is looked at later."""
        ...

    def said(self, seqs: Sequence[int]) -> dict[int, int]:
        """seq -> digest of its wording, of those of ``seqs`` that are there; read by `rows`, if need be."""
        ...

    def stored(self, seqs: Sequence[int]) -> dict[int, Memory]:
        """seq -> memory, of those of ``seqs`` that are there; read as by `rows`, if need be."""
        ...

    def fields(self, seqs: Sequence[int]) -> Rows | None:
        """As `rows`, without traces, and without keeping them."""
        ...

    def every(self, page: int, *, newest_first: bool) -> Iterator[Rows]:
        """All memories, as `fields`, ``page`` at a time."""
        ...


@runtime_checkable
class Explorable(Protocol):
    """A store in which a namespace can be asked that no process holds."""

    def widened(self, namespace: str, bound: int) -> bool:
        """Whether ``namespace`` has more than ``bound`` memories, and can be explored.

        The first one to ask has it made ready for that, which takes its time; whoever writes keeps it so.
        """
        ...

    def explore(self, namespace: str, work: Callable[[Explorer], T]) -> T:
        """What ``work`` makes of one state of ``namespace``; it may be called again."""
        ...

    def get_seqs(self, namespace: str, seqs: Sequence[int]) -> list[Memory | None]:
        """As `Store.get_seqs`."""
        ...
