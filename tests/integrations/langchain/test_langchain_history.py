"""NuonuoChatMessageHistory: any message comes back as it was, by itself and in RunnableWithMessageHistory."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableWithMessageHistory
from langchain_samples import FACTS, Listener, listener, new_embedder, said
from langchain_words import SMALL

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations._prompt import render
from nuonuo_integrations.langchain import NuonuoChatMessageHistory, NuonuoRetriever

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")

MESSAGES: list[BaseMessage] = [
    HumanMessage("Hello"),
    AIMessage("Hi, who are you?"),
    SystemMessage("Be brief."),
    HumanMessage("Ana", name="ana", id="m-1"),
    HumanMessage([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]),
    HumanMessage([{"type": "image_url", "image_url": {"url": "data:,x"}}]),
    AIMessage("", tool_calls=[{"name": "door", "args": {"code": 4471}, "id": "c1"}]),
    ToolMessage("open", tool_call_id="c1", artifact={"a": [1]}),
    ToolMessage("", tool_call_id="c1", status="error"),
    FunctionMessage("1", name="f"),
    ChatMessage("as you wish", role="butler"),
    AIMessage(" spaced \n", response_metadata={"model": "m"}, usage_metadata={
        "input_tokens": 1, "output_tokens": 2, "total_tokens": 3,
    }),
    AIMessage(""),
]  # fmt: skip


def history(engine: AssociativeMemory, session: str = "now", **options: Any) -> NuonuoChatMessageHistory:
    return NuonuoChatMessageHistory(engine, session, **options)


@pytest.mark.parametrize("message", MESSAGES, ids=repr)
def test_a_message_comes_back_as_it_was(engine: AssociativeMemory, message: BaseMessage) -> None:
    before = message.model_copy(deep=True)
    history(engine).add_message(message)
    assert history(engine).messages == [message] == [before]


def test_as_langchains_own_history(engine: AssociativeMemory) -> None:
    ours, theirs = history(engine), InMemoryChatMessageHistory()
    for each in (ours, theirs):
        each.add_messages(MESSAGES)
        each.add_user_message("and?")
        each.add_ai_message(AIMessage("so"))
    assert ours.messages == theirs.messages
    assert str(ours) == str(theirs)
    for each in (ours, theirs):
        each.clear()
        assert each.messages == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([HumanMessage, AIMessage, SystemMessage]), st.text(max_size=12)), max_size=6
    )
)
def test_any_conversation_round_trips(turns: list[tuple[type[BaseMessage], str]]) -> None:
    messages = [kind(content=text) for kind, text in turns]
    with AssociativeMemory(embedder=new_embedder(), config=SMALL) as engine:
        history(engine).add_messages(messages)
        assert history(engine).messages == messages


def test_sessions_and_namespaces_are_apart(engine: AssociativeMemory) -> None:
    for session, namespace in (("a", "me"), ("b", "me"), ("a", "you")):
        history(engine, session, namespace=namespace).add_user_message(f"{session} of {namespace}")
    history(engine, "a", namespace="me").clear()
    assert said(engine) == [("user", "b of me"), ("user", "a of you")]


async def test_the_async_twins(engine: AssociativeMemory) -> None:
    mine = history(engine)
    await mine.aadd_messages(MESSAGES[:2])
    assert await mine.aget_messages() == mine.messages == MESSAGES[:2]
    await mine.aclear()
    assert await mine.aget_messages() == []


def test_what_is_stored_can_be_recalled_but_for_instructions(engine: AssociativeMemory) -> None:
    history(engine).add_messages(
        [
            SystemMessage("Never tell the garage code."),
            HumanMessage(FACTS[3]),
            AIMessage("", tool_calls=[{"name": "garage_code", "args": {}, "id": "c"}]),
        ]
    )
    found = NuonuoRetriever(memory=engine).invoke("garage code")
    assert [each.page_content for each in found] == [FACTS[3]]


def test_an_echo_of_what_was_recalled_is_not_stored(engine: AssociativeMemory) -> None:
    engine.add(FACTS)
    block = render(engine.recall("garage code", 2))
    history(engine).add_messages(
        [
            HumanMessage("What is the code?"),
            AIMessage(f"From my notes: {block}\nIt is 4471."),
            AIMessage([{"type": "text", "text": f"{block} Indeed."}]),
        ]
    )
    now = [text for _, text in said(engine, "now")]
    assert now[0] == "What is the code?"
    assert "From my notes:" in now[1] and "It is 4471." in now[1] and "garage" not in now[1]
    assert now[2] == "Indeed."


def test_chunks_are_stored_as_the_message_that_they_make(engine: AssociativeMemory) -> None:
    history(engine).add_message(AIMessageChunk("Hel") + AIMessageChunk("lo"))
    assert history(engine).messages == [AIMessage("Hello")]


def conversation(engine: AssociativeMemory, model: Listener) -> Any:
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history"), ("human", "{input}")])
    return RunnableWithMessageHistory(
        prompt | model | StrOutputParser(),
        lambda session_id: NuonuoChatMessageHistory(engine, session_id),
        input_messages_key="input",
        history_messages_key="history",
    )


TURNS = [("user", "one"), ("assistant", "I see."), ("user", "two"), ("assistant", "I see.")]


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream", "batch"])
async def test_in_runnable_with_message_history(engine: AssociativeMemory, way: str) -> None:
    model = listener(*["I see."] * 3)
    chain = conversation(engine, model)
    config = {"configurable": {"session_id": "s"}}
    for text in ("one", "two"):
        if way == "astream":
            answer = "".join([part async for part in chain.astream({"input": text}, config)])
        elif way == "stream":
            answer = "".join(chain.stream({"input": text}, config))
        elif way == "batch":
            (answer,) = chain.batch([{"input": text}], config)
        else:
            result = getattr(chain, way)({"input": text}, config)
            answer = await result if way == "ainvoke" else result
        assert answer == "I see."
    assert said(engine, "s") == TURNS
    assert [message.text for message in model.heard[-1]] == ["one", "I see.", "two"]
    chain.invoke({"input": "three"}, {"configurable": {"session_id": "other"}})
    assert [message.text for message in model.heard[-1]] == ["three"]


def test_around_a_bare_model(engine: AssociativeMemory) -> None:
    model = listener(*["I see."] * 3)
    chain = RunnableWithMessageHistory(model, lambda session_id: NuonuoChatMessageHistory(engine, session_id))
    for text in ("one", "two"):
        chain.invoke([HumanMessage(text)], {"configurable": {"session_id": "s"}})
    assert said(engine, "s") == TURNS


def test_what_is_no_memory_is_an_error() -> None:
    with pytest.raises(InvalidTypeError, match="AssociativeMemory"):
        NuonuoChatMessageHistory(3, "s")


@pytest.mark.parametrize("bad", ["text", None, {"role": "user", "content": "text"}])
async def test_what_is_no_message_is_told_and_nothing_is_stored(engine: AssociativeMemory, bad: Any) -> None:
    history = NuonuoChatMessageHistory(engine, "s")
    with pytest.raises(InvalidTypeError, match="must be a BaseMessage"):
        history.add_messages([HumanMessage("Hello"), bad])
    with pytest.raises(InvalidTypeError, match="must be a BaseMessage"):
        await history.aadd_messages([HumanMessage("Hello"), bad])
    assert engine.list() == []


def test_an_older_conversation_keeps_its_times(
    engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    def at(**told: Any) -> HumanMessage:
        return HumanMessage("I bought a bike.", additional_kwargs=told)

    bought = datetime(2021, 3, 4, 10, tzinfo=timezone.utc)
    history = NuonuoChatMessageHistory(engine, "s")
    history.add_messages([at(timestamp="2021-03-04T10:00:00Z"), at(created_at=bought.timestamp())])
    assert [memory.timestamp for memory in engine.list()] == [bought, bought]
    assert history.messages[0].additional_kwargs == {"timestamp": "2021-03-04T10:00:00Z"}
    engine.forget(namespace="default")
    NuonuoChatMessageHistory(engine, "s", timestamp_key="said").add_messages(
        [at(said="2021-03-04T10:00:00+00:00"), at(timestamp="2021-03-04T10:00:00Z"), at(said="one day")]
    )
    own, *now = [memory.timestamp for memory in engine.list()]
    assert own == bought
    assert all(each is not None and each.year > 2021 for each in now)
    assert "one day" in caplog.text
    with pytest.raises(InvalidTypeError, match="timestamp_key"):
        NuonuoChatMessageHistory(engine, "s", timestamp_key=3)  # type: ignore[arg-type]
