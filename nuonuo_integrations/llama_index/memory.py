"""NuonuoMemory: the chat memory of LlamaIndex's chat engines and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from os import PathLike
from threading import Lock
from typing import Annotated, Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, model_validator
from llama_index.core.llms.llm import LLM
from llama_index.core.memory.chat_memory_buffer import DEFAULT_TOKEN_LIMIT_RATIO
from llama_index.core.memory.memory import DEFAULT_TOKEN_LIMIT, InsertMethod, generate_chat_store_key
from llama_index.core.memory.memory import Memory as CompositeMemory
from llama_index.core.memory.types import BaseMemory
from llama_index.core.utils import get_tokenizer
from llama_index.core.vector_stores.types import MetadataFilters
from pydantic import PlainSerializer
from typing_extensions import Self

from nuonuo import AssociativeMemory, Memory, Recall
from nuonuo.checks import count_of
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import (
    MIN_CONFIDENCE,
    Place,
    audible,
    engine_of,
    place_of,
    recall_unshown,
    session_of,
)
from nuonuo_integrations._fields import Confidence, Count, Label, Zone
from nuonuo_integrations._named import MESSAGE_TIMES
from nuonuo_integrations._prompt import zone_for
from nuonuo_integrations.llama_index._component import Component, OnError, Timestamp
from nuonuo_integrations.llama_index._engine import Engine
from nuonuo_integrations.llama_index._filters import where_of
from nuonuo_integrations.llama_index._messages import (
    Input,
    Tokenizer,
    memory_of,
    message_of,
    messages_of,
    question_of,
    text_of,
    without_injected,
)
from nuonuo_integrations.llama_index._recalled import Kept, Query, as_stored_now, fitted, ids_of, inserted
from nuonuo_integrations.llama_index._session import Given, Session
from nuonuo_integrations.llama_index._window import Turn, last_user, newest, read_back, tokens_of

_TAKING = Lock()
_RATIO: float = CompositeMemory.model_fields["chat_history_token_ratio"].default


class NuonuoMemory(Component, BaseMemory):
    """Stores every message as it is put, and gives back the recent ones with what the question evokes.

    It has two sides. The window is the conversation as it is shown now: `get_all`, `get`, `set` and `reset`
    concern it, and it lives in the file, under the session id. The long-term memory keeps all that was
    said; only `forget` deletes from it. What has left the window is recalled.

    What is recalled comes first, as one marked system message. Recalling changes nothing, and what was
    recalled for a question is kept for the turn, since agents ask several times: until the next question,
    or until anybody else has written, in whatever process. Nothing injected is stored, also where a model
    echoes it. Everything sync has its true async twin.

    Args:
        memory: the engine, or the path of its file.
        session_id: this conversation; a new one where none is given. Its window is there again after a
            restart, in another process, and for every object with this session id.
        namespace: the wall between tenants.
        k: how many memories are recalled.
        across_sessions: recall from all conversations of the namespace; False for this session id alone, with
            what was said under it before a `reset`.
        filters: what may be recalled: conditions on metadata and "role".
        token_limit: what `get` may return at most, less its ``initial_token_count``; only the user's own
            question comes whatever it takes. The newest turn, the question with all that followed it, comes
            whole, and what is recalled gives way to it; where it is more than all of the limit, the question
            comes alone.
        chat_history_token_ratio: the least part of that for the recent messages, where there are as many.
        insert_method: "system" for a message of its own, first of all; "user" to put it before the question
            instead. ``ReActAgent`` and ``CodeActAgent`` drop or overwrite the first system message: give them
            a ``system_prompt``, which then is the first, or use "user".
        timestamp_key: the key, or keys, of a message's ``additional_kwargs`` that hold the time at which it
            was said: a datetime, an ISO 8601 text, or seconds (or milliseconds) since 1970. A message
            without one is said now.
        tokenizer_fn: counts; LlamaIndex's own tokenizer where none is given.
        on_error: "log" keeps the run's answer where the engine cannot recall or store, because a disk is full
            or an embedder fails, and logs what and why; "raise" raises it. What could not be stored is
            shown all the same, and stored with the next message. `set`, `reset` and `forget` always raise.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    session_id: Label = Field(default_factory=generate_chat_store_key)
    namespace: Label = DEFAULT_NAMESPACE
    k: Count = 10
    across_sessions: bool = Field(default=True, strict=True)
    filters: MetadataFilters | None = None
    token_limit: Count = DEFAULT_TOKEN_LIMIT
    chat_history_token_ratio: float = Field(default=_RATIO, ge=0, le=1, strict=True)
    insert_method: Annotated[InsertMethod, PlainSerializer(lambda how: how.value)] = InsertMethod.SYSTEM
    timestamp_key: Timestamp = MESSAGE_TIMES
    on_error: OnError = "log"
    tokenizer_fn: Tokenizer = Field(default_factory=get_tokenizer, exclude=True)
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

    _kept: Kept | None = PrivateAttr(default=None)
    _unstored: list[Memory] = PrivateAttr(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _without_class_name(cls, values: Any) -> Any:
        # LlamaIndex writes the class name into what it serializes.
        return {k: v for k, v in values.items() if k != "class_name"} if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _expressible(self) -> Self:
        self._where()
        return self

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
            chat_history: what is shown first, as for `set`; None for what is shown already.
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
        """Store a message; it is shown after what is shown now.

        Raises:
            InvalidTypeError: no `ChatMessage`.
            InvalidInputError: it holds what cannot be written down; which field it is, is said.
        """
        self.put_messages([message])

    def put_messages(self, messages: list[ChatMessage]) -> None:
        """Store messages, all or none."""
        self._store([each.memory for each in self._given(messages)])

    def _store(self, memories: list[Memory]) -> None:
        """Store ``memories``, after those that could not be stored before."""
        with _TAKING:
            waiting, self._unstored = self._unstored, []
        every = [*waiting, *memories]
        what = f"{len(every)} messages of the session {self.session_id!r} are not stored"
        try:
            waiting = self._tried(lambda: self._append(every), every, what)
        finally:
            with _TAKING:
                self._unstored = [*waiting, *self._unstored]

    def _append(self, memories: list[Memory]) -> list[Memory]:
        """Store ``memories``, and return none of them."""
        kept, self._kept = self._kept, None
        newest = [] if kept is None else self._newest(1)
        current = kept is not None and kept.version == self.memory.version
        self._session().append(memories)
        if kept is not None and current:
            version = self.memory.version
            if self._newest(len(memories) + 1)[len(memories) :] == newest:  # nobody else wrote meanwhile
                self._kept = kept._replace(version=version)
        return []

    def set(self, messages: list[ChatMessage]) -> None:
        """Show ``messages`` from now on, and nothing else: make them the window.

        Nothing is deleted. What of them the session holds already is not stored again, in whatever part of
        it; what is new is stored once, in their order. So a back end that keeps no state may send the last
        messages each time, with ``chat(..., chat_history=...)`` or ``run(..., chat_history=...)``. A message
        counts as stored where its words were said in that place, though it comes back without its images,
        tool calls or other keys; it is shown as it is given here.
        """
        given = self._given(messages)
        self._append(self._unstored)
        self._kept, self._unstored = None, []
        self._session().show(given)

    def reset(self) -> None:
        """Empty the window, as a "new chat" button does; nothing is deleted.

        What was said before is no longer shown, and is recalled like another conversation's. To delete
        it, call `forget`.
        """
        self.set([])

    def forget(self) -> int:
        """Delete all that was ever said in this session, shown or not, and return how many messages it was.

        They are gone from the long-term memory and its file; other sessions stay as they are.
        """
        self._kept, self._unstored = None, []
        return self.memory.forget(**self._place())

    async def aforget(self) -> int:
        """Async twin of `forget`, run in a thread."""
        return await asyncio.to_thread(self.forget)

    def _place(self) -> Place:
        """Whose it is, looked at for each call anew: a field may have been set or copied without a check."""
        return place_of(self.namespace, self.session_id)

    def _newest(self, limit: int) -> list[str | None]:
        newest = self.memory.list(namespace=self._place()["namespace"], newest_first=True, limit=limit)
        return [memory.id for memory in newest]

    def _given(self, messages: Sequence[ChatMessage]) -> list[Given]:
        session = self._place()["session_id"]
        said = [each for each in map(without_injected, messages_of(messages)) if each is not None]
        return [Given(message, memory_of(message, session, self.timestamp_key)) for message in said]

    def _window(self) -> Iterator[Memory]:
        """What is shown, the newest first."""
        yield from reversed(self._unstored)
        yield from self._session().window()

    def _session(self) -> Session:
        return Session(self.memory, **self._place())

    # -- asking -----------------------------------------------------------------------------------

    def get_all(self) -> list[ChatMessage]:
        """The window: the messages that are shown now, in order."""
        return [message_of(memory) for memory in self._window()][::-1]

    def get(
        self, input: Input | None = None, initial_token_count: int = 0, **kwargs: Any
    ) -> list[ChatMessage]:
        """What is recalled for the question, then the recent messages.

        Args:
            input: the question: a text, a message, a `QueryBundle` or content blocks; the last user
                message that is shown where None.
            initial_token_count: tokens of the limit that the caller has used already.

        Raises:
            InvalidTypeError, InvalidInputError: anything else.
        """
        question = question_of(input)
        room = self.token_limit - count_of(initial_token_count, "initial_token_count", 0)
        history = read_back(self._window(), room, self.tokenizer_fn)
        must = last_user(history)
        asked = None if must is None else history[must]
        last = "" if asked is None else text_of(asked.message)
        if question and question != last:  # it is put after it is answered: it needs its room too
            room -= len(self.tokenizer_fn(question))
            must = None
        turn = tokens_of(history[last_user(history) or 0 :])
        if must is not None and turn > room:  # no block stands where the answer to the question had to go
            return [history[must].message]
        # The recent messages have a right to their share, the newest turn to all of it; what they leave
        # is for what is recalled; what that leaves is for more of the recent. Nothing is shown twice.
        share = max(room * self.chat_history_token_ratio, turn if turn <= room else 0)
        recent = newest(history, share, must)
        query = question or last, asked and asked.stored.id
        zone = zone_for(self.memory, self.timezone)
        recall = self._recalled(query, recent)
        block = fitted(recall, room - tokens_of(recent), self.tokenizer_fn, zone)
        recent = newest(history, room - len(self.tokenizer_fn(block)), must)
        if any(hit.memory.id in ids_of(recent) for hit in recall):
            recall = self._recalled(query, recent)
            block = fitted(recall, room - tokens_of(recent), self.tokenizer_fn, zone)
        return inserted(block, [turn.message for turn in recent], self.insert_method)

    def _recalled(self, query: Query, recent: list[Turn]) -> Recall:
        """What is kept for the question, unless anybody wrote since, or some of it is recent now."""
        version = self.memory.version
        if self._kept is not None and (self._kept.query, self._kept.version) == (query, version):
            kept = as_stored_now(self.memory, self._kept.recall, self._place()["namespace"])
            if not any(hit.memory.id in ids_of(recent) for hit in kept):
                return kept

        def recalled() -> Recall:
            return recall_unshown(
                self.memory,
                query[0],
                self.k,
                exclude=ids_of(recent),
                namespace=self._place()["namespace"],
                where=self._where(),
                min_confidence=self.min_confidence,
            )

        recall = self._tried(recalled, None, f"nothing is recalled in the session {self.session_id!r}")
        if recall is None:
            return Recall(query[0], (), 0.0)
        self._kept = Kept(query, version, recall)
        return recall

    def _where(self) -> dict[str, Any]:
        own = None if self.across_sessions else session_of(self._place()["session_id"])
        return audible(where_of(self.filters), own)
