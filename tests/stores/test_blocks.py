"""Traces that lie together: whatever becomes of a memory, its block tells of it as a row of its own would."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo import AssociativeMemory
from nuonuo.errors import NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores import InMemoryStore, SQLiteStore, Store
from nuonuo.stores.base import START, Rows
from nuonuo.stores.blocks import pack_block, unpack_blocks
from nuonuo.stores.doctor import examine
from nuonuo.stores.reading import nobody, whole
from tests.fakes import SMALL, WordEmbedder, fresh, state

from .samples import Follower, afresh, arrays, child, files_of, item, say, traces

BLOCK = 4
MEMORIES = [
    Memory(
        f"text {n} \0 雷 🐶 \ud800",
        id=f"m{n}\ud800",
        role=(None, "user", "")[n % 3],
        session_id=(None, "s", "")[n % 3],
        metadata={"n": n, "word": 'a "雷" \\'} if n % 2 else {},
        cues=("one",) if n % 2 else (),
        timestamp=datetime(1969, 12, 31, 0, 0, n, tzinfo=timezone.utc) if n % 3 else None,
        all_day=n == 4,
    )
    for n in range(7)
]


def rows_of(memories: list[Memory]) -> Rows:
    store = InMemoryStore()
    given = [(memory, traces(n, windows=n % 3 + 1, tokens=n % 4)) for n, memory in enumerate(memories)]
    store.insert("n", given)
    added = store.changes("n", START).added
    assert added is not None
    return added


def told(rows: Rows) -> list[tuple[object, ...]]:
    return [
        (seq, *texts, stamp, day, arrays(rows.traces[at]))
        for at, (seq, stamp, day, *texts) in enumerate(
            zip(
                rows.seqs.tolist(),
                rows.stamps.tolist(),
                rows.days.tolist(),
                rows.ids,
                rows.roles,
                rows.sessions,
                rows.metadata,
                strict=True,
            )
        )
    ]


def test_a_block_is_read_as_it_was_written() -> None:
    rows = rows_of(MEMORIES)
    read = unpack_blocks([b"lead" + pack_block(rows) + bytes(9)], 4, nobody)
    assert told(whole([read])) == told(rows)
    assert told(whole([read.take(np.array([5, 0])), read])) == [told(rows)[at] for at in (5, 0, *range(7))]
    several = [pack_block(rows.take(np.array(at))) for at in ([0, 1], [2], [3, 4, 5, 6])]
    assert told(unpack_blocks(several, 0, nobody)) == told(rows)
    assert told(whole([unpack_blocks([pack_block(rows_of(MEMORIES[:1]))], 0, nobody)])) == told(rows)[:1]


PAYLOADS = [
    pack_block(rows_of(MEMORIES)),
    pack_block(rows_of(MEMORIES[:1])),
    pack_block(rows_of(MEMORIES).take(np.array([3, 4, 5]))),
]


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([PAYLOADS[:1], PAYLOADS[1:2], PAYLOADS[1:], PAYLOADS[:0:-1]]),
    st.lists(st.tuples(st.one_of(st.integers(0, 51), st.integers(0, 9000)), st.integers(0, 255)), max_size=6),
    st.one_of(st.none(), st.integers(0, 9000)),
)
def test_a_hostile_block_ends_in_an_error(
    payloads: list[bytes], bent: list[tuple[int, int]], cut: int | None
) -> None:
    *before, last = payloads
    data = np.frombuffer(last, np.uint8).copy()
    for at, value in bent:
        data[at % len(data)] = value
    with contextlib.suppress(NotAStoreError):
        rows = unpack_blocks([*before, data.tobytes()[:cut]], 0, nobody)
        for read in (whole([rows]), whole([rows.take(np.array([len(rows) - 1]))])):
            assert all(read.traces[at] for at in range(len(read)))
            assert read.traces.words.stems.counts.sum() == len(read.traces.words.stems.rows)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[]", "7", "[[],[],[],[]]", '[["a"],[1],[null],[""]]', "\xff"]
)
def test_texts_that_no_store_wrote(text: str) -> None:
    payload = bytearray(PAYLOADS[1])
    known = int.from_bytes(payload[44:48], "little")
    payload[44:48] = len(text).to_bytes(4, "little")
    with pytest.raises(NotAStoreError, match="order"):
        unpack_blocks([PAYLOADS[2], PAYLOADS[1]], 0, nobody)
    with pytest.raises(NotAStoreError, match="damaged"):
        unpack_blocks([bytes(payload[:-known]) + text.encode("latin-1")], 0, nobody)


# -- where traces lie ----------------------------------------------------------------------------------


def lying(path: str) -> tuple[list[tuple[int, int]], list[int]]:
    """First and last seq of each block, and the seqs of what lies loose."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        blocks = db.execute("SELECT first, last FROM blocks ORDER BY first").fetchall()
        return blocks, [seq for (seq,) in db.execute("SELECT seq FROM traces ORDER BY seq")]


