"""The log beside a file: how much a write may have to move from it into the database."""

from __future__ import annotations

from pathlib import Path

from nuonuo.stores import SQLiteStore

from .samples import item


def test_the_log_stays_small_while_a_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "memories.db"
    log, longest = Path(f"{path}-wal"), 0
    store = SQLiteStore(path)
    for at in range(300):
        store.insert("n", [item(str(at), f"{at} " * 4000)])
        longest = max(longest, log.stat().st_size)
    store.close()
    assert path.stat().st_size > 4_000_000
    # As much as is let stand, and what one write adds to it; a log keeps the length that it once had.
    assert 1_000_000 < longest < 1_300_000
