"""One look fetches what was recalled and tells whether that holds: what others write meanwhile is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.errors import StoreUnavailableError
from nuonuo.index.shard import CALM
from nuonuo.recall import held
from nuonuo.stores import START, InMemoryStore, SQLiteStore
from nuonuo.stores.distant import Distant
from tests.fakes import SMALL, WordEmbedder, texts
from tests.postgres import drop_schemas, fresh_address

from .looking import HERE, QUESTION, READS, STORED, WRITES, once
from .samples import Follower, item

pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
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


def opened(address: str) -> AssociativeMemory:
    return AssociativeMemory.open(address, embedder=WordEmbedder(), config=SMALL)


class Looks:
    """Counts what ``memory`` asks its store for; ``before`` is called before each look, after the work."""

    def __init__(self, memory: AssociativeMemory, monkeypatch: pytest.MonkeyPatch) -> None:
        self.before: Callable[[], Any] = int
        self.looks = self.versions = self.works = 0
        store, ask = memory._store, held.ask
        assert isinstance(store, Distant)
        look, version = store.look, store.version

        def looked(*given: Any) -> Any:
            self.looks += 1
            self.before()
            return look(*given)

        def versioned() -> int:
            self.versions += 1
            return version()

        def worked(*given: Any, **named: Any) -> Any:
            self.works += 1
            return ask(*given, **named)

        monkeypatch.setattr(store, "look", looked)
        monkeypatch.setattr(store, "version", versioned)
        monkeypatch.setattr(held, "ask", worked)

    def taken(self) -> tuple[int, int, int]:
        """How often it looked, asked for the version and worked since the last time."""
        found = self.looks, self.versions, self.works
        self.looks = self.versions = self.works = 0
        return found


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


def test_one_question_is_put_to_a_store_in_which_nobody_writes(
    memory: AssociativeMemory, other: AssociativeMemory, looks: Looks
) -> None:
    for read in ("recall", "recall_many", "chain", "list"):
        looks.taken()
        READS[read](memory)
        assert looks.taken()[:2] == (1, 0)
    other.add("Elsewhere it rains.", namespace="elsewhere")  # which is no reason to follow
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


def test_after_some_calm_one_question_is_enough_again(
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


def test_a_shard_that_followed_in_part_is_not_asked(
    address: str, other: AssociativeMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuonuo.stores import PostgresStore

    with AssociativeMemory(PostgresStore(address, page_length=2), WordEmbedder(), config=SMALL) as memory:
        memory.recall(QUESTION, namespace=HERE)
        other.add([f"Rex barks {number} times." for number in range(6)], namespace=HERE)
        changes, left = memory._store.changes, [1]

        def broken(*given: Any) -> Any:
            if not left:
                raise StoreUnavailableError("away")
            left.pop()
            return changes(*given)

        monkeypatch.setattr(memory._store, "changes", broken)
        with pytest.raises(StoreUnavailableError):
            memory.recall("Rex barks", namespace=HERE)
        monkeypatch.setattr(memory._store, "changes", changes)
        looks = Looks(memory, monkeypatch)
        assert len(memory.recall("Rex barks", namespace=HERE)) == 9
        assert looks.taken() == (1, 1, 1)


def test_a_look_has_the_cursor_that_following_leads_to(address: str) -> None:
    with opened(address) as memory:
        store = memory._store
        assert isinstance(store, Distant)
        assert store.look("n", [1]) == (START, [None])
        reader, elsewhere = Follower(store, "n"), Follower(store, "m")
        cursors = [START]
        seqs = store.insert("n", [item("a"), item("b"), item("c")])
        for write in (
            lambda: None,
            lambda: store.associate("a", "b", 1.0),
            lambda: store.associate("a", "b", 0.0),
            lambda: store.revise(["b"], lambda memory: {"x": 1}),
            lambda: store.insert("n", [item("b")], replace=True),
            lambda: store.delete(ids=["c"]),
            lambda: store.insert("n", [item("d")]),
            lambda: store.delete(ids=["b", "d"]),
            lambda: (store.delete(namespace="n"), store.insert("n", [item("a")])),
        ):
            write()
            reader.sync()
            cursor, memories = store.look("n", seqs)
            assert cursor == reader.cursor
            assert memories == store.get_seqs("n", seqs)
            cursors.append(cursor)
        assert len({*cursors}) == len(cursors)  # each write is told from the others
        store.insert("m", [item("z")])
        elsewhere.sync()
        assert store.look("n", [])[0] == cursors[-1] != store.look("m", [])[0] == elsewhere.cursor
        store.delete(namespace="n")
        assert store.look("n", seqs)[0] == START


def test_a_file_is_near() -> None:
    assert not isinstance(InMemoryStore(), Distant) and not issubclass(SQLiteStore, Distant)
