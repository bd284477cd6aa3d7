"""The great property: what is derived follows from what survives, not from how it came about."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from nuonuo import AssociativeMemory, Memory
from nuonuo.stores import InMemoryStore, SQLiteStore
from tests.fakes import SMALL, TIGHT, WordEmbedder, fresh, state

WORDS = [
    "rex",
    "beagle",
    "thunder",
    "Ana",
    "Lisbon",
    "boats",
    "garage",
    "code",
    "the",
    "is",
    "apple",
    "犬",
    "東京",
]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=7).map(" ".join)
NAMESPACES = st.sampled_from(["a", "b"])
SESSIONS = st.sampled_from([None, "s", "t"])
TIMES = st.sampled_from([None, 0, 100, 200])
METADATA = st.dictionaries(
    st.sampled_from(["x", "y"]), st.sampled_from([1, True, "1", None, [1]]), max_size=2
)
QUERIES = ["rex thunder", "where is Ana", "the code", "犬 東京", "nothing known"]


def answers(memory: AssociativeMemory, namespace: str, query: str, **how: Any) -> tuple[Any, ...]:
    found = memory.recall(query, namespace=namespace, **how)
    return found.confidence, [(hit.memory, hit.score, hit.evidence.path) for hit in found]


def walked(memory: AssociativeMemory, namespace: str, query: str) -> list[tuple[Any, ...]]:
    chain = memory.chain(query, namespace=namespace)
    return [(step.memory, step.kind, step.weight, step.similarity) for step in chain]


def told(memory: AssociativeMemory) -> tuple[list[Any], list[Any]]:
    """The store's numbers, which are never used twice and so do tell the history; and all that must not."""
    numbers: list[Any] = []
    found: list[Any] = []
    for namespace in ("a", "b"):
        derived = state(memory, namespace)
        numbers.append(derived.pop("seqs"))
        found.append(derived)
        for query in QUERIES:
            found += [answers(memory, namespace, query), walked(memory, namespace, query)]
        found.append(answers(memory, namespace, "rex", k=3, session_id="s"))
        where = {"x": {"$in": [1, "1"]}}
        found.append(answers(memory, namespace, "Ana", where=where, after=50))
    return numbers, found


def filled_with_survivors(memory: AssociativeMemory) -> AssociativeMemory:
    other = fresh(memory.list(), config=memory.config)
    for source, target, weight in memory._store.associations():
        other.associate(source, target, weight)
    return other


