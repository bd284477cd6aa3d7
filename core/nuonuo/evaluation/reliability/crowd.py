"""`nuonuo bench soak --workers 4`: processes of several threads at once, all on one store.

Each thread keeps account of its own memories, so that what is there in the end is known exactly. Pairs that
are always written by one call tell whether anybody ever sees half of a write; counters that all add to,
whether a write is ever lost or done twice.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.reliability.acts import (
    SPACES,
    WORDS,
    built_afresh,
    derived,
    opened,
)
from nuonuo.evaluation.reliability.latency import Latency
from nuonuo.evaluation.reliability.places import Place
from nuonuo.evaluation.reliability.process import Worker
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory
from nuonuo.stores.doctor import examine

PAIRS = 12  # that a thread keeps at most; an id that was forgotten is used again
KINDS = {"add": 4, "update": 3, "forget": 2, "associate": 1, "count": 2, "recall": 5, "look at a pair": 3}
PATIENCE = 120.0  # seconds after the end after which a process is stuck

LOST = "what each thread wrote is there, once, and nothing else"
COUNTED = "counters that all add to have every addition, once"
TORN = "nobody ever saw half of a write"
READ = "what was just written is recalled at once, by its own namespace alone"
STUCK = "every process came to its end"
ERRORS = "no call failed (locked, deadlocked, anything)"
STATE = "derived state equals that built afresh"
WHOLE = "every checksum holds, and the system's own check finds nothing"
CHECKS = (LOST, COUNTED, TORN, READ, STUCK, ERRORS, STATE, WHOLE)


def counter(space: str) -> str:
    """The id of the memory of ``space`` whose metadata is the counter."""
    return f"counter {space}"


def pairs_of(thread: str) -> list[str]:
    """The ids of the first ones of the pairs that ``thread`` may have."""
    return [f"{thread} {n} {SPACES[n % len(SPACES)]}" for n in range(PAIRS)]


def space_of(first: str) -> str:
    """The namespace of a pair."""
    return first.rpartition(" ")[2]


class Member:
    """One thread: its pairs, and what it saw."""

    def __init__(self, memory: AssociativeMemory, me: str, others: list[str], seed: int) -> None:
        self._memory, self._me, self._others = memory, me, others
        self._rng = random.Random(seed)
        self.latency = Latency()
        self.kept: dict[str, str] = {}  # the first of a pair -> what both say
        self.counted: Counter[str] = Counter()
        self.checks: Counter[str] = Counter()
        self.failed: list[str] = []
        self._number = 0

    def work(self, seconds: float) -> None:
        """Act by chance for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            (kind,) = self._rng.choices([*KINDS], [*KINDS.values()])
            if kind == "add" and len(self.kept) >= PAIRS:
                kind = "forget"
            try:
                self._act(kind)
                self.checks[ERRORS] += 1
            except Exception as error:  # whatever it is, it is told: that is what is measured
                self.failed.append(f"{ERRORS}: {kind}: {type(error).__name__}: {error}"[:300])

    def _act(self, kind: str) -> None:
        memory, rng, clock = self._memory, self._rng, self.latency.clock
        mine = rng.choice([*self.kept]) if self.kept else None
        space = space_of(mine) if mine else rng.choice(SPACES)
        if kind == "add" or (kind in ("update", "forget", "associate") and mine is None):
            first = rng.choice([each for each in pairs_of(self._me) if each not in self.kept])
            space, text = space_of(first), self._text()
            pair = [Memory(text, id=each) for each in (first, first + " +")]
            clock("add", lambda: memory.add(pair, namespace=space, session_id=self._me))
            self.kept[first] = text
        elif kind == "update" and mine:
            text = self._text()
            pair = [Memory(text, id=each) for each in (mine, mine + " +")]
            clock("update", lambda: memory.add(pair, namespace=space, session_id=self._me, replace=True))
            self.kept[mine] = text
        elif kind == "forget" and mine:
            gone = clock("forget", lambda: memory.forget(ids=[mine, mine + " +"]))
            self._check(LOST, gone == 2, f"{mine}: {gone} were there to forget")
            del self.kept[mine]
        elif kind == "associate" and mine:
            clock("associate", lambda: memory.associate(mine, mine + " +", 0.5))
        elif kind == "count":
            add = lambda old: {"n": old.metadata["n"] + 1}  # noqa: E731
            clock("revise", lambda: memory.revise([counter(space)], add))
            self.counted[space] += 1
        elif kind == "recall":
            question = self.kept[mine] if mine else " ".join(rng.choices(WORDS, k=4))
            found = clock("recall", lambda: memory.recall(question, 10, namespace=space))
            told = [hit.memory for hit in found]
            own = mine is None or any(each.text == question for each in told)
            self._check(READ, own and all(each.namespace == space for each in told), mine)
        else:
            theirs = rng.choice(pairs_of(rng.choice(self._others)))
            one, other = clock("get", lambda: memory.get([theirs, theirs + " +"]))
            whole = (one is None and other is None) or (one and other and one.text == other.text)
            self._check(TORN, bool(whole), theirs)

    def _text(self) -> str:
        self._number += 1
        return f"{self._me.replace(' ', '')}n{self._number} {' '.join(self._rng.choices(WORDS, k=7))}"

    def _check(self, what: str, holds: bool, told: object) -> None:
        self.checks[what] += 1
        if not holds:
            self.failed.append(f"{what}: {told}")


