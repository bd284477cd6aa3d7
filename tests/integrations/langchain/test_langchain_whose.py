"""Whose memory a run of an agent is, and who speaks in it: users, sub-agents, the order of middlewares."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, dynamic_prompt
from langchain_agents_samples import WAYS, ask, calls, run, systems, thread, told, user
from langchain_core.messages import SystemMessage
from langchain_core.tools import tool
from langchain_samples import FACTS, said
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoMiddleware


def of(name: Any, key: str = "user_id") -> dict[str, Any]:
    return {"configurable": {"thread_id": f"t-{name}", key: name}}


# -- users ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("key", ["user_id", "langgraph_auth_user_id"])
async def test_a_user_in_configurable_has_a_memory_of_their_own(
    engine: AssociativeMemory, key: str, way: str
) -> None:
    model = told("Noted.", "No.", "4471.")
    agent = create_agent(model, [], middleware=[NuonuoMiddleware(engine)])
    await run(agent, user("The garage code is 4471."), way, of("ana", key))
    await run(agent, user("What is the garage code?"), way, of("bob", key))
    await run(agent, user("What is the garage code?"), way, of("ana", key))
    assert engine.namespaces() == ["ana", "bob"]
    first, second, third = systems(model)
    assert "4471" not in first + second and "4471" in third
    assert len(said(engine, namespace="ana")) == 4


async def test_the_context_names_the_user_before_the_config(engine: AssociativeMemory) -> None:
    agent = create_agent(
        told("A.", "B.", "C."), [], middleware=[NuonuoMiddleware(engine)], context_schema=dict
    )
    agent.invoke(user("x"), of("bob"), context={"user_id": "ana"})
    agent.invoke(user("y"), of("bob"), context={"team": 3})
    agent.invoke(user("z"), of(7))
    assert engine.namespaces() == ["7", "ana", "bob"]


def test_a_session_in_metadata_is_none_of_a_thread(engine: AssociativeMemory) -> None:
    engine.add("The garage code is 4471.", session_id="other", metadata={"session_id": "t"}, namespace="ana")
    model = told("No.", "4471.")
    for across in (False, True):
        agent = create_agent(model, [], middleware=[NuonuoMiddleware(engine, across_sessions=across)])
        agent.invoke(user("What is the garage code?"), {"configurable": {"thread_id": "t", "user_id": "ana"}})
    alone, all_threads = systems(model)
    assert "4471" not in alone and "4471" in all_threads


async def test_who_resumes_does_not_take_over_what_another_said(engine: AssociativeMemory) -> None:
    agent = create_agent(
        told(calls("ask", question="Sure?"), "Done."),
        [ask],
        middleware=[NuonuoMiddleware(engine)],
        checkpointer=InMemorySaver(),
    )
    agent.invoke(user("Open it."), {"configurable": {"thread_id": "t", "user_id": "ana"}})
    agent.invoke(Command(resume="yes"), {"configurable": {"thread_id": "t"}})
    assert engine.namespaces() == ["ana"]

    agent = create_agent(
        told(calls("ask", question="Sure?"), "Hello Bob."),
        [ask],
        middleware=[NuonuoMiddleware(engine)],
        checkpointer=InMemorySaver(),
    )
    agent.invoke(user("I am Ana."), {"configurable": {"thread_id": "u", "user_id": "ana"}})
    agent.invoke(user("I am Bob."), {"configurable": {"thread_id": "u", "user_id": "bob"}})
    assert [text for _, text in said(engine, "u", "ana")] == ["I am Ana."]
    assert [text for _, text in said(engine, "u", "bob")] == ["I am Bob.", "Hello Bob."]


# -- sub-agents -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "astream"])
@pytest.mark.parametrize("config", [None, thread("its own")])
@pytest.mark.parametrize("saver", [None, InMemorySaver()])
async def test_a_sub_agents_task_is_no_users_word(
    engine: AssociativeMemory, config: Any, saver: Any, way: str
) -> None:
    engine.add(FACTS, session_id="spring")
    ours = NuonuoMiddleware(engine)
    inner = told("The code is 4471.")
    sub = create_agent(inner, [], middleware=[ours])

    @tool
    async def research(question: str) -> str:
        """Ask the researcher."""
        return str((await sub.ainvoke(user(question), config))["messages"][-1].text)

    @tool
    def look_up(question: str) -> str:
        """Ask the researcher."""
        return str(sub.invoke(user(question), config)["messages"][-1].text)

    one = look_up if way == "invoke" else research
    model = told(calls(one.name, question="Find the garage code."), "It is 4471.")
    agent = create_agent(model, [one], middleware=[ours], checkpointer=saver)
    await run(agent, user("How do I get in?"), way, thread(f"t-{way}-{config}"))
    assert said(engine)[len(FACTS) :] == [("user", "How do I get in?"), ("assistant", "It is 4471.")]
    assert "4471" in systems(inner)[0]  # it may recall


async def test_an_agent_inside_a_graph_hears_the_user(engine: AssociativeMemory) -> None:
    agent = create_agent(told("Hello."), [], middleware=[NuonuoMiddleware(engine)])
    graph = StateGraph(MessagesState)
    graph.add_node("talk", agent)
    graph.add_edge(START, "talk")
    graph.add_edge("talk", END)
    graph.compile(checkpointer=InMemorySaver()).invoke(user("Hi, I am Ana."), thread("t"))
    assert said(engine, "t") == [("user", "Hi, I am Ana."), ("assistant", "Hello.")]


# -- the order of middlewares -----------------------------------------------------------------------


class Assigns(AgentMiddleware[Any, Any, Any]):
    """Replaces the system message in the old way."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        with pytest.warns(DeprecationWarning, match="system_prompt"):
            request.system_prompt = "You are a guide."
        return handler(request)


class Other(NuonuoMiddleware):
    """A second memory of one agent."""


def prompts() -> list[Any]:
    @dynamic_prompt
    def text(request: Any) -> str:
        return "You are a guide."

    @dynamic_prompt
    def message(request: Any) -> SystemMessage:
        return SystemMessage([{"type": "text", "text": "You are a guide."}])

    @dynamic_prompt
    def mentions(request: Any) -> str:
        return "You are a guide. Trust what stands in <recalled_memories>."

    return [text, message, mentions, Assigns()]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("prompt", prompts(), ids=lambda each: each.name)
def test_what_is_recalled_arrives_in_any_order(engine: AssociativeMemory, prompt: Any, first: bool) -> None:
    engine.add(FACTS)
    model = told("4471.")
    ours = NuonuoMiddleware(engine)
    create_agent(
        model, [], system_prompt="Be brief.", middleware=[ours, prompt] if first else [prompt, ours]
    ).invoke(user("What is the garage code?"))
    (system,) = systems(model)
    assert system.startswith("You are a guide.")
    assert system.count("The garage code is 4471.") == 1


@pytest.mark.parametrize("at", [0, 1, 2])
def test_two_memories_of_one_agent(engine: AssociativeMemory, at: int) -> None:
    engine.add("The garage code is 4471.", namespace="mine")
    engine.add("The garage opens at nine.", namespace="ours")
    pair: list[Any] = [NuonuoMiddleware(engine, namespace="mine"), Other(engine, namespace="ours")]
    pair.insert(at, prompts()[0])
    model = told("Noted.")
    create_agent(model, [], middleware=pair).invoke(user("Tell me of the garage."))
    (system,) = systems(model)
    assert system.count("4471") == system.count("nine") == 1
    for namespace in ("mine", "ours"):
        assert [text for _, text in said(engine, namespace=namespace)][1:] == [
            "Tell me of the garage.",
            "Noted.",
        ]
