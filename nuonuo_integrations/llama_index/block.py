"""NuonuoMemoryBlock: an associative memory inside LlamaIndex's composite memory."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, field_validator
from llama_index.core.memory.memory import BaseMemoryBlock
from llama_index.core.utils import get_tokenizer
from llama_index.core.vector_stores.types import MetadataFilters

from nuonuo import Recall
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import MIN_CONFIDENCE, audible, recall_unshown
from nuonuo_integrations._fields import Confidence, Zone
from nuonuo_integrations._prompt import zone_for
from nuonuo_integrations.llama_index._engine import Engine
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._messages import Tokenizer, memory_of, text_of
from nuonuo_integrations.llama_index._recalled import fitted

_SESSION = "session_id"  # where LlamaIndex writes the session into a message's additional_kwargs
_REMEMBERED = 64  # contents that may still come back to be truncated


class NuonuoMemoryBlock(BaseMemoryBlock[str]):
    """Long-term memory as one block of ``llama_index.core.memory.Memory``.

    The composite memory hands a block only what falls out of its short-term queue. Where every message
    is to be stored as it comes, use `NuonuoMemory` instead.

    Args:
        memory: the engine, or the path of its file.
        namespace: the wall between tenants.
        k: how many memories are recalled.
        across_sessions: recall from all conversations of the namespace. False keeps each to its own,
            also where several ``Memory`` objects share one block: each call says whose it is.
        filters: what may be recalled: conditions on metadata and "role".
        tokenizer_fn: counts when the composite memory asks for less; LlamaIndex's own where none is given.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
        name, description, priority, accept_short_term_memory: as for every block.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    name: str = "NuonuoMemory"
    memory: Engine
    namespace: str = DEFAULT_NAMESPACE
    k: int = Field(default=10, ge=1)
    across_sessions: bool = False
    filters: MetadataFilters | None = None
    tokenizer_fn: Tokenizer = Field(default_factory=get_tokenizer, exclude=True)
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

    # The composite memory hands back the text when it wants less of it; this is what it was made of.
    _made_of: OrderedDict[str, Recall] = PrivateAttr(default_factory=OrderedDict)

    @field_validator("filters")
    @classmethod
    def _expressible(cls, filters: MetadataFilters | None) -> MetadataFilters | None:
        where_of(filters)
        return filters

    async def _aget(
        self, messages: list[ChatMessage] | None = None, session_id: str | None = None, **block_kwargs: Any
    ) -> str:
        """What the last user message evokes, less what the prompt shows already; empty for nothing."""
        said = [text_of(each) for each in messages or [] if each.role == MessageRole.USER]
        shown = {text_of(each).strip() for each in messages or []}
        # A session of None lets through only what was stored without one.
        own = None if self.across_sessions else {"session_id": session_id}
        where = audible(where_of(self.filters), own)
        recall = await asyncio.to_thread(
            recall_unshown,
            self.memory,
            said[-1] if said else "",
            self.k,
            shown=lambda hit: hit.memory.text in shown,
            namespace=self.namespace,
            where=where,
            min_confidence=self.min_confidence,
        )
        return self._remembered(recall, None)

    async def aput(
        self, messages: list[ChatMessage], from_short_term_memory: bool = False, session_id: str | None = None
    ) -> None:
        """Store ``messages`` in their session; the messages themselves stay as they are."""
        if self.accept_short_term_memory or not from_short_term_memory:
            await self._store(messages, session_id)

    async def _aput(self, messages: list[ChatMessage]) -> None:
        await self._store(messages, None)

    async def _store(self, messages: Sequence[ChatMessage], session_id: str | None) -> None:
        memories = []
        for message in messages:
            kwargs = dict(message.additional_kwargs)
            written = kwargs.pop(_SESSION, None)
            bare = message.model_copy(update={"additional_kwargs": kwargs})
            memories.append(memory_of(bare, session_id if session_id is not None else written))
        await self.memory.aadd([each for each in memories if each is not None], namespace=self.namespace)

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """As many of the memories, the best first, as fit into what is left; None where none does."""
        recall = self._made_of.get(content)
        if recall is None:
            return None
        room = len(self.tokenizer_fn(content)) - tokens_to_truncate
        return self._remembered(recall, room) or None

    def _remembered(self, recall: Recall, room: int | None) -> str:
        text = fitted(recall, room, self.tokenizer_fn, zone_for(self.memory, self.timezone))
        self._made_of[text] = recall
        while len(self._made_of) > _REMEMBERED:
            self._made_of.popitem(last=False)
        return text
