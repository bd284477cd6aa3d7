"""What a reader that follows a namespace sees of it in PostgreSQL (`Store.changes`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nuonuo.stores.base import START, Changes, Cursor, Rows
from nuonuo.stores.codec import unpack_rows
from nuonuo.stores.postgres.bodies import LEAD
from nuonuo.stores.postgres.connections import Database
from nuonuo.stores.schema import ASSOCIATED, DELETED, UPDATED
from nuonuo.stores.sums import Sums

_NEVER = (1 << 63) - 1  # past every entry of a journal
_HERE = "namespace = (SELECT id FROM namespaces WHERE digest = %(digest)b)"
_TOLD = f"SELECT seq FROM journal WHERE {_HERE} AND change > %(change)b AND kind = "
_POSITION = "SELECT id, last_seq, change, pruned FROM namespaces WHERE digest = %(digest)b"
_JOURNAL = f"SELECT seq, kind FROM journal WHERE {_HERE} AND change > %(change)b"
_ROWS = f"SELECT seq, stamp, body, traces FROM memories WHERE {_HERE}"
_ADDED = f"{_ROWS} AND seq > %(seq)b ORDER BY seq LIMIT %(page)b"
_UPDATED = f"{_ROWS} AND seq <= %(seq)b AND seq IN ({_TOLD}{UPDATED}) ORDER BY seq"
# With the last page of rows only: the targets of some would not be known before.
_ASSOCIATIONS = (
    f"SELECT source, target, weight FROM associations WHERE {_HERE} "
    f"AND (%(every)b OR source IN ({_TOLD}{ASSOCIATED})) AND NOT EXISTS (SELECT FROM memories "
    f"WHERE {_HERE} AND seq > %(seq)b ORDER BY seq OFFSET %(page)b - 1) ORDER BY source, target"
)
_QUERIES = tuple(query.encode() for query in (_POSITION, _JOURNAL, _ADDED, _UPDATED, _ASSOCIATIONS))


def changes_since(
    db: Database, digest: bytes, namespace: str, since: Cursor, page: int, sums: Sums
) -> Callable[[], Changes | None]:
    """Ask for `Store.changes` inside one snapshot, all at once; what was told, once it is there.

    None where the reader must start afresh: then it is to be asked again, since `START`.
    """
    values = {
        "digest": digest,
        "change": _NEVER if since == START else since.change,
        "seq": since.seq,
        "page": page,
        "every": since == START or not since.whole,  # none has been told of since the first page
    }
    cursors = [db.execute(query, values, binary=True) for query in _QUERIES]

    def told() -> Changes | None:
        row, journal, added, updated, associated = (cursor.fetchall() for cursor in cursors)
        now, pruned = (Cursor(*row[0][:3]), row[0][3]) if row else (START, 0)
        if since != START and (since.epoch != now.epoch or since.change < pruned):
            return None
        touched: dict[int, set[int]] = {UPDATED: set(), DELETED: set(), ASSOCIATED: set()}
        for seq, kind in journal:
            touched[kind].add(seq)
        gone = touched[DELETED]
        whole = len(added) < page
        associations: dict[int, dict[int, float]] = {}
        if whole:
            associations = {seq: {} for seq in sorted(touched[ASSOCIATED] - gone)}
            for source, target, weight in associated:
                associations.setdefault(source, {})[target] = weight
        # Associations come last: until then the journal is not done with.
        change = now.change if since == START else since.change
        return Changes(
            cursor=now if whole else Cursor(now.epoch, added[-1][0], change, whole=False),
            deleted=[seq for seq in sorted(gone) if seq <= since.seq],
            # What lies beyond the cursor comes as an added row, in the state that it has now.
            updated=_unpacked(updated, namespace, sums),
            added=_unpacked(added, namespace, sums),
            associations=associations,
        )

    return told


def _unpacked(rows: Sequence[tuple[Any, ...]], namespace: str, sums: Sums) -> Rows | None:
    if not rows:
        return None
    seqs, stamps, bodies, traces = zip(*rows, strict=True)
    sums.check(bodies, LEAD)
    sums.check(traces, LEAD)
    return unpack_rows(seqs, stamps, bodies, traces, LEAD, namespace)
