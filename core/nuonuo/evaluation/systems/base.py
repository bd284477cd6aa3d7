"""What is measured: anything that remembers a group of memories and answers questions with their ids."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib.util import find_spec
from typing import Protocol

import numpy as np

from nuonuo.encoding.embedders.base import Embedder, FloatArray
from nuonuo.errors import MissingDependencyError
from nuonuo.evaluation.data.forms import Group


@dataclass(frozen=True, slots=True)
class Answer:
    """Ids of memories, best first; confidence is whatever the system has to say of its best hit.

    Attributes:
        same: for a place that stands for several memories of the same words, by its id the ids of all.
    """

    ids: tuple[str, ...]
    confidence: float | None = None
    same: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def judged(self, relevant: Collection[str]) -> Answer:
        """The answer with the relevant one in each place that stands for one: the words shown are its own."""
        chosen = (next((one for one in self.same.get(id, ()) if one in relevant), id) for id in self.ids)
        return replace(self, ids=tuple(chosen))


class System(Protocol):
    """Something that remembers: filled with one group at a time, then asked."""

    name: str

    def fill(self, group: Group) -> None:
        """Hold the memories of ``group``, and nothing of the group before."""
        ...

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        """The first ``k`` memories for ``question``, asked at ``now``."""
        ...


def first_vectors(embedder: Embedder, texts: list[str], kind: str) -> FloatArray:
    """The vector of each text's first window, unit rows: (n, d)."""
    encode = embedder.encode_queries if kind == "query" else embedder.encode_documents
    return np.stack([encoding.vectors[0] for encoding in encode(texts)]).astype(np.float32)


def ids_of(group: Group) -> list[str]:
    return [str(memory.id) for memory in group.memories]


def texts_of(group: Group) -> list[str]:
    return [memory.text for memory in group.memories]


def need(module: str, package: str) -> None:
    """Raise `MissingDependencyError` with the pip line where ``module`` is not installed."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:  # the parent package is absent
        found = None
    if found is None:
        raise MissingDependencyError(
            f"this baseline needs {package}, which is not installed: pip install {package}"
        )
