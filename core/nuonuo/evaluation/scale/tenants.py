"""Many namespaces in one file, visited at random with room for few of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, count, islice
from pathlib import Path

import numpy as np

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.clock import (
    WARM_UP,
    MeteredEmbedder,
    grown,
    milliseconds,
    read_through,
    resident_bytes,
    settle_kernels,
)
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.scale.corpus import Found
from nuonuo.evaluation.scale.engine import open_memory, rehearse
from nuonuo.evaluation.scale.jobs import Job
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory

TOGETHER = 5  # namespaces that are filled at once
WORDS = 8  # of a question
FILE = "namespaces.db"


def fill(job: Job, tell: Progress) -> Found:
    """Give each of ``job.options["namespaces"]`` namespaces ``job.options["each"]`` memories of its own.

    A file that has them already is left as it is.
    """
    path = _file(job)
    with job.embedding() as embedder:
        metered = MeteredEmbedder(embedder)
        taken, added = 0.0, 0
        with open_memory(job, metered, path) as memory:
            if held := memory.stats().memories:
                _must_be_filled(job, memory, held)
                return {"memories": held, "file_bytes": path.stat().st_size}
            these = _memories(job)
            while part := list(islice(these, TOGETHER * job.options["each"])):
                taken += metered.clock(memory.add, part)
                added += len(part)
                tell("memories added to namespaces", len(part))
    return {"memories": added, "add_per_second": added / taken, "file_bytes": path.stat().st_size}


def visit(job: Job, tell: Progress) -> Found:
    """Ask namespaces drawn at random, none twice: at first one must be built, then it is in RAM.

    The file is read once before, so that no disk is waited for: one filled long ago is as one that was
    filled just now.
    """
    drawn = np.random.default_rng(0).permutation(job.options["namespaces"])[: job.options["visits"]].tolist()
    questions = dict(zip(drawn, _questions(job, drawn), strict=True))
    with job.embedding() as embedder:
        metered = MeteredEmbedder(embedder, [*chain.from_iterable(questions.values())])
        rehearse(job)
        settle_kernels()
        read_through(_file(job))
        before = resident_bytes()
        built: list[float] = []
        held: list[float] = []
        with open_memory(job, metered, _file(job)) as memory:
            for namespace in drawn:
                for question, times in zip(questions[namespace], (built, held), strict=True):
                    times.append(
                        metered.clock(
                            lambda q, n: memory.recall(q, job.k, namespace=n), question, str(namespace)
                        )
                    )
                tell("namespaces visited", 1)
            stats, resident = memory.stats(), grown(before)
    built, held = (times[min(WARM_UP, len(drawn) - 1) :] for times in (built, held))
    return {
        "namespaces": job.options["namespaces"],
        "each": job.options["each"],
        "visits": len(drawn),
        "budget_bytes": job.config.shard_bytes,
        "built_ms_p50": milliseconds(built, 50),
        "built_ms_p99": milliseconds(built, 99),
        "held_ms_p50": milliseconds(held, 50),
        "held_ms_p99": milliseconds(held, 99),
        "shards": stats.shards,
        "shard_bytes": stats.shard_bytes,
        "resident_bytes": resident,
    }


def _file(job: Job) -> Path:
    """The file of the namespaces: one that is kept, or one of this run."""
    kept = job.options.get("filled")
    return job.folder / FILE if kept is None else Path(kept)


def _must_be_filled(job: Job, memory: AssociativeMemory, held: int) -> None:
    """Raise `InvalidInputError` unless ``memory``, which holds so many, is what `fill` makes."""
    namespaces, each = job.options["namespaces"], job.options["each"]
    wanted = next(_memories(job, namespaces * each - 1))
    last = memory.get([wanted.id or ""])[0]
    found = last and (last.id, last.namespace, last.text)
    if held != namespaces * each or found != (wanted.id, wanted.namespace, wanted.text):
        raise InvalidInputError(
            f"{_file(job)} holds {held:,} memories, not {namespaces:,} namespaces of {each:,} as they are "
            "asked for: give the --namespaces, --each, --sizes and --data it was filled with, or another "
            "file, and delete one that was not filled to the end"
        )


def _memories(job: Job, first: int = 0) -> Iterator[Memory]:
    """The memories of all namespaces, one namespace after another; texts come again once all were used.

    Args:
        first: how many are left out at the beginning.
    """
    wanted, each = job.options["namespaces"] * job.options["each"], job.options["each"]
    rounds = (job.corpus.parts(job.size) for _ in count())
    memories = chain.from_iterable(chain.from_iterable(rounds))
    for at, memory in enumerate(islice(memories, first, wanted), first):
        yield replace(memory, id=f"m{at}", namespace=str(at // each))


def _questions(job: Job, drawn: list[int]) -> list[tuple[str, str]]:
    """Two questions to each of the namespaces ``drawn``: the first words of two of its own memories."""
    each = job.options["each"]
    texts = job.corpus.texts(job.size)
    found = []
    for namespace in drawn:
        own = [texts[(namespace * each + at) % len(texts)] for at in (each // 3, 2 * each // 3)]
        found.append((_asked(own[0]), _asked(own[1])))
    return found


def _asked(text: str) -> str:
    return " ".join(text.split()[:WORDS])
