"""What is forgotten is found by no call, and its neighbours close ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError
from tests.fakes import SMALL, Opened, VectorsOnly, fresh, state, texts

SECRET = "The xylophone is buried under the quince tree."
BEFORE, AFTER = "We walked to the quarry.", "Then it rained all evening."


def with_secret(memory: AssociativeMemory, **how: object) -> list[str]:
    ids = memory.add(
        [BEFORE, Memory(SECRET, metadata={"secret": "zephyr"}, cues=("where is the glockenspiel",)), AFTER],
        session_id="walk",
        role="user",
        **how,
    )
    memory.associate(ids[0], ids[1])
    memory.associate(ids[1], ids[2], 0.5)
    memory.recall("xylophone")
    return ids


def assert_nowhere(memory: AssociativeMemory, gone: str, tmp_path: Path) -> None:
    assert not any("xylophone" in text for _, text in memory._encoder._encodings.recent)  # nor its encodings
    for query in (SECRET, "xylophone quince", "glockenspiel", BEFORE):
        found = memory.recall(query, k=50)
        assert SECRET not in texts(found)
        for hit in found:
            assert gone not in {match.memory_id for match in hit.evidence.matches}
            assert gone not in {end for link in hit.evidence.path for end in (link.source_id, link.target_id)}
            assert not {"xylophon", "xylophone"} & {w for link in hit.evidence.path for w in link.words}
        assert SECRET not in [step.memory.text for step in memory.chain(query, 20)]
    assert texts(memory.recall("x", where={"secret": "zephyr"})) == []
    assert memory.get([gone]) == [None]
    assert gone not in [stored.id for stored in memory.list()]
    memory.export(tmp_path / "dump.jsonl")
    assert "xylophone" not in (tmp_path / "dump.jsonl").read_text()
    with memory._shards.reading("default") as shard:
        kept = repr(shard.state())
        assert not any(map(shard.postings.df, ("xylophon", "quinc", "glockenspiel")))
        assert "xylophon" not in kept
        assert "zephyr" not in kept
        assert gone not in shard.ids


def test_by_id(memory: AssociativeMemory, tmp_path: Path) -> None:
    ids = with_secret(memory)
    assert memory.forget(ids=[ids[1], "no such id"]) == 1
    assert_nowhere(memory, ids[1], tmp_path)
    assert memory.stats().memories == 2
    assert memory.stats().associations == 0
    assert state(memory, "default")["neighbours"] == [[-1, 1], [0, -1]]
    assert memory.forget(ids=[ids[1]]) == 0


def test_by_session(memory: AssociativeMemory, tmp_path: Path) -> None:
    ids = with_secret(memory)
    memory.add("The walk was long.", session_id="other")
    memory.add("The walk was long.", session_id="walk", namespace="elsewhere")
    assert memory.forget(session_id="walk") == 3
    assert_nowhere(memory, ids[1], tmp_path)
    assert [stored.namespace for stored in memory.list()] == ["default", "elsewhere"]
    assert state(memory, "default")["sessions"] == [[0]]


def test_by_time(memory: AssociativeMemory, tmp_path: Path) -> None:
    (gone,) = memory.add(SECRET, timestamp="2026-01-01T12:00:00Z")
    memory.add([BEFORE, Memory(AFTER, timestamp="2026-01-02")])  # type: ignore[arg-type]
    assert memory.forget(before="2026-01-01T12:00:00Z") == 0
    assert memory.forget(before="2026-01-01T12:00:00.000001Z") == 1
    assert_nowhere(memory, gone, tmp_path)
    assert memory.forget(before="2026-01-03") == 1
    assert [stored.text for stored in memory.list()] == [BEFORE]  # what has no time is not before any


def test_by_namespace(memory: AssociativeMemory, tmp_path: Path) -> None:
    ids = with_secret(memory)
    memory.add("Another tenant's xylophone.", namespace="other")
    assert memory.forget(namespace="default") == 3
    assert memory.namespaces() == ["other"]
    assert memory.recall("xylophone").hits == ()
    assert memory.recall("xylophone").confidence == 0
    assert len(memory.chain("xylophone")) == 0
    assert memory.get(ids) == [None, None, None]
    assert texts(memory.recall("xylophone", namespace="other")) == ["Another tenant's xylophone."]
    again = memory.add("A new life.")
    assert [hit.memory.id for hit in memory.recall("life")] == again


def test_conditions_are_met_together(memory: AssociativeMemory) -> None:
    ids = memory.add(["one", "two"], session_id="s", timestamp=0)
    memory.add("three", session_id="t", timestamp=0)
    assert memory.forget(ids=ids, session_id="t") == 0
    assert memory.forget(ids=ids, namespace="other") == 0
    assert memory.forget(session_id="s", before=0) == 0
    assert memory.forget(ids=ids[:1], session_id="s", before=1) == 1
    with pytest.raises(InvalidInputError, match="condition"):
        memory.forget()
    assert [stored.text for stored in memory.list()] == ["two", "three"]


def test_forgetting_nothing_at_all_is_not_everything(memory: AssociativeMemory) -> None:
    memory.add("kept")
    assert memory.forget(ids=[]) == 0
    assert memory.stats().memories == 1


def test_updating_forgets_what_was_there_before(memory: AssociativeMemory, tmp_path: Path) -> None:
    ids = with_secret(memory)
    memory.update(ids[1], text="Nothing is buried anywhere.", cues=[], metadata={})
    assert not any("xylophone" in text for _, text in memory._encoder._encodings.recent)
    assert [stored.id for stored in memory.list()] == ids
    assert texts(memory.recall("xylophone", 1)) != [SECRET]
    with memory._shards.reading("default") as shard:
        assert not any(map(shard.postings.df, ("xylophon", "quinc", "glockenspiel")))
        assert "zephyr" not in repr(shard.state())
    assert memory.stats().associations == 2
    assert state(memory, "default")["neighbours"] == [[-1, 1], [0, 2], [1, -1]]
    memory.export(tmp_path / "dump.jsonl")
    assert "xylophone" not in (tmp_path / "dump.jsonl").read_text()


def test_the_next_neighbour_completes_where_one_is_gone(opened: Opened) -> None:
    memory = opened()
    ids = memory.add(["garage", "a pause", "the code is 4471"], session_id="s")
    far = {hit.memory.id: hit for hit in memory.recall("garage code")}[ids[2]]
    memory.forget(ids=[ids[1]])
    near = {hit.memory.id: hit for hit in memory.recall("garage code")}[ids[2]]
    similarity = {match.word: match.similarity for match in far.evidence.matches}["garage"]
    closer = {match.word: match.similarity for match in near.evidence.matches}["garage"]
    assert similarity == pytest.approx(closer * SMALL.neighbour_discount, rel=1e-5)
    assert [match.source for match in near.evidence.matches if match.word == "garage"] == ["neighbour"]


def test_arrays_keep_nothing_of_what_is_gone() -> None:
    memory = fresh()
    ids = memory.add([SECRET, BEFORE])
    with memory._shards.reading("default") as shard:
        pattern, vector = shard.patterns[0].copy(), shard.vectors[0].copy()
        memory.forget(ids=ids[:1])
        shard.follow(memory._store)
        assert pattern.tobytes() not in shard.patterns.rows.tobytes()
        assert vector.tobytes() not in np.ascontiguousarray(shard.vectors._vectors.rows).tobytes()


def test_without_token_vectors(opened: Opened, tmp_path: Path) -> None:
    memory = opened(embedder=VectorsOnly())
    ids = with_secret(memory)
    assert memory.stats().token_embedder is None
    memory.forget(ids=[ids[1]])
    assert_nowhere(memory, ids[1], tmp_path)
