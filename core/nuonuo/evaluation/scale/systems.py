"""A vector store over the same vectors: filled, then asked for the nearest."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nuonuo.errors import MissingDependencyError
from nuonuo.evaluation.clock import grown, milliseconds, resident_bytes
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.scale.corpus import Found
from nuonuo.evaluation.scale.jobs import Job
from nuonuo.evaluation.systems.vector_stores import VECTOR_STORES

EXACT = "exact"
WARM_UP = 3
PATIENCE = 120.0  # seconds after which no further question is asked
FEWEST = 20  # questions that are asked however long they take


def measure(job: Job, tell: Progress) -> Found:
    """Fill ``job.options["system"]`` and ask it; {"missing": why} where it is not installed."""
    corpus, queries = job.corpus, job.corpus.queries
    with tempfile.TemporaryDirectory(prefix="store-", dir=corpus.folder) as folder:
        try:
            store = VECTOR_STORES[job.options["system"]](
                queries.shape[1], Path(folder), job.options["threads"]
            )
        except MissingDependencyError as error:
            return {"missing": str(error)}
        before, building = resident_bytes(), 0.0
        first = 0
        for part in corpus.parts(job.size):
            texts = [memory.text for memory in part]
            given = corpus.vectors(len(part), first)
            started = time.perf_counter()
            store.add(first, given, texts)
            building += time.perf_counter() - started
            first += len(part)
            tell("vectors added", len(part))
        started = time.perf_counter()
        store.nearest(queries[0], job.k)  # some finish their index when they are first asked
        building += time.perf_counter() - started
        for query in queries[:WARM_UP]:
            store.nearest(query, job.k)
        found, taken = [], []
        for query in queries:
            started = time.perf_counter()
            found.append(store.nearest(query, job.k))
            taken.append(time.perf_counter() - started)
            if len(taken) >= FEWEST and sum(taken) > PATIENCE:
                break
        if job.options["system"] == EXACT:
            corpus.put_nearest(job.size, np.array(found))
        return {
            "name": store.name,
            "build_seconds": building,
            "query_ms_p50": milliseconds(taken, 50),
            "query_ms_p95": milliseconds(taken, 95),
            "query_ms_p99": milliseconds(taken, 99),
            "resident_bytes": grown(before),
            "file_bytes": _bytes_below(Path(folder)),
            "recall_at_k": _agreement(found, corpus.nearest(job.size)),
            "questions": len(taken),
        }


def _agreement(found: list[list[int]], nearest: npt.NDArray[np.int64]) -> float:
    """The share of the nearest, by exact search, that were found."""
    shares = [
        len({*one} & {*other}) / len(other) for one, other in zip(found, nearest.tolist(), strict=False)
    ]
    return float(np.mean(shares))


def _bytes_below(folder: Path) -> int:
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)
