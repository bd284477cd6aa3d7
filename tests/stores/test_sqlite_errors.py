"""Files that cannot be used, each with its own error, and never an `sqlite3.Error`."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nuonuo.errors import (
    EmbedderMismatchError,
    InvalidInputError,
    InvalidTypeError,
    NotAStoreError,
    NuonuoError,
    ReadOnlyStoreError,
    SchemaVersionError,
    StoreError,
    StoreFullError,
)
from nuonuo.records import Memory
from nuonuo.stores import START, Identity, SQLiteStore, connection, schema

from .samples import child, files_of, item, say, traces


def make(path: str, count: int = 30) -> None:
    store = SQLiteStore(path)
    store.claim(Identity("mine", 32, None, "s"))
    store.insert("n", [item(f"{i}", f"text {i} " * 20, seed=i, session_id="s") for i in range(count)])
    store.associate("1", "2", 0.5)
    store.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all", b"x" * 5000, b"SQLite format 3\0" + b"\xff" * 4080]
)
def test_a_file_that_is_no_database(path: str, content: bytes) -> None:
    Path(path).write_bytes(content)
    with pytest.raises(NotAStoreError, match=r"m\.db"):
        SQLiteStore(path)
    assert Path(path).read_bytes() == content


@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("pragma", ["application_id = 77", "user_version = 3", "user_version = 0"])
def test_another_applications_database_is_left_alone(path: str, journal: str, pragma: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute(f"PRAGMA journal_mode = {journal}")
    db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE meta (key, value)")
    db.execute("INSERT INTO meta VALUES ('schema_version', 1)")
    before = files_of(path)
    with pytest.raises(NotAStoreError, match="another application"):
        SQLiteStore(path)
    assert len(files_of(path)) == len(before)
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(NotAStoreError, match="another application"):
        SQLiteStore(path)
    assert Path(path).read_bytes() == before


def test_an_empty_file_becomes_a_store(path: str) -> None:
    Path(path).touch()
    make(path)
    store = SQLiteStore(path)
    assert store.counts().memories == 30
    store.close()


def test_a_newer_schema(path: str) -> None:
    make(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
    db.commit()
    db.close()
    before = Path(path).read_bytes()
    with pytest.raises(SchemaVersionError, match="99"):
        SQLiteStore(path)
    assert Path(path).read_bytes() == before


def test_a_newer_version_brings_the_file_up_while_it_is_open(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(path)
    older, version = SQLiteStore(path), len(schema.MIGRATIONS) + 1
    with monkeypatch.context() as upgraded:
        upgraded.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE later (x)",)))
        newer = SQLiteStore(path)
        newer.delete(ids=["3"])
        left, before = newer.list(), files_of(path)
    calls: list[Callable[[], object]] = [
        older.list,
        lambda: older.get(["3"]),
        lambda: older.scan(0, 9),
        lambda: older.changes("n", START),
        lambda: older.insert("n", [item("new")]),
        lambda: older.delete(ids=["4"]),
        lambda: older.associate("5", "6", 1.0),
    ]
    for call in calls * 2:  # it says so each time
        with pytest.raises(SchemaVersionError, match=f"version {version}, .* up to {version - 1}; upgrade"):
            call()
    assert files_of(path) == before
    older.close()
    with monkeypatch.context() as upgraded:
        upgraded.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("CREATE TABLE later (x)",)))
        assert newer.list() == left
        newer.close()


def test_what_others_do_to_the_tables_of_a_file_is_looked_at_once(path: str) -> None:
    make(path)
    store = SQLiteStore(path)
    assert len(store.list()) == 30
    db = sqlite3.connect(path)
    db.execute("VACUUM")
    assert len(store.list()) == 30
    db.execute("CREATE TRIGGER theirs AFTER INSERT ON memories BEGIN DELETE FROM meta; END")
    for call in (store.list, lambda: store.insert("n", [item("new")])):
        with pytest.raises(NotAStoreError, match="trigger 'theirs'"):
            call()
    db.execute("DROP TRIGGER theirs")
    db.close()
    store.insert("n", [item("new")])
    assert len(store.list()) == 31
    store.close()


def test_another_embedder_changes_nothing(path: str) -> None:
    make(path)
    before = Path(path).read_bytes()
    store = SQLiteStore(path)
    with pytest.raises(EmbedderMismatchError, match=r"'mine'.*'yours'"):
        store.claim(Identity("yours", 32, None, "s"))
    store.close()
    assert Path(path).read_bytes() == before


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(NotAStoreError, match="folder"):
        SQLiteStore(tmp_path)
    with pytest.raises(StoreError, match="does not exist"):
        SQLiteStore(tmp_path / "missing" / "m.db")
    for wrong in ("", ":memory:"):
        with pytest.raises(InvalidInputError, match="InMemoryStore"):
            SQLiteStore(wrong)
    for kind in (None, 3, b"m.db"):
        with pytest.raises(InvalidTypeError, match="path"):
            SQLiteStore(kind)  # type: ignore[arg-type]
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "a#b.db", "记忆.db", "x?mode=ro.db"])
def test_paths_with_any_character(tmp_path: Path, name: str) -> None:
    make(str(tmp_path / name))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def use(path: str) -> None:
    """Everything that reads, then writes."""
    store = SQLiteStore(path)
    try:
        for read in (
            store.list,
            store.namespaces,
            store.counts,
            store.version,
            lambda: [*store.associations()],
        ):
            read()
        store.get(["1", "2"])
        store.get_seqs("n", [*range(30)])
        store.changes("n", START)
        store.insert("n", [item("new")])
        store.replace(Memory("x", id="3", namespace="n"), traces())
        store.delete(session_id="s")
    finally:
        store.close()


@pytest.mark.parametrize("seed", range(12))
def test_damage_gives_our_own_errors(path: str, seed: int) -> None:
    """Random bytes in random places: whatever happens is an error of ours, or no error."""
    rng = np.random.default_rng(seed)
    make(path)
    data = bytearray(Path(path).read_bytes())
    for _ in range(40):
        at = int(rng.integers(100, len(data) - 64))
        data[at : at + 64] = rng.bytes(64)
    Path(path).write_bytes(data)
    with contextlib.suppress(NuonuoError):
        use(path)


@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_a_file_that_was_cut_off(path: str, keep: float) -> None:
    make(path)
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: int(len(data) * keep) // 1024 * 1024])
    with pytest.raises(NotAStoreError):
        use(path)


@pytest.mark.parametrize("table", ["memories", "traces", "namespaces"])
def test_a_damaged_body(path: str, table: str) -> None:
    make(path)
    db = sqlite3.connect(path)
    db.execute(f"UPDATE {table} SET body = x'00'")
    db.commit()
    db.close()
    store = SQLiteStore(path)
    with pytest.raises(NotAStoreError, match="damaged"):
        _ = store.namespaces(), store.changes("n", START)
    store.close()


def test_a_full_disk_leaves_nothing_half_written(path: str) -> None:
    make(path)
    store = SQLiteStore(path)
    before, seen = store.list(), store.changes("n", START).cursor
    writer: Any = store._db._writer
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    writer.execute(f"PRAGMA max_page_count = {pages + 20}").fetchone()
    with pytest.raises(StoreFullError, match="full"):
        store.insert("n", [item(f"new{i}", "much " * 500) for i in range(50)])
    with pytest.raises(StoreFullError, match="full"):
        store.replace(Memory("much " * 20_000, id="1", namespace="n"), traces())
    with pytest.raises(StoreFullError, match="full"):
        store.insert("another", [item("more", "much " * 20_000)])
    assert store.list() == before
    assert store.namespaces() == ["n"]
    assert store.changes("n", seen).cursor == seen
    assert store.delete(ids=["1", "2"]) == 2  # room can be made
    writer.execute("PRAGMA max_page_count = 1000000").fetchone()
    store.insert("n", [item("new0", "much " * 500)])
    assert [m.id for m in store.list()] == [*(m.id for m in before if m.id not in ("1", "2")), "new0"]
    assert writer.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.close()


HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
print("released", flush=True)
sys.stdin.readline()
"""


