"""What is needed to measure in a process of its own."""

from __future__ import annotations

import os
import sys
from typing import IO

# What numeric libraries read when they are loaded.
THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS", "LANCE_CPU_THREADS",
    "TOKIO_WORKER_THREADS",
)  # fmt: skip


def environment(threads: int) -> dict[str, str]:
    """Of a process that imports what this one does, and computes with so many ``threads``."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, **dict.fromkeys(THREADS, str(threads))}


def last_words(errors: IO[bytes]) -> str:
    """The last line that a process has written to the file ``errors``; "" where it wrote nothing."""
    errors.seek(0)
    return "".join(errors.read().decode(errors="replace").strip().splitlines()[-1:])
