"""NuonuoMiddleware: long-term memory for the agents of ``langchain.agents.create_agent``."""

from __future__ import annotations

import asyncio
import json
import logging
import operator
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from os import PathLike
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from langchain.agents.middleware.types import (
    AgentMiddleware,
    AgentState,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    PrivateStateAttr,
)
from langchain_core.messages import AnyMessage, BaseMessage
from langgraph.runtime import Runtime
from langgraph.types import Command
from typing_extensions import NotRequired

from nuonuo import AssociativeMemory, Recall
from nuonuo.errors import StoreError
from nuonuo_integrations._engine import (
    MIN_CONFIDENCE,
    Holder,
    audible,
    check_options,
    confidence_of,
    engine_of,
    flag_of,
    label_of,
    mended,
    recall_unshown,
    session_of,
)
from nuonuo_integrations._prompt import TokenCounter, as_said, fit, zone_for, zone_of
from nuonuo_integrations.langchain._messages import role_of
from nuonuo_integrations.langchain._request import Recalling
from nuonuo_integrations.langchain._runtime import NamespaceOf, inside_tool, namespace_of, thread_of
from nuonuo_integrations.langchain._saved import digest, follow, id_of, ids_of, save
from nuonuo_integrations.langchain._turn import Turn, begun, ended, is_said

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RUNS = 256  # that may be on their way at once, interrupted ones included, before one has to recall again
_MET = 4096  # messages of which is known whether a model was called with them


class NuonuoState(AgentState[Any]):
    """What the middleware keeps beside the messages; it is no part of an agent's input or output."""

    # The `Turn` of each middleware, by its name: what is to be stored, whatever interrupts or fails the run.
    nuonuo_turn: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, operator.or_]]


class _Kept(NamedTuple):
    """What was recalled in a run, for what question, and the user's words that a model was shown last."""

    question: str
    recall: Recall
    shown: Mapping[str, str]


