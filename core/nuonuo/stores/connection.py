"""One SQLite file and its connections: a writer, and readers beside it.

Reads run on connections of their own, so that they never wait for an fsync. The database file is
never opened by anything but SQLite here: closing any other descriptor of it would drop the locks
that this process holds (POSIX).
"""

from __future__ import annotations

import ctypes
import logging
import os
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from nuonuo.errors import NotAStoreError, ReadOnlyStoreError, StoreClosedError, StoreError
from nuonuo.stores import schema
from nuonuo.stores.files import Presence, size
from nuonuo.stores.sqlite_errors import BUSY, CANTOPEN, READONLY, error_code, translated

_log = logging.getLogger(__name__)

BUSY_SECONDS = 30.0  # how long a call waits for other writers before it gives up
WIPE_SECONDS = 10.0  # how long a delete waits for readers that still hold the old bytes
_READER = "a reader that began earlier needs it"
_PATIENCE_MS = 250  # of one attempt to wipe: other writers wait as long
_IDLE_READERS = 4
# Of the log, from which a write moves it into the database. That write waits until so many pages, anywhere in
# the file, are on the disk: 8 MB of them took half a second in a file of 3 GB.
_CHECKPOINT_BYTES = 1 << 20
_MAPPED_BYTES = 1 << 40  # as much of the file as SQLite was built to map, 2 GB as a rule


