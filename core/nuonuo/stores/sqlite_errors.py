"""SQLite's errors as those of `nuonuo.errors`: none of its own ever leaves a store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from nuonuo.errors import (
    NotAStoreError,
    NuonuoError,
    ReadOnlyStoreError,
    StoreClosedError,
    StoreError,
    StoreFullError,
)

FULL, READONLY, BUSY, LOCKED, CORRUPT, CANTOPEN, NOTADB = 13, 8, 5, 6, 11, 14, 26
# Python 3.10 does not tell SQLite's error code; the messages are SQLite's own, in English always.
_MESSAGES = {
    "full": FULL,
    "readonly": READONLY,
    "is locked": BUSY,
    "malformed": CORRUPT,
    "unable to open": CANTOPEN,
    "not a database": NOTADB,
}


def error_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code of ``error``; 1 (a plain error) where it cannot be told."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    return next((number for words, number in _MESSAGES.items() if words in str(error)), 1)


def translate(error: sqlite3.Error, path: str) -> NuonuoError:
    """The error of our own tree that says what ``error`` means for the file at ``path``."""
    code = error_code(error)
    if code == FULL:
        return StoreFullError(f"the disk of {path!r} is full; nothing of the call was written, make room")
    if code == READONLY:
        return ReadOnlyStoreError(f"{path!r} or its folder cannot be written ({error}); check permissions")
    if code in (BUSY, LOCKED):
        return StoreError(
            f"{path!r} stayed locked by another process ({error}); find what holds it, then try again"
        )
    if code in (CORRUPT, NOTADB):
        return NotAStoreError(
            f"{path!r} is not a NuoNuo database, or it is damaged ({error}); restore it from a copy"
        )
    if code == CANTOPEN:
        return StoreError(f"{path!r} cannot be opened ({error}); check that it is a file you may read")
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return StoreClosedError(f"the store {path!r} was closed; open it again")
    return StoreError(f"SQLite failed on {path!r}: {error}; nothing of the call was written")


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Turn every `sqlite3.Error` inside into one of `nuonuo.errors`."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error
    except UnicodeDecodeError as error:  # what sqlite3 makes of a damaged name in the file
        raise NotAStoreError(f"{path!r} is damaged ({error}); restore it from a copy") from error
