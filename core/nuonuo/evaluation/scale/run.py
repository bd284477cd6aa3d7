"""The whole of `nuonuo bench scale`: every size and system in turn, never two at once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import InvalidInputError, NuonuoError
from nuonuo.evaluation.progress import Start
from nuonuo.evaluation.scale.corpus import Found
from nuonuo.evaluation.scale.jobs import Job, Limits, run
from nuonuo.evaluation.scale.systems import EXACT
from nuonuo.evaluation.systems.vector_stores import check_vector_stores
from nuonuo.records import Memory

STORES = {"file": "SQLite file", "ram": "RAM"}
LEAST = 20  # memories of a size
# What is compared between sizes, and so has an exponent.
GROWING = (
    "recall_ms_p50", "exact_ms_p50", "hop_ms_p50", "onward_hop_ms_p50", "query_ms_p50",
    "first_answer_seconds", "build_seconds", "add_one_ms_max", "file_bytes", "resident_bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        sizes: numbers of memories, each another namespace. stores: among `STORES`.
        systems: among `nuonuo.evaluation.systems.vector_stores.VECTOR_STORES`; exact search always is.
        namespaces: how many are put into one file, ``each`` with as many memories, and ``visits`` of them
            asked with ``budget`` bytes of `MemoryConfig.shard_bytes`; 0 leaves them out.
        filled: the file of the namespaces, which is kept; one that is there is only visited. None for none.

    Raises:
        InvalidInputError: a size that is too small or stands twice, an unknown store or system.
    """

    sizes: tuple[int, ...]
    stores: tuple[str, ...]
    systems: tuple[str, ...]
    limits: Limits
    k: int = 10
    namespaces: int = 0
    each: int = 200
    visits: int = 500
    budget: int = 500_000_000
    filled: str | None = None

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes) < LEAST or len({*self.sizes}) < len(self.sizes):
            raise InvalidInputError(
                f"sizes must be distinct numbers of at least {LEAST} memories, got "
                f"{', '.join(map(str, self.sizes)) or 'none'}"
            )
        unknown = [store for store in self.stores if store not in STORES]
        if unknown or not self.stores:
            raise InvalidInputError(
                f"there is no store {unknown[0] if unknown else ''!r}; there are {', '.join(STORES)}"
            )
        check_vector_stores(self.systems)
        if self.limits.threads < 1 or self.limits.seconds <= 0 or self.limits.bytes <= 0:
            raise InvalidInputError("threads, seconds and GiB of a process must be above 0")
        if self.namespaces < 0 or (self.namespaces and min(self.each, self.visits) < 1):
            raise InvalidInputError("namespaces must be at least 0, memories of each and visits at least 1")
        if self.filled is not None and not self.namespaces:
            raise InvalidInputError("a file of namespaces is given, but not how many: give --namespaces too")
        if self.budget < 1 << 20:
            raise InvalidInputError(f"the budget must be at least 2 MB, got {self.budget / 1e6:g} MB")

    @property
    def most(self) -> int:
        return max(self.sizes)


def measure_scale(
    plan: Plan,
    memories: Iterable[Memory],
    questions: Sequence[str],
    embedder: Embedder,
    cache: str | None,
    config: MemoryConfig,
    start: Start,
) -> Found:
    """Everything of ``plan``, over as many ``memories`` as its largest size.

    Args:
        memories: with distinct ids, of no namespace. cache: where embeddings are kept, or None.

    Raises:
        InvalidInputError: no question. NuonuoError: a process failed that measures NuoNuo itself.
    """
    if not questions:
        raise InvalidInputError("measuring needs a question, got none; see --questions")
    with tempfile.TemporaryDirectory(prefix="nuonuo-scale-") as folder:
        base = Job("", Path(folder), plan.most, plan.k, embedder, cache, config)
        writing = start("memories written", plan.most)
        base.corpus.write(memories, questions, lambda count: writing("memories written", count))
        do = _Doing(base, plan, start)
        told = _needed(do("embed", plan.most, seconds=float("inf")), "embedding")
        filled = _filled(do, plan) if plan.namespaces else {}  # at first: a file of something else is refused
        found: Found = {
            "sizes": [*plan.sizes], "k": plan.k, "questions": len(questions), "threads": plan.limits.threads,
            "embedder": told["embedder"], "dimension": told["dimension"],
            "import_seconds": import_seconds(), "engine": [], "systems": [], "skipped": {},
        }  # fmt: skip
        for size in plan.sizes:
            for store in plan.stores:
                found["engine"].append({"size": size, "store": STORES[store], **_engine(do, size, store)})
        skipped: dict[str, str] = {}
        for size in plan.sizes:
            for system in dict.fromkeys((EXACT, *plan.systems)):
                if system not in skipped:
                    row = _system(do, size, system, plan.limits.threads, skipped)
                    found["systems"] += [] if row is None else [{"system": system, "size": size, **row}]
        found["skipped"] = skipped
        if plan.namespaces:
            found["namespaces"] = filled if "stopped" in filled else {**filled, **_visited(do, plan)}
        found["exponents"] = exponents(found)
        return found


