"""A process that is put to the test: its task comes in as a line of JSON, what it does goes out by lines."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from nuonuo.errors import StoreUnavailableError
from nuonuo.evaluation.reliability.acts import draw, opened, perform
from nuonuo.evaluation.reliability.chat import Plan, chat
from nuonuo.evaluation.reliability.crowd import member
from nuonuo.memory import AssociativeMemory
from nuonuo.stores import migrate as migrating
from nuonuo.stores.opening import open_store

PATIENCE = 30.0  # seconds


def write(where: str, seed: int) -> Iterator[str]:
    """Acts by chance, without an end; each is said before it is done, and "done" after."""
    memory, rng = _opened(where), random.Random(seed)
    for number in count():
        act = draw(rng, seed, number)
        yield act.to_json()
        perform(memory, act)
        yield "done"


def copy(where: str, to: str, page: int) -> Iterator[str]:
    """One store into another, ``page`` memories at a time; what is copied and verified is said by pages."""
    migrating.PAGE = page
    yield "copying"
    migrating.migrate(
        open_store(where), open_store(to), lambda what, total, done: print(what, done, flush=True)
    )
    yield "done"


def renew(where: str, language: str) -> Iterator[str]:
    """Open a store by another language's rules: the words of each text are worked out anew."""
    yield "renewing"
    opened(where, language)
    yield "done"


def _opened(where: str) -> AssociativeMemory:
    """The memory at ``where``; opening does not wait for a server that is away, so it is tried again."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return opened(where)
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def chatting(where: str, plan: dict[str, Any]) -> Iterator[str]:
    """A chat of some length; samples as JSON."""
    yield from chat(where, Plan(**plan))


TASKS: dict[str, Callable[..., Iterator[str]]] = {
    "write": write,
    "copy": copy,
    "renew": renew,
    "chat": chatting,
    "crowd": member,
}


def main() -> None:
    """Say that it is ready, read the task, and do it."""
    print("ready", flush=True)  # what is imported takes longer than many a life
    task, *given = json.loads(sys.stdin.readline())
    for line in TASKS[task](*given):
        print(line, flush=True)


if __name__ == "__main__":
    main()
