"""Filters: which rows of a namespace a `where`, a session or a span of time lets through.

Fields are kept by column, each value once: a filter is a comparison of small integers, and the k hits
inside a filter are found whenever k exist, since it is applied before anything is searched.

What a record is (its role, its session) and what its metadata says are kept apart, so that neither shadows
the other. A plain name means both: {"role": "manager"} lets through whose own role or whose metadata's
"role" it is, and {"role": {"$ne": "manager"}} exactly the rest. {"$record": {"role": ...}} and
{"$metadata": {"role": ...}} look at one of them alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.encoding.dates import Period
from nuonuo.errors import NotAStoreError
from nuonuo.index.columns import Column
from nuonuo.index.times import Times
from nuonuo.index.where import (
    JOINS,
    METADATA,
    NULL,
    OPPOSITES,
    OWN,
    RECORD,
    Key,
    conditions,
    holds,
    inside,
    key_of,
    parts,
)
from nuonuo.stores.base import Rows

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a memory must meet: all of it; None for no condition.

    Attributes:
        session_id: its own. where: a filter. after, before: aware, in [after, before).
        exclude: the ids that it must not have.
    """

    session_id: str | None = None
    where: Mapping[str, Any] | None = None
    after: datetime | None = None
    before: datetime | None = None
    exclude: frozenset[str] = frozenset()


class Fields:
    """The role, session, time and metadata of each row, for filters."""

    def __init__(self) -> None:
        self.times = Times()
        self._own = {name: Column() for name in OWN}  # what the record is
        self._columns: dict[str, Column] = {}  # by name, what its metadata says
        self._unread: dict[int, str] = {}  # by row: metadata as JSON, which no filter has asked for yet

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they have no fields until they are `put`."""
        self.times.extend(n)
        for column in (*self._own.values(), *self._columns.values()):
            column.extend(n)

    def closeness(self, period: Period, fade: float) -> npt.NDArray[np.float32]:
        """As `Times.closeness`."""
        return self.times.closeness(period, fade)

    @property
    def sessions(self) -> Column:
        """Which session each row stands in."""
        return self._own["session_id"]

    def sessions_of(self, rows: IntArray) -> list[str | None]:
        """The name of the session that each of ``rows`` (C,) stands in; None for none."""
        return [None if key is None else str(key[1]) for key in self.sessions.values(rows)]

    def put(self, at: IntArray, rows: Rows) -> None:
        """Take in the fields of ``rows`` at ``at`` (N,), which must be new or cleared."""
        self.times.put(at, rows)
        for name, values in (("role", rows.roles), ("session_id", rows.sessions)):
            self._own[name].put(at, values)
        pairs = zip(at.tolist(), rows.metadata, strict=True)
        self._unread.update((row, metadata) for row, metadata in pairs if metadata)

    def _read(self) -> dict[str, Column]:
        """The columns of the metadata, of all rows."""
        found: dict[str, tuple[list[int], list[Any]]] = {}
        for row, metadata in self._unread.items():
            for name, value in _described(metadata).items():
                if value is not None:
                    rows, values = found.setdefault(name, ([], []))
                    rows.append(row)
                    values.append(value)
        self._unread.clear()
        for name, (rows, values) in found.items():
            column = self._columns.setdefault(name, Column())
            column.extend(len(self.times) - len(column.numbers))
            column.put(np.array(rows, np.int64), values)
        return self._columns

    def clear(self, row: int) -> None:
        """Forget ``row``, and every value and field that no other row has."""
        self.times.clear(row)
        self._unread.pop(row, None)
        for column in self._own.values():
            column.clear(row)
        for name in [name for name, column in self._columns.items() if column.clear(row)]:
            del self._columns[name]

    def mask(self, alive: BoolArray, conditions: Conditions) -> BoolArray:
        """The rows of ``alive`` (n,) that meet every condition, those on ids apart; a copy."""
        mask = alive.copy()
        if conditions.session_id is not None:
            mask &= self._matches(RECORD, "session_id", "$eq", conditions.session_id)
        if conditions.after is not None or conditions.before is not None:
            mask &= self.times.within(conditions.after, conditions.before)
        return mask & self._meets(conditions.where) if conditions.where else mask

    def state(self, row: int) -> dict[str, Any]:
        """What is kept of ``row``: for comparing two states."""
        found: dict[str, Any] = {"time": self.times.state(row)}
        for scope, columns in ((RECORD, self._own), (METADATA, self._read())):
            values = {name: column.value(row) for name, column in columns.items()}
            found[scope] = {name: value for name, value in values.items() if value is not None}
        return found

    @property
    def nbytes(self) -> int:
        columns = (*self._own.values(), *self._columns.values())
        unread = sum(map(len, self._unread.values())) + 150 * len(self._unread)
        return self.times.nbytes + sum(column.nbytes for column in columns) + unread

    def _meets(self, where: Mapping[str, Any], scope: str | None = None) -> BoolArray:
        """The rows (n,), dead ones among them, that meet all of ``where``, in any part of ``scope``."""
        mask = np.ones(len(self.times), bool)
        for name, condition in where.items():
            if name in JOINS:
                masks = [self._meets(part, scope) for part in parts(where, name)]
                joined = np.any(masks, axis=0) if name == "$or" else np.all(masks, axis=0)
                mask &= ~joined if name == "$not" else joined
            elif name in (RECORD, METADATA) and scope is None:
                mask &= self._meets(condition, name)
            else:
                for op, value in conditions(name, condition):
                    mask &= self._matches(scope, name, op, value)
        return mask

    def _matches(self, scope: str | None, name: str, op: str, value: Any) -> BoolArray:
        if op == "$not":
            return ~self._meets({name: value}, scope)
        if op in OPPOSITES:
            return ~self._matches(scope, name, OPPOSITES[op], value)
        wanted = {key_of(each) for each in (value if op == "$in" else [value])}
        listed = op in ("$eq", "$in")

        def passes(key: Key) -> bool:
            return key in wanted if listed else holds(key, op, value)

        found, known = np.zeros((2, len(self.times)), bool)
        said = self._read() if scope != RECORD else {}
        for columns in [self._own] * (scope != METADATA) + [said]:
            if name in columns:
                column = columns[name]
                found |= column.isin(wanted) if listed else column.passing(passes)
                known |= column.known
        head, _, path = name.partition(".")
        if path and head in said:
            column = said[head]
            within = {key: inside(key, path) for key in column.keys}
            found |= column.passing(lambda key: within[key] != NULL and passes(within[key]))
            known |= column.passing(lambda key: within[key] != NULL)
        return found | ~known if passes(NULL) else found  # absent is None


def _described(metadata: str) -> dict[str, Any]:
    """What ``metadata`` says; the store has told it as it was written, by whomever."""
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError) as error:
        raise NotAStoreError(
            f"the metadata of a stored memory is damaged ({error}); `nuonuo doctor` says which it is"
        ) from error
    if not isinstance(found, dict):
        raise NotAStoreError("the metadata of a stored memory is of another kind; `nuonuo doctor` says which")
    return found
