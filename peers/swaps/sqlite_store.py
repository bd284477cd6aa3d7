"""`NuonuoStore` in the place of LangGraph's `SqliteStore` and `AsyncSqliteStore`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import langgraph.store.sqlite.aio
import langgraph.store.sqlite.base
from langgraph.store.base import TTLConfig

from nuonuo_integrations.langchain import NuonuoStore
from peers.swaps.engine import new_engine, put_in_place

Stand = TypeVar("Stand", bound="_Opened")


class _Opened(NuonuoStore):
    """A store as both of theirs are made: by the path of a file or ":memory:"."""

    def __init__(self, path: str, index: dict[str, Any] | None, ttl: TTLConfig | None) -> None:
        index = index or {}
        engine = new_engine(index.get("embed"), None if path == ":memory:" else path)
        super().__init__(engine, fields=index.get("text_fields") or index.get("fields"), ttl=ttl)

    def _closed(self) -> None:
        NuonuoStore.stop_ttl_sweeper(self)
        self.memory.close()


class SqliteStore(_Opened):
    def setup(self) -> None:
        """Theirs makes its tables here; ours did when it was opened."""

    @classmethod
    @contextmanager
    def from_conn_string(
        cls: type[Stand], path: str, *, index: dict[str, Any] | None = None, ttl: TTLConfig | None = None
    ) -> Iterator[Stand]:
        store = cls(path, index, ttl)
        try:
            yield store
        finally:
            store._closed()


class AsyncSqliteStore(_Opened):
    """Its sweeper is asked for with await, which ours needs nowhere."""

    async def setup(self) -> None:
        """As in `SqliteStore`."""

    @classmethod
    @asynccontextmanager
    async def from_conn_string(
        cls: type[Stand], path: str, *, index: dict[str, Any] | None = None, ttl: TTLConfig | None = None
    ) -> AsyncIterator[Stand]:
        store = cls(path, index, ttl)
        try:
            yield store
        finally:
            store._closed()

    async def sweep_ttl(self) -> int:  # type: ignore[override]
        return await asyncio.to_thread(self._sweep)

    async def start_ttl_sweeper(  # type: ignore[override]
        self, sweep_interval_minutes: float | None = None
    ) -> Future[None]:
        return self._sweeper.start(self._sweep, self.ttl_config, sweep_interval_minutes)

    async def stop_ttl_sweeper(self, timeout: float | None = None) -> bool:  # type: ignore[override]
        return NuonuoStore.stop_ttl_sweeper(self, timeout)

    def _sweep(self) -> int:
        return NuonuoStore.sweep_ttl(self)


put_in_place(langgraph.store.sqlite.base.SqliteStore, SqliteStore, "langgraph")
put_in_place(langgraph.store.sqlite.aio.AsyncSqliteStore, AsyncSqliteStore, "langgraph")
