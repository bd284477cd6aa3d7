"""A plugin of pytest: how each test of theirs ended, and whether an engine of ours was used in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from peers.running import OUTCOMES
from peers.swaps.engine import USED

_ended: dict[str, str] = {}
_used: set[str] = set()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Note whether an engine is used while the test runs, its fixtures included."""
    USED.clear()
    result = yield
    if USED.is_set():
        _used.add(item.nodeid)
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test fails if any of its phases does; of the runs of one that is tried again the last counts."""
    if report.when == "setup" and report.outcome == "passed":
        _ended.pop(report.nodeid, None)
    if report.failed:
        _ended[report.nodeid] = "failed"
    elif report.skipped:
        _ended[report.nodeid] = "skipped"
    elif report.when == "call" and report.outcome == "passed":
        _ended[report.nodeid] = "passed"


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """A module that cannot be imported is a failure of its own."""
    if report.failed:
        _ended[report.nodeid] = "failed"


def pytest_sessionfinish() -> None:
    """Write it down."""
    content = {"ended": _ended, "used": sorted(_used)}
    Path(os.environ[OUTCOMES]).write_text(json.dumps(content), encoding="utf-8")
