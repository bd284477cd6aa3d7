"""What `nuonuo recall` says of a hit."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuonuo import AssociativeMemory
from nuonuo.evaluation.synthetic import HashEmbedder

pytest.importorskip("rich")

from nuonuo.cli import commands as cli


def test_recall_says_where_a_word_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "memories.db"
    with AssociativeMemory.open(path, embedder=HashEmbedder()) as memory:
        memory.add(["Rex fears thunder.", "He hides in the garage."], session_id="s", timestamp="2024-05-01")
        memory.add("The bus leaves at nine.", cues=["timetable"])

    def asked(question: str) -> str:
        assert cli.main(["recall", str(path), question]) == 0
        return " ".join(capsys.readouterr().out.split())  # however wide the terminal is

    own, beside = asked("Rex fears thunder").split("2. He hides")
    assert "thunder ← thunder" in own and "next to it" not in own
    assert "thunder ← thunder next to it" in beside
    assert "timetable ← timetable in a cue" in asked("timetable")
    assert "by its time" in asked("what happened in May 2024?")


def test_recall_shows_a_text_as_it_was_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "[red]of[old].db"
    said = "Rex [bold]fears[/bold] [/x] thunder :smile: and hides in the garage until it is over, " * 3
    with AssociativeMemory.open(path, embedder=HashEmbedder()) as memory:
        memory.add(f"{said}\x1b[2J\x9b1A")
    assert cli.main(["recall", str(path), "Rex :smile: fears thunder"]) == 0
    assert f"1. {said}\\x1b[2J\\x9b1A\n" in capsys.readouterr().out  # on one line, and nothing is a command
    assert cli.main(["stats", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
