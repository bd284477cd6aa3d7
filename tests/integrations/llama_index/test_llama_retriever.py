"""NuonuoRetriever: nodes in, nodes out, through LlamaIndex's own engines."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.chat_engine import ContextChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import (
    Document,
    IndexNode,
    MetadataMode,
    NodeRelationship,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import FACTS, bag_of_words, new_embedder

from nuonuo import AssociativeMemory, NuonuoError, VectorEmbedder
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoRetriever


def nodes_of(texts: list[str]) -> list[TextNode]:
    return [TextNode(id_=f"n{i}", text=text, metadata={"line": i}) for i, text in enumerate(texts)]


@pytest.fixture
def retriever(engine: AssociativeMemory) -> NuonuoRetriever:
    retriever = NuonuoRetriever(engine, k=3)
    assert retriever.add_nodes(nodes_of(FACTS)) == [f"n{i}" for i in range(len(FACTS))]
    return retriever


def test_a_node_comes_back_as_it_was_added(engine: AssociativeMemory) -> None:
    node = TextNode(
        id_="42",
        text="The garage code is 4471.",
        metadata={"file": "house.txt", "page": 3, "tags": ["a", "b"], "doc_id": "mine", "secret": "x"},
        excluded_llm_metadata_keys=["page"],
        excluded_embed_metadata_keys=["tags", "secret"],
        relationships={
            NodeRelationship.SOURCE: RelatedNodeInfo(node_id="doc-7", metadata={"file": "house.txt"}),
            NodeRelationship.NEXT: RelatedNodeInfo(node_id="43"),
        },
        start_char_idx=10,
        end_char_idx=34,
        text_template="{content} ({metadata_str})",
    )
    retriever = NuonuoRetriever(engine)
    retriever.add_nodes([node])
    (found,) = retriever.retrieve("garage code")
    back = found.node
    del back.metadata["nuonuo"]
    back.excluded_llm_metadata_keys.remove("nuonuo")
    back.excluded_embed_metadata_keys.remove("nuonuo")
    assert back == node
    assert back.ref_doc_id == "doc-7"


def test_scores_and_evidence_reach_the_caller_but_no_prompt(
    engine: AssociativeMemory, retriever: NuonuoRetriever
) -> None:
    found = retriever.retrieve("garage code")
    recall = engine.recall("garage code", 3)
    assert [node.node_id for node in found] == [hit.memory.id for hit in recall] and len(found) == 3
    assert [node.score for node in found] == [hit.score for hit in recall]
    assert found[0].node_id == "n3"
    evidence = found[0].node.metadata["nuonuo"]
    assert json.loads(json.dumps(evidence)) == evidence
    assert evidence["signals"] == dict(recall[0].evidence.signals) and evidence["signals"]
    assert evidence["confidence"] == recall.confidence
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert found[0].node.get_content(mode) == "line: 3\n\nThe garage code is 4471."


def test_the_evidence_names_the_path(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine, k=2)
    retriever.add_nodes(nodes_of(FACTS))
    engine.associate("n3", "n5", 1.0)
    found = {node.node_id: node for node in retriever.retrieve("what is the garage code?")}
    (link,) = found["n5"].node.metadata["nuonuo"]["path"]
    assert (link["source_id"], link["target_id"], link["kind"]) == ("n3", "n5", "explicit")


def test_adding_a_node_again_updates_it(engine: AssociativeMemory, retriever: NuonuoRetriever) -> None:
    changed = TextNode(id_="n3", text="The garage code is 9902.", metadata={"line": 3, "new": True})
    assert retriever.add_nodes([changed, *nodes_of(FACTS)[4:]]) == ["n3", "n4", "n5"]
    assert engine.stats().memories == len(FACTS)
    found = retriever.retrieve("garage code")[0].node
    assert found.text == "The garage code is 9902."
    assert found.metadata["new"] is True


def test_the_last_of_two_nodes_with_one_id_wins(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine)
    assert retriever.add_nodes([TextNode(id_="a", text="old"), TextNode(id_="a", text="new")]) == ["a"]
    assert [memory.text for memory in engine.list()] == ["new"]


def test_embedded_metadata_evokes_its_node(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine, k=1)
    nodes = nodes_of(FACTS)
    nodes[4].metadata["chapter"] = "orchard"
    nodes[5].metadata["chapter"] = "orchid"
    nodes[5].excluded_embed_metadata_keys = ["chapter"]
    retriever.add_nodes(nodes)
    assert retriever.retrieve("orchard")[0].node_id == "n4"
    assert engine.get(["n5"])[0].cues == ("line: 5",)


def test_paraphrases_stay_while_the_text_does() -> None:
    asked: list[str] = []

    def paraphrase(text: str) -> list[str]:
        asked.append(text)
        return [f"about {text}"]

    engine = AssociativeMemory(embedder=new_embedder(), paraphrase=paraphrase)
    retriever = NuonuoRetriever(engine)
    for text, page, times in (("old", 1, 1), ("old", 1, 1), ("old", 2, 1), ("new", 2, 2)):
        retriever.add_nodes([TextNode(id_="a", text=text, metadata={"page": page})])
        (stored,) = engine.list()
        assert (stored.text, stored.cues) == (text, (f"page: {page}",))
        assert stored.paraphrases == (f"about {text}",)
        assert len(asked) == times


def test_a_blank_page_is_left_out_and_what_is_no_node_is_an_error(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine)
    assert retriever.add_nodes([TextNode(id_="a", text=" \n"), TextNode(id_="b", text="b")]) == ["b"]
    with pytest.raises(InvalidTypeError, match="str 'text'"):
        retriever.add_nodes(["text"])


def test_namespaces_are_walls(engine: AssociativeMemory) -> None:
    mine, yours = NuonuoRetriever(engine, namespace="me"), NuonuoRetriever(engine, namespace="you")
    mine.add_nodes([TextNode(id_="a", text="The garage code is 4471.")])
    assert yours.retrieve("garage code") == []
    with pytest.raises(InvalidInputError):
        yours.add_nodes([TextNode(id_="a", text="stolen")])
    assert mine.retrieve("garage code")[0].text == "The garage code is 4471."


def test_sessions_and_times_narrow_a_retriever(engine: AssociativeMemory) -> None:
    engine.add("the code is 1", session_id="a", role="user", timestamp="2026-01-01")
    engine.add("the code is 2", session_id="b", role="assistant", timestamp="2026-02-01")
    assert [n.text for n in NuonuoRetriever(engine, session_id="b").retrieve("code")] == ["the code is 2"]
    (early,) = NuonuoRetriever(engine, before="2026-01-15").retrieve("code")
    assert early.node.metadata | {"nuonuo": 0} == {
        "nuonuo": 0,
        "role": "user",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "session_id": "a",
    }
    # When it was said helps a model to answer; where it is kept does not.
    assert early.node.get_content(MetadataMode.LLM) == (
        "role: user\ntimestamp: 2026-01-01T00:00:00+00:00\n\nthe code is 1"
    )
    assert early.node.get_content(MetadataMode.EMBED) == "the code is 1"
    NuonuoRetriever(engine, session_id="c").add_nodes([TextNode(text="the code is 3")])
    assert [m.text for m in engine.list(session_id="c")] == ["the code is 3"]


def test_filters_let_through_k_hits_whenever_k_exist(engine: AssociativeMemory) -> None:
    everything = [f"note {i} about the garage" for i in range(60)]
    filters = MetadataFilters(filters=[MetadataFilter(key="line", operator=">=", value=57)])
    retriever = NuonuoRetriever(engine, k=3, filters=filters)
    retriever.add_nodes(nodes_of(everything))
    assert {node.node_id for node in retriever.retrieve("garage")} == {"n57", "n58", "n59"}


def test_from_documents_splits_as_llama_index_does(engine: AssociativeMemory) -> None:
    documents = [Document(id_="house", text="\n\n".join(FACTS), metadata={"file": "house.txt"})]
    splitter = SentenceSplitter(chunk_size=40, chunk_overlap=0)
    retriever = NuonuoRetriever.from_documents(documents, engine, transformations=[splitter], k=1)
    stored = engine.list()
    assert [memory.text for memory in stored] == [node.text for node in splitter(documents)]
    assert len(stored) > 1
    (found,) = retriever.retrieve("What is the garage code?")
    assert "4471" in found.text and found.metadata["file"] == "house.txt"
    assert found.node.ref_doc_id == "house"
    source = MetadataFilters(filters=[MetadataFilter(key="ref_doc_id", value="elsewhere")])
    assert NuonuoRetriever(engine, filters=source).retrieve("garage") == []


def test_from_documents_opens_a_file_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    path = tmp_path / "memories.db"
    retriever = NuonuoRetriever.from_documents([Document(text=text) for text in FACTS], path)
    retriever.memory.close()
    again = NuonuoRetriever(str(path), k=1)
    assert again.retrieve("garage code")[0].text == "The garage code is 4471."
    again.memory.close()


def test_what_is_no_memory_is_an_error() -> None:
    with pytest.raises(InvalidTypeError, match="int 3"):
        NuonuoRetriever(3)


def test_an_index_node_leads_where_it_points(engine: AssociativeMemory) -> None:
    other = TextNode(id_="target", text="The attic.")
    retriever = NuonuoRetriever(engine, k=1, object_map={"attic": other})
    retriever.add_nodes([IndexNode(id_="i", text="Where the old letters are", index_id="attic")])
    assert retriever.retrieve("old letters")[0].text == "The attic."


def test_a_query_engine_answers_from_it(retriever: NuonuoRetriever) -> None:
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    response = engine.query("What is the garage code?")
    assert response.source_nodes[0].node_id == "n3"
    assert "The garage code is 4471." in response.response  # the mock model says what it was asked
    assert "signals" not in response.response


async def test_it_is_truly_asynchronous(retriever: NuonuoRetriever) -> None:
    engine = RetrieverQueryEngine.from_args(retriever, llm=MockLLM())
    answers = await asyncio.gather(*(engine.aquery(text) for text in FACTS))
    assert [answer.source_nodes[0].text for answer in answers] == FACTS
    assert await retriever.aadd_nodes([TextNode(id_="n9", text="A parrot.")]) == ["n9"]
    assert (await retriever.aretrieve(QueryBundle("parrot")))[0].node_id == "n9"


async def test_recalling_does_not_block_the_loop() -> None:
    going_on = threading.Event()

    def embed(texts: list[str]) -> np.ndarray:
        assert going_on.wait(10), "the loop stood still while a question was embedded"
        return bag_of_words(texts)

    slow = VectorEmbedder(bag_of_words, embed_queries=embed, name="slow", dimension=64)
    retriever = NuonuoRetriever(AssociativeMemory(embedder=slow), k=1)
    retriever.add_nodes(nodes_of(FACTS))
    waiting = asyncio.create_task(retriever.aretrieve("garage code"))
    await asyncio.sleep(0.01)
    going_on.set()
    assert (await waiting)[0].node_id == "n3"


def test_a_context_chat_engine_streams_from_it(retriever: NuonuoRetriever) -> None:
    engine = ContextChatEngine.from_defaults(retriever=retriever, llm=MockLLM())
    response = engine.stream_chat("What is the garage code?")
    assert "The garage code is 4471." in "".join(response.response_gen)
    assert response.source_nodes[0].node_id == "n3"


def test_a_chat_is_retrieved_as_what_was_said(engine: AssociativeMemory) -> None:
    call = ToolCallBlock(tool_call_id="1", tool_name="garage", tool_kwargs={})
    NuonuoMemory(memory=engine, session_id="s").put_messages(
        [
            ChatMessage(role="system", content="Guard the garage."),
            ChatMessage(role="user", content="The garage code is 4471.", additional_kwargs={"a": 1}),
            ChatMessage(role="assistant", blocks=[call]),
        ]
    )
    (found,) = NuonuoRetriever(engine).retrieve("garage")
    assert found.text == "The garage code is 4471."
    assert set(found.metadata) == {"role", "timestamp", "session_id", "nuonuo"}


def test_errors_are_of_one_tree(retriever: NuonuoRetriever) -> None:
    with pytest.raises(NuonuoError):
        retriever.retrieve(" ")


@pytest.mark.parametrize("bad", ["x", [str.upper], 3])
def test_transformations_that_are_none_are_told_at_once(engine: AssociativeMemory, bad: object) -> None:
    with pytest.raises(InvalidTypeError, match="list of TransformComponents"):
        NuonuoRetriever(engine, transformations=bad)  # type: ignore[arg-type]
