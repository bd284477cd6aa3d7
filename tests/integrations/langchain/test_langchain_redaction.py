"""What other middlewares redact, block or remove is in no memory and in no prompt of another thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("langchain.agents")

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    PIIDetectionError,
    PIIMiddleware,
    after_agent,
    before_model,
    hook_config,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_agents_samples import calls, door, run, systems, thread, told, user
from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage
from langchain_samples import Listener, said
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from pydantic import BaseModel

from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoMiddleware

ADDRESS = "ana.sousa@example.org"
CARD = "4111 1111 1111 1111"
ORDERS = [pytest.param(True, id="ours first"), pytest.param(False, id="ours last")]
WAYS = ["invoke", "ainvoke", "astream"]


def agent_of(model: Any, engine: AssociativeMemory, others: list[Any], first: bool, **options: Any) -> Any:
    ours = NuonuoMiddleware(engine)
    options.setdefault("checkpointer", InMemorySaver())
    return create_agent(model, [door], middleware=[ours, *others] if first else [*others, ours], **options)


def everything(engine: AssociativeMemory, agent: Any) -> str:
    """All that is stored, and what our own part of every checkpoint holds."""
    kept = [state.values.get("nuonuo_turn") for state in agent.get_state_history(thread("t"))]
    return repr([said(engine), kept])


@pytest.mark.parametrize("first", ORDERS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("strategy", ["redact", "mask", "hash"])
async def test_what_is_redacted_is_stored_redacted_and_asked_redacted(
    engine: AssociativeMemory, strategy: Any, way: str, first: bool
) -> None:
    asked: list[str] = []

    class Asked(AssociativeMemory):
        def recall(self, query: str, *args: Any, **conditions: Any) -> Any:
            asked.append(query)
            return super().recall(query, *args, **conditions)

    engine.__class__ = Asked
    model = told(f"Noted: {ADDRESS}.", "Hm.")
    pii = PIIMiddleware("email", strategy=strategy, apply_to_input=True, apply_to_output=True)
    agent = agent_of(model, engine, [pii], first)
    state = await run(agent, user(f"My address is {ADDRESS}."), way, thread("t"))
    assert ADDRESS not in everything(engine, agent)
    assert said(engine, "t") == [
        ("user", state["messages"][0].text),
        ("assistant", state["messages"][1].text),
    ]
    assert "My address is" in said(engine, "t")[0][1]
    await run(agent, user("What is my address?"), way, thread("elsewhere"))
    assert "<recalled_memories" in systems(model)[1]
    assert ADDRESS not in systems(model)[1]
    assert asked and not any(ADDRESS in each for each in asked)


@pytest.mark.parametrize("first", ORDERS)
@pytest.mark.parametrize("way", WAYS)
async def test_what_is_blocked_is_stored_by_no_later_run(
    engine: AssociativeMemory, way: str, first: bool
) -> None:
    pii = PIIMiddleware("credit_card", strategy="block")
    agent = agent_of(told("Hello.", "Yes."), engine, [pii], first)
    with pytest.raises(PIIDetectionError):
        await run(agent, user(f"My card is {CARD}."), way, thread("t"))
    for text in ("Hello?", "Are you there?"):
        await run(agent, user(text), way, thread("t"))
    assert said(engine) == [
        ("user", "Hello?"), ("assistant", "Hello."), ("user", "Are you there?"), ("assistant", "Yes."),
    ]  # fmt: skip
    assert CARD not in everything(engine, agent)


@pytest.mark.parametrize("first", ORDERS)
async def test_what_is_blocked_and_sent_again_by_a_client_without_threads(
    engine: AssociativeMemory, first: bool
) -> None:
    pii = PIIMiddleware("credit_card", strategy="block")
    agent = agent_of(told("Hello."), engine, [pii], first, checkpointer=None)
    with pytest.raises(PIIDetectionError):
        agent.invoke(user(f"My card is {CARD}."))
    agent.invoke(user(f"My card is {CARD}.", "Hello?"))
    assert said(engine) == [("user", "Hello?"), ("assistant", "Hello.")]


@pytest.mark.parametrize("first", ORDERS)
async def test_an_answer_that_is_blocked_is_never_stored(engine: AssociativeMemory, first: bool) -> None:
    pii = PIIMiddleware("credit_card", strategy="block", apply_to_input=False, apply_to_output=True)
    agent = agent_of(told(f"It is {CARD}.", "Sorry."), engine, [pii], first)
    with pytest.raises(PIIDetectionError):
        agent.invoke(user("What is my card?"), thread("t"))
    agent.invoke(user("Well?"), thread("t"))
    assert said(engine) == [("user", "What is my card?"), ("user", "Well?"), ("assistant", "Sorry.")]


class Refuses(AgentMiddleware[Any, Any, Any]):
    """Answers in the model's place where a secret is said, as a content filter does."""

    def __init__(self, at: str, how: str) -> None:
        super().__init__()
        self.at, self.how = at, how

    def _check(self, at: str, state: Any) -> dict[str, Any] | None:
        last = state["messages"][-1]
        if at != self.at or "secret" not in last.text:
            return None
        removal, refusal = RemoveMessage(id=last.id), AIMessage("I cannot hear that.")
        said: dict[str, list[Any]] = {"silent": [], "keeps": [refusal], "removes": [removal, refusal]}
        return {"messages": said[self.how], "jump_to": "end"}

    @hook_config(can_jump_to=["end"])
    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        return self._check("agent", state)

    @hook_config(can_jump_to=["end"])
    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        return self._check("model", state)


