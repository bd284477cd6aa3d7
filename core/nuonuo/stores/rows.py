"""Finding and deleting rows in the SQLite store, inside a transaction of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timezone
from itertools import count

from nuonuo.errors import NotAStoreError
from nuonuo.stores.batches import batches
from nuonuo.stores.changes import record
from nuonuo.stores.checks import check_numbers
from nuonuo.stores.codec import Digests, Pages, is_before, pack_name, to_microseconds, unpack_memory
from nuonuo.stores.packing import Packer
from nuonuo.stores.reading import by_home
from nuonuo.stores.schema import ASSOCIATED, DELETED

_MOST = (1 << 63) - 1  # the greatest number that SQLite keeps
# + for each by its seq alone, not by way of the index of its namespace
BY_SEQ = "SELECT seq, timestamp, body FROM memories WHERE {} AND +namespace = {}"
Told = tuple[int, int | None, bytes]  # seq, timestamp, body
Written = tuple[int | None, bytes, bytes | None, bytes]  # timestamp, digest, session, body


def find(db: sqlite3.Connection, digest: bytes) -> tuple[int, int] | None:
    """(seq, epoch) of the memory whose id has this digest."""
    row = db.execute("SELECT seq, namespace FROM memories WHERE digest = ?", (digest,)).fetchone()
    return None if row is None else (row[0], row[1])


def stored(db: sqlite3.Connection, digests: Sequence[bytes]) -> dict[bytes, tuple[int, int]]:
    """digest -> (seq, epoch) of those memories whose ids have one of ``digests``."""
    return {
        digest: (seq, epoch)
        for clause, part in batches("digest", digests)
        for digest, seq, epoch in db.execute(
            f"SELECT digest, seq, namespace FROM memories WHERE {clause}", part
        )
    }


def whole(
    db: sqlite3.Connection, digests: Sequence[bytes]
) -> list[tuple[bytes, int, int, int | None, bytes, bytes]]:
    """(digest, seq, epoch, timestamp, body, body of the namespace) of those whose ids have these digests."""
    return [
        row
        for clause, part in batches("m.digest", digests)
        for row in db.execute(
            "SELECT m.digest, m.seq, m.namespace, m.timestamp, m.body, n.body FROM memories m "
            f"JOIN namespaces n ON n.id = m.namespace WHERE {clause}",
            part,
        )
    ]


def by_seq(db: sqlite3.Connection, seqs: Sequence[int], digest: bytes) -> list[Told]:
    """Those with these ``seqs`` that stand in the namespace with this digest."""
    home = "(SELECT id FROM namespaces WHERE digest = ?)"
    return [
        row
        for clause, part in batches("seq", [int(seq) for seq in seqs])
        for row in db.execute(BY_SEQ.format(clause, home), [*part, digest])
    ]


def after(db: sqlite3.Connection, seq: int, limit: int) -> list[tuple[int, bytes, bytes]]:
    """(seq, body, body of the traces) of the first memories after ``seq`` whose traces lie in no block."""
    return db.execute(
        "SELECT t.seq, m.body, t.body FROM traces t CROSS JOIN memories m ON m.seq = t.seq "
        "WHERE t.seq > ? ORDER BY t.seq LIMIT ?",
        (seq, limit),
    ).fetchall()


def number(
    db: sqlite3.Connection, digests: Sequence[bytes], known: Mapping[bytes, tuple[int, int]]
) -> list[int]:
    """The seq of each of ``digests``: its own where it is ``known``, else the next one."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'memories'").fetchone()
    check_numbers(*(row or ()))
    last = row[0] if row else 0
    if last > _MOST - len(digests):
        raise NotAStoreError(f"the last number given is {last}: the file is damaged; restore it from a copy")
    new = count(1 + last)
    return [known[digest][0] if digest in known else next(new) for digest in digests]


def put(
    db: sqlite3.Connection,
    packer: Packer,
    epoch: int,
    items: Sequence[tuple[int, Written, bytes]],
    known: Collection[int],
) -> None:
    """Write ``items`` (seq, row, traces): over what is there for the seqs that are ``known``."""
    new = [item for item in items if item[0] not in known]
    if new:
        db.executemany(
            "INSERT INTO memories (seq, namespace, timestamp, digest, session, body) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [(seq, epoch, *row) for seq, row, _ in new],
        )
        packer.add(db, epoch, [(seq, row[0], row[3], traces) for seq, row, traces in new])
    old = {seq: (row, traces) for seq, row, traces in items if seq in known}
    if old:
        db.executemany(
            "UPDATE memories SET timestamp = ?, digest = ?, session = ?, body = ? WHERE seq = ?",
            [(*row, seq) for seq, (row, _) in old.items()],
        )
        changed = {seq: (row[0], row[3], traces) for seq, (row, traces) in old.items()}
        loose = [(old[seq][1], seq) for seq in packer.rewrite(db, epoch, changed)]
        db.executemany("UPDATE traces SET body = ? WHERE seq = ?", loose)


def epoch_of(db: sqlite3.Connection, digest: bytes) -> int:
    """The epoch of the namespace with this digest; 0 where it holds nothing."""
    row = db.execute("SELECT id FROM namespaces WHERE digest = ?", (digest,)).fetchone()
    return 0 if row is None else int(row[0])


def latest(db: sqlite3.Connection, digests: Sequence[bytes]) -> list[int | None]:
    """The last seq of each of the namespaces with these digests; None for one that holds nothing."""
    found: dict[bytes, int] = {}
    for clause, part in batches("digest", digests):
        query = "SELECT digest, (SELECT max(seq) FROM memories WHERE namespace = n.id) FROM namespaces n"
        found.update(db.execute(f"{query} WHERE {clause}", part).fetchall())
    return [found.get(digest) for digest in digests]


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


def delete(db: sqlite3.Connection, packer: Packer, doomed: dict[int, int], keep: int) -> None:
    """Delete ``doomed`` (seq -> epoch), tell the journal, and end the namespaces that became empty."""
    sources = {
        seq: epoch
        for target, epoch in doomed.items()
        for (seq,) in db.execute("SELECT source FROM associations WHERE target = ?", (target,))
        if seq not in doomed
    }
    db.executemany("DELETE FROM memories WHERE seq = ?", [(seq,) for seq in doomed])
    alive = set()
    for epoch, seqs in by_home(doomed).items():
        if db.execute("SELECT 1 FROM memories WHERE namespace = ?", (epoch,)).fetchone():
            alive.add(epoch)
            packer.rewrite(db, epoch, dict.fromkeys(seqs))
        else:  # and with it its blocks
            db.execute("DELETE FROM namespaces WHERE id = ?", (epoch,))
    entries = [(epoch, seq, DELETED) for seq, epoch in doomed.items()]
    entries += [(epoch, seq, ASSOCIATED) for seq, epoch in sources.items()]
    record(db, [entry for entry in entries if entry[0] in alive], keep)
