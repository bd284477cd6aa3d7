"""Any function from texts to vectors, as an embedder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nuonuo.encoding.embedders.base import Encoding, check_vectors
from nuonuo.errors import EmbeddingError


class VectorEmbedder:
    """Any function from texts to vectors as an embedder; it has no token vectors.

    Args:
        embed_documents: ``list[str] -> (n, d)`` vectors, as arrays or nested lists.
        embed_queries: the same for cues; `embed_documents` where None.
        name: what the store remembers it by.
        dimension: d; asked of the function itself where None.

    Raises:
        EmbeddingError: the function returned NaN, infinity or another shape than (n, d).
    """

    def __init__(
        self,
        embed_documents: Callable[[list[str]], Any],
        *,
        embed_queries: Callable[[list[str]], Any] | None = None,
        name: str,
        dimension: int | None = None,
    ) -> None:
        self.name = name
        self.token_dimension = None
        self._embed_documents = embed_documents
        self._embed_queries = embed_queries or embed_documents
        self._dimension = dimension

    @property
    def dimension(self) -> int:
        if self._dimension is None:
            self._dimension = int(np.asarray(self._embed_documents(["dimension"])).shape[-1])
        return self._dimension

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return self._encode(self._embed_documents, texts)

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return self._encode(self._embed_queries, texts)

    def _encode(self, embed: Callable[[list[str]], Any], texts: Sequence[str]) -> list[Encoding]:
        if not texts:
            return []
        try:
            vectors = np.asarray(embed(list(texts)), dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise EmbeddingError(
                f"the embedder {self.name!r} returned something that is no array of numbers: {error}; "
                "it must return one vector of the same length for each text"
            ) from error
        vectors = check_vectors(vectors, (len(texts), self.dimension), f"the embedder {self.name!r}")
        return [Encoding(row[None, :]) for row in vectors]
