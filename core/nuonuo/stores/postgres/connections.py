"""How a call reaches the server: a pool of connections, transactions, and what is tried again.

A read whose connection is lost is done again on another one. So is a write, once it is known that it was
not committed: a transaction has a number, by which the server tells what became of it.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from nuonuo.errors import NuonuoError, StoreClosedError, StoreUnavailableError
from nuonuo.stores.postgres.address import Address
from nuonuo.stores.postgres.beside import Beside
from nuonuo.stores.postgres.errors import RETRIABLE, lost, said, translate, unavailable
from nuonuo.stores.postgres.schema import VERSION, checked, prepare

_log = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").addHandler(logging.NullHandler())  # what it warns of, our errors say

Database = psycopg.Connection[Any]
R = TypeVar("R")
T = TypeVar("T")

_TRIES = 20  # of a transaction that others are in the way of
_WAIT = 2.0  # seconds for a connection, before it is asked again whether the server is there
_HELD = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# What a transaction has written by, and for what version: a newer one may have brought the schema up.
_WRITTEN = f"SELECT pg_current_xact_id_if_assigned()::text, ({VERSION})".encode()
_PIPELINE = psycopg.capabilities.has_pipeline()


class _UnknownOutcomeError(Exception):
    """The connection was lost while the transaction with this number was being committed."""

    def __init__(self, number: str, result: Any) -> None:
        super().__init__(number)
        self.number, self.result = number, result


class Connections:
    """Connections to the database at ``address``, whose schema is made where it is missing.

    Attributes:
        salt: of the store's digests. read_only: whether it could only be read when it was opened.

    Raises:
        StoreUnavailableError, NotAStoreError, SchemaVersionError, ReadOnlyStoreError: as `prepare`.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.closed = False
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Database] | None = None
        self._alone = False  # whether the server lets nobody share a snapshot
        try:
            with self.connect() as db:
                self.salt, self.read_only = prepare(db, address)
        except psycopg.Error as error:
            raise translate(error, address) from error
        _live.add(self)

    def connect(self) -> Database:
        """A connection beside the pool; its user closes it."""
        return psycopg.connect("", **_settings(self.address))

    def read(self, work: Callable[[Database], T]) -> T:
        """What ``work`` gives, which reads by one statement.

        It is called again where the connection is lost, for as long as the address allows.
        """
        return self._persist(work)

    def upkeep(self, statement: str) -> None:
        """Run a ``statement`` that has to stand outside of any transaction, such as VACUUM; as `read`."""
        self._persist(lambda db: db.execute(statement.encode()))

    def snapshot(self, ask: Callable[[Database], Callable[[], T]]) -> T:
        """What was asked for by ``ask``: its statements see one state, and go out together.

        As `read`. What ``ask`` gives is called once the answers are here.
        """

        def once(db: Database) -> T:
            try:
                with pipeline(db):
                    db.execute(_HELD)
                    told = ask(db)
                    db.execute("ROLLBACK")
            except BaseException:
                _give_up(db)
                raise
            return told()

        return self._persist(once)

    def hold(self, ask: Callable[[Database], Callable[[], R]], work: Callable[[R, Database, Beside], T]) -> T:
        """What ``work`` gives, whose statements, one after another or beside, see one state; as `read`.

        Args:
            ask: asks for what ``work`` begins with, and gives what waits for it.
        """

        def once(db: Database) -> T:
            beside = Beside(None if self._alone else self._opened(), db, _HELD, _PLANNED)
            try:
                with pipeline(db):
                    db.execute(_HELD)
                    db.execute(_PLANNED.encode())
                    told = ask(db)
                result = work(told(), db, beside)
                beside.close(failed=False)
                db.execute("ROLLBACK")
            except BaseException:
                beside.close(failed=True)
                _give_up(db)
                if not beside.refused or db.closed:
                    raise
            else:
                return result
            self._alone = True
            return once(db)

        return self._persist(once)

    def write(self, work: Callable[[Database], T]) -> T:
        """What ``work`` gives, in a transaction that is committed, durably, or leaves nothing.

        ``work`` is called again where another writer was in the way, or the connection was lost and the
        transaction is known not to have been committed.
        """

        def done(db: Database) -> Callable[[], T]:
            result = work(db)
            return lambda: result

        return self.write_at_once(done)

    def write_at_once(self, work: Callable[[Database], Callable[[], T]]) -> T:
        """As `write`, of work whose last statements need not be waited for: it gives what asks for them."""
        while True:
            try:
                return self._persist(lambda db: self._transaction(db, work))
            except _UnknownOutcomeError as unknown:
                if self._committed(unknown.number):
                    return unknown.result  # type: ignore[no-any-return]

    def _transaction(self, db: Database, work: Callable[[Database], Callable[[], T]]) -> T:
        number: str | None = None
        result: Any = None
        try:
            with pipeline(db):
                db.execute("BEGIN")
                told = work(db)
                row = db.execute(_WRITTEN, binary=True)
                result = told()
                number, version = one(row)  # all has gone well so far
                checked(version, self.address)
                db.execute("COMMIT")
        except BaseException as error:
            _give_up(db)
            if number is not None and isinstance(error, psycopg.Error) and lost(error, db):
                raise _UnknownOutcomeError(number, result) from error
            raise
        return result  # type: ignore[no-any-return]

    def _committed(self, number: str) -> bool:
        """Whether the transaction with this number was committed, once that is decided.

        Raises:
            StoreUnavailableError: the server does not come back to say so.
        """
        deadline = time.monotonic() + self.address.timeout
        status, cause = "in progress", None
        query = "SELECT pg_xact_status(%s::xid8)"
        try:
            while status == "in progress" and time.monotonic() < deadline:
                (status,) = self._persist(lambda db: one(db.execute(query, (number,))))
                time.sleep(0.05 if status == "in progress" else 0)
        except StoreUnavailableError as error:
            cause = error
        if status == "in progress":
            raise StoreUnavailableError(
                f"{self.address.shown!r} was lost at the moment of writing, and has not said since "
                "whether it wrote: when it is back, look by `get`, or `add` again with replace=True"
            ) from cause
        return bool(status == "committed")

    def _persist(self, once: Callable[[Database], T]) -> T:
        """What ``once`` gives; tried again on another connection, and after others that were in the way."""
        deadline = time.monotonic() + self.address.timeout
        pause, tries = 0.005, 0
        while True:
            pool, db = self._opened(), None
            try:
                left = max(deadline - time.monotonic(), 0.05)
                db = pool.getconn(timeout=min(left, _WAIT))
                return once(db)
            except PoolTimeout as error:
                if time.monotonic() > deadline:
                    raise self._starved(error) from error
            except psycopg.Error as error:
                tries += 1
                if isinstance(error, RETRIABLE) and tries <= _TRIES:
                    pass
                elif not lost(error, db):
                    raise translate(error, self.address) from error
                elif time.monotonic() > deadline:
                    raise unavailable(self.address, said(error, self.address)) from error
                else:
                    tries = 0
                    _log.info("a connection to %s was lost, trying again", self.address.shown)
            finally:
                if db is not None:
                    pool.putconn(db)
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, 0.5)

    def _starved(self, error: PoolTimeout) -> NuonuoError:
        """The error for a pool that gave no connection: is the server away, or are all in use?"""
        try:
            self.connect().close()
        except psycopg.Error as why:
            return translate(why, self.address)
        return translate(error, self.address)

    def _opened(self) -> ConnectionPool[Database]:
        with self._lock:
            self.must_be_open()
            if self._pool is None:
                self._pool = ConnectionPool(
                    "",
                    kwargs=_settings(self.address),
                    min_size=self.address.least,
                    max_size=self.address.most,
                    reconnect_timeout=_WAIT,
                    num_workers=1,
                    name=f"nuonuo-{id(self):x}",
                    open=True,
                )
            return self._pool

    def must_be_open(self) -> None:
        """Raise `StoreClosedError` after `close`."""
        if self.closed:
            raise StoreClosedError(f"the store {self.address.shown!r} was closed; open it again")

    def close(self) -> None:
        """Close every connection; those that are in use, when they are given back."""
        with self._lock:
            self.closed = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _after_fork(self) -> None:
        """In a forked child: connect anew. The parent's connections must not be used there, nor closed."""
        _inherited.append(self._pool)
        self._pool, self._lock = None, threading.Lock()


