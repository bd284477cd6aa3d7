"""What users have today, on the same embeddings: the memories that NuoNuo is measured against.

Each answers a question with the ids of memories, best first. `Dense` and the two frameworks' own vector
stores see one vector a memory, the encoder's first window, as those frameworks would; BM25 sees stems.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from nuonuo.encoding.embedders.base import Embedder, FloatArray
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.forms import Group
from nuonuo.evaluation.systems.base import Answer, System, first_vectors, ids_of, need, texts_of
from nuonuo.evaluation.systems.frameworks import LangChainVectorStore, LlamaIndexVectorStore, Mem0

FUSION = 60  # the constant of reciprocal-rank fusion (Cormack, Clarke and Buettcher 2009)
FUSION_DEPTH = 200  # of each list that is fused


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

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        similarities = self._vectors @ first_vectors(self._embedder, [question], "query")[0]
        best = np.argsort(-similarities, kind="stable")[:k]
        return Answer(tuple(self._ids[i] for i in best), float(similarities[best[0]]))


class BM25:
    """bm25s over English stems (k1 1.2, b 0.75), without its longer list of stop words.

    That list holds the question words too, and gives the baseline its best figures on conversations.

    Args:
        matches_only: leave out memories that share no word with the question.
    """

    name = "bm25"

    def __init__(self, *, matches_only: bool = False) -> None:
        need("bm25s", "bm25s")
        import Stemmer

        self._matches_only = matches_only
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

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        scores = np.zeros(len(self._ids), np.float32)
        words = self._tokens([question])[0]
        if words and self._index is not None:
            scores = self._index.get_scores(words)
        best = np.argsort(-scores, kind="stable")[:k]
        confidence = float(scores[best[0]])
        if self._matches_only:
            best = best[scores[best] > 0]
        return Answer(tuple(self._ids[i] for i in best), confidence)

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
        self._parts: tuple[System, ...] = (Dense(embedder), BM25(matches_only=True))

    def fill(self, group: Group) -> None:
        for part in self._parts:
            part.fill(group)

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        lists = [part.ask(question, max(k, FUSION_DEPTH)).ids for part in self._parts]
        return Answer(tuple(fuse(lists)[:k]))


def fuse(lists: Sequence[Sequence[str]]) -> list[str]:
    """Ids by the sum over ``lists`` of 1 / (60 + rank); ties in the order of first appearance."""
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, id in enumerate(ranked, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (FUSION + rank)
    return sorted(scores, key=lambda id: -scores[id])


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
