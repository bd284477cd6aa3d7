"""LangChain's adapters and their engine: shared by path, closed by the last, copied, pickled."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain.agents")
pytest.importorskip("langchain_classic")

from langchain_samples import FACTS, bag_of_words, new_embedder, said

from nuonuo import AssociativeMemory, VectorEmbedder
from nuonuo.errors import InvalidTypeError, NotAStoreError, StoreClosedError
from nuonuo_integrations.langchain import (
    NuonuoChatMessageHistory,
    NuonuoMemory,
    NuonuoMiddleware,
    NuonuoRetriever,
    NuonuoStore,
)
from tests.fakes import SMALL
from tests.threads import at_once

Make = Callable[..., Any]

ADAPTERS: dict[str, Make] = {
    "memory": lambda memory, **more: NuonuoMemory(memory=memory, session_id="s", **more),
    "history": lambda memory, **more: NuonuoChatMessageHistory(memory, "s", **more),
    "middleware": lambda memory, **more: NuonuoMiddleware(memory, **more),
    "retriever": lambda memory, **more: NuonuoRetriever(memory=memory, **more),
    "store": lambda memory, **more: NuonuoStore(memory, **more),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda adapter: pickle.loads(pickle.dumps(adapter)),
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


# -- sharing and closing ----------------------------------------------------------------------------


def test_one_engine_a_file_closed_by_the_last(make: Make, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "memories.db"
    link = tmp_path / "link.db"
    first = make(path)
    link.symlink_to(path)
    monkeypatch.chdir(tmp_path)
    others = [make(str(path)), make(link), make("memories.db"), make("./x/../memories.db")]
    engine = first.memory
    assert all(each.memory is engine for each in others)
    for each in (first, *others):
        assert is_open(engine)
        each.close()
        each.close()  # counts once
    assert not is_open(engine)
    again = make(path)
    assert again.memory is not engine and is_open(again.memory)
    again.close()


def test_two_files_are_two_engines(make: Make, tmp_path: Path) -> None:
    with make(tmp_path / "a.db") as a, make(tmp_path / "b.db") as b:
        assert a.memory is not b.memory
    assert not is_open(a.memory) and not is_open(b.memory)


async def test_context_managers(make: Make, tmp_path: Path) -> None:
    async with make(tmp_path / "a.db") as adapter:
        with make(tmp_path / "a.db"):
            pass
        assert is_open(adapter.memory)
    assert not is_open(adapter.memory)
    other = make(tmp_path / "a.db")
    await other.aclose()
    assert not is_open(other.memory)


def test_what_the_caller_handed_in_stays_open(make: Make, engine: AssociativeMemory) -> None:
    for _ in range(2):
        with make(engine) as adapter:
            assert adapter.memory is engine
        assert is_open(engine)


def test_who_was_given_another_adapters_engine_holds_it_too(make: Make, tmp_path: Path) -> None:
    first = make(tmp_path / "a.db")
    second = make(first.memory)
    first.close()
    assert is_open(second.memory)
    second.close()
    assert not is_open(second.memory)


def test_an_adapter_that_is_dropped_gives_its_engine_back(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    engine = weakref.ref(make(path).memory)
    gc.collect()
    assert engine() is None
    kept = make(path)
    make(path)
    gc.collect()
    assert is_open(kept.memory)
    memory = kept.memory
    kept.close()
    assert not is_open(memory)
    memory = make(path).memory  # who has the engine itself has it as long as they like
    gc.collect()
    assert is_open(memory)
    memory.close()


def test_an_engine_that_was_closed_or_whose_file_is_gone_is_opened_anew(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    closed = make(path)
    closed.memory.close()
    with make(path) as adapter:
        assert is_open(adapter.memory)
        for file in tmp_path.iterdir():
            file.unlink()
        with make(path) as fresh:
            assert fresh.memory is not adapter.memory
            assert path.exists()


def test_what_cannot_be_opened_leaves_nothing_behind(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("no database, whatever its name says, and long enough to be looked at. " * 20)
    with pytest.raises(NotAStoreError):
        make(path)
    path.unlink()
    with make(path) as adapter:
        assert is_open(adapter.memory)
    for wrong in (None, 3, b"a.db", ["a.db"]):
        with pytest.raises(InvalidTypeError, match="AssociativeMemory, the path of its file or an address"):
            make(wrong)


def test_many_threads_open_and_close_one_file(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"

    def work(at: int) -> None:
        for _ in range(20):
            with make(path) as adapter:
                adapter.memory.get([f"{at}"])  # StoreClosedError where another closed it under us

    at_once(work)


async def test_many_requests_open_one_engine(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    adapters = await asyncio.gather(*(asyncio.to_thread(make, path) for _ in range(16)))
    assert len({id(each.memory) for each in adapters}) == 1
    for each in adapters:
        each.close()
    assert not is_open(adapters[0].memory)


# -- copies and pickles -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_shares_the_engine_and_holds_it(make: Make, how: str, tmp_path: Path) -> None:
    adapter = make(tmp_path / "a.db", namespace="ana")
    before = dict(adapter.__dict__)
    copied = COPIES[how](adapter)
    assert adapter.__dict__ == before
    assert type(copied) is type(adapter) and copied.memory is adapter.memory
    assert getattr(copied, "namespace", None) == getattr(adapter, "namespace", None)
    adapter.close()
    assert is_open(copied.memory)
    copied.close()
    assert not is_open(copied.memory)


@pytest.mark.parametrize("how", ["copy", "deepcopy"])
def test_a_copy_over_ram_shares_it(make: Make, engine: AssociativeMemory, how: str) -> None:
    adapter = make(engine)
    assert COPIES[how](adapter).memory is adapter.memory is engine
    assert COPIES[how](engine) is engine
    assert COPIES[how]([engine, {"a": engine}])[1]["a"] is engine


def test_ram_refuses_to_be_pickled_and_nothing_is_touched(make: Make, engine: AssociativeMemory) -> None:
    adapter = make(engine)
    before = dict(adapter.__dict__)
    for what in (adapter, engine):
        with pytest.raises(InvalidTypeError, match=r"RAM.*AssociativeMemory.open"):
            pickle.dumps(what)
    assert adapter.__dict__ == before and is_open(engine)


def test_a_pickle_of_another_engine_opens_it_with_its_options(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL) as engine:
        engine.add(FACTS)
        data, bare = pickle.dumps(make(engine)), pickle.dumps(engine)
    one, two = pickle.loads(data), pickle.loads(data)
    assert one.memory is two.memory is not engine
    assert one.memory.config == SMALL
    assert one.memory.recall("garage code", 1)[0].memory.text == "The garage code is 4471."
    one.close()
    two.close()
    assert not is_open(one.memory)
    with pickle.loads(bare) as again:
        assert [text for _, text in said(again)] == FACTS


def test_an_option_that_cannot_be_pickled_is_named(make: Make, tmp_path: Path) -> None:
    embedder = VectorEmbedder(lambda texts: bag_of_words(texts), name="bag-of-words", dimension=64)
    with AssociativeMemory.open(tmp_path / "a.db", embedder=embedder) as engine:
        for what in (make(engine), engine):
            with pytest.raises(InvalidTypeError, match=r"embedder.*cannot be pickled"):
                pickle.dumps(what)
        assert is_open(engine)


def test_options_go_along() -> None:
    with AssociativeMemory(embedder=new_embedder()) as engine:
        middleware = NuonuoMiddleware(
            engine, namespace=str, k=3, across_sessions=False, where={"role": "user"}, max_tokens=9,
            token_counter=len, on_error="raise",
        )  # fmt: skip
        copied = copy.deepcopy(middleware)
        for name in ("namespace", "k", "across_sessions", "where", "max_tokens", "token_counter", "on_error"):
            assert getattr(copied, name) == getattr(middleware, name), name
        copied.where["role"] = "assistant"
        assert middleware.where == {"role": "user"}


def test_what_json_leaves_out_is_no_obstacle(tmp_path: Path) -> None:
    with NuonuoMemory(memory=tmp_path / "a.db", max_tokens=9, token_counter=lambda text: 1) as memory:
        copied = pickle.loads(pickle.dumps(memory))
        assert copied.token_counter is None and copied.max_tokens == 9
        assert memory.token_counter is not None and memory.token_counter("x y") == 1
        copied.close()
    kept = pickle.loads(pickle.dumps(NuonuoMemory(memory=tmp_path / "a.db", token_counter=len)))
    assert kept.token_counter is len
    kept.close()


def test_another_process_reads_the_pickle(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with make(path) as adapter:
        (tmp_path / "pickle").write_bytes(pickle.dumps(adapter))
    code = "import pickle, sys; a = pickle.load(open(sys.argv[1], 'rb')); print(a.memory.stats().path)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "pickle")],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert done.stdout.strip() == str(path)
