"""A store in PostgreSQL, shared by the threads, processes and machines of an application.

A write is durable when the call returns, by what the server promises (``synchronous_commit``). What is
deleted is gone from every query at its commit, and from the server's files after `PostgresStore.vacuum`.
"""

from __future__ import annotations

import builtins
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import psycopg

from nuonuo.errors import InvalidTypeError, NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import JOURNAL_LENGTH, PAGE, START, Changes, Counts, Cursor, Revision
from nuonuo.stores.checks import (
    across_namespaces,
    check_association,
    check_identity,
    check_new_ids,
    check_replaced,
    namespaces_of,
    unknown,
)
from nuonuo.stores.codec import decode_text, in_order, pack_memory
from nuonuo.stores.exploring import Explorer
from nuonuo.stores.postgres import reading, wide
from nuonuo.stores.postgres import rows as _rows
from nuonuo.stores.postgres.address import parse
from nuonuo.stores.postgres.beside import Beside
from nuonuo.stores.postgres.bodies import LEAD, Bodies
from nuonuo.stores.postgres.changes import changes_since
from nuonuo.stores.postgres.connections import Connections, Database, one
from nuonuo.stores.postgres.errors import translate
from nuonuo.stores.postgres.exploring import Explored
from nuonuo.stores.postgres.refreshing import refresh
from nuonuo.stores.postgres.schema import TABLES
from nuonuo.stores.postgres.widening import widened
from nuonuo.stores.schema import ASSOCIATED, UPDATED
from nuonuo.traces import Identity, Traces, Words

T = TypeVar("T")


