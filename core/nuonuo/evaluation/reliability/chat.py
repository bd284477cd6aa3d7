"""A chatbot's process that goes on for long: recalls, turns, corrections, and conversations that end."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import count

from nuonuo.config import MemoryConfig
from nuonuo.evaluation.clock import resident_bytes
from nuonuo.evaluation.generated import generated_texts
from nuonuo.evaluation.reliability.latency import Latency
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory
from nuonuo.stores import SQLiteStore, Store
from nuonuo.stores.opening import is_address

TURNS = 10  # of a conversation, each with its reply
KEPT = 10  # conversations that a user's memory keeps; the oldest is forgotten
SENTENCES = 2000  # of which all that is said is made: no word is new after a while
READERS = 12  # threads that read at once before the clock starts
FIXED = 10_000  # steps of the work that clocks the machine
JOURNAL = 200  # entries that the journal keeps: its bound is met in minutes


@dataclass(frozen=True, slots=True)
class Plan:
    """What a chat is like.

    Attributes:
        rate: turns a second; 0 for as many as there can be. every: seconds from one sample to the next.
    """

    seconds: float = 1800.0
    rate: float = 5.0
    users: int = 8
    every: float = 15.0
    seed: int = 0


@dataclass(slots=True)
class User:
    """One user's conversations: their names, and the ids of the current one's turns."""

    name: str
    sessions: list[str]
    ids: list[str]
    turns: int = 0


def chat(where: str, plan: Plan) -> Iterator[str]:
    """Fill the memory at ``where``, then chat; each line is a sample, as JSON."""
    store = _store(where)
    texts, rng, numbers = generated_texts(SENTENCES, plan.seed), random.Random(plan.seed), count()
    embedder = HashEmbedder()
    embedder.encode_documents(texts)  # what the stand-in for a model keeps of each word is kept now
    memory = AssociativeMemory(store, embedder, config=MemoryConfig())

    def said() -> str:
        return f"{rng.choice(texts)} {rng.choice(texts)}"

    users = [User(f"user-{n}", [], []) for n in range(plan.users)]
    for user in users:
        for _ in range(KEPT):
            user.sessions.append(f"s{next(numbers)}")
            memory.add([said() for _ in range(2 * TURNS)], namespace=user.name, session_id=user.sessions[-1])
        user.turns = TURNS
    _fill_pool(memory)
    began = time.monotonic()
    latency, turns, next_sample = Latency(), 0, plan.every
    while (passed := time.monotonic() - began) < plan.seconds:
        if plan.rate and turns / plan.rate > passed:
            time.sleep(min(turns / plan.rate - passed, 0.5))
        else:
            _turn(memory, rng.choice(users), said, rng, latency, numbers)
            latency.clock("machine", _fixed_work)
            turns += 1
        if time.monotonic() - began >= next_sample:
            next_sample += plan.every
            yield json.dumps(_sample(time.monotonic() - began, turns, memory, latency))
            latency = Latency()
    memory.close()
    yield json.dumps({"plan": asdict(plan), "turns": turns})


def _turn(
    memory: AssociativeMemory,
    user: User,
    said: Callable[[], str],
    rng: random.Random,
    latency: Latency,
    numbers: Iterator[int],
) -> None:
    """A question, what it recalls, and the reply; now and then more."""
    if user.turns >= TURNS:
        user.sessions.append(f"s{next(numbers)}")
        user.turns, user.ids = 0, []
        if len(user.sessions) > KEPT:
            oldest = user.sessions.pop(0)
            latency.clock("forget", lambda: memory.forget(namespace=user.name, session_id=oldest))
    question = said()
    latency.clock("recall", lambda: memory.recall(question, 5, namespace=user.name))
    user.ids += latency.clock(
        "add", lambda: memory.add([question, said()], namespace=user.name, session_id=user.sessions[-1])
    )
    user.turns += 1
    chance = rng.random()
    if chance < 0.1:
        latency.clock("update", lambda: memory.update(user.ids[0], text=said()))
    elif chance < 0.2:
        latency.clock("associate", lambda: memory.associate(user.ids[0], user.ids[-1], 0.5))
    elif chance < 0.3:
        latency.clock("chain", lambda: memory.chain(question, 4, namespace=user.name))
    elif chance < 0.35:
        latency.clock("list", lambda: memory.list(namespace=user.name, limit=20))


def _fixed_work() -> int:
    """What takes as long as the machine is slow: others may work on it too."""
    return sum(n * n % 7 for n in range(FIXED))


def _fill_pool(memory: AssociativeMemory) -> None:
    """Read from several threads at once, so that the store has as many connections as it keeps."""
    together = threading.Barrier(READERS)

    def read(_: int) -> None:
        together.wait()
        for _ in range(20):
            memory.list()

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(read, range(READERS)))


def _store(where: str) -> Store:
    if not is_address(where):
        return SQLiteStore(where, journal_length=JOURNAL)
    from nuonuo.stores.postgres import PostgresStore

    return PostgresStore(where, journal_length=JOURNAL)


def _sample(passed: float, turns: int, memory: AssociativeMemory, latency: Latency) -> dict[str, object]:
    handles = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    stats = memory.stats()
    return {
        "seconds": round(passed, 1),
        "turns": turns,
        "memories": stats.memories,
        "shard_bytes": stats.shard_bytes,
        "resident_bytes": resident_bytes(),
        "handles": handles,
        "threads": threading.active_count(),
        "latency": latency.to_json(),
    }
