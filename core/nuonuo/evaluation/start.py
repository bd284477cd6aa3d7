"""From the start of a process to its first answer, and turns a second: what an embedder costs its user."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder, Encoding
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.clock import BATCH, resident_bytes
from nuonuo.evaluation.processes import environment, last_words
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory

TOGETHER = (500, 8, 1)  # texts that are embedded at once

# What an application does first. The embedder comes as its pickle, which is its name.
_PROCESS = """
import pickle, sys
embedder = pickle.load(sys.stdin.buffer)
from nuonuo import AssociativeMemory
memory = AssociativeMemory.open(sys.argv[1], embedder=embedder)
print(len(memory.recall(sys.argv[2])), flush=True)
sys.stdin.buffer.read()
"""


@dataclass(frozen=True, slots=True)
class Start:
    """What one embedder costs; medians of several processes.

    Attributes:
        wall_seconds: from the start of a process to the first answer. processor_seconds: of them one
            processor's time, on whatever number of processors; None where the system does not tell.
        resident_bytes: of the process that has answered; None where the system does not tell.
        turns_per_second: by how many are embedded at a time, of one processor's time.
    """

    embedder: str
    memories: int
    processes: int
    wall_seconds: float
    processor_seconds: float | None
    resident_bytes: int | None
    turns: int
    turns_per_second: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class _Named:
    """Made-up vectors under another embedder's name: a file that opens with that one."""

    def __init__(self, embedder: Embedder) -> None:
        if embedder.dimension != embedder.token_dimension:
            raise InvalidInputError(
                f"the embedder {embedder.name!r} has token vectors of {embedder.token_dimension} numbers and "
                f"sentence vectors of {embedder.dimension}; only one with as many of both can be measured"
            )
        self._vectors = HashEmbedder(embedder.dimension)
        self.name, self.dimension = embedder.name, embedder.dimension
        self.token_dimension = embedder.token_dimension

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return self._vectors.encode_documents(texts)

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        return self._vectors.encode_queries(texts)


def measure_start(
    memories: Sequence[Memory],
    question: str,
    embedder: Embedder,
    *,
    turns: int = 500,
    processes: int = 5,
    threads: int = 1,
    progress: Progress = lambda what, count: None,
) -> Start:
    """Store ``memories`` with made-up vectors, and have processes open the file and ask it ``question``.

    Args:
        embedder: one that pickles by name; the question is embedded with it, and ``turns`` of the texts.
        threads: that a process computes with.

    Raises:
        InvalidInputError: nothing to store, to embed, or to run. NuonuoError: a process failed.
    """
    if not memories or not 0 < turns <= len(memories) or processes < 1:
        raise InvalidInputError(
            f"measuring needs memories, at least one process, and as many turns as memories or fewer, got "
            f"{len(memories)}, {processes} and {turns}"
        )
    with tempfile.TemporaryDirectory(prefix="nuonuo-start-") as folder:
        path = Path(folder) / "memories.db"
        with AssociativeMemory.open(path, embedder=_Named(embedder), config=MemoryConfig()) as memory:
            for start in range(0, len(memories), BATCH):
                part = memories[start : start + BATCH]
                memory.add(part)
                progress("memories added", len(part))
        taken = []
        for _ in range(processes + 1):
            taken.append(first_answer(path, question, pickle.dumps(embedder), threads))
            progress("processes answered", 1)
        # The first one has read all from the disk.
        walls, processors, bytes_held = zip(*taken[1:], strict=True)
    return Start(
        embedder=embedder.name,
        memories=len(memories),
        processes=processes,
        wall_seconds=float(np.median(walls)),
        processor_seconds=None if None in processors else float(np.median(processors)),
        resident_bytes=None if None in bytes_held else int(np.median(bytes_held)),
        turns=turns,
        turns_per_second=_rates([memory.text for memory in memories[:turns]], embedder, progress),
    )


def first_answer(
    path: str | Path, question: str, embedder: bytes, threads: int
) -> tuple[float, float | None, int | None]:
    """Seconds from the start of a process to its first answer, of them one processor's, and its bytes.

    Args:
        path: of the memory, or its address. embedder: pickled.

    Raises:
        NuonuoError: the process failed.
    """
    before, started = _children_seconds(), time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(path), question],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(threads),
        )
        assert process.stdin is not None and process.stdout is not None  # both are pipes
        with suppress(BrokenPipeError):  # it ended before it read anything: it says why
            process.stdin.write(embedder)
            process.stdin.flush()
        answered = process.stdout.readline()
        taken, held = time.perf_counter() - started, resident_bytes(process.pid)
        process.communicate()
        if not answered.strip():
            told = last_words(errors) or "it said nothing"
            raise NuonuoError(f"the process that opens the file failed: {told}")
    after = _children_seconds()
    return taken, None if before is None or after is None else after - before, held


def _children_seconds() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rates(texts: Sequence[str], embedder: Embedder, progress: Progress) -> dict[str, float]:
    embedder.encode_documents(texts[:8])  # the model is loaded
    found = {}
    for together in TOGETHER:
        started = time.process_time()
        for at in range(0, len(texts), together):
            embedder.encode_documents(texts[at : at + together])
        found[str(together)] = len(texts) / (time.process_time() - started)
        progress("texts embedded", len(texts))
    return found