class _Doing:
    """Runs jobs of one corpus, each with a bar."""

    def __init__(self, base: Job, plan: Plan, start: Start) -> None:
        self._base, self._plan, self._start = base, plan, start

    def __call__(
        self, task: str, size: int, *, seconds: float | None = None, config: MemoryConfig | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Found:  # fmt: skip
        job = replace(
            self._base, task=task, size=size, options=options or {}, config=config or self._base.config
        )
        limits = self._plan.limits
        advance = self._start(f"{(options or {}).get('system', task)}, {size:,}", None)
        return run(job, limits if seconds is None else replace(limits, seconds=seconds), advance)

    def remove(self, path: Path) -> None:
        for left in path.parent.glob(f"{path.name}*"):
            left.unlink()

    @property
    def base(self) -> Job:
        return self._base


def _engine(do: _Doing, size: int, store: str) -> Found:
    in_ram = store == "ram"
    found = do("grow", size, options={"in_ram": in_ram})
    if not in_ram:
        if "stopped" not in found:
            found |= do("open", size)
        do.remove(do.base.corpus.store(size))
    return found


def _system(do: _Doing, size: int, system: str, threads: int, skipped: dict[str, str]) -> Found | None:
    """What was measured of ``system``; None, and why in ``skipped``, where nothing was, nor will be."""
    try:
        found = do("system", size, options={"system": system, "threads": threads})
    except NuonuoError as error:
        if system == EXACT:
            raise
        skipped[system] = str(error)
        return None
    if system == EXACT:
        return _needed(found, f"an exact search among {size:,} vectors")
    if "missing" in found:
        skipped[system] = found["missing"]
        return None
    if "stopped" in found:
        skipped[system] = f"with {size:,} memories {found['stopped']}"
    return found


def _needed(found: Found, what: str) -> Found:
    if "stopped" in found:
        raise NuonuoError(
            f"{what} took {found['stopped']}; nothing is measured without it: allow more, or ask for less"
        )
    return found


def _filled(do: _Doing, plan: Plan) -> Found:
    return do("fill namespaces", plan.most, options=_tenants(plan))


def _visited(do: _Doing, plan: Plan) -> Found:
    tight = replace(do.base.config, shard_bytes=plan.budget)
    return do("visit namespaces", plan.most, config=tight, options=_tenants(plan))


def _tenants(plan: Plan) -> dict[str, Any]:
    names = ("namespaces", "each", "visits", "filled")
    return {name: getattr(plan, name) for name in names}


def import_seconds() -> float:
    """Seconds that a fresh process takes to import the engine."""
    code = (
        "import time; started = time.perf_counter(); from nuonuo import AssociativeMemory, Memory; "
        "print(time.perf_counter() - started)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def exponents(found: Found) -> dict[str, dict[str, float]]:
    """How each measure grows with the number of memories: its slope in logarithms, by least squares."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["engine"]:
        rows.setdefault(f"nuonuo, {row['store']}", []).append(row)
    for row in found["systems"]:
        rows.setdefault(row.get("name", row["system"]), []).append(row)
    slopes = {name: {measure: _slope(these, measure) for measure in GROWING} for name, these in rows.items()}
    return {
        name: {measure: slope for measure, slope in each.items() if slope is not None}
        for name, each in slopes.items()
    }


def _slope(rows: Sequence[Mapping[str, Any]], measure: str) -> float | None:
    points = [(row["size"], row[measure]) for row in rows if (row.get(measure) or 0) > 0]
    if len(points) < 2:
        return None
    sizes, values = np.log(np.array(points, np.float64)).T
    return round(float(np.polyfit(sizes, values, 1)[0]), 3)
