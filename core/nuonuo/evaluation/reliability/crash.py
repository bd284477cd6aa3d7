"""`nuonuo bench crash`: processes are killed at random moments, servers crash, connections are cut.

After each round everything is looked at: what was acknowledged is there, what was forgotten is gone, and
what is derived equals what is built afresh.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.acts import (
    SPACES,
    Act,
    Held,
    after,
    built_afresh,
    derived,
    held_by,
    opened,
)
from nuonuo.evaluation.reliability.places import Place
from nuonuo.evaluation.reliability.postgres import PostgresPlace
from nuonuo.evaluation.reliability.process import Victim
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory
from nuonuo.stores.base import Store
from nuonuo.stores.doctor import examine
from nuonuo.stores.layout import pack_traces
from nuonuo.stores.migrate import migrate
from nuonuo.stores.opening import open_store

LIFE = 0.4  # seconds of a process at most, once it has done what it was to do
ACTS = 4  # that it is to do at most, however slow the machine is
AT_ONCE = 0.25  # of the processes live so long from when they open the store, and may do nothing
RARELY = 11  # every so many rounds one is a copy, and one works words out anew
MANY = 1200  # memories that are copied, and whose words are worked out anew
PAGE = 50  # of them are copied at once
MOMENT = 0.05  # seconds at most, from what a process says to its end
CHECKS = (
    "acknowledged writes are there, once",
    "what was in doubt took place whole or not at all",
    "a reader that lived on sees what one sees that starts now",
    "derived state equals that built afresh",
    "every checksum holds",
    "the system's own check finds nothing",
    "nothing that was forgotten or replaced is in the files",
    "an interrupted copy goes on, and is equal",
    "interrupted renewal goes on, and is equal",
)
(ACKNOWLEDGED, DOUBT, FOLLOWED, AFRESH, SUMS, INTEGRITY, GONE, COPIED, RENEWED) = CHECKS


@dataclass(slots=True)
class Crashes:
    """What was done and what was found.

    Attributes:
        rounds: by the kind of crash. acknowledged: acts by kind. doubtful: acts that were under way: how
            many had taken place, and how many not. checks: how often each was made. failed: what it said.
    """

    system: str
    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def check(self, what: str, holds: bool, told: object = "") -> None:
        """Count one check of `CHECKS`; where it does not hold, keep what is ``told`` of it."""
        self.checks[what] += 1
        if not holds:
            self.failed.append(f"round {self.rounds.total()}: {what}: {str(told)[:300]}")

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain JSON values."""
        return {
            "system": self.system, "seed": self.seed, "rounds": self.rounds.total(), "seconds": self.seconds,
            "crashes": dict(self.rounds), "acknowledged": dict(self.acknowledged),
            "doubtful": dict(self.doubtful), "checks": {what: self.checks[what] for what in CHECKS},
            "failed": self.failed,
        }  # fmt: skip


def crash(
    place: Place,
    rounds: int = 500,
    seed: int = 0,
    seconds: float = 3600.0,
    progress: Progress = lambda what, count: None,
) -> Crashes:
    """Crash ``rounds`` times what writes in ``place``, for ``seconds`` at most.

    Raises:
        InvalidInputError: no round.
    """
    if rounds < 1:
        raise InvalidInputError(f"a crash needs at least one round, got {rounds}")
    began, rng = time.monotonic(), random.Random(seed)
    found = Crashes(place.system, seed)
    held = Held()
    longer: AssociativeMemory | None = None
    many = _ManyMemories(place)
    victim = Victim()
    for number in range(rounds):
        if time.monotonic() - began > seconds:
            break
        this, victim = victim, Victim()  # the next one starts meanwhile
        how = place.crashes[number % len(place.crashes)]
        if number % RARELY == 4:
            found.rounds["copy"] += 1
            many.copy(this, rng, found)
        elif number % RARELY == 9:
            found.rounds["renew"] += 1
            many.renew(this, rng, found)
        else:
            found.rounds[how] += 1
            # A reader that lives on keeps a file's log in use; where there is none, it is recovered.
            if number % 2:
                longer = longer or opened(place.where)
            elif longer is not None:
                longer.close()
                longer = None
            this.begin("write", place.way(how), number)
            if rng.random() > AT_ONCE:
                this.done(rng.randint(1, ACTS))
            time.sleep(rng.uniform(0, LIFE))
            if how != "kill":
                place.strike(how)
                time.sleep(rng.uniform(0, LIFE))
            lines = this.kill()
            place.settled()
            held = look(place, held, lines, longer, found)
        progress(f"rounds ({len(found.failed)} failed)", 1)
    victim.kill()
    if longer is not None:
        longer.close()
    if isinstance(place, PostgresPlace):
        _look_after_vacuum(place, held, found)
    found.seconds = time.monotonic() - began
    return found


