"""Threads on one memory, and processes on one file."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo.recall import held
from tests.fakes import LEXICON, SMALL, Opened, WordEmbedder, fresh, state, texts
from tests.threads import THREADS, at_once

ROOT = Path(__file__).parent.parent


def test_eight_threads_at_once(opened: Opened) -> None:
    memory = opened()
    kept: list[dict[str, str]] = [{} for _ in range(THREADS)]

    def work(number: int) -> None:
        rng = np.random.default_rng(number)
        mine = kept[number]
        for step in range(15):
            space = f"n{step % 2}"
            said = [f"thread{number} says word{rng.integers(50)} at{step}" for _ in range(3)]
            ids = memory.add(said, namespace=space, session_id=f"s{number % 3}")
            mine.update(zip(ids, said, strict=True))
            memory.associate(ids[0], ids[1], 0.5)
            found = memory.recall(said[2], k=5, namespace=space)
            assert found[0].memory.text in said
            assert all(hit.memory.namespace == space for hit in found)
            assert memory.chain(said[1], 3, namespace=space)[0].memory.namespace == space
            memory.update(ids[1], text=said[1] + " anew")
            mine[ids[1]] = said[1] + " anew"
            gone = str(rng.choice(sorted(mine)))
            assert memory.forget(ids=[gone]) == 1
            del mine[gone]
            assert memory.get([gone]) == [None]

    at_once(work)
    wanted = {id: text for mine in kept for id, text in mine.items()}
    assert {str(stored.id): stored.text for stored in memory.list()} == wanted
    for namespace in ("n0", "n1"):
        other = fresh(memory.list(namespace=namespace))
        for association in memory._store.associations(namespace):
            other.associate(*association)
        one, two = state(memory, namespace), state(other, namespace)
        one.pop("seqs"), two.pop("seqs")
        assert one == two


def test_how_much_there_is_is_not_counted_while_another_thread_changes_it(opened: Opened) -> None:
    memory = opened()
    memory.add(["one", "two"], session_id="s")
    before = memory.recall("one") and memory.stats().shard_bytes
    with memory._shards.reading("default") as shard, ThreadPoolExecutor(1) as other:
        shard.size = 1234  # as it was last measured
        assert other.submit(memory.stats).result(timeout=60).shard_bytes == 1234
    assert memory.stats().shard_bytes == before > 1234


OTHER = """
import json, sys
from nuonuo import AssociativeMemory
from tests.fakes import SMALL, WordEmbedder
with AssociativeMemory.open(sys.argv[1], embedder=WordEmbedder(), config=SMALL) as memory:
    memory.recall("anything")
    print("ready", flush=True)
    for line in sys.stdin:
        name, args = json.loads(line)
        result = getattr(memory, name)(*args.pop("args", []), **args)
        if name == "recall":
            result = [hit.memory.text for hit in result]
        print(json.dumps(result), flush=True)
