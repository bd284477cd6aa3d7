"""Sessions of NuonuoMemory and the message history: none of them is everybody's, and no answer is lost."""

from __future__ import annotations

import logging
import warnings
from typing import Any
from uuid import UUID

import pytest

pytest.importorskip("langchain_classic")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from langchain_classic.chains import ConversationChain
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_samples import FACTS, listener, said

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, InvalidTypeError, NuonuoError, StoreClosedError
from nuonuo_integrations._engine import mended
from nuonuo_integrations.langchain import NuonuoChatMessageHistory, NuonuoMemory

NOBODY: list[Any] = [None, "", " \n", 1.5, True, ["s"], b"s"]
ID = UUID("12345678123456781234567812345678")


def keep(engine: AssociativeMemory) -> list[tuple[str | None, str]]:
    """What must still be there afterwards."""
    for namespace in ("ana", "default"):
        engine.add(FACTS, namespace=namespace, session_id="other")
    return said(engine)


# -- the history ------------------------------------------------------------------------------------


@pytest.mark.parametrize("nobody", NOBODY)
async def test_a_history_of_nobody_is_an_error(engine: AssociativeMemory, nobody: Any) -> None:
    before = keep(engine)
    with pytest.raises(NuonuoError, match="session_id"):
        NuonuoChatMessageHistory(engine, nobody)
    with pytest.raises(NuonuoError, match="namespace"):
        NuonuoChatMessageHistory(engine, "s", namespace=nobody)
    history = NuonuoChatMessageHistory(engine, "s", namespace="ana")
    for name in ("session_id", "namespace"):
        kept = getattr(history, name)
        setattr(history, name, nobody)
        for call in (lambda: history.messages, history.clear, lambda: history.add_user_message("x")):
            with pytest.raises(NuonuoError, match=name):
                call()
        for twin in (history.aget_messages(), history.aclear(), history.aadd_messages([HumanMessage("x")])):
            with pytest.raises(NuonuoError, match=name):
                await twin
        setattr(history, name, kept)
    assert said(engine) == before


@pytest.mark.parametrize(("id", "session"), [(7, "7"), (ID, str(ID)), ("s", "s")])
def test_a_number_or_a_uuid_is_its_text(engine: AssociativeMemory, id: Any, session: str) -> None:
    NuonuoChatMessageHistory(engine, id).add_user_message("Hello.")
    memory = NuonuoMemory(memory=engine, session_id=id)
    memory.save_context({"input": "And?"}, {"output": "So."})
    assert [text for _, text in said(engine, session)] == ["Hello.", "And?", "So."]


