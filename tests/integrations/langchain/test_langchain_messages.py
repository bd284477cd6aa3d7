"""LangChain messages come back as they were stored, types and order included, or are refused by name."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_core")

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError
from nuonuo_integrations.langchain import NuonuoChatMessageHistory
from nuonuo_integrations.langchain._messages import message_of
from tests.fakes import WordEmbedder

UNSORTED = {"zeta": 1, "alpha": {"y": [1.5, None], "b": True}, "mid": "é"}
CALL = {"name": "find", "args": UNSORTED, "id": "1", "type": "tool_call"}

WHOLE = [
    AIMessage("", tool_calls=[CALL]),
    AIMessage("", tool_calls=[{**CALL, "name": name} for name in "zab"]),
    AIMessage(
        "", tool_calls=[{**CALL, "args": {"z": {"b", "a"}, "a": datetime(2024, 1, 1, tzinfo=timezone.utc)}}]
    ),
    AIMessage(
        "", invalid_tool_calls=[{**CALL, "args": "{", "error": "no JSON", "type": "invalid_tool_call"}]
    ),
    AIMessage("", additional_kwargs={"function_call": {"name": "f", "arguments": "{}"}}),
    AIMessage(
        "so",
        response_metadata=UNSORTED,
        usage_metadata={"total_tokens": 3, "output_tokens": 1, "input_tokens": 2},
    ),
    AIMessage(
        [{"type": "text", "text": "so"}, {"type": "tool_use", "name": "f", "input": UNSORTED, "id": "1"}]
    ),
    HumanMessage([{"type": "image_url", "image_url": {"url": "http://a.com", "detail": "low"}}]),
    HumanMessage("", name="ana", id="7"),
    HumanMessage("half a \ud83d character", additional_kwargs={"\udc00": b"ab", "n": {1: (2, 3)}}),
    HumanMessage("so", additional_kwargs={"low": -math.inf}),
    SystemMessage(""),
    ToolMessage("", tool_call_id="1", artifact={"z": (1, 2), "a": {1}}, status="error"),
    FunctionMessage("found", name="f"),
    ChatMessage(content="so", role="judge"),
]


def order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, order(each)) for key, each in value.items()]
    return [order(each) for each in value] if isinstance(value, (list, tuple)) else (type(value), value)


def opened(path: Path) -> AssociativeMemory:
    return AssociativeMemory.open(path / "m.db", embedder=WordEmbedder())


@pytest.mark.parametrize("message", WHOLE, ids=range(len(WHOLE)))
def test_a_message_comes_back_equal_in_types_and_order(tmp_path: Path, message: BaseMessage) -> None:
    before = order(message.model_dump())
    with opened(tmp_path) as engine:
        NuonuoChatMessageHistory(engine, "s").add_messages([message])
    with opened(tmp_path) as engine:
        (back,) = NuonuoChatMessageHistory(engine, "s").messages
    assert back == message
    assert order(back.model_dump()) == before == order(message.model_dump())
    assert (back.content, back.text) == (message.content, message.text)


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (ToolMessage("so", tool_call_id="1", artifact=object()), "artifact cannot"),
        (
            AIMessage("", tool_calls=[{**CALL, "args": {"a": [object()]}}]),
            r"tool_calls\[0\]\['args'\]\['a'\]\[0\]",
        ),
        (AIMessage("so", response_metadata={"raw": len}), r"response_metadata\['raw'\]"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name(tmp_path: Path, message: BaseMessage, where: str) -> None:
    with opened(tmp_path) as engine:
        with pytest.raises(InvalidInputError, match=where):
            NuonuoChatMessageHistory(engine, "s").add_messages([HumanMessage("Hello"), message])
        assert engine.list() == []


def test_messages_of_older_files_are_read() -> None:
    call = {**CALL, "args": {"alpha": 2, "zeta": 1}}
    kept = {"type": "ai", "data": AIMessage("", tool_calls=[call]).model_dump()}
    memory = Memory('find({"zeta": 1, "alpha": 2})', role="assistant", metadata={"langchain_message": kept})
    assert message_of(memory) == AIMessage("", tool_calls=[call])
    kept = {"type": "human", "data": HumanMessage("4471", name="ana").model_dump()}
    assert message_of(Memory("4471", role="user", metadata={"langchain_message": kept})).name == "ana"
    assert message_of(Memory("1744", role="user", metadata={"langchain_message": kept})).text == "1744"
