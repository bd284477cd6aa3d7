"""The default store: one SQLite file, shared by threads and processes.

A write is durable when the call returns (WAL, ``synchronous=FULL``); what is deleted or replaced is
gone from the file and its log. `nuonuo.stores.schema` has the tables, `nuonuo.stores.codec` the
layout of their bodies.
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from operator import itemgetter

from nuonuo.checks import path_of
from nuonuo.errors import InvalidInputError, NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores import rows as _rows
from nuonuo.stores.base import JOURNAL_LENGTH, PAGE, START, Changes, Counts, Cursor, Revision
from nuonuo.stores.batches import BATCH, one_of
from nuonuo.stores.blocks import SIZE
from nuonuo.stores.changes import changes_since, position, record
from nuonuo.stores.checks import (
    across_namespaces,
    check_association,
    check_identity,
    check_new_ids,
    check_replaced,
    check_weight,
    namespaces_of,
    unknown,
)
from nuonuo.stores.codec import (
    NO_TRACES,
    Digests,
    Pages,
    in_order,
    pack_memory,
    to_microseconds,
    unpack_memory,
    unpack_name,
)
from nuonuo.stores.connection import Connections
from nuonuo.stores.layout import pack_traces
from nuonuo.stores.names import Names
from nuonuo.stores.packing import Changed, Packer
from nuonuo.stores.reading import Source, traces_of
from nuonuo.stores.renewal import pack_all, renew
from nuonuo.stores.schema import ASSOCIATED, UPDATED
from nuonuo.stores.sums import Sums
from nuonuo.traces import Identity, Traces, Words

_log = logging.getLogger(__name__)

_IDENTITY = "SELECT value FROM meta WHERE key = 'identity'"


class SQLiteStore:
    """A `Store` in one SQLite file.

    Args:
        path: the file; created where it is missing.
        journal_length: how many updates, deletions and associations a reader may lag behind before
            it must start afresh; up to twice as many are kept.
        page_length: how many new memories a reader is told of at once.
        block_length: of how many memories the traces lie together; how much is rewritten to forget one.

    Raises:
        InvalidTypeError: ``path`` is no path.
        NotAStoreError, SchemaVersionError, ReadOnlyStoreError, StoreError: as `Connections`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        journal_length: int = JOURNAL_LENGTH,
        page_length: int = PAGE,
        block_length: int = SIZE,
    ) -> None:
        name = path_of(path)
        if not name or name.startswith(":memory:"):
            raise InvalidInputError(
                f"path must name a file, got {name!r}; use InMemoryStore to keep all in RAM"
            )
        self._keep, self._page = journal_length, page_length
        self._db = Connections(name)
        try:
            with self._db.read() as db:
                row = db.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
            if row is None or not isinstance(row[0], bytes) or not 0 < len(row[0]) <= 64:
                raise NotAStoreError(f"{name!r} has no salt: it is damaged; restore it from a copy")
        except BaseException:
            self._db.close()
            raise
        self._digests, self._pages = Digests(row[0]), Pages(self._db.page_size, Sums(row[0]))
        self._packer = Packer(self._pages, block_length)
        # Names stand in no index, so those that have been read are kept here, up to the epoch `_newest`.
        self._names_lock = threading.Lock()
        self._names, self._newest = Names(), 0

    @property
    def path(self) -> str | None:
        return self._db.path

    @property
    def origin(self) -> str:
        """The path that opens this store again, whatever the working folder."""
        return os.path.abspath(self._db.path)

    @property
    def read_only(self) -> bool:
        """True where the file or its folder cannot be written: reads work, writes raise."""
        return self._db.read_only

    def identity(self) -> Identity | None:
        with self._db.read() as db:
            row = db.execute(_IDENTITY).fetchone()
        return None if row is None else self._identity_of(row[0])

    def claim(self, identity: Identity) -> None:
        stored = self.identity()
        if stored is None:
            with self._db.write() as db:
                row = db.execute(_IDENTITY).fetchone()  # another process may have been faster
                if row is None:
                    db.execute(
                        "INSERT INTO meta VALUES ('identity', ?)", (json.dumps(dataclasses.asdict(identity)),)
                    )
                    return
            stored = self._identity_of(row[0])
        check_identity(stored, identity, repr(self.path))

    def _identity_of(self, written: str) -> Identity:
        try:
            return Identity(**json.loads(written))
        except (TypeError, ValueError, RecursionError) as error:
            raise NotAStoreError(f"{self.path!r} is damaged ({error}); restore it from a copy") from error

    def insert(
        self, namespace: str | None, items: Sequence[tuple[Memory, Traces]], *, replace: bool = False
    ) -> builtins.list[int]:
        if not items:
            self._db.must_be_open()
            return []
        places = namespaces_of(namespace, (memory for memory, _ in items))
        digests = {place: self._digests.of_namespace(place) for place in places}
        rows = [self._row(memory) for memory, _ in items]
        bodies = [self._pages.pad(pack_traces(traces)) for _, traces in items]
        keys = [row[1] for row in rows]
        names = [memory.id for memory, _ in items]
        ids, home = dict(zip(keys, names, strict=True)), dict(zip(keys, places, strict=True))
        with self._db.write() as db:
            stored = _rows.stored(db, keys)
            if replace:
                here = {place: _rows.epoch_of(db, digest) for place, digest in digests.items()}
                there = (key for key, (_, epoch) in stored.items() if epoch != here[home[key]])
                check_replaced(names, (ids[key] for key in there))
            else:
                check_new_ids(names, (ids[key] for key in stored))
            epochs = {
                place: _rows.make_namespace(db, digest, place, self._pages)
                for place, digest in digests.items()
            }
            seqs = _rows.number(db, keys, stored)
            written = [*zip(places, zip(seqs, rows, bodies, strict=True), strict=True)]
            for place, epoch in epochs.items():
                own = [item for at, item in written if at == place]
                _rows.put(db, self._packer, epoch, own, {seq for seq, _ in stored.values()})
            if stored:
                record(db, [(epoch, seq, UPDATED) for seq, epoch in stored.values()], self._keep)
        if stored:
            self._db.wipe()
        return seqs

    def replace(self, memory: Memory, traces: Traces) -> None:
        row, bits = self._row(memory), self._pages.pad(pack_traces(traces))
        with self._db.write() as db:
            found = _rows.stored(db, [row[1]]).get(row[1])
            epoch = _rows.epoch_of(db, self._digests.of_namespace(memory.namespace or ""))
            if found is None or found[1] != epoch:
                raise unknown([memory.id], memory.namespace)
            _rows.put(db, self._packer, epoch, [(found[0], row, bits)], {found[0]})
            record(db, [(epoch, found[0], UPDATED)], self._keep)
        self._db.wipe()

    def revise(self, ids: Sequence[str], change: Revision) -> builtins.list[Memory]:
        changed: list[Memory] = []
        updated: list[tuple[int, int, int]] = []
        doomed: dict[int, int] = {}
        become: dict[int, dict[int, Changed]] = {}  # by epoch and seq
        with self._db.write() as db:
            rows = _rows.whole(db, [self._digests.of_id(key) for key in dict.fromkeys(ids)])
            rows.sort(key=itemgetter(1))
            memories = self._memories(row[3:] for row in rows)
            for (_, seq, epoch, *_), memory in zip(rows, memories, strict=True):
                metadata = change(memory)
                if metadata is None:
                    doomed[seq] = epoch
                    changed.append(memory)
                    continue
                packed = pack_memory(dataclasses.replace(memory, metadata=metadata))
                if packed != pack_memory(memory):
                    body = self._pages.pad(packed)
                    db.execute("UPDATE memories SET body = ? WHERE seq = ?", (body, seq))
                    become.setdefault(epoch, {})[seq] = to_microseconds(memory.timestamp), body, None
                    updated.append((epoch, seq, UPDATED))
                    changed.append(memory)
            for epoch, those in become.items():
                self._packer.rewrite(db, epoch, those)
            if doomed:
                _rows.delete(db, self._packer, doomed, self._keep)
            if updated:
                record(db, updated, self._keep)
        if changed:
            self._db.wipe()
        return changed

    def delete(
        self,
        *,
        namespace: str | None = None,
        ids: Sequence[str] | None = None,
        session_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """As `Store.delete`; with no condition at all, everything goes.

        A reader in another process that began before the delete and does not end keeps its view, and
        so the old bytes in the log: after some seconds of waiting for it this logs a warning, and the
        next write, close or open wipes them.
        """
        with self._db.write() as db:
            doomed = _rows.matching(
                db,
                self._digests,
                self._pages.lead,
                namespace=namespace,
                ids=ids,
                session_id=session_id,
                before=before,
            )
            if doomed:
                _rows.delete(db, self._packer, doomed, self._keep)
        if doomed:
            self._db.wipe()
        return len(doomed)

    def associate(self, source_id: str, target_id: str, weight: float) -> None:
        check_association(source_id, target_id, weight)
        with self._db.write() as db:
            found = {key: _rows.find(db, self._digests.of_id(key)) for key in (source_id, target_id)}
            source, target = found[source_id], found[target_id]
            if source is None or target is None:
                raise unknown(key for key, row in found.items() if row is None)
            if source[1] != target[1]:
                raise across_namespaces(source_id, target_id)
            if weight == 0:
                db.execute("DELETE FROM associations WHERE source = ? AND target = ?", (source[0], target[0]))
            else:
                db.execute(
                    "INSERT OR REPLACE INTO associations VALUES (?, ?, ?)",
                    (source[0], target[0], float(weight)),
                )
            record(db, [(source[1], source[0], ASSOCIATED)], self._keep)

    def changes(self, namespace: str, since: Cursor) -> Changes:
        digest = self._digests.of_namespace(namespace)
        if since != START:
            with self._db.read() as db:
                if position(db, digest)[0] == since:
                    return Changes(since)
        afresh = since == START or not since.whole
        with self._db.read(snapshot=True, mapped=afresh) as db:
            return changes_since(db, digest, since, self._source(namespace), self._page)

    def _source(self, namespace: str) -> Source:
        def memory(seq: int) -> Memory:
            (found,) = self.get_seqs(namespace, [seq])
            # One that is gone by now is told to be gone next time.
            return Memory("", namespace=namespace) if found is None else found

        return Source(self._pages, namespace, memory)

    def refresh(self, lexicon: int, words: Callable[[Memory], Words]) -> int:
        """As `Store.refresh`: some hundred memories at a time, so that other writers need not wait long."""
        with self._db.read() as db:
            keys = "SELECT key, value FROM meta WHERE key IN ('loose', 'lexicon')"
            known: dict[str, object] = {} if self.read_only else dict(db.execute(keys).fetchall())
        if self.read_only:
            return 0
        if "loose" in known:
            _log.info("%r was written by an older version; what it holds is packed", self.path)
            pack_all(self._db.write, self._packer)
        if known.get("lexicon") == lexicon:
            return 0
        what = "%r was written by an older version; its words are worked out anew"
        return renew(self._db.write, self._packer, lexicon, words, lambda: _log.info(what, self.path))

    def position(self, namespace: str) -> Cursor:
        with self._db.read() as db:
            return position(db, self._digests.of_namespace(namespace))[0]

    def version(self) -> int:
        return self._db.version()

    def get(self, ids: Sequence[str], namespace: str | None = None) -> builtins.list[Memory | None]:
        keys = [self._digests.of_id(key) for key in ids]
        with self._db.read(snapshot=True) as db:
            rows = _rows.whole(db, keys)
        found = dict(zip((row[0] for row in rows), self._memories(row[3:] for row in rows), strict=True))
        memories = [found.get(key) for key in keys]
        if namespace is None:
            return memories
        return [m if m is not None and m.namespace == namespace else None for m in memories]

    def traced(self, ids: Sequence[str]) -> builtins.list[tuple[Memory, Traces] | None]:
        keys = [self._digests.of_id(key) for key in ids]
        with self._db.read(snapshot=True) as db:
            rows = _rows.whole(db, keys)
            traces = traces_of(db, {row[1]: row[2] for row in rows}, self._pages)
        memories = self._memories(row[3:] for row in rows)
        found = {row[0]: (memory, traces[row[1]]) for row, memory in zip(rows, memories, strict=True)}
        return [found.get(key) for key in keys]

    def get_seqs(
        self, namespace: str, seqs: Sequence[int], *, epoch: int | None = None
    ) -> builtins.list[Memory | None]:
        rows = None
        if epoch is not None and len(seqs) <= BATCH:
            rows = self._db.glance(_rows.BY_SEQ.format(one_of("seq", seqs), "?"), [*seqs, epoch])
        if rows is None:
            with self._db.read(snapshot=len(seqs) > BATCH) as db:
                rows = _rows.by_seq(db, seqs, self._digests.of_namespace(namespace))
        self._pages.check(body for _, _, body in rows)
        return in_order(seqs, rows, self._pages.lead, namespace)

    def list(
        self,
        *,
        namespace: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        newest_first: bool = False,
    ) -> builtins.list[Memory]:
        conditions, values = ["1"], []
        if namespace is not None:
            conditions.append("n.digest = ?")
            values.append(self._digests.of_namespace(namespace))
        if session_id is not None:
            conditions.append("m.session = ?")
            values.append(self._digests.of_session(session_id))
        with self._db.read() as db:
            rows = db.execute(
                "SELECT m.timestamp, m.body, n.body FROM memories m JOIN namespaces n ON n.id = m.namespace "
                f"WHERE {' AND '.join(conditions)} ORDER BY m.seq {'DESC' if newest_first else 'ASC'} "
                "LIMIT ? OFFSET ?",
                [*values, -1 if limit is None else limit, offset],
            ).fetchall()
        return [*self._memories(rows)]

    def scan(
        self, after: int, limit: int, *, unchecked: bool = False
    ) -> builtins.list[tuple[int, Memory, Traces]]:
        with self._db.read(snapshot=True) as db:
            rows = db.execute(
                "SELECT m.seq, m.namespace, m.timestamp, m.body, n.body FROM memories m "
                "JOIN namespaces n ON n.id = m.namespace WHERE m.seq > ? ORDER BY m.seq LIMIT ?",
                (after, limit),
            ).fetchall()
            homes = {row[0]: row[1] for row in rows}
            traces = dict.fromkeys(homes, NO_TRACES) if unchecked else traces_of(db, homes, self._pages)
        memories = self._memories((row[2:] for row in rows), unchecked)
        return [(row[0], memory, traces[row[0]]) for row, memory in zip(rows, memories, strict=True)]

    def seqs(self, after: int, limit: int) -> builtins.list[int]:
        query = "SELECT seq FROM memories WHERE seq > ? ORDER BY seq LIMIT ?"
        with self._db.read() as db:
            return [seq for (seq,) in db.execute(query, (after, limit))]

    def associations(self, namespace: str | None = None) -> Iterator[tuple[str, str, float]]:
        where, values = (
            ("1", ()) if namespace is None else ("n.digest = ?", (self._digests.of_namespace(namespace),))
        )
        with self._db.read() as db:
            rows = db.execute(
                "SELECT s.body, t.body, a.weight FROM associations a JOIN memories s ON s.seq = a.source "
                "JOIN memories t ON t.seq = a.target JOIN namespaces n ON n.id = s.namespace "
                f"WHERE {where} ORDER BY a.source, a.target",
                values,
            ).fetchall()
        lead = self._pages.lead
        for source, target, weight in rows:
            self._pages.check((source, target))
            ids = [unpack_memory(body, lead, None, "").id or "" for body in (source, target)]
            check_weight(weight)
            yield ids[0], ids[1], weight

    def namespaces(self, prefix: str = "", limit: int | None = None) -> builtins.list[str]:
        with self._names_lock, self._db.read(snapshot=True) as db:
            began = db.execute("SELECT id, body FROM namespaces WHERE id > ?", (self._newest,)).fetchall()
            self._pages.check(body for _, body in began)
            self._names.add(unpack_name(body, self._pages.lead) for _, body in began)
            self._newest = max((epoch for epoch, _ in began), default=self._newest)
            names = self._names.under(prefix)
            latest = _rows.latest(db, [self._digests.of_namespace(name) for name in names])
            here = {name: seq for name, seq in zip(names, latest, strict=True) if seq is not None}
            self._names.discard(name for name in names if name not in here)
        return [*here] if limit is None else nlargest(limit, here, key=here.__getitem__)

    def counts(self) -> Counts:
        with self._db.read() as db:
            row = db.execute(
                "SELECT (SELECT count(*) FROM memories), (SELECT count(*) FROM namespaces), "
                "(SELECT count(*) FROM associations)"
            ).fetchone()
        memories, namespaces, associations = row
        return Counts(memories, namespaces, associations, self._db.file_bytes())

    def close(self) -> None:
        self._db.close()

    def _row(self, memory: Memory) -> _rows.Written:
        session = None if memory.session_id is None else self._digests.of_session(memory.session_id)
        digest, body = self._digests.of_id(memory.id or ""), self._pages.pad(pack_memory(memory))
        return to_microseconds(memory.timestamp), digest, session, body

    def _memories(
        self, rows: Iterable[tuple[int | None, bytes, bytes]], unchecked: bool = False
    ) -> Iterator[Memory]:
        """Memories from (timestamp, body, body of the namespace)."""
        names: dict[bytes, str] = {}
        lead = self._pages.lead
        for timestamp, body, name in rows:
            if not unchecked:
                self._pages.check([body])
            if name not in names:
                if not unchecked:
                    self._pages.check([name])
                names[name] = unpack_name(name, lead)
            yield unpack_memory(body, lead, timestamp, names[name])
