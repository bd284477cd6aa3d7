"""What the retrievers of every framework do alike: check what they are asked, recall, write a batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nuonuo import AssociativeMemory, Memory, Recall
from nuonuo.checks import count_of, moment_of
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._engine import audible, label_of, mended

logger = logging.getLogger(__name__)


def conditions(
    *,
    k: object,
    namespace: object,
    session_id: object,
    where: Mapping[str, Any] | None,
    also: Mapping[str, Any] | None = None,
    after: object,
    before: object,
) -> dict[str, Any]:
    """What the engine is asked for, beside the question; ``where`` and ``also`` must both hold.

    Raises:
        InvalidTypeError, InvalidInputError: one of them means nothing.
    """
    return {
        "k": count_of(k, "k", 1),
        "distinct": False,  # two documents of one text are two documents
        "namespace": label_of(namespace, "namespace"),
        "session_id": None if session_id is None else label_of(session_id, "session_id"),
        "where": audible(where, also),
        "after": moment_of(after, "after"),
        "before": moment_of(before, "before"),
    }


def question_of(query: object, how: str) -> str:
    """``query`` if it is a text, with the halves of its characters put together (`mended`).

    Args:
        how: what to do with what is none.
    """
    if not isinstance(query, str):
        raise InvalidTypeError(f"the question must be a str, got {type(query).__name__} {query!r}; {how}")
    return mended(query)


def tell_undated(memory: AssociativeMemory, recall: Recall, asked: Mapping[str, Any]) -> bool:
    """Log that a span of time let nothing through although there are memories without a time.

    Returns:
        Whether that is so.
    """
    if recall.hits or (asked["after"] is None and asked["before"] is None):
        return False
    found = memory.recall(recall.query, **{**asked, "after": None, "before": None})
    undated = sum(hit.memory.timestamp is None for hit in found)
    if undated:
        logger.warning(
            "after= and before= let nothing through, and %d of the %d best memories have no timestamp: they "
            "never pass a span of time; name the metadata that holds it by timestamp_key= and add them again",
            undated,
            len(found),
        )
    return bool(undated)


def write(memory: AssociativeMemory, records: Sequence[Memory], namespace: str) -> None:
    """Store ``records``, all or none; one whose id is stored takes that one's place.

    One that is stored as it is already is left alone, and paraphrases stay while the text does.

    Raises:
        InvalidInputError: an id that another namespace holds: ids are unique in a file.
    """
    stored = memory.get([str(record.id) for record in records], namespace=namespace)
    changed = [
        record if old is None or old.text != record.text else replace(record, paraphrases=old.paraphrases)
        for record, old in zip(records, stored, strict=True)
        if old is None or _fields(old) != _fields(record)
    ]
    memory.add(changed, namespace=namespace, replace=True)


def _fields(memory: Memory) -> tuple[Any, ...]:
    cues = tuple(dict.fromkeys(cue for cue in memory.cues if cue != memory.text))
    return (memory.text, memory.role, memory.timestamp, memory.session_id, dict(memory.metadata), cues)
