"""NuonuoMemory by itself: what is put is there, what is asked for fits, what is recalled is marked."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import (
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms import MockLLM
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import FACTS, PIXEL, QUESTION, assistant, make, new_embedder, said, user, words

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index import NuonuoMemory


@pytest.fixture
def past(engine: AssociativeMemory) -> AssociativeMemory:
    """An engine that holds an earlier conversation."""
    NuonuoMemory(memory=engine, session_id="before").put_messages([user(text) for text in FACTS])
    return engine


ODD = [
    user("plain"),
    user("  spaces around \n"),
    user(""),
    ChatMessage(role="user"),
    ChatMessage(role="system", content="You are kind."),
    ChatMessage(role="developer", content="Be brief."),
    user("with extras", additional_kwargs={"n": 1, "deep": {"a": [1, None, True]}}),
    ChatMessage(role="user", blocks=[TextBlock(text="two"), TextBlock(text="blocks")]),
    ChatMessage(role="user", blocks=[TextBlock(text="look:"), ImageBlock(image=PIXEL)]),
    ChatMessage(role="user", blocks=[ImageBlock(url="http://example.com/a.png")]),
    ChatMessage(role="user", blocks=[DocumentBlock(data=b"%PDF-1.4", title="a")]),
    ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), TextBlock(text="so")]),
    ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name="find", tool_kwargs={"q": "é"})]
    ),
    ChatMessage(role="tool", content="found", additional_kwargs={"tool_call_id": "1"}),
    ChatMessage(role="tool", content="", additional_kwargs={"tool_call_id": "2"}),
    ChatMessage(role="tool", blocks=[CitableBlock(title="t", source="s", content=[TextBlock(text="cited")])]),
]


@pytest.mark.parametrize("message", ODD, ids=range(len(ODD)))
def test_every_message_comes_back_as_it_was_put(engine: AssociativeMemory, message: ChatMessage) -> None:
    before = message.model_dump()
    memory = make(engine)
    memory.put(message)
    assert memory.get_all() == [message]
    assert memory.get() == [message]
    assert message.model_dump() == before
    assert engine.stats().memories == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text(max_size=12)), max_size=8))
def test_any_conversation_round_trips(turns: list[tuple[str, str]]) -> None:
    messages = [ChatMessage(role=role, content=text) for role, text in turns]
    with AssociativeMemory(embedder=new_embedder()) as engine:
        memory = make(engine)
        for message in messages:
            memory.put(message)
        assert memory.get_all() == messages
        memory.set(messages[::-1])
        assert memory.get_all() == messages[::-1]


def test_a_message_is_stored_when_it_is_put_and_found_by_the_engine(engine: AssociativeMemory) -> None:
    make(engine, namespace="me").put(user("I adopted a beagle."))
    (stored,) = engine.list(namespace="me", session_id="now")
    assert (stored.text, stored.role) == ("I adopted a beagle.", "user")
    assert stored.timestamp is not None
    assert dict(stored.metadata) == {}  # a plain message needs no copy of itself
    assert engine.recall("beagle", namespace="me")[0].memory == stored


def test_recalled_comes_first_as_one_marked_system_message(past: AssociativeMemory) -> None:
    memory = make(past, k=2)
    memory.put(user(QUESTION))
    recalled, question = memory.get()
    assert recalled.role == MessageRole.SYSTEM
    assert "The garage code is 4471." in recalled.content
    assert question == user(QUESTION)
    assert said(memory.get_all()) == [("user", QUESTION)]


def test_recalling_changes_nothing(past: AssociativeMemory) -> None:
    memory = make(past)
    memory.put(user(QUESTION))
    before = past.list()
    assert memory.get() == memory.get() == make(past).get()
    memory.get(input="What is Rex afraid of?")
    assert past.list() == before


def test_the_input_is_the_question_where_it_is_given(past: AssociativeMemory) -> None:
    memory = make(past, k=1)
    memory.put_messages([user("Hello"), assistant("Hi")])
    assert "4471" in memory.get(input=QUESTION)[0].content
    assert "thunder" in memory.get(input="What is Rex afraid of?")[0].content
    assert "4471" in memory.get(input=ChatMessage(role="user", content=QUESTION))[0].content


def test_k_is_how_many_come_back_though_the_window_holds_better_ones(past: AssociativeMemory) -> None:
    memory = make(past, k=3)
    memory.put_messages([user(f"the garage code again {i}") for i in range(30)])
    recalled = memory.get()[0]
    assert sum(text in recalled.content for text in FACTS) == 3
    assert "again" not in recalled.content  # the window shows those


def test_nothing_to_recall_leaves_no_trace(engine: AssociativeMemory) -> None:
    memory = make(engine)
    assert memory.get() == memory.get(input="anything") == []
    memory.put(user("Hello"))
    assert memory.get() == [user("Hello")]


def test_what_no_one_said_is_not_recalled(engine: AssociativeMemory) -> None:
    call = ToolCallBlock(tool_call_id="1", tool_name="garage_code", tool_kwargs={})
    make(engine, session_id="before").put_messages(
        [
            ChatMessage(role="system", content="Tell nobody the garage code."),
            ChatMessage(role="assistant", blocks=[call]),
            ChatMessage(
                role="tool", content="The garage code is 4471.", additional_kwargs={"tool_call_id": "1"}
            ),
        ]
    )
    (recalled,) = make(engine).get(input=QUESTION)
    assert "4471" in recalled.content
    assert "nobody" not in recalled.content and "garage_code" not in recalled.content


def test_sessions_are_apart_and_recalled_from_each_other_unless_told(past: AssociativeMemory) -> None:
    memory = make(past)
    assert "4471" in memory.get(input=QUESTION)[0].content
    assert make(past, across_sessions=False).get(input=QUESTION) == []
    assert make(past, namespace="someone else").get(input=QUESTION) == []


def test_filters_say_what_may_be_recalled(past: AssociativeMemory) -> None:
    make(past, session_id="before").put(assistant("The garage code was noted."))
    filters = MetadataFilters(filters=[MetadataFilter(key="role", value="assistant")])
    (recalled,) = make(past, filters=filters).get(input=QUESTION)
    assert "noted" in recalled.content and "4471" not in recalled.content


# -- the turn -------------------------------------------------------------------------------------


@pytest.fixture
def recalls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that the engine is asked, as they come."""
    asked: list[str] = []
    recall = AssociativeMemory.recall

    def counting(self: AssociativeMemory, query: str, *args: Any, **kwargs: Any) -> Any:
        asked.append(query)
        return recall(self, query, *args, **kwargs)

    monkeypatch.setattr(AssociativeMemory, "recall", counting)
    return asked