@pytest.mark.parametrize("nobody", [None, "", " "])
async def test_a_run_of_nobody_is_an_error(engine: AssociativeMemory, nobody: Any) -> None:
    before = keep(engine)
    model = RunnableLambda(lambda messages: AIMessage("Hello."))
    chain = RunnableWithMessageHistory(model, lambda session_id: NuonuoChatMessageHistory(engine, session_id))
    with pytest.raises((InvalidInputError, InvalidTypeError), match="session_id"):
        chain.invoke("Hi.", {"configurable": {"session_id": nobody}})
    with pytest.raises((InvalidInputError, InvalidTypeError), match="session_id"):
        await chain.ainvoke("Hi.", {"configurable": {"session_id": nobody}})
    assert said(engine) == before


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_a_history_that_cannot_be_written_loses_no_answer(
    engine: AssociativeMemory, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(messages: Any) -> AIMessage:
        engine.close()
        return AIMessage("Hello.")

    chain = RunnableWithMessageHistory(
        RunnableLambda(answer), lambda session_id: NuonuoChatMessageHistory(engine, session_id)
    )
    config: Any = {"configurable": {"session_id": "s"}}
    said = chain.invoke("Hi.", config) if way == "invoke" else await chain.ainvoke("Hi.", config)
    assert said == AIMessage("Hello.")
    assert "closed" in caplog.text


# -- the classic memory -----------------------------------------------------------------------------


@pytest.mark.parametrize("nobody", NOBODY)
@pytest.mark.parametrize("name", ["session_id", "namespace"])
def test_a_memory_of_nobody_is_an_error(engine: AssociativeMemory, name: str, nobody: Any) -> None:
    before = keep(engine)
    with pytest.raises((NuonuoError, ValueError), match=name):
        NuonuoMemory(**{"memory": engine, name: nobody})
    memory = NuonuoMemory(memory=engine, session_id="s", namespace="ana")
    setattr(memory, name, nobody)
    with pytest.raises(NuonuoError, match=name):
        memory.load_memory_variables({"input": "Rex?"})
    with pytest.raises(NuonuoError, match=name):
        memory.save_context({"input": "x"}, {"output": "y"})
    with pytest.raises(NuonuoError, match=name):
        memory.clear()
    assert said(engine) == before


def test_a_chain_keeps_its_answer_when_the_memory_fails(
    engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    engine.add(FACTS)
    memory = NuonuoMemory(memory=engine, session_id="s")
    chain = ConversationChain(llm=listener("He hides."), memory=memory)
    engine.close()
    with caplog.at_level(logging.ERROR):
        assert chain.invoke({"input": "What does Rex fear?"})["response"] == "He hides."
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 3 and all("session 's'" in each and "Rex" not in each for each in told)
    with pytest.raises(StoreClosedError):  # a deletion that did not happen is no success
        memory.clear()
    strict = NuonuoMemory(memory=engine, on_error="raise")
    for call in (
        lambda: strict.load_memory_variables({"input": "Rex?"}),
        lambda: strict.save_context({"input": "x"}, {"output": "y"}),
    ):
        with pytest.raises(StoreClosedError):
            call()


def test_half_a_character_is_mended(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine, session_id="s", on_error="raise")
    memory.load_memory_variables({"input": "half \ud83d"})
    memory.save_context({"input": "half \ud83d"}, {"output": "dog \ud83d\udc36"})
    assert [text for _, text in said(engine)] == ["half \ufffd", "dog \U0001f436"]
    history = NuonuoChatMessageHistory(engine, "h")
    call = {"name": "say", "args": {"b\ud83d": ["\ud83d"], "a": 1}, "id": "c"}
    history.add_messages([HumanMessage("half \ud83d", name="Ana\ud83d"), AIMessage("", tool_calls=[call])])
    assert said(engine, "h")[0] == ("user", "half \ufffd")
    first, second = history.messages
    assert (mended(first.text), mended(first.name or "")) == ("half \ufffd", "Ana\ufffd")
    assert isinstance(second, AIMessage) and second.text == ""
    assert mended(repr(second.tool_calls[0]["args"])) in map(
        mended, (repr(call["args"]), repr({"b\ufffd": ["\ufffd"], "a": 1}))
    )


def test_a_tool_call_keeps_its_order_and_kinds(engine: AssociativeMemory) -> None:
    args = {"zeta": 1, "alpha": {"y": 2.0, "b": None}, "mid": [True, "1"]}
    message = AIMessage("", tool_calls=[{"name": "door", "args": args, "id": "c"}])
    history = NuonuoChatMessageHistory(engine, "s")
    history.add_message(message)
    (back,) = history.messages
    assert back == message
    assert repr(back.tool_calls[0]["args"]) == repr(args)  # type: ignore[attr-defined]


# -- keys and blocks --------------------------------------------------------------------------------

BLOCKS = [{"type": "text", "text": "My dog "}, {"type": "image", "url": "https://x.org/rex.png"}, "is Rex."]


@pytest.mark.parametrize("given", [BLOCKS, HumanMessage(BLOCKS), [HumanMessage(BLOCKS)]])
def test_text_blocks_are_text(engine: AssociativeMemory, given: Any) -> None:
    memory = NuonuoMemory(memory=engine, session_id="s", on_error="raise")
    memory.load_memory_variables({"input": given})
    memory.save_context({"input": given}, {"output": [{"type": "text", "text": "Noted."}]})
    assert said(engine) == [("user", "My dog is Rex."), ("assistant", "Noted.")]


def test_a_key_that_is_not_there_is_named(engine: AssociativeMemory) -> None:
    memory = NuonuoMemory(memory=engine, input_key="question", output_key="answer")
    with pytest.raises(InvalidInputError, match=r"input_key is 'question'.*\['input'\]"):
        memory.load_memory_variables({"input": "Rex?"})
    with pytest.raises(InvalidInputError, match=r"input_key is 'question'.*\['input'\]"):
        memory.save_context({"input": "Rex?"}, {"answer": "Yes."})
    with pytest.raises(InvalidInputError, match=r"output_key is 'answer'.*\['text'\]"):
        memory.save_context({"question": "Rex?"}, {"text": "Yes."})
    assert memory.load_memory_variables({}) == {"history": ""}
    assert engine.list() == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"k": 0}, "k"), ({"k": "many"}, "k"), ({"turns": -1}, "turns"), ({"max_tokens": -1}, "max_tokens"),
     ({"where": {"role": {"$like": 1}}}, r"filter on 'role'.*\$like"), ({"where": "role"}, "where"),
     ({"token_counter": 3}, "token_counter"), ({"on_error": "ignore"}, "on_error"),
     ({"memory": None}, "memory")],
)  # fmt: skip
def test_what_can_be_known_is_told_at_construction(
    engine: AssociativeMemory, wrong: dict[str, Any], named: str
) -> None:
    with pytest.raises((NuonuoError, ValueError), match=named):
        NuonuoMemory(**{"memory": engine, **wrong})
