"""`nuonuo bench soak`: a chat's mix for a long time, and whether what it takes stays flat."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from typing import Any

import numpy as np

from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.chat import Plan
from nuonuo.evaluation.reliability.places import Place
from nuonuo.evaluation.reliability.process import Worker

Sample = Mapping[str, Any]

WARM_UP = 0.1  # of the time, which counts for nothing
# What is looked at: how it reads in a sample, and by how much of its median the last third of the time may be
# above the first. Others work on the machine too: a latency is judged beside that of work that never changes.
MEASURES: dict[str, tuple[Callable[[Sample], float | None], float | None]] = {
    "resident_bytes": (lambda sample: sample["resident_bytes"], 0.05),
    "handles": (lambda sample: sample["handles"], 0.0),
    "threads": (lambda sample: sample["threads"], 0.0),
    "shard_bytes": (lambda sample: sample["shard_bytes"], 0.25),
    "journal_rows": (lambda sample: sample["journal_rows"], 0.25),
    "log_bytes": (lambda sample: sample.get("log_bytes"), None),
    "store_bytes": (lambda sample: sample["store_bytes"], 0.1),
    "machine_ms_p50": (lambda sample: sample["latency"].get("machine", {}).get("ms_p50"), None),
    "recall_to_machine": (lambda sample: _to_machine(sample, "recall"), 0.25),
    "add_to_machine": (lambda sample: _to_machine(sample, "add"), 0.25),
    "recall_ms_p50": (lambda sample: sample["latency"].get("recall", {}).get("ms_p50"), None),
    "recall_ms_p99": (lambda sample: sample["latency"].get("recall", {}).get("ms_p99"), None),
    "add_ms_p50": (lambda sample: sample["latency"].get("add", {}).get("ms_p50"), None),
    "add_ms_p99": (lambda sample: sample["latency"].get("add", {}).get("ms_p99"), None),
}


def _to_machine(sample: Sample, name: str) -> float | None:
    told = sample["latency"]
    return told[name]["ms_p50"] / told["machine"]["ms_p50"] if {name, "machine"} <= {*told} else None


def soak(place: Place, plan: Plan, progress: Progress = lambda what, count: None) -> dict[str, Any]:
    """Have a process chat by ``plan`` in ``place``, look at it from time to time, and say what became of it.

    Raises:
        InvalidInputError: too short for four samples. NuonuoError: the process failed.
    """
    if not 0 < plan.every <= plan.seconds / 4 or plan.users < 1 or plan.rate < 0:
        raise InvalidInputError(
            f"a soak takes at least four samples of at least one user, got one every {plan.every:g} s in "
            f"{plan.seconds:g} s, and {plan.users} users at a rate of {plan.rate:g}"
        )
    samples, last = [], {}
    with closing(Worker()) as worker:
        worker.begin("chat", place.where, asdict(plan))
        for line in worker.lines():
            last = json.loads(line)
            if "plan" not in last:
                samples.append({**last, **place.journal()})
                progress("samples", 1)
        if "plan" not in last:
            raise NuonuoError(f"the process that chats failed: {worker.last_words()}")
    return {
        "system": place.system,
        **last,
        "measures": {name: trend(samples, name) for name in MEASURES},
        "samples": samples,
    }


def trend(samples: Sequence[Sample], name: str) -> dict[str, Any] | None:
    """How one of `MEASURES` went on over time; None where it cannot be told.

    Returns:
        the least, the median and the greatest of it; slope: by how much it grows an hour (least squares);
        first, last: its median in the first and the last third of the time; flat: whether the last is no
        more above the first than is allowed, None where nothing is promised.
    """
    read, allowed = MEASURES[name]
    end = max(sample["seconds"] for sample in samples)
    warm = [sample for sample in samples if sample["seconds"] >= WARM_UP * end]
    found = [(sample["seconds"], value) for sample in warm if (value := read(sample)) is not None]
    if len(found) < 3:
        return None
    times, values = np.array(found, np.float64).T
    third = max(1, len(values) // 3)
    first, last, median = (float(np.median(part)) for part in (values[:third], values[-third:], values))
    return {
        "min": float(values.min()),
        "median": median,
        "max": float(values.max()),
        "slope_per_hour": float(np.polyfit(times / 3600, values, 1)[0]),
        "first": first,
        "last": last,
        "allowed": allowed,
        "flat": None if allowed is None else last - first <= allowed * median,
    }
