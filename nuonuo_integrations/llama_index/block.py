"""NuonuoMemoryBlock: an associative memory inside LlamaIndex's composite memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from itertools import islice
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, model_validator
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer
from llama_index.core.vector_stores.types import MetadataFilters
from typing_extensions import Self

from nuonuo import Memory, Recall
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import MIN_CONFIDENCE, audible, label_of, recall_unshown, session_of
from nuonuo_integrations._fields import Confidence, Count, Label, Zone
from nuonuo_integrations._named import MESSAGE_TIMES
from nuonuo_integrations._prompt import zone_for
from nuonuo_integrations.llama_index._alignment import repeated
from nuonuo_integrations.llama_index._component import Component, OnError, Timestamp
from nuonuo_integrations.llama_index._engine import Engine
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._messages import (
    Tokenizer,
    memory_of,
    messages_of,
    text_of,
    without_injected,
)
from nuonuo_integrations.llama_index._recalled import fitted
from nuonuo_integrations.llama_index._session import Session

_SESSION = "session_id"  # where LlamaIndex writes the session into a message's additional_kwargs
_LOOKED_AT = 1000  # messages of a session among which a queue's may be
_REMEMBERED = 64  # contents that may still come back to be truncated


class NuonuoMemoryBlock(Component, BaseMemoryBlock[str]):
    """Long-term memory as one block of ``llama_index.core.memory.Memory``.

    The composite memory hands a block only what falls out of its short-term queue. Where every message
    is to be stored as it comes, use `NuonuoMemory` instead. The queue is the window, what is shown now, and
    ``Memory.set`` and ``Memory.reset`` concern it alone; what the block has stored stays until `forget`.

    Args:
        memory: the engine, or the path of its file.
        namespace: the wall between tenants.
        k: how many memories are recalled.
        across_sessions: recall from all conversations of the namespace. False keeps each to its own,
            also where several ``Memory`` objects share one block: each call says whose it is.
        filters: what may be recalled: conditions on metadata and "role".
        timestamp_key: the key, or keys, of a message's ``additional_kwargs`` that hold the time at which it
            was said: a datetime, an ISO 8601 text, or seconds (or milliseconds) since 1970. A message
            without one is said now.
        tokenizer_fn: counts when the composite memory asks for less; LlamaIndex's own where none is given.
        on_error: "log" keeps the run's answer where the engine cannot recall or store, because a disk is full
            or an embedder fails, and logs what and why; "raise" raises it. `forget` always raises.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
        name, description, priority, accept_short_term_memory: as for every block.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    name: str = "NuonuoMemory"
    memory: Engine
    namespace: Label = DEFAULT_NAMESPACE
    k: Count = 10
    across_sessions: bool = Field(default=False, strict=True)
    filters: MetadataFilters | None = None
    timestamp_key: Timestamp = MESSAGE_TIMES
    on_error: OnError = "log"
    tokenizer_fn: Tokenizer = Field(default_factory=get_tokenizer, exclude=True)
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

    # The composite memory hands back the text when it wants less of it; this is what it was made of.
    _made_of: OrderedDict[str, Recall] = PrivateAttr(default_factory=OrderedDict)

    @model_validator(mode="after")
    def _expressible(self) -> Self:
        self._where(None)
        return self

    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        """What the last user message evokes, less what the prompt shows already; empty for nothing."""
        given = messages_of(messages or [])
        said = [text_of(each) for each in given if each.role == MessageRole.USER]
        shown = {text_of(each).strip() for each in given}

        def recalled() -> Recall:
            return recall_unshown(
                self.memory,
                said[-1] if said else "",
                self.k,
                shown=lambda hit: hit.memory.text in shown,
                namespace=self._namespace(),
                where=self._where(session_id),
                min_confidence=self.min_confidence,
            )

        what = f"nothing is recalled in the session {session_id!r}"
        recall = await asyncio.to_thread(self._tried, recalled, Recall("", (), 0.0), what)
        return self._remembered(recall, None)

    def _where(self, session_id: str | None) -> dict[str, Any]:
        # A session of None lets through only what was stored without one.
        own = None if self.across_sessions else session_of(session_id)
        return audible(where_of(self.filters), own)

    async def aput(
        self, messages: list[ChatMessage], from_short_term_memory: bool = False, session_id: str | None = None
    ) -> None:
        """Store ``messages`` in their session; the messages themselves stay as they are.

        A queue that was set to the last messages again hands on again what it has handed on before. So
        what comes from the queue is not stored a second time where the session ends with it already.
        """
        if self.accept_short_term_memory or not from_short_term_memory:
            await asyncio.to_thread(self._store, messages, session_id, from_short_term_memory)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        await asyncio.to_thread(self._store, messages, None, False)

    def _store(self, messages: Sequence[ChatMessage], session_id: str | None, again: bool) -> None:
        memories = []
        for message in messages_of(messages):
            kwargs = dict(message.additional_kwargs)
            written = kwargs.pop(_SESSION, None)
            said = without_injected(message.model_copy(update={"additional_kwargs": kwargs}))
            if said is not None:
                own = session_id if session_id is not None else written
                memories.append(memory_of(said, own, self.timestamp_key))
        what = f"{len(memories)} messages of the session {session_id!r} are not stored"
        self._tried(lambda: self._append(memories, session_id if again else None), None, what)

    def _append(self, memories: list[Memory], queue_of: str | None) -> None:
        if queue_of is not None:
            stored = islice(Session(self.memory, self._namespace(), queue_of).stored(), _LOOKED_AT)
            memories = memories[repeated(memories, [*stored][::-1]) :]
        self.memory.add(memories, namespace=self._namespace())

    def forget(self, session_id: str) -> int:
        """Delete all that this session has stored here, and return how many messages it was.

        ``Memory.reset`` and ``Memory.set`` concern the queue alone: they delete nothing here.

        Raises:
            InvalidTypeError, InvalidInputError: no session id; nothing is deleted.
        """
        return self.memory.forget(namespace=self._namespace(), session_id=label_of(session_id, "session_id"))

    async def aforget(self, session_id: str) -> int:
        """Async twin of `forget`, run in a thread."""
        return await asyncio.to_thread(self.forget, session_id)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """As many of the memories, the best first, as fit into what is left; None where none does."""
        # Of a block that had nothing, the composite `Memory` gives an empty list.
        recall = self._made_of.get(content) if isinstance(content, str) else None
        if recall is None:
            return None
        room = len(self.tokenizer_fn(content)) - tokens_to_truncate
        return self._remembered(recall, room) or None

    def _namespace(self) -> str:
        """Looked at for each call anew: a field may have been set, or copied, without a check."""
        return label_of(self.namespace, "namespace")

    def _remembered(self, recall: Recall, room: int | None) -> str:
        text = fitted(recall, room, self.tokenizer_fn, zone_for(self.memory, self.timezone))
        self._made_of[text] = recall
        while len(self._made_of) > _REMEMBERED:
            self._made_of.popitem(last=False)
        return text
