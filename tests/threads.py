"""Eight threads that start at the same moment, and waiting for what others do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

THREADS = 8
TURNS = 30_000  # looks at what should come, a hundredth of a second apart


def at_once(work: Callable[[int], None]) -> None:
    """Run ``work(number)`` in every thread; the first error that any of them meets is raised."""
    together = threading.Barrier(THREADS)

    def begin(number: int) -> None:
        together.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(begin, range(THREADS)))


def until(holds: Callable[[], bool]) -> None:
    """Return once it ``holds``."""
    for _ in range(TURNS):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("what should come does not come")
