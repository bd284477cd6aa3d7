"""`nuonuo bench wide`: one namespace held in RAM, and asked in the database, in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import datetime
from itertools import islice
from typing import Any

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation import report
from nuonuo.evaluation.clock import WARM_UP, MeteredEmbedder, milliseconds, resident_bytes, settle_kernels
from nuonuo.evaluation.data.forms import Dataset, Group
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.evaluation.runner import answer_of, run
from nuonuo.evaluation.systems.base import Answer
from nuonuo.memory import AssociativeMemory
from nuonuo.records import DEFAULT_NAMESPACE, Memory

HELD, DATABASE, CELLS, PGVECTOR, INDEXED = "held", "database", "cells", "pgvector", "indexed"
WAYS = (
    HELD,
    DATABASE,
    CELLS,
    PGVECTOR,
    INDEXED,
)  # how the namespace is asked, in the order in which that is tried
BATCH = 1024  # memories that are written at once
FIRST = 10  # hits of which it is told whether they are the same


def measure_wide(
    where: PostgresPlace,
    ways: Sequence[str],
    memories: Iterable[Memory],
    count: int,
    questions: Sequence[str],
    embedder: Embedder,
    config: MemoryConfig | None = None,
    dataset: Dataset | None = None,
    times: int = 1,
    progress: Progress = lambda what, count: None,
    keep: Callable[[dict[str, Any]], None] = lambda found: None,
) -> dict[str, Any]:
    """Store ``memories`` in one namespace of the database, and ask it in each of ``ways``.

    ``held``: in RAM. ``database``: in the database, with what PostgreSQL itself has. ``cells``: as that, with
    as many cells as a million memories have, however few there are. ``pgvector``: as ``database``, with the
    extension, which is made there. ``indexed``: and with an index of its.

    Args:
        count: of memories. dataset: whose figures are told, where the memories are those of its group.
        keep: told what there is after each way.
        times: as often they are there, the others made of the first (`nuonuo.evaluation.multiplied`).

    Raises:
        InvalidInputError: no memories, no question, or no such way.
    """
    wrong = [way for way in ways if way not in WAYS] or ["nothing"][: not ways]
    if wrong:
        raise InvalidInputError(f"there is no way {wrong[0]!r} to ask; there are {', '.join(WAYS)}")
    if count < 1 or not questions:
        raise InvalidInputError(
            f"a namespace is asked that has memories, and with a question; got {count} and {len(questions)}"
        )
    if times != 1 and (times < 1 or HELD in ways):
        raise InvalidInputError(
            "memories are multiplied in the database, and asked there alone: got "
            f"times = {times}, and the ways {', '.join(ways)}"
        )
    config = config or MemoryConfig()
    metered = MeteredEmbedder(embedder, questions)
    found: dict[str, Any] = {
        "system": where.system, "memories": count * times, "encoded": count, "questions": len(questions),
        "k": FIRST,
    }  # fmt: skip
    with AssociativeMemory.open(where.where, embedder=metered, config=config) as memory:
        found["store_seconds"] = metered.clock(_store, memory, memories, progress)
        found["kernels"], _ = settle_kernels()
    if times > 1:
        with AssociativeMemory.open(
            where.where, embedder=metered, config=replace(config, shard_memories=1)
        ) as memory:
            found["ready_seconds"] = metered.clock(memory.recall, questions[0], FIRST)
        where.multiply(times, progress)
    tens: list[list[str]] | None = None
    found["ways"] = []
    for way in sorted({*ways}, key=WAYS.index):
        row: dict[str, Any] = {"way": way}
        if way in (PGVECTOR, INDEXED):
            row["index_seconds"] = where.vectors(embedder.dimension if way == INDEXED else None)
            found["extension"] = where.extension
        bound = 0 if way == HELD else 1
        before = resident_bytes()
        with (
            where.cells(count * times if way == CELLS else None),
            AssociativeMemory.open(
                where.where, embedder=metered, config=replace(config, shard_memories=bound)
            ) as memory,
        ):
            row["ready_seconds"] = metered.clock(memory.recall, questions[0], FIRST)
            where.settle()
            for question in questions[:WARM_UP]:
                memory.recall(question, FIRST)
            after, ten, taken = resident_bytes(), list[list[str]](), list[float]()
            row["grown_bytes"] = None if before is None or after is None else after - before
            for question in questions:
                taken.append(metered.clock(_ask, memory, question, ten))
                progress("questions asked", 1)
            row |= {f"recall_ms_p{percent}": milliseconds(taken, percent) for percent in (50, 95, 99)}
            tens = tens or ten
            row["same"] = sum(one == other for one, other in zip(ten, tens, strict=True)) / len(ten)
            row["shared"] = sum(
                len({*one} & {*other}) / max(len(other), 1) for one, other in zip(ten, tens, strict=True)
            ) / len(ten)
            if dataset is not None:
                told = run(dataset, [_Stored(way, memory)], foreign=False, progress=_steps(progress))
                row["figures"] = [asdict(each) for each in report.figures(told) if each.category == "all"]
        found["ways"].append(row)
        found["bytes"] = where.journal()["store_bytes"]
        keep(found)
    return found


def _steps(progress: Progress) -> Callable[[str, str], None]:
    return lambda system, group: progress("questions judged", 1)


def _ask(memory: AssociativeMemory, question: str, into: list[list[str]]) -> None:
    into.append([str(hit.memory.id) for hit in memory.recall(question, FIRST)])


def _store(memory: AssociativeMemory, memories: Iterable[Memory], progress: Progress) -> None:
    """Write ``memories``; the next ones' traces are made while the database writes."""
    stream = (replace(each, namespace=DEFAULT_NAMESPACE) for each in memories)
    with ThreadPoolExecutor(1) as writer:
        under_way: Future[list[int]] | None = None
        while part := [*islice(stream, BATCH)]:
            items = [*zip(part, memory._encoder.traces(part), strict=True)]
            if under_way is not None:
                under_way.result()
            under_way = writer.submit(memory._store.insert, DEFAULT_NAMESPACE, items)
            progress("memories written", len(items))
        if under_way is not None:
            under_way.result()


class _Stored:
    """A memory as a system that was filled before.

    Args:
        name: what its rows are called.
    """

    def __init__(self, name: str, memory: AssociativeMemory) -> None:
        self.name, self._memory = name, memory

    def fill(self, group: Group) -> None:
        pass

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        return answer_of(self._memory.recall(question, k, now=now))
