"""The verbs by which LlamaIndex's indices add, replace and delete, over an `AssociativeMemory`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.ingestion import arun_transformations, run_transformations
from llama_index.core.schema import BaseNode, Document, TransformComponent
from llama_index.core.settings import Settings
from llama_index.core.storage.docstore.types import RefDocInfo

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._engine import mended
from nuonuo_integrations._named import Named
from nuonuo_integrations._searching import write
from nuonuo_integrations.llama_index._nodes import HASH_KEY, SOURCE_KEY, memory_of, metadata_of

logger = logging.getLogger(__name__)


class Indexing:
    """Nodes and documents in and out, under the names that `BaseIndex` has for it.

    A document that is inserted again takes the place of all that was made of it before, however many
    nodes it becomes now. Nothing is asked of a document store: what is deleted is gone.
    """

    memory: AssociativeMemory
    namespace: str
    session_id: str | None
    _named: Named
    _dated: bool  # whether the nodes are expected to have times
    _transformations: Sequence[TransformComponent] | None

    # -- nodes ------------------------------------------------------------------------------------

    def add_nodes(self, nodes: Sequence[BaseNode]) -> list[str]:
        """Remember nodes, all or none; one whose id is stored already takes that one's place.

        Returns:
            The ids, in order and each once; a node without text (a blank page) is left out, and told in
            the log; what was stored under its id goes.

        Raises:
            InvalidTypeError: no node.
            InvalidInputError: metadata that cannot be kept, or an id that another namespace holds: ids are
                unique in a file.
        """
        return self._add(nodes, {})

    async def aadd_nodes(self, nodes: Sequence[BaseNode]) -> list[str]:
        """Async twin of `add_nodes`."""
        return await asyncio.to_thread(self.add_nodes, nodes)

    def insert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """`add_nodes`, as indices name it."""
        self.add_nodes(nodes)

    async def ainsert_nodes(self, nodes: Sequence[BaseNode], **insert_kwargs: Any) -> None:
        """Async twin of `insert_nodes`."""
        await self.aadd_nodes(nodes)

    def delete_nodes(
        self, node_ids: Sequence[str], delete_from_docstore: bool = False, **delete_kwargs: Any
    ) -> None:
        """Forget nodes by their ids, inside the namespace."""
        self.memory.forget(ids=node_ids, namespace=self.namespace)

    async def adelete_nodes(
        self, node_ids: Sequence[str], delete_from_docstore: bool = False, **delete_kwargs: Any
    ) -> None:
        """Async twin of `delete_nodes`."""
        await self.memory.aforget(ids=node_ids, namespace=self.namespace)

    # -- documents --------------------------------------------------------------------------------

    def insert(self, document: Document, **insert_kwargs: Any) -> None:
        """Split a document and remember its nodes, in the place of those that it had."""
        self._insert([document])

    async def ainsert(self, document: Document, **insert_kwargs: Any) -> None:
        """Async twin of `insert`."""
        await self._ainsert([document])

    def update_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """`insert`, as indices name it where the document is there already."""
        self._insert([document])

    async def aupdate_ref_doc(self, document: Document, **update_kwargs: Any) -> None:
        """Async twin of `update_ref_doc`."""
        await self._ainsert([document])

    def refresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Insert the documents that are new or have changed, and return which those were."""
        documents = _whole(documents)
        changed = self._changed(documents)
        self._insert([document for document, new in zip(documents, changed, strict=True) if new])
        return changed

    async def arefresh_ref_docs(self, documents: Sequence[Document], **update_kwargs: Any) -> list[bool]:
        """Async twin of `refresh_ref_docs`."""
        documents = _whole(documents)
        changed = await asyncio.to_thread(self._changed, documents)
        await self._ainsert([document for document, new in zip(documents, changed, strict=True) if new])
        return changed

    def delete_ref_doc(
        self, ref_doc_id: str, delete_from_docstore: bool = False, **delete_kwargs: Any
    ) -> None:
        """Forget all nodes of a document."""
        gone = [str(memory.id) for memory in self._made_of([ref_doc_id])]
        if not gone:
            logger.warning("ref_doc_id %s not found, nothing deleted.", ref_doc_id)
        self.memory.forget(ids=gone, namespace=self.namespace)

    async def adelete_ref_doc(
        self, ref_doc_id: str, delete_from_docstore: bool = False, **delete_kwargs: Any
    ) -> None:
        """Async twin of `delete_ref_doc`."""
        await asyncio.to_thread(self.delete_ref_doc, ref_doc_id)

    @property
    def ref_doc_info(self) -> dict[str, RefDocInfo]:
        """The documents that nodes were made of, with the ids of these nodes."""
        found: dict[str, RefDocInfo] = {}
        for memory in self.memory.list(namespace=self.namespace, where={SOURCE_KEY: {"$exists": True}}):
            info = found.setdefault(memory.metadata[SOURCE_KEY], RefDocInfo(metadata=metadata_of(memory)))
            info.node_ids.append(str(memory.id))
        return found

    # -- how --------------------------------------------------------------------------------------

    def _insert(self, documents: Sequence[Document], show_progress: bool = False) -> None:
        documents = _whole(documents)
        hashes = {document.id_: document.hash for document in documents}
        nodes = run_transformations(documents, self._steps(), show_progress=show_progress)
        self._replace(nodes, hashes)

    async def _ainsert(self, documents: Sequence[Document]) -> None:
        documents = _whole(documents)
        hashes = {document.id_: document.hash for document in documents}
        nodes = await arun_transformations(documents, self._steps())
        await asyncio.to_thread(self._replace, nodes, hashes)

    def _replace(self, nodes: Sequence[BaseNode], hashes: Mapping[str, str]) -> None:
        """Remember ``nodes``, then forget what else was made of their documents."""
        old = self._made_of(hashes)
        new = set(self._add(nodes, hashes))
        self.memory.forget(ids=[str(m.id) for m in old if m.id not in new], namespace=self.namespace)

    def _add(self, nodes: Sequence[BaseNode], hashes: Mapping[str, str]) -> list[str]:
        memories: dict[str, Memory] = {}
        for node in _all(nodes, BaseNode, "a list of LlamaIndex nodes"):
            memories[node.node_id] = memory_of(node, self._named, hashes, self.session_id)
        blank = [id for id, memory in memories.items() if not memory.text.strip()]
        records = [memory for id, memory in memories.items() if id not in blank]
        write(self.memory, records, self.namespace)
        if blank:
            logger.warning("%d nodes without text are left out: %s", len(blank), ", ".join(blank))
            self.memory.forget(ids=blank, namespace=self.namespace)
        undated = [(f"the node {each.id!r}", each.metadata) for each in records if not each.timestamp]
        self._named.tell_undated(undated, wanted=self._dated)
        return [str(memory.id) for memory in records]

    def _made_of(self, sources: Iterable[str]) -> list[Memory]:
        """All nodes of these documents; what an older version stored names its document otherwise."""
        ids = list(sources)
        if not ids:
            return []
        old = {SOURCE_KEY: None, "_node_content": {"$exists": True}, "ref_doc_id": {"$in": ids}}
        where = {"$or": [{SOURCE_KEY: {"$in": ids}}, old]}
        return self.memory.list(namespace=self.namespace, where=where)

    def _changed(self, documents: Sequence[Document]) -> list[bool]:
        made = self._made_of(document.id_ for document in documents)
        stored = {memory.metadata.get(SOURCE_KEY): memory.metadata.get(HASH_KEY) for memory in made}
        return [stored.get(document.id_) != document.hash for document in documents]

    def _steps(self) -> Sequence[TransformComponent]:
        return Settings.transformations if self._transformations is None else self._transformations


