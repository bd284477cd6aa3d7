"""From outcomes to figures: JSON that holds every condition, and a Markdown table for people."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import nuonuo
from nuonuo.config import MemoryConfig
from nuonuo.evaluation.data.forms import Dataset
from nuonuo.evaluation.metrics import all_at, any_at, auroc, ndcg_at, recall_at, spread
from nuonuo.evaluation.runner import Outcome, Run

Metric = Callable[[Sequence[str], Collection[str], int], float]

MEMORY_METRICS: dict[str, Metric] = {"recall": recall_at, "any": any_at, "all": all_at, "ndcg": ndcg_at}
SESSION_METRICS: dict[str, Metric] = {"any": any_at, "all": all_at, "ndcg": ndcg_at}
PACKAGES = (
    "apsw",
    "bm25s",
    "chromadb",
    "faiss-cpu",
    "lancedb",
    "langchain-core",
    "llama-index-core",
    "mem0ai",
    "numba",
    "sentence-transformers",
    "sqlite-vec",
    "torch",
    "usearch",
    "PyStemmer",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: a mean over questions, in percent, and how it varies over the folds.

    Attributes:
        level: "turn", "passage", "memory" or "session".
        category: "all", or one category of questions.
        folds: how many folds have such questions; deviation is the standard deviation of their means.
    """

    system: str
    level: str
    metric: str
    k: int
    category: str
    questions: int
    mean: float
    folds: int
    fold_mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Discrimination:
    """How well a system's confidence tells two kinds of question apart: AUROC in [0, 1]."""

    system: str
    positive: str
    negative: str
    positives: int
    negatives: int
    auroc: float


def figures(run: Run) -> list[Figure]:
    """Every metric at every k, over all questions and for each category."""
    dataset = run.dataset
    found = []
    for system, outcomes in _by_system(run):
        asked = [outcome for outcome in outcomes if not outcome.foreign and outcome.question.answerable]
        for category, chosen in _by_category(asked):
            for metric, function in MEMORY_METRICS.items():
                scored = [o for o in chosen if o.question.relevant]
                for k in dataset.memory_ks:
                    values = [function(o.ranked, o.question.relevant, k) for o in scored]
                    found += _figure(system, dataset.unit, metric, k, category, scored, values)
            for metric, function in SESSION_METRICS.items():
                scored = [o for o in chosen if o.question.sessions]
                for k in dataset.session_ks:
                    values = [function(o.sessions, o.question.sessions, k) for o in scored]
                    found += _figure(system, "session", metric, k, category, scored, values)
    return found


def discriminations(run: Run) -> list[Discrimination]:
    """AUROC of confidence: own questions against another group's, and against unanswerable ones."""
    found = []
    for system, outcomes in _by_system(run):
        sure = [(o, o.confidence) for o in outcomes if o.confidence is not None]
        own = [c for o, c in sure if not o.foreign and o.question.answerable]
        kinds = {
            "another namespace's questions": [c for o, c in sure if o.foreign],
            "unanswerable questions": [c for o, c in sure if not o.foreign and not o.question.answerable],
        }
        for negative, scores in kinds.items():
            if own and scores:
                found.append(
                    Discrimination(
                        system, "own questions", negative, len(own), len(scores), auroc(own, scores)
                    )
                )
    return found


