"""NuonuoMemory's window in chat engines and agents, whose callers set a history or begin a new chat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import CondensePlusContextChatEngine, ContextChatEngine, SimpleChatEngine
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.memory import BaseMemory, Memory
from llama_index.core.schema import TextNode
from llama_index.core.workflow import Context, JsonSerializer
from llama_samples import FACTS, QUESTION, Listener, assistant, bag_of_words, new_embedder, said, user

from nuonuo import AssociativeMemory, VectorEmbedder
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock, NuonuoRetriever

ALLERGY = "I am allergic to peanuts."


def stored(engine: AssociativeMemory) -> list[str]:
    return [memory.text for memory in engine.list(namespace="default", session_id="now")]


@pytest.fixture
def model() -> Listener:
    return Listener(lambda messages: f"You said: {messages[-1].content}")


@pytest.fixture(params=["simple", "condense+context"])
def chat(request: pytest.FixtureRequest, engine: AssociativeMemory, model: Listener) -> BaseChatEngine:
    memory = NuonuoMemory(memory=engine, session_id="now")
    if request.param == "simple":
        return SimpleChatEngine.from_defaults(llm=model, memory=memory)
    retriever = NuonuoRetriever(engine, k=1, namespace="documents")
    retriever.add_nodes([TextNode(text="Garages must be locked at night.")])
    return CondensePlusContextChatEngine.from_defaults(
        retriever, llm=model, memory=memory, skip_condense=True
    )


def shows(model: Listener, text: str) -> bool:
    return any(text in str(message.content) for message in model.heard[-1])


def test_a_chat_with_one_message_of_history_loses_nothing(
    chat: BaseChatEngine, engine: AssociativeMemory, model: Listener
) -> None:
    chat.chat(ALLERGY)
    answer = chat.chat_history[-1]
    chat.chat("What am I allergic to?", chat_history=[answer])
    assert shows(model, ALLERGY)
    assert [message.content for message in chat.chat_history[:2]] == [
        answer.content,
        "What am I allergic to?",
    ]
    assert len(engine.list(session_id="now")) == 4
    chat.reset()
    assert chat.chat_history == []
    chat.chat("Am I allergic to anything?")
    assert shows(model, ALLERGY)
    assert len(chat.chat_history) == 2
    assert len(engine.list(session_id="now")) == 6


def test_a_back_end_that_sends_the_last_messages_each_time(
    chat: BaseChatEngine, engine: AssociativeMemory
) -> None:
    seen: list[ChatMessage] = []  # what the client shows on its page
    for fact in [*FACTS, FACTS[0]]:
        reply = chat.chat(
            fact,
            chat_history=[
                user(each.content) if each.role == "user" else assistant(str(each.content))
                for each in seen[-4:]
            ],
        )
        seen += [user(fact), assistant(str(reply))]
        assert said(chat.chat_history) == said(seen[-6:])
    assert stored(engine) == [message.content for message in seen]


@pytest.mark.parametrize("kind", ["agent", "workflow"])
@pytest.mark.parametrize("with_question", [True, False])
async def test_an_agent_that_is_sent_the_last_messages_each_time(
    engine: AssociativeMemory, model: Listener, kind: str, with_question: bool
) -> None:
    seen: list[ChatMessage] = []
    for fact in [ALLERGY, *FACTS, "What am I allergic to?"]:
        agent = FunctionAgent(name="a", description="a", llm=model, tools=[], streaming=False)
        runner = agent if kind == "agent" else AgentWorkflow(agents=[agent], root_agent="a")
        memory = NuonuoMemory(memory=engine, session_id="now", k=3)
        seen.append(user(fact))
        if with_question:
            reply = await runner.run(chat_history=seen[-3:], memory=memory)
        else:
            reply = await runner.run(user_msg=fact, chat_history=seen[-3:-1], memory=memory)
        seen.append(assistant(str(reply)))
        assert said(memory.get_all()) == said(seen[-4:])
    assert stored(engine) == [message.content for message in seen]
    assert shows(model, ALLERGY)


async def test_the_window_outlives_a_context_and_a_process(
    tmp_path: Path, model: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    agent = FunctionAgent(llm=model, tools=[], streaming=False)
    memory = NuonuoMemory(memory=tmp_path / "m.db", session_id="now")
    memory.put_messages([user(ALLERGY), assistant("Noted.")])
    context = Context(agent)
    await agent.run(
        user_msg=QUESTION, memory=memory, ctx=context, chat_history=[user("Hello"), assistant("Hi")]
    )
    written = context.to_dict(serializer=JsonSerializer())
    memory.memory.close()  # as where the process ended
    context = Context.from_dict(agent, written, serializer=JsonSerializer())
    again = await context.store.get("memory")
    assert [m.content for m in again.get_all()][:3] == ["Hello", "Hi", QUESTION]
    await agent.run(user_msg="And what am I allergic to?", ctx=context)
    assert shows(model, ALLERGY)
    assert len(again.get_all()) == 6
    again.reset()
    again.memory.close()
    afresh = NuonuoMemory(memory=tmp_path / "m.db", session_id="now")
    assert afresh.get_all() == []
    assert len(stored(afresh.memory)) == 8
    afresh.memory.close()


# -- where the engine fails -------------------------------------------------------------------------


class Failing:
    """An embedder that can be told to fail."""

    def __init__(self) -> None:
        self.fails = False

    def __call__(self, texts: list[str]) -> np.ndarray:
        if self.fails:
            raise TimeoutError("no connection")
        return bag_of_words(texts)


@pytest.mark.parametrize("kind", ["simple", "context", "block"])
@pytest.mark.parametrize("on_error", ["log", "raise"])
def test_no_answer_is_lost_to_an_engine_that_fails(
    kind: str, on_error: str, caplog: pytest.LogCaptureFixture
) -> None:
    embed = Failing()

    def answer(messages: Sequence[ChatMessage]) -> str:
        embed.fails = True
        return "It is 4471."

    embedder = VectorEmbedder(embed, name="bag-of-words", dimension=64)
    with AssociativeMemory(embedder=embedder) as engine, AssociativeMemory(embedder=new_embedder()) as other:
        memory: BaseMemory = NuonuoMemory(memory=engine, session_id="now", on_error=on_error)
        if kind == "block":
            block = NuonuoMemoryBlock(memory=engine, on_error=on_error)
            memory = Memory.from_defaults(memory_blocks=[block], token_limit=8, token_flush_size=1)
        chat: BaseChatEngine = SimpleChatEngine.from_defaults(llm=Listener(answer), memory=memory)
        if kind == "context":
            retriever = NuonuoRetriever(other)
            retriever.add_nodes([TextNode(text="Garages must be locked at night.")])
            chat = ContextChatEngine.from_defaults(retriever, llm=Listener(answer), memory=memory)
        first, second = "Where is the garage code, please?", "And where is it now, if I may ask?"
        if on_error == "raise":
            embed.fails = True
            with pytest.raises(TimeoutError):
                chat.chat(first * 2)
            return
        assert [str(chat.chat(each)) for each in (first, second)] == ["It is 4471."] * 2
        assert "not stored" in caplog.text and "no connection" in caplog.text
        if kind != "block":
            told = [first, "It is 4471.", second, "It is 4471."]
            assert [message.content for message in chat.chat_history] == told
            embed.fails = False
            memory.put(user("Thank you."))  # and what could not be stored is stored with it
            assert stored(engine) == [*told, "Thank you."]
