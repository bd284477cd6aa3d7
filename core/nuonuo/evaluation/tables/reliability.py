"""The tables of what the stores were put to: crashes, crowds, soaks, and ways of asking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nuonuo.evaluation.reliability import results
from nuonuo.evaluation.report import to_markdown
from nuonuo.evaluation.tables.reports import Report, name_of


def crashes(reports: Sequence[Report]) -> list[str]:
    """A column for each report."""
    return to_markdown(*results.crash_table([report.content["crash"] for report in reports]))


def crowds(reports: Sequence[Report]) -> list[str]:
    """A column for each report."""
    return to_markdown(*results.crowd_table([report.content["crowd"] for report in reports]))


def soaks(reports: Sequence[Report]) -> list[str]:
    """A table for each report."""
    return _each(reports, "soak", results.soak_table)


def stores(reports: Sequence[Report]) -> list[str]:
    """A table for each report."""
    return _each(reports, "stores", results.stores_table)


def wide(reports: Sequence[Report]) -> list[str]:
    """A table for each report, the smaller namespaces first."""
    lines: list[str] = []
    for report in sorted(reports, key=lambda each: int(each.content["wide"]["memories"])):
        lines += [f"{name_of(report)}:", "", *_each([report], "wide", results.wide_table)]
    return lines


def _each(reports: Sequence[Report], name: str, table: Callable[[Any], results.Table]) -> list[str]:
    return [line for report in reports for line in (*to_markdown(*table(report.content[name])), "")]
