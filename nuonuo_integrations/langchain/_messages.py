"""LangChain messages as memories and back, with nothing lost on the way."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    BaseMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
    messages_from_dict,
)

from nuonuo import Memory
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._engine import SILENT_KEY, mended
from nuonuo_integrations._named import MESSAGE_TIMES, said_at
from nuonuo_integrations._prompt import as_said
from nuonuo_integrations._written import read, written

MESSAGE_KEY = "langchain_message"  # the whole message, where its text and role do not say it all

_ROLES = {"human": "user", "ai": "assistant"}
_SPEAKERS = ("user", "assistant")


def turn_of(text: str, role: str, session_id: str | None, id: str | None = None) -> Memory | None:
    """What was said as a memory; None where it is nothing but what was injected, or nothing at all."""
    text = as_said(mended(text), role).strip()
    if not text:
        return None
    return Memory(text, role=role, timestamp=datetime.now(timezone.utc), session_id=session_id, id=id)


def memory_of(
    message: BaseMessage, session_id: str | None, timestamp_key: tuple[str, ...] = MESSAGE_TIMES
) -> Memory:
    """``message`` as a memory, without what was injected and echoed in it.

    Args:
        timestamp_key: the additional_kwargs that may hold the message's own time; else it is said now.

    Raises:
        InvalidTypeError: it is no message. InvalidInputError: it holds what cannot be written down.
    """
    if not isinstance(message, BaseMessage):
        raise InvalidTypeError(
            f"a message must be a BaseMessage, got {type(message).__name__} {message!r}; make it one: "
            "HumanMessage(text)"
        )
    # What was streamed comes as one chunk made of all.
    message = without_injected(
        message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message
    )
    text = mended(str(message.text)).strip()
    role = role_of(message)
    metadata: dict[str, Any] = {}
    if not text or role not in _SPEAKERS:
        metadata[SILENT_KEY] = True
    text = text or mended(_label(message))
    if _plain(text, role) != message:
        metadata[MESSAGE_KEY] = _as_json(message)
    return Memory(
        text,
        role=role,
        timestamp=said_at(message.additional_kwargs, timestamp_key),
        metadata=metadata,
        session_id=session_id,
    )


def message_of(memory: Memory) -> BaseMessage:
    """The message that ``memory`` was made of; a memory of another origin is its text in its role."""
    stored = memory.metadata.get(MESSAGE_KEY)
    if stored is None:
        return _plain(memory.text, memory.role)
    if isinstance(stored, str):  # older files hold an object, whose keys the engine sorted
        fields = read(stored)
        stored = {"type": fields["type"], "data": fields}
    (message,) = messages_from_dict([stored])
    text = mended(str(message.text)).strip()
    # A label names what it stands for in whatever order that had.
    if text == memory.text or (not text and sorted(mended(_label(message))) == sorted(memory.text)):
        return message
    return message.model_copy(update={"content": memory.text})  # the memory was updated since


def without_injected(message: BaseMessage) -> BaseMessage:
    """``message`` as it was said: of what is no user's, a copy without what was injected and echoed in it."""
    role = role_of(message)
    if isinstance(message.content, str):
        content: Any = as_said(message.content, role)
    else:
        content = [_block_without(block, role) for block in message.content]
    return message if content == message.content else message.model_copy(update={"content": content})


def role_of(message: BaseMessage) -> str:
    """The engine's word for who says ``message``."""
    if isinstance(message, ChatMessage):
        return message.role
    return _ROLES.get(message.type, message.type)


def _block_without(block: Any, role: str) -> Any:
    if isinstance(block, str):
        return as_said(block, role)
    if isinstance(block, dict) and isinstance(block.get("text"), str):
        return {**block, "text": as_said(block["text"], role)}
    return block


def _plain(text: str, role: str | None) -> BaseMessage:
    if role == "assistant":
        return AIMessage(text)
    if role == "system":
        return SystemMessage(text)
    if role in ("user", None):
        return HumanMessage(text)
    return ChatMessage(content=text, role=role)


def _as_json(message: BaseMessage) -> str:
    """``message`` as one JSON text, which keeps the order of its keys and the types of its values.

    Raises:
        InvalidInputError: it holds what cannot be written down; which field it is, is said.
    """
    fields = {name: getattr(message, name) for name in type(message).model_fields}
    return written(fields | (message.model_extra or {}))


def _label(message: BaseMessage) -> str:
    """What stands for a message without text: the engine stores no empty text."""
    calls = [
        f"{call['name']}({json.dumps(call['args'], ensure_ascii=False, default=str)})"
        for call in getattr(message, "tool_calls", ())
    ]
    kinds = [f"[{block.get('type')}]" for block in message.content if isinstance(block, dict)]
    return " ".join(calls or kinds or ["[empty]"])
