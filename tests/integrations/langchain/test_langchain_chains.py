"""NuonuoMemory inside LangChain's own classic chains and agents."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest

pytest.importorskip("langchain_classic")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langchain_classic.agents import AgentExecutor, create_tool_calling_agent
    from langchain_classic.chains import ConversationalRetrievalChain, ConversationChain, LLMChain
from langchain_core.messages import AIMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder, PromptTemplate
from langchain_core.tools import tool
from langchain_samples import FACTS, listener, new_embedder, said

from nuonuo import AssociativeMemory
from nuonuo_integrations._prompt import strip
from nuonuo_integrations.langchain import NuonuoMemory, NuonuoRetriever

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::langchain_core._api.LangChainDeprecationWarning"
)


def test_conversation_chain(engine: AssociativeMemory) -> None:
    engine.add(FACTS, session_id="spring", role="user")
    model = listener("He hides.", "It is 4471.")
    memory = NuonuoMemory(memory=engine, session_id="today")
    chain = ConversationChain(llm=model, memory=memory)
    assert chain.invoke({"input": "What does Rex do in thunder?"})["response"] == "He hides."
    assert chain.invoke({"input": "What is the garage code?"})["response"] == "It is 4471."
    first, second = (messages[0].text for messages in model.heard)
    assert "Rex is afraid of thunder" in first
    assert "The garage code is 4471." in second
    assert "Human: What does Rex do in thunder?\nAI: He hides." in second
    assert said(engine, "today") == [
        ("user", "What does Rex do in thunder?"),
        ("assistant", "He hides."),
        ("user", "What is the garage code?"),
        ("assistant", "It is 4471."),
    ]


async def test_conversation_chain_async_and_streamed(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = listener("One.", "Two.", "Three.")
    chain = ConversationChain(llm=model, memory=NuonuoMemory(memory=engine, session_id="s"))
    await chain.ainvoke({"input": "Rex?"})
    streamed = [chunk async for chunk in chain.astream({"input": "Ana?"})]
    streamed += list(chain.stream({"input": "apple?"}))
    assert [chunk["response"] for chunk in streamed] == ["Two.", "Three."]
    assert all("[recalled 1" in messages[0].text for messages in model.heard)
    assert [text for _, text in said(engine, "s")] == ["Rex?", "One.", "Ana?", "Two.", "apple?", "Three."]


async def test_the_event_loop_goes_on_while_it_recalls_and_stores() -> None:
    loop = asyncio.get_running_loop()
    gate = asyncio.Event()

    def slow(texts: list[str]) -> Any:
        # It can only end if the loop runs meanwhile.
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result(timeout=30)
        return new_embedder()._embed_documents(texts)

    from nuonuo import VectorEmbedder

    with AssociativeMemory(embedder=VectorEmbedder(slow, name="slow", dimension=64)) as engine:
        memory = NuonuoMemory(memory=engine, session_id="s")
        for call in (
            memory.asave_context({"input": "Rex."}, {"response": "Noted."}),
            memory.aload_memory_variables({"input": "What of Rex?"}),
            memory.aclear(),
        ):
            gate.clear()
            loop.call_soon(gate.set)
            await call
        assert engine.list() == []


def test_llm_chain_with_two_keys(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = listener("4471.")
    prompt = PromptTemplate.from_template(
        "Known:\n{recalled}\n\nSo far:\n{chat}\n\nQ: {question}\nTone: {tone}"
    )
    memory = NuonuoMemory(memory=engine, memory_key="chat", recall_key="recalled", input_key="question", k=1)
    chain = LLMChain(llm=model, prompt=prompt, memory=memory)
    assert chain.invoke({"question": "garage code?", "tone": "kind"})["text"] == "4471."
    heard = model.heard[0][0].text
    assert "Known:\n<recalled_memories" in heard
    assert heard.endswith("So far:\n\n\nQ: garage code?\nTone: kind")
    assert said(engine, memory.session_id) == [("user", "garage code?"), ("assistant", "4471.")]


def test_llm_chain_with_messages(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    model = listener("Lisbon.", "Boats.")
    prompt = ChatPromptTemplate(
        [("system", "Be brief."), MessagesPlaceholder("history"), ("human", "{input}")]
    )
    chain = LLMChain(llm=model, prompt=prompt, memory=NuonuoMemory(memory=engine, return_messages=True))
    chain.invoke({"input": "Where does Ana live?"})
    chain.invoke({"input": "What does Ana paint?"})
    assert [message.type for message in model.heard[1]] == ["system", "system", "human", "ai", "human"]
    assert "Lisbon" in model.heard[0][1].text


@pytest.mark.parametrize("how", ["invoke", "ainvoke"])
async def test_conversational_retrieval_chain(engine: AssociativeMemory, how: str) -> None:
    engine.add(FACTS, session_id="spring")
    model = listener("Where is Ana?", "In Lisbon.", "What does Ana paint?", "Boats.")
    memory = NuonuoMemory(
        memory=engine, session_id="now", memory_key="chat_history", return_messages=True, output_key="answer"
    )
    chain = ConversationalRetrievalChain.from_llm(
        model, NuonuoRetriever(memory=engine, k=2), memory=memory, return_source_documents=True
    )
    for question, answer in (("Where is Ana?", "In Lisbon."), ("And what does she paint?", "Boats.")):
        given = {"question": question}
        result = await chain.ainvoke(given) if how == "ainvoke" else chain.invoke(given)
        assert result["answer"] == answer
        assert len(result["source_documents"]) == 2
    assert [text for _, text in said(engine, "now")] == [
        "Where is Ana?", "In Lisbon.", "And what does she paint?", "Boats."
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream"])
async def test_agent_executor_with_a_tool(engine: AssociativeMemory, how: str) -> None:
    @tool
    def door(code: str) -> str:
        """Open the door."""
        return f"opened with {code}"

    engine.add(FACTS, session_id="spring")
    call = AIMessage("", tool_calls=[{"name": "door", "args": {"code": "4471"}, "id": "1"}])
    model = listener(call, "It is open.")
    prompt = ChatPromptTemplate(
        [
            ("system", "Help."),
            MessagesPlaceholder("history"),
            ("human", "{input}"),
            ("placeholder", "{agent_scratchpad}"),
        ]
    )
    memory = NuonuoMemory(memory=engine, session_id="now", return_messages=True)
    agent = create_tool_calling_agent(model, [door], prompt)
    executor = AgentExecutor(agent=agent, tools=[door], memory=memory, stream_runnable=False)
    given = {"input": "Open the garage with its code."}
    if how == "stream":
        assert list(executor.stream(given))[-1]["output"] == "It is open."
    else:
        result = await executor.ainvoke(given) if how == "ainvoke" else executor.invoke(given)
        assert result["output"] == "It is open."
    assert all("The garage code is 4471." in strip_not(messages[1].text) for messages in model.heard)
    assert said(engine, "now") == [("user", "Open the garage with its code."), ("assistant", "It is open.")]


def strip_not(text: str) -> str:
    """What would be stripped of ``text``: it is what was injected."""
    assert strip(text) == ""
    return text
