"""LangGraph's store filters: what its own stores do, on the engine or on the values.

{"kind": "pet"}                      equal
{"n": {"$gt": 1, "$lte": 3}}         $eq, $ne, $gt, $gte, $lt, $lte
{"meta": {"by": "me"}}               inside of a dict, by any of these
{"meta.by": "me"}                    the same; a field of that very name goes first
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.langchain._items import VALUE

_RANGES: Mapping[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_OPERATORS = ("$eq", "$ne", *_RANGES)


def checked(filter_: Any) -> dict[str, Any]:
    """``filter_`` if it means something to LangGraph's stores.

    Raises:
        InvalidTypeError: no dict with str keys, or a comparison with what no value can be.
        InvalidInputError: an operator that LangGraph's stores do not have ($or, $in, ...), or a
            comparison with what has no order.
    """
    if filter_ is None:
        return {}
    if not isinstance(filter_, Mapping):
        raise InvalidTypeError(
            f"filter must be a dict such as {{'kind': 'pet'}}, got {type(filter_).__name__} {filter_!r}"
        )
    for name, wanted in filter_.items():
        if not isinstance(name, str):
            raise InvalidTypeError(f"the filter has the field {name!r}; fields are str")
        if name.startswith("$"):
            raise InvalidInputError(
                f"the filter has {name!r}, which LangGraph's stores do not know: each key is a field, "
                f"and all conditions hold together; the operators on a field are {', '.join(_OPERATORS)}"
            )
        _check(wanted, name)
    return dict(filter_)


def _check(wanted: Any, name: str) -> None:
    if _has_operators(wanted):
        for op, bound in wanted.items():
            if op not in _OPERATORS:
                raise InvalidInputError(
                    f"the filter on {name!r} has the operator {op!r}; "
                    f"LangGraph's stores know {', '.join(_OPERATORS)}"
                )
            if op in _RANGES and _kind(bound) not in ("number", "str"):
                raise InvalidInputError(f"{op} on {name!r} needs a number or a str, got {bound!r}")
            _check_value(bound, name)
    elif isinstance(wanted, dict):
        for each, inner in wanted.items():
            if not isinstance(each, str):
                raise InvalidTypeError(f"the filter on {name!r} has the key {each!r}; keys are str")
            _check(inner, f"{name}.{each}")
    elif isinstance(wanted, (list, tuple)):
        for number, inner in enumerate(wanted):
            _check(inner, f"{name}[{number}]")
    else:
        _check_value(wanted, name)


def _check_value(bound: Any, name: str) -> None:
    if bound is not None and not isinstance(bound, (bool, int, float, str, list, tuple, dict)):
        raise InvalidTypeError(
            f"the filter on {name!r} compares with {type(bound).__name__} {bound!r}; no value is one: "
            "they are str, numbers, bool, None, lists, tuples and dicts"
        )


def where_of(filter_: Mapping[str, Any]) -> tuple[dict[str, Any] | None, list[str]]:
    """The engine's filter for ``filter_``, and the engine's fields in which it supposes that no text stands.

    None where only the values themselves can tell: the engine compares whole fields, by kind, and neither
    looks inside of them nor reads "10" as a number.
    """
    numeric = []
    for name, wanted in filter_.items():
        bounds = wanted if _has_operators(wanted) else {"$eq": wanted}
        ranges = [bound for op, bound in bounds.items() if op in _RANGES]
        if (
            "." in name
            or any(_kind(bound) == "json" for bound in bounds.values())
            or any(isinstance(bound, str) and _number(bound) is not None for bound in ranges)
        ):
            return None, []
        if any(_kind(bound) == "number" for bound in ranges):
            numeric.append(VALUE + name)
    return {VALUE + name: wanted for name, wanted in filter_.items()}, numeric


def matches(value: Mapping[str, Any], filter_: Mapping[str, Any]) -> bool:
    """Whether ``value`` meets every condition."""
    return all(_meets(_field(value, name), wanted) for name, wanted in filter_.items())


def _field(value: Mapping[str, Any], name: str) -> Any:
    if name in value or "." not in name:
        return value.get(name)
    found: Any = value
    for part in name.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _meets(value: Any, wanted: Any) -> bool:
    if _has_operators(wanted):
        return all(_holds(value, op, bound) for op, bound in wanted.items())
    if isinstance(wanted, dict):
        return isinstance(value, dict) and all(_meets(value.get(name), each) for name, each in wanted.items())
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, (list, tuple)) and len(value) == len(wanted) and all(map(_meets, value, wanted))
        )
    return _holds(value, "$eq", wanted)


def _holds(value: Any, op: str, bound: Any) -> bool:
    if op in _RANGES:
        pair = _number(value), _number(bound)
        if None not in pair:
            return _RANGES[op](*pair)
        # Texts that are no numbers, such as dates, by their letters, as the stores on SQL do.
        return isinstance(value, str) and isinstance(bound, str) and _RANGES[op](value, bound)
    equal = _kind(value) == _kind(bound) and value == bound
    return bool(equal) if op == "$eq" else not equal


def _number(value: Any) -> int | float | None:
    """``value`` as LangGraph's stores compare it: "10" is a number. True is none, nor is a man called Nan."""
    if _kind(value) == "number":
        found: int | float = value
        return found
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _has_operators(wanted: Any) -> bool:
    return isinstance(wanted, dict) and any(str(name).startswith("$") for name in wanted)


def _kind(value: Any) -> str:
    """Values of two kinds are never equal: True is not 1, though Python says so."""
    if isinstance(value, bool) or value is None:
        return str(type(value))
    return "number" if isinstance(value, (int, float)) else "str" if isinstance(value, str) else "json"
