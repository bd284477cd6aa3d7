"""A record keeps its namespace: no tenant's memories are stored among another's in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError
from tests.fakes import Opened, everything, texts


def test_a_record_goes_where_it_says(memory: AssociativeMemory) -> None:
    memory.add([Memory("rex", namespace="ana"), "thunder", Memory("boats", namespace="ben")])
    memory.add(Memory("code", namespace="ana"), namespace="ana")
    memory.add([Memory("apple"), "tree"], namespace="ben")
    assert {each.text: each.namespace for each in memory.list()} == {
        "rex": "ana",
        "thunder": "default",
        "boats": "ben",
        "code": "ana",
        "apple": "ben",
        "tree": "ben",
    }
    assert sorted(texts(memory.recall("rex", namespace="ana"))) == ["code", "rex"]
    assert Memory("rex").namespace is None


@pytest.mark.parametrize(("own", "named"), [("ana", "ben"), ("ana", "default"), ("default", "ana")])
def test_a_contradiction_stores_nothing(memory: AssociativeMemory, own: str, named: str) -> None:
    memory.add("here", namespace="ana")
    before = everything(memory)
    with pytest.raises(InvalidInputError, match=f"'{own}'.*'{named}'"):
        memory.add(["fine", Memory("rex", namespace=own)], namespace=named)
    assert everything(memory) == before


def test_what_was_listed_goes_back_to_its_tenants(opened: Opened) -> None:
    memory, other = opened(), opened()
    memory.add(["rex", "beagle"], namespace="ana", session_id="s")
    memory.add("thunder", namespace="ben", session_id="s")
    memory.add("boats", namespace="ana", session_id="s")
    ids = other.add(memory.list())
    assert other.list() == memory.list()
    assert ids == [each.id for each in memory.list()]
    for namespace in ("ana", "ben"):
        assert other.recall("rex thunder", namespace=namespace) == memory.recall(
            "rex thunder", namespace=namespace
        )
    with pytest.raises(InvalidInputError, match="namespace"):
        opened().add(memory.list(), namespace="ben")
    copies = [replace(hit.memory, namespace=None, id=None) for hit in memory.recall("rex", namespace="ana")]
    other.add(copies, namespace="copies")
    assert len(other.list(namespace="copies")) == 3


def test_several_tenants_all_or_none(memory: AssociativeMemory) -> None:
    memory.add(Memory("here", id="taken"), namespace="ben")
    before = everything(memory)
    with pytest.raises(InvalidInputError, match="taken"):
        memory.add([Memory("rex", namespace="ana"), Memory("boats", namespace="cleo", id="taken")])
    assert everything(memory) == before


def test_a_session_alone_is_one_of_default_wherever_it_is_named(memory: AssociativeMemory) -> None:
    memory.add(["rex", "beagle"], session_id="1")
    memory.add("thunder", namespace="ana", session_id="1")
    memory.add("boats", namespace="ana", session_id="2")
    assert [each.text for each in memory.list(session_id="1")] == ["rex", "beagle"]
    assert [each.text for each in memory.list(session_id="1", offset=1, limit=1)] == ["beagle"]
    assert memory.forget(session_id="1") == 2
    assert [each.text for each in memory.list()] == ["thunder", "boats"]
    for session in ("1", "2"):  # now neither says "nothing there": another namespace has it
        with pytest.raises(InvalidInputError, match="namespace="):
            memory.list(session_id=session)
        with pytest.raises(InvalidInputError, match="namespace="):
            memory.forget(session_id=session)
        with pytest.raises(InvalidInputError, match="namespace="):
            memory.forget(session_id=session, before="2099-01-01")
    assert memory.list(session_id="nowhere") == []
    assert memory.forget(session_id="nowhere") == 0
    assert memory.forget(namespace="ana", session_id="1") == 1
    assert [each.text for each in memory.list(namespace="ana", session_id="2")] == ["boats"]
    assert memory.forget(ids=[str(each.id) for each in memory.list()], session_id="2") == 1


@pytest.mark.parametrize("namespace", [7, "", " "])
def test_a_namespace_that_is_none(memory: AssociativeMemory, namespace: Any) -> None:
    with pytest.raises((InvalidTypeError, InvalidInputError), match="namespace"):
        memory.add(Memory("rex", namespace=namespace))
    assert memory.list() == []


def test_an_update_stays_where_it_was(memory: AssociativeMemory) -> None:
    (id,) = memory.add(Memory("rex", namespace="ana"))
    memory.update(id, text="rex the beagle")
    assert [(each.text, each.namespace) for each in memory.list()] == [("rex the beagle", "ana")]
