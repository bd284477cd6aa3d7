"""What a process does that will be killed: acts drawn by chance, and what holds once each has taken place."""

from __future__ import annotations

import json
import random
import re
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nuonuo.config import MemoryConfig
from nuonuo.errors import UnknownMemoryError
from nuonuo.evaluation.synthetic import HashEmbedder
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory
from nuonuo.stores.base import Store
from nuonuo.stores.opening import is_address, open_store
from nuonuo.stores.sqlite import SQLiteStore

SPACES = ("home", "work", "travel")
EACH = 12  # ids of a namespace
BLOCK = 4  # memories whose traces lie together in a file: few, so that blocks are always made and changed
SESSIONS = 3
# How often, of all acts.
KINDS = {"add": 7, "update": 3, "revise": 2, "forget": 3, "end": 1, "associate": 4, "wipe": 1}
DIMENSION = 32
CONFIG = MemoryConfig(n_units=512, n_active=12)
WORDS = (
    "rex dog thunder garage code piano friday sister harbour bakery ticket berlin doctor garden kettle "
    "violin lamp river market letter winter train coffee window"
).split()


@dataclass(frozen=True, slots=True)
class Act:
    """One call that writes.

    Attributes:
        kind: one of `KINDS`. space: the namespace. ids: of the memories. session: of those that are added, or
            the one that ends. text: what is said; its first word, the mark, stands in no other act's.
    """

    kind: str
    space: str
    ids: tuple[str, ...]
    session: str
    text: str

    @property
    def mark(self) -> str:
        """The word that stands in no other act's text."""
        return self.text.split()[0]

    def to_json(self) -> str:
        """It as one line, which `of` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, line: str) -> Act:
        """The act that `to_json` wrote in ``line``."""
        told = json.loads(line)
        return cls(**{**told, "ids": tuple(told["ids"])})


@dataclass(frozen=True, slots=True)
class Held:
    """What a memory holds: id -> (text, session, who revised it); (source, target) -> weight."""

    memories: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    links: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def marks(self) -> set[str]:
        """The marks of what is held; those of all that was written beside them must be nowhere."""
        texts = {text.split()[0] for text, _, _ in self.memories.values()}
        return texts | {by for _, _, by in self.memories.values() if by}


MARK = rb"qxv\d+k\d+zxv"  # long enough not to stand by chance among the numbers that a server's files hold


def marks_in(content: bytes) -> set[str]:
    """The marks of acts that stand in ``content``."""
    return {found.decode() for found in re.findall(MARK, content)}


def draw(rng: random.Random, seed: int, number: int) -> Act:
    """The ``number``-th act of the process ``seed``."""
    (kind,) = rng.choices([*KINDS], [*KINDS.values()])
    space = rng.choice(SPACES)
    ids = [f"{space}-{n}" for n in rng.sample(range(EACH), 2 if kind == "associate" else rng.randint(1, 4))]
    # Most are a sentence; some fill pages of their own.
    words = rng.choices(WORDS, k=rng.choice((8, 8, 8, 60, 1500)))
    text = f"qxv{seed}k{number}zxv {' '.join(words)}"
    return Act(kind, space, tuple(ids), f"s{rng.randrange(SESSIONS)}", text)


def perform(memory: AssociativeMemory, act: Act) -> None:
    """Do it; what names a memory that is not there does nothing."""
    try:
        if act.kind == "add":
            items = [Memory(act.text, id=each) for each in act.ids]
            memory.add(items, namespace=act.space, session_id=act.session, replace=True)
        elif act.kind == "update":
            memory.update(act.ids[0], text=act.text)
        elif act.kind == "revise":
            memory.revise(act.ids, lambda old: {"by": act.mark})
        elif act.kind == "forget":
            memory.forget(ids=act.ids)
        elif act.kind == "end":
            memory.forget(namespace=act.space, session_id=act.session)
        elif act.kind == "wipe":
            memory.forget(namespace=act.space)
        else:
            memory.associate(act.ids[0], act.ids[1], 0.5)
    except UnknownMemoryError:
        pass


def after(held: Held, act: Act) -> Held:
    """What holds once ``act`` has taken place."""
    memories, links = dict(held.memories), dict(held.links)
    here = [each for each in act.ids if each in memories]
    if act.kind == "add":
        memories.update(dict.fromkeys(act.ids, (act.text, act.session, "")))
    elif act.kind == "update" and act.ids[0] in memories:
        _, session, by = memories[act.ids[0]]
        memories[act.ids[0]] = (act.text, session, by)
    elif act.kind == "revise":
        memories.update({each: (*memories[each][:2], act.mark) for each in here})
    elif act.kind == "forget":
        for each in here:
            del memories[each]
    elif act.kind in ("end", "wipe"):
        own = [each for each in memories if each.startswith(f"{act.space}-")]
        for each in own:
            if act.kind == "wipe" or memories[each][1] == act.session:
                del memories[each]
    elif act.kind == "associate" and len(here) == len(act.ids):
        links[act.ids[0], act.ids[1]] = 0.5
    return Held(
        memories, {pair: w for pair, w in links.items() if pair[0] in memories and pair[1] in memories}
    )


def held_by(store: Store) -> Held:
    """What ``store`` holds."""
    memories = {str(m.id): (m.text, str(m.session_id), str(m.metadata.get("by", ""))) for m in store.list()}
    return Held(memories, {(one, other): weight for one, other, weight in store.associations()})


def derived(memory: AssociativeMemory, namespace: str) -> dict[str, Any]:
    """The derived state of ``namespace``, free of the history by which it came about."""
    with memory._shards.reading(namespace) as shard:
        state = shard.state()
    del state["seqs"]
    return state


def opened(where: str, language: str | None = "english") -> AssociativeMemory:
    """The memory at ``where``, made up of small vectors that cost little, and in a file of small blocks."""
    store = open_store(where) if is_address(where) else SQLiteStore(where, block_length=BLOCK)
    try:
        return AssociativeMemory(store, HashEmbedder(DIMENSION), config=replace(CONFIG, language=language))
    except BaseException:
        store.close()
        raise


def built_afresh(store: Store) -> AssociativeMemory:
    """A memory in RAM into which what ``store`` holds was put just now."""
    fresh = AssociativeMemory(embedder=HashEmbedder(DIMENSION), config=CONFIG)
    for memory in store.list():
        fresh.add(memory)
    for association in store.associations():
        fresh.associate(*association)
    return fresh
