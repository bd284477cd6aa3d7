"""Through LangChain's adapters, a question that nothing answers is recalled with little confidence."""

from __future__ import annotations

import pytest

pytest.importorskip("langchain.agents")
pytest.importorskip("langchain_classic")

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_samples import FACTS, listener
from langgraph.checkpoint.memory import InMemorySaver

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoMemory, NuonuoMiddleware
from tests.fakes import fresh
from tests.unsaid import SAID, UNSAID, confidence

NOTHING = "I cannot tell."


@pytest.fixture
def words() -> AssociativeMemory:
    memory = fresh()
    memory.add(FACTS, session_id="spring", role="user")
    return memory


@pytest.mark.parametrize("turns", [0, 3])
@pytest.mark.parametrize("budget", [None, 400])
def test_memory(words: AssociativeMemory, turns: int, budget: int | None) -> None:
    for session in ("monday", "tuesday"):
        memory = NuonuoMemory(memory=words, session_id=session, turns=turns, max_tokens=budget)
        for _ in range(3):
            assert confidence(memory.load_memory_variables({"input": UNSAID})["history"]) < 0.3
            memory.save_context({"input": UNSAID}, {"response": NOTHING})
        assert confidence(memory.load_memory_variables({"input": SAID})["history"]) > 0.8


@pytest.mark.parametrize("checkpointer", [None, InMemorySaver()])
def test_middleware(words: AssociativeMemory, checkpointer: InMemorySaver | None) -> None:
    model = listener(*[NOTHING] * 6, "4471.")
    agent = create_agent(model, [], middleware=[NuonuoMiddleware(words)], checkpointer=checkpointer)
    for thread in ("monday", "tuesday"):
        for _ in range(3):
            agent.invoke({"messages": [HumanMessage(UNSAID)]}, {"configurable": {"thread_id": thread}})
    agent.invoke({"messages": [HumanMessage(SAID)]}, {"configurable": {"thread_id": "tuesday"}})
    *unsaid, said = [confidence(str(heard[0].text)) for heard in model.heard]
    assert len(unsaid) == 6 and max(unsaid) < 0.3
    assert said > 0.8
