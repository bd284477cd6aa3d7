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
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.dates import Period
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.arrays import Growable
from nuonuo.index.times import Times
from nuonuo.records import Memory

BoolArray = npt.NDArray[np.bool_]

_ABSENT = -1
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_RECORD, _METADATA = "$record", "$metadata"
_OWN = ("role", "session_id")  # of a record, beside its time
_OPERATORS = ("$eq", "$ne", "$in", "$nin", *_ORDERED)

Key = tuple[str, Any]  # kind and value, so that 1 and True differ while 1 and 1.0 do not
_NULL: Key = ("null", None)


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
        own = {name: getattr(memory, name) for name in _OWN}
        for columns, values in ((self._own, own), (self._columns, memory.metadata)):
            for name, value in values.items():
                if value is not None:
                    if name not in columns:
                        columns[name] = _Column(len(self.times))
                    columns[name].put(row, _key(value))

    def clear(self, row: int) -> None:
        """Forget ``row``, and every value and field that no other row has."""
        self.times.clear(row)
        for columns in (self._own, self._columns):
            for name in [name for name, column in columns.items() if column.clear(row)]:
                del columns[name]

    def mask(
        self,
        alive: BoolArray,
        *,
        session_id: str | None,
        where: Mapping[str, Any] | None,
        after: datetime | None,
        before: datetime | None,
    ) -> BoolArray:
        """The rows of ``alive`` (n,) that meet every condition; time is in [after, before)."""
        mask = alive.copy()
        if session_id is not None:
            mask &= self._matches(_RECORD, "session_id", "$eq", session_id)
        if after is not None or before is not None:
            mask &= self.times.within(after, before)
        for scope, name, op, value in _flat(where or {}):
            mask &= self._matches(scope, name, op, value)
        return mask

    def state(self, row: int) -> dict[str, Any]:
        """What is kept of ``row``: for comparing two states."""
        found: dict[str, Any] = {"time": self.times.state(row)}
        for scope, columns in ((_RECORD, self._own), (_METADATA, self._columns)):
            values = {name: column.value(row) for name, column in columns.items()}
            found[scope] = {name: value for name, value in values.items() if value is not None}
        return found

    @property
    def nbytes(self) -> int:
        columns = (*self._own.values(), *self._columns.values())
        return self.times.nbytes + sum(column.nbytes for column in columns)

    def _matches(self, scope: str | None, name: str, op: str, value: Any) -> BoolArray:
        """The rows (n,) that hold under ``name``, in any part of ``scope``, what is asked for."""
        if op in ("$nin", "$ne"):
            return ~self._matches(scope, name, "$in" if op == "$nin" else "$eq", value)
        parts = {_RECORD: [self._own], _METADATA: [self._columns], None: [self._own, self._columns]}[scope]
        named = [columns[name] for columns in parts if name in columns]
        found = np.zeros(len(self.times), bool)
        if op in _ORDERED:
            kind, wanted = _key(value)
            compare = _ORDERED[op]
            for column in named:
                found |= column.isin(
                    [key for key in column.keys if key[0] == kind and compare(key[1], wanted)]
                )
            return found
        keys = [_key(each) for each in (value if op == "$in" else [value])]
        for column in named:
            found |= column.isin(keys)
        if _NULL in keys:  # there is nothing by that name
            found |= ~np.any([column.known for column in named], axis=0) if named else True
        return found


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

    def isin(self, keys: Sequence[Key]) -> BoolArray:
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


def conditions(name: str, condition: Any) -> list[tuple[str, Any]]:
    """One field's condition as (operator, value) pairs.

    Raises:
        InvalidInputError: an unknown operator, or a value that its operator cannot take.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(f"a filter's field must be a str, got {name!r}")
    if not (isinstance(condition, Mapping) and any(str(key).startswith("$") for key in condition)):
        return [("$eq", condition)]
    for op, value in condition.items():
        if op not in _OPERATORS:
            raise InvalidInputError(
                f"the filter on {name!r} has the operator {op!r}; expected one of {', '.join(_OPERATORS)}"
            )
        if op in ("$in", "$nin") and (
            isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__")
        ):
            raise InvalidInputError(f"{op} on {name!r} needs a list of values, got {value!r}")
        if op in _ORDERED and (isinstance(value, bool) or not isinstance(value, (int, float, str))):
            raise InvalidInputError(f"{op} on {name!r} needs a number or a str, got {value!r}")
    return list(condition.items())


def check_where(where: object) -> None:
    """Raise `InvalidTypeError` or `InvalidInputError` unless ``where`` is a filter."""
    if where is None:
        return
    if not isinstance(where, Mapping):
        raise InvalidTypeError(
            f"where must be a mapping such as {{'role': 'user'}}, got {type(where).__name__} {where!r}"
        )
    for scope, name, _, value in _flat(where):
        if scope == _RECORD and name not in _OWN:
            raise InvalidInputError(
                f"{_RECORD} has the fields {', '.join(_OWN)}, got {name!r}; times are filtered by after= and "
                "before=, ids by exclude="
            )
        _key(list(value) if isinstance(value, (set, frozenset, tuple)) else value)


def _flat(where: Mapping[str, Any]) -> Iterator[tuple[str | None, str, str, Any]]:
    """The conditions of ``where`` as (the part that is looked at or None for any, name, operator, value)."""
    for name, condition in where.items():
        if name not in (_RECORD, _METADATA):
            yield from ((None, name, op, value) for op, value in conditions(name, condition))
            continue
        if not isinstance(condition, Mapping):
            raise InvalidTypeError(f"{name} takes a mapping such as {{'role': 'user'}}, got {condition!r}")
        for field, inner in condition.items():
            yield from ((name, field, op, value) for op, value in conditions(field, inner))


def _key(value: Any) -> Key:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, (int, float)):
        return ("number", value)
    if isinstance(value, str):
        return ("str", value)
    try:
        return ("json", json.dumps(value, sort_keys=True))
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"a filter compares JSON values, got {value!r}: {error}") from error