@pytest.fixture
def packed(path: str) -> SQLiteStore:
    return SQLiteStore(path, block_length=BLOCK)


def add(store: Store, *numbers: int, namespace: str = "n") -> None:
    store.insert(namespace, [item(f"m{n}", f"text {n}", seed=n, role=f"role {n}") for n in numbers])


def test_a_batch_and_single_ones(path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 11))
    assert lying(path) == ([(1, 4), (5, 8)], [9, 10])
    add(packed, 11)
    assert lying(path) == ([(1, 4), (5, 8)], [9, 10, 11])
    add(packed, 12, namespace="other")
    add(packed, 13)
    assert lying(path) == ([(1, 4), (5, 8), (9, 13)], [12])
    add(packed, *range(14, 20))
    assert lying(path) == ([(1, 4), (5, 8), (9, 13), (14, 17)], [12, 18, 19])
    add(packed, 20, 21, 22, 23)
    assert lying(path) == ([(1, 4), (5, 8), (9, 13), (14, 17), (18, 21)], [12, 22, 23])
    whole_state, _ = afresh(packed, "n")
    assert [*whole_state] == [n for n in range(1, 24) if n != 12]
    for seq, (memory, kept) in whole_state.items():
        assert (memory.id, kept) == (f"m{seq}", arrays(traces(seq)))


Act = Callable[[Store], object]
ACTS: dict[str, Act] = {
    "forget the first": lambda store: store.delete(ids=["m1"]),
    "forget one in the middle": lambda store: store.delete(ids=["m6"]),
    "forget the last": lambda store: store.delete(ids=["m8"]),
    "forget some of all": lambda store: store.delete(ids=["m2", "m3", "m5", "m10"]),
    "forget a block": lambda store: store.delete(ids=["m5", "m6", "m7", "m8"]),
    "forget all": lambda store: store.delete(namespace="n"),
    "update": lambda store: store.replace(
        Memory("new", id="m6", namespace="n", role="r"), traces(77, tokens=9)
    ),
    "update what is loose": lambda store: store.replace(Memory("new", id="m9", namespace="n"), traces(77)),
    "upsert": lambda store: store.insert(
        "n", [item("m7", "new", seed=70), item("x", seed=71), item("m10", seed=72)], replace=True
    ),
    "revise": lambda store: store.revise(["m3", "m6", "m9"], lambda memory: {"was": memory.text}),
    "revise some away": lambda store: store.revise(
        ["m5", "m6", "m7"], lambda memory: None if memory.id == "m6" else {"new": True}
    ),
    "refresh": lambda store: store.refresh(7, lambda memory: traces(len(memory.text)).words),
}


@pytest.mark.parametrize("name", ACTS)
def test_what_becomes_of_a_memory_is_told_by_its_block(name: str, packed: SQLiteStore) -> None:
    """As by a store in RAM; to one who followed, to one who starts now, and row by row."""
    other: Store = InMemoryStore()
    followers = [Follower(store, "n") for store in (packed, other)]
    for store, follower in zip((packed, other), followers, strict=True):
        add(store, *range(1, 11))
        follower.sync()
        ACTS[name](store)
        follower.sync()
    if name == "refresh":  # which a store in RAM leaves to its readers
        lexicons = {kept.lexicon for _, _, kept in packed.scan(0, 99)}
        assert lexicons == {7} and all(kept.older for _, _, kept in packed.scan(0, 99))
        assert followers[0].store.refresh(7, lambda memory: traces(1).words) == 0
    else:
        assert followers[0].state == followers[1].state == afresh(packed, "n") == afresh(other, "n")
        ids = [f"m{n}" for n in range(1, 11)]
        for read in (lambda store: store.scan(0, 99), lambda store: zip(ids, store.traced(ids), strict=True)):
            found = [[(at, *rest) for at, *rest in read(store)] for store in (packed, other)]
            assert repr(found[0]) == repr(found[1])
    assert examine(packed) == []


