"""What is recalled beyond what a prompt shows: what is shown, or only asked again, says nothing."""

from __future__ import annotations

import pytest

from nuonuo import AssociativeMemory, Memory
from nuonuo_integrations._engine import recall_unshown
from tests.fakes import fresh, texts

QUESTION = "What is my blood type?"
FACTS = ["The garage code is 4471.", "Rex is afraid of thunder.", "Ana paints boats in Lisbon."]


@pytest.fixture
def memory() -> AssociativeMemory:
    return fresh([Memory(text, session_id=f"s{at}") for at, text in enumerate(FACTS)])


def test_what_is_shown_is_as_if_it_were_not_stored(memory: AssociativeMemory) -> None:
    without = memory.recall(QUESTION, 5)
    (shown,) = memory.add("My blood type is AB.", session_id="x")
    assert memory.recall(QUESTION, 5).confidence > 0.9 > without.confidence
    by_id = recall_unshown(memory, QUESTION, 5, exclude=[shown])
    by_text = recall_unshown(memory, QUESTION, 5, shown=lambda hit: "AB" in hit.memory.text)
    assert by_id == by_text
    assert texts(by_id) == texts(without)
    assert by_id.confidence == pytest.approx(without.confidence, abs=0.05)


@pytest.mark.parametrize("again", [QUESTION, "what is my BLOOD type", " What  is my blood type ?!"])
@pytest.mark.parametrize("times", [1, 3, 40])
def test_a_question_asked_before_answers_nothing(memory: AssociativeMemory, again: str, times: int) -> None:
    before = memory.recall(QUESTION, 2).confidence
    memory.add([Memory(again, session_id=f"t{at}") for at in range(times)])
    fooled = memory.recall(QUESTION, 2).confidence > 0.9  # the engine tells an asking by its mark
    assert fooled is ("?" not in again)
    recall = recall_unshown(memory, QUESTION, 2)
    assert len(recall) == 2 and set(texts(recall)) <= set(FACTS)
    assert recall.confidence == pytest.approx(before, abs=0.1)


def test_the_answer_given_then_is_still_evoked(memory: AssociativeMemory) -> None:
    memory.add([QUESTION, "AB."], session_id="then")
    recall = recall_unshown(memory, QUESTION, 2)
    assert recall[0].memory.text == "AB."


def test_k_come_back_whatever_is_shown(memory: AssociativeMemory) -> None:
    memory.add([f"My blood type, note {at}." for at in range(30)])
    recall = recall_unshown(memory, QUESTION, 3, shown=lambda hit: "note" in hit.memory.text)
    assert sorted(texts(recall)) == sorted(FACTS)


def test_texts_without_words_are_told_apart() -> None:
    memory = fresh([Memory("!!!"), Memory("???")])
    assert texts(recall_unshown(memory, "???", 5)) == ["!!!"]


def test_an_empty_question_recalls_nothing(memory: AssociativeMemory) -> None:
    recall = recall_unshown(memory, " ", 3)
    assert (len(recall), recall.confidence) == (0, 0.0)
