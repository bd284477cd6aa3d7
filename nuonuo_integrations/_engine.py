"""What every adapter asks of the engine: to be given one or to open it, to recall what is not shown yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from nuonuo import AssociativeMemory, Hit, Recall
from nuonuo.errors import InvalidInputError, InvalidTypeError

SILENT_KEY = "nuonuo_silent"  # kept for the record, never recalled: instructions, bare tool calls


def engine_of(memory: object) -> AssociativeMemory:
    """``memory`` itself, or the memory in the file that it names.

    Raises:
        InvalidTypeError: neither an `AssociativeMemory` nor a path.
        StoreError: the file cannot be opened.
    """
    if isinstance(memory, AssociativeMemory):
        return memory
    if isinstance(memory, (str, PathLike)):
        return AssociativeMemory.open(memory)
    raise InvalidTypeError(
        f"memory must be an AssociativeMemory or the path of its file, got {type(memory).__name__} {memory!r}"
    )


def audible(where: Mapping[str, Any] | None, also: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A filter for what may be recalled and meets ``where`` and ``also``.

    Raises:
        InvalidInputError: both name one field, so that one of them would be lost.
    """
    where, also = where or {}, also or {}
    twice = sorted(set(where) & set(also))
    if twice:
        raise InvalidInputError(
            f"the filters of the adapter and of the call both name {twice}; name each field in one of them"
        )
    return {SILENT_KEY: {"$ne": True}, **where, **also}


def recall_unshown(
    memory: AssociativeMemory, query: str, k: int, shown: Callable[[Hit], bool], **conditions: Any
) -> Recall:
    """The best ``k`` hits among what is not ``shown``; fewer only where fewer exist."""
    if not query.strip():
        return Recall(query, (), 0.0)
    wanted = k + 1  # the question itself is often stored already
    while True:
        recall = memory.recall(query, wanted, **conditions)
        hits = [hit for hit in recall if not shown(hit)]
        if len(hits) >= k or len(recall) < wanted:
            return replace(recall, hits=tuple(hits[:k]))
        wanted *= 2
