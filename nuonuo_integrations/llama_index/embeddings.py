"""A LlamaIndex embedding model as the engine's embedder."""

from __future__ import annotations

from llama_index.core.base.embeddings.base import BaseEmbedding

from nuonuo.encoding.embedders import VectorEmbedder
from nuonuo.errors import InvalidTypeError


class LlamaIndexEmbedder(VectorEmbedder):
    """Any LlamaIndex ``BaseEmbedding`` as the engine's embedder; it has no token vectors.

        memory = AssociativeMemory.open("memories.db", embedder=LlamaIndexEmbedder(embed_model))

    Args:
        embed_model: the embedding model; its batch size, cache and callbacks go on working.
        name: what the file remembers the model by; its class and ``model_name`` where None. A file made
            under one name opens under no other.
        dimension: the length of its vectors; asked of the model itself where None.

    Raises:
        InvalidTypeError: ``embed_model`` is no ``BaseEmbedding``.
    """

    def __init__(
        self, embed_model: BaseEmbedding, *, name: str | None = None, dimension: int | None = None
    ) -> None:
        if not isinstance(embed_model, BaseEmbedding):
            raise InvalidTypeError(
                f"embed_model must be a LlamaIndex BaseEmbedding, got {type(embed_model).__name__} "
                f"{embed_model!r}; a plain function goes into nuonuo.VectorEmbedder"
            )
        self.embed_model = embed_model
        super().__init__(
            embed_model.get_text_embedding_batch,
            embed_queries=lambda texts: [embed_model.get_query_embedding(text) for text in texts],
            name=name or f"llama_index/{embed_model.class_name()}/{embed_model.model_name}",
            dimension=dimension,
        )
