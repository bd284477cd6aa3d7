"""What `make peers` makes of the frameworks' own tests; run by itself, for it asks the package index."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from peers.judging import Entry, judge, read_list
from peers.reporting import PAGE, REPORT, page_of, shown, write_report
from peers.running import ROOT, Outcomes
from peers.sources import unpacked
from peers.suites import SUITES

SUITE = SUITES[0]
NAME = SUITE.name


def ended(*used: str, **tests: str) -> Outcomes:
    return Outcomes({f"tests/t.py::{name}": how for name, how in tests.items()}, frozenset(used))


def test_the_list_says_why_for_tests_of_its_suites() -> None:
    files = {suite.name: suite.tests for suite in SUITES}
    entries = read_list()
    named = [(entry.suite, test) for entry in entries for test in entry.tests]
    assert len(named) == len({*named}) > 10
    for entry in entries:
        assert entry.tests and all(test.startswith(files[entry.suite]) for test in entry.tests), entry
        assert entry.reason.endswith(".") and len(entry.reason) > 20


def test_every_suite_has_its_stand_in() -> None:
    assert len({suite.name for suite in SUITES}) == len(SUITES)
    for suite in SUITES:
        assert (ROOT / "peers" / "swaps" / f"{suite.swap}.py").exists()


def test_an_entry_names_what_a_test_holds() -> None:
    entry = Entry(NAME, ("a.py::test_b", "c.py"), "")
    held = ["a.py::test_b", "a.py::test_b[1]", "c.py", "c.py::C::test_d[x]"]
    assert all(map(entry.names, held))
    assert not any(map(entry.names, ["a.py", "a.py::test_bc", "c.pyx", "d/c.py::test"]))


def test_what_fails_is_told_apart() -> None:
    ours = ended(
        "tests/t.py::good", "tests/t.py::bad",
        good="passed", also="passed", bad="failed", listed="failed", broken="failed", left="skipped",
    )  # fmt: skip
    theirs = ended(good="passed", also="passed", bad="passed", listed="failed", broken="failed")
    found = judge(SUITE, "1", ours, theirs, [Entry(NAME, ("tests/t.py::listed",), "why.")])
    assert (found.passed, found.ours, found.skipped) == (2, 1, 1)
    assert found.failed == ["tests/t.py::bad"]
    assert found.without == ["tests/t.py::broken"]
    assert found.not_applicable == {"why.": ["tests/t.py::listed"]}
    assert found.stale == [] and not found.good
    assert found.alone == (3, 2)


def test_what_does_not_run_with_us_has_not_passed() -> None:
    ours, theirs = ended("tests/t.py::a", a="passed", b="skipped", c="skipped"), ended(a="passed", b="passed")
    theirs = Outcomes({**theirs.ended, "tests/t.py::c": "skipped", "tests/t.py::d": "passed"}, frozenset())
    assert judge(SUITE, "1", ours, theirs, []).failed == ["tests/t.py::b", "tests/t.py::d"]


@pytest.mark.parametrize(
    ("listed", "stale"),
    [("tests/t.py::a", ["tests/t.py::a[2]"]), ("tests/t.py::gone", ["tests/t.py::gone"])],
)
def test_an_entry_is_stale_where_a_test_of_it_passes_or_there_is_none(listed: str, stale: list[str]) -> None:
    ours = Outcomes(
        {"tests/t.py::a[1]": "failed", "tests/t.py::a[2]": "passed"}, frozenset(["tests/t.py::a[2]"])
    )
    entries = [Entry(NAME, (listed,), "why."), Entry(NAME, ("tests/t.py::a[1]",), "why.")]
    found = judge(SUITE, "1", ours, ours, entries)
    assert found.stale == stale and not found.good and found.failed == []


def test_a_stand_in_that_reaches_no_test_is_a_fault() -> None:
    both = ended(good="passed")
    assert not judge(SUITE, "1", both, both, []).good
    assert judge(SUITE, "1", ended("tests/t.py::good", good="passed"), both, []).good


def test_the_report_is_of_every_suite_and_good() -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    assert [each["suite"] for each in report["suites"]] == [suite.name for suite in SUITES]
    assert not any(each["failed"] or each["stale"] for each in report["suites"])
    listed = {(entry.suite, entry.reason) for entry in read_list()}
    told = {(each["suite"], entry["reason"]) for each in report["suites"] for entry in each["not_applicable"]}
    assert told == listed


def test_the_pages_show_the_report() -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    assert REPORT.with_suffix(".md").read_text(encoding="utf-8") == page_of(report)
    text = PAGE.read_text(encoding="utf-8")
    assert shown(text, report) == text, "run `make peers`"


def test_writing_changes_the_table_alone(tmp_path: Path) -> None:
    report = json.loads(REPORT.read_text(encoding="utf-8"))
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- peers:begin -->\nold\n<!-- peers:end -->\nafter\n", encoding="utf-8")
    write_report(report, tmp_path / "r.json", page)
    lines = page.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["before", "<!-- peers:begin -->"] and lines[-2:] == ["<!-- peers:end -->", "after"]
    assert "old" not in lines and any(line.startswith("| langchain ") for line in lines)
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == report


def test_of_a_source_package_the_tests_alone_are_unpacked(tmp_path: Path) -> None:
    source = tmp_path / "p-1"
    for name in ("tests/test_a.py", "p/__init__.py", "pyproject.toml"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    with tarfile.open(tmp_path / "p-1.tar.gz", "w:gz") as archive:
        archive.add(source, "p-1")
    place = tmp_path / "place"
    (place / "tests").mkdir(parents=True)
    (place / "tests" / "left.py").touch()
    unpacked(tmp_path / "p-1.tar.gz", place)
    files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    assert files == ["pyproject.toml", "tests/test_a.py"]
