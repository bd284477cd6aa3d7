"""Writing and deleting rows in PostgreSQL, inside a transaction that has its namespaces locked.

Whoever writes in a namespace holds its lock until the commit (`lock`): so seqs and entries of the journal
become visible in their order, and nobody waits for a writer of another namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timezone

from nuonuo.stores.codec import Digests, encode_text, is_before, to_microseconds, unpack_memory
from nuonuo.stores.postgres import wide
from nuonuo.stores.postgres.bodies import LEAD, Written
from nuonuo.stores.postgres.connections import Database
from nuonuo.stores.schema import ASSOCIATED, DELETED

_MANY = 1000  # namespaces of one transaction, above which it locks all there are
_ALL = 0x4E754E75  # the lock over the locks
_BYTES = 16 << 20  # of bodies and traces sent in one statement


def lock(db: Database, digests: Iterable[bytes]) -> None:
    """Wait for the turn to write in the namespaces with these digests; it ends with the transaction."""
    keys = sorted({int.from_bytes(digest[:8], "little", signed=True) for digest in digests})
    if len(keys) > _MANY:
        db.execute("SELECT pg_advisory_xact_lock(%s)", (_ALL,))
        return
    db.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_ALL,))
    db.execute("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::bigint[]) AS k", (keys,))


def homes(db: Database, digests: Sequence[bytes]) -> dict[int, bytes]:
    """epoch -> digest of the namespaces of those memories whose ids have one of ``digests``."""
    return dict(
        db.execute(
            "SELECT DISTINCT n.id, n.digest FROM memories m JOIN namespaces n ON n.id = m.namespace "
            "WHERE m.digest = ANY(%b)",
            (list(digests),),
            binary=True,
        ).fetchall()
    )


def stored(db: Database, digests: Sequence[bytes]) -> Callable[[], dict[bytes, tuple[int, int]]]:
    """Ask for digest -> (seq, epoch) of those memories whose ids have one of ``digests``."""
    rows = db.execute(
        "SELECT digest, seq, namespace FROM memories WHERE digest = ANY(%b)", (list(digests),), binary=True
    )
    return lambda: {digest: (seq, epoch) for digest, seq, epoch in rows}


def epochs_of(db: Database, digests: Iterable[bytes]) -> Callable[[], dict[bytes, int]]:
    """Ask for digest -> epoch of those namespaces that hold something."""
    query = "SELECT digest, id FROM namespaces WHERE digest = ANY(%b)"
    rows = db.execute(query, (list(digests),), binary=True)
    return lambda: dict(rows.fetchall())


def make_namespaces(db: Database, names: Mapping[bytes, str]) -> dict[bytes, int]:
    """digest -> epoch of namespaces that begin a life, by their names."""
    if not names:
        return {}
    rows = db.execute(
        "INSERT INTO namespaces (id, digest, name) SELECT nextval('epochs'), digest, name "
        "FROM unnest(%b::bytea[], %b::bytea[]) AS new (digest, name) RETURNING digest, id",
        (list(names), [encode_text(name) for name in names.values()]),
        binary=True,
    )
    return dict(rows.fetchall())


def add(db: Database, items: Sequence[tuple[int, Written, bytes]]) -> Callable[[], dict[bytes, int]]:
    """Write new memories (epoch, row, traces); digest -> seq is there once it is asked for."""
    told = []
    for part in _parts(items):
        epochs, rows, traces = zip(*part, strict=True)
        stamps, digests, sessions, bodies = zip(*rows, strict=True)
        written = db.execute(
            "INSERT INTO memories (namespace, seq, stamp, digest, session, body, traces) "
            "SELECT namespace, nextval('seqs'), stamp, digest, session, body, traces FROM unnest("
            "%b::bigint[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bytea[], %b::bytea[]"
            ") WITH ORDINALITY AS new (namespace, stamp, digest, session, body, traces, place) "
            "ORDER BY place RETURNING digest, seq",
            [list(column) for column in (epochs, stamps, digests, sessions, bodies, traces)],
            binary=True,
        )
        told.append(written)
    if items:
        db.execute(
            "UPDATE namespaces SET last_seq = currval('seqs') WHERE id = ANY(%s)",
            ([*{epoch for epoch, _, _ in items}],),
        )
    return lambda: {digest: seq for written in told for digest, seq in written.fetchall()}


def overwrite(db: Database, items: Sequence[tuple[int, int, Written, bytes]]) -> None:
    """Write memories (epoch, seq, row, traces) over what is there."""
    for part in _parts(items):
        epochs, seqs, rows, traces = zip(*part, strict=True)
        stamps, _, sessions, bodies = zip(*rows, strict=True)
        db.execute(
            "UPDATE memories m SET stamp = new.stamp, session = new.session, body = new.body, "
            "traces = new.traces FROM unnest(%b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[], "
            "%b::bytea[], %b::bytea[]) AS new (namespace, seq, stamp, session, body, traces) "
            "WHERE m.namespace = new.namespace AND m.seq = new.seq",
            [list(column) for column in (epochs, seqs, stamps, sessions, bodies, traces)],
        )


def rewrite(db: Database, items: Sequence[tuple[int, int, bytes]]) -> None:
    """Write bodies (epoch, seq, body) over what is there; the traces stay."""
    db.execute(
        "UPDATE memories m SET body = new.body FROM unnest(%b::bigint[], %b::bigint[], %b::bytea[]) "
        "AS new (namespace, seq, body) WHERE m.namespace = new.namespace AND m.seq = new.seq",
        [list(column) for column in zip(*items, strict=True)],
    )


def after(db: Database, seq: int, limit: int) -> list[tuple[int, int, bytes, bytes]]:
    """(epoch, seq, body, traces) of the first memories of any namespace that came after ``seq``."""
    query = "SELECT namespace, seq, body, traces FROM memories WHERE seq > %b ORDER BY seq LIMIT %b"
    return db.execute(query, (seq, limit), binary=True).fetchall()


def whole(
    db: Database, epochs: Sequence[int], seqs: Sequence[int]
) -> list[tuple[int, int, int, bytes, bytes]]:
    """(epoch, seq, stamp, body, traces) of memories of some namespaces."""
    query = (
        "SELECT namespace, seq, stamp, body, traces FROM memories "
        "WHERE namespace = ANY(%b) AND seq = ANY(%b::bigint[])"
    )
    return db.execute(query, (list(epochs), list(seqs)), binary=True).fetchall()


def retrace(db: Database, items: Sequence[tuple[int, int, bytes, bytes]]) -> None:
    """Write traces (epoch, seq, old, new) where the old ones still are."""
    db.execute(
        "UPDATE memories m SET traces = new.traces FROM unnest(%b::bigint[], %b::bigint[], %b::bytea[], "
        "%b::bytea[]) AS new (namespace, seq, old, traces) "
        "WHERE m.namespace = new.namespace AND m.seq = new.seq AND m.traces = new.old",
        [list(column) for column in zip(*items, strict=True)],
    )


def _parts(items: Sequence[tuple[object, ...]]) -> Iterable[list[tuple[object, ...]]]:
    """``items`` in order, each part of no more than some bytes, and one item at least."""
    part: list[tuple[object, ...]] = []
    size = 0
    for item in items:
        part.append(item)
        size += len(item[-1]) + len(item[-2][3])  # type: ignore[arg-type, index]
        if size > _BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def record(db: Database, entries: Sequence[tuple[int, int, int]], keep: int) -> None:
    """Append ``entries`` (epoch, seq, kind), and cut a journal to ``keep`` where it has twice as many."""
    if not entries:
        return
    epochs, seqs, kinds = (list(column) for column in zip(*entries, strict=True))
    db.execute(
        "WITH new AS (SELECT * FROM unnest(%b::bigint[], %b::bigint[], %b::smallint[]) WITH ORDINALITY "
        "AS e (namespace, seq, kind, place)), "
        "many AS (SELECT namespace, count(*) AS n FROM new GROUP BY namespace), "
        "told AS (UPDATE namespaces SET change = change + many.n FROM many WHERE id = many.namespace "
        "RETURNING id, change - many.n AS first) "
        "INSERT INTO journal (namespace, change, seq, kind) SELECT namespace, "
        "first + row_number() OVER (PARTITION BY namespace ORDER BY place), seq, kind "
        "FROM new JOIN told ON id = namespace",
        (epochs, seqs, kinds),
    )
    # Each namespace remembers what of its own was cut: a quiet one is not reset by a busy neighbour.
    db.execute(
        "WITH cut AS (UPDATE namespaces SET pruned = change - %s::bigint "
        "WHERE id = ANY(%s) AND change - pruned >= 2 * %s::bigint RETURNING id, pruned) "
        "DELETE FROM journal USING cut WHERE namespace = id AND journal.change <= cut.pruned",
        (keep, [*set(epochs)], keep),
    )


def matching(
    db: Database,
    digests: Digests,
    *,
    epochs: Collection[int] | None,
    ids: Sequence[str] | None,
    session_id: str | None,
    before: datetime | None,
) -> dict[int, int]:
    """seq -> epoch of the memories that meet every condition that is not None."""
    # Between what a limit's clock shows, for whole days, and the instant that it is, the body tells which.
    bounds = sorted(_bounds(before)) if before is not None else (None, None)
    rows = db.execute(
        "SELECT seq, namespace, stamp, CASE WHEN stamp >= %(least)b::bigint THEN body END FROM memories "
        "WHERE (%(epochs)b::bigint[] IS NULL OR namespace = ANY(%(epochs)b::bigint[])) "
        "AND (%(ids)b::bytea[] IS NULL OR digest = ANY(%(ids)b::bytea[])) "
        "AND (%(session)b::bytea IS NULL OR session = %(session)b::bytea) "
        "AND (%(most)b::bigint IS NULL OR stamp < %(most)b::bigint)",
        {
            "epochs": None if epochs is None else list(epochs),
            "ids": None if ids is None else [digests.of_id(key) for key in ids],
            "session": None if session_id is None else digests.of_session(session_id),
            "least": bounds[0],
            "most": bounds[1],
        },
        binary=True,
        prepare=False,  # by the conditions that are there, each time
    )
    return {
        seq: epoch
        for seq, epoch, stamp, body in rows
        if body is None
        or before is None
        or is_before(stamp, unpack_memory(body, LEAD, stamp, "").all_day, before)
    }


def _bounds(before: datetime) -> tuple[int, int]:
    """What a limit's clock shows, for whole days, and the instant that it is."""
    return to_microseconds(before.replace(tzinfo=timezone.utc)) or 0, to_microseconds(before) or 0


