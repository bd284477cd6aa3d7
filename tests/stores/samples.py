"""Memories and traces to store, a reader that follows a store, and child processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import nuonuo.stores
from nuonuo.associative.rounding import round_vectors, sketch
from nuonuo.records import Memory
from nuonuo.stores import START, Changes, Rows, Store, Traces
from nuonuo.stores.base import NO_TIME
from nuonuo.stores.codec import to_microseconds
from nuonuo.traces import Words


def traces(seed: int = 0, *, windows: int = 1, tokens: int = 5) -> Traces:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((windows, 32))
    rounded, norms = round_vectors(vectors)
    return Traces(
        vectors=rounded,
        norms=norms,
        parts=np.arange(windows, dtype=np.int32),
        sketches=sketch(vectors[: windows - 1]),
        patterns=rng.integers(0, 256, (tokens, 4)).astype(np.uint8),
        spans=rng.integers(0, 99, (tokens, 3)).astype(np.int32),
        code=np.sort(rng.choice(16384, 50, replace=False)).astype(np.int32),
        words=Words(
            stems=rng.integers(1, 2**64, tokens, np.uint64),
            counts=rng.integers(1, 5, tokens).astype(np.int32),
            title=np.arange(tokens // 2, dtype=np.int32),
            length=tokens,
            said=int(rng.integers(1, 2**64, dtype=np.uint64)),
            speaker=seed,
            asks=bool(seed % 2),
        ),
        lexicon=2**32 - 1 - seed,
        partly=bool(seed % 3),
        older=bool(seed % 5),
    )


def item(key: str, text: str = "a text", *, seed: int = 0, **fields: Any) -> tuple[Memory, Traces]:
    return Memory(text, id=key, **fields), traces(seed)


def arrays(t: Traces) -> tuple[tuple[str, tuple[Any, ...], bytes], ...]:
    """Traces as something that can be compared."""
    words = t.words
    kept = (t.vectors, t.norms, t.parts, t.sketches, t.patterns, t.spans, t.code)
    kept += (words.stems, words.counts, words.title)
    numbers = (words.length, words.said, words.speaker, words.asks, t.lexicon, t.partly, t.older)
    return *((a.dtype.str, a.shape, a.tobytes()) for a in kept), ("numbers", numbers, b"")


def each(rows: Rows | None) -> Iterator[tuple[int, Memory, Traces]]:
    """``rows`` one by one: seq, memory and traces; and that their columns say the same."""
    for at, seq in enumerate([] if rows is None else rows.seqs.tolist()):
        assert rows is not None
        memory = rows.memory(at)
        if memory.id is None:  # gone since the rows were read, of which the next changes tell
            yield seq, memory, rows.traces[at]
            continue
        assert (rows.ids[at], rows.roles[at], rows.sessions[at]) == (
            memory.id,
            memory.role,
            memory.session_id,
        )
        assert (json.loads(rows.metadata[at] or "{}"), bool(rows.days[at])) == (
            memory.metadata,
            memory.all_day,
        )
        assert rows.stamps[at] == (NO_TIME if memory.timestamp is None else to_microseconds(memory.timestamp))
        yield seq, memory, rows.traces[at]


class Follower:
    """A reader of one namespace that applies `Changes` as the protocol says."""

    def __init__(self, store: Store, namespace: str) -> None:
        self.store, self.namespace = store, namespace
        self.cursor = START
        self.rows: dict[int, tuple[Memory, Any]] = {}
        self.associations: dict[int, dict[int, float]] = {}

    def sync(self) -> Changes:
        changes = self._page()
        while not self.cursor.whole:
            changes = self._page()
        return changes

    def _page(self) -> Changes:
        changes = self.store.changes(self.namespace, self.cursor)
        if changes.reset:
            self.rows, self.associations = {}, {}
        for seq in changes.deleted:
            self.rows.pop(seq, None)
            self.associations.pop(seq, None)
        assert all(seq in self.rows for seq, _, _ in each(changes.updated))
        added = [seq for seq, _, _ in each(changes.added)]
        assert added == sorted(set(added))
        assert not self.rows.keys() & set(added)
        for seq, memory, kept in (*each(changes.updated), *each(changes.added)):
            self.rows[seq] = (memory, arrays(kept))
        for source, targets in changes.associations.items():
            assert source in self.rows
            self.associations[source] = dict(targets)
        self.associations = {source: targets for source, targets in self.associations.items() if targets}
        self.cursor = changes.cursor
        return changes

    @property
    def state(self) -> tuple[Any, Any]:
        return self.rows, self.associations


def afresh(store: Store, namespace: str) -> tuple[Any, Any]:
    """What a reader sees that starts now."""
    follower = Follower(store, namespace)
    follower.sync()
    return follower.state


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Run ``script`` in a Python process of its own, with pipes as stdin and stdout."""
    roots = [str(Path(nuonuo.stores.__file__).parents[2]), str(Path(__file__).parents[2])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*roots, os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def say(process: subprocess.Popen[str], line: str) -> str:
    """Send a line to a child, and return the line that it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def files_of(path: str) -> bytes:
    """The bytes of the database with all its side files.

    Another process reads them: closing a descriptor of the file here would drop SQLite's locks. It starts
    without packages.
    """
    script = "import sys; [sys.stdout.buffer.write(open(name, 'rb').read()) for name in sys.argv[1:]]"
    names = [name for name in (path, path + "-wal", path + "-shm", path + "-journal") if os.path.exists(name)]
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, *names], check=True, capture_output=True
    ).stdout
