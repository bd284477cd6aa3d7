"""What a namespace is asked for on two connections at once is of one state, and needs no second one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from nuonuo.errors import NotAStoreError, StoreError
from nuonuo.records import Memory
from nuonuo.stores import PostgresStore, Rows
from nuonuo.stores.exploring import Explorer, Within
from nuonuo.stores.opening import open_store
from nuonuo.traces import Traces
from tests.postgres import drop_schemas, fresh_address
from tests.threads import until

from .samples import arrays, each, item, traces

psycopg = pytest.importorskip("psycopg", reason="pip install 'nuonuo[postgres]'")
pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")

ASKED = np.zeros(1, np.uint64), 10, Within()


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


def opened(address: str) -> PostgresStore:
    store = open_store(address)
    assert isinstance(store, PostgresStore)
    return store


def away(key: str, bits: int) -> tuple[Memory, Traces]:
    """A memory whose vector differs in so many ``bits`` from what is `ASKED`."""
    memory, kept = item(key)
    return memory, replace(kept, sketches=np.array([[(1 << bits) - 1]], np.uint64))


def filled(address: str) -> PostgresStore:
    """A store whose pool has two connections, or as many as it may have."""
    store = opened(address)
    store.insert("n", [away("a", 1), away("b", 2), away("c", 0), away("d", 40)])
    assert store.widened("n", 0)
    filled_again(store)
    return store


def filled_again(store: PostgresStore) -> None:
    """Wait until its pool has them."""
    pool = store._db._opened()

    def both() -> bool:
        if pool.get_stats()["pool_available"] >= min(2, store.address.most):
            return True
        store.explore("n", lambda explorer: explorer.expect_nearest(*ASKED))  # asks for the second one
        return False

    until(both)


def beside(explorer: Explorer) -> Any:
    """The second connection, which is at work."""
    return explorer._beside._other  # type: ignore[attr-defined]


def unfinished(store: PostgresStore) -> int:
    """How many of its connections are in a transaction; those that were dropped end a little later."""
    with store._db.connect() as db:
        (found,) = db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid() "
            "AND application_name = current_setting('application_name')"
        ).fetchone() or (None,)
        return int(found)


def test_both_see_one_state(address: str) -> None:
    store, other = filled(address), opened(address)

    def work(explorer: Explorer) -> list[int]:
        other.insert("n", [away("late", 0)])
        other.delete(ids=["c"])
        explorer.expect_nearest(*ASKED)
        assert beside(explorer) is not None
        return explorer.nearest(*ASKED)

    before = store.explore("n", lambda explorer: explorer.nearest(*ASKED))
    assert store.explore("n", work) == before
    after = store.explore("n", lambda explorer: explorer.nearest(*ASKED))
    assert [memory and memory.id for memory in store.get_seqs("n", after)] == ["late", "a", "b", "d"]
    store.close()
    other.close()


def test_rows_are_read_meanwhile(address: str) -> None:
    store = filled(address)
    shapes = {"e": (1, 0), "f": (3, 7), "g": (2, 1)}
    for key, (windows, tokens) in shapes.items():
        kept = traces(ord(key), windows=windows, tokens=tokens)
        store.insert("n", [(Memory(f"text {key}", id=key, role="user", metadata={"of": key}), kept)])
    seqs = store.seqs(0, 10)

    def shown(rows: Rows | None) -> list[Any]:
        return [(seq, memory, arrays(kept)) for seq, memory, kept in each(rows)]

    def in_pieces(explorer: Explorer) -> tuple[list[int], list[Any]]:
        explorer.expect_nearest(*ASKED)
        first = shown(explorer.rows([seqs[4], seqs[1]]))
        assert explorer.rows([99_999]) is None and explorer.said([99_999]) == {}
        told = explorer.said([seqs[2], seqs[0]])
        second = shown(explorer.rows(seqs[:0:-1]))
        assert [row for row in second if row[0] in (seqs[1], seqs[4])] == first
        every = explorer.rows(seqs)
        assert every is not None
        assert every.traces.words.said[[0, 2]].tolist() == [told[seqs[0]], told[seqs[2]]]
        return explorer.nearest(*ASKED), shown(every)

    def at_once(explorer: Explorer) -> tuple[list[int], list[Any]]:
        return explorer.nearest(*ASKED), shown(explorer.rows(seqs))

    assert len(seqs) == 7 and store.explore("n", in_pieces) == store.explore("n", at_once)
    store.close()


def test_vectors_are_looked_at_before_the_rest(address: str) -> None:
    store = filled(address)
    for key in "efg":
        store.insert("n", [(Memory(f"text {key}", id=key), traces(ord(key), windows=2))])
    seqs = store.seqs(0, 10)

    def shown(found: Any) -> list[Any]:
        assert found is not None
        return [each.tolist() for each in (found.seqs, found.said, found.vectors.rows, found.norms)]

    def told(rows: Rows | None) -> list[Any]:
        return [(seq, memory, arrays(kept)) for seq, memory, kept in each(rows)]

    def work(explorer: Explorer) -> None:
        assert explorer.vectors([]) is None
        assert explorer.vectors([99_999]) is None
        first, more = explorer.vectors(seqs[4:1:-1]), explorer.vectors([*seqs[3:], 99_999])
        assert explorer.said(seqs[:4]) == dict(zip(seqs[:4], said[:4], strict=True))
        assert told(explorer.rows(seqs[2:5])) == rows[2:5]
        assert shown(explorer.vectors(seqs[2:5])) == shown(first)  # some of which is unpacked by now
        assert shown(explorer.vectors(seqs[3:])) == shown(more)
        assert told(explorer.rows(seqs)) == rows
        assert first is not None
        assert first.seqs.tolist() == seqs[2:5]

    whole = store.explore("n", lambda explorer: explorer.rows(seqs))
    assert whole is not None
    rows, said = told(whole), whole.traces.words.said.tolist()
    store.explore("n", work)

    def vectors(explorer: Explorer) -> list[Any]:
        return shown(explorer.vectors(seqs))

    columns = whole.traces
    expected = whole.seqs, columns.words.said, columns.vectors.rows, columns.norms
    assert store.explore("n", vectors) == [each.tolist() for each in expected]
    store.close()


def wordy(address: str) -> tuple[PostgresStore, dict[int, float], list[int]]:
    """A store of more memories, the stems that some of them share with their weights, and all seqs."""
    store = filled(address)
    common, rng = np.array([8, 10, 12, 14, 16], np.uint64), np.random.default_rng(3)
    for at in range(40):
        memory, kept = away(f"w{at}", at % 30)
        stems = np.sort(np.append(common[rng.random(5) < 0.4], np.uint64(2000 + 2 * at)))
        counts, title = rng.integers(1, 4, len(stems)).astype(np.int32), np.zeros(0, np.int32)
        words = replace(kept.words, stems=stems, counts=counts, title=title, said=at % 9 + 1)
        store.insert("n", [(replace(memory, session_id=f"s{at % 3}"), replace(kept, words=words))])
    return store, {int(stem): 5.0 - place for place, stem in enumerate(common)}, store.seqs(0, 100)


def gathered(explorer: Explorer, stems: dict[int, float], seqs: list[int]) -> list[Any]:
    """What can be asked for while words are looked for."""
    rows = explorer.rows(seqs[:9])
    assert rows is not None
    with explorer.told([1, 2, 3], 2) as answer:
        near = explorer.beside(seqs[5:8], 2)
    holders = explorer.holders([*stems][:2])
    return [
        [(seq, memory, arrays(kept)) for seq, memory, kept in each(rows)],
        explorer.nearest(*ASKED),
        explorer.said(seqs),
        sorted(near),
        answer(),
        (holders.seqs.tolist(), holders.counts.tolist()),
        explorer.called([*stems], 3),
        explorer.frequencies([*stems, 2000]),
    ]


@pytest.mark.parametrize("first", [1, 1024])
def test_words_are_looked_for_meanwhile(address: str, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    from nuonuo.stores.postgres import sharing

    monkeypatch.setattr(sharing, "FIRST", first)  # where it is 1, there is more to ask once that is there
    store, stems, seqs = wordy(address)
    other, asked = opened(address), ((1.2, 0.75), 10, Within())

    def one_by_one(explorer: Explorer) -> tuple[list[int], list[Any]]:
        return explorer.sharing(stems, *asked), gathered(explorer, stems, seqs)

    def at_once(explorer: Explorer) -> tuple[list[int], list[Any]]:
        explorer.expect_nearest(*ASKED)
        with explorer.expect_sharing(stems, *asked):
            other.delete(ids=["w1", "w2"])
            assert beside(explorer) is not None
            found = gathered(explorer, stems, seqs)
        assert beside(explorer) is None
        return explorer.sharing(stems, *asked), found

    before = store.explore("n", one_by_one)
    assert len(before[0]) == 10
    assert store.explore("n", at_once) == before
    after = store.explore("n", one_by_one)
    assert after != before
    assert store.explore("n", at_once) == after
    store.close()
    other.close()


def test_other_words_than_were_expected_are_looked_for(address: str) -> None:
    store, stems, _ = wordy(address)
    few = dict([*stems.items()][:1])

    def work(explorer: Explorer) -> list[list[int]]:
        explorer.expect_nearest(*ASKED)
        with explorer.expect_sharing(stems, (1.2, 0.75), 10, Within()):
            explorer.nearest(*ASKED)
        found = [explorer.sharing(few, (1.2, 0.75), 10, Within())]
        with explorer.expect_sharing({}, (1.2, 0.75), 10, Within()):
            pass
        return [*found, explorer.sharing({}, (1.2, 0.75), 10, Within())]

    alone = store.explore("n", lambda explorer: explorer.sharing(few, (1.2, 0.75), 10, Within()))
    assert store.explore("n", work) == [alone, []]
    assert alone
    store.close()


@pytest.mark.parametrize("pool", [1, 5])
def test_words_need_no_second_connection(address: str, pool: int) -> None:
    store, stems, seqs = wordy(f"{address}&pool={pool}")
    asked = (1.2, 0.75), 10, Within()

    def work(explorer: Explorer) -> tuple[list[int], list[Any]]:
        explorer.expect_nearest(*ASKED)
        with explorer.expect_sharing(stems, *asked):
            if (second := beside(explorer)) is not None:
                with store._db.connect() as db:
                    db.execute("SELECT pg_terminate_backend(%s, 10000)", (second.info.backend_pid,))
            found = gathered(explorer, stems, seqs)
        return explorer.sharing(stems, *asked), found

    before = store.explore(
        "n", lambda explorer: (explorer.sharing(stems, *asked), gathered(explorer, stems, seqs))
    )
    assert store.explore("n", work) == before
    store.close()


def test_what_fails_while_words_are_looked_for_leaves_nothing_behind(address: str) -> None:
    store, stems, _ = wordy(f"{address}&pool=2&application_name={uuid4()}")

    def work(explorer: Explorer) -> None:
        explorer.expect_nearest(*ASKED)
        assert beside(explorer) is not None
        with explorer.expect_sharing(stems, (1.2, 0.75), 10, Within()):
            raise KeyError("on purpose")

    for _ in range(5):
        filled_again(store)
        with pytest.raises(KeyError, match="on purpose"):
            store.explore("n", work)
    until(lambda: unfinished(store) == 0)
    assert len(store.explore("n", lambda e: e.sharing(stems, (1.2, 0.75), 10, Within()))) == 10
    store.close()


@pytest.mark.parametrize("first", [1, 1024])
def test_a_first_connection_that_is_lost_while_words_are_looked_for(
    address: str, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    from nuonuo.stores.postgres import sharing

    monkeypatch.setattr(sharing, "FIRST", first)
    store, stems, seqs = wordy(address)
    asked, calls = ((1.2, 0.75), 10, Within()), list[bool]()

    def work(explorer: Explorer) -> tuple[list[int], list[Any]]:
        explorer.expect_nearest(*ASKED)
        calls.append(beside(explorer) is not None)
        with explorer.expect_sharing(stems, *asked):
            if len(calls) == 1:
                with store._db.connect() as db:
                    lost = explorer._db.info.backend_pid  # type: ignore[attr-defined]
                    db.execute("SELECT pg_terminate_backend(%s, 10000)", (lost,))
            found = gathered(explorer, stems, seqs)
        return explorer.sharing(stems, *asked), found

    before = store.explore(
        "n", lambda explorer: (explorer.sharing(stems, *asked), gathered(explorer, stems, seqs))
    )
    assert store.explore("n", work) == before
    assert len(calls) == 2 and calls[0]
    filled_again(store)
    assert store.explore("n", work) == before
    store.close()


def test_what_looks_for_words_too_long_leaves_nothing_behind(address: str) -> None:
    store, stems, _ = wordy(f"{address}&pool=2")
    asked, found = ((1.2, 0.75), 10, Within()), list[list[int]]()
    active = "SELECT FROM pg_stat_activity WHERE pid = %s AND state = 'active' AND query LIKE '%%pg_sleep%%'"

    def work(explorer: Explorer) -> None:
        explorer.expect_nearest(*ASKED)
        with explorer.expect_sharing(stems, *asked):
            assert beside(explorer) is not None
            explorer._db.execute("SELECT pg_sleep(60)")  # type: ignore[attr-defined]
            slow = explorer._db.info.backend_pid  # type: ignore[attr-defined]
            with store._db.connect() as db:
                while db.execute(active, (slow,)).fetchone() is None:
                    pass
                db.execute("SELECT pg_cancel_backend(%s)", (slow,))
            found.append(explorer.nearest(*ASKED))

    for _ in range(3):
        with pytest.raises(StoreError, match="did not get its turn"):
            store.explore("n", work)
        filled_again(store)
        assert store._db._opened().get_stats()["pool_available"] == 2
        assert len(store.explore("n", lambda e: e.sharing(stems, *asked))) == 10
    assert found == [store.explore("n", lambda explorer: explorer.nearest(*ASKED))] * 3
    store.close()


@pytest.mark.parametrize("column", ["body", "traces"])
def test_of_what_is_damaged_the_vectors_are_not_believed(address: str, column: str) -> None:
    store = filled(address)
    seqs = store.seqs(0, 10)

    def work(explorer: Explorer) -> list[int]:
        with pytest.raises(NotAStoreError, match="checksum"):
            explorer.vectors(seqs)
        left = explorer.vectors(seqs[1:])
        return [] if left is None else left.seqs.tolist()

    with store._db.connect() as db:
        flipped = f"set_bit({column}, 200, 1 - get_bit({column}, 200))"
        flip = f"UPDATE memories SET {column} = {flipped} WHERE seq = %s"
        db.execute(flip.encode(), (seqs[0],))
    assert store.explore("n", work) == seqs[1:]
    store.close()


def test_one_connection_is_enough(address: str) -> None:
    store, alone = filled(address), filled(f"{address}&pool=1".replace("schema=", "schema=one_", 1))

    def work(explorer: Explorer) -> list[int]:
        explorer.expect_nearest(*ASKED)
        assert (beside(explorer) is None) == (explorer._db.info.backend_pid in only)  # type: ignore[attr-defined]
        explorer.rows([1, 2, 3])
        return explorer.nearest(*ASKED)

    only = [alone._db.read(lambda db: db.info.backend_pid)]
    assert alone.explore("n", work) == store.explore("n", work) != []
    store.close()
    with alone._db.connect() as db:
        db.execute(f"DROP SCHEMA {alone.address.schema} CASCADE".encode())
    alone.close()


def test_a_second_connection_that_is_lost_is_done_without(address: str) -> None:
    store = filled(address)
    before = store.explore("n", lambda explorer: explorer.nearest(*ASKED))

    def work(explorer: Explorer) -> list[int]:
        explorer.expect_nearest(*ASKED)
        lost = beside(explorer).info.backend_pid
        with store._db.connect() as db:
            db.execute("SELECT pg_terminate_backend(%s, 10000)", (lost,))
        assert explorer._begin("SELECT 7")() == [(7,)]  # type: ignore[attr-defined]
        assert beside(explorer) is None
        explorer.rows([1, 2])
        return explorer.nearest(*ASKED)  # which it may have told at its end

    for _ in range(3):
        assert store.explore("n", work) == before
        filled_again(store)
    store.close()


def test_what_fails_leaves_no_connection_behind(address: str) -> None:
    store = filled(f"{address}&pool=2&application_name={uuid4()}")

    def work(explorer: Explorer) -> None:
        explorer.expect_nearest(*ASKED)
        assert beside(explorer) is not None
        raise KeyError("on purpose")

    for _ in range(5):
        filled_again(store)
        with pytest.raises(KeyError, match="on purpose"):
            store.explore("n", work)
    until(lambda: unfinished(store) == 0)
    for _ in range(5):
        assert len(store.explore("n", lambda explorer: explorer.nearest(*ASKED))) == 4
    store.close()


def test_a_server_that_shares_no_snapshot_is_asked_on_one(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuonuo.stores.postgres import beside as module

    store = filled(address)
    before = store.explore("n", lambda explorer: explorer.nearest(*ASKED))
    refusing = "DO $$ BEGIN RAISE insufficient_privilege; END $$"  # as where the function was revoked
    monkeypatch.setattr(module, "EXPORT", refusing)
    calls = list[int]()

    def work(explorer: Explorer) -> list[int]:
        calls.append(1)
        explorer.expect_nearest(*ASKED)
        return explorer.nearest(*ASKED)

    assert [store.explore("n", work) for _ in range(3)] == [before] * 3
    assert len(calls) == 4  # once for nothing
    store.close()


def test_where_a_second_connection_cannot_take_the_snapshot_the_first_is_asked(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nuonuo.stores.postgres import beside as module

    store = filled(f"{address}&application_name={uuid4()}")
    before = store.explore("n", lambda explorer: explorer.nearest(*ASKED))
    monkeypatch.setattr(module, "EXPORT", "SELECT '7FFFFFFF-0000001B-1'")  # as where a pooler leads elsewhere

    def work(explorer: Explorer) -> list[int]:
        explorer.expect_nearest(*ASKED)
        found = explorer.nearest(*ASKED)
        assert beside(explorer) is None
        return found

    for _ in range(3):
        filled_again(store)
        assert store.explore("n", work) == before
    until(lambda: unfinished(store) == 0)
    store.close()
