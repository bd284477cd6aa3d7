"""What PostgreSQL brings: many writers, lost connections, restarts, addresses."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.errors import (
    InvalidInputError,
    InvalidTypeError,
    NotAStoreError,
    NuonuoError,
    SchemaVersionError,
    StoreError,
    StoreUnavailableError,
)
from nuonuo.evaluation.reliability.proxy import Proxy
from nuonuo.evaluation.reliability.server import Server
from nuonuo.stores import Store
from nuonuo.stores.opening import open_store
from tests.fakes import SMALL, WordEmbedder
from tests.postgres import drop_schemas, fresh_address, server
from tests.threads import until

from .samples import Follower, afresh, child, item, say

psycopg = pytest.importorskip("psycopg", reason="pip install 'nuonuo[postgres]'")
pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")
schema = pytest.importorskip("nuonuo.stores.postgres.schema")

PATIENCE = 300  # seconds, after which a test hangs, on however busy a machine


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


@pytest.fixture
def own(address: str) -> Server:
    """The tests' own server, which may be stopped; not one that they were told of."""
    if "NUONUO_TEST_POSTGRES" in os.environ:
        pytest.skip("the server at NUONUO_TEST_POSTGRES is not ours to stop")
    return server()


def opened(address: str) -> AssociativeMemory:
    return AssociativeMemory.open(address, embedder=WordEmbedder(), config=SMALL)


