"""LlamaIndex chat messages as memories and back, with nothing lost on the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    CitableBlock,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.memory.memory import Memory as CompositeMemory
from llama_index.core.schema import QueryBundle

from nuonuo import Memory
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._engine import SILENT_KEY, mended
from nuonuo_integrations._named import MESSAGE_TIMES, said_at
from nuonuo_integrations._prompt import as_said, is_injected
from nuonuo_integrations._written import read, written

MESSAGE_KEY = "llama_index_message"  # the whole message, where its text and role do not say it all

logger = logging.getLogger(__name__)

Tokenizer = Callable[[str], Sequence[Any]]
Input = str | ChatMessage | QueryBundle | ContentBlock | Sequence[ContentBlock]  # what may be asked with


def memory_of(
    said: ChatMessage, session_id: str | None, timestamp_key: tuple[str, ...] = MESSAGE_TIMES
) -> Memory:
    """A message as a memory. What was injected into a prompt has been taken out: `without_injected`.

    Args:
        timestamp_key: the additional_kwargs that may hold the message's own time; else it is said now.

    Raises:
        InvalidInputError: it holds what cannot be written down; which field it is, is said.
    """
    text = mended(text_of(said)).strip()
    metadata: dict[str, Any] = {}
    if not text or said.role in (MessageRole.SYSTEM, MessageRole.DEVELOPER):
        metadata[SILENT_KEY] = True
    text = text or mended(_label(said))
    if _plain(text, said.role.value) != said:
        metadata[MESSAGE_KEY] = as_json(said)
    return Memory(
        text,
        role=said.role.value,
        timestamp=said_at(said.additional_kwargs, timestamp_key),
        metadata=metadata,
        session_id=session_id,
    )


def message_of(memory: Memory) -> ChatMessage:
    """The message that ``memory`` was made of; a memory of another origin is its text in its role."""
    stored = memory.metadata.get(MESSAGE_KEY)
    if stored is None:
        return _plain(memory.text, memory.role)
    # Older files hold an object, whose keys the engine sorted.
    fields = read(stored) if isinstance(stored, str) else dict(stored)
    message = fields.get("message")
    if not isinstance(message, ChatMessage):
        fields = message or fields
        kwargs = dict(fields.pop("additional_kwargs"))
        message = ChatMessage.model_validate(fields)
        # Set afterwards: to validate them would turn the images of old messages into blocks once more.
        message.additional_kwargs = kwargs
    text = mended(text_of(message)).strip()
    # A label names what it stands for in whatever order that had.
    if text == memory.text or (not text and sorted(mended(_label(message))) == sorted(memory.text)):
        return message
    now = _plain(memory.text, message.role.value)  # the memory was updated since
    now.additional_kwargs = message.additional_kwargs
    return now


def without_injected(message: ChatMessage) -> ChatMessage | None:
    """A copy of ``message`` without what was injected; None where that was all that the system said.

    A user's words stay to the letter; only a block that `NuonuoMemory` put before them is taken away.
    """
    blocks: list[Any] = []
    given = message.blocks
    if len(given) > 1 and isinstance(given[0], TextBlock) and is_injected(given[0].text):
        given = given[1:]
    for block in given:
        text = as_said(block.text, message.role.value) if isinstance(block, TextBlock) else ""
        if not isinstance(block, TextBlock) or text == block.text:
            blocks.append(block)
        elif text:
            blocks.append(TextBlock(text=text))
    if blocks == message.blocks:
        return message
    if not blocks and message.role == MessageRole.SYSTEM:
        return None
    return message.model_copy(update={"blocks": blocks or [TextBlock(text="")]})


def text_of(message: ChatMessage) -> str:
    """What ``message`` says: its text, also where that is wrapped to be cited."""
    return "\n".join(_texts(message.blocks))


def question_of(given: object) -> str:
    """The text of what a memory is asked with; empty for None.

    Raises:
        InvalidTypeError: no text, message, `QueryBundle` or content blocks.
    """
    if isinstance(given, QueryBundle):
        return given.query_str
    if isinstance(given, ChatMessage):
        return text_of(given)
    blocks = list(given) if isinstance(given, (list, tuple)) else [given]
    if all(hasattr(block, "block_type") for block in blocks):
        return "\n".join(_texts(blocks))
    if given is None or isinstance(given, str):
        return given or ""
    raise InvalidTypeError(
        "input must be a str, a ChatMessage, a QueryBundle or content blocks, "
        f"got {type(given).__name__} {given!r}"
    )


def messages_of(given: object) -> list[ChatMessage]:
    """``given`` if it is a list of messages.

    Raises:
        InvalidTypeError: it is not.
    """
    if isinstance(given, (str, Mapping, ChatMessage)) or not isinstance(given, Iterable):
        raise InvalidTypeError(
            f"messages must be a list of ChatMessage, got {type(given).__name__} {given!r}"
        )
    found = list(given)
    for each in found:
        if not isinstance(each, ChatMessage):
            raise InvalidTypeError(
                f"a message must be a ChatMessage, got {type(each).__name__} {each!r}; "
                "make it one: ChatMessage(role=..., content=...)"
            )
    return found


def as_json(message: ChatMessage) -> str:
    """``message`` as one JSON text, which keeps the order of its keys and the types of its values.

    Raises:
        InvalidInputError: it holds what cannot be written down; which field it is, is said.
    """
    if type(message) is not ChatMessage:
        return written({"message": message})
    fields = ("blocks", "additional_kwargs")
    return written({"role": message.role.value} | {name: getattr(message, name) for name in fields})


def count_tokens(message: ChatMessage, tokenizer: Tokenizer) -> int:
    """Tokens of ``message``; for what is no text, the framework's own estimates."""
    count = len(tokenizer(str(message.additional_kwargs))) if message.additional_kwargs else 0
    for block in message.blocks:
        if isinstance(block, TextBlock):
            count += len(tokenizer(block.text))
        elif isinstance(block, ThinkingBlock):
            count += len(tokenizer(block.content or ""))
        elif isinstance(block, ToolCallBlock):
            count += len(tokenizer(f"{block.tool_name} {block.tool_kwargs}"))
        elif isinstance(block, CitableBlock):
            count += sum(len(tokenizer(text)) for text in _texts([block]))
        elif not isinstance(block, CachePoint):
            estimate = CompositeMemory.model_fields.get(f"{block.block_type}_token_size_estimate")
            count += estimate.default if estimate else 0
    return count


def _plain(text: str, role: str | None) -> ChatMessage:
    known = {each.value: each for each in MessageRole}
    return ChatMessage(role=known.get(role or "", MessageRole.USER), content=text)


def _texts(blocks: Sequence[Any]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, TextBlock):
            yield block.text
        elif isinstance(block, CitableBlock):
            yield from _texts(block.content)


def _label(message: ChatMessage) -> str:
    """What stands for a message without text: the engine stores no empty text."""
    calls = [
        f"{block.tool_name}({json.dumps(block.tool_kwargs, ensure_ascii=False, default=str)})"
        for block in message.blocks
        if isinstance(block, ToolCallBlock)
    ]
    kinds = [f"[{block.block_type}]" for block in message.blocks if not isinstance(block, TextBlock)]
    return " ".join(calls or kinds or ["[empty]"])
