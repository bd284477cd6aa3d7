"""A second connection that sees the state which a transaction sees: what it is asked goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

EXPORT = "SELECT pg_export_snapshot()"
_PATIENCE = 0.001  # seconds for a connection that is idle; where there is none, the pool gets one for later
_REFUSED = psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported

Rows = list[tuple[Any, ...]]


class Beside:
    """Statements that go out without being waited for, beside a transaction whose snapshot they share.

    Where most connections are in use, none is idle, or it is lost, the first one is asked instead.

    Args:
        pool: None where the first one is to be asked alone.
        db: in a transaction that reads one state.
        begin, settings: how such a transaction begins, and what is set in it.

    Attributes:
        refused: whether the server lets nobody share a snapshot; the transaction has failed of it.
    """

    def __init__(
        self,
        pool: ConnectionPool[psycopg.Connection[Any]] | None,
        db: psycopg.Connection[Any],
        begin: str,
        settings: str,
    ) -> None:
        self._pool, self._db, self._begin, self._settings = pool, db, begin, settings
        self._other: psycopg.Connection[Any] | None = None
        self._pipeline: AbstractContextManager[object] | None = None
        self._tried = self.refused = False

    @property
    def alone(self) -> bool:
        """Whether the first one works alone: there is no second one now that it shares its snapshot with."""
        return self._other is None

    def ask(self, query: bytes, values: Mapping[str, Any]) -> Callable[[], Rows]:
        """Send ``query``; what this gives waits for its rows."""
        if not self._tried:
            self._tried = True
            self._open()
        if self._other is None:
            found = self._db.execute(query, values, binary=True).fetchall()
            return lambda: found
        try:
            cursor = self._other.execute(query, values, binary=True)
        except psycopg.Error:
            self._drop()
            return self.ask(query, values)

        def rows() -> Rows:
            try:
                return cursor.fetchall()
            except psycopg.Error:  # the first one knows, and says, whether something is wrong with the query
                self._drop()
                return self.ask(query, values)()

        return rows

    def close(self, *, failed: bool) -> None:
        """Give the connection back, until something is asked again; where the work ``failed``, close it."""
        if self._other is None:
            return
        self._tried = False
        if failed:
            self._drop()
            return
        try:
            self._other.execute("ROLLBACK")
            if self._pipeline is not None:
                self._pipeline.__exit__(None, None, None)
        except psycopg.Error:
            self._drop()
        else:
            self._give_back(self._other)

    def _open(self) -> None:
        if self._pool is None or not psycopg.capabilities.has_pipeline():
            return
        told = self._pool.get_stats()
        if 2 * (told["pool_size"] - told["pool_available"]) > told["pool_max"]:
            return  # others keep the server busy, and may need what is left
        try:
            other = self._pool.getconn(timeout=_PATIENCE)
        except psycopg.Error:  # PoolTimeout, or the pool is being closed
            return
        self._other = other
        try:
            (name,) = self._db.execute(EXPORT).fetchone() or ("",)
        except psycopg.Error as error:
            self.refused = isinstance(error, _REFUSED)
            self._give_back(other)
            raise
        try:
            self._pipeline = other.pipeline()
            self._pipeline.__enter__()
            for statement in (self._begin, f"SET TRANSACTION SNAPSHOT '{name}'", self._settings):
                other.execute(statement.encode())  # what is refused here is told with the first rows
        except psycopg.Error:
            self._drop()

    def _drop(self) -> None:
        """Close the other connection, whatever it is at; the pool gets another one."""
        if self._other is not None:
            self._other.close()
            self._give_back(self._other)

    def _give_back(self, other: psycopg.Connection[Any]) -> None:
        self._other = None
        if self._pool is not None:
            self._pool.putconn(other)