class PostgresStore:
    """A `Store` in a schema of a PostgreSQL database.

    Args:
        address: as libpq takes it, ``postgresql://user:password@host:5432/database``, with its options
            (``sslmode``, ``connect_timeout``, ...) and these of ours: ``schema`` (nuonuo), ``pool`` (10:
            connections at most), ``pool_min`` (1), ``timeout`` (30: seconds that a call waits for a
            connection, a lock, or a server that is away).
        journal_length: how many updates, deletions and associations of a namespace a reader may lag behind
            before it must start afresh; up to twice as many are kept.
        page_length: how many new memories a reader is told of at once.

    Raises:
        InvalidInputError: the address cannot be read.
        StoreUnavailableError: the server is not there, or does not let this user in.
        NotAStoreError, SchemaVersionError, ReadOnlyStoreError: the schema cannot be used so.
    """

    def __init__(
        self, address: str, *, journal_length: int = JOURNAL_LENGTH, page_length: int = PAGE
    ) -> None:
        self._keep, self._page = journal_length, page_length
        self._given, self.address = address, parse(address)
        self._db = Connections(self.address)
        self._bodies = Bodies(self._db.salt)
        self._digests = self._bodies.digests

    @property
    def path(self) -> str | None:
        """The address without its password."""
        return self.address.shown

    @property
    def origin(self) -> str:
        """The address that opens this store again.

        Raises:
            InvalidTypeError: it has a password, which is written down nowhere.
        """
        if self.address.password is not None:
            raise InvalidTypeError(
                f"the memory in {self.path!r} cannot be pickled, since its address has a password; leave it "
                "out of the address and give it by PGPASSWORD, a password file (~/.pgpass) or a service"
            )
        return self._given

    @property
    def read_only(self) -> bool:
        """True where the server took no writes when the store was opened, such as a replica."""
        return self._db.read_only

    def identity(self) -> Identity | None:
        written = self._db.read(lambda db: reading.setting(db, "identity"))
        try:
            return None if written is None else Identity(**json.loads(written))
        except (TypeError, ValueError) as error:
            raise NotAStoreError(f"{self.path!r} is damaged ({error}); restore it from a backup") from error

    def claim(self, identity: Identity) -> None:
        found = self.identity()
        if found is None:
            mine = json.dumps(dataclasses.asdict(identity)).encode()
            insert = "INSERT INTO meta VALUES ('identity', %b) ON CONFLICT DO NOTHING"
            self._db.write(lambda db: db.execute(insert, (mine,)))
            found = self.identity()  # another process may have been faster
        check_identity(found or identity, identity, repr(self.path))

    def insert(
        self, namespace: str | None, items: Sequence[tuple[Memory, Traces]], *, replace: bool = False
    ) -> builtins.list[int]:
        if not items:
            self._db.must_be_open()
            return []
        places = namespaces_of(namespace, (memory for memory, _ in items))
        digests = {place: self._digests.of_namespace(place) for place in dict.fromkeys(places)}
        rows = [self._bodies.row(memory) for memory, _ in items]
        traces = [self._bodies.of_traces(kept) for _, kept in items]
        keys, names = [row[1] for row in rows], [memory.id for memory, _ in items]
        ids = dict(zip(keys, names, strict=True))
        check_new_ids(names, ())

        def write(db: Database) -> Callable[[], builtins.list[int]]:
            _rows.lock(db, digests.values())
            ids_there, spaces_there = _rows.stored(db, keys), _rows.epochs_of(db, digests.values())
            wide_there = wide.kept(db, digests.values())
            stored, here, widely = ids_there(), spaces_there(), wide_there()
            if replace:
                home = dict(zip(keys, places, strict=True))
                there = (k for k, (_, epoch) in stored.items() if epoch != here.get(digests[home[k]]))
                check_replaced(names, (ids[key] for key in there))
            else:
                check_new_ids(names, (ids[key] for key in stored))
            new = {digest: place for place, digest in digests.items() if digest not in here}
            epochs = {**here, **_rows.make_namespaces(db, new)}
            added = [
                (epochs[digests[place]], row, kept)
                for place, row, kept in zip(places, rows, traces, strict=True)
                if row[1] not in stored
            ]
            if stored:
                _rows.overwrite(
                    db,
                    [
                        (stored[row[1]][1], stored[row[1]][0], row, kept)
                        for row, kept in zip(rows, traces, strict=True)
                        if row[1] in stored
                    ],
                )
                _rows.record(db, [(epoch, seq, UPDATED) for seq, epoch in stored.values()], self._keep)
            new_seqs = _rows.add(db, added)
            known = {key: seq for key, (seq, _) in stored.items()}
            if widely:
                numbers = {**known, **new_seqs()}
                wide.follow(
                    db,
                    self._digests,
                    widely,
                    (
                        (place, epochs[digests[place]], (numbers[row[1]], row[0], row[3], kept))
                        for place, row, kept in zip(places, rows, traces, strict=True)
                    ),
                )
                return lambda: [numbers[key] for key in keys]

            def seqs() -> builtins.list[int]:
                numbers = {**known, **new_seqs()}
                return [numbers[key] for key in keys]

            return seqs

        return self._db.write_at_once(write)

    def replace(self, memory: Memory, traces: Traces) -> None:
        row, kept = self._bodies.row(memory), self._bodies.of_traces(traces)
        digest = self._digests.of_namespace(memory.namespace or "")

        def write(db: Database) -> None:
            _rows.lock(db, [digest])
            asked = _rows.stored(db, [row[1]]), _rows.epochs_of(db, [digest])
            wide_there = wide.kept(db, [digest])
            seq, epoch = asked[0]().get(row[1], (0, 0))
            if not epoch or asked[1]().get(digest) != epoch:
                raise unknown([memory.id], memory.namespace)
            _rows.overwrite(db, [(epoch, seq, row, kept)])
            item = (str(memory.namespace), epoch, (seq, row[0], row[3], kept))
            wide.follow(db, self._digests, wide_there(), [item])
            _rows.record(db, [(epoch, seq, UPDATED)], self._keep)

        self._db.write(write)

    def revise(self, ids: Sequence[str], change: Revision) -> builtins.list[Memory]:
        """As `Store.revise`; ``change`` may be asked again where the transaction has to be done again."""
        keys = [self._digests.of_id(key) for key in dict.fromkeys(ids)]

        def write(db: Database) -> builtins.list[Memory]:
            homes = _rows.homes(db, keys)
            _rows.lock(db, homes.values())
            rows = reading.by_id_within(db, keys, [*homes])
            memories = self._bodies.memories(row[2:] for row in rows)
            changed: list[Memory] = []
            updated: list[tuple[int, int, bytes]] = []
            doomed: dict[int, int] = {}
            for (seq, epoch, *_), memory in zip(rows, memories, strict=True):
                metadata = change(memory)
                if metadata is None:
                    doomed[seq] = epoch
                    changed.append(memory)
                    continue
                packed = pack_memory(dataclasses.replace(memory, metadata=metadata))
                if packed != pack_memory(memory):
                    updated.append((epoch, seq, self._bodies.seal(packed)))
                    changed.append(memory)
            if doomed:
                _rows.delete(db, doomed, self._keep)
            if updated:
                _rows.rewrite(db, updated)
                _rows.record(db, [(epoch, seq, UPDATED) for epoch, seq, _ in updated], self._keep)
            return changed

        return self._db.write(write)

    def delete(
        self,
        *,
        namespace: str | None = None,
        ids: Sequence[str] | None = None,
        session_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """As `Store.delete`; with no condition at all, everything goes.

        It is gone from every query once this returns. The server's files, its write-ahead log, replicas and
        backups may have it longer: `vacuum` rewrites the files, the rest is outside of a store's reach.
        """

        def write(db: Database) -> int:
            if namespace is not None:
                digests = [self._digests.of_namespace(namespace)]
                _rows.lock(db, digests)
                epochs = [*_rows.epochs_of(db, digests)().values()]
            else:
                found = matching(db, None)
                names = "SELECT id, digest FROM namespaces WHERE id = ANY(%s)"
                homes = dict(db.execute(names, ([*set(found.values())],), binary=True).fetchall())
                _rows.lock(db, homes.values())
                epochs = [*homes]
            doomed = matching(db, epochs)
            if doomed:
                _rows.delete(db, doomed, self._keep)
            return len(doomed)

        def matching(db: Database, epochs: builtins.list[int] | None) -> dict[int, int]:
            return _rows.matching(
                db, self._digests, epochs=epochs, ids=ids, session_id=session_id, before=before
            )

        return self._db.write(write)

    def associate(self, source_id: str, target_id: str, weight: float) -> None:
        check_association(source_id, target_id, weight)
        keys = {key: self._digests.of_id(key) for key in (source_id, target_id)}

        def write(db: Database) -> None:
            _rows.lock(db, _rows.homes(db, [*keys.values()]).values())
            found = _rows.stored(db, [*keys.values()])()
            if missing := [key for key, digest in keys.items() if digest not in found]:
                raise unknown(missing)
            (source, epoch), (target, there) = (found[keys[key]] for key in (source_id, target_id))
            if there != epoch:
                raise across_namespaces(source_id, target_id)
            if weight == 0:
                gone = "DELETE FROM associations WHERE namespace = %s AND source = %s AND target = %s"
                db.execute(gone, (epoch, source, target))
            else:
                db.execute(
                    "INSERT INTO associations (namespace, source, target, weight) VALUES (%s, %s, %s, %s) "
                    "ON CONFLICT (namespace, source, target) DO UPDATE SET weight = EXCLUDED.weight",
                    (epoch, source, target, float(weight)),
                )
            _rows.record(db, [(epoch, source, ASSOCIATED)], self._keep)

        self._db.write(write)

    def changes(self, namespace: str, since: Cursor) -> Changes:
        digest = self._digests.of_namespace(namespace)

        def told(since: Cursor) -> Changes | None:
            return self._db.snapshot(
                lambda db: changes_since(db, digest, namespace, since, self._page, self._bodies.sums)
            )

        changes = told(since)
        if changes is None:
            changes = told(START) or Changes(START)
            return dataclasses.replace(changes, reset=True)
        return changes

    def refresh(self, lexicon: int, words: Callable[[Memory], Words]) -> int:
        """As `Store.refresh`: `STEP` memories at a time, so that other writers need not wait long."""
        return refresh(self._db, self._bodies, lexicon, words)

    def position(self, namespace: str) -> Cursor:
        return self.look(namespace, ())[0]

    def version(self) -> int:
        """As `Store.version`: a digest of which transactions have ended.

        It changes with every commit, and at times where nothing of this store was written. No writer
        waits for another because of it, and nothing depends on a notice that might be lost.
        """
        told = self._db.read(lambda db: one(db.execute("SELECT pg_current_snapshot()::text")))[0]
        return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), "little")

    def get(self, ids: Sequence[str], namespace: str | None = None) -> builtins.list[Memory | None]:
        keys = [self._digests.of_id(key) for key in ids]
        rows = self._db.read(lambda db: reading.by_id(db, keys))
        memories = self._bodies.memories(row[2:] for row in rows)
        found = {row[0]: memory for row, memory in zip(rows, memories, strict=True)}
        wanted = [found.get(key) for key in keys]
        return [m if m is not None and namespace in (None, m.namespace) else None for m in wanted]

    def traced(self, ids: Sequence[str]) -> builtins.list[tuple[Memory, Traces] | None]:
        keys = [self._digests.of_id(key) for key in ids]
        rows = self._db.read(lambda db: reading.by_id(db, keys, traced=True))
        traces = self._bodies.traces([row[1] for row in rows])
        memories = self._bodies.memories(row[2:] for row in rows)
        both = zip(memories, traces, strict=True)
        found = {row[0]: each for row, each in zip(rows, both, strict=True)}
        return [found.get(key) for key in keys]

    def get_seqs(
        self, namespace: str, seqs: Sequence[int], *, epoch: int | None = None
    ) -> builtins.list[Memory | None]:
        return self.look(namespace, seqs)[1]

    def look(self, namespace: str, seqs: Sequence[int]) -> tuple[Cursor, builtins.list[Memory | None]]:
        """As `Distant.look`, in one statement: its snapshot has both."""
        digest, wanted = self._digests.of_namespace(namespace), [int(seq) for seq in seqs]
        cursor, rows = self._db.read(lambda db: reading.by_seq(db, digest, wanted))
        self._bodies.sums.check((row[2] for row in rows), LEAD)
        return cursor, in_order(wanted, rows, LEAD, namespace)

    def list(
        self,
        *,
        namespace: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        newest_first: bool = False,
    ) -> builtins.list[Memory]:
        rows = self._db.read(
            lambda db: reading.listed(
                db,
                namespace=None if namespace is None else self._digests.of_namespace(namespace),
                session=None if session_id is None else self._digests.of_session(session_id),
                limit=limit,
                offset=offset,
                newest_first=newest_first,
            )
        )
        return [*self._bodies.memories(rows)]

    def scan(
        self, after: int, limit: int, *, unchecked: bool = False
    ) -> builtins.list[tuple[int, Memory, Traces]]:
        rows = self._db.read(lambda db: reading.page(db, after, limit))
        traces = self._bodies.traces([row[1] for row in rows], unchecked=unchecked)
        memories = self._bodies.memories((row[2:] for row in rows), unchecked=unchecked)
        return [*zip((row[0] for row in rows), memories, traces, strict=True)]

    def seqs(self, after: int, limit: int) -> builtins.list[int]:
        return self._db.read(lambda db: reading.seqs(db, after, limit))

    def associations(self, namespace: str | None = None) -> Iterator[tuple[str, str, float]]:
        digest = None if namespace is None else self._digests.of_namespace(namespace)
        for source, target, weight in self._db.read(lambda db: reading.associations(db, digest)):
            one, other = self._bodies.ids((source, target))
            yield one, other, weight

    def namespaces(self, prefix: str = "", limit: int | None = None) -> builtins.list[str]:
        return [decode_text(name) for name in self._db.read(lambda db: reading.names(db, prefix, limit))]

    def counts(self) -> Counts:
        return Counts(*self._db.read(lambda db: reading.counts(db, self.address.schema)))

    # -- namespaces that no process holds ------------------------------------------------------------

    def widened(self, namespace: str, bound: int) -> bool:
        """As `Explorable.widened`."""
        return widened(self._db, self._digests, namespace, bound)

    def explore(self, namespace: str, work: Callable[[Explorer], T]) -> T:
        """As `Explorable.explore`, in a transaction that reads."""
        digest = self._digests.of_namespace(namespace)

        def within(row: reading.WideRow, db: Database, beside: Beside) -> T:
            return work(Explored(db, beside, self._digests, self._bodies.sums, namespace, row))

        return self._db.hold(lambda db: reading.wide(db, digest), within)

    def vacuum(self) -> None:
        """Rewrite the tables, so that nothing that was deleted or replaced is left in the server's files.

        Each table is locked meanwhile, for some seconds a gigabyte. The write-ahead log, replicas and
        backups keep what they have until they are recycled.

        Raises:
            ReadOnlyStoreError: the user of the address does not own the tables.
        """
        self._db.must_be_open()
        try:
            with self._db.connect() as db:
                for table in TABLES:
                    db.execute(f"VACUUM (FULL, ANALYZE) {table}".encode())
        except psycopg.Error as error:
            raise translate(error, self.address) from error

    def close(self) -> None:
        self._db.close()
