"""A file system that fails when it is told to: SQLite's own, with every call that writes going through here.

It wraps the default one of the very library that the module `sqlite3` uses (`sqlite3_vfs`, by ctypes), so
that the store under test is the one that everybody has, and no compiler is needed.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any

FULL, READONLY, CANTOPEN = 13, 8, 14
IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, IOERR_DELETE, IOERR_SHMSIZE = 778, 1034, 1546, 2570, 4874
_CREATE = 0x4

_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
_ShmMap = CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_int, c_void_p)


class _VFS(Structure):
    _fields_ = (
        ("iVersion", c_int), ("szOsFile", c_int), ("mxPathname", c_int), ("pNext", c_void_p),
        ("zName", c_char_p), ("pAppData", c_void_p), ("xOpen", _Open), ("xDelete", _Delete),
        *((f"more{at}", c_void_p) for at in range(14)),
    )  # fmt: skip


class _Methods(Structure):
    _fields_ = (
        ("iVersion", c_int), ("xClose", c_void_p), ("xRead", c_void_p), ("xWrite", _Write),
        ("xTruncate", _Truncate), ("xSync", _Sync),
        *((f"some{at}", c_void_p) for at in range(7)),
        ("xShmMap", _ShmMap),
        *((f"more{at}", c_void_p) for at in range(5)),
    )  # fmt: skip


class _File(Structure):
    _fields_ = (("methods", POINTER(_Methods)),)


# What each way to fail gives for each call; None lets it pass.
WAYS: dict[str, dict[str, int]] = {
    "full": {"write": FULL, "create": CANTOPEN, "share": IOERR_SHMSIZE},
    "io": {"write": IOERR_WRITE, "truncate": IOERR_TRUNCATE, "sync": IOERR_FSYNC, "delete": IOERR_DELETE,
           "create": CANTOPEN, "share": IOERR_SHMSIZE},
    "read only": {"write": READONLY, "truncate": READONLY, "create": CANTOPEN, "share": CANTOPEN},
    "torn": {"write": IOERR_WRITE},
}  # fmt: skip


@dataclass
class Faults:
    """What fails.

    Attributes:
        way: one of `WAYS`; None: nothing. at: the number of the call that fails first. lasting: whether those
            after it fail too. calls: how many have come that could fail. struck: those that failed.
    """

    way: str | None = None
    at: int = 0
    lasting: bool = False
    calls: int = 0
    struck: list[str] = field(default_factory=list)

    def arm(self, way: str, at: int, lasting: bool) -> None:
        self.way, self.at, self.lasting, self.calls, self.struck = way, at, lasting, 0, []

    def heal(self) -> None:
        self.way = None

    def strikes(self, call: str) -> int | None:
        """The error of this call; None lets it pass."""
        code = WAYS[self.way].get(call) if self.way is not None else None
        if code is None:
            return None
        self.calls += 1
        if self.calls != self.at and not (self.lasting and self.calls > self.at):
            return None
        self.struck.append(call)
        return code


def library() -> Any:
    """The SQLite that the module `sqlite3` uses; None where its functions cannot be reached."""
    import _sqlite3

    try:
        found = ctypes.CDLL(_sqlite3.__file__)
        found.sqlite3_vfs_find.restype = POINTER(_VFS)
        found.sqlite3_vfs_find.argtypes = [c_char_p]
        found.sqlite3_vfs_register.argtypes = [POINTER(_VFS), c_int]
        found.sqlite3_vfs_unregister.argtypes = [POINTER(_VFS)]
    except (OSError, AttributeError):
        return None
    return found


@contextmanager
def failing() -> Iterator[Faults]:
    """Every database that is opened inside lies on a file system that fails as the `Faults` say."""
    sqlite, faults = library(), Faults()
    base = sqlite.sqlite3_vfs_find(None)
    ours = _VFS.from_buffer_copy(base.contents)
    ours.zName, ours.pNext = b"failing", None
    wrapped: dict[int, _Methods] = {}  # by the address of the original's methods

    def through(call: str, original: Callable[..., int]) -> Callable[..., int]:
        def wrapper(*given: Any) -> int:
            code = faults.strikes(call)
            if code is not None and faults.way == "torn":
                original(given[0], given[1], given[2] // 2, given[3])
            return original(*given) if code is None else code

        return wrapper

    def share(file: int, page: int, size: int, extend: int, into: int) -> int:
        code = faults.strikes("share") if extend else None
        return base_share[methods_at[file]](file, page, size, extend, into) if code is None else code

    base_share: dict[int, Any] = {}
    methods_at: dict[int, int] = {}

    def wrap(file: int) -> None:
        held = _File.from_address(file)
        if not held.methods:
            return
        original = ctypes.addressof(held.methods.contents)
        methods_at[file] = original
        if original not in wrapped:
            theirs = held.methods.contents
            made = _Methods()
            ctypes.memmove(ctypes.byref(made), ctypes.byref(theirs), _size(theirs.iVersion))
            made.xWrite = _Write(through("write", _same(theirs.xWrite, _Write)))
            made.xTruncate = _Truncate(through("truncate", _same(theirs.xTruncate, _Truncate)))
            made.xSync = _Sync(through("sync", lambda file, flags: 0))  # no power fails here
            if theirs.iVersion >= 2 and theirs.xShmMap:
                base_share[original] = _same(theirs.xShmMap, _ShmMap)
                made.xShmMap = _ShmMap(share)
            wrapped[original] = made
        held.methods = ctypes.pointer(wrapped[original])

    def opened(vfs: int, name: int | None, file: int, flags: int, told: Any) -> int:
        path = ctypes.string_at(name).decode() if name else ""
        if flags & _CREATE and path and not os.path.exists(path):
            code = faults.strikes("create")
            if code is not None:
                _File.from_address(file).methods = None
                return code
        result = int(base.contents.xOpen(ctypes.addressof(base.contents), name, file, flags, told))
        wrap(file)
        return result

    def deleted(vfs: int, name: bytes, durable: int) -> int:
        code = faults.strikes("delete")
        if code is not None:
            return code
        return int(base.contents.xDelete(ctypes.addressof(base.contents), name, durable))

    ours.xOpen, ours.xDelete = _Open(opened), _Delete(deleted)
    sqlite.sqlite3_vfs_register(ctypes.byref(ours), 1)
    try:
        yield faults
    finally:
        faults.heal()
        sqlite.sqlite3_vfs_register(base, 1)
        sqlite.sqlite3_vfs_unregister(ctypes.byref(ours))
        _kept.append((ours, wrapped))  # a connection that is still open calls them


_kept: list[Any] = []


def _same(function: Any, kind: Any) -> Any:
    """A function of C that is no longer the field from which it was read."""
    return kind(ctypes.cast(function, c_void_p).value)


def _size(version: int) -> int:
    """Bytes of the methods of a version."""
    last = {1: "some6", 2: "more2"}.get(version, "more4")
    found = getattr(_Methods, last)
    return int(found.offset + found.size)
