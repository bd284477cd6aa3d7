"""What a data set is, whatever file it came from: groups of memories and questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from nuonuo.errors import InvalidInputError
from nuonuo.records import Memory

Kind = Literal["locomo", "longmemeval", "multihop", "jsonl"]
Roles = Literal["user", "both"]


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what answers it.

    Attributes:
        relevant: ids of the memories that answer it; may be empty where only sessions are known.
        sessions: session ids that answer it.
        fold: questions of one fold are held out together.
        now: when it is asked; what its relative dates count from.
        answerable: False for an abstention question: nothing stored answers it, and it counts in no recall.
    """

    id: str
    text: str
    relevant: frozenset[str]
    sessions: frozenset[str] = frozenset()
    category: str = "all"
    fold: str = "0"
    answerable: bool = True
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One namespace: what is stored and what is asked of it."""

    name: str
    memories: tuple[Memory, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set and the conditions under which it is measured.

    Attributes:
        unit: what one memory is: "turn", "passage" or "memory".
        memory_ks, session_ks: the k that are reported at each level; no session_ks, no sessions.
        notes: what was left out in reading, and other things that a reader of the figures must know.
    """

    name: str
    file: str
    sha256: str
    groups: tuple[Group, ...]
    unit: str
    memory_ks: tuple[int, ...]
    session_ks: tuple[int, ...] = ()
    roles: str = "both"
    pooled: bool = False
    notes: tuple[str, ...] = ()

    @property
    def memories(self) -> int:
        return sum(len(group.memories) for group in self.groups)

    @property
    def questions(self) -> int:
        return sum(len(group.questions) for group in self.groups)


def take(dataset: Dataset, limit: int) -> Dataset:
    """At most ``limit`` questions of ``dataset``, spread evenly, and the groups that they need."""
    if limit < 1:
        raise InvalidInputError(f"limit must be at least 1, got {limit}")
    total = dataset.questions
    if limit >= total:
        return dataset
    kept = {at * total // limit for at in range(limit)}
    groups, start = [], 0
    for group in dataset.groups:
        end = start + len(group.questions)
        questions = tuple(question for at, question in enumerate(group.questions, start) if at in kept)
        if questions:
            groups.append(replace(group, questions=questions))
        start = end
    return replace(
        dataset, groups=tuple(groups), notes=(*dataset.notes, f"{limit} of {total} questions asked")
    )
