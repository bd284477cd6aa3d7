"""The file is removed or replaced while it is open: nothing is stored as if it would last."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nuonuo import AssociativeMemory
from nuonuo.errors import SchemaVersionError, StoreError, StoreGoneError
from nuonuo.stores import SQLiteStore, Store
from tests.fakes import SMALL, WordEmbedder

from .samples import item, traces


def removed(path: Path) -> None:
    path.unlink()


def removed_with_its_log(path: Path) -> None:
    for name in path.parent.glob(path.name + "*"):
        name.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_suffix(".old"))


def replaced(path: Path) -> None:
    other = path.with_suffix(".other")
    SQLiteStore(other).close()
    os.replace(other, path)


def folder_removed(path: Path) -> None:
    shutil.rmtree(path.parent)


GONE = [removed, removed_with_its_log, moved, replaced, folder_removed]
Call = Callable[[Store], object]
CALLS: dict[str, Call] = {
    "insert": lambda store: store.insert("n", [item("b")]),
    "replace": lambda store: store.replace(*item("a", namespace="n")),
    "delete": lambda store: store.delete(ids=["a"]),
    "associate": lambda store: store.associate("a", "c", 1.0),
    "get": lambda store: store.get(["a"]),
    "list": lambda store: store.list(),
    "version": lambda store: store.version(),
    "namespaces": lambda store: store.namespaces(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.mark.parametrize("gone", GONE)
@pytest.mark.parametrize("call", CALLS)
def test_the_next_call_says_so(folder: Path, call: str, gone: Callable[[Path], None]) -> None:
    path = folder / "m.db"
    store = SQLiteStore(path)
    store.insert("n", [item("a"), item("c")])
    gone(path)
    with pytest.raises(StoreGoneError, match=r"m\.db"):
        CALLS[call](store)
    assert issubclass(StoreGoneError, StoreError)
    store.close()  # which is no error, and makes no file again
    assert path.exists() == (gone is replaced)


def test_a_file_that_goes_while_it_is_written(folder: Path) -> None:
    path = folder / "m.db"
    store = SQLiteStore(path)

    class Meanwhile(list[object]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            path.unlink(missing_ok=True)
            return super().__iter__()

    with pytest.raises(StoreGoneError), store._db.write() as db:
        db.executemany("INSERT INTO meta VALUES (?, ?)", Meanwhile([("key", "value")]))
    store.close()


def test_the_engine_gives_no_id_for_what_would_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add("rex the beagle")
        memory.recall("rex")
        path.unlink()
        with pytest.raises(StoreGoneError):
            memory.add("thunder")
        with pytest.raises(StoreGoneError):
            memory.recall("rex")
        with pytest.raises(StoreGoneError):
            memory.export(tmp_path / "dump.jsonl")
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        assert memory.add("a new file") == [each.id for each in memory.list()]


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


@pytest.mark.parametrize("gone", [*GONE, cut(0), cut(0.5)])
def test_what_is_recalled_again_and_again_says_so(folder: Path, gone: Callable[[Path], None]) -> None:
    """Where nobody wrote the file is asked first, and looked at after that."""
    path = folder / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add([f"rex the beagle barks at the boats {n} times " * 20 for n in range(20)])
        memory.forget(ids=memory.add("thunder"))  # which takes the log into the file
        for _ in range(2):
            assert len(memory.recall("rex").hits) == 10
        gone(path)
        for _ in range(2):
            with pytest.raises(StoreGoneError, match=r"m\.db"):
                memory.recall("rex")


@pytest.mark.parametrize("share", [0, 0.05, 0.3, 0.6, 0.9])
def test_what_is_left_of_a_file_is_not_told_as_damaged(path: str, share: float) -> None:
    """Most of what is asked for is there, or in RAM; what is not SQLite takes for damage."""
    store = SQLiteStore(path)
    seqs = store.insert("n", [item(f"k{n}", f"text {n} " * 10_000) for n in range(60)])  # more than it keeps
    store.delete(ids=["k59"])  # which takes the log into the file
    epoch = store.position("n").epoch
    for _ in range(2):
        assert len([m for m in store.get_seqs("n", seqs, epoch=epoch) if m]) == 59
    cut(share)(Path(path))
    with pytest.raises(StoreGoneError, match="cut off"):
        store.get_seqs("n", seqs, epoch=epoch)
    with pytest.raises(StoreGoneError, match="cut off"):
        store.version()
    store.close()


def test_a_newer_version_brings_the_file_up_beside_an_older_process(path: str) -> None:
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add("rex the beagle")
        for _ in range(2):
            memory.recall("rex")
        with closing(sqlite3.connect(path)) as newer:
            newer.execute("CREATE TABLE more (id INTEGER PRIMARY KEY)")
            newer.execute("UPDATE meta SET value = 99 WHERE key = 'schema_version'")
            newer.commit()
        for _ in range(2):
            with pytest.raises(SchemaVersionError, match="99"):
                memory.recall("rex")


def test_another_working_folder_and_a_link_are_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SQLiteStore("real.db").close()
    os.symlink("real.db", "link.db")
    for name in ("m.db", "link.db"):
        monkeypatch.chdir(tmp_path)
        store = SQLiteStore(name)
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.insert("n", [(item("a")[0], traces())])
        assert store.counts().memories == 1 and store.counts().file_bytes > 0
        store.close()


@pytest.mark.parametrize("left", [0, 1024, 0.5])
@pytest.mark.parametrize("call", CALLS)
def test_a_file_that_is_cut_off(folder: Path, call: str, left: float) -> None:
    path = folder / "m.db"
    store = SQLiteStore(path)
    store.insert("n", [item(key, "text " * 200) for key in "acdefgh"])
    store.delete(ids=["h"])  # which takes the log into the file
    os.truncate(path, int(left * path.stat().st_size) if left < 1 else int(left))
    for _ in range(2):
        with pytest.raises(StoreGoneError, match=r"m\.db.*cut off to .*restore"):
            CALLS[call](store)
    store.close()


def test_the_engine_gives_no_id_for_what_is_added_to_a_file_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL) as memory:
        memory.add("rex the beagle")
        memory.forget(ids=memory.add("thunder"))
        os.truncate(path, 0)
        with pytest.raises(StoreGoneError, match="cut off to 0 bytes"):
            memory.add("boats")


def test_a_file_that_another_process_makes_smaller_in_order(path: str) -> None:
    store = SQLiteStore(path)
    store.insert("n", [item(key, "text " * 2000) for key in "abcdefgh"])
    store.delete(ids=[*"cdefgh"])
    before = os.path.getsize(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("VACUUM")
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    other.close()
    assert os.path.getsize(path) < before
    store.insert("n", [item("i")])
    assert [m.id for m in store.list()] == ["a", "b", "i"]
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(StoreGoneError, match="cut off"):
        store.insert("n", [item("j")])
    store.close()


@pytest.mark.parametrize("gone", [os.unlink, lambda name: os.rename(name, name + ".old")])
def test_the_log_alone_goes(path: str, gone: Callable[[str], None]) -> None:
    store = SQLiteStore(path)
    store.insert("n", [item("a")])
    gone(path + "-wal")
    with pytest.raises(StoreGoneError, match=r"m\.db-wal"):
        store.insert("n", [item("b")])
    store.close()
    store = SQLiteStore(path)
    assert store.get(["b"]) == [None]
    store.close()


def test_the_log_goes_while_it_is_written(path: str) -> None:
    store = SQLiteStore(path)
    store.insert("n", [item("a")])
    with pytest.raises(StoreGoneError, match=r"m\.db-wal"):
        store.revise(["a"], lambda old: os.unlink(path + "-wal") or {"by": "me"})  # type: ignore[func-returns-value]
    store.close()
