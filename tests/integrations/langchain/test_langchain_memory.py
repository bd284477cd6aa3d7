"""NuonuoMemory by itself: turns, what is recalled, keys and the token budget."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

pytest.importorskip("langchain_classic")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langchain_classic.base_memory import BaseMemory
    from langchain_classic.chains import ConversationChain
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_samples import FACTS, listener, said

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._prompt import approximate_tokens, is_injected
from nuonuo_integrations.langchain import NuonuoChatMessageHistory, NuonuoMemory
from tests.integrations.prompts import unmarked

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::langchain_core._api.LangChainDeprecationWarning"
)


def turn(memory: NuonuoMemory, question: str, answer: str) -> None:
    memory.save_context({"input": question}, {"response": answer})


# -- by itself --------------------------------------------------------------------------------------


def test_it_is_a_memory_of_langchains_kind(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine)
    assert isinstance(memory, BaseMemory)
    assert memory.memory_variables == ["history"]
    assert memory.load_memory_variables({"input": "hello"}) == {"history": ""}
    assert memory.session_id != NuonuoMemory(memory=engine).session_id


def test_it_gives_the_last_turns_and_what_is_recalled_from_before_them(engine: AssociativeMemory) -> None:
    engine.add(FACTS, session_id="spring", role="user")
    memory = NuonuoMemory(memory=engine, session_id="today", turns=1, k=2)
    turn(memory, "Good morning.", "Good morning to you.")
    turn(memory, "How is the weather?", "A thunder storm is coming.")
    (history,) = memory.load_memory_variables({"input": "What is Rex afraid of?"}).values()
    block, _, turns = history.partition("Human: ")
    assert is_injected(block.strip())
    assert turns == "How is the weather?\nAI: A thunder storm is coming."
    assert block.count("[recalled ") == 2
    assert "Rex is afraid of thunder" in block
    assert "storm" not in block  # it stands among the turns already


def test_the_association_by_which_it_came_is_shown(engine: AssociativeMemory) -> None:
    ids = engine.add(["The code word is heron.", "Ana keeps the key."], namespace="n")
    engine.associate(ids[0], ids[1])
    memory = NuonuoMemory(memory=engine, namespace="n", k=2)
    history = memory.load_memory_variables({"input": "code word heron"})["history"]
    assert "[recalled 2 | note | associated with 1] Ana keeps the key." in unmarked(history)


def test_without_an_input_there_are_the_last_turns_only(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    memory = NuonuoMemory(memory=engine)
    turn(memory, "Hello.", "Hello.")
    assert memory.load_memory_variables({}) == {"history": "Human: Hello.\nAI: Hello."}
    assert memory.load_memory_variables({"input": "  "}) == {"history": "Human: Hello.\nAI: Hello."}


def test_two_keys_and_messages(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    fields: dict[str, Any] = {"memory": engine, "session_id": "s", "k": 1}
    turn(NuonuoMemory(**fields), "Hello.", "Good day.")
    asked = {"input": "garage code"}
    turns = [HumanMessage("Hello."), AIMessage("Good day.")]

    one = NuonuoMemory(**fields, return_messages=True).load_memory_variables(asked)
    block, *rest = one["history"]
    assert isinstance(block, SystemMessage)
    assert "4471" in block.text
    assert rest == turns

    memory = NuonuoMemory(**fields, recall_key="recalled", return_messages=True)
    assert memory.memory_variables == ["history", "recalled"]
    assert memory.load_memory_variables(asked) == {"history": turns, "recalled": [block]}
    assert memory.load_memory_variables({"input": ""}) == {"history": turns, "recalled": []}

    memory = NuonuoMemory(**fields, recall_key="recalled", human_prefix="You", ai_prefix="I")
    assert memory.load_memory_variables(asked) == {
        "history": "You: Hello.\nI: Good day.",
        "recalled": block.text,
    }
    with pytest.raises(ValueError, match="leave recall_key out"):
        NuonuoMemory(**fields, recall_key="history")


def test_loading_changes_nothing(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    memory = NuonuoMemory(memory=engine)
    before = engine.list()
    first = memory.load_memory_variables({"input": "thunder"})
    assert memory.load_memory_variables({"input": "thunder"}) == first
    assert engine.list() == before


def test_both_sides_are_stored_with_role_session_and_time(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine, session_id="monday", namespace="ana")
    turn(memory, "My dog is Rex.", "Noted.")
    stored = engine.list(namespace="ana", session_id="monday")
    assert [(each.role, each.text) for each in stored] == [
        ("user", "My dog is Rex."),
        ("assistant", "Noted."),
    ]
    assert all(each.timestamp is not None for each in stored)
    assert engine.list(namespace="default") == []


def test_what_was_injected_is_not_stored_when_it_is_echoed(engine: AssociativeMemory) -> None:
    engine.add(FACTS, session_id="before")
    memory = NuonuoMemory(memory=engine, session_id="now", turns=0)
    block = memory.load_memory_variables({"input": "Rex"})["history"]
    turn(memory, f"{block}\nWho is Rex?", f"I recall this:\n{block}\nRex is your beagle.")
    assert said(engine, "now") == [
        ("user", f"{block}\nWho is Rex?"),  # what a user pastes is the user's
        ("assistant", "I recall this:\nRex is your beagle."),
    ]
    turn(memory, "And again?", block)  # nothing of its own in it
    assert said(engine, "now")[2:] == [("user", "And again?")]


def test_clear_forgets_its_session_only(engine: AssociativeMemory) -> None:
    one, other = (NuonuoMemory(memory=engine, session_id=each, namespace="n") for each in "ab")
    elsewhere = NuonuoMemory(memory=engine, session_id="a", namespace="m")
    for memory in (one, other, elsewhere):
        turn(memory, "Hello.", "Hello.")
    one.clear()
    assert said(engine, "a", "n") == []
    assert len(said(engine, "b", "n")) == len(said(engine, "a", "m")) == 2
    one.clear()


def test_sessions_and_filters(engine: AssociativeMemory) -> None:
    engine.add("Rex is a dog.", session_id="a", role="user", metadata={"secret": True})
    engine.add("Rex is a king.", session_id="b", role="user")
    engine.add("Rex is a robot.", session_id="b", role="assistant")
    engine.add("Rex is elsewhere.", namespace="other")

    def recalled(**fields: Any) -> str:
        memory = NuonuoMemory(memory=engine, turns=0, **fields)
        return str(memory.load_memory_variables({"input": "Rex"})["history"])

    assert all(word in recalled() for word in ("dog", "king", "robot"))
    assert "elsewhere" not in recalled()
    assert "dog" not in recalled(session_id="b", across_sessions=False)
    assert "robot" not in recalled(where={"role": "user"})
    assert "dog" not in recalled(where={"secret": {"$ne": True}})
    assert recalled(session_id="c", across_sessions=False) == ""


def test_half_a_turn_is_not_shown(engine: AssociativeMemory) -> None:
    engine.add(
        [
            Memory("One?", role="user"),
            Memory("One.", role="assistant"),
            Memory("Still one.", role="assistant"),
            Memory("Two?", role="user"),
            Memory("Two.", role="assistant"),
            Memory("Three?", role="user"),
        ],
        session_id="s",
    )
    memory = NuonuoMemory(memory=engine, session_id="s", turns=2)
    assert memory.load_memory_variables({})["history"] == "Human: Two?\nAI: Two.\nHuman: Three?"


# -- the budget -------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 20, 60, 90, 150, 400, 10_000])
@pytest.mark.parametrize("two_keys", [False, True])
def test_question_turns_and_recalled_keep_to_the_budget(
    engine: AssociativeMemory, budget: int, two_keys: bool
) -> None:
    engine.add([f"Rex did trick number {at} on a {'very ' * (at % 7)}long walk." for at in range(20)])
    key = {"recall_key": "recalled"} if two_keys else {}
    memory = NuonuoMemory(memory=engine, session_id="s", max_tokens=budget, **key)
    for at in range(4):
        turn(memory, f"Question {at} about the garden?", f"Answer {at}: {'leaves ' * at}.")
    question = "Which trick did Rex do?"
    loaded = memory.load_memory_variables({"input": question})
    # Each part is rounded up by itself; the line break between the two is no part of either.
    assert sum(map(approximate_tokens, loaded.values())) <= max(0, budget - approximate_tokens(question)) + 1
    if budget == 10_000:
        text = "".join(loaded.values())
        assert text.count("[recalled ") == 10
        assert text.count("Human: ") == 3


def test_a_question_longer_than_the_budget_is_asked_all_the_same(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = listener("Long.")
    chain = ConversationChain(llm=model, memory=NuonuoMemory(memory=engine, max_tokens=10))
    question = "What do you know of Rex? " * 40
    chain.invoke({"input": question})
    assert question in model.heard[0][0].text
    assert "[recalled " not in model.heard[0][0].text


def test_the_models_own_counter_counts(engine: AssociativeMemory) -> None:
    asked: list[str] = []

    class Counting(FakeListChatModel):
        def get_num_tokens(self, text: str) -> int:
            asked.append(text)
            return len(text.split())

    engine.add(FACTS)
    by_model = NuonuoMemory(memory=engine, max_tokens=60, token_counter=Counting(responses=[]))
    by_callable = NuonuoMemory(memory=engine, max_tokens=60, token_counter=lambda text: len(text.split()))
    loaded = by_model.load_memory_variables({"input": "Rex"})
    assert loaded == by_callable.load_memory_variables({"input": "Rex"})
    assert asked
    assert 0 < len(loaded["history"].split()) <= 59


# -- keys and errors --------------------------------------------------------------------------------


def test_the_right_key_must_be_named_where_there_are_several(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine, session_id="s")
    with pytest.raises(InvalidInputError, match=r"\['a', 'b'\].*input_key="):
        memory.save_context({"a": "x", "b": "y"}, {"response": "z"})
    with pytest.raises(InvalidInputError, match=r"\['c', 'd'\].*output_key="):
        memory.save_context({"a": "x"}, {"c": "y", "d": "z"})
    with pytest.raises(InvalidTypeError, match="the output must be a str or a message, got dict"):
        memory.save_context({"a": "x"}, {"c": {}})
    assert engine.list() == []
    named = NuonuoMemory(memory=engine, session_id="s", input_key="a", output_key="c")
    named.save_context({"a": "x", "b": "y"}, {"c": AIMessage("z"), "d": ""})
    memory.save_context(
        {"a": [HumanMessage("v")], "stop": ["\n"], "history": "h"}, {"output": "w", "steps": []}
    )
    assert [text for _, text in said(engine)] == ["x", "z", "v", "w"]


def test_unknown_fields_and_wrong_engines_are_errors(engine: AssociativeMemory, tmp_path: Any) -> None:
    with pytest.raises(InvalidInputError, match="max_token"):
        NuonuoMemory(memory=engine, max_token=3)
    with pytest.raises(InvalidTypeError, match="AssociativeMemory, the path of its file or an address"):
        NuonuoMemory(memory=3)
    with pytest.raises(InvalidInputError, match="k must be at least 1, got 0"):
        NuonuoMemory(memory=engine, k=0)
    for wrong in (
        {"k": "5"},
        {"k": True},
        {"max_tokens": "9"},
        {"turns": "3"},
        {"where": 7},
        {"timezone": 3},
    ):
        with pytest.raises(InvalidTypeError, match=next(iter(wrong))):
            NuonuoMemory(memory=engine, **wrong)
    for wrong in ({"max_tokens": -1}, {"turns": -1}, {"where": {"a": {"$x": 1}}}, {"timezone": "Atlantis"}):
        with pytest.raises(InvalidInputError):
            NuonuoMemory(memory=engine, **wrong)


def test_what_is_no_turn_is_not_among_the_last_turns(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine, session_id="s", turns=2)
    turn(memory, "One?", "One.")
    turn(memory, "Two?", "Two.")
    call = AIMessage("", tool_calls=[{"name": "door", "args": {}, "id": "c"}])
    others = [SystemMessage("Be brief."), call, ToolMessage("open", tool_call_id="c")]
    NuonuoChatMessageHistory(engine, "s").add_messages(others)
    history = memory.load_memory_variables({"input": "Be brief, door open?"})["history"]
    assert history == "Human: One?\nAI: One.\nHuman: Two?\nAI: Two."


def test_a_path_will_do(tmp_path: Any) -> None:
    pytest.importorskip("sentence_transformers")
    path = tmp_path / "memories.db"
    AssociativeMemory.open(path).close()
    first = NuonuoMemory(memory=str(path), session_id="s")
    with first.memory:
        turn(first, "Hello.", "Good day.")
        assert first.model_dump()["memory"] == str(path)
    again = NuonuoMemory(memory=path, session_id="s")
    with again.memory:
        assert again.load_memory_variables({})["history"] == "Human: Hello.\nAI: Good day."


def test_what_is_no_dict_is_told_and_nothing_is_stored(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine)
    calls: list[Any] = [
        lambda: memory.load_memory_variables(None),  # type: ignore[arg-type]
        lambda: memory.load_memory_variables("Hello"),  # type: ignore[arg-type]
        lambda: memory.save_context("Hello", {"output": "Hi"}),  # type: ignore[arg-type]
        lambda: memory.save_context({"input": "Hello"}, None),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InvalidTypeError, match="puts must be a dict"):
            call()
    assert engine.list() == []
