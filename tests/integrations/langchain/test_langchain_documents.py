"""Documents in and out: nobody's metadata is touched, indexing again replaces, times come from named keys."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.indexing import InMemoryRecordManager, aindex, index
from langchain_core.indexing.base import DocumentIndex
from langchain_samples import new_embedder, said
from langchain_tests.integration_tests.indexer import AsyncDocumentIndexTestSuite, DocumentIndexerTestSuite

from nuonuo import AssociativeMemory, Memory, VectorEmbedder
from nuonuo.errors import InvalidInputError, InvalidTypeError, StoreError
from nuonuo_integrations.langchain import NuonuoRetriever


class TestStandard(DocumentIndexerTestSuite):
    @pytest.fixture
    def index(self) -> Iterator[DocumentIndex]:
        with AssociativeMemory(embedder=new_embedder()) as engine:
            yield NuonuoRetriever(memory=engine)


class TestStandardAsync(AsyncDocumentIndexTestSuite):
    @pytest.fixture
    async def index(self) -> Any:
        with AssociativeMemory(embedder=new_embedder()) as engine:
            yield NuonuoRetriever(memory=engine)


@pytest.fixture
def retriever(engine: AssociativeMemory) -> NuonuoRetriever:
    return NuonuoRetriever(memory=engine)


METADATA: list[dict[str, Any]] = [
    {"role": "manager", "timestamp": "00:01:35", "session_id": 7, "id": 3, "text": "t", "namespace": None},
    {"timestamp": "1716912000", "type": "Document", "page_content": "x", "score": 1, "confidence": "high"},
    {"timestamp": 1716912000.5, "role": ["a"], "session_id": {"z": 1, "a": [2]}, "cues": [], "metadata": {}},
    {"role": "", "timestamp": "", "session_id": " ", "nuonuo": {"mine": True}, "_nuonuo": 2},
    {"nuonuo_silent": True, "kind": None, "nuonuo_not_ours_x": 1, "_node_content": "x"},
    {"z": 1, "a": 2, "m": {"y": 1, "b": 2}},
    {"when": datetime(2026, 5, 1, 10, tzinfo=timezone.utc), "day": date(2026, 5, 1), "pair": (1, (2,))},
    {
        "set": {"x"},
        "uuid": UUID(int=5),
        "path": PurePosixPath("a/b"),
        "price": Decimal("1.50"),
        "raw": b"\x00",
    },
    {"by number": {1: "one", (2, 3): "both"}, "tagged": {"$is": "dict"}, "infinite": math.inf, 'q"': "'"},
]


@pytest.mark.parametrize("metadata", METADATA, ids=lambda metadata: ",".join(metadata))
def test_metadata_comes_back_as_it_went_in(metadata: dict[str, Any]) -> None:
    engine = AssociativeMemory(embedder=new_embedder())
    retriever = NuonuoRetriever(memory=engine, session_id="book")
    before = Document("A page about boats.", id="p", metadata=metadata).model_copy(deep=True)
    assert retriever.add_documents([Document("A page about boats.", id="p", metadata=metadata)]) == ["p"]
    (stored,) = engine.list()
    assert (stored.role, stored.timestamp, stored.session_id) == (None, None, "book")
    for back in (*retriever.get_by_ids(["p"]), *retriever.invoke("boats")):
        evidence = "__nuonuo" if "nuonuo" in metadata else "nuonuo"
        why = back.metadata.pop(evidence, {"session_id": "book"})
        assert why["session_id"] == "book"
        assert back == before
        assert list(back.metadata) == list(metadata)
        assert [type(value) for value in back.metadata.values()] == [type(v) for v in metadata.values()]
        assert repr(back.metadata) == repr(metadata)


def test_what_json_has_no_word_for(retriever: NuonuoRetriever) -> None:
    retriever.add_documents(
        [Document("x", id="a", metadata={"n": math.nan, "i": np.int64(3), "at": date(2026, 5, 1)})]
    )
    (found,) = retriever.get(["a"])
    assert math.isnan(found.metadata["n"]) and found.metadata["i"] == 3
    assert retriever.invoke("x", where={"at": {"$gte": "2026-05-01"}, "i": 3})[0].id == "a"
    with pytest.raises(InvalidInputError, match=r"document 1 cannot be kept: metadata\['f'\]\['g'\] cannot"):
        retriever.add_documents([Document("y"), Document("z", metadata={"f": {"g": object()}})])
    assert len(retriever.memory.list()) == 1


def test_half_a_character_is_mended(retriever: NuonuoRetriever) -> None:
    (id,) = retriever.add_documents(
        [Document("A page \ud83d about", metadata={"t": "\ud83d\ude00", "u": "\udc00"})]
    )
    (found,) = retriever.get([id])
    assert found.page_content == "A page \ufffd about"
    assert found.metadata == {"t": "\U0001f600", "u": "\ufffd"}


def test_its_own_documents_can_be_stored_elsewhere(engine: AssociativeMemory) -> None:
    when = datetime(2026, 5, 1, tzinfo=timezone.utc)
    engine.add(
        Memory("said of boats", "user", when, {"page": 1, "timestamp": "mine"}, session_id="s", id="a")
    )
    retriever = NuonuoRetriever(memory=engine)
    retriever.add_documents([Document("written of boats", id="b", metadata={"role": "page", "page": 2})])
    first, second = sorted(retriever.invoke("boats"), key=lambda each: str(each.id))
    assert {k: first.metadata[k] for k in first.metadata if k != "nuonuo"} == {
        "role": "user",
        "session_id": "s",
        "page": 1,
        "timestamp": "mine",
    }
    copy = NuonuoRetriever(memory=AssociativeMemory(embedder=new_embedder()))
    copy.add_documents([first, second])
    said_there, written_there = copy.memory.list()
    assert (said_there.role, said_there.timestamp, said_there.session_id) == ("user", when, "s")
    assert (written_there.role, written_there.session_id) == (None, None)
    assert copy.get(["a", "b"]) == [
        Document("said of boats", id="a", metadata={"page": 1, "timestamp": "mine"}),
        Document("written of boats", id="b", metadata={"role": "page", "page": 2}),
    ]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=timezone.utc)),
        ("20260501", datetime(2026, 5, 1, tzinfo=timezone.utc)),
        ("2026-05-01T10:00:00+02:00", datetime(2026, 5, 1, 8, tzinfo=timezone.utc)),
        ("2026-05-01T10:00:00Z", datetime(2026, 5, 1, 10, tzinfo=timezone.utc)),
        ("Fri, 01 May 2026 10:00:00 +0000", datetime(2026, 5, 1, 10, tzinfo=timezone.utc)),
        (date(2026, 5, 1), datetime(2026, 5, 1, tzinfo=timezone.utc)),
        (datetime(2026, 5, 1, 3), datetime(2026, 5, 1, 3, tzinfo=timezone.utc)),
        (1777629600, datetime(2026, 5, 1, 10, tzinfo=timezone.utc)),
        ("1777629600", datetime(2026, 5, 1, 10, tzinfo=timezone.utc)),
        ("1777629600.5", datetime(2026, 5, 1, 10, 0, 0, 500000, tzinfo=timezone.utc)),
        (1777629600000, datetime(2026, 5, 1, 10, tzinfo=timezone.utc)),
        ("00:01:35", None),
        ("01/02/2026", None),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        (1e300, None),
        ("", None),
        (["2026-05-01"], None),
    ],
)
def test_a_time_is_read_from_the_key_that_is_named(
    engine: AssociativeMemory, value: Any, moment: datetime | None, caplog: pytest.LogCaptureFixture
) -> None:
    retriever = NuonuoRetriever(
        memory=engine, timestamp_key=["seen", "date"], role_key="who", session_key="chat"
    )
    metadata = {"date": value, "seen": None, "who": "ana", "chat": 7, "timestamp": "2020-01-01"}
    (id,) = retriever.add_documents([Document("a page", metadata=metadata)])
    (stored,) = engine.get([id])
    assert stored is not None
    assert (stored.timestamp, stored.role, stored.session_id) == (moment, "ana", "7")
    assert repr(retriever.get([id])[0].metadata) == repr(metadata)
    assert bool(caplog.records) == (moment is None)
    assert len(retriever.invoke("page", after="2026-01-01", before="2027-01-01")) == (moment is not None)


def test_undated_ones_are_told_once(engine: AssociativeMemory, caplog: pytest.LogCaptureFixture) -> None:
    retriever = NuonuoRetriever(memory=engine, after="2026-01-01")
    assert retriever.invoke("page") == [] and not caplog.records  # nothing is stored
    retriever.add_documents([Document("a page", metadata={"date": "2026-05-01"}), Document("a page more")])
    assert not caplog.records
    assert retriever.invoke("page") == retriever.invoke("page") == []
    (told,) = caplog.records
    assert "2 of the 2 best memories have no timestamp" in told.getMessage()
    caplog.clear()
    dated = NuonuoRetriever(memory=engine, after="2026-01-01", timestamp_key="date")
    dated.add_documents([Document("page", id="x", metadata={"date": "2026-05-01"}), Document("page", id="y")])
    assert "1 of them: document 'y' (date=None)" in caplog.text
    assert [each.id for each in dated.invoke("page")] == ["x"]


def test_adding_again_replaces(retriever: NuonuoRetriever, engine: AssociativeMemory) -> None:
    assert retriever.add_documents([Document("old text", id="own"), Document("kept")], ids=["a", "b"]) == [
        "a",
        "b",
    ]
    engine.associate("a", "b", 1.0)
    assert retriever.add_documents(
        [Document("one", id="a"), Document("new"), Document("two", id="a", metadata={"n": 1})]
    )[::2] == ["a", "a"]
    assert [text for _, text in said(engine)] == ["two", "kept", "new"]
    assert retriever.get_by_ids(["b", "nowhere", "a"]) == [
        Document("kept", id="b"),
        Document("two", id="a", metadata={"n": 1}),
    ]
    assert [*engine._store.associations()] == [("a", "b", 1.0)]
    assert retriever.delete(["a", "nowhere"])["succeeded"] == ["a"]
    assert [text for _, text in said(engine)] == ["kept", "new"]


def test_what_has_not_changed_is_not_embedded_again() -> None:
    engine = AssociativeMemory(
        embedder=new_embedder(), paraphrase=lambda text: asked.append(text) or [f"of {text}"]
    )
    asked: list[str] = []
    retriever = NuonuoRetriever(memory=engine)
    for metadata in ({}, {}, {"n": 1}):
        retriever.add_documents([Document("page", id="a", metadata=metadata)])
    assert asked == ["page"] and engine.list()[0].paraphrases == ("of page",)


def test_a_blank_page_is_left_out_and_told(
    retriever: NuonuoRetriever, engine: AssociativeMemory, caplog: pytest.LogCaptureFixture
) -> None:
    retriever.add_documents([Document("will be emptied", id="b")])
    found = retriever.add_documents([Document("a", id="a"), Document(" \n", id="b"), Document("c", id="c")])
    assert found == ["a", "c"] == [memory.id for memory in engine.list()]
    assert "1 documents without text are left out: b" in caplog.text
    assert retriever.upsert([Document("", id="x"), Document("y", id="y")]) == {
        "succeeded": ["y"],
        "failed": ["x"],
    }
    assert retriever.add_documents([Document("")]) == [] == retriever.add_documents([])


def test_all_or_none(caplog: pytest.LogCaptureFixture) -> None:
    def embed(texts: list[str]) -> np.ndarray:
        if "fail" in texts:
            raise RuntimeError("away")
        return np.ones((len(texts), 4))

    engine = AssociativeMemory(embedder=VectorEmbedder(embed, name="e", dimension=4))
    retriever = NuonuoRetriever(memory=engine)
    NuonuoRetriever(memory=engine, namespace="other").add_documents([Document("theirs", id="t")])
    retriever.add_documents([Document("old", id="a")])
    for bad, error in (
        ([Document("new", id="a"), Document("fail", id="b")], RuntimeError),
        ([Document("new", id="a"), Document("mine", id="t")], InvalidInputError),
        ([Document("new", id="a"), "text"], InvalidTypeError),
        (Document("new", id="a"), InvalidTypeError),
        ([Document("new", id="a"), Document("x", id=" ")], InvalidInputError),
    ):
        with pytest.raises(error):
            retriever.add_documents(bad)
        assert [memory.text for memory in engine.list(namespace="default")] == ["old"]
    for ids in (["a"], ["a", "b", "c"], "ab", [1, 2]):
        with pytest.raises((InvalidInputError, InvalidTypeError), match="id"):
            retriever.add_documents([Document("x"), Document("y")], ids=ids)


async def test_ids_stay_inside_of_the_namespace(engine: AssociativeMemory) -> None:
    mine, yours = (
        NuonuoRetriever(memory=engine, namespace="me"),
        NuonuoRetriever(memory=engine, namespace="you"),
    )
    assert await mine.aadd_documents([Document("x")], ids=["a"]) == ["a"]
    assert await yours.aget_by_ids(["a"]) == []
    assert (await yours.adelete(["a"]))["num_deleted"] == 0
    assert [each.id for each in await mine.aget_by_ids(["a"])] == ["a"]
    with pytest.raises(InvalidInputError, match="delete needs ids"):
        mine.delete()
    with pytest.raises(InvalidTypeError, match="ids must be a list"):
        mine.delete("a")


PAGES = [
    [("boats", "s1"), ("trees", "s1"), ("rivers", "s2")],
    [("boats", "s1"), ("houses", "s1")],
    [("boats", "s1"), (" ", "s2"), ("rivers", "s2"), ("rivers", "s2")],
]
AFTERWARDS = {
    None: ["boats", "houses", "rivers", "trees"],
    "incremental": ["boats", "rivers"],
    "scoped_full": ["boats", "rivers"],
    "full": ["boats", "rivers"],
}


@pytest.mark.parametrize("cleanup", list(AFTERWARDS))
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_the_indexing_api(engine: AssociativeMemory, cleanup: Any, asynchronous: bool) -> None:
    retriever = NuonuoRetriever(memory=engine)
    manager = InMemoryRecordManager(namespace="docs")
    manager.create_schema()
    how: dict[str, Any] = {"cleanup": cleanup, "source_id_key": "source", "key_encoder": "sha256"}
    deleted = 0
    for pages in PAGES:
        documents = [Document(text, metadata={"source": source, "role": "page"}) for text, source in pages]
        for again in (False, True):
            if asynchronous:
                result = await aindex(documents, manager, retriever, **how)
            else:
                result = index(documents, manager, retriever, **how)
            deleted += result["num_deleted"]
            assert not again or (result["num_added"], result["num_deleted"]) == (0, 0)
    left = sorted(text for _, text in said(engine))
    assert left == AFTERWARDS[cleanup]
    assert (deleted > 0) == (cleanup is not None)
    assert retriever.invoke("boats", k=1)[0].metadata["source"] == "s1"


def test_an_index_can_be_filled_anew(retriever: NuonuoRetriever, engine: AssociativeMemory) -> None:
    manager = InMemoryRecordManager(namespace="docs")
    pages = [Document("boats", metadata={"source": "s"})]
    index(pages, manager, retriever, key_encoder="sha256")
    result = index(pages, manager, retriever, force_update=True, key_encoder="sha256")
    assert (result["num_updated"], engine.stats().memories) == (1, 1)
    assert index([], manager, retriever, cleanup="full", key_encoder="sha256")["num_deleted"] == 1
    assert engine.stats().memories == 0
    engine.close()
    with pytest.raises(StoreError):
        index(pages, manager, retriever, key_encoder="sha256")


def test_filters_join_and_reach_inside(retriever: NuonuoRetriever) -> None:
    retriever.add_documents(
        [
            Document("page", id="a", metadata={"author": {"name": "Ana"}, "tags": ["x"], "role": "manager"}),
            Document("page", id="b", metadata={"author": {"name": "Bo"}, "tags": ["x", "y"]}),
            Document("page", id="c", metadata={"author.name": "Ana", "page": 3}),
        ]
    )

    def ask(**where: Any) -> list[str | None]:
        return sorted(str(each.id) for each in retriever.invoke("page", where=where))

    assert ask(**{"author.name": "Ana"}) == ["a", "c"]
    assert ask(**{"$or": [{"page": 3}, {"tags": {"$contains": "y"}}]}) == ["b", "c"]
    assert ask(**{"$and": [{"author.name": "Ana"}, {"page": None}]}) == ["a"]
    assert ask(**{"$not": {"author.name": "Ana"}}) == ["b"]
    both = NuonuoRetriever(
        memory=retriever.memory, where={"$or": [{"page": 3}, {"tags": {"$contains": "x"}}]}
    )
    assert [each.id for each in both.invoke("page", where={"$or": [{"page": 3}, {"page": 4}]})] == ["c"]
    assert ask(role="manager") == ["a"]
    with pytest.raises(InvalidInputError, match=r"\$elemMatch"):
        ask(tags={"$elemMatch": {"$eq": "x"}})
