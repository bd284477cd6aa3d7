"""What others write to a store while a question is worked on, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.recall import held
from nuonuo.stores.distant import Distant
from tests.fakes import SMALL, WordEmbedder

Write = Callable[[AssociativeMemory], Any]
Read = Callable[[AssociativeMemory], Any]

HERE = "here"
STORED = [
    Memory("Rex is afraid of thunder.", id="rex", session_id="s", namespace=HERE, metadata={"a": 1}),
    Memory("Thunder comes from the hills.", id="hills", session_id="s", namespace=HERE, metadata={"a": 1}),
    Memory("The rent is paid on Mondays.", id="rent", namespace=HERE, metadata={"a": 2}),
]
QUESTION = "What is Rex afraid of?"


def once(write: Callable[[], Any]) -> Callable[[], Any]:
    """``write``, the first time that it is called."""
    left = [write]
    return lambda: left.pop()() if left else None


WRITES: dict[str, Write] = {
    "add": lambda other: other.add("Rex thunder!", namespace=HERE, metadata={"a": 1}),
    "replace": lambda other: other.add(
        Memory("Rex is afraid of cats.", id="rent", namespace=HERE, metadata={"a": 1}), replace=True
    ),
    "update": lambda other: other.update("rex", text="Rex is afraid of nothing."),
    "revise": lambda other: other.revise(["rex", "rent"], lambda memory: {"a": 3 - memory.metadata["a"]}),
    "associate": lambda other: other.associate("rex", "rent", 1.0),
    "forget": lambda other: other.forget(ids=["rex"]),
    "forget all": lambda other: other.forget(namespace=HERE),
    "begin again": lambda other: (
        other.forget(namespace=HERE),
        other.add(Memory("Rex is a cat.", id="cat", namespace=HERE, metadata={"a": 1})),
    ),
}
READS: dict[str, Read] = {
    "recall": lambda memory: memory.recall(QUESTION, namespace=HERE),
    "recall_many": lambda memory: memory.recall_many([QUESTION, "When is rent paid?"], namespace=HERE),
    "chain": lambda memory: memory.chain("Rex thunder", 3, namespace=HERE),
    "list": lambda memory: memory.list(namespace=HERE, where={"a": 1}),
}


def opened(address: str) -> AssociativeMemory:
    return AssociativeMemory.open(address, embedder=WordEmbedder(), config=SMALL)


class Looks:
    """Counts what ``memory`` asks its store for; ``before`` is called before each look, after the work."""

    def __init__(self, memory: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before: Callable[[], Any] = int
        self.looks = self.versions = self.works = 0
        store, ask, look = memory._store, held.ask, memory._shards._look
        self._own = 0 if isinstance(store, Distant) else 1  # of a near store a look asks for its version too
        version = store.version

        def looked(*given: Any) -> Any:
            self.looks += 1
            self.before()
            return look(*given)

        def versioned() -> int:
            self.versions += 1
            return version()

        def worked(*given: Any, **named: Any) -> Any:
            self.works += 1
            return ask(*given, **named)

        monkeypatch.setattr(memory._shards, "_look", looked)
        monkeypatch.setattr(store, "version", versioned)
        monkeypatch.setattr(held, "ask", worked)

    def taken(self) -> tuple[int, int, int]:
        """How often it looked, asked for the version beside that, and worked since the last time."""
        found = self.looks, self.versions - self._own * self.looks, self.works
        self.looks = self.versions = self.works = 0
        return found
