"""Nodes in and out: nobody's metadata is touched, indexing again replaces, times come from named keys."""

from __future__ import annotations

import math
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from llama_index.core import SimpleDirectoryReader
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, MetadataMode, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import FACTS, new_embedder

from nuonuo import AssociativeMemory, Memory, VectorEmbedder
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations.llama_index import NuonuoRetriever

WHEN = datetime(2026, 5, 1, tzinfo=timezone.utc)
METADATA: list[dict[str, Any]] = [
    {"role": "manager", "timestamp": "00:01:35", "session_id": 7, "id": 3, "text": "t", "namespace": None},
    {"timestamp": "1716912000", "ref_doc_id": "mine", "doc_id": "house", "document_id": 3, "node_id": "n"},
    {"creation_date": "some day", "embedding": [1], "relationships": {}, "score": 1, "confidence": "high"},
    {"nuonuo": {"mine": True}, "_nuonuo": 2, "nuonuo_source": "x", "_node_content": "{}", "_node_type": 1},
    {"z": 1, "a": 2, "m": {"y": 1, "b": 2}, "nuonuo_silent": True, "llama_index_message": {}},
    {"when": datetime(2026, 5, 1, 10), "day": date(2026, 5, 1), "pair": (1, (2,)), "set": {"x"}},
    {"by number": {1: "one"}, "infinite": math.inf, "class_name": "x", "obj": None},
]


@pytest.mark.parametrize("metadata", METADATA, ids=lambda metadata: ",".join(metadata))
@pytest.mark.parametrize("source", [None, "house"])
def test_metadata_comes_back_as_it_went_in(metadata: dict[str, Any], source: str | None) -> None:
    engine = AssociativeMemory(embedder=new_embedder())
    retriever = NuonuoRetriever(engine, session_id="book")
    node = TextNode(id_="n", text="A page about boats.", metadata=metadata)
    if source:
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=source, metadata={"a": 1})
    before = node.model_copy(deep=True)
    retriever.add_nodes([node])
    (stored,) = engine.list()
    assert (stored.role, stored.timestamp, stored.session_id) == (None, None, "book")
    (found,) = retriever.retrieve("boats")
    back = found.node
    evidence = "__nuonuo" if "nuonuo" in metadata else "nuonuo"
    assert back.metadata.pop(evidence)["session_id"] == "book"
    assert repr(back.metadata) == repr(metadata)
    assert (back.node_id, back.text, back.relationships) == ("n", before.text, before.relationships)
    assert (back.excluded_llm_metadata_keys, back.excluded_embed_metadata_keys) == ([evidence], [evidence])


def test_what_cannot_be_kept_is_named_and_nothing_is_stored(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine)
    with pytest.raises(InvalidInputError, match=r"node 'b' cannot be kept: metadata\['f'\]\[1\]"):
        retriever.add_nodes([TextNode(text="a"), TextNode(id_="b", text="b", metadata={"f": [1, object()]})])
    assert engine.list() == []


def test_half_a_character_is_mended(engine: AssociativeMemory) -> None:
    NuonuoRetriever(engine).add_nodes([TextNode(text="A page \ud83d about", metadata={"t": "\udc00"})])
    document = Document(text="A page \ud83d about", metadata={"t": "\udc00"}, id_="d")
    retriever = NuonuoRetriever.from_documents([document], engine)
    assert retriever.refresh_ref_docs([document]) == [False]
    found = retriever.retrieve("page")
    assert [(each.text, each.metadata["t"]) for each in found] == [("A page \ufffd about", "\ufffd")] * 2


def test_what_a_document_holds_reaches_its_nodes(engine: AssociativeMemory) -> None:
    metadata = {"n": np.int64(3), "when": WHEN, "pair": (1, 2), "infinite": math.inf}
    (found,) = NuonuoRetriever.from_documents([Document(text="page", metadata=metadata)], engine).retrieve(
        "page"
    )
    assert repr(found.metadata | {"nuonuo": 0}) == repr(metadata | {"n": 3, "nuonuo": 0})


