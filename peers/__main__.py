"""`make peers`: run the frameworks' own tests with ours in the place of theirs, and tell what came of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from peers.judging import Verdict, judge, read_list
from peers.reporting import report_of, terminal_of, write_report
from peers.running import ROOT, run
from peers.sources import fetched, unpacked, version_of
from peers.suites import SUITES, Suite

CACHE = ROOT / ".peers"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suites; 1 where a test outside the list fails, or one in the list passes."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"of: {', '.join(each.name for each in SUITES)}"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the source packages lie")
    parser.add_argument("--write", action="store_true", help="write benchmarks/peers.json and what shows it")
    asked = parser.parse_args(arguments)
    unknown = {*asked.suites} - {each.name for each in SUITES}
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}")
    chosen = [each for each in SUITES if not asked.suites or each.name in asked.suites]
    if asked.write and len(chosen) < len(SUITES):
        parser.error("a report is one of all suites; leave their names out, or --write")
    verdicts = [verdict_on(suite, asked.cache.resolve()) for suite in chosen]
    report = report_of(verdicts)
    print(terminal_of(report))
    for verdict in verdicts:
        tell(verdict)
    if asked.write:
        write_report(report)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def verdict_on(suite: Suite, cache: Path) -> Verdict:
    """Run ``suite`` without us and with us."""
    print(f"{suite.package}: {suite.name} ...", file=sys.stderr, flush=True)
    folder = cache / suite.name.replace(" ", "_")
    runs = []
    for with_us in (False, True):
        unpacked(fetched(suite.package, cache), folder)
        runs.append(run(suite, folder, with_us=with_us))
    theirs, ours = runs
    return judge(suite, version_of(suite.package), ours, theirs, read_list())


def tell(verdict: Verdict) -> None:
    """Print what is not as it should be."""
    for test in verdict.failed:
        print(f"{verdict.suite.name}: fails, and is not in the list of what does not apply: {test}")
    for test in verdict.stale:
        print(
            f"{verdict.suite.name}: is in the list of what does not apply, and passes or is no test: {test}"
        )
    if not verdict.ours:
        print(f"{verdict.suite.name}: no test that passes has anything to do with us")


if __name__ == "__main__":
    sys.exit(main())
