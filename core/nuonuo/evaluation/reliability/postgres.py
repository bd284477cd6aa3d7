"""A store in a schema of a PostgreSQL database that is put to the test."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.multiplied import multiply
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.acts import marks_in
from nuonuo.evaluation.reliability.proxy import Proxy
from nuonuo.evaluation.reliability.server import Server

MILLION = 1_000_000
SETTLING = 180.0  # seconds that a server may take for what it does in the background


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
        """As `Place.way`."""
        where = self._with("application_name=nuonuo-worker", where or self.where)
        return where.replace(f"@{self._to}/", f"@127.0.0.1:{self._proxy.port}/") if crash == "cut" else where

    def strike(self, crash: str) -> None:
        """As `Place.strike`: by "cut" a commit or its answer is lost, by "server" the server crashes."""
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
        """As `Place.settled`.

        Raises:
            NuonuoError: the server goes on for 30 s.
        """
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
        """As `Place.damage`, by the extension amcheck, where the server has it."""
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
        """As `Place.remains`: only a vacuum takes what was replaced out of the files; see `after_vacuum`."""
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
        """As `Place.journal`, without the log, which is the whole server's."""
        schema = self._name
        tables = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = %s::regnamespace"
        with self._connected() as db:
            (rows,) = db.execute(f"SELECT count(*) FROM {schema}.journal".encode()).fetchone() or (0,)
            (taken,) = db.execute(f"{tables} AND relkind = 'r'".encode(), (schema,)).fetchone() or (0,)
        return {"journal_rows": rows, "store_bytes": int(taken)}

    def another(self) -> str:
        """As `Place.another`."""
        return self._schema()

    def multiply(self, times: int, progress: Progress) -> None:
        """As `nuonuo.evaluation.multiplied.multiply`, of the store there."""
        with self._connected() as db:
            db.execute(f"SET search_path = {self._name}".encode())
            multiply(db, times, progress)

    def settle(self) -> None:
        """Have done what the server does in the background after it was filled; it goes on for minutes."""
        import psycopg

        with self._connected() as db:
            with suppress(psycopg.errors.InsufficientPrivilege):
                db.execute("CHECKPOINT")
            patience = time.monotonic() + SETTLING
            while time.monotonic() < patience:
                (vacuuming,) = db.execute("SELECT count(*) FROM pg_stat_progress_vacuum").fetchone() or (0,)
                if not vacuuming:
                    break
                time.sleep(0.5)

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


def _has_amcheck(db: Any) -> bool:
    import psycopg

    try:
        db.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    except psycopg.Error:
        return False
    return True
