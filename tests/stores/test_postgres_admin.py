"""What the documentation says to administrators: its statements are run as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from nuonuo import Memory
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.reliability.server import Server
from nuonuo.stores import PostgresStore, Store
from nuonuo.stores.opening import open_store
from nuonuo.stores.postgres import schema as migrations
from nuonuo.traces import Traces
from tests.pages import read, sections
from tests.postgres import drop_schemas, fresh_address

from .samples import Follower, afresh, item, traces
from .test_postgres import own as own

psycopg = pytest.importorskip("psycopg", reason="pip install 'nuonuo[postgres]'")
pytest.importorskip("psycopg_pool", reason="pip install 'nuonuo[postgres]'")


@pytest.fixture
def address() -> Iterator[str]:
    yield fresh_address()
    drop_schemas()


def run(address: str, heading: str, **renamed: str) -> None:
    """Run the SQL blocks under a heading of the page, in the schema of ``address``."""
    base, schema = address.rsplit("?schema=", 1)
    text = sections(read("docs/postgres.md"))[heading]
    blocks = re.findall(r"^```sql\n(.*?)^```$", text, re.M | re.S)
    assert blocks
    with psycopg.connect(base, autocommit=True) as db:
        for block in blocks:
            for name, other in {"nuonuo": schema, **renamed}.items():
                block = re.sub(rf"\b{name}\b", other, block)
            db.execute(block.encode())


def test_a_role_sees_what_is_granted_to_it(address: str, own: Server) -> None:
    base, schema = address.rsplit("?schema=", 1)
    store = open_store(address)
    role = f"nell_{schema}"
    with psycopg.connect(base, autocommit=True) as db:
        db.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
    run(address, "Tenants: row level security", nell=role)
    try:
        store.insert("user-42", [item("mine", "mine", session_id="s"), item("also mine")])
        store.insert("user-43", [item("theirs", "theirs", session_id="s"), item("theirs too")])
        store.associate("theirs", "theirs too", 1.0)
        tenant: Store = open_store(address.replace("tester:pass%2Fw%40rd", f"{role}:x"))
        assert [m.id for m in tenant.list()] == [m.id for m in tenant.list(session_id="s")] + ["also mine"]
        assert tenant.get(["mine", "theirs"])[1] is None
        assert (tenant.namespaces(), tenant.counts().memories) == (["user-42"], 2)
        assert [*tenant.associations()] == []
        assert afresh(tenant, "user-43") == ({}, {})
        assert tenant.delete(ids=["theirs"]) == tenant.delete(namespace="user-43") == 0
        reader = Follower(tenant, "user-42")
        tenant.insert("user-42", [item("new")])
        tenant.associate("new", "mine", 0.5)
        assert tenant.delete(ids=["also mine"]) == 1
        reader.sync()
        assert reader.state == afresh(store, "user-42")
        for call in (
            lambda: tenant.insert("user-43", [item("into theirs")]),
            lambda: tenant.insert("user-42", [item("theirs")]),
            lambda: tenant.insert("user-42", [item("theirs")], replace=True),
            lambda: tenant.associate("mine", "theirs", 1.0),
        ):
            with pytest.raises(NuonuoError):
                call()
        assert [m.text for m in store.list(namespace="user-43")] == ["theirs", "a text"]
        tenant.close()
    finally:
        store.close()
        drop_schemas()
        with psycopg.connect(base, autocommit=True) as db:
            db.execute(f"DROP ROLE {role}".encode())


def test_partitions_change_no_answer(address: str) -> None:
    open_store(address).close()
    run(address, "Partitions")
    store = open_store(address)
    for number in range(12):
        store.insert(f"n{number % 6}", [item(f"{number}", session_id="s"), item(f"{number}+")])
    store.associate("0", "0+", 0.5)
    store.insert("n0", [item("0", "other")], replace=True)
    assert store.delete(ids=["1", "2+"]) == 2
    assert [m.id for m in store.list(limit=3)] == ["0", "0+", "1+"]
    assert store.get(["7+", "1"])[0] is not None
    assert len(store.list(session_id="s")) == 10
    assert len(afresh(store, "n0")[0]) == 4
    with pytest.raises(InvalidInputError, match="already stored"):
        store.insert("n5", [item("0")])
    store.close()


@pytest.mark.parametrize("partitions", [0, 4])
def test_traces_stand_in_the_row_and_those_of_an_older_schema_once_they_are_written_again(
    address: str, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    base, space = address.rsplit("?schema=", 1)
    tables = [f"{space}.memories_{part}" for part in range(partitions)] or [f"{space}.memories"]

    def ask(query: str) -> Any:
        with psycopg.connect(base, autocommit=True) as db:
            return db.execute(query.encode()).fetchone()[0]

    def beside() -> int:
        """Pieces of traces that lie in the second tables of the memories."""
        second = "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = '{}'::regclass"
        return sum(ask(f"SELECT count(*) FROM {ask(second.format(table))}") for table in tables)

    with monkeypatch.context() as before:
        before.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:3])
        store = open_store(address)
        if partitions:
            run(address, "Partitions")
            with psycopg.connect(base, autocommit=True) as db:
                for table in tables:
                    db.execute(f"ALTER TABLE {table} RESET (toast_tuple_target)".encode())
        for number in range(9):
            store.insert(f"n{number}", [long_item(f"{number}")])
        store.close()
    older = beside()
    assert older >= 9
    store = open_store(address)
    for number in range(9):
        store.insert(f"n{number}", [long_item(f"{number}+")])
    assert beside() == older
    kept = [afresh(store, f"n{number}") for number in range(9)]
    run(address, "How rows lie")
    assert beside() == 0
    assert [afresh(store, f"n{number}") for number in range(9)] == kept
    store.close()


def long_item(key: str) -> tuple[Memory, Traces]:
    """A memory whose traces are as many bytes as those of a turn of some length."""
    return Memory("a text", id=key), traces(len(key), tokens=150)


def test_vacuum_leaves_nothing_in_the_files(address: str, own: Server) -> None:
    store = open_store(address)
    assert isinstance(store, PostgresStore)
    base, schema = address.rsplit("?schema=", 1)

    def files() -> bytes:
        with psycopg.connect(base, autocommit=True) as db:
            db.execute(b"CHECKPOINT")
            (names,) = db.execute(
                "SELECT array_agg(pg_relation_filepath(c.oid)) FROM pg_class c LEFT JOIN pg_class o "
                "ON o.reltoastrelid = c.oid "
                "WHERE coalesce(o.relnamespace, c.relnamespace) = %s::regnamespace "
                "AND pg_relation_filepath(c.oid) IS NOT NULL",
                (schema,),
            ).fetchone() or ([],)
        old = [*(own.data / "base").rglob("*")]  # files that are no table's any more among them
        assert names
        return b"".join(path.read_bytes() for path in old if path.is_file())

    store.insert("KeptSpace", [item(f"{i}", f"KeptText {i}", session_id="KeptSession") for i in range(50)])
    store.insert(
        "KeptSpace", [item(f"GoneId{i}", f"GoneText {i}", session_id="GoneSession") for i in range(50)]
    )
    store.insert("GoneSpace", [item("x", "GoneText too"), item("long", "GoneText " * 3000)])
    store.insert("KeptSpace", [item("over", "GoneText over")])
    store.insert("KeptSpace", [item("over", "KeptText over")], replace=True)
    store.revise(["1"], lambda memory: {"GoneKey": 1})
    store.revise(["1"], lambda memory: {})
    assert b"GoneText" in files()
    store.delete(session_id="GoneSession")
    store.delete(namespace="GoneSpace")
    assert not any("Gone" in f"{m}" for m in store.list())
    store.vacuum()
    left = files()
    assert b"KeptText" in left and b"KeptSpace" in left
    for gone in (b"GoneText", b"GoneId", b"GoneSession", b"GoneSpace", b"GoneKey"):
        assert gone not in left
    store.close()
