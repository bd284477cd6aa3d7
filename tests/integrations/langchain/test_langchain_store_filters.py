"""Filters of a store mean what they mean to LangGraph's own; what those do not know is an error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_stores import ALICE, both_stores, by_place, new_store, shown
from langgraph.store.memory import InMemoryStore

from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.langchain import NuonuoStore


@pytest.fixture
def both() -> tuple[NuonuoStore, InMemoryStore]:
    return both_stores()


FILTERS: list[dict[str, Any]] = [
    {},
    {"n": 1},
    {"n": 1.0},
    {"n": {"$eq": 2}},
    {"n": {"$gt": 1, "$lte": 3.5}},
    {"n": {"$gte": 2}},
    {"n": {"$lt": 2}},
    {"n": {"$ne": 1}},
    {"done": {"$ne": True}},
    {"done": True},
    {"done": False, "n": {"$gt": 0}},
    {"missing": None},
    {"missing": {"$ne": "x"}},
    {"none": None},
    {"role": "gardener"},
    {"session_id": "s"},
    {"tags": ["pet"]},
    {"tags": ["key", "home"]},
    {"tags": {"$eq": ["home", "key"]}},
    {"tags": {"$ne": ["pet"]}},
    {"meta": {"by": "me"}},
    {"meta": {"at": {"$gt": 2}}},
    {"meta": {"$eq": {"by": "me", "at": 3}}},
    {"meta": {"by": "you"}},
    {"text": "nothing"},
]


@pytest.mark.parametrize("filter_", FILTERS, ids=str)
@pytest.mark.parametrize("prefix", [(), ("users",), ALICE, ("nobody",)], ids=str)
def test_filters_and_prefixes(both: Any, prefix: tuple[str, ...], filter_: dict[str, Any]) -> None:
    ours, theirs = both
    assert by_place(ours.search(prefix, filter=filter_)) == by_place(theirs.search(prefix, filter=filter_))
    asked = [{item[1:3] for item in shown(s.search(prefix, filter=filter_, query="beagle"))} for s in both]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("page", [1, 2, 3, 4])
def test_a_namespace_is_read_page_by_page(both: Any, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr("nuonuo_integrations.langchain.store._PAGE", page)
    ours, theirs = both
    for filter_ in FILTERS:
        assert shown(ours.search(ALICE, filter=filter_)) == shown(theirs.search(ALICE, filter=filter_))


SCALARS = st.sampled_from([None, "a", "b", "10", "9", "2026-01-02", 0, 1, -2, 2.5, 10])
INSIDES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=2),
    st.lists(SCALARS, max_size=2).map(tuple),
    st.dictionaries(st.sampled_from("xy"), SCALARS, max_size=2),
)
CONDITIONS = st.recursive(
    st.one_of(
        INSIDES,
        st.dictionaries(st.sampled_from(["$eq", "$ne"]), INSIDES, min_size=1, max_size=2),
        st.dictionaries(
            st.sampled_from(["$gt", "$gte", "$lt", "$lte"]),
            SCALARS.filter(lambda bound: bound is not None),
            min_size=1,
            max_size=2,
        ),
    ),
    lambda inner: st.dictionaries(st.sampled_from("xy"), inner, min_size=1, max_size=2),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), INSIDES, max_size=3), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from("xyz"), CONDITIONS, max_size=2),
)
def test_any_filter_means_what_it_means_to_theirs(values: list[dict[str, Any]], filter_: Any) -> None:
    """Wherever theirs gives an answer: a comparison of theirs raises on what is no number."""
    ours, theirs = new_store(), InMemoryStore()
    for number, value in enumerate(values):
        ours.put(ALICE, str(number), value)
        with suppress(TypeError, ValueError):
            theirs.put(ALICE, str(number), value)
            theirs.search(ALICE, filter=filter_)
            continue
        ours.delete(ALICE, str(number))
        theirs.delete(ALICE, str(number))
    found = shown(ours.search(ALICE, filter=filter_))
    assert found == shown(theirs.search(ALICE, filter=filter_))
    asked = shown(ours.search(ALICE, filter=filter_, query="a b"))
    assert sorted(asked, key=str) == sorted(found, key=str)


NESTED: dict[str, dict[str, Any]] = {
    "deep": {"meta": {"by": {"name": "ana", "at": 3}, "tags": ["x", "y"]}},
    "dotted": {"meta.by": "me", "meta": {"by": "you"}},
    "hyphen": {"access-level": "public", "user": {"access-level": "nested", "123": "ok"}},
    "flat": {"meta": "text"},
}


@pytest.mark.parametrize(
    ("filter_", "keys"),
    [
        ({"meta.by.name": "ana"}, ["deep"]),
        ({"meta.by.at": {"$gte": 3}}, ["deep"]),
        ({"meta": {"by": {"at": {"$gt": 2, "$lt": 4}}}}, ["deep"]),
        ({"meta.by": {"name": {"$ne": "ben"}, "at": 3}}, ["deep"]),
        ({"meta.tags": ["x", "y"]}, ["deep"]),
        ({"meta.by": "me"}, ["dotted"]),
        ({"meta.by": "you"}, []),
        ({"meta.by": None}, ["flat", "hyphen"]),
        ({"user.access-level": "nested"}, ["hyphen"]),
        ({"user.123": {"$eq": "ok"}, "access-level": "public"}, ["hyphen"]),
        ({"meta": None}, ["hyphen"]),
        ({"meta": {"$ne": None}}, ["deep", "dotted", "flat"]),
        ({"meta": {"$ne": "text"}}, ["deep", "dotted", "hyphen"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("query", [None, "ana"])
def test_what_is_inside_of_a_value(filter_: dict[str, Any], keys: list[str], query: str | None) -> None:
    store = new_store()
    for key, value in NESTED.items():
        store.put(ALICE, key, value)
    assert sorted(item.key for item in store.search(ALICE, filter=filter_, query=query)) == keys


def test_comparisons_read_numbers_and_equality_does_not() -> None:
    """As the stores of theirs compare; equal are only values of one kind, as in PostgresStore."""
    store = new_store()
    values = {"text": "10", "number": 10, "none": None, "true": True, "name": "Nan", "date": "2026-05-01"}
    for key, value in values.items():
        store.put(ALICE, key, {"v": value})
    for query in (None, "v"):
        for filter_, keys in [
            ({"$gt": 5}, "number text"),
            ({"$gt": "5"}, "name number text"),
            ({"$lte": 10}, "number text"),
            ({"$gte": "2026-04", "$lt": "2026-06"}, "date"),
            ({"$lt": float("inf")}, "number text"),
            ({"$eq": float("nan")}, ""),
            (10.0, "number"),
            (1, ""),
            ("10", "text"),
            ({"$ne": 10}, "date name none text true"),
        ]:
            found = sorted(item.key for item in store.search(ALICE, query=query, filter={"v": filter_}))
            assert found == keys.split(), filter_


@pytest.mark.parametrize(
    ("filter_", "named"),
    [
        ({"$or": [{"n": 1}, {"n": 2}]}, r"\$or"),
        ({"n": 1, "$and": []}, r"\$and"),
        ({"$not": {"n": 1}}, r"\$not"),
        ({"n": {"$in": [1, 2]}}, r"'n' has the operator '\$in'"),
        ({"n": {"$not": {"$gt": 1}}}, r"'n' has the operator '\$not'"),
        ({"n": {"$exists": True}}, r"\$exists"),
        ({"n": {"$gt": 1, "m": 2}}, r"'n' has the operator 'm'"),
        ({"meta": {"by": {"$regex": "x"}}}, r"'meta.by' has the operator '\$regex'"),
        ({"tags": [{"$in": ["a"]}]}, r"'tags\[0\]' has the operator '\$in'"),
        ({"n": {"$gt": None}}, "number or a str"),
        ({"n": {"$lt": [1]}}, "number or a str"),
        ({"n": {"$gte": True}}, "number or a str"),
        ({"n": {1, 2}}, "'n' compares with set"),
        ({"n": {"$eq": b"x"}}, "'n' compares with bytes"),
        ({"n": object}, "'n' compares with type"),
        ({1: 2}, "the field 1"),
        ({"n": {1: 2}}, "the key 1"),
        ([("n", 1)], "must be a dict"),
        ("n", "must be a dict"),
    ],
    ids=str,
)
def test_what_is_no_filter_is_named(filter_: Any, named: str) -> None:
    store = new_store()
    store.put(ALICE, "k", {"n": 1})
    for query in (None, "n"):
        with pytest.raises((InvalidInputError, InvalidTypeError), match=named):
            store.search(ALICE, filter=filter_, query=query)
