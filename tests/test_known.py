"""A text whose vectors are in the store is not embedded again, and comes out as if it had been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory, Memory
from tests.fakes import SMALL, WordEmbedder, fresh, state
from tests.stores.samples import child

LONG = " ".join(f"Line {at} of the log tells of a valve." for at in range(90))  # 3 KB
TURNS = [
    Memory(
        "Rex fears thunder. He hides under the bed.", id="a", role="user", session_id="s", namespace="home"
    ),
    Memory("The cello is at the repair shop.", id="b", cues=("violin",), namespace="home"),
    Memory(LONG, id="c", namespace="home"),
]


class Opened:
    """Opens one file again and again, each time as a process does that has just been started."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, **config: Any) -> tuple[AssociativeMemory, WordEmbedder]:
        embedder = WordEmbedder()
        return AssociativeMemory.open(self.path, embedder=embedder, config=replace(SMALL, **config)), embedder


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    made = Opened(tmp_path / "memories.db")
    memory, embedder = made()
    with memory:
        memory.add(TURNS)
    assert embedder.texts
    return made


def assert_as_if_embedded(memory: AssociativeMemory, namespace: str = "home") -> None:
    new = fresh(memory.list(), config=memory.config)
    one, other = state(memory, namespace), state(new, namespace)
    del one["seqs"], other["seqs"]
    assert one == other


def test_what_takes_its_own_place_is_not_embedded(opened: Opened) -> None:
    memory, embedder = opened()
    with memory:
        memory.add(
            [replace(each, metadata={"again": True}, role="assistant") for each in TURNS], replace=True
        )
        assert embedder.texts == []
        assert_as_if_embedded(memory)  # who says it has changed, and with it what its words come to
        memory.add(replace(TURNS[1], text="The cello was mended."), replace=True)
        assert "The cello was mended." in embedder.texts
        assert TURNS[0].text not in embedder.texts
        assert_as_if_embedded(memory)


def test_a_change_of_anything_but_words_embeds_nothing(opened: Opened) -> None:
    memory, embedder = opened()
    with memory:
        memory.update("a", role="assistant", timestamp="2024-05-01", metadata={"x": 1})
        assert embedder.texts == []
        assert_as_if_embedded(memory)
        memory.update("b", cues=["fiddle"])
        assert "fiddle" in embedder.texts


def test_what_is_said_again_is_found_by_its_words(opened: Opened) -> None:
    memory, embedder = opened()
    with memory:
        memory.recall("Who fears thunder?", namespace="home")
        del embedder.texts[:]
        memory.add([replace(each, id=f"{each.id}2", session_id="t") for each in TURNS])
        assert embedder.texts == []
        assert_as_if_embedded(memory)
        # Other cues, another case: the same wording, but not the same parts.
        memory.add(replace(TURNS[1], id="d", cues=("viola",)))
        memory.add(replace(TURNS[0], id="e", text=TURNS[0].text.upper()))
        assert {TURNS[0].text.upper(), "viola"} <= {*embedder.texts}
        assert_as_if_embedded(memory)


def test_a_namespace_is_a_wall(opened: Opened) -> None:
    memory, embedder = opened()
    with memory:
        for namespace in ("home", "away"):
            memory.recall("Who fears thunder?", namespace=namespace)
        memory._encoder.forget()
        del embedder.texts[:]
        memory.add(replace(TURNS[0], id="z", namespace="away"))
        assert TURNS[0].text in embedder.texts


def test_what_was_forgotten_is_embedded_again(opened: Opened) -> None:
    memory, embedder = opened()
    with memory:
        memory.recall("Who fears thunder?", namespace="home")
        memory.forget(ids=["a"])
        del embedder.texts[:]
        memory.add(replace(TURNS[0], id="a2"))
        assert TURNS[0].text in embedder.texts
        memory.add(TURNS[0], replace=True)  # its id is free, its words are those of a2
        assert embedder.texts.count(TURNS[0].text) == 1
        assert_as_if_embedded(memory)


@pytest.mark.parametrize(
    ("config", "again"),
    [
        ({"sentence_cues": False}, {0, 2}),  # the other one has no sentences of their own
        ({"language": None}, {0, 1, 2}),
        ({"embedded_bytes": 2048}, {2}),
    ],
)
def test_other_rules_embed_anew(opened: Opened, config: dict[str, Any], again: set[int]) -> None:
    memory, embedder = opened(**config)
    with memory:
        memory.add(TURNS, replace=True)
        embedded = {
            at for at, each in enumerate(TURNS) if any(each.text[:30] in text for text in embedder.texts)
        }
        assert embedded == again
        if "embedded_bytes" not in config:
            assert_as_if_embedded(memory)


def test_an_import_embeds_only_what_is_new(opened: Opened, tmp_path: Path) -> None:
    dump = tmp_path / "dump.jsonl"
    with fresh([replace(each, id=f"{each.id}2") for each in TURNS]) as other:
        other.add(["The bus leaves at nine.", TURNS[0].text], namespace="travel")
        assert other.export(dump) == 5
    memory, embedder = opened()
    with memory:
        assert memory.load_export(dump) == 5
        assert {*embedder.texts} == {
            "The bus leaves at nine.",
            TURNS[0].text,
            "Rex fears thunder.",
            "He hides under the bed.",
        }  # fmt: skip  those of the other namespace
        assert_as_if_embedded(memory)
        assert_as_if_embedded(memory, "travel")


PROCESS = """
import sys
from nuonuo import AssociativeMemory
from tests.fakes import SMALL, WordEmbedder
from tests.test_known import TURNS

embedder = WordEmbedder()
with AssociativeMemory.open(sys.argv[1], embedder=embedder, config=SMALL) as memory:
    memory.add(TURNS, replace=True)
sys.exit(len(embedder.texts))
"""


def test_another_process_does_not_embed_it_either(opened: Opened) -> None:
    assert child(PROCESS, opened.path).wait() == 0
    memory, _ = opened()
    with memory:
        memory.forget(ids=["b"])
    assert child(PROCESS, opened.path).wait() == 2  # its text and its cue