"""


class Other:
    """A memory on the same file in another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, name: str, *args: object, **kwargs: object) -> object:
        import json

        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps([name, {"args": args, **kwargs}]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def other_process(path: Path) -> Iterator[Other]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)])}
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Other(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0


def test_two_processes_see_each_others_writes(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with (
        AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory,
        other_process(path) as other,
    ):
        (rex,) = memory.add("Rex is a beagle.")
        assert other("recall", "beagle") == ["Rex is a beagle."]
        theirs = other("add", ["Ana paints boats.", "Boats are expensive."], session_id="s")
        assert isinstance(theirs, list)
        assert texts(memory.recall("boats"))[:2] == ["Ana paints boats.", "Boats are expensive."]
        other("update", rex, text="Rex is a poodle.")
        assert texts(memory.recall("poodle", 1)) == ["Rex is a poodle."]
        assert LEXICON.key("beagl") not in state(memory, "default")["words"]["lists"]
        memory.update(theirs[0], text="Ana sells boats.")
        assert other("recall", "who sells?", k=1) == ["Ana sells boats."]
        other("associate", rex, theirs[1], 0.5)
        assert state(memory, "default")["associations"] == [[(2, 0.5)], [], []]
        assert other("forget", ids=[theirs[1]]) == 1
        assert sorted(texts(memory.recall("boats"))) == ["Ana sells boats.", "Rex is a poodle."]
        assert state(memory, "default")["associations"] == [[], []]
        memory.forget(namespace="default")
        assert other("recall", "rex") == []
        other("add", "A new life.")
        assert texts(memory.recall("life")) == ["A new life."]


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        with other_process(path) as one, other_process(path) as two:

            def write(other: Other, name: str) -> None:
                for number in range(20):
                    other("add", [f"{name} {number} a", f"{name} {number} b"])

            threads = [threading.Thread(target=write, args=pair) for pair in ((one, "one"), (two, "two"))]
            for thread in threads:
                thread.start()
            for number in range(20):
                memory.add(f"here {number}")
                memory.recall("here")
            for thread in threads:
                thread.join()
            assert len(texts(memory.recall("one", k=200))) == 100
            assert one("recall", "two", k=200) == texts(memory.recall("two", k=200))
        wanted = [f"{name} {n} {part}" for name in ("one", "two") for n in range(20) for part in "ab"]
        assert sorted(m.text for m in memory.list()) == sorted(wanted + [f"here {n}" for n in range(20)])


class Meanwhile:
    """Calls ``write`` whenever the memories of an answer are about to be read, ``often`` at most."""

    def __init__(
        self, memory: AssociativeMemory, write: Callable[[int], Any], often: int, patch: pytest.MonkeyPatch
    ) -> None:
        self.writes, alone, writing = 0, memory._store.get_seqs, False

        def read(namespace: str, seqs: Sequence[int], **how: Any) -> list[Memory | None]:
            nonlocal writing
            if self.writes < often and not writing:
                self.writes, writing = self.writes + 1, True
                write(self.writes)
                writing = False
            return alone(namespace, seqs, **how)

        patch.setattr(memory._store, "get_seqs", read)


@pytest.mark.parametrize("added", [0, 2, 5])
@pytest.mark.parametrize("often", [1, 50])
def test_an_answer_is_of_one_state_whoever_writes_meanwhile(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, often: int, added: int
) -> None:
    """What completed a word is cut out of the text at the place where it stood: it must be that text."""
    memory = opened()
    texts = ["The kettle stands beside a blue teapot.", "It was sold, with that blue teapot, in May."]
    kept = memory.add([texts[0], "Rex fears thunder."])[0]
    monkeypatch.setattr(memory._store, "_page", 2)  # what others add may be more than is told at once

    def write(number: int) -> None:
        memory.add([f"Nothing of note happened on day {number * 10 + day}." for day in range(added)])
        memory.update(kept, text=texts[number % 2])

    meanwhile = Meanwhile(memory, write, often, monkeypatch)
    hit = memory.recall("Where is the blue teapot?", k=1)[0]
    assert meanwhile.writes == min(often, 2)
    if often == 1:  # else it is rewritten again and again, and an answer is given in the end
        answers = {match.answer for match in hit.evidence.matches if match.source == "text"}
        assert {"blue", "teapot"} <= answers
        assert hit.memory.text == texts[1]


def test_what_others_add_meanwhile_is_no_reason_to_work_again(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = opened()
    memory.add("Rex fears thunder.")
    ask, works = held.ask, 0

    def worked(*given: Any, **named: Any) -> Any:
        nonlocal works
        works += 1
        return ask(*given, **named)

    monkeypatch.setattr(held, "ask", worked)
    meanwhile = Meanwhile(memory, lambda number: memory.add("Rex sleeps."), 5, monkeypatch)
    assert memory.recall("What does Rex fear?")[0].memory.text == "Rex fears thunder."
    assert (meanwhile.writes, works) == (1, 1)
