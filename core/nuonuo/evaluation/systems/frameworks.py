"""The memories of today's frameworks through their own front doors, on embeddings handed to them."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from typing import Any

from nuonuo.encoding.embedders.base import Embedder, FloatArray
from nuonuo.evaluation.data.forms import Group
from nuonuo.evaluation.systems.base import Answer, first_vectors, ids_of, need, texts_of


class LangChainVectorStore:
    """LangChain's InMemoryVectorStore through its retriever."""

    name = "langchain"

    def __init__(self, embedder: Embedder) -> None:
        need("langchain_core", "langchain-core")
        from langchain_core.embeddings import Embeddings

        class Handed(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return _lists(first_vectors(embedder, texts, "document"))

            def embed_query(self, text: str) -> list[float]:
                return _lists(first_vectors(embedder, [text], "query"))[0]

        self._embeddings = Handed()
        self._store: Any = None

    def fill(self, group: Group) -> None:
        from langchain_core.vectorstores import InMemoryVectorStore

        self._store = InMemoryVectorStore(self._embeddings)
        self._store.add_texts(texts_of(group), ids=ids_of(group))

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        found = self._store.as_retriever(search_kwargs={"k": k}).invoke(question)
        return Answer(tuple(str(document.id) for document in found))


class LlamaIndexVectorStore:
    """LlamaIndex's VectorStoreIndex (its SimpleVectorStore) through its retriever."""

    name = "llama-index"

    def __init__(self, embedder: Embedder) -> None:
        need("llama_index.core", "llama-index-core")
        from llama_index.core.embeddings import BaseEmbedding

        class Handed(BaseEmbedding):
            def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
                return _lists(first_vectors(embedder, texts, "document"))

            def _get_text_embedding(self, text: str) -> list[float]:
                return self._get_text_embeddings([text])[0]

            def _get_query_embedding(self, query: str) -> list[float]:
                return _lists(first_vectors(embedder, [query], "query"))[0]

            async def _aget_query_embedding(self, query: str) -> list[float]:
                return self._get_query_embedding(query)

        self._embedding = Handed(model_name=embedder.name, embed_batch_size=256)
        self._index: Any = None

    def fill(self, group: Group) -> None:
        from llama_index.core import VectorStoreIndex
        from llama_index.core.schema import TextNode

        nodes = [TextNode(text=text, id_=id) for text, id in zip(texts_of(group), ids_of(group), strict=True)]
        self._index = VectorStoreIndex(nodes, embed_model=self._embedding)

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        found = self._index.as_retriever(similarity_top_k=k).retrieve(question)
        return Answer(tuple(hit.node.node_id for hit in found))


class Mem0:
    """mem0 without its language model (``infer=False``), on a Qdrant folder of its own."""

    name = "mem0 (infer=False)"

    def __init__(self, embedder: Embedder) -> None:
        need("mem0", "'mem0ai>=2'")
        os.environ.setdefault("MEM0_TELEMETRY", "False")  # a benchmark tells nobody what it stores
        from langchain_core.embeddings import Embeddings
        from langchain_core.language_models import FakeListChatModel

        class Handed(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return _lists(first_vectors(embedder, texts, "document"))

            def embed_query(self, text: str) -> list[float]:
                return self.embed_documents([text])[0]  # mem0 embeds memories by this too

        self._embeddings, self._model = Handed(), FakeListChatModel(responses=["-"])
        self._dimension = embedder.dimension
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._memory: Any = None

    def fill(self, group: Group) -> None:
        from mem0 import Memory

        if self._folder is not None:
            self._folder.cleanup()
        self._folder = tempfile.TemporaryDirectory(prefix="nuonuo-mem0-")
        folder = self._folder.name
        store = {"path": f"{folder}/qdrant", "embedding_model_dims": self._dimension, "on_disk": False}
        self._memory = Memory.from_config(
            {
                "vector_store": {"provider": "qdrant", "config": {"collection_name": "memories", **store}},
                # mem0 builds its model even where it is never asked.
                "llm": {"provider": "langchain", "config": {"model": self._model}},
                "embedder": {"provider": "langchain", "config": {"model": self._embeddings}},
                "history_db_path": f"{folder}/history.db",
            }
        )
        for text, id in zip(texts_of(group), ids_of(group), strict=True):
            self._memory.add(text, user_id="user", metadata={"source": id}, infer=False)

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        found = self._memory.search(question, filters={"user_id": "user"}, top_k=k, threshold=0.0)["results"]
        return Answer(tuple(str(hit["metadata"]["source"]) for hit in found))


def _lists(vectors: FloatArray) -> list[list[float]]:
    found: list[list[float]] = vectors.tolist()
    return found
