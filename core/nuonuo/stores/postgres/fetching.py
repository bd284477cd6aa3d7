"""The memories of one namespace, read out of the database as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.records import Memory
from nuonuo.stores.base import Rows
from nuonuo.stores.codec import unpack_memory, unpack_rows
from nuonuo.stores.exploring import Vectors
from nuonuo.stores.layout import unpack_vectors
from nuonuo.stores.postgres.bodies import LEAD
from nuonuo.stores.sums import Sums


class Fetched:
    """What was read of a namespace in one transaction: each memory once, unpacked as far as it was needed.

    Args:
        ask: gives the rows of a statement, which is told with its values; ``%(id)s`` is the namespace.
        namespace: its name, for the memories.

    Attributes:
        known: seq -> digest of what a memory says, as far as that was found out.
    """

    def __init__(self, ask: Callable[..., list[tuple[Any, ...]]], sums: Sums, namespace: str) -> None:
        self._ask, self._sums, self._namespace = ask, sums, namespace
        self._read: Rows | None = None  # by order of their reading
        self._places: dict[int, int] = {}  # by seq
        self._packed: dict[int, tuple[Any, ...]] = {}  # by seq, what was read and is yet to be unpacked
        self._bodies: dict[int, tuple[Any, ...]] = {}  # by seq, the timestamp and the body of the memory
        self.known: dict[int, int] = {}

    def rows(self, seqs: Sequence[int]) -> Rows | None:
        """As `Explorer.rows`; each is unpacked once."""
        self._unpack(self._bring(seqs))
        here = sorted({seq for seq in seqs if seq in self._places})
        if self._read is None or not here:
            return None
        at = np.fromiter(map(self._places.__getitem__, here), np.int64, len(here))
        every = np.arange(len(self._read))
        return self._read if np.array_equal(at, every) else self._read.take(at)

    def vectors(self, seqs: Sequence[int]) -> Vectors | None:
        """As `Explorer.vectors`."""
        new = self._bring(seqs)
        if not new or any(seq in self._places for seq in seqs):
            rows = self.rows(seqs)
            if rows is None:
                return None
            return Vectors(rows.seqs, rows.traces.words.said, rows.traces.vectors, rows.traces.norms)
        vectors, norms, said = unpack_vectors([self._packed[seq][3] for seq in new], LEAD)
        self.known.update(zip(new, said.tolist(), strict=True))
        return Vectors(np.array(new, np.int64), said, vectors, norms)

    def _bring(self, seqs: Sequence[int]) -> list[int]:
        """Read those of ``seqs`` that were not read before; return those that are yet to be unpacked."""
        distinct = sorted({*seqs})
        new = [seq for seq in distinct if seq not in self._places and seq not in self._packed]
        query = "SELECT seq, stamp, body, traces FROM memories WHERE namespace = %(id)s"
        found = self._ask(f"{query} AND seq = ANY(%(seqs)t::bigint[])", seqs=new) if new else []
        self._sums.check([row[2] for row in found], LEAD)
        self._sums.check([row[3] for row in found], LEAD)
        self._packed.update((row[0], row) for row in found)
        self._bodies.update((row[0], row[1:3]) for row in found)
        return [seq for seq in distinct if seq in self._packed]

    def _unpack(self, seqs: Sequence[int]) -> None:
        """Unpack ``seqs``, ascending, which were read."""
        if not seqs:
            return
        here, stamps, bodies, traces = zip(*map(self._packed.pop, seqs), strict=True)
        rows = unpack_rows(here, stamps, bodies, traces, LEAD, self._namespace)
        assert rows is not None
        self.known.update(zip(here, rows.traces.words.said.tolist(), strict=True))
        self._places.update(zip(here, range(len(self._places), len(self._places) + len(here)), strict=True))
        joined = rows if self._read is None else Rows.join([self._read, rows])
        # By seq, however many readings were joined: each would call the one before it, and hold its arrays.
        self._read = replace(joined, memory=partial(_memory_at, joined.seqs, self._memory))

    def said(self, seqs: Sequence[int]) -> dict[int, int]:
        """As `Explorer.said`; what is `known` need not be read for it."""
        self._unpack(self._bring([seq for seq in seqs if seq not in self.known]))
        return {seq: self.known[seq] for seq in seqs if seq in self.known}

    def stored(self, seqs: Sequence[int]) -> dict[int, Memory]:
        """As `Explorer.stored`."""
        self._bring(seqs)
        return {seq: self._memory(seq) for seq in seqs if seq in self._bodies}

    def _memory(self, seq: int) -> Memory:
        stamp, body = self._bodies[seq]
        return unpack_memory(body, LEAD, stamp, self._namespace)

    def fields(self, seqs: Sequence[int]) -> Rows | None:
        """As `Explorer.fields`."""
        found = self._ask(
            "SELECT seq, stamp, body FROM memories WHERE namespace = %(id)s "
            "AND seq = ANY(%(seqs)t::bigint[]) ORDER BY seq",
            seqs=list(seqs),
        )
        return self._without_traces(found)

    def every(self, page: int, *, newest_first: bool) -> Iterator[Rows]:
        """As `Explorer.every`."""
        sign, order, last = ("<", "DESC", (1 << 63) - 1) if newest_first else (">", "ASC", 0)
        while True:
            found = self._ask(
                f"SELECT seq, stamp, body FROM memories WHERE namespace = %(id)s AND seq {sign} %(last)s "
                f"ORDER BY seq {order} LIMIT %(page)s",
                last=last,
                page=page,
            )
            rows = self._without_traces(sorted(found))
            if rows is None:
                return
            last = found[-1][0]
            yield rows

    def _without_traces(self, found: Sequence[tuple[Any, ...]]) -> Rows | None:
        self._sums.check([row[2] for row in found], LEAD)
        seqs, stamps, bodies = ([*column] for column in zip(*found, strict=True)) if found else ([], [], [])
        return unpack_rows(seqs, stamps, bodies, None, LEAD, self._namespace)


def _memory_at(seqs: IntArray, memory: Callable[[int], Memory], place: int) -> Memory:
    """The memory in the row ``place`` of those of ``seqs`` (N,)."""
    return memory(int(seqs[place]))
