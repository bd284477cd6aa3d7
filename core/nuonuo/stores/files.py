"""The files of a store as the file system has them; none is opened."""

from __future__ import annotations

import os
from collections.abc import Callable

from nuonuo.errors import StoreGoneError


def look(path: str) -> tuple[tuple[int, int] | None, int]:
    """Which file stands at ``path`` (a link's target), and its bytes; None and 0 for none."""
    try:
        found = os.stat(path)
    except OSError:
        return None, 0
    return (found.st_dev, found.st_ino), found.st_size


def inode(path: str) -> tuple[int, int] | None:
    """Which file stands at ``path``; None for none."""
    return look(path)[0]


def size(path: str) -> int:
    """Its bytes; 0 where there is none."""
    return look(path)[1]


class Presence:
    """Whether a database file and its write-ahead log are still those that were opened, and no shorter.

    Args:
        path: as it is told of. file: the same, whatever the working folder.
    """

    def __init__(self, path: str, file: str) -> None:
        self._path, self._file = path, file
        self._inode: tuple[int, int] | None = None
        self.reset()

    def reset(self) -> None:
        """Know nothing of the log, nor how long the file has been; which file it is stays known."""
        self._log: tuple[int, int] | None = None
        self._least = 0  # bytes that the file has had

    def begin(self) -> None:
        """The files that are there now are those."""
        self._inode, self._least = look(self._file)
        self._log = inode(self._file + "-wal")

    def shrunk(self) -> None:
        """The file is as long as it should be, however long it was."""
        self._least = size(self._file)

    def must_be_there(self, is_whole: Callable[[], bool]) -> None:
        """Raise `StoreGoneError` unless the file is still the one that was opened, and no shorter.

        Args:
            is_whole: whether a file that is shorter is whole all the same. It is not asked of an empty one,
                to which nobody may connect: SQLite would take it for a new file, and drop its log.
        """
        there, bytes_now = look(self._file)
        if there != self._inode:
            raise _gone(self._path)
        if bytes_now < self._least:
            bytes_now = size(self._file)  # another thread may have seen it grow since
            if bytes_now < self._least and not (bytes_now and is_whole()):
                raise _cut_off(self._path, bytes_now)
        self._least = bytes_now

    def log_must_be_there(self) -> None:
        """Raise `StoreGoneError` unless the log, once there is one, is the one from before."""
        log = inode(self._file + "-wal")
        if self._log is not None and log != self._log:
            raise _gone(self._path + "-wal")
        self._log = log


def _cut_off(path: str, left: int) -> StoreGoneError:
    """The error for a file that has lost its end."""
    return StoreGoneError(
        f"{path!r} was cut off to {left:,} bytes while it was open, and what it held is no longer whole: "
        "close this memory, restore the file from a copy, and open it again"
    )


def _gone(path: str) -> StoreGoneError:
    """The error for a file that is no longer the one that was opened."""
    return StoreGoneError(
        f"{path!r} was removed or replaced while it was open, and what is written now would be lost: close "
        "this memory and open the path again, or put the file back first"
    )
