"""NuonuoRetriever: an associative memory where LlamaIndex asks for a retriever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from os import PathLike
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.ingestion import run_transformations
from llama_index.core.schema import BaseNode, Document, NodeWithScore, QueryBundle, TransformComponent
from llama_index.core.settings import Settings
from llama_index.core.vector_stores.types import MetadataFilters

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidTypeError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import audible, engine_of
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._nodes import memory_of, node_of

logger = logging.getLogger(__name__)


class NuonuoRetriever(BaseRetriever):
    """Recalls nodes from an `AssociativeMemory`, in query engines and chat engines.

    A node comes back with its id, text, metadata and relationships as it was added, with its score, and
    with the evidence under ``metadata["nuonuo"]``, which no prompt and no embedding shows. A memory that
    was no node is one with the memory's id, and with its role and time in the metadata.

    Args:
        memory: the engine, or the path of its file.
        k: how many nodes.
        namespace: the wall between tenants.
        session_id: only from this conversation; added nodes belong to it.
        filters: conditions on metadata and "role".
        after, before: only what is dated in [after, before).
        **kwargs: LlamaIndex's own (``callback_manager``, ``object_map``, ``objects``, ``verbose``).

    Raises:
        InvalidTypeError: ``memory`` is neither.
        InvalidInputError: the filters ask for what the engine cannot express.
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
        **kwargs: Any,
    ) -> None:
        self.memory = engine_of(memory)
        self.k = k
        self.namespace = namespace
        self.session_id = session_id
        self.filters = filters
        self.after, self.before = after, before
        where_of(filters)  # complain now, not at the first question
        super().__init__(**kwargs)

    @classmethod
    def from_documents(
        cls,
        documents: Sequence[Document],
        memory: AssociativeMemory | str | PathLike[str],
        *,
        transformations: Sequence[TransformComponent] | None = None,
        show_progress: bool = False,
        **kwargs: Any,
    ) -> NuonuoRetriever:
        """A retriever over ``documents``, split as everywhere in LlamaIndex, by ``Settings.transformations``.

        Args:
            transformations: what makes nodes of the documents instead.
            **kwargs: as for the class.
        """
        retriever = cls(memory, **kwargs)
        steps = Settings.transformations if transformations is None else transformations
        retriever.add_nodes(run_transformations(documents, steps, show_progress=show_progress))
        return retriever

    def add_nodes(self, nodes: Sequence[BaseNode]) -> list[str]:
        """Remember nodes; one whose id is stored already is brought up to date.

        Returns:
            The ids, in order and each once; a node without text (a blank page) is left out.

        Raises:
            InvalidTypeError: no node.
            InvalidInputError: an id that another namespace holds: ids are unique in a file.
        """
        memories: dict[str, Memory] = {}
        for node in nodes:
            if not isinstance(node, BaseNode):
                raise InvalidTypeError(
                    f"add_nodes takes LlamaIndex nodes, got {type(node).__name__} {node!r}"
                )
            memory = memory_of(node)
            if memory.text.strip():
                memories[node.node_id] = memory
            else:
                logger.warning("the node %s has no text and is not remembered", node.node_id)
        known = self.memory.get(list(memories), namespace=self.namespace)
        old = {memory.id: memory for memory in known if memory is not None}
        self.memory.add(
            [memory for id, memory in memories.items() if id not in old],
            namespace=self.namespace,
            session_id=self.session_id,
        )
        for id, stored in old.items():
            self._bring_up_to_date(stored, memories[str(id)])
        return list(memories)

    async def aadd_nodes(self, nodes: Sequence[BaseNode]) -> list[str]:
        """Async twin of `add_nodes`."""
        return await asyncio.to_thread(self.add_nodes, nodes)

    def _bring_up_to_date(self, stored: Memory, new: Memory) -> None:
        same = (stored.text, stored.cues, dict(stored.metadata)) == (new.text, new.cues, dict(new.metadata))
        if not same:
            self.memory.update(
                str(stored.id), text=new.text, metadata=new.metadata, cues=new.cues, namespace=self.namespace
            )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        recall = self.memory.recall(query_bundle.query_str, **self._conditions())
        return [node_of(hit, recall) for hit in recall]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        recall = await self.memory.arecall(query_bundle.query_str, **self._conditions())
        return [node_of(hit, recall) for hit in recall]

    def _conditions(self) -> dict[str, Any]:
        return {
            "k": self.k,
            "namespace": self.namespace,
            "session_id": self.session_id,
            "where": audible(where_of(self.filters)),
            "after": self.after,
            "before": self.before,
            "distinct": False,  # a node is one by its id, whatever it says
        }
