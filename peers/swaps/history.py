"""`NuonuoChatMessageHistory` in the place of LangChain's `InMemoryChatMessageHistory`."""

from __future__ import annotations

from collections.abc import Sequence

import langchain_core.chat_history as theirs
from langchain_core.messages import BaseMessage

from nuonuo_integrations.langchain import NuonuoChatMessageHistory
from peers.swaps.engine import new_engine, put_in_place


class InMemoryChatMessageHistory(NuonuoChatMessageHistory):
    """A session of its own, compared by its messages as theirs is."""

    def __init__(self, messages: Sequence[BaseMessage] = ()) -> None:
        super().__init__(new_engine(), "a session")
        if messages:
            self.add_messages(messages)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InMemoryChatMessageHistory) and self.messages == other.messages

    __hash__ = None  # type: ignore[assignment]


put_in_place(theirs.InMemoryChatMessageHistory, InMemoryChatMessageHistory, "langchain_core")