class NuonuoMiddleware(Holder, AgentMiddleware[NuonuoState, Any, Any]):
    """Recalls once a run what the user's message evokes, and stores the turn when the run ends.

    What is recalled goes into the system message of each model call, as one marked block, also where another
    middleware replaces that message. It is never part of the messages, and never stored again where a model
    echoes it. Each thread is a session.

    What is stored is the message as the state has it when the run ends: redacted where another middleware
    redacted it, and not at all where it was removed, or where the run was blocked before its model; no later
    run stores it either. Put this middleware first in the list: ``after_agent`` hooks run in reverse, so it
    sees what all others left. An agent that another one's tool calls recalls and stores nothing: its task is
    no user's word.

        agent = create_agent(model, tools, middleware=[NuonuoMiddleware("memories.db")], checkpointer=...)

    Args:
        memory: the engine, or the path of its file.
        namespace: the wall between tenants: a name, or a function of the runtime. None takes it from
            the ``user_id`` of the runtime's context, else of the config's ``configurable``; "default" for
            an agent that is told no user and has no context.
        k: how many memories are recalled.
        across_sessions: recall from all threads of the namespace; False for the running one alone.
        where: what may be recalled: a filter over metadata and "role", in the engine's grammar.
        max_tokens: what the recalled may take; None for no limit.
        token_counter: counts the tokens of a text; about four letters a token where None.
        on_error: "log" keeps the run's answer where something cannot be recalled or stored, and logs what
            and why; what the store could not take is tried again at the end of the thread's next run.
            "raise" raises it.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    state_schema = NuonuoState

    _own = {  # noqa: RUF012
        "_kept": OrderedDict,  # what was recalled, by run
        "_met": OrderedDict,  # whether a model was called with a message, by its `_key`
        "_left": OrderedDict,  # the digest of a message when it was stored, by the id of its memory
        "_keeping": threading.Lock,
    }
    _kept: OrderedDict[str, _Kept]
    _met: OrderedDict[str, bool]
    _left: OrderedDict[str, str]
    _keeping: threading.Lock

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
        on_error: Literal["log", "raise"] = "log",
        min_confidence: float = MIN_CONFIDENCE,
        timezone: tzinfo | str | None = None,
    ) -> None:
        super().__init__()
        check_options(k=k, where=where, max_tokens=max_tokens, token_counter=token_counter, on_error=on_error)
        self.namespace = (
            namespace if namespace is None or callable(namespace) else label_of(namespace, "namespace")
        )
        self.memory = engine_of(memory)
        self.k = k
        self.across_sessions = flag_of(across_sessions, "across_sessions")
        self.where = where
        self.max_tokens = max_tokens
        self.token_counter = token_counter
        self.on_error = on_error
        self.min_confidence = confidence_of(min_confidence)
        zone_of(timezone)  # complain now, not at the first question
        self.timezone = timezone
        self.__dict__.update({name: make() for name, make in self._own.items()})
        self._hold()

    # -- before the model -------------------------------------------------------------------------

    def before_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Note which messages are to be stored.

        Raises:
            InvalidInputError, InvalidTypeError: it cannot be told whose memory it is.
        """
        namespace, thread = namespace_of(runtime, self.namespace), thread_of(runtime)
        messages, before = state["messages"], self._turn(state)
        turn = begun(before, messages, namespace, lambda each: self._met.get(_key(each, namespace, thread)))
        self._note(turn.said, messages, namespace, thread, False)
        if before is not None and before.stored and thread is not None:
            self._guarded(
                lambda: follow(self.memory, before.stored, self._left, messages, thread),
                None,
                f"what was rewritten in thread {thread!r} could not be rewritten in the memory",
            )
        return self._update(turn)

    async def abefore_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Async twin of `before_agent`."""
        return await asyncio.to_thread(self.before_agent, state, runtime)

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Call the model with what was recalled in its system message."""
        asked, turn = self._asked(request)
        return self._heard(request, handler(asked), turn)

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        """Async twin of `wrap_model_call`."""
        asked, turn = await asyncio.to_thread(self._asked, request)
        return self._heard(request, await handler(asked), turn)

    def _asked(self, request: ModelRequest[Any]) -> tuple[ModelRequest[Any], Turn | None]:
        before, messages, runtime = self._turn(request.state), request.state["messages"], request.runtime
        if before is None:
            return request, None
        turn, thread = before.shown(messages), thread_of(runtime)
        # Now, and not when it has answered: what is said to a model that fails was said all the same.
        self._note(list(turn.heard), messages, turn.namespace, thread, True)
        recalled = self._guarded(
            lambda: self._recalled(turn, messages, thread),
            "",
            f"nothing could be recalled in namespace {turn.namespace!r}: the model is called without",
        )
        return Recalling.of(request, recalled), turn

    def _heard(
        self, request: ModelRequest[Any], response: ModelResponse[Any], turn: Turn | None
    ) -> ModelResponse[Any] | ExtendedModelResponse[Any]:
        if turn is None or turn == self._turn(request.state):
            return response
        return ExtendedModelResponse(response, Command(update=self._update(turn)))

    def _recalled(self, turn: Turn, messages: list[AnyMessage], thread: str | None) -> str:
        """What is recalled for the run, once for all of its model calls, as it is stored now."""
        kept = self._kept.get(turn.run)
        question = _question(turn, messages, kept)
        shown = {id: each for id, each in (kept.shown if kept else {}).items() if id in turn.heard}
        shown.update({str(each.id): str(each.text) for each in messages if each.id in turn.heard})
        recall = kept.recall if kept is not None and kept.question == question else None
        if recall is None:
            recall = self._recall(question, turn.namespace, messages, thread)
        self._keep(self._kept, turn.run, _Kept(question, recall, shown), _RUNS)
        # A run can wait long for its interrupt: what is forgotten meanwhile is shown no more.
        stored = self.memory.get([str(hit.memory.id) for hit in recall])
        hits = (replace(hit, memory=now) for hit, now in zip(recall, stored, strict=True) if now is not None)
        zone = zone_for(self.memory, self.timezone)
        return fit(replace(recall, hits=tuple(hits)), self.max_tokens, self.token_counter, timezone=zone)

    def _recall(
        self, question: str, namespace: str, messages: list[AnyMessage], thread: str | None
    ) -> Recall:
        said = [(role_of(message), mended(str(message.text))) for message in messages]
        shown = {(role, as_said(text, role).strip()) for role, text in said}
        session = None if self.across_sessions else session_of(thread)
        return recall_unshown(
            self.memory,
            question,
            self.k,
            exclude=[id_of(namespace, thread, each.id) for each in messages if thread and each.id],
            shown=lambda hit: (hit.memory.role, hit.memory.text) in shown,
            namespace=namespace,
            where=audible(self.where, session),
            min_confidence=self.min_confidence,
        )

    # -- after the model --------------------------------------------------------------------------

    def after_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Store what the user said and the agent's answer, as the state has them now."""
        thread = thread_of(runtime)
        turn = self._turn(state) or Turn("", "")
        if not turn.run:
            return self._update(turn.refused(state["messages"]))
        kept = self._kept.pop(turn.run, None)
        said, answer = ended(turn, state, kept.shown if kept else {})
        if inside_tool(runtime):
            return self._update(turn.ended({}, {}))
        due = [*said, *((each, turn.namespace) for each in answer)]
        if turn.said:
            logger.info("no model was called in thread %r: what was said there is not stored", thread)
            due = said
        what = ", ".join(f"{role_of(each)} message {each.id}" for each, _ in due)
        try:
            save(self.memory, due, thread)
        except StoreError:  # a full disk may have room again
            if self.on_error == "raise":
                raise
            logger.exception("%s of thread %r not stored yet; the next run tries again", what, thread)
            return self._update(turn.ended({}, ids_of(due)))
        except Exception:
            if self.on_error == "raise":
                raise
            logger.exception("%s of thread %r cannot be stored", what, thread)
            return self._update(turn.ended({}, {}))
        by_id = {message.id: message for message in state["messages"]}
        for id, namespace in ids_of(due).items():
            if thread is not None and id in by_id:
                self._keep(self._left, id_of(namespace, thread, id), digest(str(by_id[id].text)), _MET)
        return self._update(turn.ended(ids_of(due), {}))

    async def aafter_agent(self, state: NuonuoState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Async twin of `after_agent`."""
        return await asyncio.to_thread(self.after_agent, state, runtime)

    # -- what is kept -----------------------------------------------------------------------------

    def _turn(self, state: Mapping[str, Any]) -> Turn | None:
        return Turn.of(state.get("nuonuo_turn", {}).get(self.name))

    def _update(self, turn: Turn) -> dict[str, Any]:
        return {"nuonuo_turn": {self.name: turn.asdict()}}

    def _note(
        self, ids: list[str], messages: list[AnyMessage], namespace: str, thread: str | None, heard: bool
    ) -> None:
        for message in messages:
            if message.id in ids:
                self._keep(self._met, _key(message, namespace, thread), heard, _MET)

    def _keep(self, kept: OrderedDict[str, Any], key: str, value: Any, most: int) -> None:
        with self._keeping:
            kept[key] = value
            kept.move_to_end(key)
            while len(kept) > most:
                kept.popitem(last=False)


def _question(turn: Turn, messages: list[AnyMessage], kept: _Kept | None) -> str:
    """What is asked: the last that the user said in the run, as it stands now."""
    last = next(reversed(turn.heard), None)
    asked = next((each for each in messages if each.id == last is not None), None)
    if asked is None:
        if kept is not None:  # a summary has taken its place
            return kept.question
        asked = next((each for each in reversed(messages) if is_said(each)), None)
    return "" if asked is None else str(asked.text)


def _key(message: BaseMessage, namespace: str, thread: str | None) -> str:
    return digest(json.dumps([namespace, thread, str(message.text)]))