@pytest.mark.parametrize("items", [None, 3, "text", Document(text="x"), ["text"], [None]])
def test_what_is_no_list_of_them_is_an_error(engine: AssociativeMemory, items: Any) -> None:
    with pytest.raises(InvalidTypeError, match="a list of LlamaIndex nodes, got"):
        NuonuoRetriever(engine).add_nodes(items)
    with pytest.raises(InvalidTypeError, match="a list of LlamaIndex Documents"):
        NuonuoRetriever.from_documents(items, engine)


def test_its_own_nodes_can_be_stored_elsewhere(engine: AssociativeMemory) -> None:
    engine.add(Memory("said of boats", "user", WHEN, {"page": 1, "timestamp": "mine"}, (), "s", "a"))
    retriever = NuonuoRetriever(engine)
    retriever.add_nodes([TextNode(text="written of boats", id_="b", metadata={"role": "page"})])
    nodes = sorted((found.node for found in retriever.retrieve("boats")), key=lambda node: node.node_id)
    assert nodes[0].metadata | {"nuonuo": 0} == {
        "role": "user",
        "timestamp": "mine",
        "session_id": "s",
        "page": 1,
        "nuonuo": 0,
    }
    copy = NuonuoRetriever(AssociativeMemory(embedder=new_embedder()))
    copy.add_nodes(nodes)
    first, second = copy.memory.list()
    assert (first.role, first.timestamp, first.session_id) == ("user", WHEN, "s")
    assert (second.role, second.timestamp, second.session_id) == (None, None, None)
    back = {found.node_id: found.node.metadata for found in copy.retrieve("boats")}
    assert {name: back["a"][name] for name in back["a"] if name != "nuonuo"} == {
        "page": 1,
        "timestamp": "mine",
    }


