"""A put is an upsert, whoever else writes: threads of one process, other stores, other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from langchain_samples import new_embedder
from langchain_stores import ALICE, BOB, new_engine
from langchain_words import SMALL
from langgraph.store.base import PutOp

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError
from nuonuo_integrations.langchain import NuonuoStore
from tests.threads import at_once

HERE = Path(__file__).parent


@pytest.mark.parametrize("kind", ["ram", "file"])
def test_eight_threads_put_and_delete_one_key(tmp_path: Path, kind: str) -> None:
    engine = new_engine()
    if kind == "file":
        engine = AssociativeMemory.open(tmp_path / "m.db", embedder=new_embedder(), config=SMALL)
    stores = [NuonuoStore(engine), NuonuoStore(engine)]

    def work(number: int) -> None:
        store = stores[number % 2]
        for step in range(15):
            store.put(ALICE, "k", {"text": f"thread {number}", "n": step})
            found = store.get(ALICE, "k")
            assert found is None or found.value["text"].startswith("thread")
            store.search(ALICE, query="thread")
            if step % 3 == number % 3:
                store.delete(ALICE, "k")
            store.batch([PutOp(ALICE, "k", {"text": "thread"}), PutOp(BOB, f"{number}", {"n": step})])

    at_once(work)
    assert [item.key for item in stores[0].search(ALICE)] in ([], ["k"])
    assert {item.key: item.value for item in stores[0].search(BOB)} == {f"{n}": {"n": 14} for n in range(8)}
    stores[0].put(ALICE, "k", {"text": "the last word"})
    assert [item.value for item in stores[1].search(ALICE, query="word")] == [{"text": "the last word"}]
    engine.close()


PUTTING = """
import sys
from langchain_samples import new_embedder
from langchain_words import SMALL
from nuonuo import AssociativeMemory
from nuonuo_integrations.langchain import NuonuoStore
path, number = sys.argv[1], int(sys.argv[2])
store = NuonuoStore(AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL))
print("ready", flush=True)
sys.stdin.readline()
for step in range(20):
    store.put(("users", "alice"), "k", {"text": f"process {number}", "n": step})
    if step % 3 == number:
        store.delete(("users", "alice"), "k")
    store.put(("users", f"{number}"), f"{step}", {"n": step})
"""


def test_processes_put_and_delete_one_key(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL).close()
    roots = os.pathsep.join([str(HERE), *filter(None, sys.path)])
    others = [
        subprocess.Popen(
            [sys.executable, "-c", PUTTING, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": roots},
        )
        for number in range(3)
    ]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
    for other in others:
        _, errors = other.communicate("go\n", timeout=120)
        assert other.returncode == 0, errors
    with AssociativeMemory.open(path, embedder=new_embedder(), config=SMALL) as engine:
        store = NuonuoStore(engine)
        for number in range(3):
            assert len(store.search(("users", f"{number}"), limit=99)) == 20
        assert [item.key for item in store.search(ALICE)] in ([], ["k"])


def test_one_bad_value_and_nothing_of_its_batch_is_done() -> None:
    store = NuonuoStore(new_engine())
    store.put(ALICE, "k", {"n": 1})
    with pytest.raises(InvalidInputError, match="deep"):
        store.batch([PutOp(ALICE, "k", None), PutOp(BOB, "a", {}), PutOp(ALICE, "b", {"x": nested(300)})])
    assert [(item.key, item.value) for item in store.search(())] == [("k", {"n": 1})]


def nested(depth: int) -> list[object]:
    return [nested(depth - 1)] if depth else []
