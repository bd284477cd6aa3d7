"""NuonuoMemoryBlock inside LlamaIndex's composite memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import Memory
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import FACTS, Listener

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo_integrations.llama_index import NuonuoMemoryBlock

QUESTION = "What is the garage code?"


def composite(block: NuonuoMemoryBlock, session_id: str = "s", **kwargs: Any) -> Memory:
    """A composite memory whose queue overflows after a few short messages."""
    settings = {"token_limit": 30, "token_flush_size": 10, "chat_history_token_ratio": 0.5, **kwargs}
    return Memory.from_defaults(
        session_id=session_id, memory_blocks=[block], tokenizer_fn=lambda text: text.split(), **settings
    )


def turns(texts: list[str]) -> list[ChatMessage]:
    return [
        m
        for text in texts
        for m in (ChatMessage(role="user", content=text), ChatMessage(role="assistant", content="Noted."))
    ]


@pytest.fixture
def block(engine: AssociativeMemory) -> NuonuoMemoryBlock:
    return NuonuoMemoryBlock(memory=engine, k=3)


async def test_what_falls_out_of_the_queue_is_stored_once_and_recalled(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    memory = composite(block)
    for message in turns(FACTS):
        await memory.aput(message)
    stored = [m.text for m in engine.list(session_id="s")]
    assert "The garage code is 4471." in stored
    assert stored == [m.content for m in turns(FACTS)][: len(stored)]  # each once, in order
    await memory.aput(ChatMessage(role="user", content=QUESTION))
    given = await memory.aget()
    assert given[0].role == "system"
    assert "The garage code is 4471." in given[0].content
    assert "<NuonuoMemory>" in given[0].content


async def test_messages_are_copied_and_come_back_whole(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    call = ToolCallBlock(tool_call_id="1", tool_name="find", tool_kwargs={"q": 1})
    messages = [
        ChatMessage(role="user", content="find it", additional_kwargs={"n": 1}),
        ChatMessage(role="assistant", blocks=[call]),
    ]
    before = [message.model_dump() for message in messages]
    await block.aput(messages, from_short_term_memory=True, session_id="s")
    assert [message.model_dump() for message in messages] == before
    stored = engine.list(session_id="s")
    assert [memory.text for memory in stored] == ["find it", 'find({"q": 1})']
    assert all("session_id" not in json.dumps(dict(memory.metadata)) for memory in stored)


async def test_a_session_written_into_the_message_counts_where_none_is_given(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    await block.aput([ChatMessage(role="user", content="hi", additional_kwargs={"session_id": "x"})])
    await block._aput([ChatMessage(role="user", content="ho", additional_kwargs={"session_id": "y"})])
    assert [memory.session_id for memory in engine.list()] == ["x", "y"]


async def test_sessions_that_share_a_block_stay_apart(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    mine, yours = composite(block, "mine"), composite(block, "yours")
    await mine.aput_messages(turns(FACTS))
    await yours.aput_messages(turns([f"Nothing of note {i}." for i in range(12)]))
    assert {m.session_id for m in engine.list()} == {"mine", "yours"}
    assert "4471" in str(await mine.aget(input=QUESTION))
    assert "4471" not in str(await yours.aget(input=QUESTION))
    assert "4471" in str(await mine.aget(input=QUESTION))
    together = composite(NuonuoMemoryBlock(memory=engine, across_sessions=True), "new")
    assert "4471" in str(await together.aget(input=QUESTION))
    apart = composite(NuonuoMemoryBlock(memory=engine, across_sessions=True, namespace="x"), "new")
    assert "4471" not in str(await apart.aget(input=QUESTION))


async def test_without_a_session_only_what_has_none_is_recalled(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    await block.aput([ChatMessage(role="user", content=FACTS[3])], session_id="s")
    await block.aput([ChatMessage(role="user", content="The garage is cold.")])
    content = await block.aget([ChatMessage(role="user", content=QUESTION)])
    assert "cold" in content and "4471" not in content


async def test_what_the_prompt_shows_is_not_recalled(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    messages = [ChatMessage(role="user", content=text) for text in (FACTS[3], QUESTION)]
    await block.aput(messages, session_id="s")
    assert await block.aget(messages, session_id="s") == ""
    assert await block.aget(None, session_id="s") == await block.aget([], session_id="s") == ""


async def test_it_gives_way_memory_by_memory(engine: AssociativeMemory) -> None:
    block = NuonuoMemoryBlock(memory=engine, k=6, priority=1, tokenizer_fn=lambda text: text.split())
    await block.aput([ChatMessage(role="user", content=text) for text in FACTS], session_id="s")
    content = await block.aget([ChatMessage(role="user", content=QUESTION)], session_id="s")
    assert all(text in content for text in FACTS)
    size = len(content.split())
    sizes = []
    for less in range(1, size + 5):
        shorter = await block.atruncate(content, less)
        if shorter is None:
            break
        sizes.append(len(shorter.split()))
        assert sizes[-1] <= size - less
        assert "4471" in shorter  # the best one goes last
    assert len(set(sizes)) >= len(FACTS) - 1
    assert shorter is None
    assert await block.atruncate("something else", 1) is None


async def test_the_composite_limit_holds(engine: AssociativeMemory) -> None:
    block = NuonuoMemoryBlock(memory=engine, k=6, priority=1, tokenizer_fn=lambda text: text.split())
    await block.aput([ChatMessage(role="user", content=text) for text in FACTS], session_id="s")
    content = await block.aget([ChatMessage(role="user", content=QUESTION)], session_id="s")
    memory = composite(block, token_limit=len(content.split()) - 1)
    given = (await memory.aget(input=QUESTION))[0].content
    assert "4471" in given
    assert 0 < sum(text in given for text in FACTS) < len(FACTS)


@pytest.mark.parametrize("stored", [[], FACTS])
async def test_over_the_limit_with_nothing_recalled(engine: AssociativeMemory, stored: list[str]) -> None:
    block = NuonuoMemoryBlock(memory=engine, priority=1)
    await block.aput([ChatMessage(role="user", content=text) for text in stored], session_id="s")
    memory = composite(block, token_limit=100)
    memory.token_flush_size = 20
    await memory.aput(ChatMessage(role="user", content="zzz " * 200))
    assert (await memory.aget())[-1].content == "zzz " * 200


async def test_filters_and_wrong_arguments(engine: AssociativeMemory) -> None:
    by_role = MetadataFilters(filters=[MetadataFilter(key="role", value="assistant")])
    block = NuonuoMemoryBlock(memory=engine, filters=by_role)
    await block.aput(turns(["The garage code is 4471."]), session_id="s")
    assert "4471" not in await block.aget([ChatMessage(role="user", content=QUESTION)], session_id="s")
    with pytest.raises(ValueError, match="extra"):
        NuonuoMemoryBlock(memory=engine, nmae="x")
    inside = MetadataFilters(filters=[MetadataFilter(key="a", value="x", operator="in")])
    with pytest.raises((InvalidInputError, ValueError), match="needs a list"):
        NuonuoMemoryBlock(memory=engine, filters=inside)


async def test_it_takes_nothing_from_the_queue_where_told(engine: AssociativeMemory) -> None:
    block = NuonuoMemoryBlock(memory=engine, accept_short_term_memory=False)
    await composite(block).aput_messages(turns(FACTS))
    assert engine.list() == []


async def test_an_echo_is_never_stored(engine: AssociativeMemory, block: NuonuoMemoryBlock) -> None:
    await block.aput([ChatMessage(role="user", content=FACTS[3])], session_id="s")
    content = await block.aget([ChatMessage(role="user", content=QUESTION)], session_id="s")
    await block.aput([ChatMessage(role="assistant", content=f"Well: {content} Done.")], session_id="s")
    assert "4471" not in engine.list(session_id="s")[-1].text
    assert engine.list(session_id="s")[-1].text.startswith("Well:")


async def test_a_chat_engine_and_an_agent_use_it(engine: AssociativeMemory, block: NuonuoMemoryBlock) -> None:
    memory = composite(block)
    chat = SimpleChatEngine.from_defaults(llm=MockLLM(max_tokens=2), memory=memory)
    for text in FACTS:
        await chat.achat(text)
    assert "The garage code is 4471." in [m.text for m in engine.list(session_id="s")]
    llm = Listener(lambda messages: "It is 4471.")
    agent = FunctionAgent(llm=llm, tools=[], streaming=False)
    response = await agent.run(user_msg=QUESTION, memory=memory)
    assert str(response) == "It is 4471."
    assert "The garage code is 4471." in llm.heard[0][0].content


async def test_a_queue_that_is_set_again_and_again_is_stored_once(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    history = turns([f"{text} ({i})" for i in range(3) for text in FACTS])
    for end in range(4, len(history), 2):  # a back end that keeps nothing sends the last messages each time
        memory = composite(block)
        await memory.aset(history[max(0, end - 12) : end])
        await memory.aput(history[end])
    stored = [memory.text for memory in engine.list(session_id="s")]
    assert len(stored) > 20
    assert stored == [message.content for message in history[: len(stored)]]


async def test_set_and_reset_of_the_queue_delete_nothing_and_forget_does(
    engine: AssociativeMemory, block: NuonuoMemoryBlock
) -> None:
    await block.aput([ChatMessage(role="user", content="mine")], session_id="other")
    memory = composite(block)
    await memory.aput_messages(turns(FACTS))
    stored = engine.list()
    await memory.aset([ChatMessage(role="user", content="Hello")])
    await memory.areset()
    assert engine.list() == stored
    assert "4471" in str(await memory.aget(input=QUESTION))
    for nobody in (None, " ", b"s"):
        with pytest.raises(NuonuoError, match="session_id"):
            block.forget(nobody)  # type: ignore[arg-type]
    assert await block.aforget("s") == len(stored) - 1
    assert [each.text for each in engine.list()] == ["mine"]
