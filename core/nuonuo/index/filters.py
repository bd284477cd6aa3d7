"""Filters: which rows of a namespace a `where`, a session or a span of time lets through.

Fields are kept by column, each value once: a filter is a comparison of small integers, and the k hits
inside a filter are found whenever k exist, since it is applied before anything is searched.

What a record is (its role, its session) and what its metadata says are kept apart, so that neither shadows
the other. A plain name means both: {"role": "manager"} lets through whose own role or whose metadata's
"role" it is, and {"role": {"$ne": "manager"}} exactly the rest. {"$record": {"role": ...}} and
{"$metadata": {"role": ...}} look at one of them alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.dates import Period
from nuonuo.index.arrays import Growable
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
from nuonuo.records import Memory

BoolArray = npt.NDArray[np.bool_]

_ABSENT = -1


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
        self._own: dict[str, _Column] = {}  # by name, what the record is
        self._columns: dict[str, _Column] = {}  # by name, what its metadata says

    def append(self) -> None:
        """Make room for the next row; it has no fields until it is `put`."""
        self.times.append()
        for column in (*self._own.values(), *self._columns.values()):
            column.append()

    def closeness(self, period: Period, fade: float) -> npt.NDArray[np.float32]:
        """As `Times.closeness`."""
        return self.times.closeness(period, fade)

    def put(self, row: int, memory: Memory) -> None:
        """Take in the fields of ``row``, which must be new or cleared."""
        self.times.put(row, memory)
        own = {name: getattr(memory, name) for name in OWN}
        for columns, values in ((self._own, own), (self._columns, memory.metadata)):
            for name, value in values.items():
                if value is not None:
                    if name not in columns:
                        columns[name] = _Column(len(self.times))
                    columns[name].put(row, key_of(value))

    def clear(self, row: int) -> None:
        """Forget ``row``, and every value and field that no other row has."""
        self.times.clear(row)
        for columns in (self._own, self._columns):
            for name in [name for name, column in columns.items() if column.clear(row)]:
                del columns[name]

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
        for scope, columns in ((RECORD, self._own), (METADATA, self._columns)):
            values = {name: column.value(row) for name, column in columns.items()}
            found[scope] = {name: value for name, value in values.items() if value is not None}
        return found

    @property
    def nbytes(self) -> int:
        columns = (*self._own.values(), *self._columns.values())
        return self.times.nbytes + sum(column.nbytes for column in columns)

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
        for columns in [self._own] * (scope != METADATA) + [self._columns] * (scope != RECORD):
            if name in columns:
                column = columns[name]
                found |= column.isin(wanted) if listed else column.passing(passes)
                known |= column.known
        head, _, path = name.partition(".")
        if path and scope != RECORD and head in self._columns:
            column = self._columns[head]
            within = {key: inside(key, path) for key in column.keys}
            found |= column.passing(lambda key: within[key] != NULL and passes(within[key]))
            known |= column.passing(lambda key: within[key] != NULL)
        return found | ~known if passes(NULL) else found  # absent is None


class _Column:
    """One field, by row: the number of its value among the distinct ones, or _ABSENT."""

    def __init__(self, n: int) -> None:
        self._numbers = Growable(np.int32)
        self._numbers.append(np.full(n, _ABSENT))
        self._number: dict[Key, int] = {}
        self._keys: list[Key | None] = []
        self._uses: list[int] = []

    def append(self) -> None:
        self._numbers.append([_ABSENT])

    def put(self, row: int, key: Key) -> None:
        number = self._number.get(key)
        if number is None:
            number = self._number[key] = len(self._keys)
            self._keys.append(key)
            self._uses.append(0)
        self._uses[number] += 1
        self._numbers.data[row] = number

    def clear(self, row: int) -> bool:
        """Forget the row's value; True if no row has one any more."""
        number = int(self._numbers.data[row])
        if number != _ABSENT:
            self._numbers.data[row] = _ABSENT
            self._uses[number] -= 1
            if not self._uses[number]:
                del self._number[self._keys[number]]  # type: ignore[arg-type]
                self._keys[number] = None
        return not self._number

    @property
    def keys(self) -> list[Key]:
        return list(self._number)

    @property
    def known(self) -> BoolArray:
        """Which rows (n,) have a value."""
        return np.asarray(self._numbers.data != _ABSENT)

    def passing(self, test: Callable[[Key], bool]) -> BoolArray:
        """The rows (n,) that have a value that passes; each distinct one is tested once."""
        return self.isin({key for key in self._number if test(key)})

    def isin(self, keys: Set[Key]) -> BoolArray:
        numbers = [self._number[key] for key in keys if key in self._number]
        if len(numbers) == 1:
            return np.asarray(self._numbers.data == numbers[0])
        return np.isin(self._numbers.data, np.array(numbers, np.int32))

    def value(self, row: int) -> Key | None:
        number = int(self._numbers.data[row])
        return None if number == _ABSENT else self._keys[number]

    @property
    def nbytes(self) -> int:
        return self._numbers.nbytes + len(self._keys) * 150
