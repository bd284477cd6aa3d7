"""NuonuoRetriever: LangChain's own suite for retrievers, what it says of each hit, how it is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_classic.chains import RetrievalQA
from langchain_core.documents import Document
from langchain_core.load import dumpd
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import ConfigurableField, RunnablePassthrough
from langchain_samples import FACTS, listener, new_embedder
from langchain_tests.integration_tests import RetrieversIntegrationTests
from langchain_words import WHEN

from nuonuo import AssociativeMemory, Memory, MiniLM
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.langchain import NuonuoRetriever


@pytest.fixture
def past(engine: AssociativeMemory) -> AssociativeMemory:
    """An engine that holds a conversation of spring."""
    engine.add(FACTS, session_id="spring", role="user", timestamp=WHEN)
    return engine


class TestStandard(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[NuonuoRetriever]:
        return NuonuoRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        engine = AssociativeMemory(embedder=new_embedder())
        engine.add(FACTS)
        return {"memory": engine}

    @property
    def retriever_query_example(self) -> str:
        return "What is Rex afraid of?"


def texts(documents: list[Document]) -> list[str]:
    return [each.page_content for each in documents]


def test_a_document_is_the_memory_and_why_it_was_recalled(engine: AssociativeMemory) -> None:
    engine.add(
        Memory(
            "The garage code is 4471.",
            role="user",
            timestamp=WHEN,
            session_id="s",
            metadata={"score": 3},
            id="g",
        )
    )
    engine.add(FACTS[:3])
    retriever = NuonuoRetriever(memory=engine, k=1)
    (document,) = retriever.invoke("garage code")
    (hit,) = (recall := engine.recall("garage code", 1))
    assert (document.id, document.page_content) == ("g", "The garage code is 4471.")
    why = document.metadata.pop("nuonuo")
    own = {"role": "user", "session_id": "s", "timestamp": WHEN.isoformat()}
    assert document.metadata == {**own, "score": 3}
    assert {name: why[name] for name in own} == own
    assert why["score"] == pytest.approx(hit.score)
    assert why["confidence"] == pytest.approx(recall.confidence)
    assert sum(why["signals"].values()) == pytest.approx(hit.evidence.rank)
    assert document == Document.model_validate_json(document.model_dump_json())
    assert retriever.invoke("garage code")[0].id == "g"


def test_words_and_paths_are_told(minilm: MiniLM) -> None:
    with AssociativeMemory(embedder=minilm) as engine:
        engine.add(FACTS, session_id="spring")
        documents = NuonuoRetriever(memory=engine, k=4).invoke("What is the dog scared of?")
    assert documents[0].page_content == FACTS[1]
    matches = documents[0].metadata["nuonuo"]["matches"]
    assert {match["word"].lower() for match in matches} >= {"dog", "scared"}
    links = [link for document in documents for link in document.metadata["nuonuo"]["path"]]
    assert all({"source_id", "target_id", "kind", "weight", "words"} == set(link) for link in links)
    json.dumps([document.metadata for document in documents])


def test_filters_of_the_retriever_and_of_the_call(engine: AssociativeMemory) -> None:
    engine.add(
        ["the code is one", "the code is two"], session_id="a", role="user", metadata={"n": 1}, timestamp=WHEN
    )
    engine.add("the code is three", session_id="b", role="assistant", metadata={"n": 3})
    engine.add("the code is four", namespace="other")
    everything = NuonuoRetriever(memory=engine)
    assert len(everything.invoke("code")) == 3
    assert texts(NuonuoRetriever(memory=engine, namespace="other").invoke("code")) == ["the code is four"]
    assert texts(NuonuoRetriever(memory=engine, session_id="b").invoke("code")) == ["the code is three"]
    assert texts(everything.invoke("code", session_id="b")) == ["the code is three"]
    assert len(NuonuoRetriever(memory=engine, session_id="b").invoke("code", session_id="a")) == 2
    assert texts(everything.invoke("code", where={"n": {"$gt": 1}})) == ["the code is three"]
    users = NuonuoRetriever(memory=engine, where={"role": "user"})
    assert len(users.invoke("code")) == 2
    assert users.invoke("code", where={"n": 3}) == []
    assert len(everything.invoke("code", before=WHEN + timedelta(days=1))) == 2
    assert everything.invoke("code", after=WHEN + timedelta(days=1)) == []
    assert len(NuonuoRetriever(memory=engine, after=WHEN, before="2027-01-01").invoke("code")) == 2
    with pytest.raises(InvalidInputError, match="role"):
        users.invoke("code", where={"role": "assistant"})


def test_nothing_asked_or_stored_is_nothing_found(engine: AssociativeMemory, past: AssociativeMemory) -> None:
    assert NuonuoRetriever(memory=past).invoke(" ") == []
    assert NuonuoRetriever(memory=past, namespace="empty").invoke("Rex") == []


async def test_asked_async_it_finds_the_same(past: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(memory=past)
    for question in ("Rex", "garage code", " "):
        assert await retriever.ainvoke(question, k=2) == retriever.invoke(question, k=2)
    assert [texts(each) for each in await retriever.abatch(["Rex", "garage"], k=1)] == [
        texts(each) for each in retriever.batch(["Rex", "garage"], k=1)
    ]


async def test_a_batch_is_embedded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder, calls = new_embedder(), list[int]()
    with AssociativeMemory(embedder=embedder) as engine:
        engine.add(FACTS, session_id="s")
        engine.add("Rex was elsewhere.", session_id="t")
        retriever = NuonuoRetriever(memory=engine, k=2)
        questions = ["Who fears thunder?", "What is the code of the garage?", "Rex", "Rex"]
        alone = [retriever.invoke(each) for each in questions]
        ours = [retriever.invoke(each, session_id="t") for each in questions]
        encode = embedder.encode_queries
        monkeypatch.setattr(
            embedder, "encode_queries", lambda given: (calls.append(len(given)), encode(given))[1]
        )
        engine._encoder.forget()
        assert retriever.batch(questions) == alone
        assert await retriever.abatch(questions) == alone
        assert retriever.batch(questions, session_id="t") == ours != alone
        chain = StrOutputParser() | retriever
        assert chain.batch(questions) == alone
        assert calls == [3]  # then they are known
        told = retriever.batch(["Rex", 7, " "], return_exceptions=True)  # type: ignore[list-item]
        assert told[0] == alone[2] and isinstance(told[1], InvalidTypeError) and told[2] == []
        with pytest.raises(InvalidTypeError):
            retriever.batch(["Rex", 7])  # type: ignore[list-item]
        with pytest.raises(InvalidInputError, match="k must be"):
            retriever.batch(["Rex", "garage"], k=0)


def test_the_session_can_be_said_per_request(past: AssociativeMemory) -> None:
    past.add("Rex has a new collar.", session_id="summer")
    retriever = NuonuoRetriever(memory=past).configurable_fields(
        session_id=ConfigurableField(id="session_id")
    )
    found = retriever.invoke("Rex", {"configurable": {"session_id": "summer"}})
    assert texts(found) == ["Rex has a new collar."]
    assert len(retriever.invoke("Rex")) == 7


async def test_inside_of_chains(past: AssociativeMemory) -> None:
    retriever, model = NuonuoRetriever(memory=past, k=1), listener(*["4471."] * 3)
    prompt = ChatPromptTemplate.from_template("{context}\n\n{question}")
    chain = {"context": retriever, "question": RunnablePassthrough()} | prompt | model | StrOutputParser()
    assert chain.invoke("What is the garage code?") == "4471."
    assert "The garage code is 4471." in str(model.heard[-1])
    assert "".join([part async for part in chain.astream("What is the garage code?")]) == "4471."
    classic = RetrievalQA.from_chain_type(model, retriever=retriever, return_source_documents=True)
    answer = classic.invoke({"query": "What is the garage code?"})
    assert texts(answer["source_documents"]) == ["The garage code is 4471."]
    assert "The garage code is 4471." in str(model.heard[-1])


def test_a_path_opens_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minilm: MiniLM) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", lambda: minilm)
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path) as engine:
        engine.add(FACTS)
    retriever = NuonuoRetriever(memory=str(path), k=1)
    assert texts(retriever.invoke("garage code")) == ["The garage code is 4471."]
    assert retriever.model_dump()["memory"] == str(path)
    retriever.memory.close()


def test_what_is_not_possible_is_said(past: AssociativeMemory) -> None:
    with pytest.raises(InvalidTypeError, match="AssociativeMemory"):
        NuonuoRetriever(memory=3)
    with pytest.raises(InvalidInputError, match="top_k"):
        NuonuoRetriever(memory=past, top_k=3)
    retriever = NuonuoRetriever(memory=past)
    with pytest.raises(InvalidInputError, match="k must be at least 1"):
        retriever.invoke("Rex", k=0)
    with pytest.raises(TypeError, match="top_k"):
        retriever.invoke("Rex", top_k=3)
    with pytest.raises(InvalidInputError, match=r"\$regex"):
        retriever.invoke("Rex", where={"n": {"$regex": "x"}})
    assert dumpd(retriever)["type"] == "not_implemented"


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"k": 0}, InvalidInputError, "k must be at least 1"),
        ({"k": "5"}, InvalidTypeError, "k must be an int, got str '5'"),
        ({"k": 2.0}, InvalidTypeError, "k must be an int"),
        ({"where": {"n": {"$regex": "x"}}}, InvalidInputError, r"\$regex"),
        ({"where": {"$nor": []}}, InvalidInputError, r"\$nor"),
        ({"where": "role"}, InvalidTypeError, "where must be a mapping"),
        ({"after": "last week"}, InvalidInputError, "after is no point in time"),
        ({"before": []}, InvalidTypeError, "before must be a datetime"),
        ({"namespace": " "}, InvalidInputError, "namespace must hold some text"),
        ({"namespace": None}, InvalidTypeError, "namespace must be a str"),
        ({"session_id": ""}, InvalidInputError, "session_id must hold some text"),
        ({"timestamp_key": 3}, InvalidTypeError, "timestamp_key must be the name of a metadata key"),
        ({"role_key": ["a", None]}, InvalidTypeError, "role_key must be"),
    ],
)
def test_a_wrong_argument_is_told_at_construction(
    past: AssociativeMemory, wrong: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        NuonuoRetriever(**{"memory": past, **wrong})
    if wrong.keys() & {"k", "where", "after", "before"}:
        with pytest.raises(error, match=says):
            NuonuoRetriever(memory=past).invoke("Rex", **wrong)


@pytest.mark.parametrize("question", [{"question": "Rex"}, None, 3, ["Rex"], HumanMessage("Rex")])
async def test_a_question_is_a_text(past: AssociativeMemory, question: Any) -> None:
    retriever = NuonuoRetriever(memory=past)
    with pytest.raises(InvalidTypeError, match="itemgetter"):
        retriever.invoke(question)
    with pytest.raises(InvalidTypeError, match=f"got {type(question).__name__}"):
        await retriever.ainvoke(question)


def test_a_session_may_be_named_by_what_is_no_text(past: AssociativeMemory) -> None:
    past.add(["Rex of seven", "Rex of a uuid"], session_id="7")
    assert len(NuonuoRetriever(memory=past, session_id=7).invoke("Rex")) == 2
    assert len(NuonuoRetriever(memory=past).invoke("Rex", session_id=7)) == 2
    assert NuonuoRetriever(memory=past, session_id=UUID(int=7)).invoke("Rex") == []


def test_a_question_of_half_characters_is_mended(past: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(memory=past, k=1)
    whole = retriever.invoke("Rex \ufffd")
    assert retriever.invoke("Rex \ud83d") == whole
    assert retriever.batch(["Rex \ud83d", "Rex \ud83d"]) == [whole, whole]
