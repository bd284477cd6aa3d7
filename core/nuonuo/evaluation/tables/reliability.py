"""The tables of what the stores were put to: crashes, crowds, soaks, and ways of asking."""

from __future__ import annotations

from collections.abc import Sequence

from nuonuo.evaluation.reliability import results
from nuonuo.evaluation.report import to_markdown
from nuonuo.evaluation.tables.reports import Report, name_of

WORDS = 1  # columns that hold words


def crashes(reports: Sequence[Report]) -> list[str]:
    """A column for each report."""
    return to_markdown(*results.crash_table([report.content["crash"] for report in reports]), words=WORDS)


def crowds(reports: Sequence[Report]) -> list[str]:
    """A column for each report."""
    return to_markdown(*results.crowd_table([report.content["crowd"] for report in reports]), words=WORDS)


def soaks(reports: Sequence[Report]) -> list[str]:
    """A table for each report."""
    lines: list[str] = []
    for report in reports:
        lines += [*to_markdown(*results.soak_table(report.content["soak"]), words=WORDS), ""]
    return lines


def stores(reports: Sequence[Report]) -> list[str]:
    """A table for each report."""
    lines: list[str] = []
    for report in reports:
        lines += [*to_markdown(*results.beside_table(report.content["stores"]), words=WORDS), ""]
    return lines


def wide(reports: Sequence[Report]) -> list[str]:
    """A table for each report, the smaller namespaces first."""
    lines: list[str] = []
    for report in sorted(reports, key=lambda each: int(each.content["wide"]["memories"])):
        lines += [f"{name_of(report)}:", ""]
        lines += [*to_markdown(*results.wide_table(report.content["wide"]), words=WORDS), ""]
    return lines
