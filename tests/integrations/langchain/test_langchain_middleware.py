"""NuonuoMiddleware inside ``create_agent``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents.middleware import SummarizationMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_agents_samples import WAYS, agent_of, calls, run, systems, thread, told, user
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_samples import FACTS, Listener, new_embedder, said
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._prompt import approximate_tokens, strip
from nuonuo_integrations.langchain import NuonuoMiddleware


@pytest.mark.parametrize("way", WAYS)
async def test_it_recalls_before_the_model_and_stores_after_it(engine: AssociativeMemory, way: str) -> None:
    engine.add(FACTS, session_id="spring", role="user")
    model = told("He hides.")
    state = await run(agent_of(model, engine, system_prompt="Be brief."), user("What does Rex fear?"), way)
    assert state["messages"][-1].text == "He hides."
    (system,) = systems(model)
    assert system.startswith("Be brief.\n\n<recalled_memories")
    assert "Rex is afraid of thunder" in system
    assert said(engine)[len(FACTS) :] == [("user", "What does Rex fear?"), ("assistant", "He hides.")]
    question, answer = engine.list()[len(FACTS) :]
    assert question.session_id == answer.session_id is not None


async def test_what_it_keeps_is_in_no_output(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    agent = agent_of(told("One.", "Two."), engine, checkpointer=InMemorySaver())
    assert set(agent.invoke(user("Rex?"), thread("t"))) == {"messages"}
    assert "recalled_memories" not in repr(agent.get_state(thread("t")))
    for update in agent.stream(user("Rex?"), thread("t"), stream_mode="updates"):
        assert "recalled_memories" not in repr(update)
    assert "recalled_memories" not in repr(list(agent.get_state_history(thread("t"))))


async def test_nothing_recalled_is_nothing_injected(engine: AssociativeMemory) -> None:
    model = told("Hello.", "Hello.")
    agent_of(model, engine, system_prompt="Be brief.").invoke(user("Hello?"))
    agent_of(model, engine, namespace="other").invoke(user("Hello?"))
    assert systems(model) == ["Be brief.", ""]


@pytest.mark.parametrize(
    ("system", "shape"),
    [
        (None, str),
        ("Be brief.", str),
        (SystemMessage([{"type": "text", "text": "Be brief."}], name="boss"), list),
    ],
)
async def test_every_kind_of_system_message_is_kept(
    engine: AssociativeMemory, system: Any, shape: type
) -> None:
    engine.add(FACTS)
    model = told("Yes.")
    agent_of(model, engine, system_prompt=system).invoke(user("Rex?"))
    heard = model.heard[0][0]
    assert isinstance(heard.content, shape)
    assert "<recalled_memories" in heard.text
    assert ("Be brief." in heard.text) == (system is not None)
    assert heard.name == getattr(system, "name", None)


@pytest.mark.parametrize("way", WAYS)
async def test_one_recall_and_one_turn_in_a_run_with_tools(engine: AssociativeMemory, way: str) -> None:
    asked: list[str] = []

    class Counting(AssociativeMemory):
        def recall(self, query: str, *args: Any, **conditions: Any) -> Any:
            asked.append(query)
            return super().recall(query, *args, **conditions)

    with Counting(embedder=new_embedder()) as memory:
        memory.add(FACTS)
        model = told(calls("door", "Let me see.", code="1"), calls("door", code="4471"), "It is open.")
        await run(agent_of(model, memory), user("Open the garage with the code."), way)
        assert len(model.heard) == 3
        assert len(set(systems(model))) == 1
        assert "4471" in systems(model)[0]
        assert len(asked) <= 2  # once, and once more where that did not bring enough of what is new
        assert set(asked) == {"Open the garage with the code."}
        assert said(memory)[len(FACTS) :] == [
            ("user", "Open the garage with the code."),
            ("assistant", "It is open."),
        ]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream"])
async def test_a_thread_is_a_session_and_a_turn_is_stored_once(engine: AssociativeMemory, way: str) -> None:
    model = told("One.", "Two.", "Three.")
    agent = agent_of(model, engine, checkpointer=InMemorySaver(), min_confidence=0)
    await run(agent, user("First?"), way, thread("a"))
    await run(agent, user("Second?"), way, thread("a"))
    await run(agent, user("Third?"), way, thread("b"))
    assert said(engine, "a") == [
        ("user", "First?"), ("assistant", "One."), ("user", "Second?"), ("assistant", "Two."),
    ]  # fmt: skip
    assert said(engine, "b") == [("user", "Third?"), ("assistant", "Three.")]
    # What stands in the messages anyway is not injected; another thread is told of it.
    assert systems(model)[:2] == ["", ""]
    assert "[recalled 1" in systems(model)[2]


async def test_a_client_that_sends_the_whole_history_doubles_nothing(engine: AssociativeMemory) -> None:
    agent = agent_of(told("Two.", "Three."), engine)
    history = [HumanMessage("First?"), AIMessage("One."), HumanMessage("Second?")]
    agent.invoke({"messages": history})
    agent.invoke({"messages": [*history, AIMessage("Two."), HumanMessage("Third?")]})
    assert [text for _, text in said(engine)] == ["Second?", "Two.", "Third?", "Three."]


async def test_the_same_words_in_two_turns_are_two_turns(engine: AssociativeMemory) -> None:
    agent = agent_of(told("Yes.", "Yes."), engine, checkpointer=InMemorySaver())
    for _ in range(2):
        agent.invoke(user("Sure?"), thread("t"))
    assert [text for _, text in said(engine, "t")] == ["Sure?", "Yes.", "Sure?", "Yes."]


async def test_several_messages_at_once_are_all_stored(engine: AssociativeMemory) -> None:
    agent_of(told("Noted."), engine).invoke(user("My dog is Rex.", "My cat is Tom."))
    assert [text for _, text in said(engine)] == ["My dog is Rex.", "My cat is Tom.", "Noted."]


class Weather(BaseModel):
    degrees: int


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream"])
async def test_a_structured_answer_is_stored_as_json(engine: AssociativeMemory, way: str) -> None:
    model = told(calls("Weather", degrees=21), calls("Weather", degrees=7))
    agent = agent_of(model, engine, response_format=ToolStrategy(Weather), checkpointer=InMemorySaver())
    for text, degrees in (("How warm is it?", 21), ("And tomorrow?", 7)):
        state = await run(agent, user(text), way, thread("t"))
        assert state["structured_response"] == Weather(degrees=degrees)
    assert [text for _, text in said(engine, "t")] == [
        "How warm is it?", '{"degrees":21}', "And tomorrow?", '{"degrees":7}',
    ]  # fmt: skip


async def test_a_summary_is_nothing_that_the_user_said(engine: AssociativeMemory) -> None:
    model = told(calls("door", code="1"), calls("door", code="2"), "Open.", "Still open.")
    summary = told(*["They spoke of doors."] * 9)
    short = SummarizationMiddleware(summary, trigger=("messages", 4), keep=("messages", 2))
    agent = agent_of(model, engine, short, checkpointer=InMemorySaver())
    agent.invoke(user("Open the garage door."), thread("t"))
    assert not any("garage" in m.text for m in agent.get_state(thread("t")).values["messages"][1:])
    agent.invoke(user("Is it open?"), thread("t"))
    assert said(engine, "t") == [
        ("user", "Open the garage door."), ("assistant", "Open."),
        ("user", "Is it open?"), ("assistant", "Still open."),
    ]  # fmt: skip


async def test_an_echo_is_not_stored(engine: AssociativeMemory) -> None:
    engine.add(FACTS, session_id="spring")

    class Echo(Listener):
        def _generate(self, messages: list[Any], *args: Any, **kwargs: Any) -> Any:
            made = super()._generate(messages, *args, **kwargs)
            made.generations[0].message.content = f"From memory:\n{messages[0].text}\nRex fears thunder."
            return made

    agent_of(Echo(messages=iter([AIMessage("")])), engine).invoke(user("What does Rex fear?"))
    assert said(engine)[len(FACTS) :] == [
        ("user", "What does Rex fear?"),
        ("assistant", "From memory:\nRex fears thunder."),
    ]


@dataclass
class Context:
    user_id: str


@pytest.mark.parametrize("context", [Context("ana"), {"user_id": "ana"}])
@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_each_user_has_a_memory_of_their_own(engine: AssociativeMemory, context: Any, way: str) -> None:
    engine.add("The garage code is 4471.", namespace="ana")
    engine.add("The garage code is 9999.", namespace="bob")
    model = told("4471.")
    agent = agent_of(model, engine, context_schema=type(context))
    await run(agent, user("garage code?"), way, context=context)
    assert "4471" in systems(model)[0]
    assert "9999" not in systems(model)[0]
    assert len(said(engine, namespace="ana")) == 3
    assert len(said(engine, namespace="bob")) == 1


async def test_a_namespace_can_be_given_or_computed(engine: AssociativeMemory) -> None:
    agent_of(told("A."), engine, namespace="all", context_schema=dict).invoke(user("x"), context={"a": 1})

    def team(runtime: Any) -> str:
        return f"team-{runtime.context['team']}"

    computed = agent_of(told("B."), engine, namespace=team, context_schema=dict)
    computed.invoke(user("y"), context={"team": 7})
    assert engine.namespaces() == ["all", "team-7"]


async def test_a_context_without_a_user_is_an_error_and_no_shared_memory(engine: AssociativeMemory) -> None:
    agent = agent_of(told("A."), engine, context_schema=dict)
    with pytest.raises(InvalidInputError, match=r"no user_id.*NuonuoMiddleware\(namespace="):
        agent.invoke(user("x"), context={"user": "ana"})
    assert engine.list() == []


async def test_what_may_be_recalled(engine: AssociativeMemory) -> None:
    engine.add("Rex is a dog.", session_id="a", role="user")
    engine.add("Rex is a king.", session_id="b", role="assistant")

    async def recalled(**options: Any) -> str:
        model = told("Yes.")
        agent = agent_of(model, engine, **options)
        await run(agent, user("Rex?"), "ainvoke", thread("a"))
        engine.forget(ids=[each.id for each in engine.list()[2:]])
        return systems(model)[0]

    assert "dog" in await recalled()
    assert "king" in await recalled()
    assert "[recalled 2" not in await recalled(k=1)
    assert "king" not in await recalled(where={"role": "user"})
    assert "king" not in await recalled(across_sessions=False)
    assert "dog" in await recalled(across_sessions=False)
    assert 0 < approximate_tokens(await recalled(max_tokens=90)) <= 90
    assert strip(await recalled()) == ""


async def test_without_a_user_message_nothing_is_asked(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = told("Hello, I am here.")
    agent_of(model, engine).invoke({"messages": [AIMessage("Hm.")]})
    assert systems(model) == [""]
    assert said(engine)[len(FACTS) :] == [("assistant", "Hello, I am here.")]


async def test_what_is_no_memory_is_an_error(tmp_path: Any) -> None:
    with pytest.raises(InvalidTypeError, match="AssociativeMemory, the path of its file or an address"):
        NuonuoMiddleware(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="across_sessions must be True or False, got str 'no'"):
        NuonuoMiddleware(tmp_path / "m.db", across_sessions="no")  # type: ignore[arg-type]
    path = tmp_path / "memories.db"
    middleware = NuonuoMiddleware(str(path))
    with middleware.memory:
        assert middleware.memory.stats().path == str(path)


def names(messages: Sequence[Any]) -> list[str]:
    return [message.type for message in messages]


async def test_the_messages_themselves_stay_as_they_are(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = told("Yes.")
    state = agent_of(model, engine).invoke(user("Rex?"))
    assert names(state["messages"]) == ["human", "ai"]
    assert names(model.heard[0]) == ["system", "human"]
