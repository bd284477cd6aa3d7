"""How fast, and how large: recall, add and chains, with the time of the embedder taken out.

What is measured is the engine as it is used: the public calls, over a file or in RAM. The embedder's
own seconds are clocked inside the calls and subtracted; questions are encoded before the clock starts.
Machines differ, and so do their hours: an exact vector search is clocked too, as a measure.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder, Encoding
from nuonuo.errors import InvalidInputError
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory, Step

BATCH = 256
WARM_UP = 10  # recalls before the clock counts
SINGLE_ADDS = 100
CHAINS = 100
HOPS = 6

Progress = Callable[[str, int], None]  # what is done, and how many more of it


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured, the embedder's time excluded throughout; nothing in it is estimated but shard_bytes.

    Attributes:
        add_per_second: in batches, into a memory that nobody has asked yet.
        add_one_ms_p50: one at a time, while the namespace is in use.
        build_seconds: from the stored memories to the first recall's answer.
        exact_ms_p50: of an exact search, one float32 matrix product, among as many vectors.
        recall_to_exact: recall_ms_p50 over exact_ms_p50.
        shard_bytes: of the derived state, as `AssociativeMemory.stats` tells it.
        resident_bytes: by which the process grew from its start to the last recall; None where the
            system does not tell.
    """

    memories: int
    questions: int
    k: int
    store: str
    add_per_second: float
    add_one_ms_p50: float
    add_one_ms_p95: float
    build_seconds: float
    recall_ms_p50: float
    recall_ms_p95: float
    recall_ms_mean: float
    exact_ms_p50: float
    recall_to_exact: float
    hop_ms_p50: float
    hop_ms_p95: float
    shard_bytes: int
    resident_bytes: int | None
    file_bytes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class MeteredEmbedder:
    """An embedder that clocks itself; questions that it was given beforehand cost a look-up."""

    def __init__(self, embedder: Embedder, questions: Sequence[str] = ()) -> None:
        self._embedder = embedder
        self._known = dict(zip(questions, embedder.encode_queries(list(questions)), strict=True))
        self.seconds = 0.0

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    @property
    def token_dimension(self) -> int | None:
        return self._embedder.token_dimension

    def encode_documents(self, texts: Sequence[str]) -> list[Encoding]:
        return self._clocked(self._embedder.encode_documents, texts)

    def encode_queries(self, texts: Sequence[str]) -> list[Encoding]:
        if all(text in self._known for text in texts):
            return [self._known[text] for text in texts]
        return self._clocked(self._embedder.encode_queries, texts)

    def _clocked(
        self, encode: Callable[[Sequence[str]], list[Encoding]], texts: Sequence[str]
    ) -> list[Encoding]:
        started = time.perf_counter()
        try:
            return encode(texts)
        finally:
            self.seconds += time.perf_counter() - started


