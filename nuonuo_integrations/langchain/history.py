"""NuonuoChatMessageHistory: a session of the memory as LangChain's chat message history."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any
from uuid import UUID

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from nuonuo import AssociativeMemory
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import Holder, engine_of, label_of, place_of
from nuonuo_integrations._named import MESSAGE_TIMES, Keys, named
from nuonuo_integrations.langchain._messages import memory_of, message_of


class NuonuoChatMessageHistory(Holder, BaseChatMessageHistory):
    """The messages of one session, each a memory of its own, for ``RunnableWithMessageHistory``.

        RunnableWithMessageHistory(chain, lambda session_id: NuonuoChatMessageHistory(memory, session_id))

    A history is given no question, so nothing is recalled here: put a `NuonuoRetriever` beside it. What
    that injected is not stored, also where a model echoes it.

    Args:
        memory: the engine, or the path of its file.
        session_id: the conversation; a number or a UUID stands for its text.
        namespace: the wall between tenants.
        timestamp_key: the key, or keys, of a message's ``additional_kwargs`` that hold the time at which it
            was said, as when an older conversation is brought in; where they hold none, it is said now.

    Raises:
        InvalidTypeError, InvalidInputError: no session or no namespace: it would be everybody's.
    """

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        session_id: str | int | UUID,
        *,
        namespace: str = DEFAULT_NAMESPACE,
        timestamp_key: Keys = MESSAGE_TIMES,
    ) -> None:
        super().__init__()
        self.session_id = label_of(session_id, "session_id")
        self.namespace = label_of(namespace, "namespace")
        self.timestamp_key = named(timestamp_key, None, None).timestamp
        self.memory = engine_of(memory)
        self._hold()

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """All messages of the session, in order."""
        return [
            message_of(memory) for memory in self.memory.list(**place_of(self.namespace, self.session_id))
        ]

    async def aget_messages(self) -> list[BaseMessage]:
        """Async twin of `messages`."""
        return [
            message_of(memory)
            for memory in await self.memory.alist(**place_of(self.namespace, self.session_id))
        ]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, all or none."""
        self.memory.add(**self._session(messages))

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Async twin of `add_messages`."""
        await self.memory.aadd(**self._session(messages))

    def _session(self, messages: Sequence[BaseMessage]) -> dict[str, Any]:
        place = place_of(self.namespace, self.session_id)
        memories = [memory_of(each, place["session_id"], self.timestamp_key) for each in messages]
        return {"items": memories, "namespace": place["namespace"]}

    def clear(self) -> None:
        """Forget this session, in the file too, and nothing else.

        It is LangChain's "Remove all messages from the store". A new chat that keeps what was said before is
        a new ``session_id``.
        """
        self.memory.forget(**place_of(self.namespace, self.session_id))

    async def aclear(self) -> None:
        """Async twin of `clear`."""
        await self.memory.aforget(**place_of(self.namespace, self.session_id))
