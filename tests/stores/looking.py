"""What others write to a store while a question is worked on, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nuonuo import AssociativeMemory, Memory

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
