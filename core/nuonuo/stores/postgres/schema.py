"""The tables of a store in PostgreSQL, as numbered migrations under a lock.

As in a file (`nuonuo.stores.schema`) no name and no content stands outside of ``name``, ``body`` and
``traces``; the rest are numbers and salted digests. A table's key begins with its namespace, so
that each can be partitioned by it.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import psycopg

from nuonuo.errors import NotAStoreError, ReadOnlyStoreError, SchemaVersionError
from nuonuo.stores.postgres.address import Address

TABLES = (
    "memories", "namespaces", "associations", "journal", "wide_words", "wide_sketches", "wide_stems",
)  # fmt: skip  # of what is stored

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (key text PRIMARY KEY, value bytea NOT NULL)",
        # Numbers that are never used twice: of memories, and of the lives of namespaces.
        "CREATE SEQUENCE seqs",
        "CREATE SEQUENCE epochs",
        # id: the epoch of a namespace's life. last_seq, change: its last memory, and the last entry of
        # its journal. pruned: the last entry that is no longer kept. Whoever writes changes this row: it has
        # room on its page for another version.
        """CREATE TABLE namespaces (
            id bigint PRIMARY KEY,
            digest bytea NOT NULL UNIQUE,
            last_seq bigint NOT NULL DEFAULT 0,
            change bigint NOT NULL DEFAULT 0,
            pruned bigint NOT NULL DEFAULT 0,
            name bytea NOT NULL
        ) WITH (fillfactor = 50)""",
        "CREATE INDEX namespaces_name ON namespaces (substring(name FROM 1 FOR 200))",
        # stamp: microseconds since 1970, UTC. Traces do not shrink: no time is spent on trying.
        """CREATE TABLE memories (
            namespace bigint NOT NULL,
            seq bigint NOT NULL,
            stamp bigint,
            digest bytea NOT NULL,
            session bytea,
            body bytea NOT NULL,
            traces bytea NOT NULL,
            PRIMARY KEY (namespace, seq)
        )""",
        "ALTER TABLE memories ALTER COLUMN traces SET STORAGE EXTERNAL",
        "CREATE UNIQUE INDEX memories_digest ON memories (digest)",
        "CREATE INDEX memories_seq ON memories (seq)",
        "CREATE INDEX memories_session ON memories (session, namespace) WHERE session IS NOT NULL",
        """CREATE TABLE associations (
            namespace bigint NOT NULL,
            source bigint NOT NULL,
            target bigint NOT NULL,
            weight double precision NOT NULL,
            PRIMARY KEY (namespace, source, target)
        )""",
        "CREATE INDEX associations_target ON associations (namespace, target)",
        """CREATE TABLE journal (
            namespace bigint NOT NULL,
            change bigint NOT NULL,
            seq bigint NOT NULL,
            kind smallint NOT NULL,
            PRIMARY KEY (namespace, change)
        )""",
    ),
    (
        # What a namespace is found by that no process holds (`nuonuo.stores.postgres.wide`). wide_seq: the
        # last memory that has been taken in; NULL where nobody has asked for it. The others are sums.
        """ALTER TABLE namespaces
            ADD COLUMN wide_seq bigint,
            ADD COLUMN wide_memories bigint NOT NULL DEFAULT 0,
            ADD COLUMN wide_words bigint NOT NULL DEFAULT 0
        """,
        # said: a digest of a wording. stems, titles: keys of stems, mixed by the namespace, the former
        # ascending; counts: of stems. Digests do not shrink: no time is spent on trying.
        """CREATE TABLE wide_words (
            namespace bigint NOT NULL,
            seq bigint NOT NULL,
            session bytea,
            stamp bigint,
            said bigint NOT NULL,
            repeats boolean NOT NULL,
            total integer NOT NULL,
            stems bigint[] NOT NULL,
            counts smallint[] NOT NULL,
            titles bigint[] NOT NULL,
            PRIMARY KEY (namespace, seq)
        )""",
        "ALTER TABLE wide_words ALTER COLUMN stems SET STORAGE EXTERNAL, "
        "ALTER COLUMN counts SET STORAGE EXTERNAL",
        "CREATE INDEX wide_words_session ON wide_words (namespace, session, seq) WHERE session IS NOT NULL",
        "CREATE INDEX wide_words_stamp ON wide_words (namespace, stamp) WHERE stamp IS NOT NULL",
        "CREATE INDEX wide_words_said ON wide_words (namespace, said, seq) INCLUDE (repeats)",
        "CREATE INDEX wide_words_stems ON wide_words USING gin (stems)",
        "CREATE INDEX wide_words_titles ON wide_words USING gin (titles) WHERE titles <> '{}'",
        # One row for each vector by which a memory is found, and narrow: all of them are compared.
        """CREATE TABLE wide_sketches (
            namespace bigint NOT NULL,
            seq bigint NOT NULL,
            place integer NOT NULL,
            sketch bit varying NOT NULL,
            PRIMARY KEY (namespace, seq, place)
        )""",
        # memories: in how many a stem stands. Each write changes some: they have room for another version.
        """CREATE TABLE wide_stems (
            namespace bigint NOT NULL,
            stem bigint NOT NULL,
            memories bigint NOT NULL,
            PRIMARY KEY (namespace, stem)
        ) WITH (fillfactor = 70)""",
    ),
    (
        # Where among very many vectors the nearest are looked for (`nuonuo.stores.postgres.cells`).
        # cells_founded: up to which memory all leaders count for all; NULL where there are no cells.
        # cells_settled: up to which that has been done. cells_founders: how many memories there were.
        """ALTER TABLE namespaces
            ADD COLUMN cells_founded bigint,
            ADD COLUMN cells_settled bigint NOT NULL DEFAULT 0,
            ADD COLUMN cells_founders bigint NOT NULL DEFAULT 0,
            ADD COLUMN cells_share bigint,
            ADD COLUMN cells_version bigint
        """,
        # cell: the seq of its leader; NULL where there are none. The index has all that a question reads.
        "ALTER TABLE wide_sketches ADD COLUMN cell bigint",
        "CREATE INDEX wide_sketches_cell ON wide_sketches (namespace, cell) INCLUDE (seq, sketch) "
        "WHERE cell IS NOT NULL",
        "CREATE INDEX wide_sketches_leads ON wide_sketches (namespace, seq) WHERE place = 0 AND cell = seq",
    ),
    (
        # Traces stand in the row beside all else, as far as a page has room: a question reads hundreds of
        # them, and to fetch each from another place takes longer. Rows that are there stay as they are until
        # they are written again. A partitioned table has no such setting, but its partitions.
        """DO $$
        DECLARE part regclass;
        BEGIN
            FOR part IN
                SELECT oid::regclass FROM pg_class WHERE oid = 'memories'::regclass AND relkind = 'r'
                UNION SELECT relid FROM pg_partition_tree('memories') WHERE isleaf
            LOOP
                EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 8160)', part);
            END LOOP;
        END $$""",
    ),
)

VERSION = "SELECT value FROM meta WHERE key = 'schema_version'"


def prepare(db: psycopg.Connection[Any], address: Address) -> tuple[bytes, bool]:
    """Bring the schema up to the newest version, and return the store's salt and whether it is read only.

    Raises:
        NotAStoreError: the schema holds tables of something else; nothing is changed.
        SchemaVersionError: written by a newer NuoNuo. ReadOnlyStoreError: old, and cannot be written.
    """
    (read_only,) = db.execute("SHOW transaction_read_only").fetchone() or ("off",)
    if _version(db, address) < len(MIGRATIONS):
        if read_only == "on":
            raise ReadOnlyStoreError(
                f"{address.shown!r} has no schema {address.schema!r} of this version, and cannot be written; "
                "open it once on the primary, as a user who may create it"
            )
        with db.transaction():
            db.execute("SELECT pg_advisory_xact_lock(%s)", (_lock(address),))
            version = _version(db, address)  # again: another process may have done it meanwhile
            if version == 0:
                db.execute(f'CREATE SCHEMA IF NOT EXISTS "{address.schema}"'.encode())
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    db.execute(statement.encode())
            if version == 0:
                db.execute("INSERT INTO meta VALUES ('salt', %b)", (os.urandom(32),))
            db.execute(
                "INSERT INTO meta VALUES ('schema_version', %b) ON CONFLICT (key) DO UPDATE SET "
                "value = EXCLUDED.value",
                (str(len(MIGRATIONS)).encode(),),
            )
    row = db.execute("SELECT value FROM meta WHERE key = 'salt'", binary=True).fetchone()
    if row is None:
        raise NotAStoreError(f"{address.shown!r} has no salt: it is damaged; restore it from a backup")
    return bytes(row[0]), read_only == "on"


def _version(db: psycopg.Connection[Any], address: Address) -> int:
    """The version of the schema; 0 where it is missing or empty."""
    tables = {
        name
        for (name,) in db.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
            (address.schema,),
        )
    }
    if not tables:
        return 0
    if not {"meta", "namespaces", "memories", "journal"} <= tables:
        raise NotAStoreError(
            f"the schema {address.schema!r} of {address.shown!r} is another application's (it has "
            f"{', '.join(map(repr, sorted(tables)[:3]))}); nothing was changed, choose one by ?schema=name"
        )
    row = db.execute(VERSION, binary=True).fetchone()
    return checked(row[0] if row else None, address)


def checked(kept: bytes | None, address: Address) -> int:
    """The version of the schema that is ``kept`` there (`VERSION`).

    Raises:
        SchemaVersionError: written by a newer NuoNuo. NotAStoreError: it is none.
    """
    try:
        version = int(kept or b"0")
    except ValueError:
        version = 0
    if version < 1:
        raise NotAStoreError(f"{address.shown!r} has no schema version: it is damaged; restore it")
    if version > len(MIGRATIONS):
        raise SchemaVersionError(
            f"{address.shown!r} has schema version {version}, this NuoNuo knows up to {len(MIGRATIONS)}; "
            "upgrade it: pip install --upgrade nuonuo"
        )
    return version


def _lock(address: Address) -> int:
    """The key of the advisory lock under which the schema changes."""
    digest = hashlib.blake2b(address.schema.encode(), digest_size=8, person=b"nuonuo schema").digest()
    return int.from_bytes(digest, "little", signed=True)
