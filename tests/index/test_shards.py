"""Namespaces put away and built again, embedders side by side, and what stats() tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import EmbeddingError
from nuonuo.index import shard
from tests.fakes import SMALL, Opened, VectorsOnly, WordEmbedder, fresh, state, texts
from tests.threads import at_once


def test_shards_stay_inside_their_budget(opened: Opened) -> None:
    memory = opened(config=replace(SMALL, shard_bytes=1 << 20))
    rng = np.random.default_rng(3)
    vocabulary = [f"word{number}" for number in range(400)]
    spaces = [f"n{number}" for number in range(30)]
    for space in spaces:
        memory.add([" ".join(rng.choice(vocabulary, 12)) for _ in range(80)], namespace=space, session_id="s")
    first = {space: memory.recall("word1 word2 word3", namespace=space) for space in spaces}
    stats = memory.stats()
    assert stats.namespaces == 30
    assert 0 < stats.shards < 30
    assert stats.shard_bytes < 1.5 * (1 << 20)
    for space in spaces:  # what was put away comes back as it was
        assert memory.recall("word1 word2 word3", namespace=space) == first[space]
    with memory._shards.reading(spaces[0]) as held:
        gone = held.ids[0]
    memory.recall("word1", namespace=spaces[-1])
    assert memory.forget(ids=[str(gone)]) == 1
    assert gone not in {hit.memory.id for hit in memory.recall("word1", k=80, namespace=spaces[0])}


def test_what_the_shards_take_is_counted_right(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "WORN", 5)  # so that some are built anew
    memory = opened(config=replace(SMALL, shard_bytes=1 << 20))
    shards, rng = memory._shards, np.random.default_rng(5)

    def held() -> dict[str, int]:
        return {each.namespace: each.size for each in shards.held()}

    dropped = False
    for step in range(150):
        space = f"n{rng.integers(12)}"
        match step % 4:
            case 0:
                memory.add(
                    [f"word{number} of {step}" for number in rng.integers(400, size=60)], namespace=space
                )
            case 3:
                stored = memory.list(namespace=space, limit=40)
                memory.forget(ids=[each.id or "" for each in stored])
        before = [*held()]
        memory.recall("word1 word2", namespace=space)
        for thread in [*shards._renewing.values()]:
            thread.join()
        now = held()
        assert shards._bytes == sum(now.values()) and [*now][-1] == space
        assert {*shards._sizes} == {name for name, size in now.items() if size}
        left = [name for name in before if name not in now]  # those that were asked longest ago
        assert left == [name for name in before if name != space][: len(left)]
        assert shards._bytes <= 1 << 20 or len(now) == 1
        dropped |= bool(left)
    assert dropped
    shards.clear()
    assert shards._bytes == 0


def test_the_shard_in_use_stays_whatever_the_budget() -> None:
    memory = fresh(config=replace(SMALL, shard_bytes=1 << 20))
    memory.add([f"word{number} " * 40 + f"a{number} b{number} c{number}" for number in range(2500)])
    for number in (3, 1999):
        assert texts(memory.recall(f"a{number} c{number}", 1))[0].endswith(f"c{number}")
    assert memory.stats().shards == 1


def test_stats(opened: Opened, tmp_path: Path) -> None:
    memory = opened()
    empty = memory.stats()
    assert (empty.memories, empty.namespaces, empty.associations, empty.shards) == (0, 0, 0, 0)
    assert (empty.embedder, empty.token_embedder, empty.dimension) == ("words", "words", 64)
    ids = memory.add(["one", "two"]) + memory.add("three", namespace="b")
    memory.associate(ids[0], ids[1])
    memory.associate(ids[0], ids[1], 0.5)
    memory.recall("one")
    full = memory.stats()
    assert (full.memories, full.namespaces, full.associations, full.shards) == (3, 2, 1, 1)
    assert full.shard_bytes > 0
    assert (full.path is None) == (full.file_bytes == 0)


def test_listing(memory: AssociativeMemory) -> None:
    memory.add(["a1", "a2", "a3"], namespace="a", session_id="s")
    memory.add(["b1", "b2"], namespace="b", session_id="s")
    memory.add("a4", namespace="a")

    def listed(**how: object) -> list[str]:
        return [stored.text for stored in memory.list(**how)]

    assert listed() == ["a1", "a2", "a3", "b1", "b2", "a4"]
    assert listed(namespace="a", limit=2, offset=1) == ["a2", "a3"]
    assert listed(namespace="a", session_id="s", newest_first=True) == ["a3", "a2", "a1"]
    assert listed(namespace="a", session_id="s") == ["a1", "a2", "a3"]
    assert listed(limit=0) == []
    assert listed(offset=6) == []
    assert memory.namespaces() == ["a", "b"]


def test_keywords_fill_in_what_an_item_leaves_open(memory: AssociativeMemory) -> None:
    items = [
        Memory("own", role="assistant", session_id="t", metadata={"a": 1}, cues=("mine",), id="given"),
        "plain",
    ]
    ids = memory.add(
        items, role="user", session_id="s", timestamp=5, metadata={"a": 0, "b": 2}, cues=["theirs"]
    )
    own, plain = memory.get(ids)
    assert own is not None
    assert plain is not None
    assert (own.id, own.role, own.session_id, own.metadata) == ("given", "assistant", "t", {"a": 1, "b": 2})
    assert own.cues == ("mine",)
    assert (plain.role, plain.session_id, plain.metadata, plain.cues) == (
        "user",
        "s",
        {"a": 0, "b": 2},
        ("theirs",),
    )
    assert own.timestamp == plain.timestamp
    assert memory.add([]) == []
    assert len(memory.add(("a tuple", "of two"))) == 2
    assert len(memory.add(f"number {n}" for n in range(3))) == 3  # type: ignore[arg-type]


def test_update_changes_what_is_given_and_nothing_else(memory: AssociativeMemory) -> None:
    (id,) = memory.add("old", role="user", session_id="s", timestamp=5, metadata={"a": 1}, cues=["cue"])
    before = memory.get([id])[0]
    assert before is not None
    memory.update(id, text="new")
    assert memory.get([id]) == [replace(before, text="new")]
    memory.update(id, role=None, timestamp=None, cues=())
    assert memory.get([id]) == [replace(before, text="new", role=None, timestamp=None, cues=())]
    memory.update(id, metadata={})
    assert memory.recall("new", where={"a": 1}).hits == ()


def test_an_update_keeps_no_cue_twice_and_none_that_is_the_text(memory: AssociativeMemory) -> None:
    (id,) = memory.add("the garage code", cues=["4711"])
    memory.update(id, cues=["the garage code", "open sesame", "open sesame"])
    (updated,) = memory.get([id])
    assert updated is not None and updated.cues == ("open sesame",)
    memory.update(id, text="open sesame")
    (updated,) = memory.get([id])
    assert updated is not None and updated.cues == ()


def test_token_patterns_from_another_embedder(opened: Opened) -> None:
    both = opened(embedder=VectorsOnly(), token_embedder=WordEmbedder())
    one = opened()
    for memory in (both, one):
        memory.add([Memory("rex hides", id="a"), Memory("thunder scares rex", id="b")], session_id="s")
    assert both.stats().embedder == "words, vectors only"
    assert both.stats().token_embedder == "words"
    assert both.recall("what scares rex") == one.recall("what scares rex")
    assert state(both, "default")["patterns"] == state(one, "default")["patterns"]


def test_without_token_vectors_the_other_cues_work(opened: Opened) -> None:
    memory = opened(embedder=VectorsOnly())
    memory.add(["rex the beagle hides", "ana paints boats", "the code is 4471"], session_id="s")
    found = memory.recall("the beagle rex", k=2)
    assert found[0].memory.text == "rex the beagle hides"
    assert set(found[0].evidence.signals) <= {
        "tokens",
        "lexical",
        "dense",
        "temporal",
        "content",
        "together",
        "redundancy",
    }
    assert {(match.word, match.answer) for match in found[0].evidence.matches} == {
        ("beagle", "beagle"),
        ("rex", "rex"),
    }
    assert memory.recall("rex the beagle hides").confidence > memory.recall("zebra crossing").confidence


def test_a_token_embedder_must_have_tokens() -> None:
    class Promising(VectorsOnly):
        token_dimension = 64

    with pytest.raises(EmbeddingError, match="token"):
        fresh(embedder=WordEmbedder(), token_embedder=Promising()).add("x")


def test_what_was_forgotten_takes_no_room_in_the_end(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A namespace that keeps fifty memories is as large after a thousand as after fifty."""
    monkeypatch.setattr(shard, "WORN", 100)
    memory = opened()
    rng = np.random.default_rng(5)
    kept: list[str] = []
    sizes = []
    for number in range(24):
        said = [" ".join(f"word{n}" for n in rng.integers(0, 60, 8)) + f" at{number}" for _ in range(50)]
        ids = memory.add(said, namespace="n", session_id=f"s{number}")
        memory.update(ids[0], text=said[0] + " anew")
        memory.associate(ids[0], ids[1], 0.5)
        memory.forget(ids=kept)
        kept = ids
        assert memory.recall(said[7], 1, namespace="n")[0].memory.text == said[7]
        for renewing in [*memory._shards._renewing.values()]:
            renewing.join()
        sizes.append(memory.stats().shard_bytes)
    assert max(sizes) < 8 * sizes[0]
    new = fresh(memory.list(namespace="n"))
    new.associate(kept[0], kept[1], 0.5)
    one, other = state(memory, "n"), state(new, "n")
    one.pop("seqs"), other.pop("seqs")
    assert one == other


def test_a_shard_that_is_built_anew_meanwhile_misses_nothing(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "WORN", 5)
    memory = opened()

    def write(number: int) -> None:
        for turn in range(12):
            (id_,) = memory.add(f"thread{number} turn{turn}", namespace="n")
            assert memory.recall(f"thread{number} turn{turn}", 3, namespace="n")[0].memory.id == id_
            memory.forget(ids=[id_])
            assert id_ not in {hit.memory.id for hit in memory.recall("turn", 50, namespace="n")}

    at_once(write)
    for renewing in [*memory._shards._renewing.values()]:
        renewing.join()
    assert [*memory.recall("turn", namespace="n")] == [] == memory.list(namespace="n")


def test_closing_while_a_shard_is_built_anew(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "WORN", 1)
    memory = opened()
    for _ in range(4):
        memory.recall("a", namespace="n")
        memory.forget(ids=memory.add(["a b", "c d", "e f"], namespace="n"))
    memory.close()
    for renewing in [*memory._shards._renewing.values()]:
        renewing.join()
        assert not renewing.is_alive()
