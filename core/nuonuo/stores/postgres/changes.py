"""What a reader that follows a namespace sees of it in PostgreSQL (`Store.changes`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nuonuo.stores.base import START, Changes, Cursor, Rows
from nuonuo.stores.codec import unpack_rows
from nuonuo.stores.postgres.connections import Database
from nuonuo.stores.postgres.rows import LEAD
from nuonuo.stores.schema import ASSOCIATED, DELETED, UPDATED
from nuonuo.stores.sums import Sums


def position(db: Database, digest: bytes) -> tuple[Cursor, int]:
    """Where a reader stands that has seen all of the namespace, and the last entry cut from the journal."""
    row = db.execute(
        "SELECT id, last_seq, change, pruned FROM namespaces WHERE digest = %b", (digest,), binary=True
    ).fetchone()
    return (START, 0) if row is None else (Cursor(*row[:3]), row[3])


def changes_since(
    db: Database, digest: bytes, namespace: str, since: Cursor, page: int, sums: Sums
) -> Changes:
    """`Store.changes` inside one snapshot."""
    now, pruned = position(db, digest)
    reset = since.epoch != now.epoch or since.change < pruned
    known = START if reset else since
    change = now.change if reset else since.change
    journal = db.execute(
        "SELECT seq, kind FROM journal WHERE namespace = %s AND change > %s", (now.epoch, change), binary=True
    )
    fresh = _read(db, "namespace = %s AND seq > %s ORDER BY seq LIMIT %s", now.epoch, known.seq, page)
    touched: dict[int, set[int]] = {UPDATED: set(), DELETED: set(), ASSOCIATED: set()}
    for seq, kind in journal.fetchall():
        touched[kind].add(seq)
    gone = touched[DELETED]
    # What lies beyond the cursor comes as an added row, in the state that it has now.
    updated = [seq for seq in sorted(touched[UPDATED] - gone) if seq <= known.seq]
    again = (
        _read(db, "namespace = %s AND seq = ANY(%s) ORDER BY seq", now.epoch, updated) if updated else None
    )
    added = fresh.fetchall()
    whole = len(added) < page
    associations: dict[int, dict[int, float]] = {}
    if whole:
        sources = sorted(touched[ASSOCIATED] - gone)
        associations = {seq: {} for seq in sources}
        every = reset or not since.whole  # none has been told of since the first page
        for source, target, weight in _associations(db, now.epoch, None if every else sources):
            associations.setdefault(source, {})[target] = weight
    # Associations come last: until then the journal is not done with.
    cursor = now if whole else Cursor(now.epoch, added[-1][0], change, whole=False)
    return Changes(
        cursor=cursor,
        reset=reset and since.epoch != START.epoch,
        deleted=[seq for seq in sorted(gone) if seq <= known.seq],
        updated=None if again is None else _unpacked(again.fetchall(), namespace, sums),
        added=_unpacked(added, namespace, sums),
        associations=associations,
    )


def _read(db: Database, where: str, *values: object) -> Any:
    query = f"SELECT seq, stamp, body, traces FROM memories WHERE {where}"
    return db.execute(query.encode(), values, binary=True)


def _unpacked(rows: Sequence[tuple[Any, ...]], namespace: str, sums: Sums) -> Rows | None:
    if not rows:
        return None
    seqs, stamps, bodies, traces = zip(*rows, strict=True)
    sums.check(bodies, LEAD)
    sums.check(traces, LEAD)
    return unpack_rows(seqs, stamps, bodies, traces, LEAD, namespace)


def _associations(db: Database, epoch: int, sources: Sequence[int] | None) -> list[tuple[int, int, float]]:
    """(source, target, weight) of the associations of ``sources``, or of the whole namespace."""
    query = "SELECT source, target, weight FROM associations WHERE namespace = %s "
    order = "ORDER BY source, target"
    if sources is None:
        return db.execute((query + order).encode(), (epoch,), binary=True).fetchall()
    if not sources:
        return []
    some = query + "AND source = ANY(%s) " + order
    return db.execute(some.encode(), (epoch, list(sources)), binary=True).fetchall()
