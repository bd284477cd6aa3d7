"""The parts together: one engine behind an agent's middleware, store and retriever; many agents at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage
from langchain_core.tools import create_retriever_tool, tool
from langchain_samples import FACTS, listener, said
from langgraph.checkpoint.memory import InMemorySaver

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoMiddleware, NuonuoRetriever, NuonuoStore


def thread(name: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": name}}


def calls(name: str, **arguments: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{name}"}])


@tool
def note(text: str, runtime: ToolRuntime) -> str:
    """Keep a note, and tell what is known of the garage."""
    assert runtime.store is not None
    runtime.store.put(("notes",), "last", {"text": text})
    return str(runtime.store.search(("notes",), query="garage")[0].value["text"])


async def test_middleware_store_and_retriever_share_one_memory(engine: AssociativeMemory) -> None:
    engine.add(FACTS, namespace="facts")
    facts = create_retriever_tool(NuonuoRetriever(memory=engine, namespace="facts", k=1), "facts", "Facts.")
    agent = create_agent(
        listener(
            calls("note", text="The garage is open."), calls("facts", query="garage code"), "It is 4471."
        ),
        [note, facts],
        middleware=[NuonuoMiddleware(engine)],
        store=NuonuoStore(engine),
        checkpointer=InMemorySaver(),
    )
    state = await agent.ainvoke({"messages": [("user", "Note that, and what is the code?")]}, thread("t"))
    told = [message.text for message in state["messages"] if message.type == "tool"]
    assert told == ["The garage is open.", "The garage code is 4471."]
    # What the tools said is in their own namespaces, the turn in the thread's session.
    assert said(engine, namespace="default") == [
        ("user", "Note that, and what is the code?"),
        ("assistant", "It is 4471."),
    ]
    assert engine.namespaces() == ["default", 'default["notes"]', "facts"]


async def test_many_threads_of_one_middleware_do_not_mix(engine: AssociativeMemory) -> None:
    middleware = NuonuoMiddleware(engine, across_sessions=False)
    agents = {
        name: create_agent(
            listener(f"Hello {name}.", f"You are {name}."),
            [],
            middleware=[middleware],
            checkpointer=InMemorySaver(),
        )
        for name in "abcdefgh"
    }
    for question in ("I am {}.", "Who am I, {}?"):
        await asyncio.gather(
            *(
                agent.ainvoke({"messages": [("user", question.format(name))]}, thread(name))
                for name, agent in agents.items()
            )
        )
    for name in agents:
        assert [text for _, text in said(engine, name)] == [
            f"I am {name}.",
            f"Hello {name}.",
            f"Who am I, {name}?",
            f"You are {name}.",
        ]
