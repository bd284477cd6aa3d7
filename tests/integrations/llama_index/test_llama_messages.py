"""LlamaIndex messages come back as they were put: types, order and times included, or are refused by name."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.schema import ImageDocument
from llama_index.core.tools import ToolSelection
from llama_samples import PIXEL, assistant, make, new_embedder, user

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock
from nuonuo_integrations.llama_index._messages import message_of

UNSORTED = {"zeta": 1, "alpha": {"y": [1.5, None], "b": True}, "mid": "é"}


class Signed(ChatMessage):
    signature: str = ""


def of(*blocks: Any, role: str = "assistant", **kwargs: Any) -> ChatMessage:
    return ChatMessage(role=role, blocks=list(blocks), additional_kwargs=kwargs)


WHOLE = [
    of(),
    assistant(""),
    assistant("", additional_kwargs={"tool_calls": [{"name": "f", "arguments": UNSORTED}]}),
    of(ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs=UNSORTED)),
    of(ToolCallBlock(tool_name="f", tool_kwargs='{"b": 1, "a": 2}'), TextBlock(text="I look.")),
    of(*(ToolCallBlock(tool_name=name, tool_kwargs={"when": datetime(2024, 1, 1)}) for name in "zab")),
    of(ThinkingBlock(content="hm", num_tokens=3, additional_information={"z": (1, 2), "a": b"sig"})),
    of(TextBlock(text="a"), CachePoint(cache_control=CacheControl(type="ephemeral")), TextBlock(text="b")),
    of(ImageBlock(image=PIXEL, detail="low"), ImageBlock(url="http://a.com/a.png"), role="user"),
    of(AudioBlock(audio=b"RIFF0000WAVE", format="wav"), VideoBlock(url="http://a.com/a.mp4"), role="user"),
    of(DocumentBlock(data=b"%PDF-1.4", title="a"), role="user"),
    of(
        CitableBlock(title="t", source="s", content=[TextBlock(text="c"), ImageBlock(image=PIXEL)]),
        CitationBlock(
            cited_content=TextBlock(text="c"),
            source="s",
            title="t",
            additional_location_info={"z": 1, "a": 2},
        ),
    ),
    user("so", additional_kwargs=UNSORTED),
    user("so", additional_kwargs={"n": {1: "a", (2, 3): {4}}, "d": Decimal("1.10"), "b": b"ab", "$is": "x"}),
    user("so", additional_kwargs={"low": -math.inf, "at": datetime(2024, 5, 1, tzinfo=timezone.utc)}),
    user("so", additional_kwargs={"call": ToolSelection(tool_id="1", tool_name="f", tool_kwargs=UNSORTED)}),
    user("half a \ud83d character", additional_kwargs={"\udc00": "\ud83d"}),
    Signed(role="user", content="so", signature="me"),
]


def order(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, order(each)) for key, each in value.items()]
    return [order(each) for each in value] if isinstance(value, (list, tuple)) else (type(value), value)


@pytest.mark.parametrize("message", WHOLE, ids=range(len(WHOLE)))
def test_a_message_comes_back_equal_in_types_and_order(tmp_path: Path, message: ChatMessage) -> None:
    before = order(message.model_dump())
    with AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder()) as engine:
        make(engine).put_messages([user("Hello"), message])
        make(engine).set([message, user("next")])
    with AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder()) as engine:
        (back, _) = make(engine).get_all()
        assert len(engine.list()) == 3
    assert back == message
    assert type(back) is type(message)
    assert order(back.model_dump()) == before == order(message.model_dump())
    assert back.content == message.content


def test_an_image_whose_file_is_gone_is_still_a_message(engine: AssociativeMemory, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(PIXEL)
    message = of(TextBlock(text="look"), ImageBlock(path=file), role="user")
    make(engine).put(message)
    file.unlink()
    assert make(engine).get_all() == [message]


def test_images_in_the_old_way_come_back_once(engine: AssociativeMemory) -> None:
    message = user("look", additional_kwargs={"images": [ImageDocument(image=PIXEL)]})
    make(engine).put(message)
    (back,) = make(engine).get_all()
    assert (back, back.blocks) == (message, message.blocks)


@pytest.mark.parametrize(
    ("message", "where"),
    [
        (assistant("so", additional_kwargs={"raw": object()}), r"additional_kwargs\['raw'\]"),
        (
            of(ToolCallBlock(tool_name="f", tool_kwargs={"a": [object()]})),
            r"blocks\[0\].tool_kwargs\['a'\]\[0\]",
        ),
        (of(ThinkingBlock(additional_information={"x": len})), r"additional_information\['x'\]"),
    ],
)
async def test_what_cannot_be_kept_is_refused_by_its_name(
    engine: AssociativeMemory, message: ChatMessage, where: str
) -> None:
    with pytest.raises(InvalidInputError, match=where):
        make(engine).put_messages([user("Hello"), message])
    with pytest.raises(InvalidInputError, match=where):
        await NuonuoMemoryBlock(memory=engine).aput([message], session_id="s")
    assert engine.list() == []


def test_messages_of_older_files_are_read() -> None:
    kept = {
        "role": "assistant",
        "additional_kwargs": {"a": 1},
        "blocks": [
            {
                "block_type": "tool_call",
                "tool_call_id": None,
                "tool_name": "f",
                "tool_kwargs": {"a": 1, "z": 2},
            }
        ],
    }
    memory = Memory('f({"z": 2, "a": 1})', role="assistant", metadata={"llama_index_message": kept})
    call = ToolCallBlock(tool_name="f", tool_kwargs={"a": 1, "z": 2})
    assert message_of(memory) == of(call, a=1)
    kept = {
        "role": "user",
        "additional_kwargs": {"a": 1},
        "blocks": [{"block_type": "text", "text": " 4471 "}],
    }
    assert message_of(Memory("4471", role="user", metadata={"llama_index_message": kept})).content == " 4471 "
    assert message_of(Memory("1744", role="user", metadata={"llama_index_message": kept})).content == "1744"


# -- times ----------------------------------------------------------------------------------------

THEN = datetime(2023, 5, 1, 12, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "told",
    [
        {"timestamp": THEN},
        {"timestamp": THEN.replace(tzinfo=None)},
        {"timestamp": THEN.isoformat()},
        {"timestamp": "2023-05-01T07:30:00-05:00"},
        {"timestamp": "2023-05-01T12:30:00Z"},
        {"timestamp": THEN.timestamp()},
        {"timestamp": int(THEN.timestamp()) * 1000},
        {"timestamp": str(int(THEN.timestamp()))},
        {"created_at": THEN.isoformat()},
        {"timestamp": None, "created_at": THEN.isoformat()},
        {"timestamp": "00:01:35", "created_at": THEN},
    ],
)
async def test_a_message_has_its_own_time(engine: AssociativeMemory, told: dict[str, Any]) -> None:
    message = user("We planted two apple trees.", additional_kwargs=told)
    make(engine).put(message)
    make(engine, session_id="set").set([message])
    await NuonuoMemoryBlock(memory=engine).aput([message], session_id="block")
    assert [memory.timestamp for memory in engine.list()] == [THEN] * 3
    assert make(engine).get_all() == [message]
    assert "2023-05-01" in str(
        make(engine, session_id="new", min_confidence=0).get(input="What did we plant?")[0].content
    )
    assert engine.recall("trees", before="2023-06-01").hits


@pytest.mark.parametrize("told", [{}, {"timestamp": None}, {"timestamp": "soon"}, {"sent": THEN}])
def test_a_message_without_a_time_is_said_now(
    engine: AssociativeMemory, told: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        make(engine).put(user("so", additional_kwargs=told))
    (memory,) = engine.list()
    assert memory.timestamp is not None
    assert abs(memory.timestamp - datetime.now(timezone.utc)) < timedelta(minutes=5)
    assert ("soon" in caplog.text) == ("soon" in told.values())


def test_the_keys_are_named(engine: AssociativeMemory) -> None:
    sent = user("so", additional_kwargs={"sent": THEN, "timestamp": "soon"})
    for key in ("sent", ["sent"], ("timestamp", "sent")):
        make(engine, session_id=str(key), timestamp_key=key).put(sent)
    again = NuonuoMemory.from_json(make(engine, session_id="json", timestamp_key=["sent"]).to_json())
    again.put(sent)
    assert [memory.timestamp for memory in engine.list()] == [THEN] * 4
    for wrong in (7, [7], [""]):
        with pytest.raises(NuonuoError, match="timestamp_key"):
            make(engine, timestamp_key=wrong)
