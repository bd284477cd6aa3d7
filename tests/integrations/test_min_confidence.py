"""Where nothing is known, a prompt is shown nothing; where something is, it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuonuo import AssociativeMemory, MiniLM
from nuonuo.errors import InvalidInputError, InvalidTypeError
from nuonuo_integrations._engine import MIN_CONFIDENCE, confidence_of, recall_unshown
from tests.fakes import fresh

CONVERSATION = Path(__file__).parents[2] / "examples" / "conversation.json"
NOTES = """\
My beagle Rex is afraid of thunder.
The garage code is 4471.
I'm allergic to peanuts.
My sister Ana paints boats in Lisbon.
We moved to Berlin in 2019.
I work as a nurse at St. Mary's.
My rent is 950 euros a month.
I quit smoking last March.
My favourite dish is mushroom risotto.
I drive an old Volvo.
I can't stand loud music.
My son starts school in September.
Mum's birthday is on 4 May.
I take my coffee black.
I'm training for a half marathon.
My flight to Oslo leaves at 6:40.
I broke my wrist skiing.
The landlord is called Mr. Petrov.
I'm reading a book on the Roman Empire.
I wear size 42 shoes.
We want to repaint the kitchen green.
I play the cello on Sundays.
My laptop's battery dies after an hour.
I'm vegetarian.
My boss is going on parental leave.
I owe Tom forty dollars.
The dentist appointment is on Tuesday at nine.
I hate flying.
Our wifi password is on the fridge.
I studied biology in Vienna.""".split("\n")
SMALL_TALK = """\
hi|hello|thanks!|ok|how are you?|good morning|hallo|danke!|in Ordnung|wie geht es dir?|guten Morgen
salut|merci !|d'accord|comment ça va ?|bonjour|hola|¡gracias!|vale|¿cómo estás?|buenos días
你好|谢谢！|好的|你好吗？|早上好|👍"""
KNOWN = [
    ("What scares my dog?", 0),
    ("What is the garage code?", 1),
    ("What am I allergic to?", 2),
    ("What does my sibling do for a living?", 3),
    ("How much do I pay for my apartment?", 6),
    ("Do I still use cigarettes?", 7),
    ("What car do I have?", 9),
    ("When do I have to be at the airport?", 15),
    ("Can I eat a steak?", 23),
    ("Do I have any debts?", 25),
    ("When do I see a doctor about my teeth?", 26),
]


@pytest.fixture(scope="module")
def notes(minilm: MiniLM) -> AssociativeMemory:
    memory = AssociativeMemory(embedder=minilm)
    memory.add(NOTES, role="user")
    return memory


@pytest.mark.parametrize("text", SMALL_TALK.replace("\n", "|").split("|"))
def test_small_talk_recalls_nothing_by_default(notes: AssociativeMemory, text: str) -> None:
    recall = recall_unshown(notes, text, 10, min_confidence=MIN_CONFIDENCE)
    assert len(recall) == 0 and recall.confidence < MIN_CONFIDENCE
    assert len(recall_unshown(notes, text, 10)) == 10  # unless it is asked for


@pytest.fixture(scope="module")
def turns(minilm: MiniLM) -> AssociativeMemory:
    """The first thirty turns of a user who writes more than a line at a time."""
    sessions = json.loads(CONVERSATION.read_text(encoding="utf-8"))
    said = [turn["text"] for session in sessions for turn in session["turns"] if turn["role"] == "user"]
    memory = AssociativeMemory(embedder=minilm)
    memory.add(said[:30], role="user")
    return memory


@pytest.mark.parametrize(
    "text", ["Thanks!", "continue", "Who are you?", "What can you do?", "no", "hmm", "\N{DOG}"]
)
def test_small_talk_recalls_nothing_of_longer_turns(turns: AssociativeMemory, text: str) -> None:
    assert len(recall_unshown(turns, text, 10, min_confidence=MIN_CONFIDENCE)) == 0


@pytest.mark.parametrize(("question", "note"), KNOWN)
def test_what_is_known_is_recalled_by_default(notes: AssociativeMemory, question: str, note: int) -> None:
    recall = recall_unshown(notes, question, 10, min_confidence=MIN_CONFIDENCE)
    assert NOTES[note] in [hit.memory.text for hit in recall]


@pytest.mark.parametrize("question", ["What is the garage code?", "Which opera?", "hi", " "])
@pytest.mark.parametrize("again", [False, True])
def test_it_is_all_or_nothing_by_the_confidence_that_is_told(question: str, again: bool) -> None:
    memory = fresh()
    memory.add(NOTES[:6])
    if again and question.strip():
        memory.add(question)  # a repetition gives no confidence
    whole = recall_unshown(memory, question, 3)
    for least in (0.0, whole.confidence, min(1.0, whole.confidence + 1e-6)):
        recall = recall_unshown(memory, question, 3, min_confidence=least)
        assert recall.confidence == whole.confidence
        assert recall.hits == (whole.hits if whole.confidence >= least else ())


def test_a_least_confidence_is_a_share() -> None:
    assert [confidence_of(value) for value in (0, 1, 0.5)] == [0.0, 1.0, 0.5]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(InvalidInputError, match="min_confidence"):
            confidence_of(wrong)
    for wrong in ("0.5", None, True):
        with pytest.raises(InvalidTypeError, match="min_confidence"):
            confidence_of(wrong)
