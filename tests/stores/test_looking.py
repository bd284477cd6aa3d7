"""A store in which nobody writes is asked once a question; what others write meanwhile is seen even so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nuonuo import AssociativeMemory
from nuonuo.index.shard import CALM
from tests.fakes import texts
from tests.postgres import drop_schemas, fresh_address

from .looking import HERE, QUESTION, READS, STORED, WRITES, Looks, once, opened


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield str(tmp_path / "m.db")
        return
    yield fresh_address()  # skips where there is none
    drop_schemas()


@pytest.fixture
def memory(address: str) -> Iterator[AssociativeMemory]:
    with opened(address) as made:
        made.add(STORED)
        made.recall(QUESTION, namespace=HERE)
        yield made


@pytest.fixture
def other(memory: AssociativeMemory, address: str) -> Iterator[AssociativeMemory]:
    """Another one's connections to the same store."""
    with opened(address) as made:
        yield made


@pytest.fixture
def looks(memory: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(memory, monkeypatch)


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
def test_what_is_written_after_the_work_and_before_the_look_is_seen(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks, address: str, write: str, read: str
) -> None:
    before = READS[read](memory)
    looks.before = once(lambda: WRITES[write](other))
    found = READS[read](memory)
    with opened(address) as later:
        assert found == READS[read](later)
    if (write, read) != ("associate", "list"):
        assert found != before


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("write", WRITES)
def test_what_was_written_before_the_question_is_seen(
    memory: AssociativeMemory, other: AssociativeMemory, address: str, write: str, read: str
) -> None:
    for _ in range(CALM + 1):
        before = READS[read](memory)
    WRITES[write](other)
    found = READS[read](memory)
    with opened(address) as later:
        assert found == READS[read](later)
    if (write, read) != ("associate", "list"):
        assert found != before


def test_a_store_in_which_nobody_writes_is_asked_once(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    for read in ("recall", "recall_many", "chain", "list"):
        looks.taken()
        READS[read](memory)
        assert looks.taken()[:2] == (1, 0)
    other.add("Elsewhere it rains.", namespace="elsewhere")  # no reason to work again
    READS["recall"](memory)
    assert looks.taken() == (1, 0, 1)
    memory.add("Rex sleeps.", namespace=HERE)  # nor, after that, what it wrote itself
    looks.taken()
    assert "Rex sleeps." in texts(READS["recall"](memory))
    assert looks.taken() == (1, 0, 1)


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
        works.append(looks.taken()[2])
    assert works[0] == 2 and set(works[1:]) == {1}  # it follows first, from then on


def test_after_some_calm_once_is_enough_again(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    other.add("Rex digs.", namespace=HERE)
    READS["recall"](memory)
    assert looks.taken() == (2, 1, 2)
    for _ in range(CALM):
        READS["recall"](memory)
        assert looks.taken() == (1, 1, 1)
    READS["recall"](memory)
    assert looks.taken() == (1, 0, 1)


def test_what_is_forgotten_at_every_look_is_never_told(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    """Between the second work and its look too: what is gone by then is left out."""
    doomed = iter([["rex"], ["hills"], ["rent"]])
    looks.before = lambda: other.forget(ids=next(doomed, []))
    found = memory.recall("Rex thunder rent", namespace=HERE)
    assert texts(found) == ["The rent is paid on Mondays."]
    assert looks.taken() == (2, 1, 2)
    assert memory.recall("Rex thunder rent", namespace=HERE).hits == ()
    assert memory.chain("Rex", namespace=HERE).steps == ()


def test_own_writes_of_another_thread_are_seen_too(memory: AssociativeMemory, looks: Looks) -> None:
    looks.before = once(lambda: memory.add("Rex is afraid of Rex.", namespace=HERE))
    assert "Rex is afraid of Rex." in texts(READS["recall"](memory))
