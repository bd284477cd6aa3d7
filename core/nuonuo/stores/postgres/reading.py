"""The queries of a store in PostgreSQL, each one statement: rows as they are kept, for `Bodies` to read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nuonuo.stores.base import START, Cursor
from nuonuo.stores.codec import encode_text
from nuonuo.stores.postgres import cells
from nuonuo.stores.postgres.connections import Database, one

Rows = list[tuple[Any, ...]]
WideRow = tuple[int, int, int, "int | None", "str | None", bool]  # as `wide` says

_MEMORY = "m.stamp, m.body, n.name FROM memories m JOIN namespaces n ON n.id = m.namespace"
_INDEXED = 200  # bytes of a name that its index has
_BY_SEQ = (
    b"SELECT id, last_seq, NULL::bytea, change FROM namespaces WHERE digest = %(digest)b UNION ALL "
    b"SELECT seq, stamp, body, NULL FROM memories WHERE seq = ANY(%(seqs)t::bigint[]) "
    b"AND namespace = (SELECT id FROM namespaces WHERE digest = %(digest)b)"
)


def array(values: Iterable[int]) -> str:
    """Numbers as text, which takes a tenth of what the binary form of an array takes to write."""
    return f"{{{','.join(map(str, values))}}}"


def setting(db: Database, key: str) -> bytes | None:
    """What the store says of itself under ``key``."""
    row = db.execute("SELECT value FROM meta WHERE key = %s", (key,), binary=True).fetchone()
    return None if row is None else bytes(row[0])


def by_id(db: Database, digests: Sequence[bytes], *, traced: bool = False) -> Rows:
    """(digest, body of the traces, stamp, body, name) of the memories whose ids have these digests.

    The traces, which are most of the bytes, are None unless they are asked for.
    """
    traces = "m.traces" if traced else "NULL"
    query = f"SELECT m.digest, {traces}, {_MEMORY} WHERE m.digest = ANY(%b)"
    return db.execute(query.encode(), (list(digests),), binary=True).fetchall()


def by_id_within(db: Database, digests: Sequence[bytes], epochs: Sequence[int]) -> Rows:
    """(seq, epoch, stamp, body, name), by order of arrival, of such memories in some namespaces alone."""
    query = (
        f"SELECT m.seq, m.namespace, {_MEMORY} WHERE m.digest = ANY(%b) AND m.namespace = ANY(%b) "
        "ORDER BY m.seq"
    )
    return db.execute(query.encode(), (list(digests), list(epochs)), binary=True).fetchall()


def by_seq(db: Database, namespace: bytes, seqs: Sequence[int]) -> tuple[Cursor, Rows]:
    """How far a namespace has come, and (seq, stamp, body) of those of its memories that have these seqs."""
    rows = db.execute(_BY_SEQ, {"digest": namespace, "seqs": array(seqs)}, binary=True).fetchall()
    places = [Cursor(row[0], row[1], row[3]) for row in rows if row[3] is not None]
    return places[0] if places else START, [row[:3] for row in rows if row[3] is None]


def listed(
    db: Database,
    *,
    namespace: bytes | None,
    session: bytes | None,
    limit: int | None,
    offset: int,
    newest_first: bool,
) -> Rows:
    """(stamp, body, name) by order of arrival, or the reverse, of what meets each condition that is given."""
    conditions, values = ["TRUE"], []
    if namespace is not None:
        conditions.append("m.namespace = (SELECT id FROM namespaces WHERE digest = %b)")
        values.append(namespace)
    if session is not None:
        conditions.append("m.session = %b")
        values.append(session)
    query = (
        f"SELECT {_MEMORY} WHERE {' AND '.join(conditions)} "
        f"ORDER BY m.seq {'DESC' if newest_first else 'ASC'} LIMIT %b OFFSET %b"
    )
    return db.execute(query.encode(), [*values, limit, offset], binary=True).fetchall()


def page(db: Database, after: int, limit: int) -> Rows:
    """(seq, body of the traces, stamp, body, name) of the first memories that came after ``after``."""
    query = f"SELECT m.seq, m.traces, {_MEMORY} WHERE m.seq > %b ORDER BY m.seq LIMIT %b"
    return db.execute(query.encode(), (after, limit), binary=True).fetchall()


def seqs(db: Database, after: int, limit: int) -> list[int]:
    """The seqs of the first memories of any namespace that came after ``after``."""
    query = "SELECT seq FROM memories WHERE seq > %b ORDER BY seq LIMIT %b"
    return [seq for (seq,) in db.execute(query, (after, limit), binary=True)]


def associations(db: Database, namespace: bytes | None) -> Rows:
    """(body of the source, body of the target, weight) of one namespace, or of all."""
    return db.execute(
        "SELECT s.body, t.body, a.weight FROM associations a "
        "JOIN memories s ON s.namespace = a.namespace AND s.seq = a.source "
        "JOIN memories t ON t.namespace = a.namespace AND t.seq = a.target "
        "WHERE %(place)b::bytea IS NULL "
        "OR a.namespace = (SELECT id FROM namespaces WHERE digest = %(place)b) "
        "ORDER BY a.source, a.target",
        {"place": namespace},
        binary=True,
    ).fetchall()


def size(db: Database, namespace: bytes, bound: int) -> tuple[int, bool, bool] | None:
    """How many memories a namespace has, counted up to ``bound`` and one, and whether it can be explored.

    And whether it is yet to be given cells (`nuonuo.stores.postgres.cells`).
    """
    return db.execute(
        "SELECT CASE WHEN wide_seq >= last_seq THEN wide_memories ELSE (SELECT count(*) FROM "
        "(SELECT FROM memories WHERE namespace = n.id LIMIT %b) AS those) END, "
        f"coalesce(wide_seq >= last_seq, FALSE), {cells.due()} FROM namespaces n WHERE digest = %b".encode(),
        (bound + 1, namespace),
        binary=True,
    ).fetchone()


def wide(db: Database, namespace: bytes) -> Callable[[], WideRow]:
    """Ask for the epoch of a namespace, how many memories and how many words it has; zeros for none.

    Then the version of the leaders of its cells, None where there are none yet. And what the server has to
    compare its sketches by: the schema of the extension pgvector, None where it is not there, and whether
    there is an index of its that goes on for as long as it must (since 0.8).
    """
    answer = db.execute(
        "SELECT coalesce(n.id, 0), coalesce(n.wide_memories, 0), coalesce(n.wide_words, 0), "
        "CASE WHEN n.cells_founders > 0 THEN n.cells_version END, quote_ident(s.nspname), "
        "e.extversion ~ '^(0\\.([89]|[1-9]\\d+)|[1-9]\\d*)\\.' AND EXISTS "
        "(SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam "
        "WHERE i.indrelid = 'wide_sketches'::regclass AND i.indisvalid AND a.amname = 'hnsw') "
        "FROM (VALUES (1)) AS always LEFT JOIN namespaces n ON n.digest = %b "
        "LEFT JOIN pg_extension e ON e.extname = 'vector' LEFT JOIN pg_namespace s "
        "ON s.oid = e.extnamespace",
        (namespace,),
        binary=True,
    )
    return lambda: one(answer)


def names(db: Database, prefix: str, limit: int | None) -> list[bytes]:
    """The names of namespaces as `Store.namespaces` has them, in UTF-8."""
    first = encode_text(prefix)
    end = _after(first[:_INDEXED])  # where the index need look no further
    last = "" if limit is None else "(SELECT max(seq) FROM memories WHERE namespace = n.id) DESC LIMIT %b"
    indexed = f"substring(name FROM 1 FOR {_INDEXED})"
    query = (
        f"SELECT name FROM namespaces n WHERE {indexed} >= %b AND substring(name FROM 1 FOR %b) = %b "
        f"AND (%b::bytea IS NULL OR {indexed} < %b) ORDER BY {last or 'name'}"
    )
    values = [first[:_INDEXED], len(first), first, end, end, *([limit] if last else [])]
    return [name for (name,) in db.execute(query.encode(), values, binary=True)]


def counts(db: Database, schema: str) -> tuple[int, int, int, int]:
    """How many memories, namespaces and associations there are, and the bytes of the tables on disk."""
    row: tuple[int, int, int, int] = one(
        db.execute(
            "SELECT (SELECT count(*) FROM memories), (SELECT count(*) FROM namespaces), "
            "(SELECT count(*) FROM associations), (SELECT sum(pg_total_relation_size(c.oid))::bigint "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = %s AND c.relkind = 'r')",
            (schema,),
        )
    )
    return row


def _after(prefix: bytes) -> bytes | None:
    """The least bytes above all that begin with ``prefix``; None where there are none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
