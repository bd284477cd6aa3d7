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
from nuonuo.index.where import check_where

Where = dict[str, Any]

_SAME = {
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.TEXT_MATCH_INSENSITIVE: "$icontains",
    FilterOperator.CONTAINS: "$contains",
}
_LISTS = (FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL)
_EMPTY: list[Any] = [None, "", []]


def where_of(filters: MetadataFilters | None) -> Where | None:
    """The engine's ``where`` for ``filters``; None where nothing is filtered.

    What LlamaIndex's `SimpleVectorStore` lets through passes, at any depth of nesting. Where that one
    raises because a value that is stored has another type than the filter's, such a value does not pass.

    Raises:
        InvalidTypeError: ``filters`` is no ``MetadataFilters``.
        InvalidInputError: an operator with a value that it cannot take.
    """
    if filters is None:
        return None
    if not isinstance(filters, MetadataFilters):
        raise InvalidTypeError(
            f"filters must be a LlamaIndex MetadataFilters, got {type(filters).__name__} {filters!r}"
        )
    where = _group(filters)
    check_where(where)
    return where or None


def _group(filters: MetadataFilters) -> Where:
    parts = [_group(each) if isinstance(each, MetadataFilters) else _one(each) for each in filters.filters]
    if not parts:
        return {}
    if filters.condition == FilterCondition.OR:
        return {"$or": parts}
    if filters.condition == FilterCondition.NOT:  # none of them matches
        return {"$not": {"$or": parts}}
    return {"$and": parts}


def _one(filter_: MetadataFilter) -> Where:
    key, operator, value = filter_.key, filter_.operator, filter_.value
    if key.startswith("$"):
        raise InvalidInputError(f"a filter's key must not begin with '$', got {key!r}")
    if operator == FilterOperator.IS_EMPTY:
        return {key: {"$in": _EMPTY}}
    if operator in _LISTS:
        if not isinstance(value, list):
            raise InvalidInputError(
                f"the filter on {key!r} uses {operator.value!r}, which needs a list of values, got {value!r}"
            )
        return _over_list(key, operator, value)
    if operator == FilterOperator.EQ:
        return {key: {"$in": [] if value is None else _alike(value)}}
    if operator == FilterOperator.NE:
        return {key: {"$nin": [] if value is None else _alike(value)}}
    if operator == FilterOperator.TEXT_MATCH:
        _must_be_text(key, operator, value)
        return {key: {"$contains": value, "$gte": ""}}  # "$gte" lets through texts alone
    if operator not in _SAME:
        raise InvalidInputError(f"the filter on {key!r} uses {operator.value!r}, which is not known here")
    if operator == FilterOperator.TEXT_MATCH_INSENSITIVE:
        _must_be_text(key, operator, value)
    if operator == FilterOperator.CONTAINS:
        return {"$or": [{key: {"$contains": each}} for each in _alike(value)]}
    return {key: {_SAME[operator]: value}}


def _over_list(key: str, operator: FilterOperator, values: list[Any]) -> Where:
    if operator in (FilterOperator.IN, FilterOperator.NIN):
        alike = [each for value in values for each in _alike(value)]
        return {key: {"$in" if operator == FilterOperator.IN else "$nin": alike}}
    held = [{"$or": [{key: {"$contains": each}} for each in _alike(value)]} for value in values]
    if operator == FilterOperator.ANY:
        return {"$or": held} if held else {key: {"$in": []}}
    return {"$and": [{key: {"$exists": True}}, *held]}


def _alike(value: Any) -> list[Any]:
    """``value``, and the bool that Python takes for equal to it: the engine tells True from 1."""
    return [value, bool(value)] if isinstance(value, (int, float)) and value in (0, 1) else [value]


def _must_be_text(key: str, operator: FilterOperator, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidInputError(
            f"the filter on {key!r} uses {operator.value!r}, which needs a text, got {value!r}"
        )
