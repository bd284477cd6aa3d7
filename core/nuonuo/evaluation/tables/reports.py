"""Reports as they lie in a folder: what each is on, which belong together, and what they depend on."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.report import to_markdown

SPLITS = ("test", "whole file", "dev", "train")  # questions that nobody has looked at come first
FITTED = "dev"
RESEARCH = "research"  # the experiments' reports lie by themselves


@dataclass(frozen=True, slots=True)
class Report:
    """One JSON report.

    Attributes:
        name: of its file, without the ending. page: the file that people read, from the folder.
    """

    name: str
    content: Mapping[str, Any]
    page: str

    @property
    def conditions(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.content["conditions"]
        return found

    @property
    def data(self) -> Mapping[str, Any]:
        """What `nuonuo.evaluation.report.conditions` says of the data; empty for made-up texts."""
        return self.conditions["data"] or {}

    @property
    def split(self) -> str:
        return str(self.data.get("split", "made up"))


@dataclass(frozen=True, slots=True)
class Source:
    """A data set in one way of storing and asking it.

    Attributes:
        detail: what its first row adds to the name; may hold {memories} and {asked}, how often each
            question was asked before.
        data: how the data set's name begins. roles: whose turns are stored, where that is a choice.
    """

    key: str
    name: str
    data: str
    detail: str = ""
    roles: str | None = None
    pooled: bool = False
    asked: bool = False

    def is_of(self, report: Report) -> bool:
        data = report.data
        return (
            str(data.get("name", "")).startswith(self.data)
            and self.roles in (None, data["roles"])
            and (self.pooled, self.asked) == (data["pooled"], "_asked" in data["name"])
        )


_POOLED = "{memories} user turns in one namespace"
_ASKED = "each asked {asked} times before, in vain"
_LONG = "longmemeval_s"

SOURCES = (
    Source("locomo", "LoCoMo", "locomo"),
    Source("asked", "LoCoMo asked before", "locomo", _ASKED, asked=True),
    Source("longmemeval", "LongMemEval-S", _LONG, "user turns stored", roles="user"),
    Source("pooled", "LongMemEval-S pooled", _LONG, _POOLED, roles="user", pooled=True),
    Source("both", "LongMemEval-S with both roles", _LONG, roles="both"),
    Source("musique", "MuSiQue", "musique"),
    Source("hotpotqa", "HotpotQA", "hotpotqa"),
    Source("2wiki", "2WikiMultiHopQA", "2wiki"),
)


def read_reports(folder: str | Path) -> list[Report]:
    """Every JSON report in ``folder`` and in its folder `RESEARCH`, by name.

    Raises:
        InvalidInputError: no such folder, or a JSON file that `nuonuo bench` did not write.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InvalidInputError(f"there is no folder of reports {str(folder)!r}; check --reports")
    found = []
    for path in sorted([*place.glob("*.json"), *place.glob(f"{RESEARCH}/*.json")]):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            _ = content["conditions"]["data"], content["conditions"]["command"]
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidInputError(
                f"{path.name} is not a report of `nuonuo bench` ({type(error).__name__}: {error}); "
                "write it again with --out, or move it elsewhere"
            ) from error
        page = path.with_suffix(".md")
        shown = page if page.exists() else path
        found.append(Report(path.stem, content, shown.relative_to(place).as_posix()))
    return found


def source_of(report: Report) -> Source | None:
    return next((source for source in SOURCES if source.is_of(report)), None)


def name_of(report: Report) -> str:
    """What people call the report's data."""
    source = source_of(report)
    return str(report.data.get("name", "made-up texts")) if source is None else source.name


def detail_of(report: Report) -> str:
    """What more is to be known of how the data was stored and asked."""
    source = source_of(report)
    if source is None:
        return ""
    asked = re.search(r"--asked[ =](\d+)", report.conditions["command"])
    return source.detail.format(
        memories=f"{report.data['memories']:,}", asked=asked[1] if asked else "several"
    )


def machine_of(report: Report) -> str:
    machine = report.conditions["machine"]
    memory = "" if machine["memory_gib"] is None else f", {machine['memory_gib']:g} GiB"
    return f"{machine['processor']}, {machine['cores']} cores{memory}"


def editions(reports: Iterable[Report]) -> list[dict[str, Report]]:
    """The reports of one split and one embedder each, as source key -> report; held-out questions first.

    Raises:
        InvalidInputError: two reports on the same.
    """
    found: dict[tuple[str, str], dict[str, Report]] = {}
    for report in reports:
        source = source_of(report)
        if source is None:
            continue
        same = found.setdefault((report.split, report.conditions["embedder"]), {})
        other = same.setdefault(source.key, report)
        if other is not report:
            raise InvalidInputError(
                f"{other.name}.json and {report.name}.json both report on {name_of(report)} "
                f"({report.split}, {report.conditions['embedder']}); keep one of them in the folder"
            )
    keys = [source.key for source in SOURCES]
    ordered = sorted(found, key=lambda each: (_place(each[0]), -len(found[each]), each))
    return [dict(sorted(found[each].items(), key=lambda item: keys.index(item[0]))) for each in ordered]


def conditions_line(reports: Sequence[Report]) -> str:
    """What all figures of ``reports`` depend on; where they differ, which depends on what."""
    dates = sorted(report.conditions["date"][:10] for report in reports)
    measured = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return " ".join(
        [
            _told("Split", [(report.split, report) for report in reports]),
            _told("Embedder", [(report.conditions["embedder"], report) for report in reports]),
            _told("Configuration", [(_settings(report), report) for report in reports]),
            f"Measured: {measured}.",
            _told("Machine", [(machine_of(report), report) for report in reports]),
        ]
    )


def provenance(reports: Sequence[Report], folder: str) -> list[str]:
    """A table: where each figure comes from. ``folder`` is the way from the page to the reports."""
    header = ["report", "data", "sha256", "split", "measured", "machine", "command"]
    rows = []
    for report in reports:
        sha = str(report.data.get("sha256", ""))[:12]
        rows.append(
            [
                f"[{report.name}]({folder}{report.page})",
                str(report.data.get("file", "made up")),
                f"`{sha}…`" if sha else "–",
                report.split,
                report.conditions["date"][:16].replace("T", " "),
                machine_of(report),
                f"`{report.conditions['command']}`",
            ]
        )
    return to_markdown(header, rows, words=len(header))


def _place(split: str) -> int:
    return SPLITS.index(split) if split in SPLITS else len(SPLITS)


def _told(name: str, found: Sequence[tuple[str, Report]]) -> str:
    by_value: dict[str, list[str]] = {}
    for value, report in found:
        by_value.setdefault(value, []).append(name_of(report))
    if len(by_value) == 1:
        return f"{name}: {found[0][0]}."
    each = [f"{value} ({', '.join(names)})" for value, names in by_value.items()]
    return f"{name}: {'; '.join(each)}."


def _settings(report: Report) -> str:
    """What ``--set`` made different from the default configuration."""
    words = shlex.split(report.conditions["command"])
    values = [after for word, after in pairwise(words) if word == "--set"]
    values += [word.removeprefix("--set=") for word in words if word.startswith("--set=")]
    return ", ".join(values) or "the default"
