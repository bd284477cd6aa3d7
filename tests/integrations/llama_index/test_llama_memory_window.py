"""NuonuoMemory's window: `set` and `reset` say what is shown; what was said stays stored, each thing once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.base.llms.types import ChatMessage, ImageBlock, TextBlock, ThinkingBlock, ToolCallBlock
from llama_samples import FACTS, assistant, make, new_embedder, said, user

from nuonuo import AssociativeMemory

ALLERGY = "I am allergic to peanuts."
A, B, C, D = user("a"), assistant("b"), user("c"), assistant("d")


def stored(engine: AssociativeMemory, session_id: str = "now") -> list[str]:
    return [memory.text for memory in engine.list(namespace="default", session_id=session_id)]


# -- set and reset by themselves ------------------------------------------------------------------


def test_set_shows_what_it_is_given_and_stores_what_is_new_once(engine: AssociativeMemory) -> None:
    memory = make(engine)
    make(engine, session_id="other").put(user("other"))
    memory.set([A, B, C])
    memory.set([A, assistant("B"), C, D])  # the answer was written anew
    assert memory.get_all() == [A, assistant("B"), C, D]
    assert stored(engine) == ["a", "b", "c", "B", "d"]
    memory.set([C, D])
    memory.put(user("e"))
    assert memory.get_all() == memory.get()[-3:] == [C, D, user("e")]  # before them, what is recalled
    memory.set([])
    assert memory.get_all() == []
    assert stored(engine) == ["a", "b", "c", "B", "d", "e"]
    assert said(make(engine, session_id="other").get_all()) == [("user", "other")]


def test_a_reset_empties_the_window_and_the_rest_is_recalled(engine: AssociativeMemory) -> None:
    make(engine, namespace="yours").put(user("yours"))
    memory = make(engine)
    memory.put_messages([user(ALLERGY), assistant("Noted.")])
    memory.reset()
    memory.reset()
    assert memory.get_all() == []
    assert ALLERGY in str(memory.get(input="What am I allergic to?")[0].content)
    memory.put(user("Hello"))
    assert memory.get_all() == make(engine).get_all() == [user("Hello")]
    assert stored(engine) == [ALLERGY, "Noted.", "Hello"]
    assert said(make(engine, namespace="yours").get_all()) == [("user", "yours")]


async def test_forget_deletes_the_session_and_nothing_else(engine: AssociativeMemory) -> None:
    make(engine, session_id="before").put(user(FACTS[0]))
    memory = make(engine)
    memory.put_messages([user(ALLERGY), assistant("Noted.")])
    memory.reset()
    memory.put(user("Hello"))
    assert memory.forget() == 3
    assert (memory.get_all(), stored(engine), stored(engine, "before")) == ([], [], [FACTS[0]])
    memory.put(user("Hello"))
    assert (await memory.aforget(), stored(engine)) == (1, [])


def test_what_is_forgotten_leaves_the_window_and_brings_nothing_back(engine: AssociativeMemory) -> None:
    memory = make(engine)
    memory.put_messages([A, B])
    memory.reset()
    memory.put_messages([C, D])
    ids = {each.text: str(each.id) for each in engine.list()}
    engine.forget(ids=[ids["b"]])  # it carries the mark of the empty window
    assert memory.get_all() == [C, D]
    memory.set([A, D, C])
    engine.forget(ids=[ids["d"]])
    assert memory.get_all() == [A, C]


MESSAGES = st.lists(
    st.tuples(st.sampled_from(["user", "assistant", "system", "tool"]), st.sampled_from(["x", "y", "z", ""])),
    max_size=7,
).map(lambda turns: [ChatMessage(role=role, content=text) for role, text in turns])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["set", "put", "reset", "last"]), MESSAGES), max_size=7))
def test_the_window_is_what_a_list_would_be_and_nothing_is_ever_lost(
    calls: list[tuple[str, list[ChatMessage]]],
) -> None:
    with AssociativeMemory(embedder=new_embedder()) as engine:
        shown: list[ChatMessage] = []
        before: list[str | None] = []
        for call, messages in calls:
            memory = make(engine)  # a new one for each call, as where nothing is kept between them
            if call == "last":  # the same words anew could be the old ones
                messages = [user(f"{len(before)} {at} {each.content}") for at, each in enumerate(messages)]
            if call == "put":
                memory.put_messages(messages)
                shown += messages
            elif call == "reset":
                memory.reset()
                shown = []
            else:
                shown = shown[-3:] + messages if call == "last" else messages
                memory.set(shown)
            assert make(engine).get_all() == shown
            after = [each.id for each in engine.list(session_id="now")]
            assert after[: len(before)] == before  # what was there is there, in its order
            added = len(after) - len(before)
            assert added <= len(messages)
            if call in ("put", "last"):  # what was shown is known; what comes after it is new
                assert added == len(messages)
            memory.set(shown)
            assert len(engine.list(session_id="now")) == len(after)
            before = after


# -- which messages are the same ------------------------------------------------------------------

CALL = ToolCallBlock(tool_call_id="1", tool_name="find", tool_kwargs={"q": 1})
LIKE_STORED = [
    (assistant("so", additional_kwargs={"tool_calls": []}), assistant("so")),
    (user("so"), user("so", additional_kwargs={"id": 7})),
    (
        ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), TextBlock(text="so")]),
        assistant("so"),
    ),
    (
        ChatMessage(role="user", blocks=[TextBlock(text="so"), ImageBlock(url="http://a.com/a.png")]),
        user("so"),
    ),
    (user("so"), user(" so\n")),
]
UNLIKE_STORED = [
    (user("so"), assistant("so")),
    (user("so", additional_kwargs={"id": 6}), user("so", additional_kwargs={"id": 7})),
    (
        user("so"),
        ChatMessage(role="user", blocks=[TextBlock(text="so"), ImageBlock(url="http://a.com/a.png")]),
    ),
    (ChatMessage(role="assistant", blocks=[CALL]), assistant('find({"q": 1})')),
    (
        ChatMessage(role="tool", content="ok", additional_kwargs={"tool_call_id": "1"}),
        ChatMessage(role="tool", content="ok", additional_kwargs={"tool_call_id": "2"}),
    ),
]


@pytest.mark.parametrize(
    ("put", "sent", "more"), [(*each, 0) for each in LIKE_STORED] + [(*each, 1) for each in UNLIKE_STORED]
)
def test_a_message_is_known_by_what_it_says_and_shown_as_it_was_set(
    engine: AssociativeMemory, put: ChatMessage, sent: ChatMessage, more: int
) -> None:
    make(engine).put_messages([A, put])
    history = [sent, user("next")]
    for _ in range(3):
        make(engine).set(history)
        assert make(engine).get_all() == history
        assert len(engine.list()) == 3 + more
    make(engine).put(C)
    make(engine).set(history[:1])
    assert make(engine).get_all() == history[:1]
    assert len(engine.list()) == 4 + more


def test_a_prompt_and_a_summary_before_the_last_messages_are_stored_once(engine: AssociativeMemory) -> None:
    prompt = ChatMessage(role="system", content="Be kind.")
    turns = [each for i in range(150) for each in (user(f"q{i}"), assistant(f"a{i}"))]
    for i in range(0, len(turns), 2):
        make(engine).set([prompt, *turns[max(0, i - 6) : i]])
        make(engine).put_messages(turns[i : i + 2])
    assert stored(engine) == ["Be kind.", *(turn.content for turn in turns)]
    make(engine).set([prompt, user("Summary: we talked."), *turns[-2:]])
    make(engine).set([prompt, *turns])  # and back to all of it
    assert make(engine).get_all() == [prompt, *turns]
    assert len(engine.list()) == len(turns) + 2


def test_what_is_said_again_is_stored_again(engine: AssociativeMemory) -> None:
    memory = make(engine)
    memory.put_messages([user("ok"), assistant("fine"), user("q"), assistant("a")])
    memory.set([user("q"), assistant("a"), user("ok")])
    assert stored(engine) == ["ok", "fine", "q", "a", "ok"]
    assert memory.get_all() == [user("q"), assistant("a"), user("ok")]


def test_an_earlier_branch_is_found_again(engine: AssociativeMemory) -> None:
    memory = make(engine)
    memory.set([A, B, C, D])
    memory.set([A, B, user("C"), assistant("D")])
    memory.set([A, B, C, D])
    assert memory.get_all() == [A, B, C, D]
    assert stored(engine) == ["a", "b", "c", "d", "C", "D"]


def test_a_long_window_is_not_read_whole(engine: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = [user(f"turn {i}") for i in range(400)]
    make(engine).put_messages(turns)
    read: list[int] = []
    listed = AssociativeMemory.list

    def counting(self: AssociativeMemory, **kwargs: object) -> list[object]:
        found = listed(self, **kwargs)
        read.append(len(found))
        return found

    monkeypatch.setattr(AssociativeMemory, "list", counting)
    history: Sequence[ChatMessage] = [*turns[-5:], user("and this is new")]
    make(engine).set(history)
    assert 0 < sum(read) < 200
    monkeypatch.undo()
    assert make(engine).get_all() == history
