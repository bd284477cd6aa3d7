"""The journal of the SQLite store, and what it lets a reader that follows a namespace see.

An entry is three integers and holds no content. New rows need none: their seqs tell them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from nuonuo.stores.base import START, Changes, Cursor
from nuonuo.stores.batches import batches
from nuonuo.stores.checks import check_numbers, check_weight
from nuonuo.stores.reading import Source, page, some
from nuonuo.stores.schema import ASSOCIATED, DELETED, UPDATED


def record(db: sqlite3.Connection, entries: Sequence[tuple[int, int, int]], keep: int) -> None:
    """Append ``entries`` (epoch, seq, kind), and cut the journal to ``keep`` where it has twice as many."""
    db.executemany("INSERT INTO journal (namespace, seq, kind) VALUES (?, ?, ?)", entries)
    first, last = db.execute(
        "SELECT (SELECT min(change) FROM journal), (SELECT max(change) FROM journal)"
    ).fetchone()
    if first is None or last - first < 2 * keep:  # the key of a table: SQLite keeps integers only
        return
    cut = last - keep
    lost = db.execute(
        "SELECT max(change), namespace FROM journal WHERE change <= ? GROUP BY namespace", (cut,)
    )
    # Each namespace remembers what of its own was cut: a quiet one is not reset by a busy neighbour.
    db.executemany("UPDATE namespaces SET pruned = ? WHERE id = ?", lost.fetchall())
    db.execute("DELETE FROM journal WHERE change <= ?", (cut,))


def position(db: sqlite3.Connection, digest: bytes) -> tuple[Cursor, int]:
    """Where a reader stands that has seen all of the namespace, and the last entry cut from the journal."""
    row = db.execute(
        "SELECT n.id, n.pruned, (SELECT max(seq) FROM memories WHERE namespace = n.id), "
        "(SELECT max(change) FROM journal WHERE namespace = n.id) FROM namespaces n WHERE n.digest = ?",
        (digest,),
    ).fetchone()
    if row is None:
        return START, 0
    epoch, pruned, seq, change = row
    check_numbers(pruned, change or 0)
    return Cursor(epoch, seq or 0, change or pruned), pruned


def changes_since(
    db: sqlite3.Connection, digest: bytes, since: Cursor, source: Source, length: int
) -> Changes:
    """`Store.changes` inside one snapshot.

    Args:
        length: of a page: how many new memories are told of at once.
    """
    now, pruned = position(db, digest)
    reset = since.epoch != now.epoch or since.change < pruned
    known = START if reset else since
    change = now.change if reset else since.change
    journal = db.execute(
        "SELECT seq, kind FROM journal WHERE namespace = ? AND change > ?", (now.epoch, change)
    ).fetchall()
    check_numbers(*(number for entry in journal for number in entry))
    touched = {kind: {seq for seq, k in journal if k == kind} for kind in (UPDATED, DELETED, ASSOCIATED)}
    gone = touched[DELETED]
    added, whole = page(db, now.epoch, known.seq, length, source)
    sources = sorted(touched[ASSOCIATED] - gone)
    associations: dict[int, dict[int, float]] = {seq: {} for seq in sources}
    if whole and (reset or not since.whole):  # none has been told of since the first page
        # Most files hold none: then no memory of the namespace is looked up.
        every = (
            "source IN (SELECT seq FROM memories WHERE namespace = ? AND EXISTS (SELECT 1 FROM associations))"
        )
        associations.update(_associations(db, every, [now.epoch]))
    elif whole:
        for clause, part in batches("source", sources):
            associations.update(_associations(db, clause, part))
    # What lies beyond the cursor comes as an added row, in the state that it has now.
    updated = [seq for seq in sorted(touched[UPDATED] - gone) if seq <= known.seq]
    # Associations come last: until then the journal is not done with.
    cursor = now if whole or added is None else Cursor(now.epoch, int(added.seqs[-1]), change, whole=False)
    return Changes(
        cursor=cursor,
        reset=reset and since.epoch != START.epoch,
        deleted=[seq for seq in sorted(gone) if seq <= known.seq],
        updated=some(db, now.epoch, updated, source),
        added=added,
        associations=associations if whole else {},
    )


def _associations(
    db: sqlite3.Connection, where: str, values: Sequence[object]
) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    query = f"SELECT source, target, weight FROM associations WHERE {where} ORDER BY source, target"
    for source, target, weight in db.execute(query, values):
        check_weight(weight)
        found.setdefault(source, {})[target] = weight
    return found
