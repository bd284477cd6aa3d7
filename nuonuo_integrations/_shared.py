"""One engine a file and process: adapters that name the file share it, and the last one releases it."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import threading
import weakref
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from os import PathLike, fspath
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from nuonuo import AssociativeMemory
from nuonuo.errors import InvalidInputError, InvalidTypeError, StoreError
from nuonuo.stores.opening import is_address

Self = TypeVar("Self", bound="Holder")
T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where an engine comes from: its file or address, and its kind and options, pickled; empty for none."""

    path: str = field(repr=False)  # an address has a password
    options: bytes = b""

    @classmethod
    def of(cls, memory: AssociativeMemory) -> Origin:
        """That of ``memory``.

        Raises:
            InvalidTypeError: it lives in RAM, or has an option that cannot be pickled.
        """
        _, (kind, path, options) = memory.__reduce__()
        plain = kind is AssociativeMemory and not options
        return cls(path, b"" if plain else pickle.dumps((kind, options)))

    def open(self) -> AssociativeMemory:
        """A new engine on that file or database.

        Raises:
            StoreError: it cannot be opened, or is no address.
        """
        kind, options = pickle.loads(self.options) if self.options else (AssociativeMemory, {})
        try:
            return kind.open(self.path, **options)  # type: ignore[no-any-return]
        except InvalidInputError as error:
            if is_address(self.path):  # pydantic would show a ValueError with the whole address beside it
                raise StoreError(str(error)) from None
            raise

    @property
    def key(self) -> tuple[str, bytes]:
        if is_address(self.path):
            return self.path, self.options
        return os.path.realpath(os.path.expanduser(self.path)), self.options


@dataclass
class _File:
    """A file that adapters opened, with the ids of those that use it."""

    origin: Origin
    inode: tuple[int, int]
    holders: set[int] = field(default_factory=set)


# The engines are held by their adapters alone: one that nobody holds any more goes, and its file with it.
_open: weakref.WeakValueDictionary[tuple[str, bytes], AssociativeMemory] = weakref.WeakValueDictionary()
_files: weakref.WeakKeyDictionary[AssociativeMemory, _File] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def engine_of(memory: object) -> AssociativeMemory:
    """``memory`` itself, or the one engine of this process for the file or address that it names.

    Raises:
        InvalidTypeError: neither an `AssociativeMemory` nor a path or address.
        StoreError: the file cannot be opened.
    """
    if isinstance(memory, AssociativeMemory):
        return memory
    if isinstance(memory, Origin):
        with _lock:
            return _engine_at(memory)
    path = fspath(memory) if isinstance(memory, PathLike) else memory
    if isinstance(path, str):
        with _lock:
            return _engine_at(Origin(path))
    raise InvalidTypeError(
        "memory must be an AssociativeMemory, the path of its file or an address, "
        f"got {type(memory).__name__} {memory!r}"
    )


def _engine_at(origin: Origin) -> AssociativeMemory:
    known = _open.get(origin.key)
    if known is not None and _is_usable(known, origin):
        return known
    memory = origin.open()
    _open[origin.key] = memory
    _files[memory] = _File(origin, _inode_of(origin))
    weakref.finalize(memory, memory._store.close).atexit = False
    return memory


def _is_usable(memory: AssociativeMemory, origin: Origin) -> bool:
    """Whether it is open still, and its file still stands at its path."""
    try:
        memory.get(["?"])
        return _files[memory].inode == _inode_of(origin)
    except (StoreError, OSError):
        return False


def _inode_of(origin: Origin) -> tuple[int, int]:
    if is_address(origin.path):
        return 0, 0  # its store finds the database again by itself
    found = os.stat(origin.key[0])
    return found.st_dev, found.st_ino


class Holder:
    """An adapter that holds an engine in ``memory``, as a mixin: it is closed, copied and pickled.

    What an engine's failure must not end goes through `_guarded`, by the adapter's option ``on_error``.

    A class calls `_hold` when it has its memory. Copies share the engine; pickles hold the path of its
    file and the adapter's options.
    """

    if TYPE_CHECKING:
        memory: AssociativeMemory
        on_error: str

    # What is no option of the adapter and is made anew in a copy: caches and locks.
    _own: ClassVar[Mapping[str, Callable[[], Any]]] = {}

    def close(self) -> None:
        """Release the memory: its file is closed when the last adapter is that named its path.

        A memory that was handed in is the caller's, and stays open. Closing twice is no error.
        """
        memory = self.memory
        with _lock:
            file = _files.get(memory)
            if file is None or id(self) not in file.holders:
                return
            file.holders.discard(id(self))
            if file.holders:
                return
            if _open.get(file.origin.key) is memory:
                del _open[file.origin.key]
        memory.close()

    async def aclose(self) -> None:
        """Async twin of `close`, in a thread."""
        await asyncio.to_thread(self.close)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _guarded(
        self, work: Callable[[], T], otherwise: T, what: str, *, refused: tuple[type[Exception], ...] = ()
    ) -> T:
        """What ``work`` gives; where it fails it is logged, and the run goes on with ``otherwise``.

        With ``on_error="raise"`` it is raised, as are always the errors of ``refused``.
        """
        try:
            return work()
        except refused:
            raise
        except Exception:  # an embedder's own code raises what it likes
            if self.on_error == "raise":
                raise
            logger.exception("%s: %s", type(self).__name__, what)
            return otherwise

    def _hold(self) -> None:
        with _lock:
            file = _files.get(self.memory)
            if file is None:
                return  # the caller's
            if _open.get(file.origin.key) is not self.memory:
                # Its last other adapter was closed since it was looked up.
                self.memory = _engine_at(file.origin)
                file = _files[self.memory]
            file.holders.add(id(self))
        # Without the lock: it may run at any moment, in a thread that holds others.
        weakref.finalize(self, file.holders.discard, id(self)).atexit = False

    def __copy__(self: Self) -> Self:
        return self._like({name: value for name, value in self.__dict__.items() if name not in self._own})

    def __deepcopy__(self: Self, memo: dict[int, Any]) -> Self:
        options = {name: value for name, value in self.__dict__.items() if name not in self._own}
        return self._like(deepcopy(options, memo))

    def _like(self: Self, options: dict[str, Any]) -> Self:
        copied = type(self).__new__(type(self))
        Holder.__setstate__(copied, options)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        options = {name: value for name, value in self.__dict__.items() if name not in self._own}
        return {**options, "memory": Origin.of(self.memory)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, memory=engine_of(state["memory"]))
        self.__dict__.update({name: make() for name, make in self._own.items()})
        self._hold()
