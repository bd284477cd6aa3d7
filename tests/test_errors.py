"""Every wrong input has its own clear error, and leaves everything as it was."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Encoding, Memory, MemoryConfig, NuonuoError, VectorEmbedder
from nuonuo.errors import (
    EmbedderMismatchError,
    EmbeddingError,
    InvalidInputError,
    InvalidTypeError,
    NotAStoreError,
    StoreClosedError,
    UnknownMemoryError,
)
from tests.fakes import SMALL, Opened, VectorsOnly, WordEmbedder, everything, fresh, texts

Call = Callable[[AssociativeMemory, list[str]], object]

WRONG: list[tuple[Call, type[NuonuoError], str]] = [
    (lambda m, ids: m.add(""), InvalidInputError, "text"),
    (lambda m, ids: m.add(" \n\t"), InvalidInputError, "text"),
    (lambda m, ids: m.add(["fine", ""]), InvalidInputError, "item 1"),
    (lambda m, ids: m.add(["fine", 5]), InvalidTypeError, "item 1"),
    (lambda m, ids: m.add(["fine", None]), InvalidTypeError, "item 1"),
    (lambda m, ids: m.add(5), InvalidTypeError, "int"),
    (lambda m, ids: m.add(None), InvalidTypeError, "NoneType"),
    (lambda m, ids: m.add(b"bytes"), InvalidTypeError, "bytes"),
    (lambda m, ids: m.add({"text": "x"}), InvalidTypeError, "dict"),
    (lambda m, ids: m.add("lone \ud800 surrogate"), InvalidInputError, "surrogate"),
    (lambda m, ids: m.add("x", namespace=""), InvalidInputError, "namespace"),
    (lambda m, ids: m.add("x", namespace=None), InvalidTypeError, "namespace"),
    (lambda m, ids: m.add("x", session_id=5), InvalidTypeError, "session_id"),
    (lambda m, ids: m.add("x", role=["user"]), InvalidTypeError, "role"),
    (lambda m, ids: m.add("x", timestamp="yesterday"), InvalidInputError, "timestamp"),
    (lambda m, ids: m.add("x", timestamp=math.nan), InvalidTypeError, "timestamp"),
    (lambda m, ids: m.add("x", timestamp=1e300), InvalidInputError, "timestamp"),
    (lambda m, ids: m.add("x", timestamp=True), InvalidTypeError, "timestamp"),
    (lambda m, ids: m.add("x", metadata={"a": object()}), InvalidInputError, "metadata"),
    (lambda m, ids: m.add("x", metadata={"a": math.nan}), InvalidInputError, "metadata"),
    (lambda m, ids: m.add("x", metadata={1: "a"}), InvalidInputError, "metadata"),
    (lambda m, ids: m.add("x", metadata="abc"), NuonuoError, "metadata"),
    (lambda m, ids: m.add("x", cues="one text"), InvalidTypeError, "cues"),
    (lambda m, ids: m.add("x", cues=[""]), InvalidInputError, "cue"),
    (lambda m, ids: m.add("x", cues=[5]), InvalidTypeError, "cue"),
    (lambda m, ids: m.add(["new", Memory("taken", id=ids[0])]), InvalidInputError, "already stored"),
    (
        lambda m, ids: m.add(Memory("taken", id=ids[0]), namespace="other"),
        InvalidInputError,
        "already stored",
    ),
    (lambda m, ids: m.add([Memory("a", id="twice"), Memory("b", id="twice")]), InvalidInputError, "twice"),
    (lambda m, ids: m.add(Memory("x", id="")), InvalidInputError, "id"),
    (lambda m, ids: m.update("no such id", text="x"), UnknownMemoryError, "no such id"),
    (lambda m, ids: m.update(ids[0], text="x", namespace="other"), UnknownMemoryError, "other"),
    (lambda m, ids: m.update(ids[0], text=""), InvalidInputError, "text"),
    (lambda m, ids: m.update(ids[0], text=None), InvalidTypeError, "text"),
    (lambda m, ids: m.update(ids[0], metadata={"a": {1}}), InvalidInputError, "metadata"),
    (lambda m, ids: m.update(ids[0], metadata=None), NuonuoError, "metadata"),
    (lambda m, ids: m.update(ids[0], timestamp="never"), InvalidInputError, "timestamp"),
    (lambda m, ids: m.update(5, text="x"), InvalidTypeError, "id"),
    (lambda m, ids: m.associate(ids[0], "no such id"), UnknownMemoryError, "no such id"),
    (lambda m, ids: m.associate("no such id", ids[0]), UnknownMemoryError, "no such id"),
    (lambda m, ids: m.associate(ids[0], ids[0]), InvalidInputError, "itself"),
    (lambda m, ids: m.associate(ids[0], ids[2]), InvalidInputError, "namespace"),
    (lambda m, ids: m.associate(ids[0], ids[1], 1.5), InvalidInputError, "1.5"),
    (lambda m, ids: m.associate(ids[0], ids[1], -0.1), InvalidInputError, "-0.1"),
    (lambda m, ids: m.associate(ids[0], ids[1], math.nan), InvalidInputError, "nan"),
    (lambda m, ids: m.associate(ids[0], ids[1], "1"), InvalidTypeError, "weight"),
    (lambda m, ids: m.forget(), InvalidInputError, "condition"),
    (lambda m, ids: m.forget(ids=ids[0]), InvalidTypeError, "ids"),
    (lambda m, ids: m.forget(ids=[5]), InvalidTypeError, "id"),
    (lambda m, ids: m.forget(before="soon"), InvalidInputError, "before"),
    (lambda m, ids: m.forget(namespace=5), InvalidTypeError, "namespace"),
    (lambda m, ids: m.recall(""), InvalidInputError, "query"),
    (lambda m, ids: m.recall(None), InvalidTypeError, "query"),
    (lambda m, ids: m.recall("x", k=0), InvalidInputError, "k must be at least 1"),
    (lambda m, ids: m.recall("x", k=-3), InvalidInputError, "k must be at least 1"),
    (lambda m, ids: m.recall("x", k=2.0), InvalidTypeError, "k must be an int"),
    (lambda m, ids: m.recall("x", k=True), InvalidTypeError, "k must be an int"),
    (lambda m, ids: m.recall("x", where={"a": {"$like": 1}}), InvalidInputError, "like"),
    (lambda m, ids: m.recall("x", where=[1]), InvalidTypeError, "where"),
    (lambda m, ids: m.recall("x", after=[2026]), InvalidTypeError, "after"),
    (lambda m, ids: m.recall("x", namespace=""), InvalidInputError, "namespace"),
    (lambda m, ids: m.recall("x", session_id=""), InvalidInputError, "session_id"),
    (lambda m, ids: m.chain(""), InvalidInputError, "cue"),
    (lambda m, ids: m.chain(None), InvalidTypeError, "cue"),
    (lambda m, ids: m.chain("x", hops=-1), InvalidInputError, "hops"),
    (lambda m, ids: m.chain(np.zeros(64)), EmbeddingError, "zeros"),
    (lambda m, ids: m.chain(np.full(64, np.nan)), EmbeddingError, "NaN"),
    (lambda m, ids: m.chain(np.ones(65)), EmbeddingError, "shape"),
    (lambda m, ids: m.get(ids[0]), InvalidTypeError, "ids"),
    (lambda m, ids: m.get([None]), InvalidTypeError, "id"),
    (lambda m, ids: m.list(limit=-1), InvalidInputError, "limit"),
    (lambda m, ids: m.list(offset="0"), InvalidTypeError, "offset"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_input(memory: AssociativeMemory, number: int) -> None:
    call, error, says = WRONG[number]
    ids = memory.add(["rex the beagle", "thunder"], session_id="s") + memory.add("ana", namespace="b")
    memory.associate(ids[0], ids[1], 0.5)
    before = everything(memory)
    with pytest.raises(error, match=says):
        call(memory, ids)
    assert everything(memory) == before
    memory.add("and it goes on")
    assert len(memory.recall("goes on", k=9)) == 3


class Broken(WordEmbedder):
    """An embedder that goes wrong when it meets the word "broken"."""

    def __init__(self, spoil: Callable[[Encoding], Encoding | None]) -> None:
        super().__init__()
        self.spoil = spoil

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        encodings = [self._encode(text) for text in texts]
        if not any("broken" in text for text in texts):
            return encodings
        spoiled = [self.spoil(encoding) for encoding in encodings]
        return [encoding for encoding in spoiled if encoding is not None]

    encode_queries = encode_documents


def tokens_of(encoding: Encoding) -> np.ndarray:
    assert encoding.tokens is not None
    return encoding.tokens


SPOILED: dict[str, Callable[[Encoding], Encoding | None]] = {
    "NaN": lambda e: replace(e, vectors=e.vectors * np.nan),
    "infinity": lambda e: replace(e, vectors=e.vectors + np.inf),
    "zeros": lambda e: replace(e, vectors=e.vectors * 0),
    "too long": lambda e: replace(e, vectors=np.hstack([e.vectors, e.vectors])),
    "too short": lambda e: replace(e, vectors=e.vectors[:, 1:]),
    "flat": lambda e: replace(e, vectors=e.vectors[0]),
    "no vector": lambda e: replace(e, vectors=e.vectors[:0]),
    "no encoding": lambda e: None,
    "NaN in tokens": lambda e: replace(e, tokens=tokens_of(e) * np.nan),
    "tokens too long": lambda e: replace(e, tokens=np.hstack([tokens_of(e), tokens_of(e)])),
    "tokens without spans": lambda e: replace(e, spans=None),
    "fewer spans than tokens": lambda e: replace(e, spans=None if e.spans is None else e.spans[:-1]),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_broken_embedder(opened: Opened, how: str) -> None:
    memory = opened(embedder=Broken(SPOILED[how]))
    ids = memory.add(["rex the beagle", "thunder"])
    before = everything(memory)
    for call in (
        lambda: memory.add(["one that works", "a broken text"]),
        lambda: memory.update(ids[0], text="broken"),
        lambda: memory.update(ids[0], cues=["broken"]),
        lambda: memory.recall("broken"),
        lambda: memory.chain("broken"),
    ):
        with pytest.raises(EmbeddingError):
            call()
        assert everything(memory) == before
    assert texts(memory.recall("rex", 1)) == ["rex the beagle"]


def test_vectors_of_any_length_point_where_they_point() -> None:
    loud = Broken(lambda e: replace(e, vectors=e.vectors * 1000))
    memory = fresh(embedder=loud)
    memory.add("a broken record")
    signals = memory.recall("a broken record")[0].evidence.signals
    assert signals["dense"] == pytest.approx(SMALL.dense_weight, abs=1e-3)


@pytest.mark.parametrize(
    "rows", [[[1.0, 2.0]], [[1.0], [2.0, 3.0]], "text", [["a", "b"]] * 2, [[1.0, np.nan]] * 2]
)
def test_a_function_that_is_no_embedder(rows: Any) -> None:
    memory = fresh(embedder=VectorEmbedder(lambda texts: rows, name="f", dimension=2))
    with pytest.raises(EmbeddingError, match="'f'"):
        memory.add(["one", "two"])
    assert memory.stats().memories == 0


@pytest.mark.parametrize("wrong", ["a text", None, 5, [5], [""]])
def test_a_paraphraser_that_gives_no_texts(wrong: Any) -> None:
    memory = fresh(paraphrase=lambda text: wrong if "broken" in text else [])
    ids = memory.add("fine")
    before = everything(memory)
    with pytest.raises((InvalidTypeError, InvalidInputError)):
        memory.add(["also fine", "broken"])
    with pytest.raises((InvalidTypeError, InvalidInputError)):
        memory.update(ids[0], text="broken")
    assert everything(memory) == before


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("beta", 0, InvalidInputError),
        ("beta", -1.0, InvalidInputError),
        ("beta", math.nan, InvalidInputError),
        ("beta", "20", InvalidTypeError),
        ("dense_candidates", 0, InvalidInputError),
        ("dense_candidates", 2.5, InvalidTypeError),
        ("oversampling", 0, InvalidInputError),
        ("lexical_weight", -0.5, InvalidInputError),
        ("sentence_cues", 1, InvalidTypeError),
        ("language", "klingon", InvalidInputError),
        ("language", 5, InvalidTypeError),
        ("n_active", 0, InvalidInputError),
        ("n_active", 513, InvalidInputError),
        ("n_units", True, InvalidTypeError),
        ("bm25_b", 1.5, InvalidInputError),
        ("shard_bytes", 5, InvalidInputError),
    ],
)
def test_config(field: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=field):
        fresh(config=replace(SMALL, **{field: value}))


def test_config_is_frozen() -> None:
    with pytest.raises(AttributeError):
        MemoryConfig().beta = 3.0  # type: ignore[misc]


def test_closed(memory: AssociativeMemory) -> None:
    ids = memory.add(["one", "two"])
    memory.close()
    memory.close()
    for call in (
        lambda: memory.add("x"),
        lambda: memory.recall("x"),
        lambda: memory.chain("x"),
        lambda: memory.get(ids),
        lambda: memory.list(),
        lambda: memory.stats(),
        lambda: memory.namespaces(),
        lambda: memory.forget(ids=ids),
        lambda: memory.update(ids[0], text="x"),
        lambda: memory.associate(*ids),
        lambda: memory.export("x.jsonl"),
    ):
        with pytest.raises(StoreClosedError):
            call()
    assert not Path("x.jsonl").exists()
    assert not Path("x.jsonl.partial").exists()


def test_as_a_context_manager(tmp_path: Path) -> None:
    with AssociativeMemory.open(tmp_path / "m.db", embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add("rex")
    with pytest.raises(StoreClosedError):
        memory.recall("rex")
    with AssociativeMemory.open(str(tmp_path / "m.db"), embedder=WordEmbedder(), config=SMALL) as memory:
        assert texts(memory.recall("rex")) == ["rex"]


def test_a_file_of_another_embedder_is_left_as_it_was(tmp_path: Path) -> None:
    with AssociativeMemory.open(tmp_path / "m.db", embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add("rex")
    before = (tmp_path / "m.db").read_bytes()
    with pytest.raises(EmbedderMismatchError, match="words"):
        AssociativeMemory.open(tmp_path / "m.db", embedder=VectorsOnly(), config=SMALL)
    with pytest.raises(EmbedderMismatchError, match="512"):
        AssociativeMemory.open(
            tmp_path / "m.db", embedder=WordEmbedder(), config=replace(SMALL, n_units=1024)
        )
    assert (tmp_path / "m.db").read_bytes() == before
    (tmp_path / "no.db").write_text("this is no database, it is a plain text of some length\n" * 100)
    with pytest.raises(NotAStoreError):
        AssociativeMemory.open(tmp_path / "no.db", embedder=WordEmbedder(), config=SMALL)
    with pytest.raises(InvalidTypeError, match="path"):
        AssociativeMemory.open(5, embedder=WordEmbedder())  # type: ignore[arg-type]
