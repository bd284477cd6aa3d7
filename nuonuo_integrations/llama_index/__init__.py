"""NuoNuo in LlamaIndex: a retriever, a chat memory, a block for the composite memory, an embedder.

Importing this package imports no LlamaIndex; the first use of one of its names does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nuonuo.errors import MissingDependencyError

if TYPE_CHECKING:
    from nuonuo_integrations.llama_index.block import NuonuoMemoryBlock
    from nuonuo_integrations.llama_index.embeddings import LlamaIndexEmbedder
    from nuonuo_integrations.llama_index.memory import NuonuoMemory
    from nuonuo_integrations.llama_index.retriever import NuonuoRetriever

__all__ = ["LlamaIndexEmbedder", "NuonuoMemory", "NuonuoMemoryBlock", "NuonuoRetriever"]

_HOME = {
    "LlamaIndexEmbedder": "embeddings",
    "NuonuoMemory": "memory",
    "NuonuoMemoryBlock": "block",
    "NuonuoRetriever": "retriever",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "llama_index":
            raise  # not LlamaIndex is missing, something else is broken
        raise MissingDependencyError(
            f"{name} needs llama-index-core >= 0.13, < 0.15, and {error.name} could not be imported: "
            "pip install 'nuonuo[llama-index]'"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
