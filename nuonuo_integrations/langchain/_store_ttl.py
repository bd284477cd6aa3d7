"""Items that expire: when, how reading them puts it off, and the thread that sweeps them away."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, cast

from langgraph.store.base import TTLConfig

from nuonuo import Memory
from nuonuo.errors import InvalidInputError, InvalidTypeError, StoreClosedError

TTL, EXPIRES = "store_ttl_minutes", "store_expires_at"  # the latter in seconds since 1970

_MINUTE = 60.0
_SWEEP_MINUTES = 5.0  # where neither call nor configuration says
_FIELDS = ("default_ttl", "refresh_on_read", "sweep_interval_minutes", "omit_expired")
_log = logging.getLogger(__name__)


def now() -> float:
    """Seconds since 1970."""
    return time.time()


def expiry(minutes: float) -> dict[str, float]:
    """The metadata of an item that expires in ``minutes``."""
    return {TTL: minutes, EXPIRES: now() + minutes * _MINUTE}


def expires(memory: Memory) -> bool:
    """Whether it ever does."""
    return EXPIRES in memory.metadata


def expired(memory: Memory) -> bool:
    """Whether its time is up."""
    return bool(memory.metadata.get(EXPIRES, math.inf) <= now())


def swept(memory: Memory) -> Mapping[str, Any] | None:
    """Its metadata; None if its time is up."""
    return None if expired(memory) else memory.metadata


def refreshed(memory: Memory) -> Mapping[str, Any]:
    """Its metadata after it was read: its time begins anew, unless it is up."""
    if not expires(memory) or expired(memory):
        return memory.metadata
    return {**memory.metadata, **expiry(memory.metadata[TTL])}


def minutes_of(value: object, name: str, least: float = 0.0) -> float:
    """A time in minutes.

    Raises:
        InvalidTypeError: no number. InvalidInputError: not finite, or below ``least``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidTypeError(f"{name} is a number of minutes, got {type(value).__name__} {value!r}")
    if not (math.isfinite(value) and value >= least):
        raise InvalidInputError(
            f"{name} must be finite and at least {least:g}, got {value!r}; None is for what never expires"
        )
    return float(value)


def config_of(ttl: object) -> TTLConfig | None:
    """``ttl`` if it is LangGraph's `TTLConfig`.

    Raises:
        InvalidTypeError, InvalidInputError: no such dict, a field that it does not have, or a bad value.
    """
    if ttl is None:
        return None
    if not isinstance(ttl, Mapping):
        raise InvalidTypeError(
            f"ttl must be a TTLConfig such as {{'default_ttl': 60}}, got {type(ttl).__name__} {ttl!r}"
        )
    for name, value in ttl.items():
        if name not in _FIELDS:
            raise InvalidInputError(f"ttl has no field {name!r}; expected some of {', '.join(_FIELDS)}")
        if name in ("refresh_on_read", "omit_expired"):
            if not isinstance(value, bool):
                raise InvalidTypeError(f"ttl[{name!r}] must be True or False, got {value!r}")
        elif value is not None:
            minutes_of(value, f"ttl[{name!r}]", 0.0 if name == "default_ttl" else 1e-6)
    return cast(TTLConfig, dict(ttl))


class Sweeper:
    """A thread that sweeps once in a while. It ends with the store, which it does not keep alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._done: Future[None] = Future()

    def __reduce__(self) -> tuple[type[Sweeper], tuple[()]]:
        return Sweeper, ()  # a copy of a store sweeps when it is told to

    def start(
        self, sweep: Callable[[], int], config: TTLConfig | None, minutes: float | None
    ) -> Future[None]:
        """Sweep every ``minutes`` from now on; cancelling what is returned stops it.

        Args:
            sweep: a bound method.
            minutes: as ``config`` says where None. Where neither says, and there is no ``config``,
                nothing expires by itself, and nothing is started: the future is done.
        """
        if minutes is None:
            minutes = (config or {}).get("sweep_interval_minutes")
        elif minutes_of(minutes, "sweep_interval_minutes") == 0:
            minutes = None
        with self._lock:
            if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
                return self._done
            self._done = Future()
            if minutes is None and config is None:
                self._done.set_result(None)
                return self._done
            self._stop = stop = threading.Event()
            weakref.finalize(sweep.__self__, stop.set)  # type: ignore[attr-defined]
            self._done.add_done_callback(lambda _: stop.set())
            seconds = (_SWEEP_MINUTES if minutes is None else float(minutes)) * _MINUTE
            self._thread = threading.Thread(
                target=_run, args=(weakref.WeakMethod(sweep), seconds, stop, self._done), daemon=True
            )
            self._thread.start()
            return self._done

    def stop(self, seconds: float | None = None) -> bool:
        """End the thread, and wait so long for it; whether it has ended."""
        with self._lock:
            self._stop.set()
            thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()


def _run(
    sweep: weakref.WeakMethod[Callable[[], int]], seconds: float, stop: threading.Event, done: Future[None]
) -> None:
    while not stop.wait(seconds):
        method = sweep()
        if method is None:
            break
        try:
            gone = method()
            if gone:
                _log.info("%d expired items were swept away", gone)
        except StoreClosedError:
            break
        except Exception:  # the next one may succeed: a disk that is full now, another writer
            _log.exception("expired items could not be swept away; it is tried again in %g s", seconds)
        del method
    if not done.done():
        done.set_result(None)
