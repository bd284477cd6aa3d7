"""A store is copied whole into another one, of whichever kind, and gone on with where it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nuonuo.errors import EmbedderMismatchError, InvalidInputError, NotAStoreError
from nuonuo.stores import Identity, InMemoryStore, SQLiteStore, Store
from nuonuo.stores import migrate as migrating
from nuonuo.stores.migrate import Migrated, migrate
from tests.postgres import drop_schemas, fresh_address

from .samples import arrays, item
from .test_contract import FULL

IDENTITY = Identity("words", 32, "words", "wta")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "PAGE", 7)


@pytest.fixture
def source(store: Store) -> Store:
    store.claim(IDENTITY)
    for at in range(6):
        items = [item(f"{at}-{i}", f"text {at} {i}", seed=at + i, session_id=f"s{at}") for i in range(5)]
        store.insert(f"n{at % 3}", items)
        store.associate(f"{at}-0", f"{at}-3", 0.25 * (1 + at % 3))
    store.insert(FULL.namespace, [(FULL, item("x", seed=5)[1])])
    store.delete(ids=["1-2", "4-4"])
    return store


@pytest.fixture(params=["sqlite", "ram", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "postgres":
        address = fresh_address()
        from nuonuo.stores import PostgresStore

        made: Store = PostgresStore(address)
    else:
        made = SQLiteStore(tmp_path / "target.db") if request.param == "sqlite" else InMemoryStore()
    yield made
    made.close()
    drop_schemas()


def rows(store: Store) -> list[Any]:
    return [(memory, arrays(traces)) for _, memory, traces in store.scan(0, 100)]


def test_everything_is_copied_in_order(source: Store, target: Store) -> None:
    told: list[tuple[str, int, int]] = []
    assert migrate(source, target, lambda *each: told.append(each)) == Migrated(29, 0, 6)
    assert rows(target) == rows(source)
    assert len(rows(target)) == 29
    assert [*target.associations()] == [*source.associations()]
    assert target.identity() == IDENTITY
    assert told[-1] == ("verified", 29, 29)
    assert ("copied", 29, 7) in told
    assert migrate(source, target) == Migrated(0, 29, 6)


def test_an_interrupted_copy_goes_on(source: Store, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    insert, calls = target.insert, 0

    def failing(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return insert(*args, **options)

    monkeypatch.setattr(target, "insert", failing)
    with pytest.raises(KeyboardInterrupt):
        migrate(source, target)
    assert target.counts().memories == 14
    assert migrate(source, target) == Migrated(15, 14, 6)
    assert rows(target) == rows(source)


def test_what_is_there_is_not_changed(source: Store, target: Store) -> None:
    target.claim(IDENTITY)
    target.insert("n0", [item("0-1", "another text")])
    with pytest.raises(InvalidInputError, match=r"'0-1'.*another content"):
        migrate(source, target)
    assert [m.text for m in target.list()] == ["another text"]
    target.delete()
    target.insert("mine", [item("mine", "mine")])
    assert migrate(source, target).copied == 29
    assert target.get(["mine"])[0] is not None


def test_another_embedder_s_is_refused(source: Store, target: Store) -> None:
    target.claim(Identity("other", 32, "words", "wta"))
    with pytest.raises(EmbedderMismatchError):
        migrate(source, target)
    assert target.counts().memories == 0
    with pytest.raises(InvalidInputError, match="nothing to copy"):
        migrate(InMemoryStore(), target)


def test_what_was_not_written_as_it_is_is_noticed(
    source: Store, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = target.insert

    def wrong(namespace: str | None, items: Any, **options: Any) -> Any:
        told = [(memory, item("x", seed=99)[1]) if memory.id == "3-3" else (memory, t) for memory, t in items]
        return insert(namespace, told, **options)

    monkeypatch.setattr(target, "insert", wrong)
    with pytest.raises(NotAStoreError, match=r"'3-3'.*not the same"):
        migrate(source, target)
