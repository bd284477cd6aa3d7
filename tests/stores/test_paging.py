"""A reader that is far behind is told page by page, and others write meanwhile."""

from __future__ import annotations

import threading

import pytest

from nuonuo.errors import NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores import InMemoryStore, Store
from nuonuo.stores.ahead import pages
from nuonuo.stores.base import START, Changes, Cursor

from .conftest import Make
from .samples import Follower, afresh, item, traces


@pytest.fixture
def paged(make: Make) -> Store:
    return make(page_length=2)


@pytest.mark.parametrize("known", [0, 1, 2])
@pytest.mark.parametrize("pages", [1, 2])
def test_what_is_written_between_two_pages_is_told(paged: Store, known: int, pages: int) -> None:
    keys = "abcdefgh"
    reader = Follower(paged, "n")
    paged.insert("n", [item(key) for key in keys[:known]])
    if known == 2:
        paged.associate("a", "b", 1.0)
        paged.associate("b", "a", 1.0)
    reader.sync()
    paged.insert("n", [item(key) for key in keys[known:]])
    paged.associate("a", "h", 0.25)
    paged.associate("h", "a", 0.5)
    paged.associate("c", "d", 0.75)
    for _ in range(pages):
        changes = reader._page()
        assert len(changes.added or ()) <= 2
        assert not changes.associations  # their targets may not be there yet
    assert not reader.cursor.whole
    paged.associate("a", "b", 0)
    paged.associate("a", "g", 1.0)
    paged.replace(Memory("rewritten", id="a", namespace="n"), traces(3))
    paged.replace(Memory("rewritten", id="h", namespace="n"), traces(4))
    paged.delete(ids=["d", "f"])
    paged.insert("n", [item("i")])
    reader.sync()
    assert reader.cursor.whole
    assert reader.state == afresh(paged, "n")
    assert len(reader.rows) == 7
    assert sorted(map(len, reader.associations.values())) == ([1, 1, 2] if known == 2 else [1, 2])


def test_a_namespace_that_ends_between_two_pages(paged: Store) -> None:
    paged.insert("n", [item(key) for key in "abcde"])
    reader = Follower(paged, "n")
    reader._page()
    paged.delete(namespace="n")
    paged.insert("n", [item(key) for key in "xyz"])
    assert [m.id for m, _ in reader.rows.values()] == ["a", "b"]
    reader.sync()
    assert [m.id for m, _ in reader.rows.values()] == ["x", "y", "z"]
    paged.close()


def test_the_next_page_is_read_while_one_is_worked_on(paged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    paged.insert("n", [item(key) for key in "abcde"])
    alone, ahead, readers = paged.changes, threading.Event(), set[int]()

    def changes(namespace: str, since: Cursor) -> Changes:
        found = alone(namespace, since)
        readers.add(threading.get_ident())
        if not since.whole:
            ahead.set()
        return found

    monkeypatch.setattr(paged, "changes", changes)
    told = pages(paged, "n", START)
    found = [next(told)]
    if paged.path is not None:
        assert ahead.wait(60)  # nobody has asked for the second page yet
    found += told
    seqs = [seq for each in found if each.added is not None for seq in each.added.seqs.tolist()]
    assert len(seqs) == 5 and seqs == sorted({*seqs}) and len(found) >= 3
    assert (len(readers) > 1) == (paged.path is not None)  # what is in RAM is there at once


def test_one_page_is_read_without_a_thread(paged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    paged.insert("n", [item("a")])
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    assert [len(each.added or ()) for each in pages(paged, "n", START)] == [1]


def test_what_cannot_be_read_is_told_after_the_pages_before_it(
    paged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    paged.insert("n", [item(key) for key in "abcde"])
    alone = paged.changes

    def changes(namespace: str, since: Cursor) -> Changes:
        if since.seq > 2:
            raise NotAStoreError("damaged")
        return alone(namespace, since)

    monkeypatch.setattr(paged, "changes", changes)
    told = pages(paged, "n", START)
    assert [next(told).cursor.whole, next(told).cursor.whole] == [False, False]
    with pytest.raises(NotAStoreError, match="damaged"):
        next(told)


def test_where_no_thread_can_start_the_pages_are_read_in_turn(
    paged: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    paged.insert("n", [item(key) for key in "abcde"])

    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        assert sum(len(each.added or ()) for each in pages(paged, "n", START)) == 5


def test_who_revises_may_look_at_what_is_in_ram() -> None:
    """A store in RAM is locked by who writes: what that one looks at is not read by another."""
    store = InMemoryStore(page_length=2)
    store.insert("n", [item(key) for key in "abcde"])
    read = list[int]()

    def look(memory: Memory) -> None:
        read.append(sum(len(each.added or ()) for each in pages(store, "n", START)))

    store.revise(["a"], look)
    assert read == [5]
