"""NuonuoMemory: ``memory=`` of LangChain's classic chains and agents."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, Literal, TypeVar
from uuid import uuid4

with warnings.catch_warnings():  # LangChain says at each import that this is its way of yesterday
    warnings.simplefilter("ignore")
    from langchain_classic.base_memory import BaseMemory
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, get_buffer_string
from pydantic import ConfigDict, Field, field_validator, model_validator

from nuonuo import Memory, Recall
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.index.where import check_where
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import (
    MIN_CONFIDENCE,
    SILENT_KEY,
    audible,
    place_of,
    recall_unshown,
)
from nuonuo_integrations._fields import Confidence, Count, Label, Zone
from nuonuo_integrations._models import HolderModel
from nuonuo_integrations._prompt import TokenCounter, fit_turns, zone_for
from nuonuo_integrations.langchain._engine import Engine
from nuonuo_integrations.langchain._messages import message_of, turn_of

T = TypeVar("T")

logger = logging.getLogger(__name__)


class NuonuoMemory(HolderModel, BaseMemory):
    """Stores both sides of each turn, and gives a chain the last few turns and what its input evokes.

    What is recalled comes first, as one marked block with the associations by which it came; it is never
    stored again, also where a model echoes it. The async twins run in a thread: the event loop goes on.

    Args:
        memory: the engine, or the path of its file.
        session_id: this conversation; a new one where none is given.
        namespace: the wall between tenants.
        memory_key: the prompt's variable for the last turns, and for what is recalled.
        recall_key: a variable of its own for what is recalled; None keeps both in ``memory_key``.
        input_key, output_key: which input is the question and which output the answer, where there are
            several of them.
        return_messages: give messages instead of text.
        human_prefix, ai_prefix: who speaks, in text.
        turns: how many of the last turns are given.
        k: how many memories are recalled.
        across_sessions: recall from all conversations of the namespace; False for this one alone.
        where: what may be recalled: a filter over metadata and "role", in the engine's grammar.
        max_tokens: what the question, the turns and the recalled may take together; None for no limit.
            The question itself is never cut.
        token_counter: counts the tokens of a text: a callable, or a model for its own counter; about
            four letters a token where None.
        on_error: "log" keeps the chain's answer where something cannot be recalled or stored, and logs what
            and why; "raise" raises it. `clear` always raises.
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    session_id: Label = Field(default_factory=lambda: uuid4().hex)
    namespace: Label = DEFAULT_NAMESPACE
    memory_key: str = "history"
    recall_key: str | None = None
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = Field(default=False, strict=True)
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    turns: int = Field(default=3, ge=0, strict=True)
    k: Count = 10
    across_sessions: bool = Field(default=True, strict=True)
    where: dict[str, Any] | None = None
    max_tokens: Count | None = None
    token_counter: TokenCounter | None = Field(default=None, exclude=True)
    on_error: Literal["log", "raise"] = "log"
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

    @field_validator("where")
    @classmethod
    def _filters(cls, where: dict[str, Any] | None) -> dict[str, Any] | None:
        check_where(where)
        return where

    @field_validator("token_counter", mode="before")
    @classmethod
    def _counts(cls, counter: object) -> object:
        return counter.get_num_tokens if isinstance(counter, BaseLanguageModel) else counter

    @model_validator(mode="after")
    def _two_keys(self) -> NuonuoMemory:
        if self.memory_key == self.recall_key:
            raise InvalidInputError(
                f"memory_key and recall_key are both {self.memory_key!r}; "
                "leave recall_key out to have both in one"
            )
        return self

    @property
    def memory_variables(self) -> list[str]:
        """The prompt's variables that this memory fills."""
        return [self.memory_key] if self.recall_key is None else [self.memory_key, self.recall_key]

    # -- asking -----------------------------------------------------------------------------------

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """The last turns, and what is recalled for the input from beyond them; nothing is stored.

        Without any input only the last turns come.

        Raises:
            InvalidInputError, InvalidTypeError: it cannot be told which input is the question.
        """
        question = self._question(inputs)
        place_of(self.namespace, self.session_id)
        nothing: list[Memory] = []
        last = self._guarded(self._last, nothing, f"{self._here}: the last turns cannot be read")
        messages = [message_of(memory) for memory in last]
        fitted = fit_turns(
            question,
            [self._text([message]) for message in messages],
            [str(memory.id) for memory in last],
            lambda ids: self._guarded(
                partial(self._recall, question, ids),
                Recall(question, (), 0.0),
                f"{self._here}: nothing can be recalled",
            ),
            max_tokens=self.max_tokens,
            count=self.token_counter,
            timezone=zone_for(self.memory, self.timezone),
        )
        messages = messages[len(messages) - fitted.turns :]
        recalled: list[BaseMessage] = [SystemMessage(fitted.recalled)] if fitted.recalled else []
        if self.return_messages:
            history: Any = messages if self.recall_key else [*recalled, *messages]
            return {self.memory_key: history, **({self.recall_key: recalled} if self.recall_key else {})}
        text = self._text(messages)
        if self.recall_key:
            return {self.memory_key: text, self.recall_key: fitted.recalled}
        return {self.memory_key: "\n".join(filter(None, [fitted.recalled, text]))}

    def _recall(self, question: str, shown: Collection[str]) -> Recall:
        place = place_of(self.namespace, self.session_id)
        return recall_unshown(
            self.memory,
            question,
            self.k,
            exclude=shown,
            namespace=place["namespace"],
            session_id=None if self.across_sessions else place["session_id"],
            where=audible(self.where),
            min_confidence=self.min_confidence,
        )

    @property
    def _here(self) -> str:
        return f"session {self.session_id!r} of namespace {self.namespace!r}"

    def _text(self, messages: list[BaseMessage]) -> str:
        return get_buffer_string(messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)

    def _last(self) -> list[Memory]:
        """What was said in the last turns of the session, oldest first, beginning with no half turn."""
        last: list[Memory] = []
        wanted, offset = 2 * self.turns, 0
        while len(last) < wanted:
            page = self.memory.list(
                **place_of(self.namespace, self.session_id), newest_first=True, offset=offset, limit=wanted
            )
            if not page:
                return last[::-1]
            last += [memory for memory in page if not memory.metadata.get(SILENT_KEY)]
            offset += len(page)
        last = last[:wanted][::-1]
        return last[1:] if last and last[0].role == "assistant" else last

    # -- writing ----------------------------------------------------------------------------------

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store both sides of a turn, or neither.

        Raises:
            InvalidInputError, InvalidTypeError: it cannot be told what was said.
        """
        inputs, outputs = _mapping(inputs, "inputs"), _mapping(outputs, "outputs")
        said = _text_of(_value(inputs, self._input(inputs), "input"), "input")
        answered = _text_of(_value(outputs, self._output(outputs), "output"), "output")
        place = place_of(self.namespace, self.session_id)
        sides = [
            turn_of(said, "user", place["session_id"]),
            turn_of(answered, "assistant", place["session_id"]),
        ]
        turn = [side for side in sides if side is not None]
        nothing: list[str] = []
        self._guarded(
            lambda: self.memory.add(turn, namespace=place["namespace"]),
            nothing,
            f"{self._here}: a turn is not stored",
        )

    def clear(self) -> None:
        """Forget what was said in this session, in the file too, and nothing else.

        It is LangChain's "Clear memory contents", and what is cleared is recalled by nobody any more. A new
        chat that keeps what was said before is a new ``session_id``.
        """
        self.memory.forget(**place_of(self.namespace, self.session_id))

    # -- which key is which -----------------------------------------------------------------------

    def _question(self, inputs: Mapping[str, Any]) -> str:
        if not self._candidates(_mapping(inputs, "inputs")):
            return ""
        return _text_of(_value(inputs, self._input(inputs), "input"), "input").strip()

    def _candidates(self, inputs: Mapping[str, Any]) -> list[str]:
        # "stop" goes to the model; the memory's own variables are in there when a turn is saved.
        return [key for key in inputs if key != "stop" and key not in self.memory_variables]

    def _input(self, inputs: Mapping[str, Any]) -> str:
        return self.input_key or _only(self._candidates(inputs), "input")

    def _output(self, outputs: Mapping[str, Any]) -> str:
        keys = list(outputs)
        if self.output_key is None and len(keys) > 1 and "output" in keys:
            return "output"  # an agent's answer, beside its steps
        return self.output_key or _only(keys, "output")


def _mapping(values: object, name: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise InvalidTypeError(
            f"{name} must be a dict, got {type(values).__name__} {values!r}; a text is {{'input': text}}"
        )
    return dict(values)


def _only(keys: list[str], kind: str) -> str:
    if len(keys) != 1:
        raise InvalidInputError(
            f"the chain has the {kind}s {keys}, and only one of them can be stored; name it: {kind}_key="
        )
    return keys[0]


def _value(values: Mapping[str, Any], key: str, kind: str) -> object:
    if key not in values:
        raise InvalidInputError(f"{kind}_key is {key!r}, and the chain has the {kind}s {[*values]}")
    return values[key]


def _text_of(value: object, kind: str) -> str:
    """What was said, of a text, a message, its content blocks, or a list of messages (the last one of it)."""
    if isinstance(value, list) and value:
        blocks = all(isinstance(each, (str, dict)) for each in value)
        value = HumanMessage(value) if blocks else value[-1]
    if isinstance(value, BaseMessage):
        return str(value.text)
    if isinstance(value, str):
        return value
    raise InvalidTypeError(
        f"the {kind} must be a str or a message, got {type(value).__name__} {value!r}; "
        f"name the right one: {kind}_key="
    )
