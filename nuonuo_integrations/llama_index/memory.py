"""NuonuoMemory: the chat memory of LlamaIndex's chat engines and agents."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Annotated, Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator
from llama_index.core.llms.llm import LLM
from llama_index.core.memory.chat_memory_buffer import DEFAULT_TOKEN_LIMIT_RATIO
from llama_index.core.memory.memory import DEFAULT_TOKEN_LIMIT, InsertMethod, generate_chat_store_key
from llama_index.core.memory.memory import Memory as CompositeMemory
from llama_index.core.memory.types import BaseMemory
from llama_index.core.utils import get_tokenizer
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import PlainSerializer

from nuonuo import AssociativeMemory, Memory, Recall
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import MIN_CONFIDENCE, audible, engine_of, recall_unshown
from nuonuo_integrations._fields import Confidence, Zone
from nuonuo_integrations._prompt import zone_for
from nuonuo_integrations.llama_index._engine import Engine
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._messages import (
    Tokenizer,
    as_json,
    memory_of,
    message_of,
    text_of,
    without_injected,
)
from nuonuo_integrations.llama_index._recalled import as_stored_now, fitted
from nuonuo_integrations.llama_index._window import Turn, last_user, newest, pages, read_back, tokens_of

_PAGE = 64  # messages read at a time: a long session is never read whole
_RATIO: float = CompositeMemory.model_fields["chat_history_token_ratio"].default


class NuonuoMemory(BaseMemory):
    """Stores every message as it is put, and gives back the recent ones with what the question evokes.

    What is recalled comes first, as one marked system message. Recalling changes nothing, and what was
    recalled for a question is kept until the next: agents ask several times a turn. Nothing injected is
    stored, also where a model echoes it. Everything sync has its true async twin.

    Args:
        memory: the engine, or the path of its file.
        session_id: this conversation; a new one where none is given.
        namespace: the wall between tenants.
        k: how many memories are recalled.
        across_sessions: recall from all conversations of the namespace; False for this one alone.
        filters: what may be recalled: conditions on metadata and "role".
        token_limit: what `get` may return at most, less its ``initial_token_count``; only the user's own
            question comes whatever it takes.
        chat_history_token_ratio: the least part of that for the recent messages, where there are as many.
        insert_method: "system" for a message of its own, first of all; "user" to put it before the question
            instead. ``ReActAgent`` and ``CodeActAgent`` drop or overwrite the first system message: give them
            a ``system_prompt``, which then is the first, or use "user".
        tokenizer_fn: counts; LlamaIndex's own tokenizer where none is given.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    session_id: str = Field(default_factory=generate_chat_store_key)
    namespace: str = DEFAULT_NAMESPACE
    k: int = Field(default=10, ge=1)
    across_sessions: bool = True
    filters: MetadataFilters | None = None
    token_limit: int = Field(default=DEFAULT_TOKEN_LIMIT, ge=1)
    chat_history_token_ratio: float = Field(default=_RATIO, ge=0, le=1)
    insert_method: Annotated[InsertMethod, PlainSerializer(lambda how: how.value)] = InsertMethod.SYSTEM
    tokenizer_fn: Tokenizer = Field(default_factory=get_tokenizer, exclude=True)
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

    _kept: tuple[tuple[str, str | None], Recall] | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, values: Any) -> Any:
        # LlamaIndex writes the class name into what it serializes.
        return {k: v for k, v in values.items() if k != "class_name"} if isinstance(values, dict) else values

    @field_validator("filters")
    @classmethod
    def _expressible(cls, filters: MetadataFilters | None) -> MetadataFilters | None:
        where_of(filters)
        return filters

    @classmethod
    def class_name(cls) -> str:
        return "NuonuoMemory"

    @classmethod
    def from_defaults(
        cls,
        memory: AssociativeMemory | str | PathLike[str] | None = None,
        *,
        chat_history: Sequence[ChatMessage] | None = None,
        llm: LLM | None = None,
        token_limit: int | None = None,
        **kwargs: Any,
    ) -> NuonuoMemory:
        """A memory as LlamaIndex makes them.

        Args:
            memory: the engine, or the path of its file; None for one in RAM.
            chat_history: the session's messages, as for `set`.
            llm: gives the token limit where none is given: three quarters of its context window.
            **kwargs: as for the class.
        """
        if token_limit is None and llm is not None:
            token_limit = int(llm.metadata.context_window * DEFAULT_TOKEN_LIMIT_RATIO)
        if token_limit is not None:
            kwargs["token_limit"] = token_limit
        made = cls(memory=AssociativeMemory() if memory is None else engine_of(memory), **kwargs)
        if chat_history is not None:
            made.set(list(chat_history))
        return made

    # -- writing ----------------------------------------------------------------------------------

    def put(self, message: ChatMessage) -> None:
        """Store a message."""
        self.put_messages([message])

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Store messages, all or none."""
        memories = [memory_of(message, self.session_id) for message in messages]
        self.memory.add([each for each in memories if each is not None], namespace=self.namespace)

    def set(self, messages: list[ChatMessage]) -> None:
        """Make ``messages`` the session's; those that it begins with already are not stored again."""
        stored = self._stored()
        given = [each for each in map(without_injected, messages) if each is not None]
        same = 0
        for memory, message in zip(stored, given, strict=False):
            if as_json(message_of(memory)) != as_json(message):
                break
            same += 1
        self.put_messages(given[same:])  # first, so that nothing is lost if it fails
        self.memory.forget(ids=[str(memory.id) for memory in stored[same:]])

    def reset(self) -> None:
        """Forget this session, and nothing else."""
        self._kept = None
        self.memory.forget(namespace=self.namespace, session_id=self.session_id)

    # -- asking -----------------------------------------------------------------------------------

    def get_all(self) -> list[ChatMessage]:
        """All messages of the session, in order."""
        return [message_of(memory) for memory in self._stored()]

    def get(
        self, input: str | ChatMessage | None = None, initial_token_count: int = 0, **kwargs: Any
    ) -> list[ChatMessage]:
        """What is recalled for the question, then the recent messages.

        Args:
            input: the question; the last user message of the session where None.
            initial_token_count: tokens of the limit that the caller has used already.
        """
        room = self.token_limit - initial_token_count
        history = read_back(pages(self._newest, _PAGE), room, self.tokenizer_fn)
        must = last_user(history)
        asked = None if must is None else history[must]
        last = "" if asked is None else text_of(asked.message)
        question = text_of(input) if isinstance(input, ChatMessage) else input
        if question and question != last:  # it is put after it is answered: it needs its room too
            room -= len(self.tokenizer_fn(question))
            must = None
        # The recent messages have a right to their share; what they leave is for what is recalled;
        # what that leaves is for more of the recent. Nothing is shown twice.
        recent = newest(history, room * self.chat_history_token_ratio, must)
        query = question or last, asked and asked.stored.id
        zone = zone_for(self.memory, self.timezone)
        recall = self._recalled(query, recent)
        block = fitted(recall, room - tokens_of(recent), self.tokenizer_fn, zone)
        recent = newest(history, room - len(self.tokenizer_fn(block)), must)
        if any(hit.memory.id in _ids(recent) for hit in recall):
            recall = self._recalled(query, recent)
            block = fitted(recall, room - tokens_of(recent), self.tokenizer_fn, zone)
        return self._inserted(block, [turn.message for turn in recent])

    def _recalled(self, query: tuple[str, str | None], recent: list[Turn]) -> Recall:
        """What is kept for the question, unless some of it is now among the recent messages."""
        if self._kept is not None and self._kept[0] == query:
            kept = as_stored_now(self.memory, self._kept[1], self.namespace)
            if not any(hit.memory.id in _ids(recent) for hit in kept):
                return kept
        own = None if self.across_sessions else {"session_id": self.session_id}
        where = audible(where_of(self.filters), own)
        recall = recall_unshown(
            self.memory,
            query[0],
            self.k,
            exclude=_ids(recent),
            namespace=self.namespace,
            where=where,
            min_confidence=self.min_confidence,
        )
        self._kept = query, recall
        return recall

    def _inserted(self, block: str, messages: list[ChatMessage]) -> list[ChatMessage]:
        if not block:
            return messages
        if self.insert_method == InsertMethod.SYSTEM:
            return [ChatMessage(role=MessageRole.SYSTEM, content=block), *messages]
        if not messages or messages[-1].role != MessageRole.USER:  # the question comes after this
            return [*messages, ChatMessage(role=MessageRole.USER, content=block)]
        question = messages[-1]
        blocks = [TextBlock(text=block), *question.blocks]
        return [*messages[:-1], question.model_copy(update={"blocks": blocks})]

    def _newest(self, offset: int, limit: int) -> list[Memory]:
        return self.memory.list(
            namespace=self.namespace,
            session_id=self.session_id,
            newest_first=True,
            offset=offset,
            limit=limit,
        )

    def _stored(self) -> list[Memory]:
        return self.memory.list(namespace=self.namespace, session_id=self.session_id)


def _ids(recent: list[Turn]) -> set[str]:
    return {str(turn.stored.id) for turn in recent}
