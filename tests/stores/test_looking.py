"""A file in which nobody writes is asked once a question; what others write meanwhile is seen even so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.index.shard import CALM
from nuonuo.recall import held
from tests.fakes import SMALL, WordEmbedder, texts

from .looking import HERE, QUESTION, READS, STORED, WRITES, once


def opened(path: Path) -> AssociativeMemory:
    return AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[AssociativeMemory]:
    with opened(tmp_path / "m.db") as made:
        made.add(STORED)
        made.recall(QUESTION, namespace=HERE)
        yield made


@pytest.fixture
def other(memory: AssociativeMemory, tmp_path: Path) -> Iterator[AssociativeMemory]:
    """Another one's connections to the same file."""
    with opened(tmp_path / "m.db") as made:
        yield made


class Looks:
    """Counts how often ``memory`` works, and asks its file; ``before`` is called when it has worked."""

    def __init__(self, memory: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before: Callable[[], Any] = int
        self.versions = self.works = 0
        store, ask, look = memory._store, held.ask, memory._shards._look
        version = store.version

        def looked(*given: Any) -> Any:
            self.before()
            return look(*given)

        def versioned() -> int:
            self.versions += 1
            return version()

        def worked(*given: Any, **named: Any) -> Any:
            self.works += 1
            return ask(*given, **named)

        monkeypatch.setattr(memory._shards, "_look", looked)
        monkeypatch.setattr(store, "version", versioned)
        monkeypatch.setattr(held, "ask", worked)

    def taken(self) -> tuple[int, int]:
        """How often it asked what there is, and worked, since the last time."""
        found = self.versions, self.works
        self.versions = self.works = 0
        return found


@pytest.fixture
def looks(memory: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(memory, monkeypatch)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_after_the_work_and_before_the_look_is_seen(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks, tmp_path: Path, write: str, read: str
) -> None:
    before = READS[read](memory)
    looks.before = once(lambda: WRITES[write](other))
    found = READS[read](memory)
    with opened(tmp_path / "m.db") as later:
        assert found == READS[read](later)
    if (write, read) != ("associate", "list"):
        assert found != before


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
def test_what_was_written_before_the_question_is_seen(
    memory: AssociativeMemory, other: AssociativeMemory, tmp_path: Path, write: str, read: str
) -> None:
    for _ in range(CALM + 1):
        before = READS[read](memory)
    WRITES[write](other)
    found = READS[read](memory)
    with opened(tmp_path / "m.db") as later:
        assert found == READS[read](later)
    if (write, read) != ("associate", "list"):
        assert found != before


def test_a_file_in_which_nobody_writes_is_asked_once(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    for read in ("recall", "recall_many", "chain", "list"):
        looks.taken()
        READS[read](memory)
        assert looks.taken()[0] == 1
    other.add("Elsewhere it rains.", namespace="elsewhere")  # no reason to work again
    READS["recall"](memory)
    assert looks.taken() == (1, 1)
    memory.add("Rex sleeps.", namespace=HERE)  # nor, after that, what it wrote itself
    looks.taken()
    assert "Rex sleeps." in texts(READS["recall"](memory))
    assert looks.taken() == (1, 1)


def test_where_others_write_all_the_time_no_call_works_more_than_twice(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    barks: list[str] = []

    def bark() -> None:
        barks.append(f"Rex barks {len(barks)} times.")
        other.add(barks[-1], namespace=HERE)

    looks.before, works = bark, []
    for _ in range(2 * CALM):
        there = {*barks}
        assert there <= {*texts(memory.recall("Rex barks", 100, namespace=HERE))}
        works.append(looks.taken()[1])
    assert works[0] == 2 and set(works[1:]) == {1}  # it follows first, from then on


def test_after_some_calm_once_is_enough_again(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    other.add("Rex digs.", namespace=HERE)
    READS["recall"](memory)
    assert looks.taken() == (3, 2)
    for _ in range(CALM):
        READS["recall"](memory)
        assert looks.taken() == (2, 1)
    READS["recall"](memory)
    assert looks.taken() == (1, 1)


def test_what_is_forgotten_at_every_look_is_never_told(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    doomed = iter([["rex"], ["hills"], ["rent"]])
    looks.before = lambda: other.forget(ids=next(doomed, []))
    found = memory.recall("Rex thunder rent", namespace=HERE)
    assert texts(found) == ["The rent is paid on Mondays."]
    assert looks.taken()[1] == 2
    assert memory.recall("Rex thunder rent", namespace=HERE).hits == ()
    assert memory.chain("Rex", namespace=HERE).steps == ()