def test_the_times_of_files_are_the_nodes_own(engine: AssociativeMemory, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A page about boats.")
    documents = SimpleDirectoryReader(str(tmp_path)).load_data()
    retriever = NuonuoRetriever.from_documents(documents, engine, after="2020-01-01")
    (stored,) = engine.list()
    told = documents[0].metadata["last_modified_date"]
    assert stored.timestamp is not None and stored.timestamp.date().isoformat() == told
    assert len(retriever.retrieve("boats")) == 1
    assert NuonuoRetriever(engine, before="2020-01-01").retrieve("boats") == []


def test_a_time_is_read_from_the_key_that_is_named(
    engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    retriever = NuonuoRetriever(
        engine, timestamp_key="date", role_key="who", session_key=["chat", "room"], after="2026-01-01"
    )
    metadata = {"date": "2026-05-01", "who": "ana", "room": 7, "creation_date": "2000-01-01"}
    retriever.add_nodes([TextNode(id_="a", text="page", metadata=metadata), TextNode(id_="b", text="page")])
    assert [(m.timestamp, m.role, m.session_id) for m in engine.list()] == [
        (WHEN, "ana", "7"),
        (None, None, None),
    ]
    assert "1 of them: the node 'b' (date=None)" in caplog.text
    assert [found.node_id for found in retriever.retrieve("page")] == ["a"]


def test_undated_ones_are_told_once(engine: AssociativeMemory, caplog: pytest.LogCaptureFixture) -> None:
    NuonuoRetriever(engine).add_nodes([TextNode(text="a page", metadata={"date": "2026-05-01"})])
    assert not caplog.records  # no time was asked for
    late = NuonuoRetriever(engine, after="2026-01-01")
    assert late.retrieve("page") == late.retrieve("page") == []
    (told,) = caplog.records
    assert "1 of the 1 best memories have no timestamp" in told.getMessage()
    caplog.clear()
    NuonuoRetriever(engine).add_nodes([TextNode(id_="x", text="x", metadata={"creation_date": "one day"})])
    assert "node 'x'" in caplog.text and "creation_date='one day'" in caplog.text


SPLITTER = SentenceSplitter(chunk_size=20, chunk_overlap=0)


def house(*facts: str, id_: str = "house", **metadata: Any) -> Document:
    return Document(id_=id_, text="\n\n".join(facts), metadata=metadata)


def stored(engine: AssociativeMemory) -> str:
    return " ".join(memory.text for memory in engine.list())


@pytest.mark.parametrize("facts", [FACTS[:1], FACTS, FACTS[:2], [" "]], ids=len)
async def test_a_document_is_replaced_whole(engine: AssociativeMemory, facts: list[str]) -> None:
    """By each verb, from few nodes to many and back."""
    kept = house("The cellar is dry.", id_="cellar")
    NuonuoRetriever.from_documents(
        [house(*FACTS[3:6]), kept], engine, transformations=[SPLITTER], namespace="other"
    )
    retriever = NuonuoRetriever.from_documents([house(*FACTS[2:5]), kept], engine, transformations=[SPLITTER])
    for verb in ("from_documents", "insert", "ainsert", "update", "aupdate", "refresh", "arefresh"):
        retriever.insert(house("It was green.", *FACTS[2:5]))
        new = house(*facts)
        match verb:
            case "from_documents":
                NuonuoRetriever.from_documents([new], engine, transformations=[SPLITTER])
            case "insert":
                retriever.insert(new)
            case "ainsert":
                await retriever.ainsert(new)
            case "update":
                retriever.update_ref_doc(new, update_kwargs={"delete_kwargs": {"delete_from_docstore": True}})
            case "aupdate":
                await retriever.aupdate_ref_doc(new)
            case "refresh":
                assert retriever.refresh_ref_docs([new, kept]) == [True, False]
                assert facts == [" "] or retriever.refresh_ref_docs([new, kept]) == [False, False]
            case "arefresh":
                assert await retriever.arefresh_ref_docs([kept, new]) == [False, True]
        mine = [memory.text for memory in engine.list(namespace="default")]
        expected = [node.text for node in SPLITTER([new]) if node.text.strip()]
        assert sorted(mine) == sorted(["The cellar is dry.", *expected]), verb
    assert len(engine.list(namespace="other")) > 1


async def test_documents_and_nodes_are_deleted_by_id(
    engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    documents = [house(*FACTS, page=1), house("The cellar is dry.", id_="cellar")]
    retriever = NuonuoRetriever.from_documents(documents, engine, transformations=[SPLITTER])
    info = retriever.ref_doc_info
    assert set(info) == {"house", "cellar"} and info["house"].metadata == {"page": 1}
    assert [m.id for m in engine.list()] == [*info["house"].node_ids, *info["cellar"].node_ids]
    NuonuoRetriever(engine, namespace="other").delete_ref_doc("house")
    assert "ref_doc_id house not found" in caplog.text
    retriever.delete_nodes(info["house"].node_ids[:1], delete_from_docstore=True)
    await retriever.adelete_nodes(info["house"].node_ids[1:2])
    assert retriever.ref_doc_info["house"].node_ids == info["house"].node_ids[2:]
    retriever.delete_ref_doc("house", delete_from_docstore=True)
    assert stored(engine) == "The cellar is dry."
    await retriever.adelete_ref_doc("cellar")
    assert engine.list() == [] and retriever.ref_doc_info == {}


def test_a_document_may_be_its_own_node(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever.from_documents([house("old")], engine, transformations=[])
    assert retriever.refresh_ref_docs([house("old")]) == [False]
    assert retriever.refresh_ref_docs([house("new"), house("x", id_="x")]) == [True, True]
    assert stored(engine) == "new x"
    retriever.delete_ref_doc("house")
    assert stored(engine) == "x"


def test_nodes_that_came_one_by_one_belong_to_their_document(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine, transformations=[SPLITTER])
    retriever.insert_nodes(SPLITTER([house(*FACTS)]))
    assert retriever.refresh_ref_docs([house(*FACTS)]) == [False]
    retriever.insert(house("All is new."))
    assert stored(engine) == "All is new."
    for name in ("ref_doc_id", "doc_id", "document_id"):
        filters = MetadataFilters(filters=[MetadataFilter(key=name, value="house")])
        assert len(NuonuoRetriever(engine, filters=filters).retrieve("new")) == 1


def test_what_an_older_version_stored_is_replaced_too(engine: AssociativeMemory) -> None:
    content = '{"relationships": {"1": {"node_id": "house"}}, "class_name": "TextNode"}'
    metadata = {"_node_content": content, "_node_type": "TextNode", "ref_doc_id": "house", "page": 1}
    engine.add([Memory("old", metadata=metadata, id="old"), Memory("mine", metadata={"ref_doc_id": "house"})])
    (found, _) = NuonuoRetriever(engine).retrieve("old")
    assert found.node.ref_doc_id == "house" and set(found.metadata) == {"page", "nuonuo"}
    NuonuoRetriever(engine).insert(house("new"))
    assert stored(engine) == "mine new"


def test_nothing_changes_where_the_new_nodes_cannot_be_stored() -> None:
    def embed(texts: list[str]) -> np.ndarray:
        if any("fail" in text for text in texts):
            raise RuntimeError("away")
        return np.ones((len(texts), 4))

    engine = AssociativeMemory(embedder=VectorEmbedder(embed, name="e", dimension=4))
    retriever = NuonuoRetriever.from_documents([house(*FACTS)], engine, transformations=[SPLITTER])
    before = engine.list()
    with pytest.raises(RuntimeError, match="away"):
        retriever.insert(house("One thing.", "This will fail."))
    with pytest.raises(RuntimeError, match="away"):
        retriever.add_nodes([TextNode(id_=before[0].id, text="other"), TextNode(text="fail")])
    with pytest.raises(InvalidTypeError, match="got TextNode"):
        retriever.refresh_ref_docs([house("x"), TextNode(text="x")])
    assert engine.list() == before


def test_a_blank_page_is_told(engine: AssociativeMemory, caplog: pytest.LogCaptureFixture) -> None:
    retriever = NuonuoRetriever(engine)
    retriever.add_nodes([TextNode(id_="a", text="was full")])
    assert retriever.add_nodes([TextNode(id_="a", text="\n"), TextNode(id_="b", text="b")]) == ["b"]
    assert "1 nodes without text are left out: a" in caplog.text
    assert stored(engine) == "b"


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"k": 0}, InvalidInputError, "k must be at least 1"),
        ({"k": "5"}, InvalidTypeError, "k must be an int"),
        ({"filters": {"a": 1}}, InvalidTypeError, "MetadataFilters, got dict"),
        ({"after": "last week"}, InvalidInputError, "after is no point in time"),
        ({"before": object()}, InvalidTypeError, "before must be"),
        ({"namespace": None}, InvalidTypeError, "namespace must be a str"),
        ({"session_id": " "}, InvalidInputError, "session_id must hold some text"),
        ({"timestamp_key": 3}, InvalidTypeError, "timestamp_key must be"),
    ],
)
def test_a_wrong_argument_is_told_at_construction(
    engine: AssociativeMemory, wrong: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        NuonuoRetriever(engine, **wrong)


@pytest.mark.parametrize("question", [{"query": "Rex"}, None, 3, ["Rex"], TextNode(text="Rex")])
async def test_a_question_is_a_text_or_a_bundle(engine: AssociativeMemory, question: Any) -> None:
    with pytest.raises(InvalidTypeError, match="pass a text or a QueryBundle"):
        NuonuoRetriever(engine).retrieve(question)
    with pytest.raises(InvalidTypeError, match=f"got {type(question).__name__}"):
        await NuonuoRetriever(engine).aretrieve(question)


def test_no_prompt_shows_what_is_internal(engine: AssociativeMemory) -> None:
    retriever = NuonuoRetriever(engine)
    retriever.add_nodes([TextNode(text="page", metadata={"role": "clerk", "pair": (1, 2)})])
    (found,) = retriever.retrieve("page")
    for mode in (MetadataMode.LLM, MetadataMode.EMBED):
        assert found.node.get_content(mode) == "role: clerk\npair: (1, 2)\n\npage"
