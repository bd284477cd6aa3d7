"""Each call by which SQLite writes fails, once or from then on: a clear error, the old state, no harm."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuonuo.errors import ReadOnlyStoreError, StoreError, StoreFullError
from nuonuo.records import Memory
from nuonuo.stores import Identity, SQLiteStore

from .samples import arrays, item, traces
from .vfs import WAYS, Faults, failing, library

pytestmark = pytest.mark.skipif(
    library() is None, reason="the module sqlite3 of this Python keeps SQLite's functions to itself"
)

Held = tuple[Any, Any, Any]


@dataclass(frozen=True)
class Act:
    """One call; gone: what stood in the file before, and must not once it has taken place."""

    call: Callable[[SQLiteStore], object]
    gone: bytes = b""


LONG = "a long text " * 150
ACTS = {
    "insert": Act(lambda store: store.insert("n", [item("new", LONG), item("newer")])),
    "insert into a new namespace": Act(lambda store: store.insert("other", [item("new", session_id="s")])),
    "insert over": Act(lambda s: s.insert("n", [item("1", LONG), item("new")], replace=True), b"SecretOne"),
    "replace": Act(lambda store: store.replace(Memory("x", id="1", namespace="n"), traces()), b"SecretOne"),
    "revise": Act(lambda store: store.revise(["1", "2"], lambda old: {"by": "me"})),
    "delete": Act(lambda store: store.delete(ids=["1"]), b"SecretOne"),
    "delete a namespace": Act(lambda store: store.delete(namespace="n"), b"SecretOne"),
    "associate": Act(lambda store: store.associate("1", "3", 0.25)),
    "refresh": Act(lambda store: store.refresh(7, lambda memory: traces(7).words)),
}


def held(store: SQLiteStore) -> Held:
    rows = [(memory, arrays(kept)) for _, memory, kept in store.scan(0, 99)]
    return rows, [*store.associations()], store.namespaces()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "template.db"
    store = SQLiteStore(path)
    store.claim(Identity("mine", 32, None, "s"))
    store.insert("n", [item(f"{n}", f"text {n} SecretOne" * 9, seed=n, session_id="s") for n in range(4)])
    store.associate("1", "2", 0.5)
    store.close()
    return path


@pytest.fixture
def faults() -> Iterator[Faults]:
    with failing() as found:
        yield found


def whole(path: Path) -> bool:
    db = sqlite3.connect(path)
    try:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        db.close()


def expected(way: str, struck: list[str]) -> type[StoreError]:
    if struck[0] != "write":
        return StoreError
    return {"full": StoreFullError, "read only": ReadOnlyStoreError}.get(way, StoreError)


ONCE = [(name, way, False) for name in ACTS for way in WAYS]
LASTING = [
    (name, way, True)
    for name in ("insert over", "delete a namespace", "refresh")
    for way in ("full", "io", "read only")
]


@pytest.mark.parametrize(("name", "way", "lasting"), ONCE + LASTING)
def test_each_write_fails(
    name: str, way: str, lasting: bool, template: Path, faults: Faults, tmp_path: Path
) -> None:
    act, path = ACTS[name], tmp_path / "m.db"
    shutil.copy(template, path)
    store = SQLiteStore(path)
    before = held(store)
    act.call(store)
    wanted = held(store)
    store.close()
    left = path.read_bytes().count(act.gone)
    assert (wanted != before and left < template.read_bytes().count(act.gone)) or not act.gone
    errors = at = 0
    while True:
        at += 1
        for file in tmp_path.glob("m.db*"):
            file.unlink()
        shutil.copy(template, path)
        store = SQLiteStore(path)
        faults.arm(way, at, lasting)
        error = None
        try:
            act.call(store)
        except StoreError as told:  # anything else is a fault of ours
            error = told
        struck, done = bool(faults.struck), error is None
        if error is not None:
            errors += 1
            assert isinstance(error, expected(way, faults.struck)), (at, faults.struck, error)
            assert str(path) in str(error)
        if lasting and struck and not done:
            with pytest.raises(StoreError):
                act.call(store)
        faults.heal()
        # A fault while it was tidied up is no failure of the call. In steps, each of which lasts: `refresh`.
        assert held(store) == (wanted if done else before) or name == "refresh", (at, faults.struck)
        if not done:
            act.call(store)
            assert held(store) == wanted
        store.insert("later", [item("later")])
        store.close()
        if act.gone:
            assert path.read_bytes().count(act.gone) == left, (at, faults.struck)
        assert whole(path)
        store = SQLiteStore(path)
        assert store.delete(namespace="later") == 1
        assert held(store) == wanted
        store.close()
        if not struck:
            break
    assert errors and at > 3


# Made by version 0.1.0: seven memories in two namespaces, one of them forgotten and one rewritten.
FIRST = Path(__file__).with_name("version1.memory")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["new", "older", "with a log"])
def test_each_write_of_opening_fails(
    kind: str, way: str, template: Path, faults: Faults, tmp_path: Path
) -> None:
    """A store that is made, brought up from an older version, or recovered from its log."""
    path, source = tmp_path / "m.db", tmp_path / "source.db"
    shutil.copy(FIRST if kind == "older" else template, source)
    owner = SQLiteStore(source) if kind == "with a log" else None
    if owner is not None:
        owner.insert("n", [item("in the log", LONG)])
    at = errors = 0
    while True:
        at += 1
        for file in tmp_path.glob("m.db*"):
            file.unlink()
        if kind != "new":
            for end in ("", "-wal"):
                if os.path.exists(f"{source}{end}"):  # not by this process: closing it drops SQLite's locks
                    subprocess.run(["cp", f"{source}{end}", f"{path}{end}"], check=True)
        faults.arm(way, at, lasting=True)
        try:
            SQLiteStore(path).close()
        except StoreError:
            errors += 1
        struck = bool(faults.struck)
        faults.heal()
        store = SQLiteStore(path)
        found = [m.id for m in store.list()]
        if kind == "new":
            store.insert("n", [item("first")])
            assert found == []
        elif kind == "older":
            assert found == ["a", "b", "c", "d", "e", "f"]
        else:
            assert found == ["0", "1", "2", "3", "in the log"]
        store.close()
        assert whole(path)
        if not struck:
            break
    assert at > 1 and (errors or (kind, way) == ("with a log", "torn"))  # that is only tidied up
    if owner is not None:
        owner.close()
