"""The in-memory twin of the SQLite store: the same contract, and nothing left when it is closed."""

from __future__ import annotations

import builtins
import dataclasses
import itertools
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nlargest

from nuonuo.errors import StoreClosedError
from nuonuo.records import Memory
from nuonuo.stores.base import JOURNAL_LENGTH, PAGE, START, Changes, Counts, Cursor, Revision, Rows
from nuonuo.stores.checks import (
    across_namespaces,
    check_association,
    check_identity,
    check_new_ids,
    check_replaced,
    namespaces_of,
    unknown,
)
from nuonuo.stores.codec import (
    is_before,
    pack_memory,
    to_microseconds,
    unpack_memory,
    unpack_rows,
)
from nuonuo.stores.layout import pack_traces, unpack_each, unpack_traces
from nuonuo.stores.names import Names
from nuonuo.stores.schema import ASSOCIATED, DELETED, UPDATED
from nuonuo.traces import Identity, Traces, Words


@dataclass(slots=True)
class _Held:
    """A memory as it is kept: packed, so that no caller can change it and both stores read alike."""

    key: str
    namespace: str
    session_id: str | None
    timestamp: int | None
    all_day: bool
    memory: bytes
    traces: bytes

    def unpack(self) -> Memory:
        return unpack_memory(self.memory, 0, self.timestamp, self.namespace)


@dataclass(slots=True)
class _Namespace:
    """One life of a namespace: its rows by ascending seq, and its journal of (change, seq, kind)."""

    epoch: int
    rows: dict[int, _Held] = field(default_factory=dict)
    journal: list[tuple[int, int, int]] = field(default_factory=list)
    pruned: int = 0
    last_seq: int = 0

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.epoch, self.last_seq, self.journal[-1][0] if self.journal else self.pruned)


