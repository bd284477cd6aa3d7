"""NuonuoMiddleware: long-term memory for the agents of ``langchain.agents.create_agent``."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from os import PathLike
from typing import Annotated, Any
from uuid import NAMESPACE_OID, uuid4, uuid5

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime
from pydantic import TypeAdapter
from typing_extensions import NotRequired

from nuonuo import AssociativeMemory, Recall
from nuonuo.errors import InvalidInputError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import MIN_CONFIDENCE, audible, confidence_of, engine_of, recall_unshown
from nuonuo_integrations._prompt import TokenCounter, as_said, fit, strip, zone_for, zone_of
from nuonuo_integrations.langchain._messages import role_of, turn_of

NamespaceOf = Callable[[Runtime[Any]], str]
Run = tuple[str, str | None, str | None, str]  # namespace, thread, and the id and text of what is asked

_RUNS = 256  # that may be on their way at once, interrupted ones included, before one has to recall again


class NuonuoState(AgentState[Any]):
    """What the middleware keeps beside the messages; it is no part of an agent's input or output."""

    # What the user said and is not stored yet: it stays due whatever interrupts, fails or summarizes the run.
    nuonuo_due: NotRequired[Annotated[list[HumanMessage], PrivateStateAttr]]


class NuonuoMiddleware(AgentMiddleware[NuonuoState, Any, Any]):
    """Recalls once a run what the user's message evokes, and stores the turn after it.

    What is recalled goes into the system message of each model call, as one marked block: it is never
    part of the messages, and never stored again where a model echoes it. Each thread is a session.

        agent = create_agent(model, tools, middleware=[NuonuoMiddleware("memories.db")], checkpointer=...)

    Args:
        memory: the engine, or the path of its file.
        namespace: the wall between tenants: a name, or a function of the runtime. None takes it from
            the runtime's context, whose ``user_id`` it is; "default" for an agent without context.
        k: how many memories are recalled.
        across_sessions: recall from all threads of the namespace; False for the running one alone.
        where: what may be recalled: a filter over metadata and "role", in the engine's grammar.
        max_tokens: what the recalled may take; None for no limit.
        token_counter: counts the tokens of a text; about four letters a token where None.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    state_schema = NuonuoState

    def __init__(
        self,
        memory: AssociativeMemory | str | PathLike[str],
        *,
        namespace: str | NamespaceOf | None = None,
        k: int = 10,
        across_sessions: bool = True,
        where: Mapping[str, Any] | None = None,
        max_tokens: int | None = None,
        token_counter: TokenCounter | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        timezone: tzinfo | str | None = None,
    ) -> None:
        super().__init__()
        self.memory = engine_of(memory)
        self.namespace = namespace
        self.k = k
        self.across_sessions = across_sessions
        self.where = where
        self.max_tokens = max_tokens
        self.token_counter = token_counter
        self.min_confidence = confidence_of(min_confidence)
        self.timezone = timezone
        zone_of(timezone)  # complain now, not at the first question
        self._kept: OrderedDict[Run | None, Recall] = OrderedDict()
        self._keeping = threading.Lock()

    # -- before the model -------------------------------------------------------------------------

    def before_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Note what the user says: it is to be stored."""
        due = state.get("nuonuo_due", [])
        known = {message.id for message in due}
        said = [message for message in _last_said(state["messages"]) if message.id not in known]
        return {"nuonuo_due": [*due, *said]}

    async def abefore_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Async twin of `before_agent`."""
        return self.before_agent(state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        """Call the model with what was recalled in its system message."""
        return handler(_with(request, self._recalled(request.state["messages"], request.runtime)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """Async twin of `wrap_model_call`."""
        recalled = await asyncio.to_thread(self._recalled, request.state["messages"], request.runtime)
        return await handler(_with(request, recalled))

    def _recalled(self, messages: list[AnyMessage], runtime: Runtime[Any]) -> str:
        """What is recalled for the run, once for all of its model calls, as it is stored now."""
        run = self._run_of(messages, runtime)
        if run is None:
            return ""
        recall = self._kept.get(run)
        if recall is None:
            recall = self._recall(run, messages)
            with self._keeping:
                self._kept[run] = recall
                while len(self._kept) > _RUNS:
                    self._kept.popitem(last=False)
        # A run can wait long for its interrupt: what is forgotten meanwhile is shown no more.
        stored = self.memory.get([str(hit.memory.id) for hit in recall])
        hits = (replace(hit, memory=now) for hit, now in zip(recall, stored, strict=True) if now is not None)
        zone = zone_for(self.memory, self.timezone)
        return fit(replace(recall, hits=tuple(hits)), self.max_tokens, self.token_counter, timezone=zone)

    def _recall(self, run: Run, messages: list[AnyMessage]) -> Recall:
        namespace, thread, _, question = run
        shown = {(role, as_said(text, role).strip()) for role, text in map(_said, messages)}
        session = {} if self.across_sessions else {"session_id": thread}
        return recall_unshown(
            self.memory,
            question,
            self.k,
            exclude=[_id_of(namespace, thread, each.id) for each in messages if thread and each.id],
            shown=lambda hit: (hit.memory.role, hit.memory.text) in shown,
            namespace=namespace,
            where=audible(self.where, session),
            min_confidence=self.min_confidence,
        )

    def _run_of(self, messages: list[AnyMessage], runtime: Runtime[Any]) -> Run | None:
        asked = next((message for message in reversed(messages) if _is_said(message)), None)
        if asked is None:
            return None
        return self._namespace(runtime), _thread_of(runtime), asked.id, str(asked.text)

    # -- after the model --------------------------------------------------------------------------

    def after_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Store what the user said and the agent's answer."""
        turn: list[BaseMessage] = [*state.get("nuonuo_due", []), *_answer(state)]
        self._add(turn, self._namespace(runtime), _thread_of(runtime))
        self._kept.pop(self._run_of(state["messages"], runtime), None)
        return {"nuonuo_due": []}

    async def aafter_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Async twin of `after_agent`."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    def _add(self, turn: list[BaseMessage], namespace: str, thread: str | None) -> None:
        # A run without a thread is a conversation of its own.
        session = thread or uuid4().hex
        # A run that is resumed or replayed comes by here again with the same messages.
        memories = []
        for message in turn:
            id = _id_of(namespace, thread, message.id) if thread and message.id else None
            memory = turn_of(str(message.text), role_of(message), session, id)
            if memory is not None:
                memories.append(memory)
        stored = {each.id: each for each in self.memory.get([m.id for m in memories if m.id]) if each}
        new = []
        for memory in memories:
            known = stored.get(memory.id)
            if known is None:
                new.append(memory)
            elif known.text != memory.text:  # the message was edited: both were said
                new.append(replace(memory, id=None))
        self.memory.add(new, namespace=namespace)

    def _namespace(self, runtime: Runtime[Any]) -> str:
        if callable(self.namespace):
            return self.namespace(runtime)
        if self.namespace is not None:
            return self.namespace
        context = runtime.context
        if context is None:
            return DEFAULT_NAMESPACE
        user = context.get("user_id") if isinstance(context, Mapping) else getattr(context, "user_id", None)
        if user is None:
            raise InvalidInputError(
                f"the agent's context has no user_id, so whose memory is it? got {context!r}; "
                "add user_id to it, or say NuonuoMiddleware(namespace=...)"
            )
        return str(user)