def test_what_is_committed_the_wrong_way_round_is_seen_in_order(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction has its seqs and is not committed; another begins later, and would end earlier."""
    from nuonuo.stores.postgres import rows

    has_seqs, go_on = threading.Event(), threading.Event()
    add = rows.add

    def slow(db: Any, items: Any) -> Any:
        told = add(db, items)
        seqs = told()
        if not has_seqs.is_set():
            has_seqs.set()
            assert go_on.wait(PATIENCE)
        return lambda: seqs

    monkeypatch.setattr(rows, "add", slow)
    first, second = open_store(address), open_store(address)
    first.insert("n", [])  # opens its pool
    reader = Follower(second, "n")
    with ThreadPoolExecutor(2) as pool:
        slowly = pool.submit(first.insert, "n", [item("a"), item("b")])
        assert has_seqs.wait(PATIENCE)
        quickly = pool.submit(second.insert, "n", [item("c")])
        assert second.insert("m", [item("d")])  # of another namespace: it waits for nobody
        assert not wait([quickly], timeout=0.3).done
        assert [m.id for m in second.list()] == ["d"]
        reader.sync()
        go_on.set()
        seqs = slowly.result(PATIENCE), quickly.result(PATIENCE)
    reader.sync()
    assert [*reader.rows] == [*seqs[0], *seqs[1]] == sorted(reader.rows)
    assert reader.state == afresh(second, "n")
    first.close()
    second.close()


@contextmanager
def pausing(address: str, digest: bytes) -> Iterator[tuple[Callable[[], int], Callable[[], None]]]:
    """Whoever writes the memory of this ``digest`` pauses once it has its seq, before anything else.

    Yields:
        How many wait: who pauses, and whoever waits for a turn to write; and what lets go on.
    """
    base, schema = address.rsplit("?schema=", 1)
    with psycopg.connect(base, autocommit=True) as db:
        db.execute(f"SET search_path = {schema}".encode())
        db.execute("SELECT pg_advisory_lock(42)")
        db.execute(
            b"CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS "
            b"'BEGIN PERFORM pg_advisory_lock(42); PERFORM pg_advisory_unlock(42); RETURN NULL; END'"
        )
        db.execute(
            "CREATE TRIGGER pause AFTER INSERT ON memories FOR EACH ROW "
            f"WHEN (NEW.digest = '\\x{digest.hex()}') EXECUTE FUNCTION pause()".encode()
        )
        waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        yield lambda: len(db.execute(waiting).fetchall()), lambda: let_go(db)


def let_go(db: Any) -> None:
    db.execute("SELECT pg_advisory_unlock(42)")


def one_that_pauses_with_its_seq(address: str) -> tuple[bool, list[str], list[str]]:
    """One draws its seq and pauses before it commits; another one comes, and a reader looks meanwhile.

    Returns:
        Whether the other one was done first, whom the reader has in the end, and who is there.
    """
    first, second = open_store(address), open_store(address)
    first.insert("n", [item("before")])  # so that no row of the namespace is new
    reader = Follower(second, "n")
    reader.sync()
    digest = first._digests.of_id("a")  # type: ignore[attr-defined]
    with ThreadPoolExecutor(2) as pool, pausing(address, digest) as (waiting, go_on):
        slowly = pool.submit(first.insert, "n", [item("a"), item("b")])
        until(lambda: waiting() == 1)
        quickly = pool.submit(second.insert, "n", [item("c")])
        until(lambda: quickly.done() or waiting() == 2)
        overtaken = quickly.done()
        reader.sync()
        go_on()
        slowly.result(PATIENCE), quickly.result(PATIENCE)
    reader.sync()
    found = [str(reader.rows[seq][0].id) for seq in sorted(reader.rows)]
    there = [str(memory.id) for memory in second.list(namespace="n")]
    first.close()
    second.close()
    return overtaken, found, there


def test_writers_of_one_namespace_take_turns_from_their_seqs_on(address: str) -> None:
    assert one_that_pauses_with_its_seq(address) == (False, *[["before", "a", "b", "c"]] * 2)


def test_without_turns_a_reader_would_miss_what_is_committed_late(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the lock is for: without it the same ends otherwise."""
    from nuonuo.stores.postgres import rows

    monkeypatch.setattr(rows, "lock", lambda db, digests: None)
    overtaken, found, there = one_that_pauses_with_its_seq(address)
    assert overtaken
    assert sorted(there) == ["a", "b", "before", "c"]
    assert found == ["before", "c"]


def test_a_reader_that_follows_many_writers_misses_nothing(address: str) -> None:
    stores = [open_store(address) for _ in range(3)]
    done = threading.Event()
    reader = Follower(stores[2], "n")

    def work(number: int) -> None:
        store = stores[number % 2]
        for i in range(25):
            key = f"{number}-{i}"
            store.insert("n", [item(key, seed=i), item(f"{key}+")])
            store.associate(key, f"{key}+", 0.5)
            if i % 3 == 0:
                store.delete(ids=[f"{key}+"])
            if i % 4 == 0:
                store.insert("n", [item(key, "other", seed=i + 1)], replace=True)

    def follow() -> None:
        while not done.is_set():
            reader.sync()

    with ThreadPoolExecutor(5) as pool:
        following = pool.submit(follow)
        for each in [pool.submit(work, number) for number in range(4)]:
            each.result()
        done.set()
        following.result()
    reader.sync()
    assert len(reader.rows) == 4 * (50 - 9)
    assert reader.state == afresh(stores[0], "n")
    for store in stores:
        store.close()


def test_writers_that_want_the_same_ids_in_other_order_both_end(address: str) -> None:
    """Locks that are waited for in a circle are broken by the server; the call begins again."""
    stores = [open_store(address) for _ in range(2)]

    def work(number: int) -> list[bool]:
        keys = [f"k{i}" for i in range(20)][:: -1 if number else 1]
        told = []
        for turn in range(10):
            try:
                stores[number].insert(f"n{number}", [item(f"{turn}{key}") for key in keys])
                told.append(True)
            except InvalidInputError:  # the other was faster
                told.append(False)
        return told

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(work, range(2)))
    assert all(one != other for one, other in zip(*told, strict=True))
    assert stores[0].counts().memories == 200
    for store in stores:
        store.close()


OTHER = """
import sys
from nuonuo.stores.opening import open_store
from tests.stores.samples import item
store = open_store(sys.argv[1])
for line in sys.stdin:
    verb, key = line.split()
    print(store.insert("n", [item(key)]) if verb == "add" else store.delete(ids=[key]), flush=True)
"""