class History(RuleBasedStateMachine):
    """Random histories over the store that a subclass names."""

    on_disk = False

    @initialize(
        tight=st.booleans(), journal=st.sampled_from([2, 10_000]), page=st.sampled_from([1, 3, 10_000])
    )
    def start(self, tight: bool, journal: int, page: int) -> None:
        self.folder = tempfile.mkdtemp()
        path = Path(self.folder) / "m.db"
        self.store = (
            SQLiteStore(path, journal_length=journal, page_length=page)
            if self.on_disk
            else InMemoryStore(journal_length=journal, page_length=page)
        )
        self.memory = AssociativeMemory(
            self.store,
            WordEmbedder(),
            paraphrase=lambda text: [text.split()[-1]],
            config=TIGHT if tight else SMALL,
        )
        self.ids: list[str] = []
        self.others: tuple[int, Any, Any] | None = None

    @rule(
        texts=st.lists(TEXTS, min_size=1, max_size=3),
        namespace=NAMESPACES,
        session=SESSIONS,
        time=TIMES,
        metadata=METADATA,
        cues=st.lists(TEXTS, max_size=1),
    )
    def add(
        self,
        texts: list[str],
        namespace: str,
        session: str | None,
        time: int | None,
        metadata: dict[str, Any],
        cues: list[str],
    ) -> None:
        items = [Memory(text, id=str(len(self.ids) + at)) for at, text in enumerate(texts)]
        self.ids += self.memory.add(
            items, namespace=namespace, session_id=session, timestamp=time, metadata=metadata, cues=cues
        )

    def one(self, data: st.DataObject) -> Memory | None:
        stored = [memory for memory in self.memory.get(self.ids) if memory is not None]
        return data.draw(st.sampled_from(stored)) if stored else None

    @precondition(lambda self: self.ids)
    @rule(
        data=st.data(),
        changes=st.fixed_dictionaries(
            {},
            optional={
                "text": TEXTS,
                "timestamp": TIMES,
                "metadata": METADATA,
                "cues": st.lists(TEXTS, max_size=2),
            },
        ),
    )
    def update(self, data: st.DataObject, changes: dict[str, Any]) -> None:
        if memory := self.one(data):
            self.memory.update(str(memory.id), **changes)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), weight=st.sampled_from([0, 0.25, 1]))
    def associate(self, data: st.DataObject, weight: float) -> None:
        source = self.one(data)
        others = (
            [m for m in self.memory.list(namespace=source.namespace) if m.id != source.id] if source else []
        )
        if source and others:
            self.memory.associate(str(source.id), str(data.draw(st.sampled_from(others)).id), weight)

    @precondition(lambda self: self.ids)
    @rule(ids=st.lists(st.integers(0, 30), min_size=1, max_size=3))
    def forget_some(self, ids: list[int]) -> None:
        self.memory.forget(ids=[str(number) for number in ids])

    @rule(namespace=NAMESPACES, session=SESSIONS, before=TIMES)
    def forget_matching(self, namespace: str, session: str | None, before: int | None) -> None:
        if session is not None or before is not None:  # the whole namespace goes more rarely, below
            self.memory.forget(namespace=namespace, session_id=session, before=before)

    @precondition(lambda self: len(self.ids) > 8)
    @rule(namespace=NAMESPACES)
    def forget_namespace(self, namespace: str) -> None:
        self.memory.forget(namespace=namespace)

    @rule(namespace=NAMESPACES, query=st.sampled_from(QUERIES))
    def recall(self, namespace: str, query: str) -> None:
        self.memory.recall(query, namespace=namespace)

    @rule()
    def compare(self) -> None:
        mine = told(self.memory)
        written = self.store.version()
        if self.others is None or self.others[0] != written:  # else these two would say the same again
            anew = AssociativeMemory(self.store, WordEmbedder(), config=self.memory.config)
            self.others = (written, told(anew), told(filled_with_survivors(self.memory)))
        assert mine == self.others[1]
        assert mine[1] == self.others[2][1]

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.compare()
            self.store.close()
            shutil.rmtree(self.folder)


class HistoryOnDisk(History):
    on_disk = True


CALM = settings(
    deadline=None,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestInRam = History.TestCase
TestInRam.settings = settings(CALM, max_examples=40)
TestOnDisk = HistoryOnDisk.TestCase
TestOnDisk.settings = settings(CALM, max_examples=12)


@pytest.mark.parametrize("seed", range(3))
def test_hundreds_of_memories_where_the_candidates_are_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vocabulary = [f"word{number}" for number in range(60)]
    memory = fresh(config=TIGHT)

    def text() -> str:
        return " ".join(rng.choice(vocabulary, rng.integers(2, 9)))

    ids = memory.add([text() for _ in range(200)], session_id="s", namespace="a")
    for step in range(60):
        at = int(rng.integers(len(ids)))
        if step % 3 == 0:
            memory.forget(ids=[ids.pop(at)])
        elif step % 3 == 1:
            memory.update(ids[at], text=text())
        else:
            memory.associate(ids[at], ids[at - 1], 0.5)
        if step % 10 == 0:
            memory.recall(text(), namespace="a")
    other = filled_with_survivors(memory)
    assert told(memory)[1] == told(other)[1]
    for query in [text() for _ in range(40)]:
        assert answers(memory, "a", query) == answers(other, "a", query)