def test_of_a_block_nothing_is_left_that_went(path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 9))
    packed.replace(Memory("new", id="m2", namespace="n"), traces(0))
    packed.revise(["m3"], lambda memory: {"a": 1})
    packed.delete(ids=["m1", "m5", "m6", "m7", "m8"])
    assert lying(path) == ([(2, 4)], [])
    data = files_of(path)
    for n in (1, 2, 5, 6, 7, 8):
        kept = traces(n)
        assert kept.code.tobytes()[:40] not in data
        assert kept.vectors.tobytes() not in data
        assert f"role {n}".encode() not in data
    assert traces(3).code.tobytes()[:40] in data
    packed.delete(ids=["m2", "m3", "m4"])
    assert lying(path) == ([], [])
    assert traces(3).code.tobytes()[:40] not in files_of(path)


WRITING = """
import sys
from nuonuo.stores import SQLiteStore
from tests.stores.test_blocks import BLOCK, add
store = SQLiteStore(sys.argv[1], block_length=BLOCK)
print("ready", flush=True)
for line in sys.stdin:
    act, *numbers = line.split()
    if act == "add":
        add(store, *map(int, numbers))
    else:
        store.delete(ids=[f"m{n}" for n in numbers])
    print("done", flush=True)
"""


def test_a_process_follows_what_another_packs(path: str) -> None:
    store = SQLiteStore(path, page_length=3, block_length=BLOCK)
    reader = Follower(store, "n")
    with child(WRITING, path) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline().strip() == "ready"
        alive: set[int] = set()
        acts = [
            "add 1 2 3",
            "add 4",
            "add 5 6",
            "forget 2 5",
            "add 7 8 9 10 11",
            "forget 1 3 4",
            "add 12 13 14",
        ]
        for act in acts:
            assert say(writer, act) == "done"
            numbers = {*map(int, act.split()[1:])}
            alive = alive | numbers if act.startswith("add") else alive - numbers
            reader.sync()
            assert {*reader.rows} == alive
            assert reader.state == afresh(store, "n")
        assert writer.stdin is not None
        writer.stdin.close()
    store.close()


def test_what_is_derived_from_blocks_is_what_is_derived_from_rows(path: str) -> None:
    """A shard that followed, one that starts with the file, one of a store in RAM; another language's too."""
    memories = [
        Memory(
            f"Rex met the {n % 5} beagles of river {n}." + " Why?" * (n % 4 == 0),
            id=f"m{n}",
            session_id=f"s{n // 5}",
            role=("user", "assistant")[n % 2],
            metadata={"n": n},
        )
        for n in range(23)
    ]
    for language in ("english", "german"):
        config = replace(SMALL, language=language)
        with (
            AssociativeMemory(SQLiteStore(path, block_length=BLOCK), WordEmbedder(), config=SMALL) as made,
            AssociativeMemory(SQLiteStore(path, block_length=BLOCK), WordEmbedder(), config=config) as other,
        ):
            for start in (0, 1, 2, 9):
                made.add(memories[start : {0: 1, 1: 2, 2: 9, 9: 23}[start]], namespace=language)
                state(made, language)
            made.update("m7", text="Rex sleeps.")
            made.associate("m3", "m9", 0.5)
            made.forget(ids=["m4", "m22"])
            expected = fresh(made.list(namespace=language), config=config)
            expected.associate("m3", "m9", 0.5)
            found, wanted = state(other, language), state(expected, language)
            assert found["words"] == wanted["words"]
            if language == "english":
                del wanted["seqs"]
                assert state(made, language) == found == {**wanted, "seqs": found["seqs"]}
            made.forget(namespace=language)


# -- damage --------------------------------------------------------------------------------------------


def bend(path: str, table: str, key: str, number: int, at: int) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        (body,) = db.execute(f"SELECT body FROM {table} WHERE {key} = ?", (number,)).fetchone()
        bent = bytearray(body)
        bent[at] ^= 4
        db.execute(f"UPDATE {table} SET body = ? WHERE {key} = ?", (bytes(bent), number))
        db.commit()


@pytest.mark.parametrize("at", [1, 130, 900, -3])
def test_a_flipped_bit_of_a_block(at: int, path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 10))
    add(packed, 10, namespace="elsewhere")
    bend(path, "blocks", "id", 2, at)
    calls: list[Act] = [
        lambda store: afresh(store, "n"),
        lambda store: store.scan(0, 99),
        lambda store: store.traced(["m6"]),
        lambda store: store.replace(Memory("new", id="m6", namespace="n"), traces(1)),
    ]
    for call in calls:
        with pytest.raises(NotAStoreError, match="checksum"):
            call(packed)
    assert [memory and memory.text for memory in packed.get(["m6", "m1"])] == ["text 6", "text 1"]
    assert [(found.seq, f"m{found.seq}" in found.name) for found in examine(packed)] == [
        (n, True) for n in (5, 6, 7, 8)
    ]
    assert len(afresh(packed, "elsewhere")[0]) == 1
    assert packed.delete(namespace="n") == 9
    assert lying(path) == ([], [10])