def test_another_process_writes_and_is_followed(address: str) -> None:
    with opened(address) as memory, child(OTHER, address) as other:
        memory.add("Rex is afraid of thunder.", namespace="m")
        store = memory._store
        reader = Follower(store, "n")
        version = store.version()
        assert say(other, "add a").startswith("[")
        assert store.version() != version
        reader.sync()
        assert say(other, "add b").startswith("[")
        assert say(other, "del a") == "1"
        reader.sync()
        assert [m.id for m, _ in reader.rows.values()] == ["b"]
        assert other.stdin is not None
        other.stdin.close()


def test_a_server_that_crashes_and_comes_back(address: str, own: Server) -> None:
    with opened(address) as memory:
        ids = memory.add(["Rex is afraid of thunder.", "The code is 4471."])
        own.stop("immediate")
        later = threading.Timer(0.7, own.start)
        later.start()
        try:
            added = memory.add("The beagle sleeps.")  # waits for it
        finally:
            later.join()
        assert [m.id for m in memory.list()] == [*ids, *added]
        assert memory.recall("thunder", 1)[0].memory.id == ids[0]
        own.stop("fast")
        own.start()
        assert [m and m.id for m in memory.get(ids)] == ids
        assert memory.forget(ids=ids) == 2


def test_a_server_that_stays_away_is_told_of(address: str, own: Server) -> None:
    with opened(f"{address}&timeout=0.5") as memory:
        memory.add("Rex is afraid of thunder.")
        own.stop("immediate")
        try:
            for call in (memory.list, lambda: memory.add("x"), lambda: memory.recall("thunder")):
                with pytest.raises(StoreUnavailableError, match="server is up"):
                    call()
            with pytest.raises(StoreUnavailableError):
                opened(address)
        finally:
            own.start()
        assert memory.recall("thunder", 1)[0].memory.text == "Rex is afraid of thunder."


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("what", [b"COMMIT", b"INSERT INTO memories"])
def test_a_connection_that_is_cut_in_a_write(address: str, own: Server, where: str, what: bytes) -> None:
    """Whichever moment it is: it is written once, and the call says so."""
    proxy = Proxy(own.port)
    cuts: list[bytes] = []

    def cut(message: bytes) -> str | None:
        if what not in message or len(cuts) == 2:
            return None
        cuts.append(message)
        return where

    store = open_store(address.replace(f":{own.port}/", f":{proxy.port}/"))
    store.insert("n", [item("a"), item("b")])
    proxy.cut = cut
    (seq,) = store.insert("n", [item("c")])
    assert len(cuts) >= 1
    cuts.clear()
    store.associate("a", "c", 0.5)
    cuts.clear()
    assert len(store.revise(["a"], lambda memory: {"n": memory.metadata.get("n", 0) + 1})) == 1
    cuts.clear()
    assert store.delete(ids=["b"]) == 1
    proxy.cut = lambda message: None
    proxy.cut_all()
    assert [m.id for m in store.list()] == ["a", "c"]
    assert store.get_seqs("n", [seq])[0] == store.get(["c"])[0]
    assert [m.metadata for m in store.list(limit=1)] == [{"n": 1}]
    assert [*store.associations()] == [("a", "c", 0.5)]
    store.close()
    proxy.close()