@pytest.mark.parametrize("first", ORDERS)
@pytest.mark.parametrize("at", ["agent", "model"])
@pytest.mark.parametrize("how", ["silent", "keeps", "removes"])
async def test_what_a_filter_refuses_is_not_stored(
    engine: AssociativeMemory, at: str, how: str, first: bool
) -> None:
    agent = agent_of(told("Hello."), engine, [Refuses(at, how)], first)
    agent.invoke(user("My secret is the heron."), thread("t"))
    agent.invoke(user("Hello?"), thread("t"))
    assert said(engine) == [("user", "Hello?"), ("assistant", "Hello.")]
    assert "heron" not in everything(engine, agent)


# -- other middlewares ------------------------------------------------------------------------------


def at_end(edit: Callable[[list[Any]], list[Any]]) -> Any:
    @after_agent
    def guard(state: Any, runtime: Any) -> dict[str, Any]:
        return {"messages": edit(state["messages"])}

    return guard


async def test_what_is_removed_in_a_run_is_not_stored(engine: AssociativeMemory) -> None:
    engine.add("The garage code is 4471.", session_id="spring")
    for at, kept in ((0, [("assistant", "Two.")]), (1, [("user", "My dog is Rex.")]), (None, [])):
        remove = at_end(
            lambda messages, at=at: [RemoveMessage(id=REMOVE_ALL_MESSAGES if at is None else messages[at].id)]
        )
        agent = agent_of(told("Two."), engine, [remove], True)
        agent.invoke(user("My dog is Rex."), thread(f"t{at}"))
        assert said(engine, f"t{at}") == kept


async def test_a_removed_answer_brings_back_no_older_one(engine: AssociativeMemory) -> None:
    remove = at_end(lambda messages: [RemoveMessage(id=each.id) for each in messages[2:]])
    agent = agent_of(told("One.", "Two."), engine, [remove], True, checkpointer=None)
    first = [HumanMessage("First?"), AIMessage("One.")]
    agent.invoke({"messages": [*first, HumanMessage("Second?")]})
    assert said(engine) == []


@pytest.mark.parametrize("first", ORDERS)
async def test_a_message_that_another_stands_for_is_stored_as_that(
    engine: AssociativeMemory, first: bool
) -> None:
    @before_model
    def exchange(state: Any, runtime: Any) -> Any:
        last = state["messages"][-1]
        if ADDRESS not in last.text:
            return None
        return {"messages": [RemoveMessage(id=last.id), HumanMessage(last.text.replace(ADDRESS, "(hidden)"))]}

    agent = agent_of(told("Noted.", "Yes."), engine, [exchange], first)
    agent.invoke(user(f"I am {ADDRESS}."), thread("t"))
    agent.invoke(user("Sure?"), thread("t"))
    assert [text for _, text in said(engine)] == ["I am (hidden).", "Noted.", "Sure?", "Yes."]


async def test_who_stores_last_stores_what_a_guard_left(
    engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    def censor(messages: list[Any]) -> list[Any]:
        return [each.model_copy(update={"content": each.text.replace(CARD, "(card)")}) for each in messages]

    agent = agent_of(told(f"Is it {CARD}?", "Fine."), engine, [at_end(censor)], True)
    agent.invoke(user(f"My card is {CARD}."), thread("t"))
    assert said(engine) == [("user", "My card is (card)."), ("assistant", "Is it (card)?")]
    engine.forget(namespace="default")

    # Behind the guard it stores first. The next run mends that, and tells the right order.
    agent = agent_of(told(f"Is it {CARD}?", "Fine."), engine, [at_end(censor)], False)
    agent.invoke(user(f"My card is {CARD}."), thread("t"))
    with caplog.at_level(logging.WARNING):
        agent.invoke(user("Thanks."), thread("t"))
    assert [text for _, text in said(engine)] == ["My card is (card).", "Is it (card)?", "Thanks.", "Fine."]
    assert "put NuonuoMiddleware first" in caplog.text
    assert CARD not in caplog.text


async def test_what_the_application_corrected_in_the_memory_stays(engine: AssociativeMemory) -> None:
    agent = agent_of(told("Noted.", "Yes."), engine, [], True)
    agent.invoke(user("The garage is blue."), thread("t"))
    engine.update(str(engine.list()[0].id), text="The garage is red.")
    agent.invoke(user("Sure?"), thread("t"))
    assert said(engine)[0] == ("user", "The garage is red.")


class Card(BaseModel):
    number: str


async def test_a_structured_answer_is_stored_as_the_state_has_it(engine: AssociativeMemory) -> None:
    @after_agent
    def censor(state: Any, runtime: Any) -> dict[str, Any]:
        return {"structured_response": Card(number="(card)")}

    agent = agent_of(
        told(calls("Card", number=CARD)), engine, [censor], True, response_format=ToolStrategy(Card)
    )
    agent.invoke(user("My card?"), thread("t"))
    assert said(engine) == [("user", "My card?"), ("assistant", '{"number":"(card)"}')]


class Dead(Listener):
    def _generate(self, messages: list[Any], *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("the line is dead")


@pytest.mark.parametrize("first", ORDERS)
async def test_what_a_failing_model_was_shown_is_stored_later_as_it_was_shown(
    engine: AssociativeMemory, first: bool
) -> None:
    saver, pii = InMemorySaver(), PIIMiddleware("email")
    ours = NuonuoMiddleware(engine)
    order = [ours, pii] if first else [pii, ours]
    with pytest.raises(ConnectionError):
        create_agent(Dead(messages=iter([])), [], middleware=order, checkpointer=saver).invoke(
            user(f"I am {ADDRESS}."), thread("t")
        )
    agent = create_agent(told("Hello."), [], middleware=order, checkpointer=saver)
    agent.invoke(user("Are you there?"), thread("t"))
    assert [text for _, text in said(engine)] == ["I am [REDACTED_EMAIL].", "Are you there?", "Hello."]