class Connections:
    """The connections to the file at ``path``, created where it is missing.

    Attributes:
        path: the file. read_only: it can be read and not written. page_size: of the file, in bytes.

    Raises:
        NotAStoreError: a folder, no database, a damaged one, or another application's; unchanged.
        SchemaVersionError: written by a newer NuoNuo; unchanged.
        ReadOnlyStoreError: missing, and its folder cannot be written.
        StoreError: its folder is missing, or it cannot be opened.
    """

    _writer: sqlite3.Connection | None
    _watcher: sqlite3.Connection | None
    _readers: list[sqlite3.Connection]
    _in_use: set[sqlite3.Connection]

    def __init__(self, path: str) -> None:
        self.path = path
        self.closed = False
        self._file = os.path.abspath(path)  # whatever the working folder becomes
        self._uri = Path(self._file).as_uri()
        self._generation = 0
        self._presence = Presence(path, self._file)
        self._cookie = -1  # SQLite's count of changes to tables, when they were last looked at
        self._reset()
        with translated(path):
            self.read_only = self._probe()
            writer = self._connect()
            try:
                self._set_up(writer)
            except BaseException:
                writer.close()
                raise
        self._writer = writer
        self._presence.begin()
        _live.add(self)

    def _reset(self) -> None:
        self._writer = None
        self._watcher = None
        self._readers = []
        self._in_use = set()
        self._write_lock = threading.RLock()
        self._watch_lock = threading.Lock()
        self._pool_lock = threading.Lock()
        self._unwiped = False
        self._presence.reset()

    def _probe(self) -> bool:
        """Look at the path, without changing anything; return whether it can only be read."""
        path = self.path
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path):
            raise NotAStoreError(
                f"{path!r} is a folder; give the path of a file in it, such as 'memories.db'"
            )
        if not os.path.isdir(folder):
            raise StoreError(f"the folder {folder!r} does not exist; create it, then open {path!r} again")
        folder_writable = os.access(folder, os.W_OK | os.X_OK)
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            if not folder_writable or (os.path.exists(path) and not os.access(path, os.W_OK)):
                raise ReadOnlyStoreError(f"{path!r} cannot be created: its folder cannot be written")
            self._mode = "rwc"
            return False
        self._mode = "ro"
        try:
            self._check()
        except sqlite3.OperationalError as error:
            if error_code(error) not in (CANTOPEN, READONLY, BUSY):
                raise
            if folder_writable:
                pass  # a journal to recover, which only a writer may; it looks again
            elif not os.path.exists(path + "-wal") or os.path.getsize(path + "-wal") == 0:
                # No log, and none can appear in a folder that cannot be written: the file is all.
                self._mode = "ro&immutable=1"
                self._check()
            else:
                raise
        if not folder_writable or not os.access(path, os.W_OK):
            return True
        self._mode = "rw"
        return False

    def _check(self) -> None:
        connection = self._connect()
        try:
            schema.schema_version(connection, self.path)
        finally:
            connection.close()

    def _connect(self, *, query_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{self._uri}?mode={self._mode}",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")  # of a file yet to be made
            connection.execute("PRAGMA secure_delete = ON").fetchall()
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA temp_store = MEMORY")  # no content in temporary files
            connection.execute(
                f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_BYTES // schema.PAGE_SIZE}"
            ).fetchall()
            if query_only:
                connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, writer: sqlite3.Connection) -> None:
        schema.prepare(writer, self.path, read_only=self.read_only)
        if not self.read_only:
            schema.use_wal(writer, BUSY_SECONDS)
        (self.page_size,) = writer.execute("PRAGMA page_size").fetchone()
        if self.read_only:
            return
        self._mode = "rw"
        # Another process may have died between a delete and its wipe.
        if size(self._file + "-wal"):
            self._checkpoint(writer)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed at the end, durably, or rolled back on any exception."""
        with self._write_lock, translated(self.path):
            writer = self._open_writer()
            self._presence.must_be_there(self._is_whole)
            self._presence.log_must_be_there()
            writer.execute("BEGIN IMMEDIATE")
            changes = writer.total_changes
            try:
                self._must_be_known(writer)
                yield writer
                writer.execute("COMMIT")
                # else the call would tell of something durable that is not
                self._presence.must_be_there(self._is_whole)
                self._presence.log_must_be_there()
            except BaseException:
                if writer.total_changes > changes:
                    self._unwiped = True  # what was refused may stand in the log
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            if self._unwiped:
                self._unwiped = self._checkpoint(writer) is not None

    def _open_writer(self) -> sqlite3.Connection:
        self.must_be_open()
        if self.read_only:
            raise ReadOnlyStoreError(
                f"{self.path!r} or its folder cannot be written; it is open for reading, check permissions"
            )
        if self._writer is None:  # after a fork
            self._writer = self._connect()
        return self._writer

    @contextmanager
    def read(self, *, snapshot: bool = False, mapped: bool = False) -> Iterator[sqlite3.Connection]:
        """A connection for reading; with ``snapshot`` all its statements see one state of the file.

        Args:
            mapped: read the file's pages where they lie, which costs a third of a call for each. It is for
                reading most of a file, and no longer: who cuts off a mapped file ends the process.
        """
        with translated(self.path):
            with self._pool_lock:
                self.must_be_open()
                self._presence.must_be_there(self._is_whole)
                reader = self._readers.pop() if self._readers else self._connect(query_only=True)
                self._in_use.add(reader)
            try:
                if mapped:
                    reader.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}").fetchall()
                if snapshot:
                    reader.execute("BEGIN")
                self._must_be_known(reader)
                yield reader
            finally:
                if reader.in_transaction:
                    reader.execute("ROLLBACK")
                if mapped:
                    reader.execute("PRAGMA mmap_size = 0").fetchall()
                self._take_back(reader)

    def glance(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]] | None:
        """The rows of one ``query``; None where it fails (`read` tells why), or no reader is idle.

        Whoever asks must ask for the `version` afterwards, or `read`: those look whether the file is the one
        that was opened, and known, which takes as long as such a query.
        """
        with self._pool_lock:
            if not self._readers:
                return None
            reader = self._readers.pop()
            self._in_use.add(reader)
        try:
            return reader.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError):
            return None
        finally:
            self._take_back(reader)

    def _take_back(self, reader: sqlite3.Connection) -> None:
        with self._pool_lock:
            self._in_use.discard(reader)
            if self.closed or len(self._readers) >= _IDLE_READERS:
                reader.close()
            else:
                self._readers.append(reader)

    def version(self) -> int:
        """A number that differs after any commit, of this process or another."""
        with self._watch_lock, translated(self.path):
            self.must_be_open()
            self._presence.must_be_there(self._is_whole)
            if self._watcher is None:
                self._watcher = self._connect(query_only=True)
            (version,) = self._watcher.execute("PRAGMA data_version").fetchone()
            return int(self._generation << 32 | version)

    def wipe(self) -> None:
        """Take deleted bytes out of the files: they are zeroed in the database, and the log is emptied.

        Readers that still look at an earlier state hinder it; it waits for them for `WIPE_SECONDS`,
        then leaves it to the next write, close or open. What cannot be written is not waited for.
        """
        deadline = time.monotonic() + WIPE_SECONDS
        pause = 0.001
        while True:
            with self._write_lock, translated(self.path):
                hindrance = self._checkpoint(self._open_writer(), _PATIENCE_MS)
                self._unwiped = hindrance is not None
            if hindrance is None:
                return
            if hindrance != _READER or time.monotonic() > deadline:
                break
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        _log.warning(
            "the deleted memories are gone from %r, but its log still holds their bytes (%s); they are wiped "
            "at the next write, close or open after that",
            self.path,
            hindrance,
        )

    def _checkpoint(self, writer: sqlite3.Connection, patience_ms: int = 0) -> str | None:
        """Move the log into the database and truncate it; return what hindered it, None where it is done."""
        writer.execute(f"PRAGMA busy_timeout = {patience_ms}")
        try:
            (busy, _, _) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._presence.shrunk()
            return _READER if busy else None
        except sqlite3.OperationalError as error:
            # What was committed stays committed: trouble in tidying up must not look like its failure.
            _log.debug("the log of %r could not be emptied yet: %s", self.path, error)
            return _READER if "locked" in str(error) else str(error)
        finally:
            writer.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def file_bytes(self) -> int:
        """The size of the database with its log."""
        return size(self._file) + size(self._file + "-wal")

    def close(self) -> None:
        """Close every connection; those that are reading now, when they end."""
        with self._write_lock, self._watch_lock, self._pool_lock, translated(self.path):
            if self.closed:
                return
            self.closed = True
            if self._unwiped and self._writer is not None:
                self._checkpoint(self._writer)
            for connection in (*self._readers, self._watcher, self._writer):
                if connection is not None:
                    connection.close()
            self._readers.clear()

    def must_be_open(self) -> None:
        """Raise `StoreClosedError` after `close`."""
        if self.closed:
            raise StoreClosedError(f"the store {self.path!r} was closed; open it again")

    def _must_be_known(self, connection: sqlite3.Connection) -> None:
        """Raise `SchemaVersionError` where a newer NuoNuo has brought the file up since it was opened."""
        (cookie,) = connection.execute("PRAGMA schema_version").fetchone()  # it counts changes to any table
        if cookie != self._cookie:
            schema.schema_version(connection, self.path)
            self._cookie = cookie

    def _is_whole(self) -> bool:
        """Whether a file that is shorter than it was is whole: somebody had SQLite vacuum it."""
        try:
            with closing(self._connect(query_only=True)) as connection:
                return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError:
            return False

    def _after_fork(self) -> None:
        """In a forked child: connect anew. SQLite's must not be used there, nor even closed."""
        inherited = [self._writer, self._watcher, *self._readers, *self._in_use]
        for connection in inherited:
            if connection is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # never collected, so never closed
        self._generation += 1
        self._reset()


_live: weakref.WeakSet[Connections] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for connections in list(_live):
        connections._after_fork()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork_in_child)
