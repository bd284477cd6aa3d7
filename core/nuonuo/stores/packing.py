"""Writing the traces of memories of the SQLite store: into blocks, or where they are too few, row by row.

Each function works inside a transaction of its caller's. What is packed keeps no copy anywhere else, and what
is changed or goes away is taken out of its block at once (`nuonuo.stores.reading` reads them again).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from nuonuo.errors import NotAStoreError
from nuonuo.stores import blocks
from nuonuo.stores.base import Rows
from nuonuo.stores.blocks import pack_block
from nuonuo.stores.codec import Pages, unpack_rows
from nuonuo.stores.reading import LOOSE, Source, Stored, body_of, holding, nobody

_log = logging.getLogger(__name__)

TOGETHER = 8  # blocks that are made in one transaction of older rows
Changed = tuple["int | None", bytes, "bytes | None"]  # timestamp, bodies; of the traces None for those it has


def add(db: sqlite3.Connection, pages: Pages, epoch: int, new: Sequence[Stored]) -> None:
    """Keep the traces of ``new`` memories of a namespace, which stand in it already.

    As soon as `SIZE` memories lie in no block, they come into one: in that transaction, and in no other.
    """
    (last,) = db.execute("SELECT max(last) FROM blocks WHERE namespace = ?", (epoch,)).fetchone()
    beyond = "FROM memories WHERE namespace = ? AND seq > ? LIMIT ?"
    (loose,) = db.execute(
        f"SELECT count(*) FROM (SELECT 1 {beyond})", (epoch, last or 0, blocks.SIZE)
    ).fetchone()
    packed: set[int] = set()
    if loose == blocks.SIZE:
        before = _loose(db, epoch, last or 0, blocks.SIZE)
        packed = _pack(db, pages, epoch, before if len(before) == blocks.SIZE else [*before, *new])
    rows = [(seq, traces) for seq, _, _, traces in new if seq not in packed]
    db.executemany("INSERT INTO traces VALUES (?, ?)", rows)


def pack_older(db: sqlite3.Connection, pages: Pages, epoch: int, after: int) -> int | None:
    """Pack what lies loose in a namespace after the seq ``after``, some blocks of it; return where to go on.

    None where nothing is left to look at.
    """
    rows = _loose(db, epoch, after, TOGETHER * blocks.SIZE)
    if not rows:
        return None
    (first,) = db.execute(
        "SELECT min(first) FROM blocks WHERE namespace = ? AND last > ?", (epoch, rows[0][0])
    ).fetchone()
    together = rows if first is None else [row for row in rows if row[0] < first]
    _pack(db, pages, epoch, together)
    whole = len(together) // blocks.SIZE * blocks.SIZE
    return together[whole - 1 if whole else -1][0]


def rewrite(
    db: sqlite3.Connection, pages: Pages, epoch: int, changed: Mapping[int, Changed | None]
) -> Sequence[int]:
    """Write blocks anew without memories that are gone (None), and with what others have become.

    Args:
        changed: by seq, of memories of one namespace.

    Returns:
        Those that lie in no block.
    """
    source = Source(pages, "", nobody)
    held, loose = holding(db, epoch, sorted(changed))
    for number, own in held.items():
        rows = source.of_block(body_of(db, number))
        at = np.flatnonzero(np.isin(rows.seqs, own))
        parts = [rows.take(np.delete(np.arange(len(rows)), at))] if len(at) < len(rows) else []
        for place, seq in zip(at.tolist(), rows.seqs[at].tolist(), strict=True):
            become = changed[seq]
            if become is not None:
                parts.append(_become(seq, become, rows, place, pages))
        if parts:
            put(db, pages, number, Rows.join(parts))
        else:
            db.execute("DELETE FROM blocks WHERE id = ?", (number,))
    return loose


def put(db: sqlite3.Connection, pages: Pages, number: int, rows: Rows) -> None:
    """Write ``rows``, in whatever order, as the block with this number."""
    rows = rows.take(rows.seqs.argsort())
    db.execute(
        "UPDATE blocks SET first = ?, last = ?, body = ? WHERE id = ?",
        (int(rows.seqs[0]), int(rows.seqs[-1]), pages.pad(pack_block(rows)), number),
    )


def _become(seq: int, become: Changed, old: Rows, place: int, pages: Pages) -> Rows:
    timestamp, memory, traces = become
    kept = None if traces is None else [traces]
    (new,) = [unpack_rows([seq], [timestamp], [memory], kept, pages.lead, "")]
    assert new is not None
    return new if kept else replace(new, traces=old.traces.take(np.array([place])))


def _loose(db: sqlite3.Connection, epoch: int, after: int, limit: int) -> list[Stored]:
    query = f"{LOOSE} WHERE m.namespace = ? AND m.seq > ? ORDER BY m.seq LIMIT ?"
    return db.execute(query, (epoch, after, limit)).fetchall()


def _pack(db: sqlite3.Connection, pages: Pages, epoch: int, rows: Sequence[Stored]) -> set[int]:
    """Make blocks of `SIZE` of ``rows``, as many as there are whole ones; return the seqs of what is in them.

    What cannot be read stays as it is: `nuonuo doctor` names it, and no checksum hides it.
    """
    source, packed = Source(pages, "", nobody), set[int]()
    for start in range(0, len(rows) - blocks.SIZE + 1, blocks.SIZE):
        part = rows[start : start + blocks.SIZE]
        try:
            made = source.of_rows(part)
        except NotAStoreError as error:
            _log.warning("memories number %d to %d stay unpacked: %s", part[0][0], part[-1][0], error)
            continue
        assert made is not None
        db.execute(
            "INSERT INTO blocks (namespace, first, last, body) VALUES (?, ?, ?, ?)",
            (epoch, part[0][0], part[-1][0], pages.pad(pack_block(made))),
        )
        packed.update(seq for seq, *_ in part)
    db.executemany("DELETE FROM traces WHERE seq = ?", [(seq,) for seq in packed])
    return packed
