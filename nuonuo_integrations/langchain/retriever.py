"""NuonuoRetriever: recall as a LangChain retriever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from nuonuo import Memory, Recall
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import audible
from nuonuo_integrations._fields import Confidence
from nuonuo_integrations.langchain._documents import EVIDENCE_KEY, document_of
from nuonuo_integrations.langchain._engine import Engine

_SAID = ("role", "session_id", "timestamp")


class NuonuoRetriever(BaseRetriever):
    """The memories that complete the query best, as documents with their ids.

    ``metadata["nuonuo"]`` holds each one's score, the recall's confidence, each signal's share, which
    word was answered by what, and the associations by which it came; beside it stand the memory's own
    metadata and its role, session and time.

    Args:
        memory: the engine, or the path of its file.
        k: how many documents; fewer only where fewer exist. Also per call: ``invoke(query, k=3)``.
        namespace: the wall between tenants.
        session_id: only this conversation; also per call.
        where: a filter over metadata and "role"; one given per call is joined to it.
        after, before: only what is dated in [after, before); also per call.
        min_confidence: with less confidence than this there are no documents. 0 gives the best there are, as
            every retriever does: who asks one wants documents; each says its confidence.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    k: int = Field(default=10, ge=1)
    namespace: str = DEFAULT_NAMESPACE
    session_id: str | None = None
    where: dict[str, Any] | None = None
    after: datetime | str | float | None = None
    before: datetime | str | float | None = None
    min_confidence: Confidence = 0.0

    def add_documents(self, documents: Sequence[Document]) -> list[str]:
        """Store documents, all or none, and return their ids: their own, or new ones.

        Role, session and time are read where this retriever writes them, so that its own documents
        can be stored elsewhere as they are.
        """
        return self.memory.add([_memory_of(each) for each in documents], **self._place())

    async def aadd_documents(self, documents: Sequence[Document]) -> list[str]:
        """Async twin of `add_documents`."""
        return await self.memory.aadd([_memory_of(each) for each in documents], **self._place())

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        session_id: str | None = None,
        where: dict[str, Any] | None = None,
        after: datetime | str | float | None = None,
        before: datetime | str | float | None = None,
    ) -> list[Document]:
        if not query.strip():
            return []
        recall = self.memory.recall(query, **self._asked(k, session_id, where, after, before))
        return self._documents(recall)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        session_id: str | None = None,
        where: dict[str, Any] | None = None,
        after: datetime | str | float | None = None,
        before: datetime | str | float | None = None,
    ) -> list[Document]:
        if not query.strip():
            return []
        recall = await self.memory.arecall(query, **self._asked(k, session_id, where, after, before))
        return self._documents(recall)

    def _documents(self, recall: Recall) -> list[Document]:
        return [document_of(hit, recall) for hit in recall if recall.confidence >= self.min_confidence]

    def _asked(
        self, k: int | None, session_id: str | None, where: dict[str, Any] | None, after: Any, before: Any
    ) -> dict[str, Any]:
        """What the engine is asked for: the call's own conditions, else the retriever's."""
        return {
            "k": self.k if k is None else k,
            "namespace": self.namespace,
            "session_id": self.session_id if session_id is None else session_id,
            "where": audible(self.where, where),
            "after": self.after if after is None else after,
            "before": self.before if before is None else before,
        }

    def _place(self) -> dict[str, Any]:
        return {"namespace": self.namespace, "session_id": self.session_id}


def _memory_of(document: Document) -> Memory:
    metadata = {k: v for k, v in document.metadata.items() if k != EVIDENCE_KEY}
    said = {name: metadata.pop(name) for name in _SAID if isinstance(metadata.get(name), str)}
    return Memory(document.page_content, metadata=metadata, id=document.id, **said)
