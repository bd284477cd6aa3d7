"""NuonuoRetriever: an associative memory where LlamaIndex asks for a retriever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import Document, NodeWithScore, QueryBundle, QueryType, TransformComponent
from llama_index.core.vector_stores.types import MetadataFilters

from nuonuo import AssociativeMemory, Recall
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import Holder, confidence_of, engine_of, label_of, mended
from nuonuo_integrations._named import Keys, named
from nuonuo_integrations._searching import conditions, question_of, tell_undated
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._index import Indexing, steps_of
from nuonuo_integrations.llama_index._nodes import node_of

FILE_TIMES = ("last_modified_date", "creation_date")  # as SimpleDirectoryReader names them


class NuonuoRetriever(Holder, Indexing, BaseRetriever):
    """Recalls nodes from an `AssociativeMemory`, in query engines and chat engines.

    A node comes back with its id, text, metadata and relationships as it was added, with its score, and
    with the evidence under ``metadata["nuonuo"]``, which no prompt and no embedding shows: there stand its
    role, session and time too. A memory that was no node is one with the memory's id, and with its role
    and time in the metadata.

    Nodes and documents are added, replaced and deleted by the verbs of LlamaIndex's indices:
    `insert_nodes`, `delete_nodes`, `insert`, `update_ref_doc`, `refresh_ref_docs`, `delete_ref_doc`.

    Args:
        memory: the engine, or the path of its file.
        k: how many nodes.
        namespace: the wall between tenants.
        session_id: only from this conversation; added nodes belong to it.
        filters: conditions on metadata and "role".
        after, before: only what is dated in [after, before).
        timestamp_key: the metadata key, or keys, that hold an added node's time; of several the first that
            can be read. Those of `SimpleDirectoryReader` where nothing is said.
        role_key, session_key: those that hold its role and its session.
        transformations: what makes nodes of documents; ``Settings.transformations`` where None.
        min_confidence: with less confidence than this nothing comes; 0, since who asks wants nodes.
        **kwargs: LlamaIndex's own (``callback_manager``, ``object_map``, ``objects``, ``verbose``).

    Raises:
        InvalidTypeError, InvalidInputError: an argument that means nothing.
    """

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        *,
        k: int = 10,
        namespace: str = DEFAULT_NAMESPACE,
        session_id: str | None = None,
        filters: MetadataFilters | None = None,
        after: Any = None,
        before: Any = None,
        timestamp_key: Keys = FILE_TIMES,
        role_key: Keys = None,
        session_key: Keys = None,
        transformations: Sequence[TransformComponent] | None = None,
        min_confidence: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.k = k
        self.namespace, self.session_id = namespace, session_id
        self.filters = filters
        self.after, self.before = after, before
        self._named = named(timestamp_key, role_key, session_key)
        self._dated = timestamp_key not in (FILE_TIMES, None) or not (after is None and before is None)
        self._transformations = steps_of(transformations)
        self.min_confidence = confidence_of(min_confidence)
        self._told = False
        self._conditions()  # complain now, not at the first question, and before a file is opened
        self.memory = engine_of(memory)
        super().__init__(**kwargs)
        self._hold()

    @property
    def namespace(self) -> str:
        """The wall between tenants; without one a call would be everybody's, so None is an error."""
        return self._namespace

    @namespace.setter
    def namespace(self, namespace: object) -> None:
        self._namespace = label_of(namespace, "namespace")

    @property
    def session_id(self) -> str | None:
        """The one conversation that is asked and added to; None for all of the namespace."""
        return self._session_id

    @session_id.setter
    def session_id(self, session_id: object) -> None:
        self._session_id = None if session_id is None else label_of(session_id, "session_id")

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        memory: AssociativeMemory | str | PathLike[str],
        *,
        show_progress: bool = False,
        **kwargs: Any,
    ) -> NuonuoRetriever:
        """A retriever over ``documents``, split as everywhere in LlamaIndex, by ``Settings.transformations``.

        A document whose ``doc_id`` is known takes the place of all that was made of it before.

        Args:
            **kwargs: as for the class.
        """
        retriever = cls(memory, **kwargs)
        retriever._insert(documents, show_progress)
        return retriever

    def retrieve(self, str_or_query_bundle: QueryType) -> list[NodeWithScore]:
        """The nodes that complete the question best, best first.

        Raises:
            InvalidTypeError: the question is neither a text nor a QueryBundle.
        """
        return super().retrieve(_bundle_of(str_or_query_bundle))

    async def aretrieve(self, str_or_query_bundle: QueryType) -> list[NodeWithScore]:
        """Async twin of `retrieve`."""
        return await super().aretrieve(_bundle_of(str_or_query_bundle))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        recall = self._recall(query_bundle.query_str)
        return [node_of(hit, recall) for hit in recall]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)

    def _recall(self, query: str) -> Recall:
        asked = self._conditions()
        recall = self.memory.recall(mended(query), **asked)
        if recall.confidence < self.min_confidence:
            recall = replace(recall, hits=())
        self._told = self._told or tell_undated(self.memory, recall, asked)
        return recall

    def _conditions(self) -> dict[str, Any]:
        return conditions(
            k=self.k,
            namespace=self.namespace,
            session_id=self.session_id,
            where=where_of(self.filters),
            after=self.after,
            before=self.before,
        )


def _bundle_of(question: object) -> QueryBundle:
    if isinstance(question, QueryBundle):
        question_of(question.query_str, "a QueryBundle needs a query_str")
        return question
    return QueryBundle(question_of(question, "pass a text or a QueryBundle"))
