"""Questions that were asked before, in vain: a chat's memory holds them too, and they fit best of all."""

from __future__ import annotations

from dataclasses import replace

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.forms import Dataset, Group
from nuonuo.records import Memory

ASKED = ("{question}", "Do you remember: {question}", "I asked you before. {question}")
REFUSED = (
    "I am sorry, I do not know that.",
    "I could not find anything about that.",
    "I have nothing about this: {topic}.",
)


def asked_before(dataset: Dataset, times: int) -> Dataset:
    """``dataset`` where each question was asked ``times`` times before, and not answered.

    Each asking is a session of its own, later than all others: the question, in one of three forms,
    and where the assistant's turns are stored too, a reply that does not help.

    Raises:
        InvalidInputError: ``times`` is negative.
    """
    if times < 0:
        raise InvalidInputError(f"asked must be at least 0, got {times}")
    if not times:
        return dataset
    groups = tuple(
        replace(group, memories=(*group.memories, *_askings(group, times, dataset.roles == "both")))
        for group in dataset.groups
    )
    more = sum(len(group.memories) for group in groups) - dataset.memories
    note = f"each question was asked {times} times before, in vain: {more} more turns"
    return replace(dataset, name=f"{dataset.name}_asked", groups=groups, notes=(*dataset.notes, note))


def _askings(group: Group, times: int, replies: bool) -> list[Memory]:
    turns = []
    last = max((memory.timestamp for memory in group.memories if memory.timestamp), default=None)
    for number, question in enumerate(group.questions):
        for time in range(times):
            session, form = f"{question.id}/asked {time}", (number + time) % len(ASKED)
            said = [("user", ASKED[form].format(question=question.text))]
            if replies:
                topic = question.text.rstrip("?!. ")
                said.append(("assistant", REFUSED[form].format(topic=topic)))
            for role, text in said:
                moment = question.now or last
                turns.append(Memory(text, role, moment, session_id=session, id=f"{session} {role}"))
    return turns
