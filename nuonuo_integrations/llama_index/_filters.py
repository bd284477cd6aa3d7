"""LlamaIndex metadata filters in the engine's own grammar."""

from __future__ import annotations

from typing import Any

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)

from nuonuo.errors import InvalidInputError, InvalidTypeError

Condition = tuple[str, str, Any]  # field, operator, value; conditions are ANDed

_SETS = {
    FilterOperator.EQ: "$in",
    FilterOperator.IN: "$in",
    FilterOperator.NE: "$nin",
    FilterOperator.NIN: "$nin",
    FilterOperator.IS_EMPTY: "$in",
}
_RANGES = {
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
}
_OPPOSITE = {"$in": "$nin", "$nin": "$in"}
_EMPTY: list[Any] = [None, "", []]


def where_of(filters: MetadataFilters | None) -> dict[str, Any] | None:
    """The engine's ``where`` for ``filters``; None where nothing is filtered.

    The engine ANDs conditions on fields. So OR is possible between values of one field, and NOT
    where the opposite of a condition is again a condition.

    Raises:
        InvalidTypeError: ``filters`` is no ``MetadataFilters``.
        InvalidInputError: the filters ask for what the engine cannot express.
    """
    if filters is None:
        return None
    if not isinstance(filters, MetadataFilters):
        raise InvalidTypeError(
            f"filters must be a LlamaIndex MetadataFilters, got {type(filters).__name__} {filters!r}"
        )
    where: dict[str, dict[str, Any]] = {}
    for field, operator, value in _conditions(filters):
        known = where.setdefault(field, {})
        known[operator] = _both(field, operator, known[operator], value) if operator in known else value
    return dict(where) or None


def _conditions(filters: MetadataFilters) -> list[Condition]:
    parts = [
        _conditions(each) if isinstance(each, MetadataFilters) else [_condition(each)]
        for each in filters.filters
    ]
    if filters.condition == FilterCondition.NOT:  # as in LlamaIndex's own stores: none of them matches
        return [_negated(part) for part in parts]
    if filters.condition == FilterCondition.OR and len(parts) > 1:
        return [_either(parts)]
    return [each for part in parts for each in part]


def _condition(filter_: MetadataFilter) -> Condition:
    key, operator, value = filter_.key, filter_.operator, filter_.value
    if operator in _RANGES:
        return key, _RANGES[operator], value
    if operator not in _SETS:
        known = ", ".join(repr(each.value) for each in (*_SETS, *_RANGES))
        raise InvalidInputError(
            f"the filter on {key!r} uses {operator.value!r}, which looks inside a value; expected one of "
            f"{known}; put it into the query's words, or filter the nodes with a postprocessor"
        )
    if operator == FilterOperator.IS_EMPTY:
        return key, "$in", _EMPTY
    if operator in (FilterOperator.IN, FilterOperator.NIN):
        if not isinstance(value, list):
            raise InvalidInputError(
                f"the filter on {key!r} uses {operator.value!r}, which needs a list of values, got {value!r}"
            )
        return key, _SETS[operator], value
    return key, _SETS[operator], [value]


def _negated(part: list[Condition]) -> Condition:
    if len(part) == 1 and part[0][1] in _OPPOSITE:
        field, operator, value = part[0]
        return field, _OPPOSITE[operator], value
    raise InvalidInputError(
        f"NOT over {_shown(part)} cannot be expressed; it is possible over '==', '!=', 'in', 'nin' and "
        "'is_empty'; turn a comparison round yourself ('>' into '<=')"
    )


def _either(parts: list[list[Condition]]) -> Condition:
    fields = {field for part in parts for field, _, _ in part}
    if len(fields) == 1 and all(len(part) == 1 and part[0][1] == "$in" for part in parts):
        return fields.pop(), "$in", [value for part in parts for value in part[0][2]]
    raise InvalidInputError(
        f"OR over {', '.join(_shown(part) for part in parts)} cannot be expressed; it is possible between "
        "'==' and 'in' of one field; for the rest, ask once for each alternative (QueryFusionRetriever)"
    )


def _both(field: str, operator: str, old: Any, new: Any) -> Any:
    """One value for an operator that was asked twice of one field."""
    if operator == "$in":
        return [each for each in old if each in new]
    if operator == "$nin":
        return [*old, *new]
    try:
        return max(old, new) if operator in ("$gt", "$gte") else min(old, new)
    except TypeError as error:
        raise InvalidInputError(
            f"the filters on {field!r} compare it with {old!r} and with {new!r}; use values of one type"
        ) from error


def _shown(part: list[Condition]) -> str:
    return " and ".join(f"{field!r} {operator} {value!r}" for field, operator, value in part)
