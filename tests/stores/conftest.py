from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nuonuo.stores import InMemoryStore, SQLiteStore, Store


@pytest.fixture(params=["sqlite", "ram"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made: Store = SQLiteStore(tmp_path / "m.db") if request.param == "sqlite" else InMemoryStore()
    yield made
    made.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "m.db")
