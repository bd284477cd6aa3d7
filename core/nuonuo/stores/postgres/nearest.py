"""The memories nearest to a question by their bit sketches: in its cells, by an index, or of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.stores.postgres.connections import settings
from nuonuo.stores.postgres.wide import bits

TIES = 3  # one in so many is read beyond those that are asked for, which may be as near as the last of them
ALIKE = 8192  # vectors beyond those that are asked for which are read for being as near as the last of them
FOUND = 1000  # vectors that cells or an index are asked for at most
# By whether there is an index of sketches: how the next statement is planned, and all after it.
_PLANNED = {
    False: settings({"enable_seqscan": "on", "max_parallel_workers_per_gather": None}),
    True: settings({"hnsw.ef_search": str(FOUND // 2), "hnsw.iterative_scan": "relaxed_order"}),
}
_OTHERS = settings({"enable_seqscan": "off", "max_parallel_workers_per_gather": "0"})

Row = tuple[int, int]  # seq, distance
Begin = Callable[..., Callable[[], list[tuple[Any, ...]]]]


class Nearest:
    """The ``n`` vectors that differ least from ``sketch`` (w,), and those that differ as much as the last.

    What is first asked for goes out at once; `found` waits for it.

    Args:
        begin: sends a statement with its values; what it gives waits for the rows.
        where, values: a condition on seqs.
        cells: where to look; None for everywhere. All are compared where too few are found there.
        vectors: the schema of pgvector, None where it is not there. indexed: whether its index is to be used.
    """

    def __init__(
        self,
        begin: Begin,
        sketch: npt.NDArray[np.uint64],
        n: int,
        where: str,
        values: Mapping[str, Any],
        *,
        cells: Sequence[int] | None,
        vectors: str | None,
        indexed: bool,
    ) -> None:
        self._begin, self._n, self._where, self._indexed = begin, n, where, indexed
        self._cells = cells
        self._values = {**values, "sketch": bits(sketch[None, :])[0], "cells": [*(cells or ())]}
        self._distance = "bit_count(sketch # %(sketch)t::varbit)"
        if vectors is not None:
            width = 64 * len(sketch)
            kept = f"sketch::bit({width})" if indexed else "sketch"
            self._distance = f"{kept} OPERATOR({vectors}.<~>) %(sketch)t::bit({width})"
        self._first = self._ask(asked(n))

    def found(self) -> list[int]:
        """Their seqs, nearest first, the newest first of those that differ as much."""
        rows = self._ranked(self._first)
        if self._cells is not None and len(rows) < asked(self._n):
            self._cells = None
            rows = self._ranked(self._ask(asked(self._n)))
        return [seq for seq, distance in rows if distance <= rows[min(self._n, len(rows)) - 1][1]]

    def _ranked(self, answer: Callable[[], list[tuple[Any, ...]]]) -> list[Row]:
        """What was asked for, and more until nothing beyond it can be as near as the last."""
        most = asked(self._n)
        while True:
            rows = [(seq, int(distance)) for seq, distance in answer()]
            whole = len(rows) < most or rows[-1][1] > rows[self._n - 1][1]
            if whole or self._indexed or self._last(most):
                return sorted(rows, key=lambda row: (row[1], -row[0]))
            most *= 2
            answer = self._ask(most)

    def _last(self, most: int) -> bool:
        """Whether no more than ``most`` are asked for, however many are alike: the newest of them stand."""
        return most >= ALIKE + self._n

    def _ask(self, most: int) -> Callable[[], list[tuple[Any, ...]]]:
        scanned = self._cells is None
        order = "2, seq DESC" if self._last(most) and not self._indexed else "2"
        inside = self._where if scanned else f"{self._where} AND cell = ANY(%(cells)t::bigint[])"
        query = f"SELECT seq, {self._distance} FROM wide_sketches WHERE namespace = %(id)s{inside}"
        if scanned:  # by a scan of the table, unless there is an index for it
            self._begin(_PLANNED[self._indexed])
        answer = self._begin(f"{query} ORDER BY {order} LIMIT %(n)s", n=most, **self._values)
        if scanned:
            self._begin(_OTHERS)
        return answer


def asked(n: int) -> int:
    """How many are asked for, where ``n`` are wanted."""
    return n + n // TIES
