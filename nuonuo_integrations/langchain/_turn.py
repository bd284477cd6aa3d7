"""What of a run is to be stored, as it is kept beside the messages: their ids, never a text of theirs.

The texts are read when the run ends, from the state as it is then: what another middleware redacted, blocked
or removed until then is gone from there, and no copy of it waits in a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple
from uuid import uuid4

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from pydantic import TypeAdapter

from nuonuo_integrations._prompt import strip

_DUE = 256  # ids that may wait to be stored


@dataclass(frozen=True)
class Turn:
    """The turn of a run, and what earlier runs left over.

    Attributes:
        run: names the run, also where it is resumed; empty between two runs.
        namespace: whose memory it is.
        said: ids of what the user says in this run and no model has been shown yet.
        heard: ids of what is to be stored, oldest first, each with its namespace: a model was shown it.
        blocked: ids of what was left over by a run that ended before its model: it is never stored.
        spoken: the id of the agent's last message before the run.
        stored: ids of what the last run stored, each with its namespace.
    """

    run: str
    namespace: str
    said: list[str] = field(default_factory=list)
    heard: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    spoken: str | None = None
    stored: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, kept: Mapping[str, Any] | None) -> Turn | None:
        """The turn as `asdict` wrote it into the state."""
        return cls(**kept) if kept else None

    def asdict(self) -> dict[str, Any]:
        return asdict(self)

    def shown(self, messages: Sequence[AnyMessage]) -> Turn:
        """The turn once a model is called with ``messages``."""
        if not self.said:
            return self
        here = {message.id for message in messages}
        ids = [id for id in self.said if id in here]
        if len(ids) < len(self.said):  # another middleware may have put its own version in their place
            known = {*ids, *self.heard, *self.blocked}
            ids += [str(message.id) for message in last_said(messages) if message.id not in known]
        return replace(self, said=[], heard={**self.heard, **dict.fromkeys(ids, self.namespace)})

    def ended(self, stored: Mapping[str, str], due: Mapping[str, str]) -> Turn:
        """What is kept of the turn until the next run: ``due`` could not be stored."""
        late = dict(list(due.items())[-_DUE:])
        return Turn("", self.namespace, heard=late, blocked=[*self.blocked, *self.said], stored=dict(stored))

    def refused(self, messages: Sequence[AnyMessage]) -> Turn:
        """What is kept where another middleware ended the run before it began here."""
        ids = [str(message.id) for message in last_said(messages)]
        return replace(self, blocked=[id for id in ids if id not in self.heard])


def begun(
    before: Turn | None,
    messages: Sequence[AnyMessage],
    namespace: str,
    was_heard: Callable[[AnyMessage], bool | None],
) -> Turn:
    """The turn of a run that begins.

    Args:
        before: the last one in this thread, where it is known.
        was_heard: whether this process called a model with a message; None where it never met it.
    """
    before = before or Turn("", namespace)
    by_id = {message.id: message for message in messages}
    last = last_said(messages)
    passed = [id for id in before.said if id in by_id and was_heard(by_id[id])]
    blocked = {*before.blocked, *before.said} - set(passed)
    # Without a thread a client sends again what went wrong, and nothing else tells that it was blocked.
    blocked |= {str(message.id) for message in last[:-1] if was_heard(message) is False} - set(before.heard)
    blocked -= set(passed)
    ids = [str(message.id) for message in last]
    heard = {**before.heard, **dict.fromkeys(passed, before.namespace)}
    spoken = next((message.id for message in reversed(messages) if isinstance(message, AIMessage)), None)
    return Turn(
        uuid4().hex,
        namespace,
        said=[id for id in ids if id not in heard and id not in blocked],
        heard=heard,
        blocked=[id for id in ids if id in blocked],
        spoken=spoken,
    )


class Ended(NamedTuple):
    """What a run leaves to be stored: what the user said, with the namespace of each, and the answer."""

    said: list[tuple[BaseMessage, str]]
    answer: list[BaseMessage]


def ended(turn: Turn, state: Mapping[str, Any], shown: Mapping[str, str]) -> Ended:
    """What is to be stored of the run, as ``state`` has it.

    Args:
        shown: the text of what a model was shown last, by id: a summary may have taken its place since.
    """
    messages: Sequence[AnyMessage] = state["messages"]
    by_id = {message.id: message for message in messages}
    summarized = any(_source_of(message) == "summarization" for message in messages)
    said: list[tuple[BaseMessage, str]] = []
    for id, namespace in turn.heard.items():
        if id in by_id:
            said.append((by_id[id], namespace))
        elif summarized and id in shown:
            said.append((HumanMessage(shown[id], id=id), namespace))
    return Ended(said, _answer(turn, state))


def is_said(message: BaseMessage) -> bool:
    """Whether the user said it: LangChain's summaries are human messages too."""
    return isinstance(message, HumanMessage) and _source_of(message) is None


def last_said(messages: Sequence[AnyMessage]) -> list[HumanMessage]:
    """What the user said after the last answer, oldest first."""
    said = []
    for message in reversed(messages):
        if not isinstance(message, HumanMessage):
            break
        if is_said(message):
            said.append(message)
    return said[::-1]


def _answer(turn: Turn, state: Mapping[str, Any]) -> list[BaseMessage]:
    """The last of what the agent said in the run; what it says between tool calls is no answer."""
    spoken: list[AIMessage] = []
    for message in reversed(state["messages"]):
        if isinstance(message, HumanMessage) or message.id == turn.spoken is not None:
            break
        if isinstance(message, AIMessage):
            spoken.append(message)
    said = [message for message in spoken if strip(str(message.text)).strip()]
    structured = state.get("structured_response")
    # Where the answer is the JSON itself, the message has it as whoever came after the model left it.
    if structured is not None and spoken and (spoken[0].tool_calls or not said):
        text = TypeAdapter(type(structured)).dump_json(structured).decode()
        return [AIMessage(text, id=spoken[0].id)]
    return [*said[:1]]


def _source_of(message: BaseMessage) -> Any:
    return message.additional_kwargs.get("lc_source")
