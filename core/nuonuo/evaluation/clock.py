"""What measures of speed share: a clock that leaves the embedder out, bytes, quantiles, an exact search."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.encoding.embedders import Embedder, Encoding
from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.evaluation.wrapper import Wrapper
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Step

BATCH = 256  # memories that are added at once
WALKS, HOPS = 100, 6  # of chains
WARM_UP = 10  # recalls before the clock counts
TURN, AGAIN = 30, 3  # calls of one kind in a row, and those that are called before them without the clock
_READ = 1 << 24  # bytes of a file that are read at a time


class MeteredEmbedder(Wrapper):
    """An embedder that clocks itself; questions that it was given beforehand cost a look-up."""

    def __init__(self, embedder: Embedder, questions: Sequence[str] = ()) -> None:
        super().__init__(embedder)
        self._known = dict(zip(questions, embedder.encode_queries(list(questions)), strict=True))
        self.seconds = 0.0

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return self._clocked(self._embedder.encode_documents, texts)

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        if all(text in self._known for text in texts):
            return [self._known[text] for text in texts]
        return self._clocked(self._embedder.encode_queries, texts)

    def clock(self, call: Callable[..., Any], *args: Any) -> float:
        """Seconds that ``call`` takes outside the embedder."""
        embedding, started = self.seconds, time.perf_counter()
        call(*args)
        return time.perf_counter() - started - (self.seconds - embedding)

    def _clocked(
        self, encode: Callable[[Sequence[str]], list[Encoding]], texts: Sequence[str]
    ) -> list[Encoding]:
        started = time.perf_counter()
        try:
            return encode(texts)
        finally:
            self.seconds += time.perf_counter() - started


class ExactSearch:
    """The least that a vector store does: one float32 matrix product, and the choice of the best.

    Args:
        vectors: (n, d) float32, unit rows.
    """

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors

    def nearest(self, query: FloatArray, k: int) -> npt.NDArray[np.intp]:
        """The rows of the ``k`` vectors that are nearest to ``query`` (d,), nearest first."""
        similarities = self._vectors @ query
        best = np.argpartition(-similarities, min(k, len(similarities) - 1))[:k]
        order: npt.NDArray[np.intp] = best[np.argsort(-similarities[best])]
        return order


def by_turns(metered: MeteredEmbedder, *calls: Sequence[Callable[[], Any]]) -> list[list[float]]:
    """Seconds of all ``calls``, kind by kind: `TURN` of one kind in a row, then as many of the next.

    A machine whose pace changes from one second to the next changes all kinds alike, and so not their ratio.
    What ran before has swept the processor's caches: each turn begins with the kind's first calls once more.
    """
    found = [list[float]() for _ in calls]
    for start in range(0, max(map(len, calls)), TURN):
        for kind, seconds in zip(calls, found, strict=True):
            for call in kind[:AGAIN]:
                call()
            seconds += map(metered.clock, kind[start : start + TURN])
    return found


@dataclass(frozen=True, slots=True)
class Walks:
    """Walks that were clocked, each from another text's own vector.

    Attributes:
        starts: seconds until it is known where each begins: those of a walk of no hop.
        hops: seconds a stop of a walk of some hops, its start among them.
        onward: seconds a hop beyond the start, of those that went on.
    """

    starts: list[float]
    hops: list[float]
    onward: list[float]

    def figures(self) -> dict[str, float]:
        """Milliseconds, as the reports have them; 0 where no walk went on."""
        return {
            "hop_ms_p50": milliseconds(self.hops, 50),
            "hop_ms_p95": milliseconds(self.hops, 95),
            "chain_start_ms_p50": milliseconds(self.starts, 50),
            "onward_hop_ms_p50": milliseconds(self.onward or [0.0], 50),
        }


def walks(memory: AssociativeMemory, metered: MeteredEmbedder, texts: Sequence[str], length: int) -> Walks:
    """Walk ``length`` hops from the vector of each of ``texts``, then once more, only to where it begins."""

    def walked(hops: int) -> list[tuple[float, int]]:
        found = []
        for vector in vectors:
            stops: list[Step] = []
            taken = metered.clock(lambda start, into: into.extend(memory.chain(start, hops)), vector, stops)
            found.append((taken, len(stops)))
        return found

    vectors = [encoding.vectors[0] for encoding in metered.encode_documents(texts)]
    wholes, starts = walked(length), [taken for taken, _ in walked(0)]
    pairs = zip(wholes, starts, strict=True)
    return Walks(
        starts,
        [taken / max(stops, 1) for taken, stops in wholes],
        [(taken - start) / (stops - 1) for (taken, stops), start in pairs if stops > 1],
    )


def far_apart(texts: Iterable[str], of: int, count: int) -> list[str]:
    """``count`` of the ``of`` texts, or all where they are fewer, as far from each other as there are."""
    step = max(1, of // count)
    return [*islice(texts, 0, count * step, step)]


def settle_kernels() -> tuple[str, int]:
    """Have the kernels now that a process comes to use which goes on asking (`nuonuo.kernels`).

    Returns:
        "numba" or "numpy", and the bytes by which the process grew.

    Raises:
        InvalidInputError, MissingDependencyError: what the environment says cannot be done.
    """
    chosen = os.environ.get("NUONUO_KERNELS", "").strip() or "auto"
    before = resident_bytes()
    kernels.wait()  # another recall may have begun to load them
    if chosen == "auto":
        chosen = "numpy" if find_spec("numba") is None else "numba"
    kernels.use(chosen)
    return chosen, grown(before) or 0


def read_through(path: Path) -> None:
    """Have the system hold the file at ``path`` in its page cache, as far as there is room."""
    with path.open("rb", buffering=0) as file:
        while file.read(_READ):
            pass


def resident_bytes(process: int | None = None) -> int | None:
    """Bytes of RAM that this process, or another one, holds now; None where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{process or 'self'}/statm").read_text().split()[1])
    except OSError:
        return None
    import resource

    return pages * resource.getpagesize()


def grown(before: int | None) -> int | None:
    """By how many bytes this process grew since `resident_bytes` gave ``before``."""
    now = resident_bytes()
    return None if before is None or now is None else now - before


def milliseconds(seconds: Sequence[float], percent: int) -> float:
    """A percentile of ``seconds``, in milliseconds."""
    return 1000 * float(np.percentile(seconds, percent))