def conditions(
    dataset: Dataset | None,
    embedder: str,
    config: MemoryConfig,
    *,
    split: str | None = None,
    command: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Everything that a figure depends on, as plain JSON values."""
    data = None
    if dataset is not None:
        data = {
            "name": dataset.name, "file": dataset.file, "sha256": dataset.sha256,
            "split": split or split_of(dataset.file), "unit": dataset.unit, "roles": dataset.roles,
            "pooled": dataset.pooled, "groups": len(dataset.groups), "memories": dataset.memories,
            "questions": dataset.questions, "notes": list(dataset.notes),
        }  # fmt: skip
    return {
        "data": data,
        "embedder": embedder,
        "config": asdict(config),
        **circumstances(PACKAGES, command if command is not None else sys.argv),
    }


def circumstances(packages: Sequence[str], command: Sequence[str]) -> dict[str, Any]:
    """Where, when, with which versions and by which command something is measured, as plain JSON values."""
    return {
        "machine": machine(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "nuonuo": nuonuo.__version__,
        "packages": _versions(packages),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(command),
    }


def split_of(file: str) -> str:
    """The split that a file's name states; "whole file" where it states none."""
    stem = file.split(".")[0]
    return next((part for part in stem.split("_") if part in {"dev", "test", "train"}), "whole file")


def machine() -> dict[str, Any]:
    """Processor, cores and memory of this machine, as far as the system tells."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    gib = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        gib = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    return {"processor": name, "cores": os.cpu_count(), "memory_gib": gib, "system": platform.platform()}


def to_json(run: Run, stated: Mapping[str, Any]) -> dict[str, Any]:
    """The whole report of one run."""
    asked = {name: [o.seconds for o in outcomes if not o.foreign] for name, outcomes in _by_system(run)}
    return {
        "conditions": dict(stated),
        "figures": [asdict(figure) for figure in figures(run)],
        "confidence": [asdict(each) for each in discriminations(run)],
        "seconds": {
            name: {"fill": run.fill_seconds.get(name), "ask": sum(values)} for name, values in asked.items()
        },
    }


def headline(dataset: Dataset) -> list[tuple[str, str, int]]:
    """The columns of the table: (level, metric, k)."""
    columns = [(dataset.unit, "recall", k) for k in dataset.memory_ks]
    if dataset.unit == "passage":  # a question of several hops is answered by all of its passages alone
        columns += [(dataset.unit, "all", k) for k in (2, 5, 10)]
    if dataset.session_ks:
        columns += [("session", "any", k) for k in (1, 5)]
        columns += [("session", "all", k) for k in (5, 10)] + [("session", "ndcg", 10)]
    return columns


def table(
    dataset: Dataset, found: Sequence[Figure], category: str = "all"
) -> tuple[list[str], list[list[str]]]:
    """Header and rows, one row a system, of the headline figures for ``category``."""
    value = {(f.system, f.level, f.metric, f.k): f for f in found if f.category == category}
    systems = list(dict.fromkeys(f.system for f in found))
    columns = headline(dataset)
    header = ["", *(f"{level} {short(metric)}@{k}" for level, metric, k in columns)]
    rows = []
    for system in systems:
        cells = [value.get((system, *column)) for column in columns]
        rows.append([system, *("-" if cell is None else f"{cell.mean:.1f}" for cell in cells)])
    return header, rows


def markdown(run: Run, stated: Mapping[str, Any]) -> str:
    """Tables over all questions and for each category, with the conditions above them."""
    found, dataset = figures(run), run.dataset
    data = stated["data"]
    pooled = "; pooled" if data["pooled"] else ""
    lines = [
        f"# {data['name']}",
        "",
        f"Split: {data['split']}; {data['questions']} questions over {data['memories']} memories "
        f"({data['unit']}s; roles: {data['roles']}{pooled}) in {data['groups']} "
        f"namespaces. Embedder: {stated['embedder']}. {stated['date']}, {stated['machine']['processor']}, "
        f"{stated['machine']['cores']} cores, Python {stated['python']}, NumPy {stated['numpy']}.",
        "",
        f"`{stated['command']}`",
        "",
        *(f"- {note}" for note in data["notes"]),
    ]
    categories = list(dict.fromkeys(f.category for f in found))
    for category in categories:
        counts = sorted({(f.level, f.questions) for f in found if f.category == category})
        counted = ", ".join(f"{count} at {level} level" for level, count in counts)
        lines += ["", f"## {category} ({counted})", "", *to_markdown(*table(dataset, found, category))]
    sure = discriminations(run)
    if sure:
        header = ["confidence, AUROC", "positive", "negative", "AUROC"]
        rows = [
            [d.system, f"{d.positive} ({d.positives})", f"{d.negative} ({d.negatives})", f"{d.auroc:.3f}"]
            for d in sure
        ]
        lines += ["", "## confidence", "", *to_markdown(header, rows)]
    return "\n".join(lines) + "\n"


def short(metric: str) -> str:
    """A metric as tables call it."""
    return {"recall": "R", "ndcg": "NDCG"}.get(metric, metric)


def to_markdown(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> list[str]:
    """A Markdown table, a line a row; the first ``words`` columns hold words, the others figures."""
    ruler = ["---" if at < words else "---:" for at in range(len(header))]
    return ["| " + " | ".join(cells) + " |" for cells in (header, ruler, *rows)]


def write(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as JSON, making the folder where it is not there."""
    target = Path(path).expanduser()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _figure(
    system: str,
    level: str,
    metric: str,
    k: int,
    category: str,
    scored: Sequence[Outcome],
    values: Sequence[float],
) -> list[Figure]:
    if not values:
        return []
    folds: dict[str, list[float]] = {}
    for outcome, value in zip(scored, values, strict=True):
        folds.setdefault(outcome.question.fold, []).append(100 * value)
    over_folds = spread([spread(each).mean for each in folds.values()])
    mean = 100 * spread(values).mean
    return [
        Figure(system, level, metric, k, category, len(values), round(mean, 2), len(folds),
               round(over_folds.mean, 2), round(over_folds.deviation, 2))
    ]  # fmt: skip


def _by_system(run: Run) -> list[tuple[str, list[Outcome]]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in run.outcomes:
        found.setdefault(outcome.system, []).append(outcome)
    return list(found.items())


def _by_category(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    found: dict[str, list[Outcome]] = {"all": list(outcomes)}
    categories = sorted({o.question.category for o in outcomes} - {"all"})
    for category in categories:
        found[category] = [o for o in outcomes if o.question.category == category]
    return list(found.items())


def _versions(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
