"""Finding and deleting rows in the SQLite store, inside a transaction of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime, timezone

from nuonuo.stores.changes import batches, record
from nuonuo.stores.codec import Digests, Pages, is_before, pack_name, to_microseconds, unpack_memory
from nuonuo.stores.schema import ASSOCIATED, DELETED


def find(db: sqlite3.Connection, digest: bytes) -> tuple[int, int] | None:
    """(seq, epoch) of the memory whose id has this digest."""
    row = db.execute("SELECT seq, namespace FROM memories WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else (row[0], row[1])


def epoch_of(db: sqlite3.Connection, digest: bytes) -> int:
    """The epoch of the namespace with this digest; 0 where it holds nothing."""
    row = db.execute("SELECT id FROM namespaces WHERE digest = ?", (digest,)).fetchone()
    return 0 if row is None else int(row[0])


def make_namespace(db: sqlite3.Connection, digest: bytes, name: str, pages: Pages) -> int:
    """The epoch of the namespace, which begins a new life where it holds nothing."""
    epoch = epoch_of(db, digest)
    if epoch == 0:
        insert = "INSERT INTO namespaces (digest, body) VALUES (?, ?)"
        epoch = db.execute(insert, (digest, pages.pad(pack_name(name)))).lastrowid or 0
    return epoch


def matching(
    db: sqlite3.Connection,
    digests: Digests,
    lead: int,
    *,
    namespace: str | None,
    ids: Sequence[str] | None,
    session_id: str | None,
    before: datetime | None,
) -> dict[int, int]:
    """seq -> epoch of the memories that meet every condition that is not None.

    Args:
        lead: where the payload of a body starts.
    """
    conditions: list[str] = []
    values: list[object] = []
    if namespace is not None:
        conditions.append("namespace = ?")
        values.append(epoch_of(db, digests.of_namespace(namespace)))
    if session_id is not None:
        conditions.append("session = ?")
        values.append(digests.of_session(session_id))
    shown, limit = (None, None) if before is None else _bounds(before)
    if shown is not None and limit is not None:
        conditions.append("timestamp < ?")
        values.append(max(shown, limit))
    where = " AND ".join(conditions) or "1"
    query = f"SELECT seq, namespace FROM memories WHERE {where}"
    found: dict[int, int] = {}
    if ids is None:
        found.update(db.execute(query, values).fetchall())
    else:
        for clause, keys in batches("digest", [digests.of_id(key) for key in ids]):
            found.update(db.execute(f"{query} AND {clause}", [*values, *keys]).fetchall())
    if (
        before is not None and shown != limit
    ):  # of what lies between the two its body tells whether it is a day
        for clause, seqs in batches("seq", [*found]):
            doubtful = f"SELECT seq, timestamp, body FROM memories WHERE {clause} AND timestamp >= ?"
            for seq, timestamp, body in db.execute(doubtful, [*seqs, min(shown or 0, limit or 0)]).fetchall():
                if not is_before(timestamp, unpack_memory(body, lead, timestamp, "").all_day, before):
                    del found[seq]
    return found


def _bounds(before: datetime) -> tuple[int | None, int | None]:
    """What a limit's clock shows, for whole days, and the instant that it is."""
    return to_microseconds(before.replace(tzinfo=timezone.utc)), to_microseconds(before)


def delete(db: sqlite3.Connection, doomed: dict[int, int], keep: int) -> None:
    """Delete ``doomed`` (seq -> epoch), tell the journal, and end the namespaces that became empty."""
    sources = {
        seq: epoch
        for target, epoch in doomed.items()
        for (seq,) in db.execute("SELECT source FROM associations WHERE target = ?", (target,))
        if seq not in doomed
    }
    db.executemany("DELETE FROM memories WHERE seq = ?", [(seq,) for seq in doomed])
    alive = set()
    for epoch in set(doomed.values()):
        if db.execute("SELECT 1 FROM memories WHERE namespace = ?", (epoch,)).fetchone():
            alive.add(epoch)
        else:
            db.execute("DELETE FROM namespaces WHERE id = ?", (epoch,))
    entries = [(epoch, seq, DELETED) for seq, epoch in doomed.items()]
    entries += [(epoch, seq, ASSOCIATED) for seq, epoch in sources.items()]
    record(db, [entry for entry in entries if entry[0] in alive], keep)
