"""`NuonuoStore` in the place of LangGraph's `InMemoryStore`."""

from __future__ import annotations

from typing import Any

import langgraph.store.memory as theirs

from nuonuo_integrations.langchain import NuonuoStore
from peers.swaps.engine import new_engine, put_in_place


class InMemoryStore(NuonuoStore):
    """Takes what theirs takes: ``index`` names the embedding model and the fields that queries look at."""

    def __init__(self, *, index: dict[str, Any] | None = None) -> None:
        index = index or {}
        super().__init__(new_engine(index.get("embed")), fields=index.get("fields"))


put_in_place(theirs.InMemoryStore, InMemoryStore, "langgraph")