def test_a_lock_that_is_never_released(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make(path)
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.2)
    store = SQLiteStore(path)
    with child(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline()
        with pytest.raises(StoreError, match="locked"):
            store.insert("n", [item("new")])
        assert len(store.list()) == 30  # reading goes on
        assert say(holder, "release") == "released"
        store.insert("n", [item("new")])
        say(holder, "quit")
    store.close()


def in_a_plain_users_process(work: Callable[[], Any]) -> Any:
    """Fork, give up root where we have it (root may write anything), and return what ``work`` returns."""
    end, start = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from Python 3.12 on
        process = os.fork()
    if process == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            result = work()
        except BaseException as error:
            result = error
        os.write(start, pickle.dumps(result))
        os._exit(0)
    os.close(start)
    with os.fdopen(end, "rb") as pipe:
        data = pipe.read()
    os.waitpid(process, 0)
    return pickle.loads(data)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that any user may enter, unlike pytest's."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_then_write(path: str) -> tuple[int, bool, list[str]]:
    store = SQLiteStore(path)
    store.claim(Identity("mine", 32, None, "s"))
    count = len(store.list()) + len(store.changes("n", START).added or ())
    names = []
    for write in (
        lambda: store.insert("n", [item("new")]),
        lambda: store.delete(ids=["1"]),
        lambda: store.associate("1", "3", 1.0),
        lambda: store.replace(Memory("x", id="1", namespace="n"), traces()),
    ):
        try:
            write()
        except NuonuoError as error:
            names.append(type(error).__name__)
    store.close()
    return count, store.read_only, names


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444)])
@pytest.mark.parametrize("in_use", [False, True])
def test_a_file_that_can_only_be_read(public: Path, folder_mode: int, file_mode: int, in_use: bool) -> None:
    path = str(public / "m.db")
    make(path)
    owner = SQLiteStore(path) if in_use else None
    if owner is not None:
        owner.insert("n", [item("in the log")])
    for file in public.iterdir():
        file.chmod(file_mode)
    public.chmod(folder_mode)
    expected = 62 if in_use else 60
    result = in_a_plain_users_process(lambda: read_then_write(path))
    assert result == (expected, True, ["ReadOnlyStoreError"] * 4)
    public.chmod(0o755)
    if owner is not None:
        assert owner.counts().memories == 31
        owner.close()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_folder_where_nothing_can_be_created(public: Path) -> None:
    public.chmod(0o555)
    result = in_a_plain_users_process(lambda: SQLiteStore(public / "m.db"))
    assert isinstance(result, ReadOnlyStoreError)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_that_cannot_even_be_read(public: Path) -> None:
    path = public / "m.db"
    make(str(path))
    path.chmod(0o000)
    result = in_a_plain_users_process(lambda: SQLiteStore(path))
    assert type(result) is StoreError
    assert "cannot be opened" in str(result)
