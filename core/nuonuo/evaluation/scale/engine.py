"""NuoNuo itself: one namespace that grows, is opened anew, is asked and walked."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from nuonuo.encoding.embedders import Embedder
from nuonuo.encoding.encoder import Encoder
from nuonuo.evaluation.clock import (
    HOPS,
    WALKS,
    WARM_UP,
    ExactSearch,
    MeteredEmbedder,
    by_turns,
    far_apart,
    grown,
    milliseconds,
    read_through,
    resident_bytes,
    settle_kernels,
    walks,
)
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.scale.corpus import Found
from nuonuo.evaluation.scale.jobs import Job
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory

SHARE = 32  # one memory of so many is added by itself
WARM_TEXTS = 16_384  # texts that an embedder has seen before what the engine takes is looked at


def grow(job: Job, tell: Progress) -> Found:
    """Add the corpus to a namespace in use: in batches, one in `SHARE` by itself, a recall in between.

    Where ``job.options["in_ram"]``, it is asked and walked as well; a file is, once it has been opened anew.
    """
    corpus, questions = job.corpus, job.corpus.questions
    path = None if job.options["in_ram"] else corpus.store(job.size)
    with job.embedding() as embedder:
        metered = MeteredEmbedder(embedder, questions)
        rehearse(job)
        kernels, _ = settle_kernels()
        _warm(job, embedder)
        before = resident_bytes()
        batches, singles, recalls = [], [], []
        with open_memory(job, metered, path) as memory:
            memory.recall(questions[0], job.k)
            for number, batch in enumerate(corpus.memories(job.size)):
                own = -(-len(batch) // SHARE)
                if len(batch) > own:
                    batches.append((len(batch) - own, metered.clock(memory.add, batch[:-own])))
                singles += [metered.clock(memory.add, each) for each in batch[-own:]]
                recalls.append(metered.clock(memory.recall, questions[number % len(questions)], job.k))
                tell("memories added", len(batch))
            found = {
                "kernels": kernels,
                "build_seconds": sum(taken for _, taken in batches) + sum(singles),
                "add_per_second": sum(n for n, _ in batches) / max(sum(t for _, t in batches), 1e-9),
                "batch_ms_max": milliseconds([taken for _, taken in batches] or singles, 100),
                "add_one_ms_p50": milliseconds(singles, 50),
                "add_one_ms_p99": milliseconds(singles, 99),
                "add_one_ms_max": milliseconds(singles, 100),
                "growing_recall_ms_p50": milliseconds(recalls, 50),
                "growing_recall_ms_max": milliseconds(recalls, 100),
            }
            if path is None:
                found |= ask(job, memory, metered, before, tell)
    if path is not None:
        found["file_bytes"] = path.stat().st_size
    return found


def reopen(job: Job, tell: Progress) -> Found:
    """Open the file that `grow` left, as a process does that has just been started, and ask it.

    The first answer is without compiled kernels, which no such process has loaded, and waits for no disk.
    """
    with job.embedding() as embedder:
        metered = MeteredEmbedder(embedder, job.corpus.questions)
        rehearsal = rehearse(job)
        read_through(job.corpus.store(job.size))
        before = resident_bytes()
        opened = time.perf_counter()
        memory = open_memory(job, metered, job.corpus.store(job.size))
        asked = time.perf_counter()
        with memory:
            memory.recall(job.corpus.questions[0], job.k)
            first = {
                "rehearsal_seconds": rehearsal,
                "open_seconds": asked - opened,
                "first_recall_seconds": time.perf_counter() - asked,
                "first_answer_seconds": time.perf_counter() - opened,
            }
            # What is loaded beside the hundredth recall is no part of what memories take.
            kernels, theirs = settle_kernels()
            before = None if before is None else before + theirs
            told = {"kernels": kernels, "kernels_bytes": theirs}
            return {**first, **told, **ask(job, memory, metered, before, tell)}


def ask(
    job: Job, memory: AssociativeMemory, metered: MeteredEmbedder, before: int | None, tell: Progress
) -> Found:
    """Recalls, an exact search among the same vectors, and hops; bytes without what the search takes."""
    questions, queries = job.corpus.questions, job.corpus.queries
    for question in questions[:WARM_UP]:
        memory.recall(question, job.k)
    alone = resident_bytes()
    exact = ExactSearch(job.corpus.vectors(job.size))
    exact.nearest(queries[0], job.k)
    before = None if before is None else before + (grown(alone) or 0)
    recalls, searches = by_turns(
        metered,
        [partial(memory.recall, question, job.k) for question in questions],
        [partial(exact.nearest, query, job.k) for query in queries],
    )
    tell("questions asked", len(questions))
    texts = (memory.text for batch in job.corpus.memories(job.size) for memory in batch)
    walked = walks(memory, metered, far_apart(texts, job.size, WALKS), HOPS)
    resident, stats = grown(before), memory.stats()
    return {
        "recall_ms_p50": milliseconds(recalls, 50),
        "recall_ms_p95": milliseconds(recalls, 95),
        "recall_ms_p99": milliseconds(recalls, 99),
        "exact_ms_p50": milliseconds(searches, 50),
        "recall_to_exact": milliseconds(recalls, 50) / milliseconds(searches, 50),
        **walked.figures(),
        "shard_bytes": stats.shard_bytes,
        "resident_bytes": resident,
    }


def encode(job: Job, embedder: Embedder, tell: Callable[[int], None]) -> None:
    """Have ``embedder`` see all that is embedded of the corpus, so that its cache holds it."""
    encoder = Encoder(embedder, None, job.config)
    for batch in job.corpus.memories(job.size):
        encoder.traces(batch)
        tell(len(batch))
    embedder.encode_queries(job.corpus.questions)


def open_memory(job: Job, embedder: Embedder, path: Path | None) -> AssociativeMemory:
    """The memory in the file ``path``, or where that is None one in RAM."""
    if path is None:
        return AssociativeMemory(embedder=embedder, config=job.config)
    return AssociativeMemory.open(path, embedder=embedder, config=job.config)


def rehearse(job: Job) -> float:
    """Seconds of a first use: what is imported where it is used, is imported by then."""
    started = time.perf_counter()
    with open_memory(job, HashEmbedder(), None) as memory:
        memory.add(["Rex is a beagle.", "Rex fears thunder."], session_id="s", timestamp="2024-05-01")
        memory.recall("What did Rex fear in May?")
        memory.chain("Rex")
    return time.perf_counter() - started


def _warm(job: Job, embedder: Embedder) -> None:
    """Fill what ``embedder`` keeps for itself, so that it is not taken for what the engine takes."""
    if job.cache is None:
        for batch in job.corpus.memories(min(job.size, WARM_TEXTS)):
            embedder.encode_documents([memory.text for memory in batch])
