"""The files of a store as the file system has them; none is opened."""

from __future__ import annotations

import os

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


def cut_off(path: str, left: int) -> StoreGoneError:
    """The error for a file that has lost its end."""
    return StoreGoneError(
        f"{path!r} was cut off to {left:,} bytes while it was open, and what it held is no longer whole: "
        "close this memory, restore the file from a copy, and open it again"
    )


def gone(path: str) -> StoreGoneError:
    """The error for a file that is no longer the one that was opened."""
    return StoreGoneError(
        f"{path!r} was removed or replaced while it was open, and what is written now would be lost: close "
        "this memory and open the path again, or put the file back first"
    )
