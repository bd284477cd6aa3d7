"""Compiled kernels for the loops of a recall; NumPy's passes until they are there.

With the extra ``kernels`` (numba) a process that goes on asking is served by machine code; the answers are
the same to the bit. Loading takes a second or two, and longer the first time on a machine, so it begins with
the `WARM`th recall and beside it, in a thread of its own: who asks a few questions never waits for it. The
environment variable ``NUONUO_KERNELS`` decides otherwise: "numpy" for never, "numba" for the first recall.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from importlib.util import find_spec
from typing import Any

from nuonuo.errors import InvalidInputError, MissingDependencyError

__all__ = ["LANES", "asked", "loaded", "use", "wait"]

LANES = 8  # states that a pattern is compared with at a time: as many as the widest registers hold
WARM = 100  # recalls after which a process is likely to go on asking
CHOICES = ("auto", "numba", "numpy")

logger = logging.getLogger("nuonuo")

_module: Any = None  # `nuonuo.kernels.compiled`, once it is there
_asked = 0  # recalls of this process, up to `WARM`
_thread: threading.Thread | None = None
_lock = threading.Lock()


def loaded() -> Any:
    """The module of the compiled kernels, or None: then NumPy does it."""
    return _module


def asked() -> None:
    """Tell of a recall. Of the first one the environment is asked; with the `WARM`th loading begins.

    Raises:
        InvalidInputError, MissingDependencyError: what the environment says cannot be done.
    """
    global _asked, _thread
    if _asked >= WARM:  # looked at without the lock: it only grows
        return
    with _lock:
        if not _asked:
            use(os.environ.get("NUONUO_KERNELS", "").strip() or "auto")
        _asked += 1
        if _asked == WARM and _module is None and find_spec("numba") is not None:
            # No daemon: a process that ends meanwhile waits, since what compiles cannot be cut off.
            _thread = threading.Thread(target=_load, name="nuonuo kernels")
            _thread.start()


def use(choice: str) -> None:
    """From now on, in this process: "numba" (loaded before this returns), "numpy", or "auto".

    Raises:
        InvalidInputError: something else. MissingDependencyError: "numba" where it cannot be loaded.
    """
    global _module, _asked
    if choice not in CHOICES:
        raise InvalidInputError(f"NUONUO_KERNELS must be one of {', '.join(CHOICES)}, got {choice!r}")
    if choice == "numba":
        try:
            _module = importlib.import_module("nuonuo.kernels.compiled")
        except ImportError as error:
            raise MissingDependencyError(
                f"NUONUO_KERNELS is 'numba', which cannot be loaded ({error}): "
                "pip install 'nuonuo[kernels]', or leave the variable out"
            ) from error
    else:
        _module = None
    _asked = 0 if choice == "auto" else WARM


def wait() -> None:
    """Return once kernels that are being loaded are there."""
    if _thread is not None:
        _thread.join()


def _load() -> None:
    global _module
    try:
        _module = importlib.import_module("nuonuo.kernels.compiled")
    except Exception as error:  # a numba that does not fit this NumPy, a folder that cannot be written
        logger.warning("the compiled kernels cannot be loaded, NumPy goes on without them: %s", error)


def _after_fork() -> None:
    """A thread that was loading is not in the child, which counts anew."""
    global _asked, _lock, _thread
    _lock = threading.Lock()
    if _thread is not None and _module is None:
        _asked, _thread = 1, None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
