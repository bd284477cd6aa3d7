"""A file made by a stranger is data: it is read, or refused by an error of ours, in bounded memory."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

from nuonuo import Memory
from nuonuo.errors import NotAStoreError
from nuonuo.stores import SQLiteStore

from .hostile import opened
from .samples import child

USING = "from tests.stores.hostile import main; main()"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "template.db"
    with opened(path) as memory:
        for space in ("home", "away"):
            start = "m" if space == "home" else "a"
            memory.add(
                [
                    Memory("Rex the beagle is afraid of thunder.", id=f"{start}1", metadata={"v": 1}),
                    Memory(
                        "Rex is afraid of it since the storm in May 2023.", id=f"{start}2", cues=("fear",)
                    ),
                    Memory(
                        "# Rex\nRex is a beagle that Ana Kovač adopted.", id=f"{start}3", role="assistant"
                    ),
                    *(Memory(f"turn {n} said word{n % 5} and word{n % 7}") for n in range(12)),
                ],
                namespace=space,
                session_id="s",
                role="user",
            )
            memory.associate(f"{start}1", f"{start}2", 0.5)
            memory.update(f"{start}3", metadata={"v": 2})
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc of Linux")
@pytest.mark.parametrize("kind", ["flip", "alter", "forge"])
def test_a_strangers_file(kind: str, template: Path, tmp_path: Path) -> None:
    with child(USING, template, tmp_path / "m.db", kind, 0, 60) as process:
        told, _ = process.communicate()
    assert process.returncode == 0, told
    assert told.splitlines()[-1].startswith("0 failed"), told


@pytest.mark.parametrize(
    "code",
    [
        "CREATE TRIGGER t AFTER INSERT ON memories BEGIN DELETE FROM memories; END",
        "CREATE TRIGGER t AFTER UPDATE ON meta BEGIN SELECT 1; END",
        "CREATE VIEW v AS SELECT * FROM memories",
        "CREATE INDEX i ON memories (abs(seq))",
        "ALTER TABLE journal ADD COLUMN more GENERATED ALWAYS AS (abs(seq))",
        "ALTER TABLE meta RENAME TO m; CREATE VIEW meta AS SELECT key, value FROM m",
        "ALTER TABLE traces RENAME TO t; CREATE VIRTUAL TABLE traces USING fts5(body)",
        "CREATE TRIGGER t AFTER DELETE ON blocks BEGIN SELECT 1; END",
        "ALTER TABLE blocks RENAME TO b; CREATE VIEW blocks AS SELECT * FROM b",
    ],
)
def test_nothing_in_a_strangers_file_is_run(code: str, template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "m.db"))
    db = sqlite3.connect(path)
    db.executescript(code)
    db.close()
    before = path.read_bytes()
    with pytest.raises(NotAStoreError, match=r"that no NuoNuo made|of another application"):
        SQLiteStore(path)
    assert path.read_bytes() == before


def test_what_administrators_add_beside_it_is_theirs(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "m.db"))
    db = sqlite3.connect(path)
    db.executescript("CREATE TABLE notes (told TEXT); CREATE INDEX i ON notes (told); ANALYZE; VACUUM")
    db.close()
    store = SQLiteStore(path)
    assert len(store.list()) == 30
    store.close()
