"""Adding in the place of what is stored, and listing by a filter."""

from __future__ import annotations

from typing import Any

import pytest

from nuonuo import AssociativeMemory, Encoding, Memory
from nuonuo.errors import InvalidInputError
from tests.fakes import Opened, WordEmbedder, everything, fresh, texts


def test_what_is_replaced_is_found_as_what_it_is_now(memory: AssociativeMemory) -> None:
    memory.add([Memory("the code is red", id="a", cues=("x",)), Memory("the code is blue", id="b")])
    memory.recall("code")
    changed = [Memory("a parrot speaks", id="b", session_id="s", metadata={"n": 1}), Memory("more", id="c")]
    assert memory.add(changed, replace=True) == ["b", "c"]
    assert [(m.id, m.text, m.session_id) for m in memory.list()] == [
        ("a", "the code is red", None),
        ("b", "a parrot speaks", "s"),
        ("c", "more", None),
    ]
    assert texts(memory.recall("parrot", 1)) == ["a parrot speaks"]
    assert texts(memory.recall("code", 9, where={"n": 1})) == ["a parrot speaks"]
    again = fresh(memory.list())
    assert [hit.memory.id for hit in memory.recall("code parrot")] == [
        hit.memory.id for hit in again.recall("code parrot")
    ]


def test_nothing_is_replaced_where_one_cannot_be(opened: Opened) -> None:
    class Failing(WordEmbedder):
        def encode_documents(self, texts: Any) -> list[Encoding]:
            if any("fail" in text for text in texts):
                raise RuntimeError("the embedder is away")
            return super().encode_documents(texts)

    memory = opened(embedder=Failing())
    memory.add([Memory("one", id="a"), Memory("two", id="b")])
    memory.add(Memory("theirs", id="t"), namespace="other")
    before = everything(memory)
    with pytest.raises(RuntimeError, match="away"):
        memory.add([Memory("three", id="a"), Memory("fail", id="b")], replace=True)
    with pytest.raises(InvalidInputError, match="the id 't'"):
        memory.add([Memory("three", id="a"), Memory("mine", id="t")], replace=True)
    with pytest.raises(InvalidInputError, match="'a'"):
        memory.add([Memory("three", id="a")])
    assert everything(memory) == before


def test_a_list_of_what_passes_a_filter(memory: AssociativeMemory) -> None:
    memory.add([Memory(f"note {n}", id=str(n), metadata={"n": n}, session_id=f"s{n % 2}") for n in range(6)])
    memory.add(Memory("note", id="x", metadata={"n": 9}), namespace="other")

    def ids(**how: Any) -> list[str | None]:
        return [m.id for m in memory.list(**{"namespace": "default", "where": {"n": {"$gt": 1}}} | how)]

    assert ids() == ["2", "3", "4", "5"]
    assert ids(newest_first=True, limit=2, offset=1) == ["4", "3"]
    assert ids(session_id="s1") == ["3", "5"]
    assert ids(where={}) == ["0", "1", "2", "3", "4", "5"]
    assert ids(namespace="nowhere") == []
    with pytest.raises(InvalidInputError, match="needs a namespace"):
        memory.list(where={"n": 1})
    with pytest.raises(InvalidInputError, match="regex"):
        memory.list(where={"n": {"$regex": 1}}, namespace="default")
