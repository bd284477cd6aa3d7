"""NuonuoStore does what LangGraph's own InMemoryStore does on the same calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_samples import new_embedder
from langchain_stores import ALICE, BOB, both_stores, by_place, new_store, shown
from langchain_words import SMALL, Words
from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoStore
from tests.fakes import WordEmbedder


@pytest.fixture
def both() -> tuple[NuonuoStore, InMemoryStore]:
    return both_stores()


CALLS: dict[str, Callable[[BaseStore], Any]] = {
    "get": lambda s: s.get(ALICE, "dog"),
    "get nothing": lambda s: s.get(ALICE, "cat"),
    "get from the wrong place": lambda s: s.get(BOB, "code"),
    "get from a part of the place": lambda s: s.get(("users",), "dog"),
    "put over": lambda s: (s.put(ALICE, "dog", {"a": 1}), s.get(ALICE, "dog"), len(s.search(ALICE))),
    "delete": lambda s: (s.delete(ALICE, "dog"), s.get(ALICE, "dog"), s.search(ALICE)),
    "delete one of a name": lambda s: (s.delete(ALICE, "dog"), s.get(BOB, "dog")),
    "delete nothing": lambda s: s.delete(("nowhere",), "dog"),
    "put None deletes": lambda s: (s.batch([PutOp(ALICE, "dog", None)]), s.get(ALICE, "dog")),
    "limit and offset": lambda s: [
        s.search(ALICE, limit=limit, offset=offset) for limit in (0, 1, 2, 9) for offset in (0, 1, 3, 9)
    ],
    "odd keys": lambda s: [
        (s.put(("a", '"]'), key, {"key": key}), s.get(("a", '"]'), key))
        for key in ("", " ", '","', "é", "[]")
    ],
    "odd labels": lambda s: [
        (s.put(path, "k", {"at": list(path)}), s.get(path, "k"), s.search(path))
        for path in [("a", "b"), ("a,b",), ('a","b',), ("日本", "語")]
    ],
    "odd values": lambda s: [
        (s.put(("v",), "k", value), s.get(("v",), "k"))
        for value in [{}, {"": 1}, {"$a": None}, {"a": [1, {"b": [None, True]}]}, {"x": "é\n"}, {"role": 1}]
    ],
    "namespaces": lambda s: s.list_namespaces(),
    "namespaces below": lambda s: s.list_namespaces(prefix=("users",)),
    "namespaces ending": lambda s: s.list_namespaces(suffix=("v1",)),
    "namespaces by wildcard": lambda s: s.list_namespaces(prefix=("*", "users")),
    "namespaces ending by wildcard": lambda s: s.list_namespaces(suffix=("users", "*")),
    "namespaces by both": lambda s: s.list_namespaces(prefix=("docs",), suffix=("v1",)),
    "namespaces too long": lambda s: s.list_namespaces(prefix=("users", "alice", "x")),
    "namespaces to a depth": lambda s: [s.list_namespaces(max_depth=n) for n in (1, 2, 3)],
    "namespaces by pages": lambda s: [
        s.list_namespaces(limit=limit, offset=offset) for limit in (1, 2) for offset in (0, 1, 5)
    ],
    "batch reads first": lambda s: s.batch([
        PutOp(ALICE, "new", {"a": 1}), GetOp(ALICE, "new"), SearchOp(("new",)), PutOp(("new",), "x", {}),
        GetOp(ALICE, "dog"), PutOp(ALICE, "dog", None), ListNamespacesOp(max_depth=1),
    ]),
    "the last put counts": lambda s: (
        s.batch([PutOp(ALICE, "x", {"a": 1}), PutOp(ALICE, "x", None), PutOp(ALICE, "x", {"a": 2})]),
        s.get(ALICE, "x"),
        s.batch([PutOp(ALICE, "x", {"a": 3}), PutOp(ALICE, "x", None)]),
        s.get(ALICE, "x"),
    ),
    "an empty batch": lambda s: s.batch([]),
    "a batch of an iterator": lambda s: s.batch(iter([GetOp(ALICE, "dog")])),
    "match conditions": lambda s: s.batch([
        ListNamespacesOp((MatchCondition("prefix", ("users",)), MatchCondition("suffix", ("bob",))))
    ]),
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_same_call_same_result(both: Any, call: Callable[[BaseStore], Any]) -> None:
    def listed(result: Any) -> Any:
        return [listed(each) for each in result] if isinstance(result, (tuple, list)) else shown(result)

    ours, theirs = both
    assert listed(call(ours)) == listed(call(theirs))


async def test_the_async_calls_give_the_same(both: Any) -> None:
    results = []
    for store in both:
        await store.aput(ALICE, "new", {"text": "x"})
        await store.adelete(ALICE, "dog")
        results.append(
            [
                shown(await store.aget(ALICE, "new")),
                shown(await store.aget(ALICE, "dog")),
                shown(await store.asearch(ALICE, filter={"n": {"$ne": 2}})),
                await store.alist_namespaces(max_depth=1),
                shown(
                    await store.abatch(
                        [PutOp(BOB, "y", {}), GetOp(BOB, "y"), GetOp(BOB, "dog"), SearchOp(BOB)]
                    )
                ),
                shown(await store.aget(BOB, "y")),
            ]
        )
    assert results[0] == results[1]


def test_a_query_finds_the_best_first_and_pages(both: Any) -> None:
    for store in both:
        first = store.search(ALICE, query="garage code", limit=1)
        assert [item.key for item in first] == ["code"]
        keys = [
            item.key for at in range(4) for item in store.search(ALICE, query="beagle", limit=1, offset=at)
        ]
        assert sorted(keys) == sorted(item.key for item in store.search(ALICE, query="beagle"))
    found = both[0].search((), query="a beagle called Rex", limit=3)
    assert found[0].namespace == ALICE
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)


def test_the_indexed_fields_are_what_a_query_sees() -> None:
    for store in (new_store(fields=["text", "meta.by[*]"]), InMemoryStore(
        index={"dims": 64, "embed": Words(), "fields": ["text", "meta.by[*]"]}
    )):  # fmt: skip
        store.put(ALICE, "one", {"text": "beagle", "note": "poodle"})
        store.put(ALICE, "two", {"text": "apples", "meta": {"by": ["dentist", "sister"]}})
        store.put(ALICE, "three", {"text": "garage", "own": "harbour"}, index=["own"])
        store.put(ALICE, "hidden", {"text": "beagle beagle"}, index=False)
        store.put(ALICE, "empty", {"other": "beagle"})
        assert [store.search(ALICE, query=q)[0].key for q in ("beagle", "sister", "harbour")] == [
            "one",
            "two",
            "three",
        ]
        found = store.search(ALICE, query="beagle")
        assert {item.key for item in found if item.score is None} == {"hidden", "empty"}
        assert {item.key for item in found[-2:]} == {"hidden", "empty"}
        assert store.get(ALICE, "hidden").value == {"text": "beagle beagle"}


def test_times_say_when_it_was_made_and_changed() -> None:
    store = new_store()
    store.put(ALICE, "dog", {"a": 1})
    made = store.get(ALICE, "dog")
    store.put(ALICE, "dog", {"a": 2})
    changed = store.get(ALICE, "dog")
    assert made.created_at == made.updated_at == changed.created_at < changed.updated_at
    assert changed.created_at.tzinfo is not None


def test_a_value_is_the_callers_own() -> None:
    store = new_store()
    value = {"list": [1]}
    store.put(ALICE, "k", value)
    value["list"].append(2)
    store.get(ALICE, "k").value["list"].append(3)
    assert store.get(ALICE, "k").value == {"list": [1]}


def test_it_lives_beside_other_memories_and_in_a_file(tmp_path: Any) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL) as memory:
        memory.add("a beagle in a chat")
        memory.add("not an item", namespace='default["users", "alice"]')
        NuonuoStore(memory).put(ALICE, "dog", {"text": "beagle"})
        NuonuoStore(memory, namespace="other").put(BOB, "dog", {"text": "beagle"})
    with AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL) as memory:
        store = NuonuoStore(memory)
        assert store.list_namespaces() == [ALICE]
        assert [item.value for item in store.search((), query="beagle")] == [{"text": "beagle"}]
        assert [item.value for item in store.search(())] == [{"text": "beagle"}]
        store.delete(ALICE, "dog")
        assert store.search((), query="beagle") == []
        assert memory.recall("beagle")[0].memory.text == "a beagle in a chat"


PLACES = st.sampled_from([ALICE, BOB, ("users",), ("users", "alice", "x")])
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(st.none(), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3), max_size=3))
FILTERED = st.sampled_from([None, {"x": {"$ne": 1}}, {"y": 2}])
OPS = st.one_of(
    st.tuples(PLACES, KEYS, VALUES).map(lambda args: PutOp(*args)),
    st.tuples(PLACES, KEYS).map(lambda args: GetOp(*args)),
    st.tuples(PLACES, FILTERED).map(lambda args: SearchOp(*args, limit=99)),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(OPS, max_size=4), max_size=6))
def test_any_history_of_calls_gives_the_same(history: list[list[Any]]) -> None:
    ours, theirs = new_store(), InMemoryStore()
    for ops in history:
        expected = theirs.batch(ops)
        for mine, other in zip(ours.batch(ops), expected, strict=True):
            if isinstance(other, list):
                assert by_place(mine) == by_place(other)
            else:
                assert shown(mine) == shown(other)


def test_a_file_of_any_length_costs_no_more_than_a_long_text() -> None:
    embedder = WordEmbedder()
    store = NuonuoStore(AssociativeMemory(embedder=embedder, config=SMALL))
    lines = [f"line {number}: the harbour of port{number} opens" for number in range(3000)]
    for index in (None, ["content[*]"]):  # as one text, and each line by itself
        del embedder.texts[:]
        store.put(("files",), "ports.txt", {"content": lines}, index=index)
        assert 0 < sum(map(len, embedder.texts)) < 3 * SMALL.embedded_bytes
        (item,) = store.search(("files",), query="When does port2999 open?")
        assert item.value == {"content": lines}
