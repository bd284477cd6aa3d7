"""What was deleted or replaced is in none of the files."""

from __future__ import annotations

import logging
import re
import signal
import sqlite3
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo.records import Memory
from nuonuo.stores import SQLiteStore, Traces, connection
from nuonuo.stores.schema import PAGE_SIZE

from .samples import child, files_of, item, say, traces

SECRET = {
    "text": "TextSecret " * 3,
    "role": "RoleSecret",
    "metadata": {"KeySecret": "ValueSecret"},
    "cues": ("CueSecret one", "CueSecret two"),
    "paraphrases": ("ParaphraseSecret",),
    "session_id": "SessionSecret",
    "id": "IdSecret",
}
KINDS = (b"Text", b"Role", b"Key", b"Value", b"Cue", b"Paraphrase", b"Session", b"Id", b"Space")
WORDS = [kind + b"Secret" for kind in KINDS]


def secret(**changes: Any) -> Memory:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    return replace(Memory(**SECRET, timestamp=moment), **changes)  # type: ignore[arg-type]


def pieces(t: Traces) -> list[bytes]:
    """Parts of the arrays that no other traces hold."""
    return [
        a.tobytes()[i : i + 12]
        for a in (t.vectors, t.code, t.spans)
        for i in (0, a.nbytes // 2, a.nbytes - 12)
    ]


def left(path: str, marks: list[bytes]) -> list[bytes]:
    data = files_of(path)
    return [mark for mark in marks if mark in data]


@pytest.fixture(params=[128, 1, 3])
def filled(path: str, request: pytest.FixtureRequest) -> Any:
    """A store with one secret among others; its marks are there to be found, in a row or in a block."""
    store = SQLiteStore(path, block_length=request.param)
    store.insert("SpaceKept", [item(f"kept{i}", f"KeptText {i}", seed=i) for i in range(20)])
    store.insert("SpaceSecret", [(secret(), traces(99))])
    store.insert("SpaceKept", [item(f"kept{i}", f"KeptText {i}", seed=i) for i in range(20, 40)])
    marks = [*WORDS, *pieces(traces(99))]
    assert left(path, marks) == marks
    yield store, marks
    store.close()


@pytest.mark.parametrize(
    "conditions",
    [
        {"ids": ["IdSecret"]},
        {"session_id": "SessionSecret"},
        {"namespace": "SpaceSecret"},
        {"before": datetime(2026, 1, 2, tzinfo=timezone.utc)},
    ],
)
@pytest.mark.parametrize("length", [1, 900, 5000, 100_000])
def test_delete_leaves_no_trace(path: str, filled: Any, conditions: dict[str, Any], length: int) -> None:
    store, marks = filled
    store.replace(secret(text="TextSecret " + "x" * length, namespace="SpaceSecret"), traces(99))
    store.associate("kept1", "kept2", 0.5)
    assert store.delete(**conditions) == 1
    assert left(path, marks) == []
    kept = [b"KeptText 7", b"SpaceKept", *pieces(traces(7))]
    assert left(path, kept) == kept


def test_replace_leaves_no_trace(path: str, filled: Any) -> None:
    store, marks = filled
    store.replace(Memory("open", id="IdSecret", namespace="SpaceSecret"), traces(1))
    still = [b"IdSecret", b"SpaceSecret"]
    assert left(path, marks) == still
    store.delete(ids=["IdSecret"])
    assert left(path, marks) == []


def test_a_session_or_namespace_in_use_stays(path: str, filled: Any) -> None:
    store, _ = filled
    store.insert("SpaceSecret", [item("second", session_id="SessionSecret")])
    store.delete(ids=["IdSecret"])
    assert left(path, WORDS) == [b"SessionSecret", b"SpaceSecret"]
    store.delete(ids=["second"])
    assert left(path, WORDS) == []


@pytest.mark.parametrize("block", [128, 8])
def test_after_a_long_history_only_what_lives_is_left(path: str, block: int) -> None:
    """SQLite leaves stale copies of rows that it moves about its pages; none may hold content."""
    rng = np.random.default_rng(5)
    store = SQLiteStore(path, block_length=block)
    alive: set[int] = set()
    made = 0

    def memory(number: int) -> Memory:
        text = f"<{number:06d}>" * int(rng.integers(1, 200))
        name = f"<{number:06d}>"
        return Memory(text, id="id" + name, session_id="s" + name, namespace=f"n{number % 7}")

    for _ in range(25):
        for space in range(7):
            numbers = [number for number in range(made, made + 40) if number % 7 == space]
            tokens = rng.integers(0, 60, 40)
            store.insert(f"n{space}", [(memory(n), traces(n, tokens=int(tokens[n - made]))) for n in numbers])
        alive |= set(range(made, made + 40))
        made += 40
        doomed = rng.choice(sorted(alive), len(alive) // 2, replace=False).tolist()
        for number in rng.choice(sorted(alive), 3, replace=False).tolist():
            store.replace(memory(number), traces(number))
        store.delete(ids=[f"id<{number:06d}>" for number in doomed])
        alive -= set(doomed)
    data = files_of(path)
    found = {n for n in range(made) if b"<%06d>" % n in data}
    assert found == alive
    store.close()
    # And by construction: a page that holds content is an overflow page, whose first byte is 0.
    pages = Path(path).read_bytes()
    cut = [pages[at : at + PAGE_SIZE] for at in range(0, len(pages), PAGE_SIZE)]
    assert {page[0] for page in cut if re.search(rb"<\d{6}>", page)} == {0}


def test_delete_wipes_while_threads_read(path: str, filled: Any) -> None:
    store, marks = filled
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            store.list()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    store.delete(ids=["IdSecret"])
    remaining = left(path, marks)
    stop.set()
    for thread in threads:
        thread.join()
    assert remaining == []


READER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN")
print(db.execute("SELECT count(*) FROM memories").fetchone()[0], flush=True)
sys.stdin.readline()
db.execute("COMMIT")
print("ended", flush=True)
sys.stdin.readline()
"""


def test_a_reader_that_does_not_end_only_delays_the_wipe(
    path: str, filled: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store, marks = filled
    monkeypatch.setattr(connection, "WIPE_SECONDS", 0.2)
    with child(READER, path) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline().strip() == "41"
        with caplog.at_level(logging.WARNING, logger="nuonuo"):
            assert store.delete(ids=["IdSecret"]) == 1
        assert "still holds their bytes" in caplog.text
        assert left(path, marks)
        assert say(reader, "end") == "ended"
        store.insert("SpaceKept", [item("later")])
        assert left(path, marks) == []
        say(reader, "quit")


KILLED = """
import os, signal, sys
from nuonuo.stores import SQLiteStore, rows
store = SQLiteStore(sys.argv[1])
with store._db.write() as db:
    any_other = {"ids": None, "session_id": None, "before": None}
    lead = store._pages.lead
    doomed = rows.matching(db, store._digests, lead, namespace="SpaceSecret", **any_other)
    rows.delete(db, store._packer, doomed, 9)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_opening_finishes_a_wipe_that_was_killed(path: str, filled: Any) -> None:
    store, marks = filled
    store.close()
    with child(KILLED, path) as killed:
        assert killed.wait() == -signal.SIGKILL
    assert left(path, marks)
    with_log = SQLiteStore(path)
    assert left(path, marks) == []
    assert with_log.counts().memories == 40
    with_log.close()


def test_no_name_stands_outside_a_body(path: str, filled: Any) -> None:
    store, _ = filled
    store.close()
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    assert {"journal", "sqlite_sequence", "meta", "memories"} <= set(tables)
    for table in tables:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})") if row[1] != "body"]
        for row in db.execute(f"SELECT {', '.join(columns)} FROM {table}"):
            assert not [value for value in row if b"Secret" in str(value).encode()]
    db.close()
