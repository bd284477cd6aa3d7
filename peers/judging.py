"""A run held against the run without us and against the list of the tests that do not apply."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peers.running import Outcomes
from peers.suites import Suite

LIST = Path(__file__).with_name("not_applicable.json")


@dataclass(frozen=True, slots=True)
class Entry:
    """Tests that do not apply to us.

    Attributes:
        suite: its name. tests: ids; that of a test, a class or a file stands for all that it holds.
    """

    suite: str
    tests: tuple[str, ...]
    reason: str

    def names(self, test: str) -> bool:
        return any(test == each or test.startswith((f"{each}[", f"{each}::")) for each in self.tests)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a suite.

    Attributes:
        passed: how many did. ours: in how many of them an engine of ours was used.
        skipped: how many were, by themselves.
        failed: ids of those that fail, or do not run, with us alone, and are not in the list.
        without: ids of those that fail without us too, and are not in the list.
        not_applicable: ids of those that fail, here or without us too, and are in the list, by the reason.
        stale: what is in the list and passes, or is no test.
        alone: the run without us: how many passed, how many failed.
    """

    suite: Suite
    version: str
    passed: int
    ours: int
    skipped: int
    failed: Sequence[str]
    without: Sequence[str]
    not_applicable: Mapping[str, Sequence[str]]
    stale: Sequence[str]
    alone: tuple[int, int]

    @property
    def good(self) -> bool:
        """Whether all is as the list says; a swap that reaches no test is a fault too."""
        return not self.failed and not self.stale and self.ours > 0

    def content(self) -> dict[str, Any]:
        """It as JSON."""
        return {
            "suite": self.suite.name,
            "package": self.suite.package,
            "version": self.version,
            "theirs": self.suite.theirs,
            "ours": self.suite.ours,
            "passed": self.passed,
            "passed_with_ours_in_use": self.ours,
            "failed": [*self.failed],
            "fails_without_us_too": [*self.without],
            "skipped": self.skipped,
            "not_applicable": [
                {"reason": reason, "tests": [*tests]} for reason, tests in self.not_applicable.items()
            ],
            "stale": [*self.stale],
            "without_us": dict(zip(("passed", "failed"), self.alone, strict=True)),
        }


def read_list(path: Path = LIST) -> list[Entry]:
    """The list of the tests that do not apply."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return [Entry(each["suite"], tuple(each["tests"]), each["reason"]) for each in content]


def judge(suite: Suite, version: str, ours: Outcomes, theirs: Outcomes, entries: Iterable[Entry]) -> Verdict:
    """The verdict on the run ``ours``, where ``theirs`` is the one without us."""
    entries = [entry for entry in entries if entry.suite == suite.name]
    broken = set(theirs.that("failed"))
    failed: list[str] = []
    without: list[str] = []
    listed: dict[str, list[str]] = {}
    # One that is skipped with us, or not there, has not passed.
    lost = [test for test in theirs.that("passed") if ours.ended.get(test, "skipped") == "skipped"]
    for test in [*ours.that("failed"), *lost]:
        reason = next((entry.reason for entry in entries if entry.names(test)), None)
        if reason is not None:
            listed.setdefault(reason, []).append(test)
        elif test in broken:
            without.append(test)
        else:
            failed.append(test)
    passed = ours.that("passed")
    return Verdict(
        suite=suite,
        version=version,
        passed=len(passed),
        ours=len(ours.used.intersection(passed)),
        skipped=len(ours.that("skipped")),
        failed=failed,
        without=without,
        not_applicable=listed,
        stale=[name for entry in entries for name in _stale(entry, ours)],
        alone=(len(theirs.that("passed")), len(broken)),
    )


def _stale(entry: Entry, ours: Outcomes) -> list[str]:
    found: list[str] = []
    for name in entry.tests:
        meant = [test for test in ours.ended if Entry(entry.suite, (name,), "").names(test)]
        found += [test for test in meant if ours.ended[test] == "passed"] if meant else [name]
    return found
