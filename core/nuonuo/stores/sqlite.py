"""The default store: one SQLite file, shared by threads and processes.

A write is durable when the call returns (WAL, ``synchronous=FULL``); what is deleted or replaced is
gone from the file and its log. `nuonuo.stores.schema` has the tables, `nuonuo.stores.codec` the
layout of their bodies.
"""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime

from nuonuo.checks import path_of
from nuonuo.errors import InvalidInputError, NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores import rows as _rows
from nuonuo.stores.base import Changes, Counts, Cursor
from nuonuo.stores.changes import BATCH, batches, changes_since, position, record
from nuonuo.stores.checks import (
    across_namespaces,
    check_association,
    check_identity,
    check_new_ids,
    namespaces_of,
    unknown,
)
from nuonuo.stores.codec import (
    Digests,
    Pages,
    pack_memory,
    pack_traces,
    to_microseconds,
    unpack_memory,
    unpack_name,
)
from nuonuo.stores.connection import Connections
from nuonuo.stores.schema import ASSOCIATED, UPDATED
from nuonuo.traces import Identity, Traces

JOURNAL_LENGTH = 10_000


class SQLiteStore:
    """A `Store` in one SQLite file.

    Args:
        path: the file; created where it is missing.
        journal_length: how many updates, deletions and associations a reader may lag behind before
            it must start afresh; up to twice as many are kept.

    Raises:
        InvalidTypeError: ``path`` is no path.
        NotAStoreError, SchemaVersionError, ReadOnlyStoreError, StoreError: as `Connections`.
    """

    def __init__(self, path: str | os.PathLike[str], *, journal_length: int = JOURNAL_LENGTH) -> None:
        name = path_of(path)
        if not name or name.startswith(":memory:"):
            raise InvalidInputError(
                f"path must name a file, got {name!r}; use InMemoryStore to keep all in RAM"
            )
        self._keep = journal_length
        self._db = Connections(name)
        self._pages = Pages(self._db.page_size)
        try:
            with self._db.read() as db:
                row = db.execute("SELECT value FROM meta WHERE key = 'salt'").fetchone()
            if row is None:
                raise NotAStoreError(f"{name!r} has no salt: it is damaged; restore it from a copy")
        except BaseException:
            self._db.close()
            raise
        self._digests = Digests(row[0])

    @property
    def path(self) -> str | None:
        return self._db.path

    @property
    def read_only(self) -> bool:
        """True where the file or its folder cannot be written: reads work, writes raise."""
        return self._db.read_only

    def claim(self, identity: Identity) -> None:
        query = "SELECT value FROM meta WHERE key = 'identity'"
        with self._db.read() as db:
            row = db.execute(query).fetchone()
        if row is None:
            with self._db.write() as db:
                row = db.execute(query).fetchone()  # another process may have been faster
                if row is None:
                    db.execute("INSERT INTO meta VALUES ('identity', ?)", (json.dumps(asdict(identity)),))
                    return
        try:
            stored = Identity(**json.loads(row[0]))
        except (TypeError, ValueError) as error:
            raise NotAStoreError(f"{self.path!r} is damaged ({error}); restore it from a copy") from error
        check_identity(stored, identity, repr(self.path))

    def insert(self, namespace: str | None, items: Sequence[tuple[Memory, Traces]]) -> builtins.list[int]:
        if not items:
            self._db.must_be_open()
            return []
        digest_of, pad = self._digests, self._pages.pad
        places = namespaces_of(namespace, (memory for memory, _ in items))
        keys = [digest_of.of_id(memory.id or "") for memory, _ in items]
        rows = [
            (
                to_microseconds(memory.timestamp),
                key,
                None if memory.session_id is None else digest_of.of_session(memory.session_id),
                pad(pack_memory(memory)),
            )
            for key, (memory, _) in zip(keys, items, strict=True)
        ]
        bodies = [pad(pack_traces(traces)) for _, traces in items]
        ids = [memory.id for memory, _ in items]
        with self._db.write() as db:
            taken = {
                key
                for clause, part in batches("digest", keys)
                for (key,) in db.execute(f"SELECT digest FROM memories WHERE {clause}", part)
            }
            check_new_ids(ids, (ids[keys.index(key)] for key in taken))
            epochs = {
                name: _rows.make_namespace(db, digest_of.of_namespace(name), name, self._pages)
                for name in dict.fromkeys(places)
            }
            row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'memories'").fetchone()
            first = 1 + (row[0] if row else 0)
            seqs = [*range(first, first + len(rows))]
            db.executemany(
                "INSERT INTO memories (seq, namespace, timestamp, digest, session, body) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                [(seq, epochs[name], *row) for seq, name, row in zip(seqs, places, rows, strict=True)],
            )
            db.executemany("INSERT INTO traces VALUES (?, ?)", zip(seqs, bodies, strict=True))
        return seqs

    def replace(self, memory: Memory, traces: Traces) -> None:
        body, bits = self._pages.pad(pack_memory(memory)), self._pages.pad(pack_traces(traces))
        session = None if memory.session_id is None else self._digests.of_session(memory.session_id)
        with self._db.write() as db:
            found = _rows.find(db, self._digests.of_id(memory.id or ""))
            epoch = _rows.epoch_of(db, self._digests.of_namespace(memory.namespace or ""))
            if found is None or found[1] != epoch:
                raise unknown([memory.id], memory.namespace)
            seq = found[0]
            db.execute(
                "UPDATE memories SET timestamp = ?, session = ?, body = ? WHERE seq = ?",
                (to_microseconds(memory.timestamp), session, body, seq),
            )
            db.execute("UPDATE traces SET body = ? WHERE seq = ?", (bits, seq))
            record(db, [(epoch, seq, UPDATED)], self._keep)
        self._db.wipe()

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
                _rows.delete(db, doomed, self._keep)
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
        with self._db.read() as db:
            if position(db, digest)[0] == since:
                return Changes(since)
        with self._db.read(snapshot=True) as db:
            return changes_since(db, digest, namespace, since, self._pages.lead)

    def version(self) -> int:
        return self._db.version()

    def get(self, ids: Sequence[str], namespace: str | None = None) -> builtins.list[Memory | None]:
        keys = [self._digests.of_id(key) for key in ids]
        with self._db.read(snapshot=True) as db:
            rows = [
                row
                for clause, part in batches("m.digest", keys)
                for row in db.execute(
                    "SELECT m.digest, m.timestamp, m.body, n.body FROM memories m "
                    f"JOIN namespaces n ON n.id = m.namespace WHERE {clause}",
                    part,
                )
            ]
        found = dict(zip((row[0] for row in rows), self._memories(row[1:] for row in rows), strict=True))
        memories = [found.get(key) for key in keys]
        if namespace is None:
            return memories
        return [m if m is not None and m.namespace == namespace else None for m in memories]

    def get_seqs(self, namespace: str, seqs: Sequence[int]) -> builtins.list[Memory | None]:
        found: dict[int, Memory] = {}
        digest, lead = self._digests.of_namespace(namespace), self._pages.lead
        with self._db.read(snapshot=len(seqs) > BATCH) as db:
            for clause, part in batches("seq", [int(seq) for seq in seqs]):
                rows = db.execute(
                    f"SELECT seq, timestamp, body FROM memories WHERE {clause} "
                    "AND namespace = (SELECT id FROM namespaces WHERE digest = ?)",
                    [*part, digest],
                ).fetchall()
                for seq, timestamp, body in rows:
                    found[seq] = unpack_memory(body, lead, timestamp, namespace)
        return [found.get(seq) for seq in seqs]

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
            ids = [unpack_memory(body, lead, None, "").id or "" for body in (source, target)]
            yield ids[0], ids[1], weight

    def namespaces(self) -> builtins.list[str]:
        with self._db.read() as db:
            rows = db.execute("SELECT body FROM namespaces").fetchall()
        return sorted(unpack_name(body, self._pages.lead) for (body,) in rows)

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

    def _memories(self, rows: Iterable[tuple[int | None, bytes, bytes]]) -> Iterator[Memory]:
        """Memories from (timestamp, body, body of the namespace)."""
        names: dict[bytes, str] = {}
        lead = self._pages.lead
        for timestamp, body, name in rows:
            if name not in names:
                names[name] = unpack_name(name, lead)
            yield unpack_memory(body, lead, timestamp, names[name])
