"""Which of a window's newest messages fit into a token limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from nuonuo import Memory
from nuonuo_integrations.llama_index._messages import Tokenizer, count_tokens, message_of

# What may not come first: it answers a message before it, and model APIs refuse it alone.
_ANSWERS = (
    MessageRole.ASSISTANT,
    MessageRole.TOOL,
    MessageRole.FUNCTION,
    MessageRole.CHATBOT,
    MessageRole.MODEL,
)


class Turn(NamedTuple):
    """One message of the session: as it is stored, as it was put, and what it costs."""

    stored: Memory
    message: ChatMessage
    tokens: int


def read_back(newest_first: Iterable[Memory], room: float, tokenizer: Tokenizer) -> list[Turn]:
    """The newest messages, oldest first: what ``room`` tokens may hold, and the last user message."""
    turns: list[Turn] = []
    spent, asked = 0, False
    for memory in newest_first:
        message = message_of(memory)
        turns.append(Turn(memory, message, count_tokens(message, tokenizer)))
        spent += turns[-1].tokens
        asked = asked or message.role == MessageRole.USER
        if asked and spent > room:
            break
    return turns[::-1]


def last_user(turns: Sequence[Turn]) -> int | None:
    """Where the last user message stands."""
    asked = (at for at, turn in enumerate(turns) if turn.message.role == MessageRole.USER)
    return max(asked, default=None)


def newest(turns: Sequence[Turn], room: float, must: int | None) -> list[Turn]:
    """The newest turns inside ``room`` tokens, beginning with no answer to what was cut off.

    Args:
        must: the message that comes whatever it costs: the question.
    """
    start, spent = len(turns), 0
    while start > 0 and spent + turns[start - 1].tokens <= room:
        start -= 1
        spent += turns[start].tokens
    while 0 < start < len(turns) and turns[start].message.role in _ANSWERS:
        start += 1
    if must is not None and start > must:
        return [turns[must]]
    return list(turns[start:])


def tokens_of(turns: Sequence[Turn]) -> int:
    return sum(turn.tokens for turn in turns)
