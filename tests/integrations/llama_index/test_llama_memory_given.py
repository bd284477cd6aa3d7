"""What NuonuoMemory and its block are given: any text asks, and what cannot be meant is told at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from llama_index.core.base.llms.types import (
    ImageBlock,
    TextBlock,
)
from llama_index.core.schema import QueryBundle
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import FACTS, QUESTION, make, user

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidTypeError, NuonuoError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock


@pytest.fixture
def past(engine: AssociativeMemory) -> AssociativeMemory:
    """An engine that holds an earlier conversation."""
    NuonuoMemory(memory=engine, session_id="before").put_messages([user(text) for text in FACTS])
    return engine


@pytest.mark.parametrize("make_it", [NuonuoMemory, NuonuoMemory.from_defaults, NuonuoMemoryBlock])
@pytest.mark.parametrize(
    "wrong",
    [
        {"k": 0},
        {"k": "5"},
        {"k": True},
        {"k": 2.5},
        {"namespace": " "},
        {"namespace": None},
        {"across_sessions": "no"},
        {"tokenizer_fn": 7},
        {"filters": {"role": "user"}},
        {"filters": MetadataFilters(filters=[MetadataFilter(key="a", value=[1], operator="text_match")])},
        {"nmae": "x"},
    ],
)
def test_wrong_arguments_are_errors_of_ours(
    engine: AssociativeMemory, make_it: Callable[..., object], wrong: dict[str, Any]
) -> None:
    told = "text_match" if "text_match" in str(wrong) else next(iter(wrong))
    with pytest.raises(NuonuoError, match=told) as raised:
        make_it(memory=engine, **wrong)
    assert "pydantic" not in str(raised.value)


OWN = MetadataFilters(filters=[MetadataFilter(key="session_id", value="a")])


@pytest.mark.parametrize(
    "wrong",
    [
        {"token_limit": 0},
        {"token_limit": "many"},
        {"token_limt": 5},
        {"chat_history_token_ratio": 2},
        {"chat_history_token_ratio": "0.5"},
        {"insert_method": "everywhere"},
        {"session_id": ""},
        {"session_id": None},
    ],
)
def test_wrong_arguments_of_the_memory_are_errors_of_ours(
    engine: AssociativeMemory, wrong: dict[str, Any]
) -> None:
    with pytest.raises(NuonuoError, match=[*wrong][-1]):
        make(engine, **wrong)


def test_a_filter_on_the_session_narrows_what_one_session_may_recall(engine: AssociativeMemory) -> None:
    for session in ("a", "s"):
        engine.add(f"Ana paints boats in {session}.", session_id=session)
    engine.add("Ana paints boats in b.", session_id="b", metadata={"session_id": "s"})
    for across in (True, False):
        narrow = make(engine, session_id="s", across_sessions=across, filters=OWN, min_confidence=0)
        shown = str(narrow.get(input="What does Ana paint?"))
        assert ("boats in a" in shown) is across
        assert "boats in b" not in shown


async def test_a_session_in_metadata_is_none(engine: AssociativeMemory) -> None:
    engine.add("Ana paints boats in b.", session_id="b", metadata={"session_id": "s"})
    engine.add("Ana paints boats in c.", metadata={"session_id": "s"})
    memory = make(engine, session_id="s", across_sessions=False, min_confidence=0)
    assert memory.get(input="What does Ana paint?") == []
    block = NuonuoMemoryBlock(memory=engine, across_sessions=False, min_confidence=0)
    question = [user("What does Ana paint?")]
    assert "boats" not in await block.aget(question, session_id="s")


@pytest.mark.parametrize("make_it", [NuonuoMemory, NuonuoMemoryBlock])
def test_a_memory_must_be_one(make_it: Callable[..., object]) -> None:
    with pytest.raises(InvalidTypeError, match="path"):
        make_it(memory=3)
    with pytest.raises(InvalidTypeError, match="memory"):
        make_it()


def test_numbers_and_uuids_name_sessions_as_their_text(engine: AssociativeMemory) -> None:
    for name in (7, UUID(int=7)):
        NuonuoMemory(memory=engine, session_id=name).put(user("hi"))
        assert len(engine.list(session_id=str(name))) == 1


@pytest.mark.parametrize(
    "asked",
    [
        QUESTION,
        QueryBundle(QUESTION),
        user(QUESTION),
        TextBlock(text=QUESTION),
        [TextBlock(text="What is"), ImageBlock(url="http://a.com/a.png"), TextBlock(text="the garage code?")],
        QUESTION + "\ud83d",
    ],
)
def test_a_question_is_any_text(past: AssociativeMemory, asked: Any) -> None:
    assert "4471" in str(make(past, k=1).get(input=asked)[0].content)


@pytest.mark.parametrize("asked", [7, b"code", {"input": QUESTION}, [QUESTION], [user(QUESTION)], object()])
def test_a_question_that_is_no_text_is_an_error_of_ours(past: AssociativeMemory, asked: Any) -> None:
    with pytest.raises(InvalidTypeError, match="input"):
        make(past).get(input=asked)


@pytest.mark.parametrize("count", [-1, "5", None, 1.5])
def test_a_token_count_is_a_count(past: AssociativeMemory, count: Any) -> None:
    with pytest.raises(NuonuoError, match="initial_token_count"):
        make(past).get(initial_token_count=count)


@pytest.mark.parametrize(
    "wrong", ["Hello", {"role": "user", "content": "Hello"}, None, 3, [TextBlock(text="a")]]
)
async def test_what_is_no_message_is_an_error_of_ours(engine: AssociativeMemory, wrong: Any) -> None:
    memory, block = make(engine), NuonuoMemoryBlock(memory=engine)
    for call in (memory.put, memory.put_messages, memory.set):
        with pytest.raises(InvalidTypeError, match="ChatMessage"):
            call(wrong)
    with pytest.raises(InvalidTypeError, match="ChatMessage"):
        await block.aput(wrong, session_id="s")
    if wrong is not None:
        with pytest.raises(InvalidTypeError, match="ChatMessage"):
            await block.aget(wrong)
    assert engine.list() == []
