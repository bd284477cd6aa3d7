"""Runs systems over a data set: every question to every system, one namespace at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders import Embedder
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.forms import Dataset, Group, Question
from nuonuo.evaluation.metrics import rank_sessions
from nuonuo.evaluation.systems.base import Answer, System
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory, Recall
from nuonuo.stores import InMemoryStore

BATCH = 512  # memories added at once
SESSION_DEPTH = 50  # memories asked for first where sessions are ranked; doubled until there are enough

Progress = Callable[[str, str], None]  # system, group: called after each question


class Engine:
    """NuoNuo itself: one memory in RAM for each group.

    Args:
        name: what its rows are called. config: the constants of the engine.
        shelf: stores of the current group, shared by engines that differ in nothing that is stored.
    """

    def __init__(
        self,
        embedder: Embedder,
        config: MemoryConfig | None = None,
        *,
        name: str = "nuonuo",
        shelf: StoreShelf | None = None,
    ) -> None:
        self.name = name
        self.config = config or MemoryConfig()
        self._embedder = embedder
        self._shelf = shelf or StoreShelf()
        self._memory: AssociativeMemory | None = None

    def fill(self, group: Group) -> None:
        # The store outlives the memory: others on the shelf may read it, and it holds nothing open.
        store, filled = self._shelf.take(group, self.config)
        self._memory = AssociativeMemory(store, self._embedder, config=self.config)
        if not filled:
            for start in range(0, len(group.memories), BATCH):
                self._memory.add(group.memories[start : start + BATCH], namespace=group.name)
            self._shelf.put(self.config, store)
        self._namespace = group.name

    def ask(self, question: str, k: int, now: datetime | None = None) -> Answer:
        if self._memory is None:
            raise InvalidInputError("the engine holds nothing yet; call fill() first")
        return answer_of(self._memory.recall(question, k, namespace=self._namespace, now=now))


def answer_of(result: Recall) -> Answer:
    """What was recalled, as a system answers: ids best first, and the tellings of what was told again."""
    times = {str(hit.memory.id): tuple(each.id for each in hit.times) for hit in result if len(hit.times) > 1}
    return Answer(tuple(str(hit.memory.id) for hit in result), result.confidence, times)


# Fields that shape what is stored of a text; engines that agree in them can share a store.
STORED_FIELDS = ("sentence_cues", "embedded_bytes", "n_units", "n_active", "separation_seed", "language")


class StoreShelf:
    """The filled stores of one group, by the configuration of what is stored."""

    def __init__(self) -> None:
        self._group: Group | None = None
        self._stores: dict[tuple[object, ...], InMemoryStore] = {}

    def take(self, group: Group, config: MemoryConfig) -> tuple[InMemoryStore, bool]:
        """A store for ``group``, and whether it holds its memories already."""
        if group is not self._group:
            self._group, self._stores = group, {}
        store = self._stores.get(_stored(config))
        return (InMemoryStore(), False) if store is None else (store, True)

    def put(self, config: MemoryConfig, store: InMemoryStore) -> None:
        """Keep a filled store until the next group comes."""
        self._stores[_stored(config)] = store


def _stored(config: MemoryConfig) -> tuple[object, ...]:
    return tuple(getattr(config, name) for name in STORED_FIELDS if hasattr(config, name))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one system answered to one question.

    Attributes:
        ranked, sessions: ids of memories and of sessions, best first, as many as the greatest k.
        foreign: the question belongs to another group: nothing here answers it.
    """

    system: str
    group: str
    question: Question
    ranked: tuple[str, ...]
    sessions: tuple[str, ...]
    confidence: float | None
    seconds: float
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """All outcomes over one data set; seconds: what each system took to be filled, embedding included."""

    dataset: Dataset
    outcomes: tuple[Outcome, ...]
    fill_seconds: Mapping[str, float] = field(default_factory=dict)


def run(
    dataset: Dataset, systems: Sequence[System], *, foreign: bool = True, progress: Progress | None = None
) -> Run:
    """Ask every system every question.

    Args:
        foreign: also ask each group the next group's questions, where a system has a confidence:
            does it know that it has nothing on them?
        progress: called after each question of the data set.
    """
    outcomes: list[Outcome] = []
    seconds = dict.fromkeys((system.name for system in systems), 0.0)
    strangers = _next_questions(dataset) if foreign else {}
    for group in dataset.groups:
        for system in systems:
            started = time.perf_counter()
            system.fill(group)
            seconds[system.name] += time.perf_counter() - started
            confident = False
            for outcome in _ask_all(dataset, group, system):
                confident = confident or outcome.confidence is not None
                outcomes.append(outcome)
                if progress is not None:
                    progress(system.name, group.name)
            if confident:
                for question in strangers.get(group.name, ()):
                    answer = system.ask(question.text, 10, question.now)
                    outcomes.append(
                        Outcome(
                            system.name, group.name, question, (), (), answer.confidence, 0.0, foreign=True
                        )
                    )
    return Run(dataset, tuple(outcomes), seconds)


def _ask_all(dataset: Dataset, group: Group, system: System) -> Iterator[Outcome]:
    session_of = {str(memory.id): memory.session_id for memory in group.memories}
    deepest = max(dataset.memory_ks)
    wanted = min(max(dataset.session_ks, default=0), len({s for s in session_of.values() if s is not None}))
    for question in group.questions:
        k = max(deepest, SESSION_DEPTH) if wanted else deepest
        gold = question.relevant or {id for id, session in session_of.items() if session in question.sessions}
        started = time.perf_counter()
        answer = system.ask(question.text, k, question.now).judged(gold)
        sessions = rank_sessions(answer.ids, session_of)
        while len(sessions) < wanted and len(answer.ids) >= k and k < len(session_of):
            k *= 2
            answer = system.ask(question.text, k, question.now).judged(gold)
            sessions = rank_sessions(answer.ids, session_of)
        taken = time.perf_counter() - started
        yield Outcome(
            system.name,
            group.name,
            question,
            answer.ids[:deepest],
            tuple(sessions[:wanted]),
            answer.confidence,
            taken,
        )


def _next_questions(dataset: Dataset) -> dict[str, tuple[Question, ...]]:
    """For each group the answerable questions of the one after it."""
    groups = dataset.groups
    if len(groups) < 2:
        return {}
    pairs = [*pairwise(groups), (groups[-1], groups[0])]
    return {here.name: tuple(q for q in there.questions if q.answerable) for here, there in pairs}


def distinct_texts(dataset: Dataset, limit: int | None = None) -> list[Memory]:
    """Memories of all groups, each text once, in the order of the file."""
    found: dict[str, Memory] = {}
    for group in dataset.groups:
        for memory in group.memories:
            if memory.text not in found:
                session = None if memory.session_id is None else f"{group.name}/{memory.session_id}"
                found[memory.text] = replace(memory, session_id=session)
                if limit is not None and len(found) >= limit:
                    return list(found.values())
    return list(found.values())
