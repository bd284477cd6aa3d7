from __future__ import annotations

import gc
import os

# Before anything imports a model: tests never ask the hub.
os.environ["HF_HUB_OFFLINE"] = "1"

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from nuonuo import AssociativeMemory, MiniLM
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.stores import InMemoryStore, SQLiteStore
from tests.fakes import SMALL, Opened, WordEmbedder

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")


def stays() -> None:
    """What libraries have loaded by now is here to stay: no later collection walks it again."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    stays()


@pytest.fixture(scope="session")
def minilm() -> MiniLM:
    pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers")
    embedder = MiniLM(backend="torch")
    embedder.encode_queries(["loaded once"])
    stays()
    return embedder


@pytest.fixture(scope="session")
def kept_minilm(minilm: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CachedEmbedder]:
    """MiniLM for what several tests store, such as the sample conversation: one run embeds it once."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one of several processes, each with a folder in that of the run
        folder = folder.parent
    embedder = CachedEmbedder(minilm, folder / "embeddings.db")
    yield embedder
    embedder.close()


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
