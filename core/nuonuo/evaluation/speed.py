"""How fast, and how large: recall, add and chains, with the time of the embedder taken out.

What is measured is the engine as it is used: the public calls, over a file or in RAM. The embedder's
own seconds are clocked inside the calls and subtracted; questions are encoded before the clock starts.
Machines differ, and so do their hours: an exact vector search is clocked too, as a measure.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.encoding.embedders.base import FloatArray
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.clock import (
    BATCH,
    HOPS,
    WALKS,
    WARM_UP,
    ExactSearch,
    MeteredEmbedder,
    by_turns,
    far_apart,
    grown,
    milliseconds,
    resident_bytes,
    settle_kernels,
    walks,
)
from nuonuo.evaluation.progress import Progress
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory

SINGLE_ADDS = 100


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured, the embedder's time excluded throughout; nothing in it is estimated but shard_bytes.

    Attributes:
        kernels: "numba" or "numpy": those that a process comes to use which goes on asking.
        add_per_second: in batches, into a memory that nobody has asked yet.
        add_one_ms_p50: one at a time, while the namespace is in use.
        build_seconds: from the stored memories to the first recall's answer.
        exact_ms_p50: of an exact search, one float32 matrix product, among as many vectors.
        recall_to_exact: recall_ms_p50 over exact_ms_p50.
        hop_ms_p50: a stop of a walk of six hops, its start shared among them; chain_start_ms_p50: that start
            alone, which looks at all memories; onward_hop_ms_p50: each hop after it.
        shard_bytes: of the derived state, as `AssociativeMemory.stats` tells it.
        resident_bytes: by which the process grew from its start to the last recall, but for the kernels;
            None where the system does not tell.
    """

    memories: int
    questions: int
    k: int
    store: str
    kernels: str
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
    chain_start_ms_p50: float
    onward_hop_ms_p50: float
    shard_bytes: int
    resident_bytes: int | None
    file_bytes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
                adding += metered.clock(memory.add, part)
                tell("memories added", len(part))
            building = metered.clock(memory.recall, questions[0], k)
            singles = [metered.clock(memory.add, each) for each in few]
            tell("memories added", len(few))
            kernels, theirs = settle_kernels()
            for question in questions[:WARM_UP]:
                memory.recall(question, k)
            vectors = _made_up_vectors(len(memories) + 1, embedder.dimension)
            exact = ExactSearch(vectors[:-1])
            recalls, searches = by_turns(
                metered,
                [partial(memory.recall, question, k) for question in questions],
                [partial(exact.nearest, vectors[-1], k)] * len(questions),
            )
            tell("questions asked", len(questions))  # not in between: drawing would disturb what is clocked
            del exact, vectors
            texts = (each.text for each in memories)
            walked = walks(memory, metered, far_apart(texts, len(memories), WALKS), HOPS)
            tell("chains walked", len(walked.hops))
            resident = grown(None if before is None else before + theirs)
            stats = memory.stats()
    return Speed(
        memories=stats.memories,
        questions=len(questions),
        k=k,
        store="RAM" if in_ram else "SQLite file",
        kernels=kernels,
        add_per_second=len(many) / adding,
        add_one_ms_p50=milliseconds(singles, 50),
        add_one_ms_p95=milliseconds(singles, 95),
        build_seconds=building,
        recall_ms_p50=milliseconds(recalls, 50),
        recall_ms_p95=milliseconds(recalls, 95),
        recall_ms_mean=1000 * float(np.mean(recalls)),
        exact_ms_p50=milliseconds(searches, 50),
        recall_to_exact=milliseconds(recalls, 50) / milliseconds(searches, 50),
        **walked.figures(),
        shard_bytes=stats.shard_bytes,
        resident_bytes=resident,
        file_bytes=stats.file_bytes,
    )


def as_one_namespace(memories: Sequence[Memory]) -> list[Memory]:
    """``memories`` with ids that cannot clash, for one namespace."""
    return [replace(memory, id=f"m{at}") for at, memory in enumerate(memories)]


def _made_up_vectors(n: int, dimension: int) -> FloatArray:
    """``n`` unit vectors (n, d)."""
    vectors = np.random.default_rng(0).standard_normal((n, dimension), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
