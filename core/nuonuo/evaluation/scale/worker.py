"""The other side of `nuonuo.evaluation.scale.jobs.run`: a job in, lines of JSON out."""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from collections.abc import Callable
from typing import Any

from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.scale import engine, systems, tenants
from nuonuo.evaluation.scale.corpus import Found
from nuonuo.evaluation.scale.jobs import Job


def embed(job: Job, tell: Progress) -> Found:
    """Write the vectors of the corpus; what a cache lacks of all that is stored of a text goes there too."""
    with job.embedding() as embedder:
        if job.cache is not None:
            engine.encode(job, embedder, lambda count: tell("texts embedded", count))
        job.corpus.embed(embedder, job.size, lambda count: tell("vectors written", count))
        return {"embedder": embedder.name, "dimension": embedder.dimension}


TASKS: dict[str, Callable[[Job, Progress], Found]] = {
    "embed": embed,
    "grow": engine.grow,
    "open": engine.reopen,
    "system": systems.measure,
    "fill namespaces": tenants.fill,
    "visit namespaces": tenants.visit,
}


def main() -> None:
    job: Job = pickle.load(sys.stdin.buffer)
    # What a library prints is no line of ours.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)

        def say(name: str, value: Any) -> None:
            print(json.dumps({name: value}), file=out, flush=True)

        started, used = time.perf_counter(), time.process_time()
        found = TASKS[job.task](job, lambda what, count: say("progress", [what, count]))
        share = (time.process_time() - used) / (time.perf_counter() - started)
        say("found", {**found, "processor_share": share})


if __name__ == "__main__":
    main()
