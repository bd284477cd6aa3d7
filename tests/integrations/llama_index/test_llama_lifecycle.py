"""LlamaIndex's adapters and their engine: shared by path, closed by the last, copied, pickled."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_index.core")

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidTypeError, StoreClosedError
from nuonuo_integrations.llama_index import NuonuoMemory, NuonuoMemoryBlock, NuonuoRetriever
from tests.fakes import fresh

Make = Callable[..., Any]

ADAPTERS: dict[str, Make] = {
    "memory": lambda memory, **more: NuonuoMemory(memory=memory, session_id="s", **more),
    "from_defaults": lambda memory, **more: NuonuoMemory.from_defaults(memory, session_id="s", **more),
    "block": lambda memory, **more: NuonuoMemoryBlock(memory=memory, **more),
    "retriever": lambda memory, **more: NuonuoRetriever(memory, **more),
}


@pytest.fixture(params=ADAPTERS)
def make(request: pytest.FixtureRequest) -> Make:
    return ADAPTERS[request.param]


def is_open(memory: AssociativeMemory) -> bool:
    try:
        memory.get(["x"])
    except StoreClosedError:
        return False
    return True


async def test_one_engine_a_file_closed_by_the_last(make: Make, tmp_path: Path) -> None:
    with make(tmp_path / "a.db") as first:
        async with make(str(tmp_path / "a.db")) as second:
            assert second.memory is first.memory
        assert is_open(first.memory)
    assert not is_open(first.memory)


def test_what_the_caller_handed_in_stays_open(make: Make) -> None:
    with fresh() as engine:
        make(engine).close()
        assert is_open(engine)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_shares_the_engine_and_holds_it(make: Make, how: Any, tmp_path: Path) -> None:
    adapter = make(tmp_path / "a.db", namespace="ana", k=3)
    before = dict(adapter.__dict__)
    copied = how(adapter)
    assert adapter.__dict__ == before
    assert (copied.namespace, copied.k) == ("ana", 3)
    assert copied.memory is adapter.memory
    adapter.close()
    assert is_open(copied.memory)
    copied.close()
    assert not is_open(copied.memory)


def test_ram_refuses_to_be_pickled_and_nothing_is_touched(make: Make) -> None:
    with fresh() as engine:
        adapter = make(engine)
        before = dict(adapter.__dict__)
        with pytest.raises(InvalidTypeError, match=r"RAM.*AssociativeMemory.open"):
            pickle.dumps(adapter)
        assert adapter.__dict__ == before and adapter.memory is engine
        assert copy.deepcopy(adapter).memory is engine


def test_what_json_leaves_out_is_no_obstacle(tmp_path: Path) -> None:
    with NuonuoMemory(memory=tmp_path / "a.db", tokenizer_fn=lambda text: text.split()) as memory:
        with pickle.loads(pickle.dumps(memory)) as copied:
            assert len(copied.tokenizer_fn("one two")) > 0
        assert memory.tokenizer_fn("one two") == ["one", "two"]
