"""The report: JSON in `benchmarks/`, its page beside it, and its table in the documentation."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import nuonuo
from nuonuo.evaluation.report import machine, to_markdown, write
from nuonuo.evaluation.tables.reports import Report, machine_of
from peers.judging import Verdict
from peers.running import ROOT

REPORT = ROOT / "benchmarks" / "peers.json"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- peers:begin -->", "<!-- peers:end -->"

HEADER = (
    "their tests",
    "in the place of",
    "stands",
    "passed",
    "of them with ours in use",
    "failed",
    "do not apply",
    "fail without us too",
    "without us: passed / failed",
)
_WORDS = 3  # columns


def report_of(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """All of it as JSON, in the form of the other reports."""
    return {
        "conditions": {
            "data": None,
            "machine": machine(),
            "python": platform.python_version(),
            "nuonuo": nuonuo.__version__,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": "make peers",
        },
        "suites": [verdict.content() for verdict in verdicts],
    }


def rows_of(report: Mapping[str, Any]) -> list[list[str]]:
    """A row a suite, under `HEADER`."""
    return [
        [
            f"{each['package']} {each['version']}: {each['suite']}",
            each["theirs"],
            each["ours"],
            *(
                f"{count:,}"
                for count in (
                    each["passed"],
                    each["passed_with_ours_in_use"],
                    len(each["failed"]),
                    sum(len(entry["tests"]) for entry in each["not_applicable"]),
                    len(each["fails_without_us_too"]),
                )
            ),
            "{passed:,} / {failed:,}".format(**each["without_us"]),
        ]
        for each in report["suites"]
    ]


def table_of(report: Mapping[str, Any]) -> list[str]:
    """What the documentation shows: the table, and what it was measured on."""
    measured = (
        f"Measured: {report['conditions']['date'][:10]}. Machine: {machine_of(Report('', report, ''))}."
    )
    return [measured, "", *to_markdown(HEADER, rows_of(report), words=_WORDS)]


def terminal_of(report: Mapping[str, Any]) -> str:
    """The table for a terminal: without what stands for what."""
    lines = [[row[0], *row[_WORDS:]] for row in (HEADER, *rows_of(report))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in lines
    )


def page_of(report: Mapping[str, Any]) -> str:
    """The page of the report: the table, and each test that does not pass."""
    lines = ["# peers", "", *table_of(report)]
    for each in report["suites"]:
        lists = [(entry["reason"], entry["tests"]) for entry in each["not_applicable"]]
        lists.append(("Fails without us too.", each["fails_without_us_too"]))
        lists.append(("Fails.", each["failed"]))
        told = [(reason, tests) for reason, tests in lists if tests]
        if told:
            lines += ["", f"## {each['package']}: {each['suite']}"]
        for reason, tests in told:
            lines += ["", reason, "", *(f"- `{test}`" for test in tests)]
    return "\n".join([*lines, "", f"`{report['conditions']['command']}`, {report['conditions']['date']}", ""])


def shown(text: str, report: Mapping[str, Any]) -> str:
    """``text`` of a page with the table of ``report`` between its marks."""
    block = "\n".join([BEGIN, "", *table_of(report), "", END])
    return re.sub(f"{BEGIN}.*?{END}", lambda _: block, text, flags=re.S)


def write_report(report: Mapping[str, Any], path: Path = REPORT, page: Path = PAGE) -> None:
    """Write the report, its page, and its table into the documentation."""
    write(path, report)
    path.with_suffix(".md").write_text(page_of(report), encoding="utf-8")
    page.write_text(shown(page.read_text(encoding="utf-8"), report), encoding="utf-8")
