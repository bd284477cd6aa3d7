"""`nuonuo bench stores`: stores beside each other, in one run, the embedder's time excluded."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.clock import BATCH, WARM_UP, MeteredEmbedder, milliseconds, settle_kernels
from nuonuo.evaluation.generated import generated_memories
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.places import Place, place
from nuonuo.evaluation.start import first_answer
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory
from nuonuo.records import DEFAULT_NAMESPACE

SINGLE = 200  # turns that are added one at a time
PROCESSES = 5  # that join, one after another


def measure_stores(
    stores: Sequence[str],
    n: int = 20_000,
    questions: int = 300,
    progress: Progress = lambda what, count: None,
) -> list[dict[str, Any]]:
    """What each of ``stores`` takes, the same memories and questions in all of them.

    Recalls and adds of one are clocked in turns, so that what else the machine does falls on each alike.

    Raises:
        InvalidInputError: too few memories or questions, or a store that is none.
    """
    if n <= SINGLE or questions < 1 or not stores:
        raise InvalidInputError(
            f"stores are measured with more than {SINGLE} memories and a question, got {n} and {questions}"
        )
    memories = [*generated_memories(n)]
    asked = [" ".join(each.text.split()[:8]) for each in memories[:: max(1, n // questions)]][:questions]
    many, few = memories[:-SINGLE], memories[-SINGLE:]
    found: list[dict[str, Any]] = []
    with ExitStack() as stack:
        places: list[Place] = [stack.enter_context(place(store)) for store in stores]
        held: list[tuple[AssociativeMemory, MeteredEmbedder]] = []
        for where in places:
            metered = MeteredEmbedder(HashEmbedder(), asked)
            memory = stack.enter_context(
                AssociativeMemory.open(where.where, embedder=metered, config=MemoryConfig())
            )
            writing = 0.0
            for start in range(0, len(many), BATCH):
                part = [replace(each, namespace=DEFAULT_NAMESPACE) for each in many[start : start + BATCH]]
                items = [*zip(part, memory._encoder.traces(part), strict=True)]
                writing += metered.clock(memory._store.insert, DEFAULT_NAMESPACE, items)
                progress("memories added", len(part))
            built = metered.clock(memory.recall, asked[0])
            held.append((memory, metered))
            found.append(
                {"system": where.system, "memories": n, "questions": len(asked),
                 "insert_per_second": len(many) / writing, "build_seconds": built}
            )  # fmt: skip
        singles: list[list[float]] = [[] for _ in held]
        for each in few:
            for taken, (memory, metered) in zip(singles, held, strict=True):
                taken.append(metered.clock(memory.add, each))
        progress("memories added", len(few))
        kernels, _ = settle_kernels()
        for memory, _ in held:
            for question in asked[:WARM_UP]:
                memory.recall(question)
        recalls: list[list[float]] = [[] for _ in held]
        for question in asked:
            for taken, (memory, metered) in zip(recalls, held, strict=True):
                taken.append(metered.clock(memory.recall, question))
        progress("questions asked", len(asked))
        embedder = pickle.dumps(HashEmbedder())
        for at, where in enumerate(places):
            joined = [first_answer(where.where, asked[0], embedder, 1)[0] for _ in range(PROCESSES)]
            progress("processes joined", PROCESSES)
            found[at] |= {
                "kernels": kernels,
                "add_one_ms_p50": milliseconds(singles[at], 50),
                "add_one_ms_p99": milliseconds(singles[at], 99),
                "recall_ms_p50": milliseconds(recalls[at], 50),
                "recall_ms_p99": milliseconds(recalls[at], 99),
                "joined_seconds": float(np.median(joined)),
            }
    return found
