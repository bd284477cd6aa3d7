"""NuoNuo in LangChain: a chat memory, a retriever, a message history, agent middleware, a LangGraph store.

Importing this package imports no LangChain; the first use of one of its names does, and asks for what
that one needs only.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nuonuo.errors import MissingDependencyError

if TYPE_CHECKING:
    from nuonuo_integrations.langchain.embeddings import LangChainEmbedder
    from nuonuo_integrations.langchain.history import NuonuoChatMessageHistory
    from nuonuo_integrations.langchain.memory import NuonuoMemory
    from nuonuo_integrations.langchain.middleware import NuonuoMiddleware
    from nuonuo_integrations.langchain.retriever import NuonuoRetriever
    from nuonuo_integrations.langchain.store import NuonuoStore

__all__ = [
    "LangChainEmbedder",
    "NuonuoChatMessageHistory",
    "NuonuoMemory",
    "NuonuoMiddleware",
    "NuonuoRetriever",
    "NuonuoStore",
]

# The module of each name, and the extra that brings what it imports.
_HOME = {
    "LangChainEmbedder": ("embeddings", "langchain"),
    "NuonuoChatMessageHistory": ("history", "langchain"),
    "NuonuoMemory": ("memory", "langchain"),
    "NuonuoMiddleware": ("middleware", "agents"),
    "NuonuoRetriever": ("retriever", "langchain"),
    "NuonuoStore": ("store", "agents"),
}
_FRAMEWORK = ("langchain", "langchain_core", "langchain_classic", "langgraph")


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, extra = _HOME[name]
    try:
        value = getattr(import_module(f"{__name__}.{module}"), name)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _FRAMEWORK:
            raise  # not LangChain is missing, something else is broken
        raise MissingDependencyError(
            f"{name} needs {error.name}, which could not be imported ({error}): pip install 'nuonuo[{extra}]'"
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
