"""NuonuoMiddleware in trouble: the run's answer is kept, and the log says what was not stored and why."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain_agents_samples import run, systems, thread, told, user
from langchain_samples import FACTS, new_embedder, said
from langgraph.checkpoint.memory import InMemorySaver

from nuonuo import AssociativeMemory, VectorEmbedder
from nuonuo.errors import (
    EmbeddingError,
    InvalidInputError,
    InvalidTypeError,
    StoreClosedError,
    StoreFullError,
)
from nuonuo_integrations.langchain import NuonuoMiddleware
from tests.fakes import SMALL

WAYS = ["invoke", "ainvoke", "astream"]
LOGGER = "nuonuo_integrations.langchain.middleware"


def agent_of(model: Any, memory: Any, **options: Any) -> Any:
    ours = NuonuoMiddleware(memory, **options)
    return create_agent(model, [], middleware=[ours], checkpointer=InMemorySaver())


@pytest.mark.parametrize("way", WAYS)
async def test_a_closed_engine(engine: AssociativeMemory, way: str, caplog: pytest.LogCaptureFixture) -> None:
    engine.add(FACTS)
    agent = agent_of(told("He hides."), engine)
    engine.close()
    with caplog.at_level(logging.ERROR, LOGGER):
        state = await run(agent, user("What does Rex fear?"), way, thread("t"))
    assert state["messages"][-1].text == "He hides."
    recalled, stored = caplog.records
    assert "nothing could be recalled in namespace 'default'" in recalled.getMessage()
    assert "user message" in stored.getMessage() and "thread 't'" in stored.getMessage()
    for record in caplog.records:
        assert record.exc_info is not None and record.exc_info[0] is StoreClosedError
        assert "Rex" not in record.getMessage()


@pytest.mark.parametrize("way", WAYS)
async def test_who_wants_errors_gets_them(engine: AssociativeMemory, way: str) -> None:
    agent = agent_of(told("He hides."), engine, on_error="raise")
    engine.close()
    with pytest.raises(StoreClosedError):
        await run(agent, user("What does Rex fear?"), way, thread("t"))


class Full(AssociativeMemory):
    """A memory on a disk that is full for a while."""

    full = True

    def add(self, *args: Any, **fields: Any) -> list[str]:
        if self.full:
            raise StoreFullError("the disk is full; make room and try again")
        return super().add(*args, **fields)


async def test_what_a_full_disk_refused_is_stored_with_the_next_run(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Full(embedder=new_embedder(), config=SMALL) as memory:
        agent = agent_of(told("Noted.", "Yes.", "Good."), memory)
        for text in ("My dog is Rex.", "Sure?"):
            agent.invoke(user(text), thread("t"))
        assert memory.list() == []
        assert len(caplog.records) == 2
        memory.full = False
        agent.invoke(user("Well?"), thread("t"))
        assert [text for _, text in said(memory, "t")] == [
            "My dog is Rex.", "Noted.", "Sure?", "Yes.", "Well?", "Good.",
        ]  # fmt: skip


async def test_an_embedder_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    works = new_embedder()

    def embed(texts: list[str]) -> Any:
        if any("poison" in text for text in texts):
            raise ConnectionError("the embedding service is down")
        return [encoding.vectors[0] for encoding in works.encode_documents(texts)]

    embedder = VectorEmbedder(embed, name="remote", dimension=64)
    with AssociativeMemory(embedder=embedder, config=SMALL) as memory:
        memory.add(FACTS)
        agent = agent_of(told("A.", "B."), memory)
        assert agent.invoke(user("poison"), thread("t"))["messages"][-1].text == "A."
        assert "the embedding service is down" in caplog.text
        agent.invoke(user("Well?"), thread("t"))
        assert said(memory, "t") == [("user", "Well?"), ("assistant", "B.")]


# -- identifiers and texts --------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("id", "session"),
    [
        (7, "7"),
        (UUID("12345678123456781234567812345678"), "12345678-1234-5678-1234-567812345678"),
        (" ", '" "'),
        ("a\ud83d", "a\ufffd"),
    ],
)
async def test_a_thread_id_becomes_text(engine: AssociativeMemory, id: Any, session: str, way: str) -> None:
    # LangGraph's savers refuse some of these themselves; a run without one takes them all.
    agent = create_agent(told("Yes.", "Again."), [], middleware=[NuonuoMiddleware(engine, on_error="raise")])
    for text in ("First?", "Second?"):
        await run(agent, user(text), way, thread(id))
    assert [text for _, text in said(engine, session)] == ["First?", "Yes.", "Second?", "Again."]


@pytest.mark.parametrize(
    ("broken", "mended"), [("half \ud83d", "half \ufffd"), ("dog \ud83d\udc36", "dog \U0001f436")]
)
async def test_half_a_character_is_mended(engine: AssociativeMemory, broken: str, mended: str) -> None:
    agent = create_agent(told(broken, "Ok."), [], middleware=[NuonuoMiddleware(engine, on_error="raise")])
    agent.invoke(user("Hm?"), thread("t"))
    agent.invoke(user(broken), thread("u"))
    assert [text for _, text in said(engine)] == ["Hm?", mended, mended, "Ok."]


@pytest.mark.parametrize("on_error", ["log", "raise"])
async def test_whose_memory_it_is_must_be_clear_before_the_model_is_called(
    engine: AssociativeMemory, on_error: Literal["log", "raise"]
) -> None:
    model = told("A.")
    for user_id in (" ", "", ["ana"], True, None):
        agent = create_agent(model, [], middleware=[NuonuoMiddleware(engine, on_error=on_error)])
        with pytest.raises((InvalidInputError, InvalidTypeError), match="user_id"):
            agent.invoke(user("x"), {"configurable": {"user_id": user_id}})
    assert model.heard == [] and engine.list() == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"k": 0}, "k must be at least 1"),
        ({"k": "5"}, "k must be an int"),
        ({"k": None}, "k must be an int"),
        ({"max_tokens": -1}, "max_tokens must be at least 1"),
        ({"max_tokens": "9"}, "max_tokens must be an int"),
        ({"where": {"role": {"$like": "u"}}}, r"\$like"),
        ({"where": "role"}, "where"),
        ({"namespace": " "}, "namespace must hold"),
        ({"namespace": 3.5}, "namespace must be a str"),
        ({"token_counter": 3}, "token_counter"),
        ({"on_error": "ignore"}, "on_error"),
        ({"memory": None}, "AssociativeMemory, the path of its file or an address"),
    ],
)
def test_what_can_be_known_is_told_at_construction(
    engine: AssociativeMemory, wrong: dict[str, Any], says: str
) -> None:
    with pytest.raises((InvalidInputError, InvalidTypeError), match=says):
        NuonuoMiddleware(**{"memory": engine, **wrong})


def test_a_wrong_option_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        NuonuoMiddleware(tmp_path / "memories.db", k=0)
    assert list(tmp_path.iterdir()) == []


async def test_an_embedding_that_cannot_be_used_is_no_lost_answer(caplog: pytest.LogCaptureFixture) -> None:
    def embed(texts: list[str]) -> list[list[float]]:
        return [[float("nan")] * 4 for _ in texts]

    embedder = VectorEmbedder(embed, name="nan", dimension=4)
    with AssociativeMemory(embedder=embedder, config=SMALL) as memory:
        model = told("Yes.")
        assert agent_of(model, memory).invoke(user("Hm?"), thread("t"))["messages"][-1].text == "Yes."
        assert systems(model) == [""]
    kinds = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert EmbeddingError in kinds
