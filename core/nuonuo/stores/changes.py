"""The journal of the SQLite store, and what it lets a reader that follows a namespace see.

An entry is three integers and holds no content. New rows need none: their seqs tell them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from nuonuo.stores.base import START, Changes, Cursor, Row
from nuonuo.stores.codec import unpack_memory, unpack_traces
from nuonuo.stores.schema import ASSOCIATED, DELETED, UPDATED

BATCH = 500  # SQL parameters a statement


def batches(column: str, values: Sequence[object]) -> Iterator[tuple[str, Sequence[object]]]:
    """Conditions ``column IN (...)`` with their parameters that together cover ``values``."""
    for start in range(0, len(values), BATCH):
        part = values[start : start + BATCH]
        yield f"{column} IN ({','.join('?' * len(part))})", part


def record(db: sqlite3.Connection, entries: Sequence[tuple[int, int, int]], keep: int) -> None:
    """Append ``entries`` (epoch, seq, kind), and cut the journal to ``keep`` where it has twice as many."""
    db.executemany("INSERT INTO journal (namespace, seq, kind) VALUES (?, ?, ?)", entries)
    first, last = db.execute(
        "SELECT (SELECT min(change) FROM journal), (SELECT max(change) FROM journal)"
    ).fetchone()
    if first is None or last - first < 2 * keep:
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
    return Cursor(epoch, seq or 0, change or pruned), pruned


def changes_since(db: sqlite3.Connection, digest: bytes, namespace: str, since: Cursor, lead: int) -> Changes:
    """`Store.changes` inside one snapshot; payloads start at byte ``lead`` of a body."""
    now, pruned = position(db, digest)
    if since.epoch != now.epoch or since.change < pruned:
        return Changes(
            cursor=now,
            reset=since.epoch != START.epoch,
            added=_rows(db, "m.namespace = ?", [now.epoch], namespace, lead),
            associations=_associations(
                db, "source IN (SELECT seq FROM memories WHERE namespace = ?)", [now.epoch]
            ),
        )
    journal = db.execute(
        "SELECT seq, kind FROM journal WHERE namespace = ? AND change > ?", (now.epoch, since.change)
    ).fetchall()
    touched = {kind: {seq for seq, k in journal if k == kind} for kind in (UPDATED, DELETED, ASSOCIATED)}
    gone = touched[DELETED]
    # What lies beyond the cursor comes as an added row, in the state that it has now.
    updated = [seq for seq in sorted(touched[UPDATED] - gone) if seq <= since.seq]
    sources = sorted(touched[ASSOCIATED] - gone)
    associations: dict[int, dict[int, float]] = {seq: {} for seq in sources}
    for clause, part in batches("source", sources):
        associations.update(_associations(db, clause, part))
    return Changes(
        cursor=now,
        deleted=[seq for seq in sorted(gone) if seq <= since.seq],
        updated=[
            row
            for clause, part in batches("m.seq", updated)
            for row in _rows(db, clause, part, namespace, lead)
        ],
        added=_rows(db, "m.namespace = ? AND m.seq > ?", [now.epoch, since.seq], namespace, lead),
        associations=associations,
    )


def _rows(
    db: sqlite3.Connection, where: str, values: Sequence[object], namespace: str, lead: int
) -> list[Row]:
    query = (
        "SELECT m.seq, m.timestamp, m.body, t.body FROM memories m JOIN traces t ON t.seq = m.seq "
        f"WHERE {where} ORDER BY m.seq"
    )
    return [
        Row(seq, unpack_memory(body, lead, timestamp, namespace), unpack_traces(traces, lead))
        for seq, timestamp, body, traces in db.execute(query, values)
    ]


def _associations(
    db: sqlite3.Connection, where: str, values: Sequence[object]
) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    query = f"SELECT source, target, weight FROM associations WHERE {where} ORDER BY source, target"
    for source, target, weight in db.execute(query, values):
        found.setdefault(source, {})[target] = weight
    return found
