"""Whose memory a call is: no id that is set, or copied, without a check makes it everybody's."""

from __future__ import annotations

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.schema import QueryBundle

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidTypeError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock, NuonuoRetriever


def test_no_id_that_is_set_later_widens_a_call(engine: AssociativeMemory) -> None:
    engine.add("Bob's secret", session_id="bob")
    engine.add(Memory("Of another tenant.", id="theirs", namespace="t2"))
    memory = NuonuoMemory(memory=engine, session_id="ana")
    copy = memory.model_copy(update={"session_id": None})
    memory.__dict__["session_id"] = None
    for careless in (memory, copy):
        with pytest.raises(InvalidTypeError, match="session_id must be"):
            careless.get_all()
        with pytest.raises(InvalidTypeError, match="session_id must be"):
            careless.forget()
        with pytest.raises(InvalidTypeError, match="session_id must be"):
            careless.set([ChatMessage(role="user", content="hi")])
    block = NuonuoMemoryBlock(memory=engine).model_copy(update={"namespace": None})
    with pytest.raises(InvalidTypeError, match="namespace must be"):
        block.forget("bob")
    retriever = NuonuoRetriever(engine, namespace="t1")
    with pytest.raises(InvalidTypeError, match="namespace must be"):
        retriever.namespace = None  # type: ignore[assignment]
    retriever.delete_nodes(["theirs"])
    assert [memory.text for memory in engine.list()] == ["Bob's secret", "Of another tenant."]


def test_a_question_of_half_characters_is_mended(engine: AssociativeMemory) -> None:
    engine.add("Rex hides.")
    retriever = NuonuoRetriever(engine)
    assert "Rex" in retriever.retrieve("Rex \ud83d")[0].text
    assert "Rex" in retriever.retrieve(QueryBundle("Rex \ud83d"))[0].text
