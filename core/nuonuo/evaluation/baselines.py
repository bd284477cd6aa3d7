"""What users have today, on the same embeddings: the memories that NuoNuo is measured against.

Each answers a question with the ids of memories, best first. `Dense` and the two frameworks' own vector
stores see one vector a memory, the encoder's first window, as those frameworks would; BM25 sees stems.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nuonuo.embedding import Embedder
from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.evaluation.forms import Group

FloatArray = npt.NDArray[np.float32]

FUSION = 60  # the constant of reciprocal-rank fusion (Cormack, Clarke and Buettcher 2009)
FUSION_DEPTH = 200  # of each list that is fused


@dataclass(frozen=True, slots=True)
class Answer:
    """Ids of memories, best first; confidence is whatever the system has to say of its best hit."""

    ids: tuple[str, ...]
    confidence: float | None = None


class System(Protocol):
    """Something that remembers: filled with one group at a time, then asked."""

    name: str

    def fill(self, group: Group) -> None:
        """Hold the memories of ``group``, and nothing of the group before."""
        ...

    def ask(self, question: str, k: int) -> Answer:
        """The first ``k`` memories for ``question``."""
        ...


class Dense:
    """One vector a memory, cosine, exact: what a vector-store memory does."""

    name = "dense"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._ids: list[str] = []
        self._vectors: FloatArray = np.zeros((0, embedder.dimension), np.float32)

    def fill(self, group: Group) -> None:
        self._ids = ids_of(group)
        self._vectors = first_vectors(self._embedder, texts_of(group), "document")

    def ask(self, question: str, k: int) -> Answer:
        similarities = self._vectors @ first_vectors(self._embedder, [question], "query")[0]
        best = np.argsort(-similarities, kind="stable")[:k]
        return Answer(tuple(self._ids[i] for i in best), float(similarities[best[0]]))


class BM25:
    """bm25s over English stems (k1 1.2, b 0.75), without its longer list of stop words.

    That list holds the question words too, and gives the baseline its best figures on conversations.
    """

    name = "bm25"

    def __init__(self) -> None:
        _need("bm25s", "bm25s")
        import Stemmer

        self._stemmer = Stemmer.Stemmer("english")
        self._ids: list[str] = []
        self._index: Any = None

    def fill(self, group: Group) -> None:
        import bm25s

        self._ids = ids_of(group)
        tokens = self._tokens(texts_of(group))
        self._index = None  # bm25s cannot index texts without a single word
        if any(tokens):
            self._index = bm25s.BM25(k1=1.2, b=0.75)
            self._index.index(tokens, show_progress=False)

    def ask(self, question: str, k: int) -> Answer:
        scores = np.zeros(len(self._ids), np.float32)
        words = self._tokens([question])[0]
        if words and self._index is not None:
            scores = self._index.get_scores(words)
        best = np.argsort(-scores, kind="stable")[:k]
        return Answer(tuple(self._ids[i] for i in best), float(scores[best[0]]))

    def _tokens(self, texts: list[str]) -> list[list[str]]:
        import bm25s

        found: list[list[str]] = bm25s.tokenize(
            texts, stopwords="en_plus", stemmer=self._stemmer, return_ids=False, show_progress=False
        )
        return found


class Fusion:
    """Reciprocal-rank fusion of dense and BM25: the hybrid search of most vector databases."""

    name = "dense+bm25 (rrf)"

    def __init__(self, embedder: Embedder) -> None:
        self._parts: tuple[System, ...] = (Dense(embedder), BM25())

    def fill(self, group: Group) -> None:
        for part in self._parts:
            part.fill(group)

    def ask(self, question: str, k: int) -> Answer:
        lists = [part.ask(question, max(k, FUSION_DEPTH)).ids for part in self._parts]
        return Answer(tuple(fuse(lists)[:k]))


def fuse(lists: Sequence[Sequence[str]]) -> list[str]:
    """Ids by the sum over ``lists`` of 1 / (60 + rank); ties in the order of first appearance."""
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, id in enumerate(ranked, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (FUSION + rank)
    return sorted(scores, key=lambda id: -scores[id])


class LangChainVectorStore:
    """LangChain's InMemoryVectorStore through its retriever."""

    name = "langchain"

    def __init__(self, embedder: Embedder) -> None:
        _need("langchain_core", "langchain-core")
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

    def ask(self, question: str, k: int) -> Answer:
        found = self._store.as_retriever(search_kwargs={"k": k}).invoke(question)
        return Answer(tuple(str(document.id) for document in found))


class LlamaIndexVectorStore:
    """LlamaIndex's VectorStoreIndex (its SimpleVectorStore) through its retriever."""

    name = "llama-index"

    def __init__(self, embedder: Embedder) -> None:
        _need("llama_index.core", "llama-index-core")
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

    def ask(self, question: str, k: int) -> Answer:
        found = self._index.as_retriever(similarity_top_k=k).retrieve(question)
        return Answer(tuple(hit.node.node_id for hit in found))


class Mem0:
    """mem0 without its language model (``infer=False``), on a Qdrant folder of its own."""

    name = "mem0 (infer=False)"

    def __init__(self, embedder: Embedder) -> None:
        _need("mem0", "mem0ai")
        from langchain_core.embeddings import Embeddings
        from langchain_core.language_models import FakeListChatModel

        class Handed(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                return _lists(first_vectors(embedder, texts, "document"))

            def embed_query(self, text: str) -> list[float]:
                return _lists(first_vectors(embedder, [text], "document"))[0]

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

    def ask(self, question: str, k: int) -> Answer:
        found = self._memory.search(question, user_id="user", limit=k)["results"]
        return Answer(tuple(str(hit["metadata"]["source"]) for hit in found))


BASELINES: dict[str, Callable[[Embedder], System]] = {
    "dense": Dense,
    "bm25": lambda _: BM25(),
    "rrf": Fusion,
    "langchain": LangChainVectorStore,
    "llama-index": LlamaIndexVectorStore,
    "mem0": Mem0,
}


def baseline(name: str, embedder: Embedder) -> System:
    """The baseline called ``name``.

    Raises:
        InvalidInputError: no such baseline. MissingDependencyError: its package is not installed.
    """
    if name not in BASELINES:
        raise InvalidInputError(f"there is no baseline {name!r}; there are {', '.join(BASELINES)}")
    return BASELINES[name](embedder)


def first_vectors(embedder: Embedder, texts: list[str], kind: str) -> FloatArray:
    """The vector of each text's first window, unit rows: (n, d)."""
    encode = embedder.encode_queries if kind == "query" else embedder.encode_documents
    return np.stack([encoding.vectors[0] for encoding in encode(texts)]).astype(np.float32)


def ids_of(group: Group) -> list[str]:
    return [str(memory.id) for memory in group.memories]


def texts_of(group: Group) -> list[str]:
    return [memory.text for memory in group.memories]


def _lists(vectors: FloatArray) -> list[list[float]]:
    found: list[list[float]] = vectors.tolist()
    return found


def _need(module: str, package: str) -> None:
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # the parent package is absent
        found = None
    if found is None:
        raise MissingDependencyError(
            f"this baseline needs {package}, which is not installed: pip install {package}"
        )
