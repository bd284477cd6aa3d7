"""Embedders by what the command line calls them: a model, a folder, a file, or a framework's object."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

from nuonuo.encoding.embedders import MiniLM, VectorEmbedder
from nuonuo.encoding.embedders.base import Embedder
from nuonuo.encoding.embedders.minilm import Backend
from nuonuo.errors import InvalidInputError, MissingDependencyError

_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def model_of(given: str) -> Embedder:
    """The embedder that ``given`` names.

    ``torch`` or ``onnx`` is the packaged MiniLM, ``module:name`` an object, or a class or a function of no
    arguments that makes one: an embedder of ours, LangChain's or LlamaIndex's. Everything else is a
    sentence-transformers model by name or folder, or an ONNX file.

    Raises:
        InvalidInputError: there is no such object, or it is no embedder.
        MissingDependencyError: the module is not installed.
    """
    backends: dict[str, Backend] = {"torch": "torch", "onnx": "onnx"}
    if given in backends:
        return MiniLM(backend=backends[given])
    if not _OBJECT.fullmatch(given) or Path(given).exists():
        return MiniLM(given)
    module, _, name = given.partition(":")
    try:
        found = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"there is no module {module!r} ({error}); install it, or check {given!r}"
        ) from error
    except AttributeError as error:
        raise InvalidInputError(f"{module} has nothing called {name!r}; check {given!r}") from error
    if isinstance(found, type) or (callable(found) and not _is_embedder(found)):
        found = found()
    return as_embedder(found, given)


def as_embedder(found: Any, name: str) -> Embedder:
    """An object as an embedder, by the methods that it has.

    Raises:
        InvalidInputError: it has those of none that is known.
    """
    if hasattr(found, "encode_documents"):
        ours: Embedder = found
        return ours
    if hasattr(found, "embed_documents"):  # LangChain's Embeddings
        return VectorEmbedder(
            found.embed_documents,
            embed_queries=lambda texts: [found.embed_query(text) for text in texts],
            name=name,
        )
    if hasattr(found, "get_text_embedding_batch"):  # LlamaIndex's BaseEmbedding
        return VectorEmbedder(
            found.get_text_embedding_batch,
            embed_queries=lambda texts: [found.get_query_embedding(text) for text in texts],
            name=name,
        )
    raise InvalidInputError(
        f"{name} is a {type(found).__name__}, which is no embedder: expected encode_documents, LangChain's "
        "embed_documents or LlamaIndex's get_text_embedding_batch"
    )


def _is_embedder(found: object) -> bool:
    return any(
        hasattr(found, name) for name in ("encode_documents", "embed_documents", "get_text_embedding_batch")
    )