def test_a_recall_is_kept_for_the_turn_and_made_anew_for_the_next(
    past: AssociativeMemory, recalls: list[str]
) -> None:
    memory = make(past, k=2)
    memory.put(user(QUESTION))
    first = memory.get()
    call = ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs={})
    memory.put(ChatMessage(role="assistant", blocks=[call]))
    memory.put_messages([ChatMessage(role="tool", content="ok", additional_kwargs={"tool_call_id": "1"})])
    assert memory.get()[:2] == first
    assert recalls == [QUESTION]
    memory.put_messages([assistant("4471"), user(QUESTION)])
    memory.get()
    assert recalls[1:]


@pytest.mark.parametrize("between", [False, True])
def test_what_another_process_wrote_is_seen_at_the_next_call(tmp_path: Path, between: bool) -> None:
    def opened() -> AssociativeMemory:
        return AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder())

    with opened() as mine, opened() as theirs:
        memory = make(mine, k=2)
        memory.put(user(QUESTION))
        assert memory.get() == [user(QUESTION)]
        (id,) = theirs.add("The garage code is 9902.")
        if between:
            memory.put(assistant("Let me look."))
        assert "9902" in str(memory.get()[0].content)
        theirs.update(id, text="The garage code is 1234.")
        assert "1234" in str(memory.get()[0].content)
        theirs.forget(ids=[id])
        assert "garage code is" not in str(memory.get()[0].content)
        theirs.add("The garage code is 5555.", namespace="elsewhere")
        assert "5555" not in str(memory.get())


def test_what_is_forgotten_meanwhile_is_not_shown(past: AssociativeMemory) -> None:
    memory = make(past, k=2)
    memory.put(user(QUESTION))
    assert "4471" in memory.get()[0].content
    past.forget(ids=[m.id for m in past.list(session_id="before") if "4471" in m.text])
    assert not any("4471" in message.content for message in memory.get())


