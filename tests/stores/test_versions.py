"""A file of an older version is brought up where it lies, whatever happens on the way."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nuonuo import AssociativeMemory
from nuonuo.errors import ReadOnlyStoreError
from nuonuo.stores import START, SQLiteStore, renewal, schema
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


# Made by the version before blocks: 40 memories in two namespaces, of sessions, with cues and metadata; two
# of them forgotten and two rewritten since.
SECOND = Path(__file__).with_name("version2.memory")


def packed(path: Path) -> AssociativeMemory:
    """The memory in the file, whose blocks are small."""
    return AssociativeMemory(SQLiteStore(path, block_length=4), WordEmbedder(), config=SMALL)


def lying(path: Path) -> tuple[int, int, bool]:
    """How many blocks there are, how many memories lie loose, and whether some may be left to be packed."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        counts = "SELECT (SELECT count(*) FROM blocks), (SELECT count(*) FROM traces)"
        left = db.execute("SELECT 1 FROM meta WHERE key = 'loose'").fetchone()
        return (*db.execute(counts).fetchone(), left is not None)


def assert_second(memory: AssociativeMemory) -> None:
    """It holds what a memory does into which the same was put today."""
    stored = memory.list()
    assert len(stored) == 38
    new = fresh(stored, config=memory.config)
    for one, other, weight in (("h03", "h20", 0.5), ("h20", "h07", 0.25), ("a1", "a8", 1.0)):
        new.associate(one, other, weight)
    for namespace in ("home", "away"):
        found, wanted = state(memory, namespace), state(new, namespace)
        del found["seqs"], wanted["seqs"]
        assert found == wanted
        questions = ("Why does Rex sleep by the copper lantern?", "Straße 7", "雷 of the winter")
        for question in questions:
            answers = [
                [(hit.memory.id, hit.score) for hit in each.recall(question, 9, namespace=namespace)]
                for each in (memory, new)
            ]
            assert answers[0] == answers[1]


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return Path(shutil.copy(SECOND, tmp_path / "second.db"))


def test_the_second_fixture_is_of_the_version_before_blocks() -> None:
    with sqlite3.connect(f"file:{SECOND}?mode=ro&immutable=1", uri=True) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'blocks'").fetchone() == (0,)


def test_a_file_from_before_blocks_is_packed_when_it_is_opened(second: Path) -> None:
    size = second.stat().st_size
    with packed(second) as memory:
        assert_second(memory)
    assert lying(second) == (7 + 2, 2, False)
    assert second.stat().st_size < 1.3 * size
    with packed(second) as again:
        assert_second(again)
        again.forget(ids=["h00"])
        again.update("h01", metadata={"n": 1})
        again.add("one more", namespace="home")
    with opened(second) as memory:
        assert len(memory.list()) == 38
        new = fresh(memory.list(namespace="home"), config=memory.config)
        assert state(memory, "home")["words"] == state(new, "home")["words"]


def test_what_is_not_packed_yet_answers_all_the_same(second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLiteStore, "refresh", lambda *_: 0)
    with packed(second) as memory:
        assert_second(memory)
        memory.add([f"more of it {n}" for n in range(9)], namespace="home")  # what lies before it is not
        assert lying(second) == (1, 38 + 9 - 4, True)
        memory.forget(ids=["h01"])
        new = fresh(memory.list(namespace="home"), config=memory.config)
        assert state(memory, "home")["words"] == state(new, "home")["words"]
    monkeypatch.undo()
    with packed(second) as memory:
        assert state(memory, "home")["words"] == state(new, "home")["words"]
    assert lying(second)[2] is False


PACKING = """
import os, signal, sys
from nuonuo import AssociativeMemory
from nuonuo.stores import SQLiteStore, packing
from tests.fakes import SMALL, WordEmbedder

packing.TOGETHER, left, pack = 2, int(sys.argv[2]), packing.pack_block
def counting(rows):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return pack(rows)
packing.pack_block = counting
AssociativeMemory(SQLiteStore(sys.argv[1], block_length=4), WordEmbedder(), config=SMALL).close()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
@pytest.mark.parametrize("after", [0, 1, 2, 3, 6, 8])
def test_killed_while_it_packs_it_goes_on_where_it_was(second: Path, after: int) -> None:
    assert child(PACKING, second, after).wait() == -signal.SIGKILL
    store = SQLiteStore(second, block_length=4)  # any mixture is a file like any other
    assert lying(second)[0] in (after, after - 1) and lying(second)[2]
    assert len(store.scan(0, 99)) == 38
    assert sum(len(store.changes(name, START).added or ()) for name in ("home", "away")) == 38
    store.close()
    with packed(second) as memory:
        assert_second(memory)
    assert lying(second) == (7 + 2, 2, False)


def test_an_old_file_that_cannot_be_written_says_what_to_do(second: Path) -> None:
    before = second.read_bytes()
    with (
        contextlib.closing(sqlite3.connect(f"file:{second}?mode=ro", uri=True)) as db,
        pytest.raises(ReadOnlyStoreError, match="make it and its folder writable once"),
    ):
        schema.prepare(db, str(second), read_only=True)
    assert second.read_bytes() == before
