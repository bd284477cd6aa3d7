"""NuonuoMiddleware when a run is interrupted, resumed, replayed, edited, or fails: each turn once."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_agents_samples import WAYS, agent_of, calls, run, systems, thread, told, user
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langchain_samples import FACTS, Listener, said
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from nuonuo import AssociativeMemory


@pytest.mark.parametrize("way", WAYS)
async def test_an_interrupted_run_is_one_turn(engine: AssociativeMemory, way: str) -> None:
    engine.add(FACTS)
    model = told(calls("ask", question="Sure?"), "Done.")
    agent = agent_of(model, engine, checkpointer=InMemorySaver())
    await run(agent, user("Open the garage."), way, thread("t"))
    assert said(engine, "t") == []
    await run(agent, Command(resume="yes"), way, thread("t"))
    assert said(engine, "t") == [("user", "Open the garage."), ("assistant", "Done.")]
    assert len(model.heard) == 2
    assert all("<recalled_memories" in system for system in systems(model))


async def test_what_is_forgotten_while_a_run_waits_is_shown_no_more(engine: AssociativeMemory) -> None:
    first, second = engine.add(["The garage code is 4471.", "The garage is blue."])
    model = told(calls("ask", question="Sure?"), "Done.")
    agent = agent_of(model, engine, checkpointer=InMemorySaver())
    agent.invoke(user("Open the garage."), thread("t"))
    engine.forget(ids=[first])
    engine.update(second, text="The garage is red.")
    agent.invoke(Command(resume="yes"), thread("t"))
    before, after = systems(model)
    assert "4471" in before and "blue" in before
    assert "4471" not in after and "blue" not in after and "red" in after


async def test_a_run_that_is_resumed_elsewhere_is_the_same_turn(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    saver = InMemorySaver()
    first, second = told(calls("ask", question="Sure?")), told("Done.")
    agent_of(first, engine, checkpointer=saver).invoke(user("Open the garage."), thread("t"))
    agent_of(second, engine, checkpointer=saver).invoke(Command(resume="yes"), thread("t"))
    assert systems(first) == systems(second)
    assert said(engine, "t") == [("user", "Open the garage."), ("assistant", "Done.")]


async def test_a_run_that_is_asked_for_leave_is_one_turn(engine: AssociativeMemory) -> None:
    model = told(calls("door", code="1"), "Open.")
    leave = HumanInTheLoopMiddleware(interrupt_on={"door": True})
    agent = agent_of(model, engine, leave, checkpointer=InMemorySaver())
    agent.invoke(user("Open the door."), thread("t"))
    agent.invoke(Command(resume={"decisions": [{"type": "approve"}]}), thread("t"))
    assert said(engine, "t") == [("user", "Open the door."), ("assistant", "Open.")]


async def test_who_speaks_on_instead_of_resuming_loses_nothing(engine: AssociativeMemory) -> None:
    model = told(calls("ask", question="Sure?"), "As you like.")
    agent = agent_of(model, engine, checkpointer=InMemorySaver())
    agent.invoke(user("Open the garage."), thread("t"))
    agent.invoke(user("No, leave it."), thread("t"))
    assert said(engine, "t") == [
        ("user", "Open the garage."), ("user", "No, leave it."), ("assistant", "As you like."),
    ]  # fmt: skip


class Failing(Listener):
    """Fails at its first call."""

    def _generate(self, messages: list[Any], *args: Any, **kwargs: Any) -> Any:
        if not self.heard:
            self.heard.append(messages)
            raise ConnectionError("the line is dead")
        return super()._generate(messages, *args, **kwargs)


async def test_a_run_that_failed_is_stored_with_the_next(engine: AssociativeMemory) -> None:
    model = Failing(messages=iter([AIMessage("Hello again.")]))
    agent = agent_of(model, engine, checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError):
        agent.invoke(user("My dog is Rex."), thread("t"))
    assert said(engine, "t") == []
    agent.invoke(user("Are you there?"), thread("t"))
    assert [text for _, text in said(engine, "t")] == ["My dog is Rex.", "Are you there?", "Hello again."]


async def test_a_replay_doubles_nothing(engine: AssociativeMemory) -> None:
    agent = agent_of(told("One.", "Another."), engine, checkpointer=InMemorySaver())
    agent.invoke(user("First?"), thread("t"))
    before = [each for each in agent.get_state_history(thread("t")) if "model" in each.next]
    agent.invoke(None, before[0].config)
    assert [text for _, text in said(engine, "t")] == ["First?", "One.", "Another."]


async def test_ids_that_a_client_gives_out_twice_lose_nothing(engine: AssociativeMemory) -> None:
    agent = agent_of(told("A.", "B."), engine)
    for text in ("My dog is Rex.", "My cat is Tom."):
        agent.invoke({"messages": [HumanMessage(text, id="1")]})
    agent = agent_of(told("C.", "D."), engine, checkpointer=InMemorySaver())
    for id in ("x", "y"):
        agent.invoke({"messages": [HumanMessage("Again.", id="1")]}, thread(id))
    assert [text for role, text in said(engine) if role == "user"] == [
        "My dog is Rex.", "My cat is Tom.", "Again.", "Again.",
    ]  # fmt: skip


async def test_an_edited_message_is_stored_beside_the_first(engine: AssociativeMemory) -> None:
    agent = agent_of(told("A.", "B."), engine, checkpointer=InMemorySaver())
    agent.invoke({"messages": [HumanMessage("My dog is Rex.", id="1")]}, thread("t"))
    answer = agent.get_state(thread("t")).values["messages"][-1]
    edit = [HumanMessage("My dog is Max.", id="1"), RemoveMessage(id=answer.id)]
    agent.invoke({"messages": edit}, thread("t"))
    assert [text for _, text in said(engine, "t")] == ["My dog is Rex.", "A.", "My dog is Max.", "B."]
