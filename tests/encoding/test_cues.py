"""Paraphrases: what a paraphraser makes of a text evokes its memory, and goes with the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuonuo import AssociativeMemory, Memory
from tests.fakes import SMALL, WordEmbedder, everything, fresh


class Paraphraser:
    """Says a text in other words, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> list[str]:
        self.asked.append(text)
        return [f"password {text.split()[-1]}", "the mailbox"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "memories.db"


def opened(path: Path, paraphrase: Paraphraser | None) -> AssociativeMemory:
    return AssociativeMemory.open(path, embedder=WordEmbedder(), config=SMALL, paraphrase=paraphrase)


def in_files(path: Path, word: str) -> bool:
    return any(word.encode() in file.read_bytes() for file in path.parent.iterdir())


def test_they_stand_beside_the_cues_and_nothing_stands_twice() -> None:
    memory = fresh(paraphrase=Paraphraser())
    memory.add(Memory("code quince", cues=("the mailbox", "boats", "boats", "code quince")))
    (stored,) = memory.list()
    assert (stored.cues, stored.paraphrases) == (("the mailbox", "boats"), ("password quince",))
    assert stored.parts == ("code quince", "the mailbox", "boats", "password quince")
    hit = memory.recall("password")[0]
    assert {(match.word, match.answer, match.source) for match in hit.evidence.matches} == {
        ("password", "password", "cue")
    }


@pytest.mark.parametrize("still", [True, False])
def test_a_new_text_leaves_nothing_of_the_old_ones(path: Path, still: bool) -> None:
    with opened(path, Paraphraser()) as memory:
        (id,) = memory.add("code quince", cues=["boats"])
        assert in_files(path, "password quince")
    with opened(path, Paraphraser() if still else None) as memory:
        memory.update(id, text="code zephyr")
        (stored,) = memory.list()
        assert stored.cues == ("boats",)
        assert stored.paraphrases == (("password zephyr", "the mailbox") if still else ())
        assert ("lexical" in memory.recall("password")[0].evidence.signals) is still
        assert memory.recall("quince").confidence < 0.5
        assert not in_files(path, "quince")


def test_other_changes_keep_them_and_ask_nobody() -> None:
    paraphraser = Paraphraser()
    memory = fresh(paraphrase=paraphraser)
    (id,) = memory.add("code quince")
    memory.update(id, metadata={"seen": True}, cues=["boats"], text="code quince")
    (stored,) = memory.list()
    assert (stored.cues, stored.paraphrases) == (("boats",), ("password quince", "the mailbox"))
    assert paraphraser.asked == ["code quince"]


def test_they_travel_and_are_not_asked_for_again(tmp_path: Path) -> None:
    paraphraser = Paraphraser()
    memory = fresh(paraphrase=paraphraser)
    memory.add(["code quince", "apple tree"])
    memory.export(tmp_path / "dump.jsonl")
    other = fresh(paraphrase=paraphraser)
    other.load_export(tmp_path / "dump.jsonl")
    assert paraphraser.asked == ["code quince", "apple tree"]
    assert everything(other) == everything(memory)
