"""LlamaIndex chat messages as memories and back, with nothing lost on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from typing import Any

from llama_index.core.base.llms.types import (
    CachePoint,
    ChatMessage,
    CitableBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.memory.memory import Memory as CompositeMemory

from nuonuo import Memory
from nuonuo_integrations._engine import SILENT_KEY
from nuonuo_integrations._prompt import as_said, is_injected

MESSAGE_KEY = "llama_index_message"  # the whole message, where its text and role do not say it all

Tokenizer = Callable[[str], Sequence[Any]]


def memory_of(message: ChatMessage, session_id: str | None) -> Memory | None:
    """``message`` as a memory; None where it is nothing but what was injected into the prompt.

    What was injected and comes back inside a message (a model echoed it) is taken out.
    """
    said = without_injected(message)
    if said is None:
        return None
    text = text_of(said).strip()
    metadata: dict[str, Any] = {}
    if not text or said.role in (MessageRole.SYSTEM, MessageRole.DEVELOPER):
        metadata[SILENT_KEY] = True
    text = text or _label(said)
    if _plain(text, said.role.value) != said:
        metadata[MESSAGE_KEY] = as_json(said)
    return Memory(
        text,
        role=said.role.value,
        timestamp=datetime.now(timezone.utc),
        metadata=metadata,
        session_id=session_id,
    )


def message_of(memory: Memory) -> ChatMessage:
    """The message that ``memory`` was made of; a memory of another origin is its text in its role."""
    stored = memory.metadata.get(MESSAGE_KEY)
    if stored is None:
        return _plain(memory.text, memory.role)
    message = ChatMessage.model_validate({**stored, "additional_kwargs": {}})
    # Set afterwards: to validate them would turn the images of old messages into blocks once more.
    message.additional_kwargs = dict(stored["additional_kwargs"])
    if (text_of(message).strip() or _label(message)) != memory.text:  # the memory was updated since
        return ChatMessage(
            role=message.role, content=memory.text, additional_kwargs=message.additional_kwargs
        )
    return message


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


def as_json(message: ChatMessage) -> dict[str, Any]:
    """``message`` as a JSON object; what JSON has no word for is kept as its text."""
    fields = message.model_dump(mode="json", exclude={"additional_kwargs"})
    # Serialized by the message itself, which knows the objects that providers put there.
    fields["additional_kwargs"] = message.serialize_additional_kwargs(message.additional_kwargs, None)
    found: dict[str, Any] = json.loads(json.dumps(fields, default=str), parse_constant=str)
    return found


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
