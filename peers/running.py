"""One run of a suite: pytest in a process of its own, in the folder of their tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.suites import Suite

ROOT = Path(__file__).resolve().parent.parent

OUTCOMES = "PEERS_OUTCOMES"  # the variable that names the file for what came of each test

# Their own strict options would refuse marks of plugins that they alone use.
_OPTIONS = (
    *("-p", "no:cacheprovider", "-o", "addopts=", "-o", "asyncio_mode=auto", "--quiet", "--tb=short"),
    "--continue-on-collection-errors",
)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How each test ended.

    Attributes:
        ended: "passed", "failed" or "skipped", by the test's id.
        used: the ids of the tests in which an engine of ours was used.
    """

    ended: Mapping[str, str]
    used: frozenset[str]

    def that(self, how: str) -> list[str]:
        """The ids of those that ended so."""
        return [test for test, ended in self.ended.items() if ended == how]


def run(suite: Suite, folder: Path, *, with_us: bool) -> Outcomes:
    """Run ``suite`` in ``folder``, with ours in the place of theirs or as it is.

    Raises:
        SystemExit: pytest came to no end; what it said is in the log beside ``folder``.
    """
    kind = "with_us" if with_us else "without_us"
    log, found = (folder.with_suffix(f".{kind}.{end}") for end in ("log", "json"))
    found.unlink(missing_ok=True)
    swap = ("-p", f"peers.swaps.{suite.swap}") if with_us else ()
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, OUTCOMES: str(found), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "pytest", *_OPTIONS, "-p", "peers.outcomes", *swap, *suite.tests]
    with log.open("w", encoding="utf-8") as said:
        subprocess.run(
            command, cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False
        )
    if not found.exists():
        raise SystemExit(f"the tests of {suite.package} came to no end; see {log}")
    content = json.loads(found.read_text(encoding="utf-8"))
    return Outcomes(content["ended"], frozenset(content["used"]))
