"""The tables of a NuoNuo file, as numbered migrations, and the check that a file is one.

No name and no content stands outside a ``body`` column (`nuonuo.stores.codec.Pages` says why).
"""

from __future__ import annotations

import os
import sqlite3
import time

from nuonuo.errors import NotAStoreError, ReadOnlyStoreError, SchemaVersionError
from nuonuo.stores.sqlite_errors import BUSY, LOCKED, error_code

APPLICATION_ID = 0x4E754E75  # "NuNu"
# Small pages, since a payload takes whole ones: a chat turn is about 0.4 KB of text and 2 KB of traces.
PAGE_SIZE = 1024

# Kinds of journal entries.
UPDATED, DELETED, ASSOCIATED = 1, 2, 3

# Each creates, alters or drops a table: by that a process that has the file open notices that it is a newer
# version's now (`nuonuo.stores.connection`).
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
        # id: the epoch of a namespace's life. pruned: its last journal entry that is no longer kept.
        """CREATE TABLE namespaces (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            digest BLOB NOT NULL UNIQUE,
            pruned INTEGER NOT NULL DEFAULT 0,
            body BLOB NOT NULL
        )""",
        # timestamp: microseconds since 1970, UTC.
        """CREATE TABLE memories (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace INTEGER NOT NULL REFERENCES namespaces (id),
            timestamp INTEGER,
            digest BLOB NOT NULL UNIQUE,
            session BLOB,
            body BLOB NOT NULL
        )""",
        "CREATE INDEX memories_namespace ON memories (namespace)",
        "CREATE INDEX memories_session ON memories (session, namespace) WHERE session IS NOT NULL",
        # Apart from the memories, so that a recall reads the texts without them.
        """CREATE TABLE traces (
            seq INTEGER PRIMARY KEY REFERENCES memories (seq) ON DELETE CASCADE,
            body BLOB NOT NULL
        )""",
        """CREATE TABLE associations (
            source INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            target INTEGER NOT NULL REFERENCES memories (seq) ON DELETE CASCADE,
            weight REAL NOT NULL,
            PRIMARY KEY (source, target)
        ) WITHOUT ROWID""",
        "CREATE INDEX associations_target ON associations (target)",
        """CREATE TABLE journal (
            change INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            seq INTEGER NOT NULL,
            kind INTEGER NOT NULL
        )""",
        "CREATE INDEX journal_namespace ON journal (namespace)",
    ),
    # Traces are of a new layout, and tell of words (`nuonuo.stores.layout`): no table changed, but an older
    # version could not read them. `Store.refresh` brings up what is there.
    (),
    # The traces of many memories in one body (`nuonuo.stores.blocks`): `traces` has those that lie in none.
    # What is there is loose, which is no fault; `Store.refresh` packs it.
    (
        # first, last: the seqs of its first memory and of its last one.
        """CREATE TABLE blocks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            namespace INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            body BLOB NOT NULL
        )""",
        "CREATE INDEX blocks_namespace ON blocks (namespace, last)",
        "INSERT INTO meta SELECT 'loose', 1 WHERE EXISTS (SELECT 1 FROM memories)",
    ),
)


def schema_version(connection: sqlite3.Connection, path: str) -> int:
    """The version of the schema in the file, 0 for an empty one; reads one snapshot, writes nothing.

    Raises:
        NotAStoreError: a database of something else.
        SchemaVersionError: written by a newer NuoNuo.
    """
    # One snapshot, lest a file that another process is just creating look half like a stranger's.
    if connection.in_transaction:
        return _schema_version(connection, path)
    connection.execute("BEGIN")
    try:
        return _schema_version(connection, path)
    finally:
        connection.execute("ROLLBACK")


def _schema_version(connection: sqlite3.Connection, path: str) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    (user_version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == 0 and not tables and user_version == 0:
        return 0
    if application != APPLICATION_ID or "meta" not in tables:
        raise NotAStoreError(
            f"{path!r} is an SQLite database of another application (application_id {application:#x}, "
            f"expected {APPLICATION_ID:#x}); nothing was changed, choose another path"
        )
    _refuse_foreign(connection, path)
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is None or not isinstance(row[0], int):
        raise NotAStoreError(f"{path!r} has no schema version: it is damaged; restore it from a copy")
    if row[0] > len(MIGRATIONS):
        raise SchemaVersionError(
            f"{path!r} has schema version {row[0]}, this NuoNuo knows up to {len(MIGRATIONS)}; "
            "upgrade it: pip install --upgrade nuonuo"
        )
    return int(row[0])


_OURS = {" ".join(statement.split()) for statements in MIGRATIONS for statement in statements}
_TABLES = ("meta", "namespaces", "memories", "traces", "blocks", "associations", "journal")


def _refuse_foreign(connection: sqlite3.Connection, path: str) -> None:
    """Raise `NotAStoreError` where the file holds anything that SQLite would run, or other tables as ours.

    A trigger, a view in a table's place or an index over an expression is code; whoever made the file may be
    a stranger.
    """
    for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        ours = table in _TABLES and (sql is None or " ".join(str(sql).split()) in _OURS)
        if not ours and (kind in ("trigger", "view") or table in _TABLES):
            raise NotAStoreError(
                f"{path!r} holds a {kind} {name!r} that no NuoNuo made, which could change what is stored or "
                f"read; nothing was done with it. If you made it yourself: DROP {str(kind).upper()} {name}"
            )


def prepare(connection: sqlite3.Connection, path: str, *, read_only: bool = False) -> None:
    """Bring the file to the newest schema, in one transaction; a no-op where it has it.

    Raises:
        NotAStoreError, SchemaVersionError: as `schema_version`.
        ReadOnlyStoreError: the schema is old and the file cannot be written.
    """
    if schema_version(connection, path) == len(MIGRATIONS):
        return
    if read_only:
        raise ReadOnlyStoreError(
            f"{path!r} has an old schema and cannot be written; make it and its folder writable once"
        )
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Again, under the lock: another process may have done it meanwhile.
        version = schema_version(connection, path)
        for statements in MIGRATIONS[version:]:
            for statement in statements:
                connection.execute(statement)
        if version == 0:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("INSERT INTO meta VALUES ('salt', ?)", (os.urandom(32),))
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('schema_version', ?)", (len(MIGRATIONS),))
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def use_wal(writer: sqlite3.Connection, seconds: float) -> None:
    """Switch to write-ahead logging, waiting for other processes (SQLite itself does not wait here)."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            # A file system without shared memory keeps its rollback journal; that is as safe.
            writer.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error_code(error) not in (BUSY, LOCKED) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
