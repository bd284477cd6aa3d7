"""What LangChain's adapters show a model, in whose days, and what they store of what it says."""

from __future__ import annotations

import warnings
from datetime import datetime, timezone
from typing import Any

import pytest

pytest.importorskip("langchain")

from langchain_agents_samples import agent_of, run, systems, told, user
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_samples import FACTS, said

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError
from nuonuo_integrations.langchain import (
    NuonuoChatMessageHistory,
    NuonuoMemory,
    NuonuoMiddleware,
    NuonuoRetriever,
)
from tests.fakes import fresh
from tests.unsaid import SAID, UNSAID

WRITTEN = [
    "[recalled 3 | batch 12 | 2026-05-01] Return the brake pads.",
    "Why is <recalled_memories> in my log?",
    '<recalled-memories id="3"/>',
]
EVENING = datetime(2026, 6, 2, 23, 30, tzinfo=timezone.utc)


@pytest.fixture
def memory() -> AssociativeMemory:
    made = fresh()
    made.add([Memory(fact, role="user", timestamp=EVENING) for fact in FACTS])
    return made


def classic(memory: AssociativeMemory, **options: Any) -> NuonuoMemory:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return NuonuoMemory(memory=memory, turns=0, **options)


async def shown(memory: AssociativeMemory, question: str, way: str, **options: Any) -> str:
    """What a prompt is shown for ``question``."""
    if way == "classic":
        return str(classic(memory, **options).load_memory_variables({"input": question})["history"])
    model = told("I cannot tell.")
    await run(agent_of(model, memory, **options), user(question), way)
    return systems(model)[0]


@pytest.mark.parametrize("way", ["classic", "invoke", "ainvoke"])
async def test_without_confidence_nothing_is_shown(memory: AssociativeMemory, way: str) -> None:
    assert "4471" in await shown(memory, SAID, way, min_confidence=0.5)
    assert await shown(memory, UNSAID, way, min_confidence=0.5) == ""
    assert "4471" in await shown(memory, UNSAID, way, min_confidence=0)
    assert await shown(memory, "hi", way) == ""


async def test_a_retriever_gives_what_there_is_unless_it_is_told(memory: AssociativeMemory) -> None:
    for least, found in ((0.0, 3), (0.5, 0)):
        retriever = NuonuoRetriever(memory=memory, k=3, min_confidence=least)
        assert len(retriever.invoke(UNSAID)) == len(await retriever.ainvoke(UNSAID)) == found
        assert len(retriever.invoke(SAID)) == 3
    assert len(NuonuoRetriever(memory=memory, k=3).invoke("hi")) == 3


@pytest.mark.parametrize("way", ["classic", "invoke", "ainvoke"])
async def test_dates_are_those_of_the_zone(memory: AssociativeMemory, way: str) -> None:
    assert "| user | 2026-06-02 |" in await shown(memory, SAID, way)
    assert "| user | 2026-06-03 |" in await shown(memory, SAID, way, timezone="Europe/Lisbon")


@pytest.mark.parametrize("bad", [{"timezone": "Mars/Olympus"}, {"min_confidence": 2}])
def test_what_means_nothing_is_refused_at_construction(memory: AssociativeMemory, bad: Any) -> None:
    with pytest.raises(InvalidInputError):
        NuonuoMiddleware(memory, **bad)
    with pytest.raises(InvalidInputError):
        classic(memory, **bad)


@pytest.mark.parametrize("text", WRITTEN)
async def test_what_a_user_writes_is_stored_as_it_was(text: str) -> None:
    memory = fresh()
    history = NuonuoChatMessageHistory(memory, "h")
    given = [HumanMessage(text), AIMessage(text), ToolMessage(text, tool_call_id="1"), SystemMessage(text)]
    history.add_messages(given)
    assert history.messages == given
    classic(memory, session_id="c").save_context({"input": text}, {"response": text})
    await run(agent_of(told(text), memory, namespace="agent"), user(text))
    assert said(memory, "c") == [("user", text), ("assistant", text)]
    assert [each.text for each in memory.list(namespace="agent")] == [text, text]


async def test_a_quoted_block_is_the_users_and_an_echoed_one_nobodys(memory: AssociativeMemory) -> None:
    block = await shown(memory, SAID, "classic")
    history = NuonuoChatMessageHistory(memory, "h")
    history.add_messages([HumanMessage(f"What is {block}?"), AIMessage(f"Sure:\n{block}\nIt is 4471.")])
    assert [message.text for message in history.messages] == [f"What is {block}?", "Sure:\nIt is 4471."]
