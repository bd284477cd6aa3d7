"""What cannot be asked of a store is an error of ours, at construction where it can be known."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_stores import ALICE, new_engine, new_store
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)

from nuonuo.errors import InvalidInputError, InvalidTypeError, NuonuoError
from nuonuo_integrations.langchain import NuonuoStore

OURS = (InvalidInputError, InvalidTypeError)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"fields": "text"}, r"fields must be a list of paths in a value, got str 'text'; write \['text'\]"),
        ({"fields": b"text"}, "fields must be a list"),
        ({"fields": 5}, "fields must be a list"),
        ({"fields": {"text": 1}}, "fields must be a list"),
        ({"fields": [1]}, "a path of fields must be a str"),
        ({"fields": ["text", None]}, "a path of fields must be a str"),
        ({"fields": [""]}, "path ''"),
        ({"fields": ["  "]}, "path '  '"),
        ({"fields": ["$.text"]}, r"path '\$.text'"),
        ({"fields": ["tags["]}, "path 'tags\\['"),
        ({"fields": ["tags[one]"]}, "path 'tags\\[one\\]'"),
        ({"fields": ["{a,b"]}, "path '{a,b'"),
        ({"namespace": ""}, "namespace must hold some text"),
        ({"namespace": None}, "namespace must be a str"),
        ({"max_namespaces": 0}, "max_namespaces must be at least 1"),
        ({"max_namespaces": "5"}, "max_namespaces must be an int"),
    ],
    ids=str,
)
def test_at_construction(options: dict[str, Any], named: str) -> None:
    with pytest.raises(OURS, match=named):
        new_store(**options)


def test_the_engine_is_an_engine_or_a_path() -> None:
    with pytest.raises(InvalidTypeError, match="AssociativeMemory"):
        NuonuoStore(3)


@pytest.mark.parametrize("fields", [None, [], ["$"], ("$",)])
def test_no_fields_are_the_whole_value_as_in_theirs(fields: Any) -> None:
    store = new_store(fields=fields)
    store.put(ALICE, "k", {"a": {"b": "beagle"}})
    assert store.search(ALICE, query="beagle")[0].score is not None


@pytest.mark.parametrize("fields", [["a.b"], ["l[0]"], ["l[-1]"], ["l[*].x"], ["{a.b,c}"], ["*"], ["a.*"]])
def test_paths_are_those_of_theirs(fields: list[str]) -> None:
    assert new_store(fields=fields).fields == fields


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"limit": None}, "limit must be an int, got NoneType"),
        ({"limit": "10"}, "limit must be an int"),
        ({"limit": 1.5}, "limit must be an int"),
        ({"limit": True}, "limit must be an int"),
        ({"limit": -1}, "limit must be at least 0"),
        ({"offset": None}, "offset must be an int"),
        ({"offset": -1}, "offset must be at least 0"),
        ({"query": 5}, "query must be a str"),
        ({"query": ["beagle"]}, "query must be a str"),
        ({"query": "\ud800"}, "query holds a lone surrogate"),
    ],
    ids=str,
)
async def test_what_cannot_be_searched_for(asked: dict[str, Any], named: str) -> None:
    store = new_store()
    store.put(ALICE, "k", {"a": "beagle"})
    with pytest.raises(OURS, match=named):
        store.search(ALICE, **asked)
    with pytest.raises(OURS, match=named):
        await store.asearch(ALICE, **asked)


@pytest.mark.parametrize(
    ("namespace", "named"),
    [
        ("users", r"must be a tuple of labels .* got str 'users'; write \('users',\)"),
        (None, "must be a tuple of labels"),
        (5, "must be a tuple of labels"),
        ({"users": 1}, "must be a tuple of labels"),
        (("users", 5), "label 5"),
        (("users", None), "label None"),
        (("users", ""), "label ''"),
        (("users", "a.b"), "label 'a.b'"),
        (("users", "a\0"), "label 'a"),
        (("users", "\ud800"), "lone surrogate"),
    ],
    ids=repr,
)
async def test_what_is_no_namespace(namespace: Any, named: str) -> None:
    store = new_store()
    calls = [
        lambda: store.get(namespace, "k"),
        lambda: store.get(namespace=namespace, key="k"),
        lambda: store.put(namespace, "k", {}),
        lambda: store.delete(namespace, "k"),
        lambda: store.search(namespace),
        lambda: store.batch([GetOp(namespace, "k")]),
        lambda: store.batch([PutOp(namespace, "k", {})]),
        lambda: store.batch([SearchOp(namespace)]),
        lambda: store.batch(
            [PutOp(ALICE, "k", {}), ListNamespacesOp((MatchCondition("suffix", namespace),))]
        ),
    ]
    if namespace is not None:
        calls += [
            lambda: store.list_namespaces(prefix=namespace),
            lambda: store.list_namespaces(suffix=namespace),
        ]
    for call in calls:
        with pytest.raises(OURS, match=named):
            call()
    for twin in (store.aget(namespace, "k"), store.aput(namespace, "k", {}), store.asearch(namespace)):
        with pytest.raises(OURS, match=named):
            await twin
    assert store.search(()) == []


def test_a_bad_label_is_langgraphs_error_too() -> None:
    store = new_store()
    for call in (lambda: store.search(("a.b",)), lambda: store.batch([GetOp(("a.b",), "k")])):
        with pytest.raises(InvalidNamespaceError) as caught:
            call()
        assert isinstance(caught.value, NuonuoError)
    for namespace in ((), ("langgraph", "x")):
        with pytest.raises(InvalidNamespaceError):
            store.put(namespace, "k", {})


def test_a_list_is_a_namespace_too() -> None:
    store = new_store()
    store.put(["users", "alice"], "k", {"a": 1})
    assert store.get(ALICE, "k").namespace == ALICE
    assert [item.namespace for item in store.search(["users"])] == [ALICE]
    assert store.list_namespaces(prefix=["users"]) == [ALICE]


def test_keys_become_text_as_theirs_do_and_none_is_no_key() -> None:
    store = new_store()
    store.put(ALICE, 7, {"a": 1})
    assert (store.get(ALICE, "7").value, store.get(ALICE, 7).key) == ({"a": 1}, "7")
    for call in (
        lambda: store.put(ALICE, None, {}),
        lambda: store.get(ALICE, None),
        lambda: store.delete(ALICE, key=None),
        lambda: store.batch([PutOp(ALICE, None, {})]),
        lambda: store.batch([GetOp(ALICE, 7)]),
        lambda: store.put(ALICE, "\ud800", {}),
    ):
        with pytest.raises(OURS, match="key"):
            call()
    assert len(store.search(ALICE)) == 1


@pytest.mark.parametrize(
    ("index", "named"),
    [
        ("text", r"index must be a list .* write \['text'\]"),
        (True, "index must be a list"),
        ([5], "a path of index must be a str"),
        (["a["], "index has the path"),
    ],
    ids=str,
)
def test_what_is_no_index(index: Any, named: str) -> None:
    store = new_store()
    with pytest.raises(OURS, match=named):
        store.put(ALICE, "k", {"text": "beagle"}, index=index)
    assert store.search(()) == []


@pytest.mark.parametrize(
    ("op", "named"),
    [
        ("get", "expected a GetOp"),
        (None, "expected a GetOp"),
        (ListNamespacesOp((MatchCondition("infix", ("a",)),)), "infix"),
        (ListNamespacesOp(limit=None), "limit must be an int"),
        (ListNamespacesOp(offset=-1), "offset must be at least 0"),
        (ListNamespacesOp(max_depth=-1), "max_depth must be at least 0"),
        (ListNamespacesOp(max_depth="1"), "max_depth must be an int"),
    ],
    ids=str,
)
def test_an_operation_that_cannot_be_done_undoes_its_batch(op: Any, named: str) -> None:
    store = NuonuoStore(new_engine())
    with pytest.raises(OURS, match=named):
        store.batch([PutOp(ALICE, "k", {}), op])
    assert store.get(ALICE, "k") is None
