"""`add(replace=True)` and `revise`: writes that no other writer can trip."""

from __future__ import annotations

from dataclasses import replace as changed

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from tests.fakes import WordEmbedder, everything, fresh, state, texts
from tests.threads import at_once


def test_added_over_is_as_if_added_once(memory: AssociativeMemory) -> None:
    memory.add(["Rex is a beagle", Memory("the code is 4471", id="code"), "two apple trees"])
    memory.add(Memory("the code is 9090", id="code", metadata={"n": 1}), replace=True)
    (code,) = memory.get(["code"])
    assert code is not None
    assert (code.text, code.metadata) == ("the code is 9090", {"n": 1})
    assert texts(memory.recall("code 9090", k=1)) == ["the code is 9090"]
    other, own = state(fresh(memory.list()), "default"), state(memory, "default")
    other.pop("seqs"), own.pop("seqs")
    assert own == other


def test_an_id_of_another_namespace_is_never_taken(memory: AssociativeMemory) -> None:
    memory.add(Memory("hers", id="x"), namespace="ana")
    before = everything(memory)
    with pytest.raises(InvalidInputError, match="another namespace"):
        memory.add([Memory("his", id="x")], namespace="ben", replace=True)
    assert everything(memory) == before


def test_eight_threads_add_over_and_forget_one_id(memory: AssociativeMemory) -> None:
    def work(number: int) -> None:
        for step in range(10):
            memory.add(Memory(f"thread{number} step{step}", id="one"), replace=True)
            if step % 3 == number % 3:
                memory.forget(ids=["one"])

    at_once(work)
    memory.add(Memory("the last word", id="one"), replace=True)
    assert [m.text for m in memory.list()] == ["the last word"]
    assert texts(memory.recall("the last word")) == ["the last word"]


def test_a_revision_embeds_nothing_and_filters_follow() -> None:
    embedder = WordEmbedder()
    memory = fresh(embedder=embedder)
    memory.add([Memory("Rex is a beagle", id="a"), Memory("Bella is a poodle", id="b")])
    memory.recall("beagle")
    asked = len(embedder.texts)
    assert memory.revise(["a", "b"], lambda m: {"seen": True} if m.id == "a" else m.metadata) == 1
    assert len(embedder.texts) == asked
    assert texts(memory.recall("beagle", where={"seen": True})) == ["Rex is a beagle"]
    assert memory.revise(["a"], lambda m: None) == 1
    assert texts(memory.recall("beagle")) == ["Bella is a poodle"]
    assert memory.revise(["a"], lambda m: None) == 0


async def test_counters_of_many_threads_lose_nothing(memory: AssociativeMemory) -> None:
    memory.add(Memory("a counter", id="c", metadata={"n": 0}))
    at_once(lambda _: [memory.revise(["c"], lambda m: {"n": m.metadata["n"] + 1}) for _ in range(5)] and None)
    assert await memory.arevise(["c"], lambda m: {"n": m.metadata["n"] + 1}) == 1
    (counter,) = memory.get(["c"])
    assert counter == changed(memory.list()[0], metadata={"n": 41})


def test_what_cannot_be_a_revision(memory: AssociativeMemory) -> None:
    memory.add(Memory("a", id="a"))
    with pytest.raises(InvalidTypeError, match="callable"):
        memory.revise(["a"], {"n": 1})  # type: ignore[arg-type]
    with pytest.raises(InvalidTypeError, match="ids"):
        memory.revise("a", lambda m: None)
    with pytest.raises(InvalidTypeError, match="prefix"):
        memory.namespaces(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="limit"):
        memory.namespaces(limit=-1)
    assert memory.namespaces("def", limit=1) == ["default"]
