"""The grammar of a `where`: what a filter may say, and what it says of one value.

    where     := {field: condition, ..., "$and": [where, ...], "$or": [where, ...], "$not": where,
                  "$record": where, "$metadata": where}
    condition := value | {operator: value, ...}

All that stands in one mapping must hold. A field is one of the record's own, a name in the metadata, or
a path into it ("author.name"); a field that is absent is None.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nuonuo.errors import InvalidInputError, InvalidTypeError

Key = tuple[str, Any]  # kind and value, so that 1 and True differ while 1 and 1.0 do not
NULL: Key = ("null", None)

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
OPPOSITES = {"$ne": "$eq", "$nin": "$in"}
_OPERATORS = ("$eq", "$ne", "$in", "$nin", *_ORDERED, "$contains", "$icontains", "$exists", "$not")
JOINS = ("$and", "$or", "$not")
RECORD, METADATA = "$record", "$metadata"  # what a record is, and what its metadata says
OWN = ("role", "session_id")  # of a record, beside its time


def key_of(value: Any) -> Key:
    """What ``value`` is equal by.

    Raises:
        InvalidInputError: JSON has no such value.
    """
    if value is None:
        return NULL
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


def is_field(name: str, scope: str | None) -> bool:
    """Whether ``name``, which begins with "$", is a field: metadata may hold what looks like a scope."""
    return scope == METADATA and name in (RECORD, METADATA)


def parts(where: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    """The filters that the join ``name`` joins."""
    return [where[name]] if name == "$not" else where[name]


def conditions(name: str, condition: Any) -> list[tuple[str, Any]]:
    """One field's condition as (operator, value) pairs.

    Raises:
        InvalidTypeError: a field that is no str.
        InvalidInputError: an unknown operator, or a value that its operator cannot take.
    """
    if not isinstance(name, str):
        raise InvalidTypeError(f"a filter's field must be a str, got {name!r}")
    if not _has_operators(condition):
        _check_plain(name, condition)
        return [("$eq", condition)]
    for op, value in condition.items():
        _check(name, op, value)
    return list(condition.items())


def holds(key: Key, op: str, wanted: Any) -> bool:
    """Whether the value of ``key`` meets an operator; not for $ne, $nin and $not, which are opposites."""
    if op in _ORDERED:
        kind, bound = key_of(wanted)
        return key[0] == kind and _ORDERED[op](key[1], bound)
    if op == "$exists":
        return (key != NULL) is wanted
    if op == "$icontains":
        return key[0] == "str" and wanted.lower() in key[1].lower()
    if op == "$contains":
        return _contains(key, wanted)
    return key in [key_of(each) for each in (wanted if op == "$in" else [wanted])]


def inside(key: Key, path: str) -> Key:
    """The value at ``path`` in the value of ``key``; None where it has none. A name may hold dots."""
    value = json.loads(key[1]) if key[0] == "json" else None
    while isinstance(value, dict) and path not in value:
        name, _, path = path.partition(".")
        value = value.get(name)
    return key_of(value[path]) if isinstance(value, dict) else NULL


def check_where(where: object, scope: str | None = None) -> None:
    """Raise `InvalidTypeError` or `InvalidInputError` unless ``where`` is a filter, of ``scope``'s fields."""
    if where is None:
        return
    if not isinstance(where, Mapping):
        raise InvalidTypeError(
            f"where must be a mapping such as {{'role': 'user'}}, got {type(where).__name__} {where!r}"
        )
    for name, condition in where.items():
        if name in (RECORD, METADATA) and scope is None:
            if not isinstance(condition, Mapping):
                raise InvalidTypeError(
                    f"{name} takes a mapping such as {{'role': 'user'}}, got {condition!r}"
                )
            check_where(condition, name)
        elif isinstance(name, str) and name.startswith("$") and not is_field(name, scope):
            _check_join(name, condition)
            for part in parts(where, name):
                check_where(part, scope)
        elif scope == RECORD and name not in OWN:
            raise InvalidInputError(
                f"{RECORD} has the fields {', '.join(OWN)}, got {name!r}; times are filtered by after= and "
                "before=, ids by exclude="
            )
        else:
            conditions(name, condition)


def _check_join(name: str, joined: Any) -> None:
    if name not in JOINS:
        raise InvalidInputError(
            f"a filter joins others by {', '.join(JOINS)}, got {name!r}; "
            f"an operator stands behind its field: {{'page': {{{name!r}: ...}}}}"
        )
    good = isinstance(joined, Mapping) if name == "$not" else isinstance(joined, (list, tuple)) and joined
    if not good or not all(isinstance(part, Mapping) for part in ([] if name == "$not" else joined)):
        needed = "a filter" if name == "$not" else "a list of filters, one at least"
        raise InvalidInputError(f"{name} needs {needed}, got {joined!r}")


def _check(name: str, op: Any, value: Any) -> None:
    if op not in _OPERATORS:
        raise InvalidInputError(
            f"the filter on {name!r} has the operator {op!r}; expected one of {', '.join(_OPERATORS)}"
        )
    if op in ("$in", "$nin"):
        if not isinstance(value, (list, tuple, set, frozenset)):
            raise InvalidInputError(f"{op} on {name!r} needs a list of values, got {value!r}")
        _check_plain(name, list(value))
    elif op in _ORDERED:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise InvalidInputError(f"{op} on {name!r} needs a number or a str, got {value!r}")
    elif op == "$exists":
        if not isinstance(value, bool):
            raise InvalidInputError(f"$exists on {name!r} needs True or False, got {value!r}")
    elif op == "$icontains":
        if not isinstance(value, str):
            raise InvalidInputError(f"$icontains on {name!r} needs a str, got {value!r}")
    elif op == "$not":
        if not _has_operators(value):
            raise InvalidInputError(f"$not on {name!r} needs a condition such as {{'$gt': 3}}, got {value!r}")
        conditions(name, value)
    else:
        _check_plain(name, value)


def _check_plain(name: str, value: Any) -> None:
    """Raise unless ``value`` is JSON without operators: deeper ones would be compared as if stored."""
    key_of(value)
    within = value.items() if isinstance(value, Mapping) else ()
    inner = [(f"{name}.{key}", each) for key, each in within]
    inner += [(name, each) for each in value] if isinstance(value, (list, tuple)) else []
    for path, each in inner:
        if _has_operators(each):
            raise InvalidInputError(
                f"the filter on {name!r} has an operator inside of a value, {each!r}; "
                f"name a field inside of another by its path: {{{path!r}: {each!r}}}"
            )
        _check_plain(path, each)


def _has_operators(condition: Any) -> bool:
    return isinstance(condition, Mapping) and any(str(key).startswith("$") for key in condition)


def _contains(key: Key, wanted: Any) -> bool:
    if key[0] == "str":
        return isinstance(wanted, str) and wanted in key[1]
    held = json.loads(key[1]) if key[0] == "json" else None
    if isinstance(held, dict):
        return isinstance(wanted, str) and wanted in held
    return isinstance(held, list) and key_of(wanted) in map(key_of, held)
