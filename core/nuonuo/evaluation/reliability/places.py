"""Where a store is that is put to the test, a file or a schema of a database, and what can be seen there."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.reliability.acts import marks_in
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.evaluation.reliability.server import started
from nuonuo.stores.files import size
from nuonuo.stores.opening import is_address

FILE, POSTGRES = "file", "postgres"  # what --store takes, beside an address

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
        """As `Place.way`."""
        return self.where if where is None else where

    def strike(self, crash: str) -> None:
        """As `Place.strike`; a file is there as long as the machine is."""

    def settled(self) -> None:
        """As `Place.settled`; the locks of a process that is dead are gone."""

    def damage(self) -> list[str]:
        """As `Place.damage`, by SQLite's integrity and foreign key checks."""
        db = sqlite3.connect(self.where)
        try:
            found = [str(row[0]) for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
            return found + [
                f"a reference to nothing: {row}" for row in db.execute("PRAGMA foreign_key_check")
            ]
        finally:
            db.close()

    def remains(self) -> set[str] | None:
        """As `Place.remains`."""
        return marks_in(bytes_of(self.where))

    def journal(self) -> dict[str, int]:
        """As `Place.journal`."""
        db = sqlite3.connect(self.where)
        try:
            (rows,) = db.execute("SELECT count(*) FROM journal").fetchone()
        finally:
            db.close()
        return {"journal_rows": rows, "log_bytes": size(self.where + "-wal"), "store_bytes": size(self.where)}

    def another(self) -> str:
        """As `Place.another`."""
        return str(self._folder / f"other{next(self._numbers)}.db")


@contextmanager
def place(store: str, settings: Mapping[str, str] | None = None) -> Iterator[Place]:
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