def _id_of(namespace: str, thread: str, message_id: str) -> str:
    return uuid5(NAMESPACE_OID, json.dumps([namespace, thread, message_id])).hex


def _thread_of(runtime: Runtime[Any]) -> str | None:
    info = runtime.execution_info
    return info.thread_id if info is not None else None


def _said(message: AnyMessage) -> tuple[str, str]:
    return role_of(message), str(message.text)


def _is_said(message: AnyMessage) -> bool:
    """Whether the user said it: LangChain's summaries are human messages too."""
    return isinstance(message, HumanMessage) and message.additional_kwargs.get("lc_source") is None


def _last_said(messages: Sequence[AnyMessage]) -> list[HumanMessage]:
    """What the user said after the last answer, oldest first."""
    said = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        if _is_said(message):
            said.append(message)
    return said[::-1]


def _answer(state: NuonuoState) -> list[AIMessage]:
    """The last of what the agent said since the user spoke; what it says between tool calls is no answer."""
    spoken: list[AIMessage] = []
    for message in reversed(state["messages"]):
        if isinstance(message, HumanMessage):
            break
        if isinstance(message, AIMessage):
            spoken.append(message)
    structured = state.get("structured_response")
    if structured is not None and spoken:
        text = TypeAdapter(type(structured)).dump_json(structured).decode()
        return [AIMessage(text, id=spoken[0].id)]
    return [message for message in spoken if strip(str(message.text)).strip()][:1]


def _with(request: ModelRequest[Any], recalled: str) -> ModelRequest[Any]:
    if not recalled:
        return request
    system = request.system_message
    if system is None:
        return request.override(system_message=SystemMessage(recalled))
    if isinstance(system.content, str):
        content: Any = f"{system.content}\n\n{recalled}" if system.content else recalled
    else:
        content = [*system.content, {"type": "text", "text": recalled}]
    return request.override(system_message=system.model_copy(update={"content": content}))
