"""Items that expire: no call shows them, a sweep forgets them, and nothing that lives is lost by it."""

from __future__ import annotations

import copy
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_samples import new_embedder
from langchain_stores import ALICE, BOB, new_engine, new_store
from langchain_words import SMALL
from langgraph.store.base import GetOp, PutOp, SearchOp

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, InvalidTypeError, ReadOnlyStoreError
from nuonuo_integrations.langchain import NuonuoStore
from tests.threads import at_once


class Clock:
    """Seconds since 1970, which pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds

    def pass_minutes(self, minutes: float) -> None:
        self.seconds += minutes * 60


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("nuonuo_integrations.langchain._store_ttl.now", made)
    return made


SEEN: dict[str, Callable[[NuonuoStore], Any]] = {
    "get": lambda s: s.get(ALICE, "short"),
    "search": lambda s: [item.key for item in s.search(ALICE) if item.key == "short"],
    "search by prefix": lambda s: [item.key for item in s.search(()) if item.key == "short"],
    "query": lambda s: [item.key for item in s.search(ALICE, query="beagle") if item.key == "short"],
    "query for one": lambda s: [
        i.key for i in s.search(ALICE, query="beagle Rex", limit=1) if i.key == "short"
    ],
    "filter": lambda s: s.search(ALICE, filter={"n": 1}),
    "filter inside": lambda s: s.search(ALICE, filter={"meta.at": {"$gt": 2}}),
    "filter and query": lambda s: s.search(ALICE, filter={"n": 1}, query="beagle"),
    "filter inside and query": lambda s: s.search(ALICE, filter={"meta": {"at": 3}}, query="beagle"),
    "namespaces": lambda s: [path for path in s.list_namespaces() if path == BOB],
    "namespaces to a depth": lambda s: [path for path in s.list_namespaces(max_depth=2) if path == BOB],
    "namespaces by suffix": lambda s: s.list_namespaces(suffix=("bob",)),
    "unindexed": lambda s: [i for i in s.search(ALICE, query="apples", limit=9) if i.key == "hidden"],
}


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_what_has_expired_is_shown_by_no_call(clock: Clock, seen: Callable[[NuonuoStore], Any]) -> None:
    store = new_store()
    value = {"text": "a beagle called Rex", "n": 1, "meta": {"at": 3}}
    store.put(ALICE, "short", value, ttl=5)
    store.put(ALICE, "hidden", {"text": "apples"}, index=False, ttl=5)
    store.put(ALICE, "long", {"text": "two apple trees"}, ttl=50)
    store.put(ALICE, "ever", {"text": "a beagle too"})
    store.put(BOB, "short", value, ttl=5)
    clock.pass_minutes(4.99)
    assert seen(store)
    clock.pass_minutes(0.01)
    assert not seen(store)
    assert [item.key for item in store.search(ALICE)] == ["long", "ever"]
    assert [item.key for item in store.search(ALICE, query="beagle")] == ["ever", "long"]
    assert store.sweep_ttl() == 3
    assert not seen(store)
    assert (store.sweep_ttl(), len(store.search(()))) == (0, 2)


def test_a_query_finds_what_lives_behind_many_that_have_expired(clock: Clock) -> None:
    store = new_store()
    for number in range(40):
        store.put(ALICE, f"{number}", {"text": "beagle"}, ttl=1)
    store.put(ALICE, "ever", {"text": "a beagle and a poodle and two apple trees behind the house"})
    clock.pass_minutes(2)
    assert [item.key for item in store.search(ALICE, query="beagle", limit=1)] == ["ever"]


def test_a_sweep_forgets_for_good(clock: Clock, tmp_path: Path) -> None:
    with AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder(), config=SMALL) as memory:
        memory.add("a chat beside it", namespace='default["users", "alice"]')
        store = NuonuoStore(memory)
        other = NuonuoStore(memory, namespace="other")
        for each in (store, other):
            each.put(ALICE, "k", {"text": "SecretText", "more": ["SecretInside"]}, ttl=1)
        clock.pass_minutes(1)
        assert store.sweep_ttl() == 1
        assert [m.text for m in memory.list(namespace='default["users", "alice"]')] == ["a chat beside it"]
        assert other.sweep_ttl() == 1
        assert memory.stats().memories == 1
    assert b"Secret" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("ttl", "call", "refreshed"),
    [
        ({"refresh_on_read": True}, {}, True),
        ({"refresh_on_read": True}, {"refresh_ttl": False}, False),
        ({"refresh_on_read": False}, {}, False),
        ({"refresh_on_read": False}, {"refresh_ttl": True}, True),
        ({"default_ttl": 9}, {}, False),
        ({"default_ttl": 9}, {"refresh_ttl": True}, True),
        (None, {}, False),
        (None, {"refresh_ttl": True}, True),
    ],
    ids=str,
)
@pytest.mark.parametrize("how", ["get", "search", "query", "aget", "asearch"])
async def test_reading_puts_the_end_off_where_it_is_told_to(
    clock: Clock, ttl: Any, call: dict[str, bool], refreshed: bool, how: str
) -> None:
    store = new_store(ttl=ttl)
    store.put(ALICE, "k", {"text": "beagle"}, ttl=10)
    store.put(ALICE, "other", {"text": "apples"}, ttl=10)
    clock.pass_minutes(6)
    match how:
        case "get":
            assert store.get(ALICE, "k", **call)
        case "search":
            assert store.search(ALICE, filter={"text": "beagle"}, **call)
        case "query":
            assert store.search(ALICE, query="beagle", limit=1, **call)
        case "aget":
            assert await store.aget(ALICE, "k", **call)
        case _:
            assert await store.asearch(ALICE, query="beagle", limit=1, **call)
    clock.pass_minutes(6)
    assert [item.key for item in store.search(ALICE, refresh_ttl=False)] == (["k"] if refreshed else [])
    clock.pass_minutes(4)
    assert store.get(ALICE, "k") is None


def test_a_put_sets_the_time_anew_and_a_new_life_begins_anew(clock: Clock) -> None:
    store = new_store(ttl={"default_ttl": 10})
    store.put(ALICE, "k", {"a": 1})
    made = store.get(ALICE, "k").created_at
    clock.pass_minutes(6)
    store.put(ALICE, "k", {"a": 2})
    clock.pass_minutes(6)
    assert (store.get(ALICE, "k").value, store.get(ALICE, "k").created_at) == ({"a": 2}, made)
    store.put(ALICE, "k", {"a": 3}, ttl=None)
    clock.pass_minutes(600)
    assert (store.get(ALICE, "k").value, store.sweep_ttl()) == ({"a": 3}, 0)
    store.put(ALICE, "k", {"a": 4}, ttl=1)
    clock.pass_minutes(1)
    assert store.get(ALICE, "k") is None
    store.put(ALICE, "k", {"a": 5})
    assert store.get(ALICE, "k").created_at > made
    assert store.sweep_ttl() == 0


def test_a_batch_says_for_itself(clock: Clock) -> None:
    store = new_store(ttl={"default_ttl": 1})
    store.batch([PutOp(ALICE, "k", {"a": 1}, ttl=10), PutOp(ALICE, "ever", {"a": 1})])
    clock.pass_minutes(9)
    store.batch([GetOp(ALICE, "k", refresh_ttl=True), SearchOp(BOB, refresh_ttl=True)])
    clock.pass_minutes(9)
    assert [item.key for item in store.search(ALICE)] == ["k", "ever"]


def test_what_is_put_while_a_sweep_looks_is_not_swept(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = new_engine()
    store, other = NuonuoStore(memory), NuonuoStore(memory)
    store.put(ALICE, "k", {"a": "old"}, ttl=1)
    store.put(ALICE, "gone", {"a": "old"}, ttl=1)
    clock.pass_minutes(1)
    revise = memory.revise

    def crossed(*args: Any) -> int:
        other.put(ALICE, "k", {"a": "new"})
        return revise(*args)

    monkeypatch.setattr(memory, "revise", crossed)
    assert store.sweep_ttl() == 1
    assert [item.value for item in store.search(ALICE)] == [{"a": "new"}]


def test_reading_and_writing_cross_and_nothing_is_lost(clock: Clock) -> None:
    store = new_store(ttl={"refresh_on_read": True})

    def work(number: int) -> None:
        for step in range(8):
            store.put(ALICE, f"{number}", {"text": f"step {step}"}, ttl=1000)
            store.search(ALICE, query="step")
            store.sweep_ttl()
            assert store.get(ALICE, f"{number}").value == {"text": f"step {step}"}

    at_once(work)
    assert [item.value for item in store.search(ALICE)] == [{"text": "step 7"}] * 8


def test_a_file_that_cannot_be_written_can_be_read(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = new_store(ttl={"refresh_on_read": True})
    store.put(ALICE, "k", {"a": 1}, ttl=1)

    def refuse(*args: Any) -> int:
        raise ReadOnlyStoreError("read-only")

    monkeypatch.setattr(store.memory, "revise", refuse)
    assert store.get(ALICE, "k").value == {"a": 1}
    assert "read-only" in caplog.text


class Swept(NuonuoStore):
    """Lets a test wait for its sweeps."""

    def __init__(self, ttl: Any) -> None:
        super().__init__(new_engine(), ttl=ttl)
        self.tries = threading.Semaphore(0)

    def sweep_ttl(self) -> int:
        gone = super().sweep_ttl()
        self.tries.release()
        return gone


class Failing(Swept):
    def sweep_ttl(self) -> int:
        super().sweep_ttl()
        raise OSError("no space left")


def test_the_sweeper_sweeps_until_it_is_stopped(clock: Clock) -> None:
    store = Swept({"default_ttl": 1, "sweep_interval_minutes": 1e-4})
    store.put(ALICE, "k", {"a": 1})
    clock.pass_minutes(1)
    future = store.start_ttl_sweeper()
    assert store.start_ttl_sweeper() is future
    assert store.tries.acquire(timeout=20)
    assert store.memory.stats().memories == 0
    assert not future.done()
    assert store.stop_ttl_sweeper(20)
    assert future.result(20) is None
    assert store.stop_ttl_sweeper()
    again = store.start_ttl_sweeper(1e-4)
    assert again.cancel()
    assert store.stop_ttl_sweeper(20)


def test_the_sweeper_ends_with_what_it_sweeps(clock: Clock) -> None:
    store = new_store(ttl={"default_ttl": 1})
    future = store.start_ttl_sweeper()
    assert copy.copy(store._sweeper).stop(0)
    assert not future.done()
    del store
    gc.collect()
    assert future.result(20) is None
    store = new_store()
    closed = store.start_ttl_sweeper(1e-4)
    store.memory.close()
    assert closed.result(20) is None


def test_a_sweep_that_fails_is_told_and_tried_again(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    store = Failing({"sweep_interval_minutes": 1e-4})
    store.start_ttl_sweeper()
    assert store.tries.acquire(timeout=20)
    assert store.tries.acquire(timeout=20)
    assert store.stop_ttl_sweeper(20)
    assert "no space left" in caplog.text


def test_without_a_configuration_nothing_is_started() -> None:
    store = new_store()
    assert store.ttl_config is None
    assert store.supports_ttl
    assert store.start_ttl_sweeper().result(0) is None
    assert store.stop_ttl_sweeper()


@pytest.mark.parametrize("ttl", [-1, float("nan"), float("inf"), "5", True, [1]])
def test_what_is_no_time(ttl: Any) -> None:
    store = new_store()
    with pytest.raises((InvalidInputError, InvalidTypeError), match=r"minutes|finite"):
        store.put(ALICE, "k", {}, ttl=ttl)
    with pytest.raises((InvalidInputError, InvalidTypeError), match="default_ttl"):
        new_store(ttl={"default_ttl": ttl})
    assert store.search(()) == []


@pytest.mark.parametrize(
    ("ttl", "named"),
    [
        (5, "TTLConfig"),
        ({"ttl": 5}, "no field 'ttl'"),
        ({"refresh_on_read": 1}, "refresh_on_read"),
        ({"omit_expired": None}, "omit_expired"),
        ({"sweep_interval_minutes": 0}, "sweep_interval_minutes"),
        ({"sweep_interval_minutes": "1"}, "sweep_interval_minutes"),
    ],
    ids=str,
)
def test_what_is_no_configuration(ttl: Any, named: str) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError), match=named):
        new_store(ttl=ttl)
