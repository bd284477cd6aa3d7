"""Questions that were asked before, in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.data.datasets import load
from tests.evaluation.samples import LOCOMO, LONGMEMEVAL, write


def test_each_asking_is_a_session_after_all_others(tmp_path: Path) -> None:
    file = write(tmp_path, "locomo_dev.json", LOCOMO)
    plain, asked = load(file), load(file, asked=2)
    for before, after in zip(plain.groups, asked.groups, strict=True):
        assert after.questions == before.questions
        assert after.memories[: len(before.memories)] == before.memories
        more = after.memories[len(before.memories) :]
        assert len(more) == len({memory.id for memory in more}) == len(before.questions) * 2 * 2
        assert [memory.role for memory in more] == ["user", "assistant"] * (len(more) // 2)
        assert len({memory.session_id for memory in more}) == len(more) // 2
        for at, question in enumerate(before.questions):
            for turn in more[at * 4 : at * 4 + 4 : 2]:
                assert question.text in turn.text
                assert turn.timestamp == question.now
    assert asked.groups[0].memories[5].text == "What scares Rex?"
    assert [memory.text for memory in asked.groups[0].memories[-2:]] == [
        "What does the sister play?",
        "I am sorry, I do not know that.",
    ]
    assert asked.name == "locomo_dev_asked"
    assert "each question was asked 2 times before, in vain: 16 more turns" in asked.notes
    assert load(file, asked=0) == plain


def test_only_whose_turns_are_stored(tmp_path: Path) -> None:
    file = write(tmp_path, "longmemeval_dev.json", LONGMEMEVAL)
    asked = load(file, roles="user", asked=1)
    assert {memory.role for group in asked.groups for memory in group.memories} == {"user"}


def test_a_wrong_number(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="asked must be at least 0, got -1"):
        load(write(tmp_path, "locomo_dev.json", LOCOMO), asked=-1)
