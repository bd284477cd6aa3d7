"""Where a store is that is put to the test, a file or a schema of a database, and what can be seen there."""

from __future__ import annotations

import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.multiplied import multiply
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.acts import MARK
from nuonuo.evaluation.reliability.proxy import Proxy
from nuonuo.evaluation.reliability.server import Server, started
from nuonuo.stores.files import size
from nuonuo.stores.opening import is_address

FILE, POSTGRES = "file", "postgres"  # what --store takes, beside an address
MILLION = 1_000_000

_READ = "import sys; [sys.stdout.buffer.write(open(name, 'rb').read()) for name in sys.argv[1:]]"


class Place(Protocol):
    """Where a store is.

    Attributes:
        system: what keeps it, with its version. where: what opens it. crashes: the ways in which a process at
            work there can be made to fail, "kill" among them.
    """

    system: str
    where: str
    crashes: tuple[str, ...]

    def way(self, crash: str, where: str | None = None) -> str:
        """What the process opens that is to fail by ``crash``; ``where`` is another store than its own."""

    def strike(self, crash: str) -> None:
        """Let something fail while the process is at work; of "kill" that is for its killer to do."""

    def settled(self) -> None:
        """Wait until nothing is done any more for a process that is dead."""

    def damage(self) -> list[str]:
        """What is wrong with it, by the system's own checks."""

    def remains(self) -> set[str] | None:
        """The marks that stand in its files; None where that is not promised, or nobody can look."""

    def journal(self) -> dict[str, int]:
        """Rows of its journal, and bytes of its write-ahead log and of all of it."""

    def another(self) -> str:
        """What opens another store there, which nobody has used yet."""


class FilePlace:
    """A store in a file of ``folder``."""

    crashes: tuple[str, ...] = ("kill",)

    def __init__(self, folder: Path) -> None:
        self.system = f"SQLite {sqlite3.sqlite_version}"
        self._folder = folder
        self.where = str(folder / "memories.db")
        self._numbers = itertools.count()

    def way(self, crash: str, where: str | None = None) -> str:
        return self.where if where is None else where

    def strike(self, crash: str) -> None:
        pass

    def settled(self) -> None:
        pass

    def damage(self) -> list[str]:
        db = sqlite3.connect(self.where)
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            return found + [
                f"a reference to nothing: {row}" for row in db.execute("PRAGMA foreign_key_check")
            ]
        finally:
            db.close()

    def remains(self) -> set[str] | None:
        return marks_in(bytes_of(self.where))

    def journal(self) -> dict[str, int]:
        db = sqlite3.connect(self.where)
        try:
            (rows,) = db.execute("SELECT count(*) FROM journal").fetchone()
        finally:
            db.close()
        return {"journal_rows": rows, "log_bytes": size(self.where + "-wal"), "store_bytes": size(self.where)}

    def another(self) -> str:
        return str(self._folder / f"other{next(self._numbers)}.db")