def steps_of(transformations: object) -> Sequence[TransformComponent] | None:
    """What makes nodes of documents, as it was given.

    Raises:
        InvalidTypeError: it is no sequence of LlamaIndex's transformations.
    """
    if transformations is None:
        return None
    if not isinstance(transformations, Sequence) or not all(
        isinstance(each, TransformComponent) for each in transformations
    ):
        raise InvalidTypeError(
            "transformations must be a list of TransformComponents, such as [SentenceSplitter()], got "
            f"{type(transformations).__name__} {transformations!r}"
        )
    return transformations


def _whole(documents: object) -> list[Document]:
    """``documents``; a copy of one whose text holds half characters, which LlamaIndex cannot hash."""
    found = []
    for document in _all(documents, Document, "a list of LlamaIndex Documents (add_nodes takes nodes)"):
        if mended(document.text) != document.text:
            document = document.model_copy()
            document.set_content(mended(document.text))
        found.append(document)
    return found


def _all(items: object, kind: type[Any], needed: str) -> list[Any]:
    if isinstance(items, (str, BaseNode)) or not isinstance(items, Iterable):
        raise InvalidTypeError(f"this takes {needed}, got {type(items).__name__} {items!r}")
    found = list(items)
    for item in found:
        if not isinstance(item, kind):
            raise InvalidTypeError(f"this takes {needed}, got {type(item).__name__} {item!r}")
    return found
