"""A LangChain embedding model as the engine's embedder."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from nuonuo.encoding.embedders import VectorEmbedder
from nuonuo.errors import InvalidTypeError


class LangChainEmbedder(VectorEmbedder):
    """Any LangChain ``Embeddings`` as the engine's embedder; it has no token vectors.

        memory = AssociativeMemory.open("memories.db", embedder=LangChainEmbedder(OpenAIEmbeddings()))

    Args:
        embeddings: the embedding model.
        name: what the file remembers the model by; its class and model name where None. A file made
            under one name opens under no other.
        dimension: the length of its vectors; asked of the model itself where None.

    Raises:
        InvalidTypeError: ``embeddings`` is no LangChain ``Embeddings``.
    """

    def __init__(
        self, embeddings: Embeddings, *, name: str | None = None, dimension: int | None = None
    ) -> None:
        if not isinstance(embeddings, Embeddings):
            raise InvalidTypeError(
                f"embeddings must be a LangChain Embeddings, got {type(embeddings).__name__} "
                f"{embeddings!r}; a plain function goes into nuonuo.VectorEmbedder"
            )
        self.embeddings = embeddings
        super().__init__(
            embeddings.embed_documents,
            embed_queries=lambda texts: [embeddings.embed_query(text) for text in texts],
            name=name or _name_of(embeddings),
            dimension=dimension,
        )


def _name_of(embeddings: Embeddings) -> str:
    found = [getattr(embeddings, field, None) for field in ("model", "model_name", "model_id")]
    model = next((each for each in found if isinstance(each, str) and each), None)
    return "/".join(filter(None, ["langchain", type(embeddings).__name__, model]))
