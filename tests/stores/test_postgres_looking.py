"""PostgreSQL's look: memories, and the cursor of whoever has followed all of a namespace, of one state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.errors import StoreUnavailableError
from nuonuo.stores import START, InMemoryStore, SQLiteStore
from nuonuo.stores.distant import Distant
from tests.fakes import SMALL, WordEmbedder
from tests.postgres import drop_schemas, fresh_address

from .looking import HERE, QUESTION, STORED, Looks, opened
from .samples import Follower, item

pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


@pytest.fixture
def other(address: str) -> Iterator[AssociativeMemory]:
    """Another one's connections to the same store."""
    with opened(address) as made:
        made.add(STORED)
        yield made


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
