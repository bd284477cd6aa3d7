"""NuonuoMemory in LlamaIndex's own chat engines and agents: nothing lost, nothing doubled."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, CodeActAgent, FunctionAgent, ReActAgent
from llama_index.core.base.llms.types import ChatMessage, MessageRole, ToolCallBlock
from llama_index.core.chat_engine import (
    CondensePlusContextChatEngine,
    CondenseQuestionChatEngine,
    ContextChatEngine,
    SimpleChatEngine,
)
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import QueryBundle, TextNode
from llama_index.core.workflow import Context
from llama_samples import FACTS, Listener, said

from nuonuo import AssociativeMemory
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoRetriever

QUESTION = "What is the garage code?"
ECHO = "You told me this:"


def answer(messages: Sequence[ChatMessage]) -> str:
    """What a talkative model says: all that its system messages told it, and what it was asked."""
    told = [str(message.content) for message in messages if message.role == MessageRole.SYSTEM]
    return "\n".join([ECHO, *told, f"(asked: {messages[-1].content})"])


@pytest.fixture
def memory(engine: AssociativeMemory) -> NuonuoMemory:
    NuonuoMemory(memory=engine, session_id="before").put_messages(
        [ChatMessage(role="user", content=text) for text in FACTS]
    )
    return NuonuoMemory(memory=engine, session_id="now", k=3)


@pytest.fixture
def model() -> Listener:
    return Listener(answer)


@pytest.fixture(params=["simple", "context", "condense+context", "condense"])
def chat(request: pytest.FixtureRequest, memory: NuonuoMemory, model: Listener) -> BaseChatEngine:
    """Each of the chat engines, with the same memory and, where it needs one, a retriever on documents."""
    if request.param == "simple":
        return SimpleChatEngine.from_defaults(llm=model, memory=memory, system_prompt="Be brief.")
    retriever = NuonuoRetriever(memory.memory, k=1, namespace="documents")
    retriever.add_nodes([TextNode(text="Garages must be locked at night.")])
    if request.param == "context":
        return ContextChatEngine.from_defaults(retriever, llm=model, memory=memory, system_prompt="Be brief.")
    if request.param == "condense":
        query_engine = RetrieverQueryEngine.from_args(retriever, llm=model)
        return CondenseQuestionChatEngine.from_defaults(query_engine, llm=model, memory=memory)
    return CondensePlusContextChatEngine.from_defaults(retriever, llm=model, memory=memory)


QUESTIONS = [QUESTION, "And what is Rex afraid of?", QUESTION]


def check(memory: NuonuoMemory, model: Listener, replies: list[str]) -> None:
    """Each message is there once, in order, and holds nothing of what was recalled from before."""
    kept = memory.get_all()
    assert [message.role.value for message in kept] == ["user", "assistant"] * len(QUESTIONS)
    assert [message.content for message in kept[::2]] == QUESTIONS
    stored = memory.memory.list(session_id="now")
    assert len(stored) == 2 * len(QUESTIONS)
    for text, reply in zip((m.content for m in kept[1::2]), replies, strict=True):
        assert FACTS[3] not in text
        # What was said besides the recalled block is kept to the letter.
        assert text.startswith(reply[: len(ECHO)])
        assert text.strip().endswith(reply.strip()[-10:])
    assert any(FACTS[3] in str(message.content) for message in model.heard[0])


def test_chat(chat: BaseChatEngine, memory: NuonuoMemory, model: Listener) -> None:
    check(memory, model, [str(chat.chat(text)) for text in QUESTIONS])


async def test_achat(chat: BaseChatEngine, memory: NuonuoMemory, model: Listener) -> None:
    check(memory, model, [str(await chat.achat(text)) for text in QUESTIONS])


def test_stream_chat(chat: BaseChatEngine, memory: NuonuoMemory, model: Listener) -> None:
    check(memory, model, ["".join(chat.stream_chat(text).response_gen) for text in QUESTIONS])


async def test_astream_chat(chat: BaseChatEngine, memory: NuonuoMemory, model: Listener) -> None:
    replies = []
    for text in QUESTIONS:
        response = await chat.astream_chat(text)
        replies.append("".join([token async for token in response.async_response_gen()]))
        if response.awrite_response_to_history_task is not None:
            await response.awrite_response_to_history_task
    check(memory, model, replies)


def test_a_context_engine_may_be_asked_with_a_query_bundle(memory: NuonuoMemory, model: Listener) -> None:
    retriever = NuonuoRetriever(memory.memory, k=1, namespace="documents")
    retriever.add_nodes([TextNode(text="Garages must be locked at night.")])
    chat = ContextChatEngine.from_defaults(retriever, llm=model, memory=memory)
    chat.chat(QueryBundle(QUESTION))
    assert any(FACTS[3] in str(message.content) for message in model.heard[0])


def test_a_new_conversation_remembers_the_one_before(memory: NuonuoMemory, model: Listener) -> None:
    SimpleChatEngine.from_defaults(llm=model, memory=memory).chat("My parrot is called Coco.")
    later = NuonuoMemory(memory=memory.memory, session_id="later")
    SimpleChatEngine.from_defaults(llm=model, memory=later).chat("What is my parrot called?")
    assert "Coco" in model.heard[-1][0].content
    assert said(model.heard[-1][1:]) == [("user", "What is my parrot called?")]


def test_the_system_prompt_counts_against_the_limit(memory: NuonuoMemory, model: Listener) -> None:
    tight = memory.model_copy(update={"token_limit": 40, "session_id": "tight"})
    SimpleChatEngine.from_defaults(llm=model, memory=tight, system_prompt="word " * 60).chat(QUESTION)
    assert said(model.heard[0])[1:] == [("user", QUESTION)]


# -- agents ---------------------------------------------------------------------------------------


def garage_code() -> str:
    """Look the garage code up."""
    return "It says 4471."


def calls_once(messages: Sequence[ChatMessage]) -> ChatMessage | str:
    """Calls the tool for each question, then tells all that it was told."""
    if messages[-1].role == MessageRole.TOOL:
        return answer(messages)
    call = ToolCallBlock(tool_call_id="1", tool_name="garage_code", tool_kwargs={})
    return ChatMessage(role="assistant", blocks=[call])


@pytest.fixture(params=["agent", "workflow"])
def agent(request: pytest.FixtureRequest) -> tuple[FunctionAgent | AgentWorkflow, Listener]:
    model = Listener(calls_once)
    alone = FunctionAgent(
        name="a", description="a", llm=model, tools=[garage_code], system_prompt="Be brief."
    )
    return (alone if request.param == "agent" else AgentWorkflow(agents=[alone], root_agent="a")), model


async def test_an_agent_with_tools(
    agent: tuple[FunctionAgent | AgentWorkflow, Listener], memory: NuonuoMemory
) -> None:
    runner, model = agent
    for _ in range(2):
        await runner.run(user_msg=QUESTION, memory=memory)
    roles = [message.role.value for message in memory.get_all()]
    assert roles == ["user", "assistant", "tool", "assistant"] * 2
    assert len(memory.memory.list(session_id="now")) == 8
    kept = memory.get_all()
    assert [block.tool_name for block in kept[1].blocks] == ["garage_code"]
    assert kept[2].additional_kwargs == {"tool_call_id": "1"}
    assert kept[3].content.startswith(ECHO) and FACTS[3] not in kept[3].content
    assert FACTS[3] in model.heard[0][1].content  # after the agent's own system prompt
    for heard in model.heard:
        assert len([m for m in heard if FACTS[3] in str(m.content) and m.role == "system"]) == 1
        assert [m.content for m in heard if m.role == "user"] == [QUESTION] * (1 + heard_before(model, heard))


def heard_before(model: Listener, heard: list[ChatMessage]) -> int:
    """How many questions had been answered before this call: each takes two."""
    return next(at for at, each in enumerate(model.heard) if each is heard) // 2


async def test_an_agent_that_streams(
    agent: tuple[FunctionAgent | AgentWorkflow, Listener], memory: NuonuoMemory
) -> None:
    runner, _ = agent
    handler = runner.run(user_msg=QUESTION, memory=memory)
    events = [event async for event in handler.stream_events()]
    await handler
    assert events
    assert [m.role.value for m in memory.get_all()] == ["user", "assistant", "tool", "assistant"]


async def test_an_agent_recalls_once_a_turn(
    agent: tuple[FunctionAgent | AgentWorkflow, Listener],
    memory: NuonuoMemory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    recall = AssociativeMemory.recall

    def counting(self: AssociativeMemory, query: str, *args: object, **kwargs: object) -> object:
        asked.append(query)
        return recall(self, query, *args, **kwargs)

    monkeypatch.setattr(AssociativeMemory, "recall", counting)
    await agent[0].run(user_msg=QUESTION, memory=memory)
    assert asked == [QUESTION]


async def test_an_agent_given_a_history_and_a_context(
    agent: tuple[FunctionAgent | AgentWorkflow, Listener], memory: NuonuoMemory
) -> None:
    runner, _ = agent
    history = [ChatMessage(role="user", content="Hello"), ChatMessage(role="assistant", content="Hi")]
    context = Context(runner)
    await runner.run(user_msg=QUESTION, memory=memory, ctx=context, chat_history=history)
    await runner.run(user_msg="Once more?", memory=memory, ctx=context)
    texts = [m.content for m in memory.get_all() if m.role in (MessageRole.USER, MessageRole.SYSTEM)]
    assert texts == ["Hello", QUESTION, "Once more?"]


@pytest.mark.parametrize("how", [{"system_prompt": "Be brief."}, {"insert_method": "user"}])
@pytest.mark.parametrize("kind", [ReActAgent, CodeActAgent])
async def test_agents_that_take_the_first_system_message_for_their_own(
    memory: NuonuoMemory, kind: type[ReActAgent] | type[CodeActAgent], how: dict[str, str]
) -> None:
    def think(messages: Sequence[ChatMessage]) -> str:
        told = next((str(message.content) for message in messages if FACTS[3] in str(message.content)), "")
        block = re.search(r"<(recalled_memories_\w+).*</\1>", told, re.DOTALL)
        return f"Thought: I know.\nAnswer: {block and block[0]} So it is 4471."

    prompt, insert = how.get("system_prompt"), how.get("insert_method", "system")
    extra = {"code_execute_fn": lambda code: code} if kind is CodeActAgent else {}
    agent = kind(
        llm=Listener(think),
        tools=[garage_code],
        streaming=kind is CodeActAgent,
        system_prompt=prompt,
        **extra,
    )
    inserting = NuonuoMemory(memory=memory.memory, session_id="now", insert_method=insert)
    response = await agent.run(user_msg=QUESTION, memory=inserting)
    assert FACTS[3] in str(response)
    kept = inserting.get_all()
    assert [m.content for m in kept if m.role == "user"] == [QUESTION]
    assert kept[-1].content.endswith("So it is 4471.")
    assert not any(FACTS[3] in str(message.content) for message in kept)


def test_a_paraphrase_finds_it_with_the_default_embedder(model: Listener) -> None:
    pytest.importorskip("sentence_transformers")
    with AssociativeMemory() as engine:
        NuonuoMemory(memory=engine, session_id="before").put_messages(
            [ChatMessage(role="user", content=text) for text in FACTS]
        )
        memory = NuonuoMemory(memory=engine, k=2)
        SimpleChatEngine.from_defaults(llm=model, memory=memory).chat("What frightens my dog?")
        assert FACTS[1] in model.heard[0][0].content
        nodes = NuonuoRetriever(engine, k=2, session_id="before").retrieve("who looks after my teeth?")
        assert nodes[0].text == FACTS[5]
        assert nodes[0].metadata["nuonuo"]["matches"]