def look(
    place: Place,
    held: Held,
    lines: Sequence[str],
    longer: AssociativeMemory | None,
    found: Crashes,
) -> Held:
    """Check all that is there against what was ``held`` before and the ``lines`` of the dead process."""
    under_way: Act | None = None
    for line in lines:
        if line == "done" and under_way is not None:
            found.acknowledged[under_way.kind] += 1
            held, under_way = after(held, under_way), None
        else:
            under_way = Act.of(line)
    with opened(place.where) as memory:
        store = memory._store
        here = held_by(store)
        if under_way is None:
            found.check(ACKNOWLEDGED, here == held, _differences(here, held))
        else:
            done = after(held, under_way)
            found.check(ACKNOWLEDGED, here in (held, done), _differences(here, held))
            found.check(DOUBT, here in (held, done), _differences(here, done))
            if done != held:
                found.doubtful["had taken place" if here == done else "had not"] += 1
        fresh = built_afresh(store)
        for space in SPACES:
            state = derived(memory, space)
            found.check(AFRESH, state == derived(fresh, space), space)
            if longer is not None:
                found.check(FOLLOWED, state == derived(longer, space), space)
        found.check(SUMS, not examine(store) and store.counts().memories == len(here.memories))
        remains = place.remains()
        if remains is not None:
            found.check(GONE, remains <= here.marks, sorted(remains - here.marks))
        damage = place.damage()
        found.check(INTEGRITY, not damage, damage)
    return here


def _look_after_vacuum(place: PostgresPlace, held: Held, found: Crashes) -> None:
    with opened(place.where) as memory:
        memory._store.vacuum()  # type: ignore[attr-defined]
    remains = place.after_vacuum()
    if remains is not None:
        found.check(GONE, remains <= held.marks, sorted(remains - held.marks))


def _differences(here: Held, wanted: Held) -> str:
    ids = [
        each
        for each in {*here.memories, *wanted.memories}
        if here.memories.get(each) != wanted.memories.get(each)
    ]
    pairs = {*here.links.items()} ^ {*wanted.links.items()}
    return f"{sorted(ids)} {sorted(pairs)}"


class _ManyMemories:
    """A store of many memories in ``place``: its copy and the renewal of its words take a while."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._where: str | None = None
        self._rows: list[tuple[str, bytes]] = []

    def _there(self) -> str:
        if self._where is None:
            self._where = self._place.another()
            with opened(self._where) as memory:
                items = [
                    Memory(f"{n} the dogs were running home from {n % 7} rivers", id=f"m{n}")
                    for n in range(MANY)
                ]
                memory.add(items, namespace="many")
                self._rows = _rows(memory._store)
        return self._where

    def copy(self, victim: Victim, rng: random.Random, found: Crashes) -> None:
        """Kill a process that copies it, and go on with the copy."""
        source, target = self._there(), self._place.another()
        open_store(target).close()
        way = self._place.way
        victim.begin("copy", way("kill", source), way("kill", target), PAGE)
        victim.heard(rng.randint(1, 2 * MANY // PAGE))  # each is copied, and then verified
        time.sleep(rng.uniform(0, MOMENT))
        victim.kill()
        self._place.settled()
        one, other = open_store(source), open_store(target)
        migrate(one, other)
        found.check(COPIED, _rows(one) == _rows(other) == self._rows)
        one.close()
        other.close()

    def renew(self, victim: Victim, rng: random.Random, found: Crashes) -> None:
        """Kill a process that works its words out anew by another language's rules, and come back to ours."""
        where = self._there()
        victim.begin("renew", self._place.way("kill", where), "german")
        time.sleep(rng.uniform(0, 2 * LIFE))
        victim.kill()
        self._place.settled()
        with opened(where) as memory:
            found.check(RENEWED, _rows(memory._store) == self._rows and not examine(memory._store))


def _rows(store: Store) -> list[tuple[str, bytes]]:
    """What is stored of each memory, but for the note that its words were once those of other rules."""
    rows = store.scan(0, 2 * MANY)
    return [(str(memory.id), pack_traces(replace(traces, older=False))) for _, memory, traces in rows]
