"""`NuonuoRetriever` in the classes with which LangChain tests its standard tests.

It is no `VectorStore`, and has that one's verbs for documents; a search for them alone is added here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import langchain_core.vectorstores
import langchain_core.vectorstores.in_memory as theirs
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from nuonuo_integrations.langchain import NuonuoRetriever
from peers.swaps.engine import new_engine, put_in_place


class InMemoryVectorStore(NuonuoRetriever):
    """Its search gives the documents as they were added, without the evidence for each."""

    def __init__(self, embedding: Embeddings) -> None:
        super().__init__(memory=new_engine(embedding))

    def similarity_search(self, query: str, k: int = 4) -> list[Document]:
        return NuonuoRetriever.get(self, [str(found.id) for found in self.invoke(query, k=k)])

    async def asimilarity_search(self, query: str, k: int = 4) -> list[Document]:
        found = await self.ainvoke(query, k=k)
        return await NuonuoRetriever.aget(self, [str(each.id) for each in found])


put_in_place(theirs.InMemoryVectorStore, InMemoryVectorStore, langchain_core.vectorstores.__name__)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Their retriever is a class of the test module's own, so ours is named where they name it."""
    for item in items:
        tested: Any = getattr(item, "cls", None)
        if hasattr(tested, "retriever_constructor"):
            tested.retriever_constructor = NuonuoRetriever
            tested.retriever_constructor_params = {"memory": _parrots()}


def _parrots() -> Any:
    engine = new_engine()
    engine.add([f"Polly is parrot number {number}." for number in range(5)])
    return engine
