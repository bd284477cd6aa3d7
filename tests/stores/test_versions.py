"""A file of the first version is brought up where it lies, whatever happens on the way."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.stores import SQLiteStore, renewal
from nuonuo.stores.layout import lexicon_of
from tests.fakes import SMALL, WordEmbedder, fresh, state, texts

from .samples import child

# Made by version 0.1.0: seven memories in two namespaces, one of them forgotten and one rewritten.
FIRST = Path(__file__).with_name("version1.memory")
IDS = ["a", "b", "c", "d", "e", "f"]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIRST, tmp_path / "old.db"))


def opened(path: Path, **config: Any) -> AssociativeMemory:
    return AssociativeMemory.open(path, embedder=WordEmbedder(), config=replace(SMALL, **config))


def assert_as_if_new(memory: AssociativeMemory) -> None:
    """It holds what a memory does into which the same was put today."""
    assert [stored.id for stored in memory.list()] == IDS
    new = fresh(memory.list(), config=memory.config)
    new.associate("a", "c", 0.5)
    for namespace in ("home", "away"):
        one, other = state(memory, namespace), state(new, namespace)
        del one["seqs"], other["seqs"]
        assert one == other
    assert texts(memory.recall("What is Rex afraid of: thunder?", 1, namespace="home"))[0].startswith(
        "Rex fears"
    )


def lexicons(path: Path) -> set[int]:
    """The rules by which the words of the memories in a file were worked out."""
    store = SQLiteStore(path)
    lead = store._pages.lead
    store.close()
    with sqlite3.connect(path) as db:
        return {lexicon_of(body, lead) for (body,) in db.execute("SELECT body FROM traces")}


def test_the_fixture_is_of_the_first_version() -> None:
    with sqlite3.connect(f"file:{FIRST}?mode=ro&immutable=1", uri=True) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (1,)


def test_an_old_file_answers_as_a_new_one(old: Path) -> None:
    with opened(old) as memory:
        assert_as_if_new(memory)
        number = memory._encoder.lexicon.number
        assert memory._store.refresh(number, memory._encoder.lexicon.words) == 0  # it is done
    assert lexicons(old) == {number}
    with opened(old) as again:
        assert_as_if_new(again)


def test_what_cannot_be_written_answers_all_the_same(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteStore, "refresh", lambda *_: 0)  # as where the file can only be read
    with opened(old) as memory:
        assert_as_if_new(memory)
    assert lexicons(old) == {0}


def test_another_language_reads_the_words_by_its_own_rules(old: Path) -> None:
    with opened(old) as english, opened(old, language="german") as german:
        english.add("Der Hund bellte.", namespace="away")  # by the rules of the one, read by the other
        for memory in (english, german):
            new = fresh(memory.list(namespace="away"), config=memory.config)
            assert state(memory, "away")["words"] == state(new, "away")["words"]
        assert state(english, "away")["words"] != state(german, "away")["words"]
    with opened(old) as again:
        assert len(again.list()) == 7
    assert len(lexicons(old)) == 1


KILLED = """
import os, signal, sys
from nuonuo import AssociativeMemory
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.stores import renewal
from tests.fakes import SMALL, WordEmbedder

renewal.STEP, left, words = 2, int(sys.argv[2]), Lexicon.words
def counting(self, memory):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return words(self, memory)
Lexicon.words = counting
AssociativeMemory.open(sys.argv[1], embedder=WordEmbedder(), config=SMALL).close()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
@pytest.mark.parametrize("after", range(6))
def test_killed_in_the_middle_it_goes_on_where_it_was(old: Path, after: int) -> None:
    process = child(KILLED, old, after)
    assert process.wait() == -signal.SIGKILL
    done = lexicons(old)
    assert (0 in done) and (len(done) == 2) == (after >= sqlite_step())
    with opened(old) as memory:
        assert_as_if_new(memory)
        assert lexicons(old) == {memory._encoder.lexicon.number}


def sqlite_step() -> int:
    """Memories after which the child has written a first step."""
    return 2 if renewal.STEP > 2 else renewal.STEP
