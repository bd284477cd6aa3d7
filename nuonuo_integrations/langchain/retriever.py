"""NuonuoRetriever: recall as a LangChain retriever, and as an index of documents."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.indexing import DeleteResponse, UpsertResponse
from langchain_core.indexing.base import DocumentIndex
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, PrivateAttr, SkipValidation

from nuonuo import AssociativeMemory, Memory, Recall
from nuonuo.checks import ids_of
from nuonuo.errors import InvalidInputError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import confidence_of, label_of, mended
from nuonuo_integrations._models import HolderModel
from nuonuo_integrations._named import Keys, Named, named
from nuonuo_integrations._searching import conditions, question_of, tell_undated, write
from nuonuo_integrations.langchain._documents import document_of, documents_of, identified, memory_of
from nuonuo_integrations.langchain._engine import Engine

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Batch:
    """The questions of a batch, recalled together; each run of it takes its own from here."""

    memory: AssociativeMemory
    asked: Mapping[str, Any]
    recalls: Mapping[str, Recall]


_CONDITIONS = ("k", "session_id", "where", "after", "before")  # of one call
_batch: ContextVar[_Batch | None] = ContextVar("nuonuo_batch", default=None)


class NuonuoRetriever(HolderModel, DocumentIndex):
    """The memories that complete the query best, as documents with their ids.

    ``metadata["nuonuo"]`` holds each one's score, the recall's confidence, each signal's share, which
    word was answered by what, the associations by which it came, and the memory's role, session and
    time. Beside it stands the metadata that a document was added with, as it was; a turn of a
    conversation shows its role, session and time there too.

    Documents are added, replaced and deleted by LangChain's own verbs: `add_documents`, `delete`,
    `get_by_ids`, and through `langchain_core.indexing.index`, as a `DocumentIndex`.

    Args:
        memory: the engine, or the path of its file.
        k: how many documents; fewer only where fewer exist. Also per call: ``invoke(query, k=3)``.
        namespace: the wall between tenants.
        session_id: only this conversation, to which added documents belong; also per call.
        where: a filter over metadata and "role"; one given per call is joined to it.
        after, before: only what is dated in [after, before); also per call.
        timestamp_key: the metadata key, or keys, that hold an added document's time; LangChain names none.
        role_key, session_key: those that hold its role and its session.

    Raises:
        InvalidTypeError, InvalidInputError: an argument that means nothing, told at construction.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    # What pydantic would convert in silence ("5" to 5) or refuse with an error of its own is checked below.
    k: SkipValidation[int] = 10
    namespace: SkipValidation[str] = DEFAULT_NAMESPACE
    session_id: SkipValidation[str | None] = None
    where: SkipValidation[dict[str, Any] | None] = None
    after: SkipValidation[datetime | str | float | None] = None
    before: SkipValidation[datetime | str | float | None] = None
    timestamp_key: SkipValidation[Keys] = None
    role_key: SkipValidation[Keys] = None
    session_key: SkipValidation[Keys] = None
    min_confidence: SkipValidation[float] = 0.0

    _told: bool = PrivateAttr(default=False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._asked()  # not in a validator: pydantic would wrap what it says
        self._named()
        confidence_of(self.min_confidence)

    # -- adding and deleting ----------------------------------------------------------------------

    def add_documents(
        self, documents: Sequence[Document], ids: Sequence[str] | None = None, **kwargs: Any
    ) -> list[str]:
        """Store documents, all or none; one whose id is stored takes that one's place.

        A blank page is left out, and told in the log; what was stored under its id goes. Of two documents
        with one id the last counts. ``metadata`` comes back as it went in.

        Args:
            ids: their ids; their own, or new ones, where None.
            **kwargs: what LangChain passes to vector stores (``batch_size``); without effect here.

        Returns:
            The id of each document that was stored, in order.

        Raises:
            InvalidTypeError, InvalidInputError: what is no document, or cannot be kept; it says which.
        """
        items = identified(documents, ids)
        last = {str(each.id): at for at, each in enumerate(items)}
        spaced = [str(each.id) for each in items if each.page_content.strip()]
        blank = [id for id, at in last.items() if not items[at].page_content.strip()]
        records = [
            self._memory_of(items[at], at) for id, at in last.items() if items[at].page_content.strip()
        ]
        write(self.memory, records, self._place())
        if blank:
            logger.warning("%d documents without text are left out: %s", len(blank), ", ".join(blank))
            self.memory.forget(ids=blank, namespace=self._place())
        undated = [(f"document {record.id!r}", record.metadata) for record in records if not record.timestamp]
        self._named().tell_undated(undated, wanted=self.timestamp_key is not None)
        return [id for id in spaced if id not in blank]

    async def aadd_documents(
        self, documents: Sequence[Document], ids: Sequence[str] | None = None, **kwargs: Any
    ) -> list[str]:
        """Async twin of `add_documents`."""
        return await run_in_executor(None, self.add_documents, documents, ids, **kwargs)

    def upsert(self, items: Sequence[Document], /, **kwargs: Any) -> UpsertResponse:
        """`add_documents` as `langchain_core.indexing.index` calls it; a blank page counts as failed."""
        items = identified(items, None)
        stored = self.add_documents(items, **kwargs)
        failed = [str(each.id) for each in items if each.id not in stored]
        return UpsertResponse(succeeded=stored, failed=failed)

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> DeleteResponse:
        """Forget documents by their ids, inside the namespace; ids that are not stored count for nothing.

        Raises:
            InvalidInputError: no ids at all.
        """
        if ids is None:
            raise InvalidInputError("delete needs ids; to forget everything: memory.forget(namespace=...)")
        gone = [str(each.id) for each in self.get(ids)]
        self.memory.forget(ids=gone, namespace=self._place())
        return DeleteResponse(succeeded=gone, num_deleted=len(gone), failed=[], num_failed=0)

    def get(self, ids: Sequence[str], /, **kwargs: Any) -> list[Document]:
        """The documents with these ids, in order; one that is not stored in the namespace is left out."""
        found = self.memory.get(list(dict.fromkeys(ids_of(ids))), namespace=self._place())
        return [document_of(memory) for memory in found if memory is not None]

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get`, under the name that vector stores have for it."""
        return self.get(ids)

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Async twin of `get_by_ids`."""
        return await self.aget(ids)

    # -- asking -----------------------------------------------------------------------------------

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
        asked = self._asked(k, session_id, where, after, before)
        return documents_of(self._recall(query, asked))

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
        asked = self._asked(k, session_id, where, after, before)
        return documents_of(await run_in_executor(None, self._recall, query, asked))

    def batch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """What each of ``inputs`` recalls, in order: embedded together, and put to one state of it."""
        with _together(self._recall_many(inputs, kwargs)):
            return super().batch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def abatch(
        self,
        inputs: list[str],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[list[Document]]:
        """Async twin of `batch`."""
        with _together(await run_in_executor(None, self._recall_many, inputs, kwargs)):
            return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    def _recall_many(self, inputs: Sequence[object], kwargs: dict[str, Any]) -> _Batch | None:
        """The questions recalled together; None where that fails, and each run is to tell of its own."""
        texts = list(dict.fromkeys(mended(each) for each in inputs if isinstance(each, str) and each.strip()))
        try:
            asked = self._asked(**{name: kwargs[name] for name in _CONDITIONS if name in kwargs})
            recalls = self.memory.recall_many(texts, **asked)
        except Exception:
            return None
        return _Batch(self.memory, asked, dict(zip(texts, recalls, strict=True)))

    def _recall(self, query: object, asked: dict[str, Any]) -> Recall:
        text = question_of(query, 'in a chain, put itemgetter("question") or such before the retriever')
        if not text.strip():
            return Recall(text, (), 0.0)
        batch = _batch.get()
        if batch and batch.memory is self.memory and batch.asked == asked and text in batch.recalls:
            recall = batch.recalls[text]
        else:
            recall = self.memory.recall(text, **asked)
        if recall.confidence < self.min_confidence:
            recall = replace(recall, hits=())
        self._told = self._told or tell_undated(self.memory, recall, asked)
        return recall

    def _asked(
        self,
        k: int | None = None,
        session_id: str | None = None,
        where: dict[str, Any] | None = None,
        after: Any = None,
        before: Any = None,
    ) -> dict[str, Any]:
        """What the engine is asked for: the call's own conditions, else the retriever's."""
        return conditions(
            k=self.k if k is None else k,
            namespace=self.namespace,
            session_id=self.session_id if session_id is None else session_id,
            where=self.where,
            also=where,
            after=self.after if after is None else after,
            before=self.before if before is None else before,
        )

    def _named(self) -> Named:
        return named(self.timestamp_key, self.role_key, self.session_key)

    def _place(self) -> str:
        return label_of(self.namespace, "namespace")

    def _memory_of(self, document: Document, at: int) -> Memory:
        memory = memory_of(document, self._named(), at)
        if memory.session_id is None and self.session_id is not None:
            memory = replace(memory, session_id=label_of(self.session_id, "session_id"))
        return memory


@contextmanager
def _together(batch: _Batch | None) -> Iterator[None]:
    token = _batch.set(batch)
    try:
        yield
    finally:
        _batch.reset(token)