def test_the_password_stands_in_no_message(
    address: str, caplog: pytest.LogCaptureFixture, own: Server
) -> None:
    caplog.set_level(logging.DEBUG)
    secret, told = "s3cr3t-w0rd", []
    port = own.port
    for wrong in (
        f"postgresql://tester:{secret}@127.0.0.1:{port}/postgres",
        f"postgresql://tester:{secret}@127.0.0.1:{port}/nowhere",
        f"postgresql://tester:{secret}@127.0.0.1:1/postgres?timeout=0.2",
        f"postgresql://tester:{secret}@127.0.0.1:{secret}/postgres",
        f"postgresql://tester:x@{secret}@127.0.0.1/postgres",
        f"postgresql://tester:{secret}@127.0.0.1:{port}/postgres?nonsense=1",
        f"postgresql://tester:{secret}@[127.0.0.1/postgres",
        f"postgresql://tester:{secret}%zz@127.0.0.1:{port}/postgres",
        f"postgresql://tester@127.0.0.1:{port}/postgres?password={secret}",
        f"postgresql://tester:{secret}@127.0.0.1:{port}/postgres?pool=many",
        f"postgresql://tester:{secret}@127.0.0.1:{port}/postgres?schema=Robert');--",
    ):
        with pytest.raises(NuonuoError) as caught:
            open_store(wrong)
        error: BaseException | None = caught.value
        while error is not None:
            told.append(f"{error} {error!r}")
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    with opened(address) as memory:
        told += [repr(memory), repr(memory.stats()), repr(memory._store.__dict__["address"])]
        assert memory.stats().path is not None
        assert "w@rd" not in str(memory.stats()) and "w%40rd" not in str(memory.stats())
    assert secret not in "".join(told) + caplog.text


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        ("?pool=0", InvalidInputError, "pool must be"),
        ("?pool=2&pool_min=3", InvalidInputError, "pool_min"),
        ("?timeout=soon", InvalidInputError, "timeout"),
        ("?schema=a%20b", InvalidInputError, "schema"),
        ("?nonsense=1", InvalidInputError, "nonsense"),
    ],
)
def test_options_that_mean_nothing(wrong: str, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        open_store(f"postgresql://somebody@127.0.0.1:1/x{wrong}")


def test_a_schema_of_something_else_is_left_alone(address: str) -> None:
    base, schema = address.rsplit("schema=", 1)[0][:-1], address.rsplit("=", 1)[1]
    with psycopg.connect(base, autocommit=True) as db:
        db.execute(f"CREATE SCHEMA {schema}".encode())
        db.execute(f"CREATE TABLE {schema}.accounts (id int)".encode())
        with pytest.raises(NotAStoreError, match="accounts"):
            open_store(address)
        db.execute(f"DROP TABLE {schema}.accounts".encode())
        store = open_store(address)
        db.execute(f"UPDATE {schema}.meta SET value = '99' WHERE key = 'schema_version'".encode())
        with pytest.raises(SchemaVersionError, match="99"):
            open_store(address)
        db.execute(f"DROP SCHEMA {schema} CASCADE".encode())
        with pytest.raises(StoreError, match="gone"):
            store.insert("n", [item("a")])
        store.close()


def test_a_newer_version_brings_the_schema_up_beside_an_older_worker(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = open_store(address)
    older.insert("n", [item("a"), item("b")])
    version = len(schema.MIGRATIONS) + 1
    with monkeypatch.context() as upgraded:
        upgraded.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE later (x int)",)))
        newer = open_store(address)
    calls: list[Callable[[], object]] = [
        lambda: older.insert("n", [item("new")]),
        lambda: older.delete(ids=["a"]),
        lambda: older.associate("a", "b", 1.0),
    ]
    for call in calls:
        with pytest.raises(SchemaVersionError, match=f"version {version}, .* up to {version - 1}; upgrade"):
            call()
    with monkeypatch.context() as upgraded:
        upgraded.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE later (x int)",)))
        newer.insert("n", [item("c")])
    assert [memory.id for memory in newer.list()] == ["a", "b", "c"]
    assert not [*newer.associations()]
    older.close()
    newer.close()


def test_many_may_make_one_schema_at_once(address: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(open_store, [address] * 6))
    for number, store in enumerate(stores):
        store.insert("n", [item(f"{number}")])
    assert len(stores[0].list()) == 6
    for store in stores:
        store.close()


async def test_two_hundred_coroutines_on_ten_connections(address: str) -> None:
    memory = opened(f"{address}&pool=10")
    memory.add(["Rex is afraid of thunder.", "The garage code is 4471."], namespace="n1")
    memory.add("The beagle sleeps.", namespace="n2")
    recalls = await asyncio.gather(
        *(memory.arecall("thunder beagle", k=1, namespace=f"n{1 + i % 2}") for i in range(200))
    )
    assert {recall[0].memory.text for recall in recalls} == {
        "Rex is afraid of thunder.",
        "The beagle sleeps.",
    }
    await memory.aclose()


def test_a_flipped_bit_is_noticed(address: str) -> None:
    store = open_store(address)
    (seq,) = store.insert("n", [item("a", "Rex is afraid of thunder.")])
    schema = address.rsplit("=", 1)[1]
    calls: list[Any] = [
        lambda: store.get(["a"]),
        lambda: store.get_seqs("n", [seq]),
        store.list,
        lambda: afresh(store, "n"),
    ]
    with psycopg.connect(address.rsplit("schema=", 1)[0][:-1], autocommit=True) as db:
        flip = "UPDATE {}.memories SET {} = set_bit({}, 8 * 40, 1 - get_bit({}, 8 * 40))"
        for column in ("body", "traces"):
            db.execute(flip.format(schema, column, column, column).encode())
            for call in calls if column == "body" else calls[-1:]:
                with pytest.raises(NotAStoreError, match="checksum"):
                    call()
            db.execute(flip.format(schema, column, column, column).encode())
    assert [m.text for m in store.list()] == ["Rex is afraid of thunder."]
    store.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_has_connections_of_its_own(address: str) -> None:
    store = open_store(address)
    store.insert("n", [item("a")])
    inner, outer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            store.insert("n", [item("child")])
            os.write(outer, b",".join((m.id or "").encode() for m in store.list()))
        finally:
            os._exit(0)
    assert os.read(inner, 100) == b"a,child"
    os.waitpid(pid, 0)
    assert [m.id for m in store.list()] == ["a", "child"]
    store.close()


def test_pickled_without_a_password(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pass%2Fw%40rd" not in address:
        pytest.skip("how the server at NUONUO_TEST_POSTGRES lets users in is its own matter")
    with opened(address) as memory, pytest.raises(InvalidTypeError, match="PGPASSWORD"):
        pickle.dumps(memory)
    monkeypatch.setenv("PGPASSWORD", "pass/w@rd")
    with opened(address.replace(":pass%2Fw%40rd", "")) as memory:
        memory.add("Rex is afraid of thunder.")
        with pickle.loads(pickle.dumps(memory)) as other:
            assert [m.text for m in other.list()] == ["Rex is afraid of thunder."]


def test_the_adapters_share_one_engine(address: str) -> None:
    from nuonuo_integrations._shared import engine_of

    with AssociativeMemory.open(address, embedder=WordEmbedder()) as memory:
        memory.add("Rex is afraid of thunder.")
    with pytest.raises(StoreError) as caught:  # by the default embedder
        engine_of(address)
    assert "pass" not in str(caught.value)
    with pytest.raises(StoreError, match="pool") as caught:
        engine_of(f"{address}&pool=none")
    assert not isinstance(caught.value, ValueError)  # which pydantic would show with its input


def test_waiting_for_a_lock_ends(address: str) -> None:
    first, second = open_store(address), open_store(f"{address}&timeout=2")
    first.insert("n", [item("a")])
    second.insert("m", [item("c")])
    held, go_on = threading.Event(), threading.Event()

    def change(memory: object) -> dict[str, Any]:
        held.set()
        assert go_on.wait(PATIENCE)
        return {"x": 1}

    with ThreadPoolExecutor(1) as pool:
        revising = pool.submit(first.revise, ["a"], change)
        assert held.wait(PATIENCE)
        with pytest.raises(StoreError, match="did not get its turn"):
            second.insert("n", [item("b")])
        go_on.set()
        revising.result()
    assert second.insert("n", [item("b")])
    first.close()
    second.close()


def test_the_bytes_of_the_tables_are_told(address: str) -> None:
    store: Store = open_store(address)
    empty = store.counts()
    assert (empty.memories, empty.namespaces, empty.associations) == (0, 0, 0)
    store.insert("n", [item(f"{at}", "a text " * 1000) for at in range(20)])
    told = store.counts()
    assert (told.memories, told.namespaces) == (20, 1)
    assert told.file_bytes > empty.file_bytes > 0
    store.close()
