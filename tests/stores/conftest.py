from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nuonuo.stores import InMemoryStore, SQLiteStore, Store
from tests.postgres import drop_schemas, fresh_address

Make = Callable[..., Store]


@pytest.fixture(params=["sqlite", "ram", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes a store of each kind, with the options given; all of one test share one file or database."""
    made: list[Store] = []
    address = fresh_address() if request.param == "postgres" else ""

    def a_store(**options: int) -> Store:
        if request.param == "postgres":
            from nuonuo.stores.postgres import PostgresStore

            made.append(PostgresStore(address, **options))
        elif request.param == "sqlite":
            made.append(SQLiteStore(tmp_path / "m.db", **options))
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


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "m.db")
