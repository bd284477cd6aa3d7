"""One thing that is measured, and the process that does it: what it takes is nobody else's."""

from __future__ import annotations

import json
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import NuonuoError
from nuonuo.evaluation.cache import CachedEmbedder
from nuonuo.evaluation.clock import resident_bytes
from nuonuo.evaluation.processes import environment, last_words
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.scale.corpus import Corpus, Found

GLANCE = 0.5  # seconds from one look at a process to the next


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may take, and how many threads it computes with."""

    seconds: float
    bytes: int
    threads: int


@dataclass(frozen=True, slots=True)
class Job:
    """One thing that is measured.

    Attributes:
        task: one of `nuonuo.evaluation.scale.worker.TASKS`.
        embedder: made again from its pickle in the process. cache: the file of its embeddings, or None.
        options: what else the task takes.
    """

    task: str
    folder: Path
    size: int
    k: int
    embedder: Embedder
    cache: str | None
    config: MemoryConfig
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def corpus(self) -> Corpus:
        return Corpus(self.folder)

    @contextmanager
    def embedding(self) -> Iterator[Embedder]:
        """The embedder, behind its cache where it has one."""
        if self.cache is None:
            yield self.embedder
            return
        cached = CachedEmbedder(self.embedder, self.cache)
        try:
            yield cached
        finally:
            cached.close()


def run(job: Job, limits: Limits, tell: Progress) -> Found:
    """What ``job`` measured in a process of its own; {"stopped": why} where it took more than ``limits``.

    Raises:
        NuonuoError: the process failed; its last words are told.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "nuonuo.evaluation.scale.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(limits.threads),
        )
        try:
            found = _watch(process, job, limits, tell)
            if found is None:
                process.wait()
                last = last_words(errors) or f"it ended with status {process.returncode}"
                raise NuonuoError(f"measuring {job.task} with {job.size:,} memories failed: {last}")
            return found
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def _watch(process: subprocess.Popen[bytes], job: Job, limits: Limits, tell: Progress) -> Found | None:
    """What the process says in the end; None where it ends without a word."""
    assert process.stdin is not None and process.stdout is not None  # both are pipes
    try:
        process.stdin.write(pickle.dumps(job))
        process.stdin.close()
    except BrokenPipeError:
        return None
    lines: queue.Queue[bytes] = queue.Queue()
    stdout = process.stdout
    threading.Thread(target=_read, args=(stdout, lines), daemon=True).start()
    deadline = time.monotonic() + limits.seconds
    while True:
        try:
            line = lines.get(timeout=GLANCE)
        except queue.Empty:
            line = b"{}"
        if not line:
            return None
        said = json.loads(line)
        if "found" in said:
            found: Found = said["found"]
            return found
        if "progress" in said:
            tell(*said["progress"])
        if time.monotonic() > deadline:
            return {"stopped": f"more than {limits.seconds:,.0f} s"}
        if (resident_bytes(process.pid) or 0) > limits.bytes:
            return {"stopped": f"more than {limits.bytes / 2**30:,.1f} GiB of RAM"}


def _read(stdout: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stdout:
        lines.put(line)
    lines.put(b"")
