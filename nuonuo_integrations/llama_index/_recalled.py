"""What was recalled for a question, as far as a prompt still lacks it and has room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import NamedTuple

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.memory.memory import InsertMethod

from nuonuo import AssociativeMemory, Recall
from nuonuo_integrations._prompt import fit
from nuonuo_integrations.llama_index._messages import Tokenizer
from nuonuo_integrations.llama_index._window import Turn

Query = tuple[str, str | None]  # the question, and the id of the last user message: one turn


class Kept(NamedTuple):
    """What was recalled for a question, and the engine's version at that time."""

    query: Query
    version: int
    recall: Recall


def as_stored_now(memory: AssociativeMemory, recall: Recall, namespace: str) -> Recall:
    """A kept recall with what was forgotten or changed since: what is forgotten is shown nowhere."""
    stored = memory.get([str(hit.memory.id) for hit in recall], namespace=namespace)
    hits = [replace(hit, memory=now) for hit, now in zip(recall, stored, strict=True) if now is not None]
    return replace(recall, hits=tuple(hits))


def fitted(recall: Recall, room: float | None, tokenizer: Tokenizer, zone: tzinfo) -> str:
    """The marked text of the best hits that fit into ``room`` tokens (None: of all); empty for none."""
    return fit(recall, room, lambda text: len(tokenizer(text)), timezone=zone)


def inserted(block: str, messages: list[ChatMessage], how: InsertMethod) -> list[ChatMessage]:
    """``messages`` with the text of what was recalled at the place that ``how`` names."""
    if not block:
        return messages
    if how == InsertMethod.SYSTEM:
        return [ChatMessage(role=MessageRole.SYSTEM, content=block), *messages]
    if not messages or messages[-1].role != MessageRole.USER:  # the question comes after this
        return [*messages, ChatMessage(role=MessageRole.USER, content=block)]
    question = messages[-1]
    blocks = [TextBlock(text=block), *question.blocks]
    return [*messages[:-1], question.model_copy(update={"blocks": blocks})]


def ids_of(recent: Sequence[Turn]) -> set[str]:
    """The ids of what is shown."""
    return {str(turn.stored.id) for turn in recent}
