"""PostgreSQL's errors as those of `nuonuo.errors`: none of psycopg's ever leaves a store."""

from __future__ import annotations

import psycopg
from psycopg import errors as pg
from psycopg_pool import PoolClosed, PoolTimeout

from nuonuo.errors import (
    NotAStoreError,
    NuonuoError,
    ReadOnlyStoreError,
    StoreClosedError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from nuonuo.stores.postgres.address import Address

# Another's turn was in the way, and nothing was written: the same again may well succeed.
RETRIABLE = (pg.SerializationFailure, pg.DeadlockDetected, pg.UniqueViolation)
_DENIED = (pg.InvalidPassword, pg.InvalidAuthorizationSpecification, pg.InvalidCatalogName)
_MISSING = (pg.UndefinedTable, pg.UndefinedColumn, pg.InvalidSchemaName)


def lost(error: Exception, connection: psycopg.Connection[object] | None) -> bool:
    """Whether ``error`` tells of a connection that is gone, or of a server that is not there."""
    if isinstance(error, (pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow, pg.TooManyConnections)):
        return True
    if isinstance(error, (pg.IdleInTransactionSessionTimeout, PoolTimeout)):
        return False
    broken = connection is None or connection.closed
    return isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and broken


def translate(error: Exception, address: Address) -> NuonuoError:
    """The error of our own tree that says what ``error`` means for the database at ``address``."""
    where, why = repr(address.shown), said(error, address)
    if isinstance(error, PoolClosed):
        return StoreClosedError(f"the store {where} was closed; open it again")
    if isinstance(error, PoolTimeout):
        return StoreUnavailableError(
            f"no connection to {where} came free within {address.timeout:g} s; give it a larger pool "
            "(?pool=20), more time (?timeout=60), or look whether the server is up"
        )
    if isinstance(error, _DENIED) or "authentication failed" in why or "no password supplied" in why:
        return StoreUnavailableError(
            f"{where} does not let this user in ({why}); check user, password and database of the address"
        )
    if isinstance(error, (pg.LockNotAvailable, pg.QueryCanceled)):
        return StoreError(
            f"{where} did not get its turn within the time allowed ({why}); nothing of the call was "
            "written: find what holds it, or allow more (?timeout=60)"
        )
    if isinstance(error, (pg.ReadOnlySqlTransaction, pg.InsufficientPrivilege)):
        return ReadOnlyStoreError(
            f"{where} may not be written so ({why}); connect to the primary, as a user who may"
        )
    if isinstance(error, pg.DiskFull):
        return StoreFullError(f"the disk of {where} is full; nothing of the call was written, make room")
    if isinstance(error, (pg.DataCorrupted, pg.IndexCorrupted)):
        return NotAStoreError(f"{where} is damaged ({why}); restore it from a backup")
    if isinstance(error, _MISSING):
        return NotAStoreError(
            f"the tables of schema {address.schema!r} in {where} are gone or are not ours ({why}); restore "
            "them, or open the address again"
        )
    if isinstance(error, RETRIABLE):
        return StoreError(
            f"other writers of {where} were in the way each time ({why}); nothing of the call was written, "
            "try again"
        )
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return unavailable(address, why)
    return StoreError(f"PostgreSQL failed at {where}: {why}; nothing of the call was written")


def unavailable(address: Address, why: str) -> StoreUnavailableError:
    """The error for a server that did not answer."""
    return StoreUnavailableError(
        f"{address.shown!r} cannot be reached ({why}); nothing of the call was written: look whether the "
        "server is up and the address right, then try again"
    )


def said(error: Exception, address: Address) -> str:
    """What ``error`` says, on one line: never the password, and no detail, which may show a row."""
    told = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    text = " ".join((told or str(error)).split()) or type(error).__name__
    return text.replace(address.password, "***") if address.password else text
