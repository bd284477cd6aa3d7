"""NuonuoMemory and its block written down, read back, pickled and copied."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_samples import make, new_embedder, user, words

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock

Either = NuonuoMemory | NuonuoMemoryBlock

# The engine's own part: to be pickled as its path and options, and to refuse where it lives in RAM.
pickled = pytest.mark.skipif(
    AssociativeMemory.__reduce__ is object.__reduce__ and "__getstate__" not in vars(AssociativeMemory),
    reason="the engine cannot be pickled yet",
)


def test_it_is_written_down_and_read_back_in_one_process(engine: AssociativeMemory) -> None:
    filters = MetadataFilters(filters=[MetadataFilter(key="role", value=["user"], operator="in")])
    memory = make(engine, token_limit=500, filters=filters, insert_method="user")
    again = NuonuoMemory.from_json(memory.to_json())
    assert (again.filters, again.insert_method) == (memory.filters, memory.insert_method)
    assert again.memory is engine
    assert (again.session_id, again.token_limit) == ("now", 500)


def test_a_memory_in_a_file_is_read_back_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    memory = NuonuoMemory(memory=tmp_path / "m.db", session_id="s")
    memory.put(user("The garage code is 4471."))
    written = memory.to_json()
    memory.memory.close()  # as where the process ended
    again = NuonuoMemory.from_json(written)
    assert again.get_all() == [user("The garage code is 4471.")]
    again.memory.close()


def test_a_memory_in_ram_that_is_gone_says_so() -> None:
    memory = NuonuoMemory(memory=AssociativeMemory(embedder=new_embedder()))
    written = memory.to_json()
    memory.memory.close()
    with pytest.raises(InvalidInputError, match="lived in RAM"):
        NuonuoMemory.from_json(written)


FILTERS = MetadataFilters(filters=[MetadataFilter(key="role", value=["user"], operator="in")])
OPTIONS: dict[str, Any] = {"namespace": "me", "k": 3, "across_sessions": False, "filters": FILTERS}
BOTH = pytest.mark.parametrize("kind", [NuonuoMemory, NuonuoMemoryBlock])


def say(component: Either, text: str) -> None:
    if isinstance(component, NuonuoMemory):
        component.put(user(text))
    else:
        asyncio.run(component.aput([user(text)], session_id="s"))


def options(component: Either) -> dict[str, Any]:
    return {name: value for name, value in component if name != "memory"}


@BOTH
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda it: it.model_copy(), lambda it: it.model_copy(deep=True)]
)
def test_a_copy_has_its_own_settings_on_the_same_engine(
    engine: AssociativeMemory, kind: type[Either], copied: Callable[[Either], Either]
) -> None:
    component = kind(memory=engine, tokenizer_fn=lambda text: text.split(), **OPTIONS)
    say(component, "The garage code is 4471.")
    again = copied(component)
    assert again.memory is component.memory is engine
    assert options(again) == options(component)
    say(again, "And it is new.")
    assert len(engine.list()) == 2
    nested = copy.deepcopy({"memories": [component, component]})["memories"]
    assert nested[0] is nested[1] and nested[0].memory is engine


@BOTH
def test_json_by_path_and_options(
    tmp_path: Path, kind: type[Either], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    component = kind(memory=tmp_path / "m.db", **OPTIONS)
    say(component, "The garage code is 4471.")
    written = component.model_dump_json()
    component.memory.close()
    again = kind.model_validate_json(written)
    assert options(again) == options(component)
    assert [memory.text for memory in again.memory.list()] == ["The garage code is 4471."]
    again.memory.close()


@pickled
@BOTH
@pytest.mark.parametrize("tokenizer", [words, lambda text: text.split(), None])
def test_pickled_by_path_and_options(
    tmp_path: Path, kind: type[Either], tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuonuo.memory.default_embedder", new_embedder)
    own = {} if tokenizer is None else {"tokenizer_fn": tokenizer}
    component = kind(memory=tmp_path / "m.db", **own, **OPTIONS)
    say(component, "The garage code is 4471.")
    before = dict(component)
    again = pickle.loads(pickle.dumps(component))
    assert dict(component) == before  # nothing of the living one is taken away
    assert {**options(again), "tokenizer_fn": 0} == {**options(component), "tokenizer_fn": 0}
    assert (again.tokenizer_fn is words) == (tokenizer is words)
    assert [memory.text for memory in again.memory.list()] == ["The garage code is 4471."]
    say(component, "And it goes on.")
    assert len(again.memory.list()) == 2
    for each in (again, component):
        each.memory.close()


@BOTH
def test_a_pickle_that_fails_leaves_the_living_as_it_was(
    engine: AssociativeMemory, kind: type[Either]
) -> None:
    component = kind(memory=engine, tokenizer_fn=lambda text: text.split(), **OPTIONS)
    before = dict(component)
    with pytest.raises(Exception):  # noqa: B017 - whose it is, is the engine's affair: see below
        pickle.dumps(component)
    assert dict(component) == before
    say(component, "The garage code is 4471.")


@pickled
@BOTH
def test_an_engine_in_ram_refuses_to_be_pickled(engine: AssociativeMemory, kind: type[Either]) -> None:
    with pytest.raises(NuonuoError):
        pickle.dumps(kind(memory=engine))