def settings(values: Mapping[str, str | None]) -> str:
    """A statement that gives settings these ``values`` until the transaction ends; None for the usual one."""
    told = ((name, "NULL" if value is None else f"'{value}'") for name, value in values.items())
    return "SELECT " + ", ".join(f"set_config('{name}', {value}, TRUE)" for name, value in told)


# Planned by its own values, for the indexes that were made for it; compiling takes longer than to answer, and
# so does starting others.
_PLANNED = settings(
    {
        "jit": "off",
        "plan_cache_mode": "force_custom_plan",
        "enable_seqscan": "off",
        "max_parallel_workers_per_gather": "0",
    }
)


def _settings(address: Address) -> dict[str, Any]:
    return {**address.parameters, "autocommit": True}


def pipeline(db: Database) -> AbstractContextManager[object]:
    """Statements go out without waiting for each one's answer, where libpq can do that."""
    return db.pipeline() if _PIPELINE else nullcontext()


def one(cursor: psycopg.Cursor[Any]) -> Any:
    """The row of a query that always has one."""
    row = cursor.fetchone()
    if row is None:
        raise psycopg.DataError("a query that always has a row had none")
    return row


def _give_up(db: Database) -> None:
    """End a transaction that failed, where its connection still works."""
    if not db.closed:
        try:
            db.rollback()
        except psycopg.Error:
            db.close()


_live: weakref.WeakSet[Connections] = weakref.WeakSet()
_inherited: list[object] = []  # never collected, so never closed


def _after_fork_in_child() -> None:
    for connections in list(_live):
        connections._after_fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork_in_child)
