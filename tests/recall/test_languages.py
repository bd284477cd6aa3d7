"""Languages that the packaged encoder cannot read are found by their characters and stems."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nuonuo import AssociativeMemory
from nuonuo.evaluation.cache import CachedEmbedder

PAIRS: dict[str, list[tuple[str, str]]] = json.loads(
    (Path(__file__).parent / "languages.json").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def memory(kept_minilm: CachedEmbedder) -> AssociativeMemory:
    """Everything in one namespace, as somebody who speaks several languages would keep it."""
    memory = AssociativeMemory(embedder=kept_minilm)
    for language, pairs in PAIRS.items():
        memory.add([text for text, _ in pairs], metadata={"language": language})
    return memory


@pytest.mark.parametrize("language", PAIRS)
def test_questions_find_what_answers_them(memory: AssociativeMemory, language: str) -> None:
    ranks = []
    for text, question in PAIRS[language]:
        found = [hit.memory.text for hit in memory.recall(question, k=5)]
        ranks.append(found.index(text) + 1 if text in found else 99)
    assert len(ranks) == 24
    assert sum(rank == 1 for rank in ranks) >= 22, ranks
    assert sum(rank <= 3 for rank in ranks) >= 23, ranks


@pytest.mark.parametrize("language", PAIRS)
def test_a_language_that_is_not_stored_is_not_known(kept_minilm: CachedEmbedder, language: str) -> None:
    memory = AssociativeMemory(embedder=kept_minilm)
    memory.add([text for text, _ in PAIRS[language]])
    foreign = [pairs[at][1] for other, pairs in PAIRS.items() if other != language for at in (0, 8, 16)]
    shared = {"chinese": "japanese", "japanese": "chinese"}.get(language)  # they share characters
    for other, pairs in PAIRS.items():
        if other not in (language, shared):
            assert max(memory.recall(pairs[at][1], k=1).confidence for at in (0, 8, 16)) < 0.1, other
    assert len(foreign) == 12


def test_what_is_unknown_completes_nothing(kept_minilm: CachedEmbedder) -> None:
    memory = AssociativeMemory(embedder=kept_minilm)
    chinese, japanese = "我每天早上都喝一杯咖啡。", "毎朝公園を散歩します。"
    memory.add([chinese, japanese])
    found = memory.recall("咖啡")
    assert found[0].memory.text == chinese and found.confidence > 0.9
    assert ("咖啡", "咖啡") in {(match.word, match.answer) for match in found[0].evidence.matches}
    assert memory.recall("コーヒー").confidence < 0.05
    memory.add("The party was great 🎂")
    assert memory.recall("🎻").confidence < 0.05
    assert memory.recall("🎂")[0].memory.text.endswith("🎂")


def test_one_content_word_is_asked_as_the_sentence_asks_it(kept_minilm: CachedEmbedder) -> None:
    notes = [
        "I pay 1,250 euros a month for the flat.",
        "I got a raise, now 3,400 before tax.",
        "I drive a red Skoda from 2015.",
        "I moved here from Bremen four years ago.",
        "I was born on 4 March 1988.",
        "The bus to work leaves at 7:42.",
        "My car insurance costs 40 euros a month.",
        "I am 1 metre 71 tall.",
        "The plants need water every Thursday.",
        "I parked the car on level 2.",
    ]
    memory = AssociativeMemory(embedder=kept_minilm)
    memory.add(notes)
    for question, answer in (
        ("What is my salary?", notes[1]),
        ("What is my vehicle?", notes[2]),
        ("What is my hometown?", notes[3]),
        ("How old am I?", notes[4]),
    ):
        assert memory.recall(question, k=1)[0].memory.text == answer, question