def delete(db: Database, doomed: Mapping[int, int], keep: int) -> None:
    """Delete ``doomed`` (seq -> epoch), tell the journal, and end the namespaces that became empty."""
    seqs, epochs = [*doomed], [*set(doomed.values())]
    wide.take(db, doomed)
    sources = db.execute(
        "SELECT DISTINCT source, namespace FROM associations WHERE namespace = ANY(%s) AND target = ANY(%s)",
        (epochs, seqs),
    ).fetchall()
    db.execute(
        "DELETE FROM associations WHERE namespace = ANY(%s) AND (source = ANY(%s) OR target = ANY(%s))",
        (epochs, seqs, seqs),
    )
    db.execute("DELETE FROM memories WHERE namespace = ANY(%s) AND seq = ANY(%s)", (epochs, seqs))
    dead = {
        epoch
        for (epoch,) in db.execute(
            "DELETE FROM namespaces n WHERE id = ANY(%s) AND NOT EXISTS "
            "(SELECT FROM memories WHERE namespace = n.id) RETURNING id",
            (epochs,),
        )
    }
    if dead:
        db.execute("DELETE FROM journal WHERE namespace = ANY(%s)", ([*dead],))
    entries = [(epoch, seq, DELETED) for seq, epoch in doomed.items()]
    entries += [(epoch, seq, ASSOCIATED) for seq, epoch in sources if seq not in doomed]
    record(db, [entry for entry in entries if entry[0] not in dead], keep)