class InMemoryStore:
    """A `Store` in RAM.

    Args:
        journal_length: how many updates, deletions and associations a reader may lag behind before
            it must start afresh; up to twice as many are kept.
        page_length: how many new memories a reader is told of at once.
    """

    def __init__(self, *, journal_length: int = JOURNAL_LENGTH, page_length: int = PAGE) -> None:
        self._keep, self._page = journal_length, page_length
        self._lock = threading.RLock()
        self._closed = False
        self._version = 0
        self._identity: Identity | None = None
        self._namespaces: dict[str, _Namespace] = {}
        self._names = Names()
        self._seqs: dict[str, int] = {}
        self._rows: dict[int, _Held] = {}
        self._targets: dict[int, dict[int, float]] = {}
        self._sources: dict[int, set[int]] = {}
        self._new_seq = itertools.count(1)
        self._new_epoch = itertools.count(1)
        self._new_change = itertools.count(1)

    @property
    def path(self) -> str | None:
        return None

    def claim(self, identity: Identity) -> None:
        with self._lock:
            self._must_be_open()
            if self._identity is None:
                self._identity = identity
                self._version += 1
            check_identity(self._identity, identity, "this store in RAM")

    def identity(self) -> Identity | None:
        with self._lock:
            self._must_be_open()
            return self._identity

    def insert(
        self, namespace: str | None, items: Sequence[tuple[Memory, Traces]], *, replace: bool = False
    ) -> builtins.list[int]:
        places = namespaces_of(namespace, (memory for memory, _ in items))
        held = [_hold(memory, place, traces) for (memory, traces), place in zip(items, places, strict=True)]
        with self._lock:
            self._must_be_open()
            if not held:
                return []
            keys = [row.key for row in held]
            stored = {key: self._seqs[key] for key in keys if key in self._seqs}
            if replace:
                home = dict(zip(keys, places, strict=True))
                there = (key for key, seq in stored.items() if self._rows[seq].namespace != home[key])
                check_replaced(keys, there)
            else:
                check_new_ids(keys, stored)
            seqs = [stored.get(key) or next(self._new_seq) for key in keys]
            for seq, row in zip(seqs, held, strict=True):
                space = self._namespaces.get(row.namespace)
                if space is None:
                    space = self._namespaces[row.namespace] = _Namespace(next(self._new_epoch))
                    self._names.add([row.namespace])
                space.rows[seq] = self._rows[seq] = row
                self._seqs[row.key] = seq
                space.last_seq = max(space.last_seq, seq)
                if row.key in stored:
                    self._record(space, seq, UPDATED)
            self._version += 1
            return seqs

    def replace(self, memory: Memory, traces: Traces) -> None:
        held = _hold(memory, memory.namespace or "", traces)
        with self._lock:
            self._must_be_open()
            space = self._namespaces.get(memory.namespace or "")
            seq = self._seqs.get(held.key)
            if space is None or seq is None or seq not in space.rows:
                raise unknown([memory.id], memory.namespace)
            space.rows[seq] = self._rows[seq] = held
            self._record(space, seq, UPDATED)

    def revise(self, ids: Sequence[str], change: Revision) -> builtins.list[Memory]:
        with self._lock:
            self._must_be_open()
            seqs = sorted({self._seqs[key] for key in ids if key in self._seqs})
            old = [self._rows[seq].unpack() for seq in seqs]
            new = [(memory, change(memory)) for memory in old]
            packed = [  # all of them first: one that raises changes nothing
                None if metadata is None else pack_memory(dataclasses.replace(memory, metadata=metadata))
                for memory, metadata in new
            ]
            changed = []
            for seq, memory, body in zip(seqs, old, packed, strict=True):
                row = self._rows[seq]
                if body == row.memory:
                    continue
                changed.append(memory)
                if body is None:
                    self._delete(seq, row)
                else:
                    space = self._namespaces[row.namespace]
                    space.rows[seq] = self._rows[seq] = dataclasses.replace(row, memory=body)
                    self._record(space, seq, UPDATED)
            return changed

    def delete(
        self,
        *,
        namespace: str | None = None,
        ids: Sequence[str] | None = None,
        session_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """As `Store.delete`; with no condition at all, everything goes."""
        with self._lock:
            self._must_be_open()
            if ids is None:
                rows = self._rows if namespace is None else self._space(namespace).rows
            else:
                seqs = {self._seqs[key] for key in ids if key in self._seqs}
                rows = {seq: self._rows[seq] for seq in seqs}
            doomed = [
                (seq, row)
                for seq, row in rows.items()
                if (namespace is None or row.namespace == namespace)
                and (session_id is None or row.session_id == session_id)
                and (before is None or is_before(row.timestamp, row.all_day, before))
            ]
            for seq, row in doomed:
                self._delete(seq, row)
            return len(doomed)

    def _delete(self, seq: int, row: _Held) -> None:
        space = self._namespaces[row.namespace]
        del space.rows[seq], self._rows[seq], self._seqs[row.key]
        for target in self._targets.pop(seq, {}):
            self._sources[target].discard(seq)
        for source in self._sources.pop(seq, set()):
            del self._targets[source][seq]
            self._record(space, source, ASSOCIATED)
        self._record(space, seq, DELETED)
        if not space.rows:
            del self._namespaces[row.namespace]
            self._names.discard([row.namespace])

    def associate(self, source_id: str, target_id: str, weight: float) -> None:
        check_association(source_id, target_id, weight)
        with self._lock:
            self._must_be_open()
            if missing := [key for key in (source_id, target_id) if key not in self._seqs]:
                raise unknown(missing)
            source, target = self._seqs[source_id], self._seqs[target_id]
            namespace = self._rows[source].namespace
            if self._rows[target].namespace != namespace:
                raise across_namespaces(source_id, target_id)
            if weight == 0:
                self._targets.get(source, {}).pop(target, None)
                self._sources.get(target, set()).discard(source)
            else:
                self._targets.setdefault(source, {})[target] = float(weight)
                self._sources.setdefault(target, set()).add(source)
            self._record(self._namespaces[namespace], source, ASSOCIATED)

    def changes(self, namespace: str, since: Cursor) -> Changes:
        with self._lock:
            self._must_be_open()
            space = self._space(namespace)
            now = space.cursor
            if now == since:
                return Changes(since)
            reset = since.epoch != now.epoch or since.change < space.pruned
            known, change = (START, now.change) if reset else (since, since.change)
            journal = space.journal[bisect_right(space.journal, change, key=lambda entry: entry[0]) :]
            touched = {
                kind: {seq for _, seq, k in journal if k == kind} for kind in (UPDATED, DELETED, ASSOCIATED)
            }
            gone = touched[DELETED]
            fresh = [*itertools.takewhile(lambda seq: seq > known.seq, reversed(space.rows))][::-1]
            whole = len(fresh) <= self._page
            associations: dict[int, dict[int, float]] = {}
            if whole:
                every = space.rows if reset or not since.whole else ()
                told = sorted(touched[ASSOCIATED] - gone | {seq for seq in every if self._targets.get(seq)})
                associations = {seq: dict(self._targets.get(seq, {})) for seq in told}
            return Changes(
                cursor=now if whole else Cursor(now.epoch, fresh[self._page - 1], change, whole=False),
                reset=reset and since.epoch != START.epoch,
                deleted=[seq for seq in sorted(gone) if seq <= known.seq],
                updated=_unpacked(
                    {seq: space.rows[seq] for seq in sorted(touched[UPDATED] - gone) if seq <= known.seq},
                    namespace,
                ),
                added=_unpacked({seq: space.rows[seq] for seq in fresh[: self._page]}, namespace),
                associations=associations,
            )

    def refresh(self, lexicon: int, words: Callable[[Memory], Words]) -> int:
        """As `Store.refresh`: left to the readers, since nothing here lasts."""
        return 0

    def position(self, namespace: str) -> Cursor:
        with self._lock:
            self._must_be_open()
            return self._space(namespace).cursor

    def version(self) -> int:
        self._must_be_open()
        return self._version

    def get(self, ids: Sequence[str], namespace: str | None = None) -> builtins.list[Memory | None]:
        with self._lock:
            self._must_be_open()
            rows = [self._rows.get(self._seqs.get(key, 0)) for key in ids]
        return [
            None if row is None or namespace not in (None, row.namespace) else row.unpack() for row in rows
        ]

    def traced(self, ids: Sequence[str]) -> builtins.list[tuple[Memory, Traces] | None]:
        with self._lock:
            self._must_be_open()
            rows = [self._rows.get(self._seqs.get(key, 0)) for key in ids]
        return [None if row is None else (row.unpack(), unpack_traces([row.traces], 0)[0]) for row in rows]

    def get_seqs(
        self, namespace: str, seqs: Sequence[int], *, epoch: int | None = None
    ) -> builtins.list[Memory | None]:
        with self._lock:
            self._must_be_open()
            space = self._space(namespace)
            rows = [space.rows.get(seq) for seq in seqs]
        return [None if row is None else row.unpack() for row in rows]

    def list(
        self,
        *,
        namespace: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        newest_first: bool = False,
    ) -> builtins.list[Memory]:
        with self._lock:
            self._must_be_open()
            rows = self._rows if namespace is None else self._space(namespace).rows
            ordered = reversed(rows.values()) if newest_first else iter(rows.values())
            wanted = (row for row in ordered if session_id is None or row.session_id == session_id)
            end = None if limit is None else offset + limit
            return [row.unpack() for row in itertools.islice(wanted, offset, end)]

    def scan(
        self, after: int, limit: int, *, unchecked: bool = False
    ) -> builtins.list[tuple[int, Memory, Traces]]:
        with self._lock:
            self._must_be_open()
            found = [*itertools.islice(((seq, row) for seq, row in self._rows.items() if seq > after), limit)]
        traces = unpack_each([row.traces for _, row in found], 0)
        return [(seq, row.unpack(), each) for (seq, row), each in zip(found, traces, strict=True)]

    def seqs(self, after: int, limit: int) -> builtins.list[int]:
        with self._lock:
            self._must_be_open()
            return [*itertools.islice((seq for seq in self._rows if seq > after), limit)]

    def associations(self, namespace: str | None = None) -> Iterator[tuple[str, str, float]]:
        with self._lock:
            self._must_be_open()
            found = [
                (self._rows[source].key, self._rows[target].key, weight)
                for source, targets in sorted(self._targets.items())
                if namespace is None or self._rows[source].namespace == namespace
                for target, weight in sorted(targets.items())
            ]
        return iter(found)

    def namespaces(self, prefix: str = "", limit: int | None = None) -> builtins.list[str]:
        with self._lock:
            self._must_be_open()
            names = self._names.under(prefix)
            if limit is None:
                return names
            return nlargest(limit, names, key=lambda name: next(reversed(self._namespaces[name].rows)))

    def counts(self) -> Counts:
        with self._lock:
            self._must_be_open()
            associations = sum(map(len, self._targets.values()))
            return Counts(len(self._rows), len(self._namespaces), associations, 0)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._names = Names()
            for kept in (self._namespaces, self._seqs, self._rows, self._targets, self._sources):
                kept.clear()

    def _space(self, namespace: str) -> _Namespace:
        return self._namespaces.get(namespace) or _Namespace(START.epoch)

    def _record(self, space: _Namespace, seq: int, kind: int) -> None:
        space.journal.append((next(self._new_change), seq, kind))
        self._version += 1
        if len(space.journal) >= 2 * self._keep:
            space.pruned = space.journal[-self._keep - 1][0]
            del space.journal[: -self._keep]

    def _must_be_open(self) -> None:
        if self._closed:
            raise StoreClosedError("the store was closed; make another one")


def _hold(memory: Memory, namespace: str, traces: Traces) -> _Held:
    packed = pack_memory(memory)  # checks the id
    timestamp = to_microseconds(memory.timestamp)
    return _Held(
        memory.id or "", namespace, memory.session_id, timestamp, memory.all_day, packed, pack_traces(traces)
    )


def _unpacked(rows: Mapping[int, _Held], namespace: str) -> Rows | None:
    held = [*rows.values()]
    return unpack_rows(
        [*rows],
        [row.timestamp for row in held],
        [row.memory for row in held],
        [row.traces for row in held],
        0,
        namespace,
    )
