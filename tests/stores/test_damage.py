"""One flipped bit is noticed when it is read, and the doctor says in which memory it is."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.errors import NotAStoreError
from nuonuo.stores import SQLiteStore, Store
from nuonuo.stores.codec import pack_memory, unpack_memory, unpack_name, unpack_rows
from nuonuo.stores.doctor import examine
from nuonuo.stores.layout import TOGETHER, pack_traces, unpack_each, unpack_traces, unpack_vectors
from nuonuo.stores.opening import open_store
from tests.postgres import drop_schemas, fresh_address

from .samples import afresh, arrays, item, traces
from .test_contract import FULL

Change = Callable[[str, int, Callable[[bytes], bytes]], None]


@pytest.fixture(params=["sqlite", "postgres"])
def damaged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Change]]:
    """A store, and what rewrites the bytes of one column of a row behind its back."""
    if request.param == "postgres":
        psycopg = pytest.importorskip("psycopg", reason="pip install 'nuonuo[postgres]'")
        address = fresh_address()
        base, schema = address.rsplit("?schema=", 1)
    path = str(tmp_path / "m.db")
    store = open_store(address if request.param == "postgres" else path)

    def change(column: str, seq: int, how: Callable[[bytes], bytes]) -> None:
        if request.param == "postgres":
            with psycopg.connect(base, autocommit=True) as db:
                (body,) = db.execute(
                    f"SELECT {column} FROM {schema}.memories WHERE seq = %s".encode(), (seq,), binary=True
                ).fetchone()
                write = f"UPDATE {schema}.memories SET {column} = %s WHERE seq = %s"
                db.execute(write.encode(), (how(body), seq))
            return
        table = "memories" if column == "body" else "traces"
        file = sqlite3.connect(path)
        (body,) = file.execute(f"SELECT body FROM {table} WHERE seq = ?", (seq,)).fetchone()
        file.execute(f"UPDATE {table} SET body = ? WHERE seq = ?", (how(body), seq))
        file.commit()
        file.close()

    yield store, change
    store.close()
    drop_schemas()


def flip(at: int) -> Callable[[bytes], bytes]:
    """What flips one bit, ``at`` bits from the beginning of a body, or where it is negative from the end."""

    def flipped(body: bytes) -> bytes:
        found = bytearray(body)
        found[at // 8 % len(found)] ^= 1 << at % 8
        return bytes(found)

    return flipped


@pytest.mark.parametrize("at", [3, 8 * 110 + 1, 8 * 140, -8 * 2])
@pytest.mark.parametrize("column", ["body", "traces"])
def test_a_flipped_bit(damaged: tuple[Store, Change], column: str, at: int) -> None:
    store, change = damaged
    seqs = store.insert("n", [item(f"m{i}", "Rex is afraid of thunder. " * 9, seed=i) for i in range(5)])
    store.insert("m", [item("elsewhere")])
    assert examine(store) == []
    change(column, seqs[2], flip(at))
    calls: list[Callable[[], object]] = [lambda: afresh(store, "n"), lambda: store.scan(0, 9)]
    if column == "body":
        calls += [lambda: store.get(["m2"]), store.list, lambda: store.get_seqs("n", seqs)]
    for call in calls:
        with pytest.raises(NotAStoreError, match="checksum"):
            call()
    assert [m and m.id for m in store.get(["m1", "m3", "elsewhere"])] == ["m1", "m3", "elsewhere"]
    (finding,) = examine(store)
    assert finding.seq == seqs[2]
    assert f"number {seqs[2]}" in finding.name
    if column == "traces":
        assert "'m2' of 'n'" in finding.name
    change(column, seqs[2], flip(at))
    assert examine(store) == []


def test_a_file_without_checksums_is_read(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "m.db")
    store.insert("n", [item("a")])
    store.close()
    file = sqlite3.connect(tmp_path / "m.db")
    for table in ("memories", "traces", "namespaces"):
        rows = file.execute(f"SELECT rowid, body FROM {table}").fetchall()
        assert all(body[:4] != bytes(4) for _, body in rows)
        file.executemany(
            f"UPDATE {table} SET body = ? WHERE rowid = ?", [(bytes(4) + b[4:], n) for n, b in rows]
        )
    file.commit()
    file.close()
    store = SQLiteStore(tmp_path / "m.db")
    assert [m.id for m in store.list()] == ["a"]
    assert len(afresh(store, "n")[0]) == 1
    store.close()


PAYLOADS = [
    pack_memory(FULL),
    pack_traces(traces(3, windows=2)),
    pack_traces(traces(0, tokens=0)),
    b"\5\0\0\0names",
]


def rows(memory: bytes, kept: bytes) -> object:
    found = unpack_rows([1], [2], [memory], [kept], 0, "n")
    return found and found.memory(0)


READERS: list[Callable[[bytes], object]] = [
    lambda data: unpack_memory(data, 0, 5, "n"),
    lambda data: unpack_name(data, 0),
    lambda data: unpack_traces([data], 0)[0],
    lambda data: unpack_traces([pack_traces(traces(1)), data], 0)[1],
    lambda data: unpack_each([pack_traces(traces(1)), data], 0),
    lambda data: unpack_vectors([pack_traces(traces(1)), data], 0),
    lambda data: rows(data, PAYLOADS[1]),
    lambda data: rows(PAYLOADS[0], data),
]


def test_traces_that_are_read_together() -> None:
    """They are what each is by itself, be they of several dimensions; one that is damaged is told."""
    kept = [traces(at, windows=at % 3 + 1, tokens=at % 4) for at in range(2 * TOGETHER + 1)]
    kept[TOGETHER] = replace(kept[0], vectors=np.ones((1, 7), np.int8))
    payloads = [b"lead" + pack_traces(each) for each in kept]
    assert [arrays(each) for each in unpack_each(payloads, 4)] == [arrays(each) for each in kept]
    assert unpack_each([], 4) == []
    with pytest.raises(NotAStoreError, match="arrays are cut off"):
        unpack_each([*payloads[:9], payloads[9][:-1]], 4)


def test_vectors_alone_are_those_of_all_that_is_unpacked() -> None:
    payloads = [b"lead" + pack_traces(traces(at, windows=at % 3 + 1, tokens=at % 4)) for at in range(9)]
    vectors, norms, said = unpack_vectors(payloads, 4)
    whole = unpack_traces(payloads, 4)
    for one, other in (
        (vectors.rows, whole.vectors.rows),
        (vectors.counts, whole.vectors.counts),
        (norms, whole.norms),
        (said, whole.words.said),
    ):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
    for wrong in (np.zeros(1, np.float32), np.full(1, np.nan, np.float32)):
        with pytest.raises(NotAStoreError, match="without a length"):
            unpack_vectors([pack_traces(replace(traces(1), norms=wrong))], 0)
    with pytest.raises(NotAStoreError, match="cut off"):
        unpack_vectors([payloads[0], payloads[1][:-1]], 4)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PAYLOADS),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 5000)),
    st.one_of(st.just(b""), st.binary(max_size=50)),
)
def test_a_hostile_payload_ends_in_an_error(
    payload: bytes, bent: list[tuple[int, int]], cut: int | None, more: bytes
) -> None:
    """Whatever the bytes are: they are read, or they are refused as damaged; nothing else happens."""
    data = np.frombuffer(payload, np.uint8).copy()
    for at, value in bent:
        data[at % len(data)] = value
    hostile = data.tobytes()[:cut] + more
    for read in READERS:
        with contextlib.suppress(NotAStoreError):
            read(hostile)


@pytest.mark.parametrize("metadata", ["[" * 100_000, "[1]", "7", '{"a": ' * 50_000])
@pytest.mark.parametrize(
    "cues", ["", "[" * 100_000, "[1]", "7", '{"cues": 5, "paraphrases": []}', '{"x": 1}']
)
def test_json_that_no_store_wrote(metadata: str, cues: str) -> None:
    parts = [b"id", b"text", b"", b"", metadata.encode(), cues.encode()]
    hostile = struct.pack("<6I", *map(len, parts)) + b"".join(parts)
    with pytest.raises(NotAStoreError, match="damaged"):
        unpack_memory(hostile, 0, None, "n")
    with contextlib.suppress(NotAStoreError):
        rows(hostile, PAYLOADS[1])
