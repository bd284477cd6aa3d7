"""Embedders, one file each: the protocol in `base`, and what implements it."""

from nuonuo.encoding.embedders.base import Embedder, Encoding, check_vectors
from nuonuo.encoding.embedders.minilm import MiniLM
from nuonuo.encoding.embedders.vectors import VectorEmbedder

__all__ = ["Embedder", "Encoding", "MiniLM", "VectorEmbedder", "check_vectors", "default_embedder"]


def default_embedder() -> MiniLM:
    """The embedder that `AssociativeMemory` uses where the caller gives none: through what is installed."""
    return MiniLM()