@pytest.mark.parametrize("at", [1, 130, 900, -3])
def test_what_is_forgotten_of_a_damaged_block_is_gone(at: int, path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 10))
    bend(path, "blocks", "id", 2, at)
    assert packed.delete(ids=["m6"]) == 1
    left = files_of(path)
    assert b"text 6" not in left and traces(6).code.tobytes()[:40] not in left
    assert traces(1).code.tobytes()[:40] in left
    assert [memory.id for memory in packed.list()] == [f"m{n}" for n in (1, 2, 3, 4, 5, 7, 8, 9)]
    for call in (lambda: afresh(packed, "n"), lambda: packed.scan(0, 99), lambda: packed.traced(["m7"])):
        with pytest.raises(NotAStoreError, match="checksum"):  # as before: nobody takes it for all there is
            call()
    assert [found.seq for found in examine(packed)] == [5, 7, 8]
    assert packed.delete(ids=["m5", "m8", "m1"]) == 3
    assert [found.seq for found in examine(packed)] == [7]
    assert packed.delete(ids=["m7"]) == 1
    assert examine(packed) == [] and [*afresh(packed, "n")[0]] == [2, 3, 4, 9]
    add(packed, 11)
    assert lying(path) == ([(2, 4)], [9, 10])


def test_an_error_that_somebody_keeps_holds_up_no_wipe(path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 10))
    bend(path, "blocks", "id", 1, 900)
    with pytest.raises(NotAStoreError) as kept:  # with all that was open when it was raised
        afresh(packed, "n")
    assert packed.delete(namespace="n") == 9
    assert b"text 7" not in files_of(path) and traces(7).code.tobytes()[:40] not in files_of(path)
    assert "checksum" in str(kept.value)


@pytest.mark.parametrize("at", [150, -3])
def test_a_damaged_row_is_not_packed(at: int, path: str, packed: SQLiteStore) -> None:
    """Whatever is added after it; its checksum tells of it as long as it is there."""
    add(packed, 1, 2, 3)
    bend(path, "traces", "seq", 2, at)
    for n in range(4, 8):
        add(packed, n)
    assert lying(path) == ([], [1, 2, 3, 4, 5, 6, 7])
    assert [(finding.seq, "m2" in finding.name) for finding in examine(packed)] == [(2, True)]
    assert packed.delete(ids=["m2"]) == 1
    add(packed, 8)
    assert lying(path) == ([(1, 5)], [6, 7, 8])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE blocks SET first = 2 WHERE id = 1",
        "UPDATE blocks SET last = 6 WHERE id = 1",
        "UPDATE blocks SET first = 'text' WHERE id = 2",
        "UPDATE blocks SET body = (SELECT body FROM blocks WHERE id = 1) WHERE id = 2",
        "UPDATE blocks SET body = 7 WHERE id = 2",
        "UPDATE blocks SET body = (SELECT body FROM traces) WHERE id = 2",
        "INSERT INTO blocks SELECT 9, namespace, first, last, body FROM blocks WHERE id = 1",
        "INSERT INTO traces SELECT 3, body FROM traces",
    ],
)
def test_blocks_that_no_store_wrote(change: str, path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 10))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(change)
        db.commit()
    if "INTO traces" in change:  # what lies in a block is not looked for elsewhere
        assert [*afresh(packed, "n")[0]] == [*range(1, 10)]
        return
    with pytest.raises(NotAStoreError):
        afresh(packed, "n")
    with contextlib.suppress(NotAStoreError):
        packed.delete(ids=["m3", "m6"])
    packed.delete(namespace="n")
    assert packed.counts().memories == 0


def test_a_memory_that_has_lost_its_traces(path: str, packed: SQLiteStore) -> None:
    add(packed, *range(1, 10))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("DELETE FROM traces WHERE seq = 9")
        db.commit()
    assert [*afresh(packed, "n")[0]] == [*range(1, 9)]
    assert [(finding.seq, "no traces" in finding.told) for finding in examine(packed)] == [(9, True)]
