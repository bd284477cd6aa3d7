"""NuonuoMemory: ``memory=`` of LangChain's classic chains and agents."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import uuid4

with warnings.catch_warnings():  # LangChain says at each import that this is its way of yesterday
    warnings.simplefilter("ignore")
    from langchain_classic.base_memory import BaseMemory
from langchain_core.language_models import BaseLanguageModel
from langchain_core.messages import BaseMessage, SystemMessage, get_buffer_string
from pydantic import ConfigDict, Field, field_validator, model_validator

from nuonuo import Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo.records import DEFAULT_NAMESPACE
from nuonuo_integrations._engine import MIN_CONFIDENCE, SILENT_KEY, audible, recall_unshown
from nuonuo_integrations._fields import Confidence, Zone
from nuonuo_integrations._prompt import TokenCounter, fit_turns, zone_for
from nuonuo_integrations.langchain._engine import Engine
from nuonuo_integrations.langchain._messages import message_of, turn_of


class NuonuoMemory(BaseMemory):
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
        min_confidence: with less confidence than this nothing is recalled: the memory has nothing on it.
        timezone: whose days the dates in the prompt are: a zone, its name, or an offset; None for the
            engine's, else UTC.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    memory: Engine
    session_id: str = Field(default_factory=lambda: uuid4().hex)
    namespace: str = DEFAULT_NAMESPACE
    memory_key: str = "history"
    recall_key: str | None = None
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    turns: int = Field(default=3, ge=0)
    k: int = Field(default=10, ge=1)
    across_sessions: bool = True
    where: dict[str, Any] | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    token_counter: TokenCounter | None = Field(default=None, exclude=True)
    min_confidence: Confidence = MIN_CONFIDENCE
    timezone: Zone = None

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
        """
        question = self._question(inputs)
        last = self._last()
        recall = partial(
            recall_unshown,
            self.memory,
            question,
            self.k,
            namespace=self.namespace,
            session_id=None if self.across_sessions else self.session_id,
            where=audible(self.where),
            min_confidence=self.min_confidence,
        )
        messages = [message_of(memory) for memory in last]
        fitted = fit_turns(
            question,
            [self._text([message]) for message in messages],
            [str(memory.id) for memory in last],
            lambda ids: recall(exclude=ids),
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

    def _text(self, messages: list[BaseMessage]) -> str:
        return get_buffer_string(messages, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)

    def _last(self) -> list[Memory]:
        """What was said in the last turns of the session, oldest first, beginning with no half turn."""
        last: list[Memory] = []
        wanted, offset = 2 * self.turns, 0
        while len(last) < wanted:
            page = self.memory.list(
                namespace=self.namespace,
                session_id=self.session_id,
                newest_first=True,
                offset=offset,
                limit=wanted,
            )
            if not page:
                return last[::-1]
            last += [memory for memory in page if not memory.metadata.get(SILENT_KEY)]
            offset += len(page)
        last = last[:wanted][::-1]
        return last[1:] if last and last[0].role == "assistant" else last

    # -- writing ----------------------------------------------------------------------------------

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Store both sides of a turn, or neither."""
        said = _text_of(inputs[self._input(inputs)], "input")
        answered = _text_of(outputs[self._output(outputs)], "output")
        sides = [turn_of(said, "user", self.session_id), turn_of(answered, "assistant", self.session_id)]
        self.memory.add([side for side in sides if side is not None], namespace=self.namespace)

    def clear(self) -> None:
        """Forget this session, and nothing else."""
        self.memory.forget(namespace=self.namespace, session_id=self.session_id)

    # -- which key is which -----------------------------------------------------------------------

    def _question(self, inputs: Mapping[str, Any]) -> str:
        if self.input_key is None and not self._candidates(inputs):
            return ""
        return _text_of(inputs.get(self._input(inputs), ""), "input").strip()

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


def _only(keys: list[str], kind: str) -> str:
    if len(keys) != 1:
        raise InvalidInputError(
            f"the chain has the {kind}s {keys}, and only one of them can be stored; name it: {kind}_key="
        )
    return keys[0]


def _text_of(value: object, kind: str) -> str:
    """What was said, of a text, a message, or a list of messages (the last one of it)."""
    if isinstance(value, list) and value:
        value = value[-1]
    if isinstance(value, BaseMessage):
        return str(value.text)
    if isinstance(value, str):
        return value
    raise InvalidTypeError(
        f"the {kind} must be a str or a message, got {type(value).__name__} {value!r}; "
        f"name the right one: {kind}_key="
    )
