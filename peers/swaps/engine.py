"""The engine behind every stand-in, and how one takes the place of theirs."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from langchain_core.embeddings import Embeddings

from nuonuo import AssociativeMemory, Embedder, MemoryConfig, VectorEmbedder
from nuonuo_integrations.langchain import LangChainEmbedder

USED = threading.Event()  # set when an engine is asked for anything

_DIMENSION = 64
_CONFIG = MemoryConfig(n_units=512, n_active=12)  # the default pipeline over codes that cost little to make


class WatchedMemory(AssociativeMemory):
    """An engine that tells when it is used, so that a test that has nothing to do with us shows."""

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            USED.set()
        return super().__getattribute__(name)


def new_engine(embeddings: Embeddings | None = None, path: str | None = None) -> AssociativeMemory:
    """An engine on the test's own embeddings, in RAM or in a file; on a bag of words where it has none."""
    embedder: Embedder = (
        VectorEmbedder(_bag_of_words, name="bag-of-words", dimension=_DIMENSION)
        if embeddings is None
        else LangChainEmbedder(embeddings)
    )
    if path is None:
        return WatchedMemory(embedder=embedder, config=_CONFIG)
    return WatchedMemory.open(path, embedder=embedder, config=_CONFIG)


def put_in_place(theirs: object, ours: object, package: str) -> None:
    """Let every loaded module of ``package`` that has ``theirs`` under some name have ``ours``."""
    for name, module in [*sys.modules.items()]:
        if name == package or name.startswith(f"{package}."):
            for key in [key for key, value in vars(module).items() if value is theirs]:
                setattr(module, key, ours)


def _bag_of_words(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Each word a fixed random direction, each text the sum of its words: (n, 64)."""
    rows = np.zeros((len(texts), _DIMENSION))
    for row, text in zip(rows, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()) or [""]:
            seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little")
            row += np.random.default_rng(seed).standard_normal(_DIMENSION)
    return rows