def measure(
    memories: Sequence[Memory],
    questions: Sequence[str],
    embedder: Embedder,
    config: MemoryConfig | None = None,
    *,
    k: int = 10,
    in_ram: bool = False,
    progress: Progress | None = None,
) -> Speed:
    """Store ``memories`` in one namespace, ask ``questions``, walk chains, and clock each.

    Args:
        in_ram: keep the memories in RAM instead of in a file.

    Raises:
        InvalidInputError: too few memories, or no question.
    """
    if len(memories) <= SINGLE_ADDS or not questions:
        raise InvalidInputError(
            f"measuring speed needs more than {SINGLE_ADDS} memories and a question, "
            f"got {len(memories)} and {len(questions)}"
        )
    tell = progress or (lambda what, count: None)
    metered = MeteredEmbedder(embedder, questions)
    before = resident_bytes()
    many, few = memories[:-SINGLE_ADDS], memories[-SINGLE_ADDS:]
    with tempfile.TemporaryDirectory(prefix="nuonuo-speed-") as folder:
        config = config or MemoryConfig()
        if in_ram:
            memory = AssociativeMemory(embedder=metered, config=config)
        else:
            memory = AssociativeMemory.open(Path(folder) / "memories.db", embedder=metered, config=config)
        with memory:
            adding = 0.0
            for start in range(0, len(many), BATCH):
                part = many[start : start + BATCH]
                adding += _clock(metered, memory.add, part)
                tell("memories added", len(part))
            building = _clock(metered, memory.recall, questions[0], k)
            singles = []
            for each in few:
                singles.append(1000 * _clock(metered, memory.add, each))
            tell("memories added", len(few))
            for question in questions[:WARM_UP]:
                memory.recall(question, k)
            recalls = []
            for question in questions:
                recalls.append(1000 * _clock(metered, memory.recall, question, k))
            # Neither goes in between: drawing would disturb what is clocked, searching sweep the caches.
            tell("questions asked", len(questions))
            exact = _ExactSearch(len(memories), embedder.dimension)
            searches = [1000 * _clock(metered, exact.nearest, k) for _ in questions]
            del exact
            hops = _hops(memory, metered, memories, tell)
            grown = resident_bytes()
            stats = memory.stats()
    return Speed(
        memories=stats.memories,
        questions=len(questions),
        k=k,
        store="RAM" if in_ram else "SQLite file",
        add_per_second=len(many) / adding,
        add_one_ms_p50=_quantile(singles, 50),
        add_one_ms_p95=_quantile(singles, 95),
        build_seconds=building,
        recall_ms_p50=_quantile(recalls, 50),
        recall_ms_p95=_quantile(recalls, 95),
        recall_ms_mean=float(np.mean(recalls)),
        exact_ms_p50=_quantile(searches, 50),
        recall_to_exact=_quantile(recalls, 50) / _quantile(searches, 50),
        hop_ms_p50=_quantile(hops, 50),
        hop_ms_p95=_quantile(hops, 95),
        shard_bytes=stats.shard_bytes,
        resident_bytes=None if before is None or grown is None else grown - before,
        file_bytes=stats.file_bytes,
    )


def resident_bytes() -> int | None:
    """Bytes of RAM that this process holds now; None where the system does not tell."""
    status = Path("/proc/self/statm")
    if not status.exists():
        return None
    import resource

    return int(status.read_text().split()[1]) * resource.getpagesize()


def as_one_namespace(memories: Sequence[Memory]) -> list[Memory]:
    """``memories`` with ids that cannot clash, for one namespace."""
    return [replace(memory, id=f"m{at}") for at, memory in enumerate(memories)]


class _ExactSearch:
    """The least that a vector store does: ``n`` made-up unit vectors, compared one and all with another."""

    def __init__(self, n: int, dimension: int) -> None:
        vectors = np.random.default_rng(0).standard_normal((n + 1, dimension), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors, self._query = vectors[:n], vectors[n]

    def nearest(self, k: int) -> npt.NDArray[np.intp]:
        """The ``k`` nearest vectors, nearest first."""
        similarities = self._vectors @ self._query
        best = np.argpartition(-similarities, min(k, len(similarities) - 1))[:k]
        order: npt.NDArray[np.intp] = best[np.argsort(-similarities[best])]
        return order


def _hops(
    memory: AssociativeMemory, metered: MeteredEmbedder, memories: Sequence[Memory], tell: Progress
) -> list[float]:
    """Milliseconds a stop of a walk, each from another memory's own vector."""
    starts = [memories[at] for at in range(0, len(memories), max(1, len(memories) // CHAINS))][:CHAINS]
    found = []
    for encoding in metered.encode_documents([start.text for start in starts]):
        stops: list[Step] = []
        taken = _clock(
            metered, lambda vector, into: into.extend(memory.chain(vector, HOPS)), encoding.vectors[0], stops
        )
        found.append(1000 * taken / max(len(stops), 1))
    tell("chains walked", len(found))
    return found


def _clock(metered: MeteredEmbedder, call: Callable[..., Any], *args: Any) -> float:
    """Seconds that ``call`` takes outside the embedder."""
    embedding, started = metered.seconds, time.perf_counter()
    call(*args)
    return time.perf_counter() - started - (metered.seconds - embedding)


def _quantile(values: Sequence[float], percent: int) -> float:
    return float(np.percentile(values, percent))
