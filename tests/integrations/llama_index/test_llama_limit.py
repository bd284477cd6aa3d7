"""NuonuoMemory keeps to its token limit: the question always, then a share for each, nothing twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_samples import FACTS, QUESTION, assistant, make, new_embedder, user, words

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index._messages import count_tokens


def cost(messages: list[ChatMessage]) -> int:
    return sum(count_tokens(message, words) for message in messages)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_limit_holds_and_the_question_always_comes(
    past_of_many: AssociativeMemory, data: st.DataObject
) -> None:
    limit = data.draw(st.integers(1, 400))
    initial = data.draw(st.integers(0, 450))
    memory = make(
        past_of_many, token_limit=limit, session_id=data.draw(st.sampled_from(["tools", "chat", "none"]))
    )
    asked = data.draw(st.sampled_from([None, QUESTION, "What about Rex and the thunder, tell me all of it?"]))
    got = memory.get(input=asked, initial_token_count=initial)
    room = limit - initial - (len(words(asked)) if asked else 0)
    everything = memory.get_all()
    last = [message for message in everything if message.role == "user"][-1:]
    if cost(got) > max(room, 0):  # only the question itself may break the limit
        assert asked is None
        assert got == last
    elif asked is None:
        assert last == [m for m in got if m.role == "user"][-1:]
    recent = got[1:] if got and got[0].role == "system" else got
    assert recent in ([], last) or recent == everything[len(everything) - len(recent) :]
    assert not recent or recent[0].role == "user"


@pytest.fixture(scope="module")
def past_of_many() -> Any:
    with AssociativeMemory(embedder=new_embedder()) as engine:
        make(engine, session_id="before").put_messages(
            [user(f"{text} {i}") for i in range(30) for text in FACTS]
        )
        chat = [
            m
            for i in range(90)
            for m in (user(f"question {i} of rex"), assistant(f"answer {i}, a longer one"))
        ]
        make(engine, session_id="chat").put_messages([*chat, user("And what is the garage code now?")])
        call = ChatMessage(
            role="assistant",
            blocks=[ToolCallBlock(tool_call_id="1", tool_name="look up", tool_kwargs={"a": 1})],
        )
        found = ChatMessage(role="tool", content="word " * 40, additional_kwargs={"tool_call_id": "1"})
        tools = [m for i in range(20) for m in (user(f"ask {i}"), call, found, assistant("so it is"))]
        make(engine, session_id="tools").put_messages(tools)
        yield engine


def test_recent_messages_have_their_share_and_the_recalled_theirs(past_of_many: AssociativeMemory) -> None:
    memory = make(past_of_many, session_id="chat", token_limit=200, k=50)
    recalled, *recent = memory.get()
    assert 100 < cost(recent) <= 200 - cost([recalled])
    assert cost([recalled]) > 20
    assert recent == memory.get_all()[-len(recent) :]


def test_nothing_is_shown_twice(engine: AssociativeMemory) -> None:
    memory = make(engine, token_limit=120, k=20)
    memory.put_messages([user(f"fact number {i} of the garage") for i in range(40)])
    recalled, *recent = memory.get(input="garage fact number")
    shown = [i for i in range(40) if f"fact number {i} of" in recalled.content]
    assert shown and not {f"fact number {i} of the garage" for i in shown} & {m.content for m in recent}


def test_a_long_session_is_not_read_whole(
    past_of_many: AssociativeMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    listed = AssociativeMemory.list

    def counting(self: AssociativeMemory, **kwargs: Any) -> Any:
        found = listed(self, **kwargs)
        read.append(len(found))
        return found

    monkeypatch.setattr(AssociativeMemory, "list", counting)
    make(past_of_many, session_id="chat", token_limit=50).get()
    assert sum(read) < len(listed(past_of_many, session_id="chat"))


LONG = "word " * 30


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("asked", [None, "garage fact number"])
@pytest.mark.parametrize(
    "after",
    [
        [assistant(LONG)],
        [
            ChatMessage(
                role="assistant", blocks=[ToolCallBlock(tool_call_id="1", tool_name="f", tool_kwargs={})]
            ),
            ChatMessage(role="tool", content=LONG, additional_kwargs={"tool_call_id": "1"}),
        ],
        [assistant("well"), assistant(LONG), assistant("so")],
    ],
)
def test_the_newest_turn_stays_whole_and_what_is_recalled_gives_way(
    engine: AssociativeMemory, after: list[ChatMessage], asked: str | None, ratio: float
) -> None:
    make(engine, session_id="before").put_messages([user(f"fact number {i} of the garage") for i in range(9)])
    turn = [user("fact number of the garage?"), *after]
    make(engine).put_messages([user("Hello"), assistant("Hi"), *turn])
    blocks = 0
    for limit in range(1, 200):
        got = make(engine, token_limit=limit, chat_history_token_ratio=ratio, k=9).get(input=asked)
        block = [message for message in got if message.role == "system"]
        room = limit - (len(words(asked)) if asked else 0)
        if cost(turn) <= room:
            assert got[-len(turn) :] == turn
            assert cost(got) <= room
        elif asked is None:
            assert got == turn[:1]  # the question alone, and nothing in the place of its answer
        else:
            assert not [message for message in got if message in turn]
        blocks += bool(block)
    assert blocks > 50
