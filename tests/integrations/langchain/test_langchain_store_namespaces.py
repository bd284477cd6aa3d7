"""A search looks where it is asked to; what several namespaces hold is told apart by its score."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_stores import ALICE, BOB, new_engine, new_store
from langgraph.store.base import PutOp

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoStore


def fill(store: NuonuoStore, users: range) -> None:
    for number in users:
        store.put(("users", f"u{number}"), "k", {"text": f"beagle number {number}"})


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every namespace of the engine that is looked into, and every name that is read."""
    seen: list[str] = []

    def spy(owner: Any, name: str, place: Any) -> None:
        method = getattr(owner, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(place(args, kwargs))
            return method(self, *args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    spy(AssociativeMemory, "recall", lambda args, kwargs: kwargs["namespace"])
    spy(AssociativeMemory, "list", lambda args, kwargs: kwargs["namespace"])
    spy(type(new_store()._places), "path_of", lambda args, kwargs: args[0])
    return seen


@pytest.mark.parametrize(
    "asked",
    [{"query": "beagle"}, {}, {"filter": {"n": 1}}, {"filter": {"n": {"$gt": 0}}, "query": "beagle"}],
    ids=str,
)
def test_a_search_in_one_namespace_looks_at_no_other(touched: list[str], asked: dict[str, Any]) -> None:
    store = new_store()
    fill(store, range(30))
    store.put(ALICE, "dog", {"text": "a beagle called Rex", "n": 1})
    store.put((*ALICE, "notes"), "cat", {"text": "a cat", "n": 1})
    store.put(("users", "alice2"), "dog", {"text": "a beagle", "n": 1})
    touched.clear()
    assert {item.key for item in store.search(ALICE, **asked)} == {"dog", "cat"}
    assert set(touched) == {'default["users", "alice"]', 'default["users", "alice", "notes"]'}
    touched.clear()
    assert store.list_namespaces(prefix=ALICE) == [ALICE, (*ALICE, "notes")]
    assert set(touched) == {'default["users", "alice"]', 'default["users", "alice", "notes"]'}


def test_writing_looks_at_no_other_namespace(touched: list[str]) -> None:
    store = new_store()
    fill(store, range(5))
    touched.clear()
    store.batch([PutOp(ALICE, "k", {}), PutOp(("users", "u1"), "k", None)])
    assert touched == []


def test_a_search_below_a_prefix_is_bounded_and_says_so(
    touched: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    store = new_store(max_namespaces=5)
    fill(store, range(20))
    store.put(("users",), "own", {"text": "beagle"})
    fill(store, range(3, 5))  # changed, not added
    store.put(("users", "u7"), "later", {"text": "beagle"})
    fill(store, range(30, 33))
    touched.clear()
    with caplog.at_level(logging.WARNING):
        found = store.search(("users",), query="beagle", limit=50)
    places = [("users",), ("users", "u32"), ("users", "u31"), ("users", "u30"), ("users", "u7")]
    assert {item.namespace for item in found} == set(places)
    (record,) = caplog.records
    assert "5 of 24 namespaces" in record.getMessage()
    assert "max_namespaces" in record.getMessage()
    caplog.clear()
    assert len(store.search(("users",), limit=50)) == 25
    assert len(store.search(("users",), filter={"text": {"$gte": ""}}, limit=50)) == 25
    assert len(store.search(("users", "u7"), query="beagle")) == 2
    assert len(NuonuoStore(store.memory, max_namespaces=None).search((), query="beagle", limit=50)) == 25
    assert caplog.records == []


def test_the_answer_of_one_namespace_is_before_a_word_of_another() -> None:
    store = new_store(fields=["text"])
    store.put(ALICE, "answer", {"text": "the garage code is 4471"})
    store.put(ALICE, "again", {"text": "the garage code is 4471, said Ana"})
    store.put(BOB, "word", {"text": "there is a code of honour among poodles that bark at night"})
    store.put(("users", "carl"), "dog", {"text": "a dog barks at the harbour"})
    found = store.search(("users",), query="what is the garage code", limit=3)
    assert [item.key for item in found][:2] == ["answer", "again"]
    scores = [item.score for item in store.search(("users",), query="what is the garage code")]
    assert scores == sorted(scores, reverse=True)


def test_items_that_are_equal_score_equal() -> None:
    store = new_store(fields=["text"])
    for key in "abc":
        store.put(ALICE, key, {"text": "two apple trees", "n": key})
    store.put(BOB, "d", {"text": "two apple trees"})
    store.put(BOB, "e", {"text": "two apple trees"})
    for prefix, number in ((ALICE, 3), (BOB, 2)):
        scores = {item.score for item in store.search(prefix, query="where are the apple trees")}
        assert len(scores) == 1, scores
        assert len(store.search(prefix, query="where are the apple trees")) == number


def test_pages_do_not_meet_and_miss_nothing() -> None:
    store = new_store(fields=["text"])
    for number in range(23):
        words = " ".join(f"word{number * n % 7}" for n in range(1, 5))
        store.put(ALICE, f"{number}", {"text": f"beagle {words}"}, index=False if number % 6 == 5 else None)
    for query in (None, "beagle word1 word2"):
        pages = [store.search(ALICE, query=query, limit=4, offset=at) for at in range(0, 24, 4)]
        keys = [item.key for page in pages for item in page]
        assert sorted(keys, key=int) == [f"{number}" for number in range(23)]
    scored = [[item.score for item in page if item.score is not None] for page in pages]
    assert all(page == sorted(page, reverse=True) for page in scored)
    assert [item.score is None for page in pages for item in page] == [False] * 20 + [True] * 3


@pytest.mark.parametrize("few", [1, 100])
def test_what_no_query_sees_comes_last_in_small_and_great_namespaces(
    monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("nuonuo_integrations.langchain.store._FEW", few)
    store = new_store(fields=["text"])
    memory = store.memory
    memory.add("a beagle beside it", namespace='default["users", "alice"]')
    for number in range(4):
        store.put(ALICE, f"{number}", {"text": "beagle", "n": number}, index=False if number % 2 else None)
    found = store.search(ALICE, query="beagle")
    assert [(item.score is None) for item in found] == [False, False, True, True]
    assert {item.key for item in found[2:]} == {"1", "3"}
    assert [item.key for item in store.search(ALICE, query="beagle", filter={"n": 3})] == ["3"]
    assert [item.key for item in store.search(ALICE, query="beagle", filter={"n": {"$gte": 3}})] == ["3"]


def test_labels_that_look_alike_are_apart() -> None:
    store = NuonuoStore(new_engine(), namespace="root")
    labels = ["a", "ab", 'a"', 'a", "b', "a\\", "A", "a]", "ä", "雷", "*", " a"]
    for label in labels:
        store.put((label,), "k", {"at": label})
        store.put((label, "below"), "k", {"at": label})
    for label in labels:
        found = store.search((label,), limit=99)
        assert [(item.namespace[0], item.value["at"]) for item in found] == [(label, label)] * 2
        if label != "*":
            assert store.list_namespaces(prefix=(label,)) == [(label,), (label, "below")]
    assert len(store.list_namespaces(max_depth=1)) == len(labels)
    assert NuonuoStore(store.memory, namespace="roo").list_namespaces() == []