def member(where: str, number: int, workers: int, threads: int, seconds: float, seed: int) -> Iterator[str]:
    """One process of the crowd; in the end what its threads kept, counted and saw, as JSON."""
    memory = opened(where)
    names = [f"w{worker} t{thread}" for worker in range(workers) for thread in range(threads)]
    members = [
        Member(memory, f"w{number} t{thread}", names, seed + 1000 * number + thread)
        for thread in range(threads)
    ]
    yield "begun"
    together = threading.Barrier(threads)

    def begin(member: Member) -> None:
        together.wait()
        member.work(seconds)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(begin, members))
    latency = Latency()
    for member in members:
        latency.merge(member.latency.counts)
    memory.close()
    yield json.dumps(
        {
            "kept": {first: text for member in members for first, text in member.kept.items()},
            "counted": sum((member.counted for member in members), Counter[str]()),
            "checks": sum((member.checks for member in members), Counter[str]()),
            "failed": [each for member in members for each in member.failed],
            "latency": latency.counts,
        }
    )


def crowd(
    place: Place,
    *,
    workers: int = 4,
    threads: int = 4,
    seconds: float = 600.0,
    seed: int = 0,
    progress: Progress = lambda what, count: None,
) -> dict[str, Any]:
    """Have ``workers`` processes of ``threads`` threads work in ``place``, and look at what is there then.

    Raises:
        InvalidInputError: nobody to work. NuonuoError: a process failed.
    """
    if workers < 1 or threads < 1 or seconds <= 0:
        raise InvalidInputError(
            f"a crowd takes at least one process, one thread and some time, got {workers}, {threads} and "
            f"{seconds:g} s"
        )
    with opened(place.where) as memory:
        for space in SPACES:
            memory.add(Memory("what all add to", id=counter(space), metadata={"n": 0}), namespace=space)
    checks: Counter[str] = Counter()
    failed: list[str] = []
    told = _run(place, workers, threads, seconds, seed, progress, failed)
    checks[STUCK] = workers
    latency, kept, counted = Latency(), dict[str, str](), Counter[str]()
    for each in told:
        latency.merge(each["latency"])
        kept.update(each["kept"])
        counted.update(each["counted"])
        checks.update(each["checks"])
        failed += each["failed"]
    place.settled()
    with opened(place.where) as memory:
        store = memory._store
        wanted = {**kept, **{first + " +": text for first, text in kept.items()}}
        there = {str(each.id): each for each in store.list()}
        counters = {space: there.pop(counter(space)).metadata["n"] for space in SPACES}
        checks[LOST] += len(wanted)
        if len(told) == workers:
            different = sorted(
                each
                for each in {*wanted, *there}
                if each not in there or there[each].text != wanted.get(each)
            )
            failed += [f"{LOST}: {each}" for each in different]
            failed += [
                f"{COUNTED}: {space}: {counters[space]} of {counted[space]}"
                for space in SPACES
                if counters[space] != counted[space]
            ]
        checks[COUNTED] += counted.total()
        fresh = built_afresh(store)
        for space in SPACES:
            checks[STATE] += 1
            if derived(memory, space) != derived(fresh, space):
                failed.append(f"{STATE}: {space}")
        checks[WHOLE] += 1
        failed += [f"{WHOLE}: {each}" for each in (*examine(store), *place.damage())]
    return {
        "system": place.system, "workers": workers, "threads": threads, "seconds": seconds, "seed": seed,
        "calls": sum(each["calls"] for each in latency.to_json().values()), "latency": latency.to_json(),
        "checks": {check: checks[check] for check in CHECKS}, "failed": failed,
    }  # fmt: skip


def _run(
    place: Place,
    workers: int,
    threads: int,
    seconds: float,
    seed: int,
    progress: Progress,
    failed: list[str],
) -> list[dict[str, Any]]:
    """What each process told in the end; of one that does not come to it, ``failed`` tells."""
    found = []
    with ExitStack() as stack:
        processes = [stack.enter_context(closing(Worker())) for _ in range(workers)]
        for number, process in enumerate(processes):
            process.begin("crowd", place.way("kill"), number, workers, threads, seconds, seed)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            progress("seconds", 1)
        for number, process in enumerate(processes):
            said = process.result(max(end + PATIENCE - time.monotonic(), 1))
            if said is None:
                failed.append(f"{STUCK}: process {number} had not ended {PATIENCE:g} s after its time")
            else:
                found.append(json.loads(said))
    return found
