"""Several processes on one file: killed, interleaved, forked, and all opening it at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
import warnings

import numpy as np
import pytest

from nuonuo.records import Memory
from nuonuo.stores import SQLiteStore

from .samples import Follower, afresh, child, item, say, traces

INSERTING = """
import sys
from nuonuo.stores import SQLiteStore
from tests.stores.samples import item
store = SQLiteStore(sys.argv[1])
for i in range(10**9):
    keys = [f"{sys.argv[2]}-{i}-{j}" for j in range(1 + i % 3)]
    store.insert(f"n{i % 2}", [item(key, f"text of {key}") for key in keys])
    if i % 3 == 2:
        store.associate(keys[0], keys[-1], 0.5)
    print(*keys, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_kill_loses_nothing_that_was_stored(path: str) -> None:
    rng = np.random.default_rng(11)
    promised: list[str] = []
    for number in range(6):
        with child(INSERTING, path, number) as writer:
            assert writer.stdout is not None
            promised += writer.stdout.readline().split()
            time.sleep(rng.uniform(0, 0.25))
            writer.send_signal(signal.SIGKILL)
            promised += writer.stdout.read().split()
            assert writer.wait() == -signal.SIGKILL
        store = SQLiteStore(path)
        found = store.get(promised)
        assert [m and m.text for m in found] == [f"text of {key}" for key in promised]
        # A batch is there as a whole or not at all, with its namespace's journal and counts.
        assert (
            store.counts().memories
            == len(store.list())
            == sum(len(afresh(store, name)[0]) for name in store.namespaces())
        )
        store.close()
        db = sqlite3.connect(path)
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.close()


FOLLOWING = """
import sys
from nuonuo.records import Memory
from nuonuo.stores import SQLiteStore
from tests.stores.samples import Follower, item, traces
store = SQLiteStore(sys.argv[1])
reader = Follower(store, "n")
version = store.version()
print("ready", flush=True)
for line in sys.stdin:
    act, key = line.split()
    assert store.version() != version, "the other process's write was not seen"
    reader.sync()
    if act == "insert":
        store.insert("n", [item(key, "theirs")])
    elif act == "replace":
        store.replace(Memory("changed", id=key, namespace="n"), traces(3))
    elif act == "delete":
        store.delete(ids=[key])
    elif act == "associate":
        store.associate(key, "first", 0.5)
    reader.sync()
    version = store.version()
    print(*sorted(m.id + ":" + m.text for m, _ in reader.rows.values()), flush=True)
"""


def test_two_processes_see_each_others_writes(path: str) -> None:
    store = SQLiteStore(path)
    reader = Follower(store, "n")
    with child(FOLLOWING, path) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
        store.insert("n", [item("first", "ours")])
        version = store.version()
        for number, act in enumerate(
            ["insert", "replace", "associate", "insert", "delete", "insert", "replace"]
        ):
            store.insert("n", [item(f"mine{number}", "ours")])
            store.replace(Memory(f"ours{number}", id="first", namespace="n"), traces(number))
            key = f"key{number}" if act == "insert" else f"mine{number}"
            seen_by_other = say(other, f"{act} {key}").split()
            assert store.version() != version
            version = store.version()
            reader.sync()
            assert reader.state == afresh(store, "n")
            assert seen_by_other == sorted(f"{m.id}:{m.text}" for m, _ in reader.rows.values())
        assert other.stdin is not None
        other.stdin.close()
    assert [*store.associations()] == [("mine2", "first", 0.5)]
    store.close()


OPENING = """
import sys
from nuonuo.stores import Identity, SQLiteStore
from tests.stores.samples import item
print("ready", flush=True)
sys.stdin.readline()
store = SQLiteStore(sys.argv[1])
store.claim(Identity("mine", 32, None, "s"))
for i in range(10):
    store.insert("n", [item(f"{sys.argv[2]}-{i}")])
    store.delete(ids=[f"{sys.argv[2]}-{i - 1}"] if i % 2 else [])
store.close()
print("done", flush=True)
"""


def test_processes_may_create_one_file_at_once(path: str) -> None:
    for number in range(3):
        file = f"{path}{number}"
        processes = [child(OPENING, file, n) for n in range(4)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            assert process.communicate()[0].strip() == "done"
            assert process.returncode == 0
        store = SQLiteStore(file)
        assert sorted(m.id or "" for m in store.list()) == sorted(
            f"{n}-{i}" for n in range(4) for i in range(1, 10, 2)
        )
        store.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_child_has_connections_of_its_own(path: str) -> None:
    store = SQLiteStore(path)
    store.insert("n", [item("before")])
    reader = Follower(store, "n")
    reader.sync()
    version = store.version()
    processes = []
    for number in range(3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads, from Python 3.12 on
            process = os.fork()
        if process == 0:
            code = 1
            try:
                assert store.version() != version  # a reader of the parent must look again
                for i in range(10):
                    store.insert("n", [item(f"{number}-{i}")])
                    assert store.get(["before", f"{number}-{i}"])[1] is not None
                while True:  # the others still write: compare where nothing came in between
                    seen = store.version()
                    reader.sync()
                    fresh = afresh(store, "n")
                    if store.version() == seen:
                        break
                assert reader.state == fresh
                store.close()
                code = 0
            finally:
                os._exit(code)
        processes.append(process)
    for i in range(10):
        store.insert("n", [item(f"parent-{i}")])
    assert [os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process in processes] == [0, 0, 0]
    reader.sync()
    assert len(reader.rows) == 41
    assert reader.state == afresh(store, "n")
    assert store.version() != version
    store.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()