class PostgresPlace:
    """A store in a schema of its own of the database at ``address``.

    Args:
        server: the one that answers there, where it is ours to crash.

    Raises:
        InvalidInputError: the address names a schema. NuonuoError: nobody answers there.
        MissingDependencyError: psycopg is not installed.
    """

    def __init__(self, address: str, server: Server | None = None) -> None:
        import_module("nuonuo.stores.postgres")  # it says how psycopg is had, where that is missing
        import psycopg

        if re.search(r"[?&]schema=", address):
            raise InvalidInputError("schemas are made and dropped here: leave schema= out of the address")
        self._address, self._server = address, server
        self._schemas: list[str] = []
        self._numbers = itertools.count()
        self.extension: str | None = None
        try:
            with psycopg.connect(address, autocommit=True) as db:
                host, port = db.info.host, db.info.port
                self.system = f"PostgreSQL {db.info.parameter_status('server_version')}"
                self._checked = _has_amcheck(db)
        except psycopg.Error as error:
            raise NuonuoError(f"the database cannot be reached ({error}); check the address") from error
        self._proxy = Proxy(port, host)
        self._to = f"{host}:{port}"
        self.where = self._schema()
        cuts = ("cut",) if f"@{self._to}/" in address else ()
        self.crashes = ("kill", *cuts, *(("server",) if server is not None else ()))

    def _schema(self) -> str:
        name = f"nuonuo_bench_{os.getpid()}_{next(self._numbers)}"
        self._schemas.append(name)
        return self._with(f"schema={name}")

    @property
    def _name(self) -> str:
        """The schema of ``where``."""
        return self.where.rpartition("schema=")[2]

    def _with(self, option: str, where: str | None = None) -> str:
        where = self._address if where is None else where
        return f"{where}{'&' if '?' in where else '?'}{option}"

    def way(self, crash: str, where: str | None = None) -> str:
        where = self._with("application_name=nuonuo-worker", where or self.where)
        return where.replace(f"@{self._to}/", f"@127.0.0.1:{self._proxy.port}/") if crash == "cut" else where

    def strike(self, crash: str) -> None:
        if crash == "cut":
            # The next message that commits is lost, or its answer is; those after it pass.
            fates = iter(("before", "after"))

            def cut(message: bytes) -> str | None:
                return next(fates, None) if b"COMMIT" in message else None

            self._proxy.cut = cut
        elif crash == "server" and self._server is not None:
            self._server.stop("immediate")
            self._server.start()

    def settled(self) -> None:
        self._proxy.cut = lambda message: None
        self._proxy.cut_all()
        deadline = time.monotonic() + 30
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nuonuo-worker'"
        while time.monotonic() < deadline:
            with self._connected() as db:
                if db.execute(query).fetchone() == (0,):
                    return
            time.sleep(0.02)
        raise NuonuoError("the server goes on working for a process that ended 30 s ago")

    def damage(self) -> list[str]:
        import psycopg

        if not self._checked:
            return []
        relations = (
            "SELECT c.oid, c.relname, a.amname FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
            "WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'i')"
        )
        found = []
        with self._connected() as db:
            # Inverted indexes can be checked from PostgreSQL 18 on.
            (gin,) = db.execute("SELECT to_regprocedure('gin_index_check(regclass)') IS NOT NULL").fetchone()
            for oid, name, kind in db.execute(relations, (self._name,)).fetchall():
                try:
                    if kind == "btree":
                        db.execute("SELECT bt_index_check(%s::oid::regclass, true)", (oid,))
                    elif kind == "gin" and gin:
                        db.execute("SELECT gin_index_check(%s::oid::regclass)", (oid,))
                    elif kind == "heap":
                        rows = db.execute(
                            "SELECT msg FROM verify_heapam(%s::oid::regclass)", (oid,)
                        ).fetchall()
                        found += [f"{name}: {message}" for (message,) in rows]
                except psycopg.errors.IndexCorrupted as error:
                    found.append(f"{name}: {error}")
        return found

    def remains(self) -> set[str] | None:
        return None

    def after_vacuum(self) -> set[str] | None:
        """The marks in the files of the tables and indexes, once the server has written them out."""
        if self._server is None:
            return None
        with self._connected() as db:
            db.execute("CHECKPOINT")
        files = [path for path in (self._server.data / "base").rglob("*") if path.is_file()]
        return {mark for path in files for mark in marks_in(path.read_bytes())}

    def journal(self) -> dict[str, int]:
        schema = self._name
        tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = %s::regnamespace"
        with self._connected() as db:
            (rows,) = db.execute(f"SELECT count(*) FROM {schema}.journal".encode()).fetchone() or (0,)
            (taken,) = db.execute(f"{tables} AND relkind = 'r'".encode(), (schema,)).fetchone() or (0,)
        return {"journal_rows": rows, "store_bytes": int(taken)}

    def another(self) -> str:
        return self._schema()

    def multiply(self, times: int, progress: Progress) -> None:
        """As `nuonuo.evaluation.multiplied.multiply`, of the store there."""
        with self._connected() as db:
            db.execute(f"SET search_path = {self._name}".encode())
            multiply(db, times, progress)

    @contextmanager
    def cells(self, memories: int | None) -> Iterator[None]:
        """Let the ``memories`` have as many cells meanwhile as a million have, and as many be looked into.

        Args:
            memories: how many there are; None for the cells that they have otherwise.
        """
        from nuonuo.stores.postgres import cells

        if memories is None:
            yield
            return
        before = cells.SHARE, cells.LEAST
        cells.SHARE, cells.LEAST = max(1, cells.SHARE * memories // MILLION), 1
        try:
            yield
        finally:
            cells.SHARE, cells.LEAST = before
            with self._connected() as db:
                db.execute(
                    f"UPDATE {self._name}.namespaces SET cells_founded = NULL, cells_settled = 0, "
                    "cells_founders = 0".encode()
                )

    def vectors(self, dimension: int | None) -> float | None:
        """Make the extension pgvector there, and an index of sketches of ``dimension`` bits, None for none.

        Returns:
            Seconds that the index took; None without one.

        Raises:
            NuonuoError: the server does not have it, or its user may not.
        """
        import psycopg

        schema = self._name
        with self._connected() as db:
            try:
                db.execute("CREATE EXTENSION IF NOT EXISTS vector")
                found = db.execute(
                    "SELECT n.nspname, e.extversion FROM pg_extension e JOIN pg_namespace n "
                    "ON n.oid = e.extnamespace WHERE e.extname = 'vector'"
                ).fetchone()
                home, version = found or ("public", "")
                self.extension = f"pgvector {version}"
                if dimension is None:
                    return None
                db.execute("SET maintenance_work_mem = '1GB'")
                began = time.perf_counter()
                db.execute(
                    f"CREATE INDEX wide_sketches_near ON {schema}.wide_sketches USING hnsw "
                    f"((sketch::bit({int(dimension)})) {home}.bit_hamming_ops)".encode()
                )
                return time.perf_counter() - began
            except psycopg.Error as error:
                raise NuonuoError(
                    f"pgvector cannot be used there ({error}); leave it out of --ways"
                ) from error

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        import psycopg

        with psycopg.connect(self._address, autocommit=True) as db:
            yield db

    def close(self) -> None:
        """Drop what was made."""
        self._proxy.close()
        with self._connected() as db:
            for name in self._schemas:
                db.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE".encode())


@contextmanager
def place(store: str, settings: Mapping[str, str] | None = None) -> Iterator[FilePlace | PostgresPlace]:
    """Where a store is put to the test: "file", "postgres" (a server of its own), or an address.

    Args:
        settings: of the server of its own.

    Raises:
        InvalidInputError: none of these. MissingDependencyError: no server, or psycopg is not installed.
    """
    if store == FILE:
        with tempfile.TemporaryDirectory(prefix="nuonuo-place-") as folder:
            yield FilePlace(Path(folder))
        return
    if store != POSTGRES and not is_address(store):
        raise InvalidInputError(
            f"a store is put to the test in a {FILE}, in {POSTGRES} (a server of its own), or at an address "
            f"postgresql://...; got {store!r}"
        )
    server = started(settings) if store == POSTGRES else None
    try:
        made = PostgresPlace(server.address if server is not None else store, server)
        try:
            yield made
        finally:
            made.close()
    finally:
        if server is not None:
            server.remove()


def bytes_of(path: str) -> bytes:
    """The bytes of a database with all its side files.

    Another process reads them: closing a descriptor of the file here would drop SQLite's locks.
    """
    names = [path + end for end in ("", "-wal", "-shm", "-journal") if os.path.exists(path + end)]
    read = [sys.executable, "-I", "-S", "-c", _READ, *names]
    return subprocess.run(read, check=True, capture_output=True).stdout


def marks_in(content: bytes) -> set[str]:
    """The marks of acts that stand in ``content``."""
    return {found.decode() for found in re.findall(MARK, content)}


def _has_amcheck(db: Any) -> bool:
    import psycopg

    try:
        db.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    except psycopg.Error:
        return False
    return True
