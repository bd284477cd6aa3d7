"""Many questions at once are answered as one by one, from one embedding and one state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from tests.fakes import Opened, WordEmbedder

TEXTS = ["Rex fears thunder.", "The garage code is 4471.", "Ana paints boats.", "Rex sleeps under the bed."]
QUERIES = ["What does Rex fear?", "garage code", "Who paints?", "garage code", "Rex yesterday"]


@pytest.fixture
def memory(opened: Opened) -> AssociativeMemory:
    made = opened()
    made.add([Memory(text, role="user", timestamp=86_400 * at) for at, text in enumerate(TEXTS)])  # type: ignore[arg-type]
    made.add("The code of another house is 9.", namespace="elsewhere")
    return made


@pytest.mark.parametrize(
    "how",
    [{}, {"k": 2, "now": 86_400 * 3}, {"where": {"role": "user"}, "after": 86_400},
     {"namespace": "elsewhere"}, {"namespace": "nowhere"}, {"distinct": False, "session_id": "s"}],
)  # fmt: skip
def test_each_is_answered_as_by_itself(memory: AssociativeMemory, how: dict[str, Any]) -> None:
    found = memory.recall_many(QUERIES, **how)
    assert found == [memory.recall(query, **how) for query in QUERIES]
    assert [recall.query for recall in found] == QUERIES
    assert asyncio.run(memory.arecall_many(QUERIES, **how)) == found


def test_they_are_embedded_together(opened: Opened) -> None:
    embedder = WordEmbedder()
    memory, calls = opened(embedder=embedder), list[int]()
    memory.add(TEXTS)
    encode = embedder.encode_documents
    embedder.encode_queries = lambda texts: (calls.append(len(texts)), encode(texts))[1]  # type: ignore[method-assign]
    embedder.encode_documents = embedder.encode_queries  # type: ignore[method-assign]
    memory.recall_many([f"{query} {at}" for at, query in enumerate(QUERIES)])
    assert calls == [len(QUERIES)]
    assert memory.recall_many([]) == []


def test_one_bad_question_is_named_and_none_is_asked(memory: AssociativeMemory) -> None:
    with pytest.raises(InvalidInputError, match=r"queries\[1\] must hold some text"):
        memory.recall_many(["Rex", " "])
    with pytest.raises(InvalidTypeError, match=r"queries\[0\] must be a str, got int"):
        memory.recall_many([3])  # type: ignore[list-item]
    with pytest.raises(InvalidTypeError, match="queries must be a list of texts, got str 'Rex'"):
        memory.recall_many("Rex")
    with pytest.raises(InvalidInputError, match=r"^query must hold"):
        memory.recall("")