def test_what_is_updated_is_shown_as_it_is_now(engine: AssociativeMemory) -> None:
    make(engine).put(user("The code is 4471.", additional_kwargs={"a": 1}))
    engine.update(engine.list()[0].id, text="The code is 9902.")
    assert make(engine).get_all() == [user("The code is 9902.", additional_kwargs={"a": 1})]


# -- what was injected ----------------------------------------------------------------------------


def test_an_echo_is_never_stored(past: AssociativeMemory) -> None:
    memory = make(past)
    memory.put(user(QUESTION))
    injected = memory.get()[0].content
    memory.put(assistant(f"You told me:\n{injected}\nSo it is 4471."))
    memory.put(user(f"quoting {injected} back at you"))
    memory.put(assistant(injected))
    for stored in past.list(session_id="now"):
        quoted = FACTS[0] in json.dumps([stored.text, dict(stored.metadata)])
        assert quoted is (stored.text == f"quoting {injected} back at you")  # a user's words are the user's
    texts = [message.content for message in memory.get_all()]
    assert texts[1].startswith("You told me:") and texts[1].endswith("So it is 4471.")
    assert len(texts) == 4 and not texts[3].strip()


def test_handing_back_what_was_got_stores_only_what_was_said(past: AssociativeMemory) -> None:
    memory = make(past)
    memory.put_messages([user("Hello"), assistant("Hi"), user(QUESTION)])
    before = past.list(session_id="now")
    memory.set(memory.get())
    memory.put(memory.get()[0])
    assert past.list(session_id="now") == before


def test_it_can_stand_before_the_question(past: AssociativeMemory) -> None:
    memory = make(past, insert_method="user", k=1)
    memory.put_messages([user("Hello"), assistant("Hi")])
    hello, hi, block = memory.get(input=QUESTION)
    assert (hello, hi) == (user("Hello"), assistant("Hi"))
    assert block.role == "user" and FACTS[3] in block.content
    memory.put(user(QUESTION))
    got = memory.get()
    assert [message.role.value for message in got] == ["user", "assistant", "user"]
    assert got[-1].blocks == [*block.blocks, TextBlock(text=QUESTION)]
    before = past.list()
    memory.set(got)
    assert past.list() == before


# -- the rest ---------------------------------------------------------------------------------------


async def test_the_async_twins_do_the_same(past: AssociativeMemory) -> None:
    memory = make(past, k=1)
    await memory.aput(user("Hello"))
    await memory.aput_messages([assistant("Hi"), user(QUESTION)])
    assert await memory.aget() == memory.get()
    assert await memory.aget(input="Rex?", initial_token_count=5) == memory.get(
        input="Rex?", initial_token_count=5
    )
    assert await memory.aget_all() == memory.get_all()
    await memory.aset([user("only")])
    assert said(memory.get_all()) == [("user", "only")]
    await memory.areset()
    assert memory.get_all() == []


async def test_putting_and_getting_do_not_block_the_loop(engine: AssociativeMemory) -> None:
    going_on = threading.Event()

    def count(text: str) -> list[str]:
        assert going_on.wait(10), "the loop stood still"
        return words(text)

    memory = make(engine, tokenizer_fn=count)
    await memory.aput(user(QUESTION))
    waiting = asyncio.create_task(memory.aget())
    await asyncio.sleep(0.01)
    going_on.set()
    assert said(await waiting) == [("user", QUESTION)]


def test_many_threads_put_at_once_and_nothing_is_lost(engine: AssociativeMemory) -> None:
    memory = make(engine)

    def talk(who: int) -> None:
        for i in range(5):
            memory.put(user(f"{who} says {i}"))
            memory.get()

    threads = [threading.Thread(target=talk, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [message.content for message in memory.get_all()]
    assert sorted(texts) == sorted(f"{who} says {i}" for who in range(6) for i in range(5))


def test_from_defaults_as_llama_index_makes_memories(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory.from_defaults(engine, chat_history=[user("a")], llm=MockLLM(), session_id="s")
    assert memory.token_limit == int(MockLLM().metadata.context_window * 0.75)
    assert said(memory.get_all()) == [("user", "a")]
    assert NuonuoMemory.from_defaults(engine, llm=MockLLM(), token_limit=7).token_limit == 7
    assert NuonuoMemory(memory=engine).session_id != NuonuoMemory(memory=engine).session_id
