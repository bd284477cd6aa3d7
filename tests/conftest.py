from __future__ import annotations

import os

# Before anything imports a model: tests never ask the hub.
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nuonuo import AssociativeMemory, MiniLM
from nuonuo.stores import InMemoryStore, SQLiteStore
from tests.fakes import SMALL, Opened, WordEmbedder

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    embedder = MiniLM(backend="torch")
    embedder.encode_queries(["loaded once"])
    return embedder


@pytest.fixture(params=["sqlite", "ram"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens memories with the fake embedder over one store of each kind; closes them at the end."""
    stores: list[SQLiteStore | InMemoryStore] = []

    def open_(**settings: Any) -> AssociativeMemory:
        settings.setdefault("embedder", WordEmbedder())
        settings.setdefault("config", SMALL)
        if request.param == "sqlite":
            stores.append(SQLiteStore(tmp_path / f"{len(stores)}.db"))
        else:
            stores.append(InMemoryStore())
        return AssociativeMemory(stores[-1], **settings)

    yield open_
    for store in stores:
        store.close()


@pytest.fixture
def memory(opened: Opened) -> AssociativeMemory:
    return opened()
