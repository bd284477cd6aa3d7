"""The baselines rank as their definitions say, and the frameworks' own stores agree with plain cosine."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from nuonuo.errors import InvalidInputError, MissingDependencyError
from nuonuo.evaluation.data.datasets import Group, load
from nuonuo.evaluation.generated import generated_texts
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.evaluation.systems.base import need
from nuonuo.evaluation.systems.baselines import BASELINES, Dense, baseline, fuse
from nuonuo.records import Memory
from tests.evaluation.samples import LOCOMO, write

FRAMEWORKS = {"langchain": "langchain_core", "llama-index": "llama_index.core"}


@pytest.fixture
def group(tmp_path: Path) -> Group:
    return load(write(tmp_path, "locomo.json", LOCOMO)).groups[0]


def test_dense_orders_by_cosine(group: Group) -> None:
    embedder = HashEmbedder(32)
    dense = Dense(embedder)
    dense.fill(group)
    answer = dense.ask("Rex is afraid", 3)
    query = embedder.encode_queries(["Rex is afraid"])[0].vectors[0]
    cosines = {
        str(memory.id): float(embedder.encode_documents([memory.text])[0].vectors[0] @ query)
        for memory in group.memories
    }
    assert list(answer.ids) == sorted(cosines, key=lambda id: -cosines[id])[:3]
    assert answer.confidence == pytest.approx(max(cosines.values()), abs=1e-6)


def test_bm25_finds_the_stem_and_holds_only_the_last_group(group: Group) -> None:
    pytest.importorskip("bm25s")
    bm25 = baseline("bm25", HashEmbedder())
    bm25.fill(group)
    assert bm25.ask("adopting beagles", 1).ids == ("conv-1/D1:1",)
    bm25.fill(Group("other", (Memory("Bread with walnuts.", id="w"),), ()))
    assert bm25.ask("adopting beagles", 5).ids == ("w",)


def test_bm25_with_nothing_to_go_by(group: Group) -> None:
    pytest.importorskip("bm25s")
    bm25 = baseline("bm25", HashEmbedder())
    bm25.fill(group)
    answer = bm25.ask("???", 2)
    assert len(answer.ids) == 2
    assert answer.confidence == 0.0
    bm25.fill(Group("bare", (Memory("?!", id="bare"),), ()))
    assert bm25.ask("Rex", 2).ids == ("bare",)


def test_fusion_gives_nothing_for_a_word_that_is_not_there(group: Group) -> None:
    pytest.importorskip("bm25s")
    fusion, dense = baseline("rrf", HashEmbedder(64)), Dense(HashEmbedder(64))
    for system in (fusion, dense):
        system.fill(group)
    assert fusion.ask("zebra", 5).ids == dense.ask("zebra", 5).ids


def test_fusion_worked_by_hand() -> None:
    # a: 1/61 + 1/63, b: 1/62 + 1/61, c: 1/63, d: 1/62: b leads a
    assert fuse([["a", "b", "c"], ["b", "d", "a"]]) == ["b", "a", "d", "c"]
    assert fuse([]) == []


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_framework_stores_agree_with_cosine(group: Group, name: str) -> None:
    pytest.importorskip(FRAMEWORKS[name])
    embedder = HashEmbedder(64)
    dense, store = Dense(embedder), baseline(name, embedder)
    for system in (dense, store):
        system.fill(group)
    for question in ("Rex is afraid of thunder", "the cello of my sister", "Lisbon"):
        assert store.ask(question, 3).ids == dense.ask(question, 3).ids


@pytest.mark.skipif(importlib.util.find_spec("mem0") is None, reason="mem0 is not installed")
def test_mem0_keeps_the_ids(group: Group) -> None:
    # not importorskip: the baseline must be the first to import mem0, so that its telemetry is off
    mem0 = baseline("mem0", HashEmbedder(64))
    mem0.fill(group)
    assert mem0.ask("Ann: I adopted a beagle called Rex.", 2).ids[0] == "conv-1/D1:1"


def test_unknown_and_missing_baselines() -> None:
    with pytest.raises(InvalidInputError, match=f"there are {', '.join(BASELINES)}"):
        baseline("psychic", HashEmbedder())
    with pytest.raises(MissingDependencyError, match="pip install no-such-thing"):
        need("no_such_module_here", "no-such-thing")
    with pytest.raises(MissingDependencyError):
        need("no_such_parent.child", "no-such-thing")
    if importlib.util.find_spec("mem0") is None:
        with pytest.raises(MissingDependencyError, match="mem0ai"):
            baseline("mem0", HashEmbedder())


def test_the_hash_embedder_is_the_same_everywhere() -> None:
    first, second = (HashEmbedder().encode_documents(["Rex, rex!", "..."]) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.vectors.shape == (1, 384)
        assert np.linalg.norm(one.vectors) == pytest.approx(1, abs=1e-5)
        np.testing.assert_array_equal(one.vectors, other.vectors)
    assert first[0].tokens is not None
    assert first[0].spans is not None
    np.testing.assert_array_equal(first[0].tokens[0], first[0].tokens[1])  # case is no difference
    assert first[0].spans.tolist() == [[0, 3], [5, 8]]


def test_generated_texts_are_distinct_and_the_same_every_time() -> None:
    texts = generated_texts(200, seed=3)
    assert len(set(texts)) == 200
    assert texts == generated_texts(200, seed=3)
    assert texts != generated_texts(200, seed=4)
