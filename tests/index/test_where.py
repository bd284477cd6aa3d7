"""The grammar of filters: each mask over columns is what a slow loop over the rows says."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.filters import Conditions, Fields
from tests.fakes import indexed, texts

INNER: list[Any] = [None, 1, "ab", True, {"b": 1}, {"b": "ab", "b.c": 2}, {"b": {"c": 3}}, ["ab", 1]]
VALUES: list[Any] = [*INNER, "AB", "", 2.5, [], [[1]], {"c": {"b": [1]}}]
NAMES = ["a", "b", "a.b", "a.b.c", "a.c"]
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def kind(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return kind(one) == kind(other) and bool(one == other)


def within(value: Any, path: str) -> Any:
    while isinstance(value, dict) and path not in value:
        head, _, path = path.partition(".")
        value = value.get(head)
    return value[path] if isinstance(value, dict) else None


def at(record: dict[str, Any], name: str) -> list[Any]:
    """All that a record has under a name: itself, and as a path; None where there is nothing."""
    head, dot, path = name.partition(".")
    found = [record.get(name), within(record.get(head), path) if dot else None]
    return [value for value in found if value is not None] or [None]


def holds(values: list[Any], op: str, wanted: Any) -> bool:
    if op == "$not":
        return not all(holds(values, each, bound) for each, bound in wanted.items())
    if op in ("$ne", "$nin"):
        return not holds(values, "$in", wanted if op == "$nin" else [wanted])
    return any(held(value, op, wanted) for value in values)


def held(value: Any, op: str, wanted: Any) -> bool:
    if op == "$contains":
        if isinstance(value, (str, dict)):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, list) and any(same(each, wanted) for each in value)
    if op == "$icontains":
        return isinstance(value, str) and wanted.lower() in value.lower()
    if op == "$exists":
        return (value is not None) == wanted
    if op in ORDER:
        return kind(value) == kind(wanted) and ORDER[op](value, wanted)
    return any(same(value, each) for each in (wanted if op == "$in" else [wanted]))


def passes(record: dict[str, Any], where: dict[str, Any]) -> bool:
    for name, wanted in where.items():
        if name == "$and":
            met = all(passes(record, each) for each in wanted)
        elif name == "$or":
            met = any(passes(record, each) for each in wanted)
        elif name == "$not":
            met = not passes(record, wanted)
        elif isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
            met = all(holds(at(record, name), op, value) for op, value in wanted.items())
        else:
            met = holds(at(record, name), "$eq", wanted)
        if not met:
            return False
    return True


simple = st.one_of(
    st.builds(lambda op, value: {op: value}, st.sampled_from(["$eq", "$ne"]), st.sampled_from(VALUES)),
    st.builds(
        lambda op, value: {op: value}, st.sampled_from(["$in", "$nin"]), st.lists(st.sampled_from(VALUES))
    ),
    st.builds(lambda op, value: {op: value}, st.sampled_from(list(ORDER)), st.sampled_from([1, 2.5, "ab"])),
    st.builds(lambda value: {"$contains": value}, st.sampled_from(["a", "b", 1, True, "ab", [1], None])),
    st.builds(lambda value: {"$icontains": value}, st.sampled_from(["B", "aB", "x", ""])),
    st.builds(lambda value: {"$exists": value}, st.booleans()),
)
condition = simple | st.builds(lambda one: {"$not": one}, simple) | st.sampled_from(VALUES)
fields = st.dictionaries(st.sampled_from(NAMES), condition, max_size=2)
wheres = st.recursive(
    fields,
    lambda inner: st.one_of(
        st.builds(
            lambda name, each: {name: each}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1)
        ),
        st.builds(lambda one, more: {"$not": one, **more}, inner, fields),
    ),
    max_leaves=5,
)
records = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "c"]), st.sampled_from(VALUES)), min_size=1, max_size=8
)


@settings(max_examples=300, deadline=None)
@given(records, wheres)
def test_a_mask_is_what_a_slow_loop_says(rows: list[dict[str, Any]], where: dict[str, Any]) -> None:
    kept = indexed(Fields(), [Memory("x", metadata=record) for record in rows])
    alive = np.arange(len(rows)) != 3  # a dead row stays dead, whatever is negated
    mask = kept.mask(alive, Conditions(where=where))
    expected = [row for row, record in enumerate(rows) if row != 3 and passes(record, where)]
    assert np.flatnonzero(mask).tolist() == expected


def test_in_a_recall(memory: AssociativeMemory) -> None:
    memory.add(
        [
            Memory("note one", metadata={"author": {"name": "Ana", "tags": ["x", "y"]}, "page": 1}),
            Memory("note two", metadata={"author": {"name": "Bo"}, "page": 2, "title": "The Ferry"}),
            Memory("note three", metadata={"author.name": "Ana", "page": 3}),
        ]
    )

    def ask(where: dict[str, Any]) -> list[str]:
        return sorted(texts(memory.recall("note", where=where)))

    assert ask({"author.name": "Ana"}) == ["note one", "note three"]
    assert ask({"$or": [{"author.name": "Bo"}, {"page": 3}]}) == ["note three", "note two"]
    assert ask({"$and": [{"page": {"$gt": 1}}, {"$not": {"author.name": "Bo"}}]}) == ["note three"]
    assert ask({"author.tags": {"$contains": "y"}}) == ["note one"]
    assert ask({"title": {"$icontains": "ferry"}}) == ["note two"]
    assert ask({"title": {"$exists": False}, "page": {"$not": {"$gte": 3}}}) == ["note one"]


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"$nor": [{"n": 1}]}, r"got '\$nor'"),
        ({"$gt": 3}, r"stands behind its field: \{'page': \{'\$gt'"),
        ({"$or": []}, r"\$or needs a list of filters, one at least"),
        ({"$or": {"n": 1}}, r"\$or needs a list"),
        ({"$and": [3]}, r"\$and needs a list"),
        ({"$not": [{"n": 1}]}, r"\$not needs a filter"),
        ({"$or": [{"n": {"$regex": "x"}}]}, r"'n' has the operator '\$regex'"),
        ({"$not": {"n": {"$in": "x"}}}, "needs a list of values"),
        ({"n": {"$not": 3}}, r"\$not on 'n' needs a condition"),
        ({"n": {"$not": {"$like": 3}}}, r"'\$like'"),
        ({"n": {"$exists": 1}}, "needs True or False"),
        ({"n": {"$icontains": 1}}, "needs a str"),
        ({"n": {"$contains": object()}}, "JSON values"),
        ({"author": {"name": {"$ne": "Ana"}}}, "'author.name'"),
        ({"n": {"$in": [{"$gt": 1}]}}, "inside of a value"),
        ({"$record": {"$or": [{"page": 1}]}}, "has the fields role, session_id, got 'page'"),
    ],
)
def test_what_means_nothing_is_named(memory: AssociativeMemory, where: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        memory.recall("note", where=where)


def test_what_a_record_is_and_what_its_metadata_says(memory: AssociativeMemory) -> None:
    memory.add(
        [
            Memory("note one", role="user", session_id="s", metadata={"role": {"name": "manager"}}),
            Memory("note two", role="manager", metadata={"session_id": "s"}),
            Memory("note three", metadata={"role": "manager"}),
        ]
    )

    def ask(where: dict[str, Any]) -> list[str]:
        return sorted(texts(memory.recall("note", where=where)))

    assert ask({"role": "manager"}) == ["note three", "note two"]
    assert ask({"role": {"$ne": "manager"}}) == ["note one"]
    assert ask({"$record": {"role": "manager"}}) == ["note two"]
    assert ask({"$metadata": {"$or": [{"role": "manager"}, {"role.name": "manager"}]}}) == [
        "note one",
        "note three",
    ]
    assert ask({"$not": {"$record": {"session_id": "s"}}}) == ["note three", "note two"]
    assert ask({"$record": {"role": None}}) == ["note three"]
    assert texts(memory.recall("note", session_id="s")) == ["note one"]


def test_a_field_is_a_str(memory: AssociativeMemory) -> None:
    with pytest.raises(InvalidTypeError, match="must be a str, got 1"):
        memory.recall("note", where={"$or": [{1: 2}]})
