"""NuonuoChatMessageHistory: a session of the memory as LangChain's chat message history."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from nuonuo import AssociativeMemory
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import engine_of
from nuonuo_integrations.langchain._messages import memory_of, message_of


class NuonuoChatMessageHistory(BaseChatMessageHistory):
    """The messages of one session, each a memory of its own, for ``RunnableWithMessageHistory``.

        RunnableWithMessageHistory(chain, lambda session_id: NuonuoChatMessageHistory(memory, session_id))

    A history is given no question, so nothing is recalled here: put a `NuonuoRetriever` beside it. What
    that injected is not stored, also where a model echoes it.

    Args:
        memory: the engine, or the path of its file.
        session_id: the conversation.
        namespace: the wall between tenants.
    """

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        session_id: str,
        *,
        namespace: str = DEFAULT_NAMESPACE,
    ) -> None:
        super().__init__()
        self.memory = engine_of(memory)
        self.session_id = session_id
        self.namespace = namespace

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        """All messages of the session, in order."""
        stored = self.memory.list(namespace=self.namespace, session_id=self.session_id)
        return [message_of(memory) for memory in stored]

    async def aget_messages(self) -> list[BaseMessage]:
        """Async twin of `messages`."""
        stored = await self.memory.alist(namespace=self.namespace, session_id=self.session_id)
        return [message_of(memory) for memory in stored]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages, all or none."""
        self.memory.add([memory_of(each, self.session_id) for each in messages], namespace=self.namespace)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Async twin of `add_messages`."""
        memories = [memory_of(each, self.session_id) for each in messages]
        await self.memory.aadd(memories, namespace=self.namespace)

    def clear(self) -> None:
        """Forget this session, and nothing else."""
        self.memory.forget(namespace=self.namespace, session_id=self.session_id)

    async def aclear(self) -> None:
        """Async twin of `clear`."""
        await self.memory.aforget(namespace=self.namespace, session_id=self.session_id)
