from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nuonuo.evaluation.reliability.places import FilePlace, Place
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.stores import InMemoryStore, SQLiteStore, Store
from tests import postgres
from tests.postgres import drop_schemas, fresh_address

Make = Callable[..., Store]


@pytest.fixture(params=["sqlite", "packed", "ram", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes a store of each kind, with the options given; all of one test share one file or database.

    One of a kind is a file whose blocks are so small that a few memories fill some.
    """
    made: list[Store] = []
    address = fresh_address() if request.param == "postgres" else ""

    def a_store(**options: int) -> Store:
        if request.param == "postgres":
            from nuonuo.stores.postgres import PostgresStore

            made.append(PostgresStore(address, **options))
        elif request.param == "sqlite":
            made.append(SQLiteStore(tmp_path / "m.db", **options))
        elif request.param == "packed":
            made.append(SQLiteStore(tmp_path / "m.db", **{"block_length": 3, **options}))
        else:
            made.append(InMemoryStore(**options))
        return made[-1]

    yield a_store
    for store in made:
        store.close()
    if address:
        drop_schemas()


@pytest.fixture
def store(make: Make) -> Store:
    return make()


@pytest.fixture(params=["file", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where a store is that is put to the test; the server is one to crash, unless it is somebody else's."""
    if request.param == "file":
        yield FilePlace(tmp_path)
        return
    theirs = "NUONUO_TEST_POSTGRES" in os.environ
    made = PostgresPlace(postgres.address(), None if theirs else postgres.server())
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "m.db")
