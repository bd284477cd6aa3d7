"""Agents that tests run in every way, with a model that is told what to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.tools import tool
from langchain_samples import Listener
from langgraph.types import interrupt

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoMiddleware


class Told(Listener):
    """The framework's fake model streams no tool calls; this one does."""

    def _stream(self, messages: list[Any], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        message = self._generate(messages, *args, **kwargs).generations[0].message
        said = AIMessageChunk(message.content, tool_calls=message.tool_calls, chunk_position="last")
        yield ChatGenerationChunk(message=said)


def told(*answers: str | AIMessage) -> Told:
    return Told(messages=iter([AIMessage(each) if isinstance(each, str) else each for each in answers]))


WAYS = ["invoke", "ainvoke", "stream", "astream", "stream_messages"]


@tool
def door(code: str) -> str:
    """Open the door."""
    return f"opened with {code}"


@tool
def ask(question: str) -> str:
    """Ask the user."""
    return str(interrupt(question))


def calls(name: str, text: str = "", **args: Any) -> AIMessage:
    return AIMessage(text, tool_calls=[{"name": name, "args": args, "id": f"call-{name}"}])


def agent_of(model: Listener, memory: AssociativeMemory, *more: Any, **options: Any) -> Any:
    names = "namespace", "k", "across_sessions", "where", "max_tokens", "min_confidence", "timezone"
    mine = {name: options.pop(name) for name in names if name in options}
    return create_agent(model, [door, ask], middleware=[NuonuoMiddleware(memory, **mine), *more], **options)


def thread(id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": id}}


def user(*texts: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text) for text in texts]}


async def run(agent: Any, given: Any, way: str = "invoke", config: Any = None, **options: Any) -> Any:
    """The agent's last state, whichever way it is run."""
    if way == "invoke":
        return agent.invoke(given, config, **options)
    if way == "ainvoke":
        return await agent.ainvoke(given, config, **options)
    if way == "stream":
        return list(agent.stream(given, config, stream_mode="values", **options))[-1]
    if way == "astream":
        return [state async for state in agent.astream(given, config, stream_mode="values", **options)][-1]
    chunks = [
        chunk.text
        for chunk, _ in agent.stream(given, config, stream_mode="messages", **options)
        if isinstance(chunk, AIMessageChunk)
    ]
    return {"messages": [AIMessage("".join(chunks))]}


def systems(model: Listener) -> list[str]:
    """The system message of each call, empty where there was none."""
    return [str(heard[0].text) if isinstance(heard[0], SystemMessage) else "" for heard in model.heard]
