"""What every adapter asks of the engine: to be given one or to open it, to recall what is not shown yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from os import PathLike
from typing import Any

from nuonuo import AssociativeMemory, Hit, Recall
from nuonuo.errors import InvalidInputError, InvalidTypeError

SILENT_KEY = "nuonuo_silent"  # kept for the record, never recalled: instructions, bare tool calls

# Below this confidence a memory has nothing on what was said, and a prompt is shown nothing. It is low, since
# a question that is put in other words than its answer may have little. To thirty notes of a line each "hi"
# has 0.00004; questions of the development sets whose evidence is found have 0.43 and more.
MIN_CONFIDENCE = 0.002

_WORD = re.compile(r"\w+")


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


def confidence_of(value: object) -> float:
    """``value`` as a least confidence.

    Raises:
        InvalidTypeError: no number. InvalidInputError: not in [0, 1].
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(f"min_confidence must be a number, got {type(value).__name__} {value!r}")
    if not 0 <= value <= 1:
        raise InvalidInputError(f"min_confidence must be in [0, 1], got {value!r}; 0 lets everything through")
    return float(value)


def recall_unshown(
    memory: AssociativeMemory,
    query: str,
    k: int,
    *,
    exclude: Collection[str] = (),
    shown: Callable[[Hit], bool] | None = None,
    min_confidence: float = 0.0,
    **conditions: Any,
) -> Recall:
    """The best ``k`` hits among what the prompt does not show yet; fewer only where fewer exist.

    What is shown takes no part at all, in the confidence neither. A memory that repeats the query word
    for word (it was asked before, or is stored already) answers nothing: it is no hit and gives no
    confidence, but it still evokes what was said next to it, such as the answer given then.

    Args:
        exclude: ids of what is shown.
        shown: whether a hit is shown, where its id does not tell.
        min_confidence: with less confidence than this there are no hits, and the confidence alone is told.
        conditions: as for `AssociativeMemory.recall`.
    """
    if not query.strip():
        return Recall(query, (), 0.0)
    left_out = set(exclude)
    wanted = k
    while True:
        recall = memory.recall(query, wanted, exclude=left_out, **conditions)
        repeated = {str(hit.memory.id) for hit in recall if _same_words(hit.memory.text, query)}
        others = [hit for hit in recall if hit.memory.id not in repeated]
        seen = {str(hit.memory.id) for hit in others if shown is not None and shown(hit)}
        if not seen and (len(others) >= k or len(recall) < wanted):
            break
        left_out |= seen
        wanted *= 2
    confidence = recall.confidence
    if repeated:
        left_out |= repeated
        confidence = recall_unshown(memory, query, k, exclude=left_out, shown=shown, **conditions).confidence
    hits = tuple(others[:k]) if confidence >= min_confidence else ()
    return replace(recall, hits=hits, confidence=confidence)


def _same_words(text: str, other: str) -> bool:
    first, second = text.casefold(), other.casefold()
    return (_WORD.findall(first) or first.split()) == (_WORD.findall(second) or second.split())
