"""Writes that go by what is stored at that moment: inserting over it, revising it; and names by prefix."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.records import Memory
from nuonuo.stores import SQLiteStore, Store

from .samples import Follower, afresh, arrays, child, files_of, item, say, traces


def test_what_is_inserted_over_keeps_its_place_and_its_associations(store: Store) -> None:
    first, second = store.insert("n", [item("a", "old"), item("b")])
    store.associate("a", "b", 0.5)
    reader = Follower(store, "n")
    reader.sync()
    seqs = store.insert("n", [item("c"), item("a", "new", seed=9, session_id="s")], replace=True)
    assert seqs == [second + 1, first]
    assert [(m.id, m.text, m.session_id) for m in store.list()] == [
        ("a", "new", "s"),
        ("b", "a text", None),
        ("c", "a text", None),
    ]
    assert [*store.associations()] == [("a", "b", 0.5)]
    assert store.list(session_id="s") == store.get(["a"])
    reader.sync()
    assert reader.state == afresh(store, "n")
    assert reader.rows[first][1] == arrays(traces(9))


@pytest.mark.parametrize("clash", [["new", "elsewhere"], ["new", "new"]])
def test_inserting_over_takes_all_or_none(store: Store, clash: list[str]) -> None:
    store.insert("n", [item("old", "as it was")])
    store.insert("m", [item("elsewhere", "as it was")])
    with pytest.raises(InvalidInputError, match=repr(clash[1])):
        store.insert("n", [item("old", "changed"), *(item(key) for key in clash)], replace=True)
    assert [m.text for m in store.list()] == ["as it was"] * 2


def test_revising_changes_metadata_and_deletes_and_nothing_else(store: Store) -> None:
    seqs = store.insert("n", [item("a", metadata={"n": 1}), item("b", metadata={"n": 2}), item("c", seed=3)])
    store.insert("m", [item("d", metadata={"n": 1})])
    store.associate("a", "c", 1)
    reader = Follower(store, "n")
    reader.sync()

    def change(memory: Memory) -> Mapping[str, Any] | None:
        return {"n": 2, "by": memory.id} if memory.metadata.get("n") == 1 else None

    before = store.get(["a", "b", "d"])
    assert store.revise(["a", "b", "none", "d", "a"], change) == before
    assert [(m.id, m.metadata) for m in store.list()] == [
        ("a", {"n": 2, "by": "a"}),
        ("c", {}),
        ("d", {"n": 2, "by": "d"}),
    ]
    assert [*store.associations()] == [("a", "c", 1)]
    reader.sync()
    assert reader.state == afresh(store, "n")
    assert reader.rows[seqs[0]][1] == arrays(traces(0))
    version = store.version()
    assert store.revise(["a", "c"], lambda memory: memory.metadata) == []
    assert store.version() == version
    assert len(store.revise(["c"], lambda memory: {"n": True})) == 1
    assert len(store.revise(["c"], lambda memory: {"n": 1})) == 1  # which is not True


def test_a_revision_that_fails_changes_nothing(store: Store) -> None:
    store.insert("n", [item("a"), item("b")])

    def change(memory: Memory) -> Mapping[str, Any] | None:
        if memory.id == "b":
            raise KeyError("b")
        return None

    with pytest.raises(KeyError):
        store.revise(["a", "b"], change)
    with pytest.raises(InvalidInputError, match="JSON"):
        store.revise(["a", "b"], lambda memory: {"nan": float("nan")} if memory.id == "b" else None)
    assert [m.id for m in store.list()] == ["a", "b"]


def test_what_a_revision_takes_away_is_in_none_of_the_files(path: str) -> None:
    store = SQLiteStore(path)
    store.insert("n", [item("a", metadata={"x": "OldSecret"}), item("b", "GoneSecret"), item("c")])
    store.insert("n", [item("c", metadata={"x": "OverSecret"})], replace=True)
    store.insert("n", [item("c", metadata={"x": "new"})], replace=True)
    store.revise(["a", "b"], lambda memory: {"x": "new"} if memory.id == "a" else None)
    assert b"Secret" not in files_of(path)
    store.close()


def test_names_by_prefix_and_by_what_came_last(store: Store) -> None:
    names = ["a", "ab", "ab/1", "ab/2", "b", "é", "\U0010ffff"]
    for name in names:
        store.insert(name, [item(f"in {name}")])
    assert store.namespaces() == sorted(names)
    assert store.namespaces("ab") == ["ab", "ab/1", "ab/2"]
    assert store.namespaces("ab/") == ["ab/1", "ab/2"]
    assert store.namespaces("c") == store.namespaces("abc") == store.namespaces("a", limit=0) == []
    store.insert("ab/1", [item("later")])
    assert store.namespaces("ab", limit=2) == ["ab/1", "ab/2"]
    assert store.namespaces(limit=9) == ["ab/1", "\U0010ffff", "é", "b", "ab/2", "ab", "a"]
    store.delete(namespace="ab/1")
    assert store.namespaces("ab/") == ["ab/2"]
    store.insert("ab/1", [item("again")])
    assert store.namespaces("ab/", limit=1) == ["ab/1"]
    for number in range(200):
        store.insert(f"n{number:03}", [item(f"{number}")])
    assert store.namespaces("n1") == [f"n{number}" for number in range(100, 200)]


OTHER = """
import sys
from nuonuo.stores import SQLiteStore
from tests.stores.samples import item
store = SQLiteStore(sys.argv[1])
for line in sys.stdin:
    verb, name = line.split()
    if verb == "fill":
        store.insert(name, [item("in " + name)])
    else:
        store.delete(namespace=name)
    print("done", flush=True)
"""


def test_names_of_another_process(path: str) -> None:
    store = SQLiteStore(path)
    with child(OTHER, path) as other:
        assert say(other, "fill x/1") == "done"
        assert store.namespaces("x/") == ["x/1"]
        assert (say(other, "fill x/2"), say(other, "end x/1")) == ("done", "done")
        assert store.namespaces("x/") == store.namespaces() == ["x/2"]
        assert (say(other, "end x/2"), say(other, "fill x/2")) == ("done", "done")
        assert store.namespaces("x/") == ["x/2"]
        assert other.stdin is not None
        other.stdin.close()
    store.close()


UPSERTING = """
import sys
from nuonuo.stores import SQLiteStore
from tests.stores.samples import item
store = SQLiteStore(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for i in range(40):
    key = f"k{i % 3}"
    if i % 4 == 3:
        store.delete(ids=[key])
    else:
        store.insert("n", [item(key, f"{sys.argv[2]} {i}"), item(sys.argv[2])], replace=True)
print("done", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="three processes a second")
def test_processes_that_insert_over_each_other(path: str) -> None:
    SQLiteStore(path).close()
    others = [child(UPSERTING, path, number) for number in range(3)]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "ready"
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "done"
        assert other.wait() == 0
        for pipe in (other.stdin, other.stdout):
            assert pipe is not None
            pipe.close()
    store = SQLiteStore(path)
    found = [m.id for m in store.list()]
    assert len(found) == len(set(found))
    assert {"0", "1", "2"} <= set(found) <= {"0", "1", "2", "k0", "k1", "k2"}
    store.close()
