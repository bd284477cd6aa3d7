"""What is recalled for a question, as far as a prompt shows it already or has room for it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from nuonuo import AssociativeMemory, Hit, Recall
from nuonuo_integrations._prompt import fit, render
from nuonuo_integrations.llama_index._messages import SILENT_KEY, Tokenizer


def recall_unshown(
    memory: AssociativeMemory,
    query: str,
    k: int,
    shown: Callable[[Hit], bool],
    *,
    namespace: str,
    where: dict[str, Any],
) -> Recall:
    """The best ``k`` hits among what is not ``shown``; fewer only where fewer exist."""
    if not query.strip():
        return Recall(query, (), 0.0)
    where = {**where, SILENT_KEY: {"$ne": True}}
    wanted = k + 1  # the question itself is often stored already
    while True:
        recall = memory.recall(query, wanted, namespace=namespace, where=where)
        unshown = without(recall, shown)
        if len(unshown) >= k or len(recall) < wanted:
            return replace(unshown, hits=unshown.hits[:k])
        wanted *= 2


def without(recall: Recall, shown: Callable[[Hit], bool]) -> Recall:
    """``recall`` without the hits that are ``shown``."""
    return replace(recall, hits=tuple(hit for hit in recall if not shown(hit)))


def as_stored_now(memory: AssociativeMemory, recall: Recall) -> Recall:
    """A kept recall with what was forgotten or changed since: what is forgotten is shown nowhere."""
    stored = memory.get([str(hit.memory.id) for hit in recall])
    return replace(
        recall,
        hits=tuple(
            replace(hit, memory=now) for hit, now in zip(recall, stored, strict=True) if now is not None
        ),
    )


def fitted(recall: Recall, room: float | None, tokenizer: Tokenizer) -> str:
    """The marked text of the best hits that fit into ``room`` tokens (None: of all); empty for none."""
    return fit(recall, room, tokenizer)
