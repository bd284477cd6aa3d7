"""`NuonuoRetriever` in the place of LangChain's `InMemoryDocumentIndex`."""

from __future__ import annotations

import langchain_core.indexing.in_memory as theirs
from langchain_core.documents import Document

from nuonuo_integrations.langchain import NuonuoRetriever
from peers.swaps.engine import new_engine, put_in_place


class InMemoryDocumentIndex(NuonuoRetriever):
    def __init__(self) -> None:
        super().__init__(memory=new_engine())

    @property
    def store(self) -> dict[str, Document]:
        """All that it holds, where their tests look for it."""
        ids = [str(memory.id) for memory in self.memory.list(namespace=self.namespace)]
        return dict(zip(ids, self.get(ids), strict=True))


put_in_place(theirs.InMemoryDocumentIndex, InMemoryDocumentIndex, "langchain_core")
