"""Writing the traces of memories of the SQLite store: into blocks, or where they are too few, row by row.

All of it happens inside a transaction of the caller's. What is packed keeps no copy anywhere else, and what
is changed or goes away is taken out of its block at once (`nuonuo.stores.reading` reads them again).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nuonuo.errors import NotAStoreError
from nuonuo.stores.base import Rows
from nuonuo.stores.blocks import SIZE, pack_block
from nuonuo.stores.codec import Pages, unpack_rows
from nuonuo.stores.reading import LOOSE, Source, Stored, body_of, holding, nobody, whole

_log = logging.getLogger(__name__)

TOGETHER = 8  # blocks that are made in one transaction of older rows
Changed = tuple["int | None", bytes, "bytes | None"]  # timestamp, bodies; of the traces None for those it has


@dataclass(frozen=True, slots=True)
class Packer:
    """Keeps traces as ``pages`` lays bodies out, ``size`` memories a block."""

    pages: Pages
    size: int = SIZE

    def add(self, db: sqlite3.Connection, epoch: int, new: Sequence[Stored]) -> None:
        """Keep the traces of ``new`` memories of a namespace, which stand in it already.

        As soon as `size` memories lie in no block, they come into one: in that transaction, and in no other.
        """
        (last,) = db.execute("SELECT max(last) FROM blocks WHERE namespace = ?", (epoch,)).fetchone()
        beyond = "FROM memories WHERE namespace = ? AND seq > ? LIMIT ?"
        (loose,) = db.execute(
            f"SELECT count(*) FROM (SELECT 1 {beyond})", (epoch, last or 0, self.size)
        ).fetchone()
        packed: set[int] = set()
        if loose == self.size:
            before = _loose(db, epoch, last or 0, self.size)
            packed = self._pack(db, epoch, before if len(before) == self.size else [*before, *new])
        rows = [(seq, traces) for seq, _, _, traces in new if seq not in packed]
        db.executemany("INSERT INTO traces VALUES (?, ?)", rows)

    def pack_older(self, db: sqlite3.Connection, epoch: int, after: int) -> int | None:
        """Pack some blocks of what lies loose in a namespace after the seq ``after``.

        Returns:
            Where to go on; None where nothing is left to look at.
        """
        rows = _loose(db, epoch, after, TOGETHER * self.size)
        if not rows:
            return None
        (first,) = db.execute(
            "SELECT min(first) FROM blocks WHERE namespace = ? AND last > ?", (epoch, rows[0][0])
        ).fetchone()
        together = rows if first is None else [row for row in rows if row[0] < first]
        self._pack(db, epoch, together)
        packed = len(together) // self.size * self.size
        return together[packed - 1 if packed else -1][0]

    def rewrite(
        self, db: sqlite3.Connection, epoch: int, changed: Mapping[int, Changed | None]
    ) -> Sequence[int]:
        """Write blocks anew without memories that are gone (None), and with what others have become.

        What is to be forgotten of a block that cannot be read is forgotten with all that it holds.

        Args:
            changed: by seq, of memories of one namespace.

        Returns:
            Those that lie in no block.
        """
        source = Source(self.pages, "", nobody)
        held, loose = holding(db, epoch, sorted(changed))
        for number, own in held.items():
            try:
                rows = source.of_blocks([body_of(db, number)])
            except NotAStoreError:
                if any(changed[seq] is not None for seq in own):
                    raise
                self._lose(db, number)
                continue
            at = np.flatnonzero(np.isin(rows.seqs, own))
            parts = [rows.take(np.delete(np.arange(len(rows)), at))] if len(at) < len(rows) else []
            for place, seq in zip(at.tolist(), rows.seqs[at].tolist(), strict=True):
                become = changed[seq]
                if become is not None:
                    parts.append(self._become(seq, become, rows, place))
            if parts:
                self.put(db, number, whole(parts))
            else:
                db.execute("DELETE FROM blocks WHERE id = ?", (number,))
        return loose

    def put(self, db: sqlite3.Connection, number: int, rows: Rows) -> None:
        """Write ``rows``, in whatever order, as the block with this number."""
        rows = rows.take(rows.seqs.argsort())
        db.execute(
            "UPDATE blocks SET first = ?, last = ?, body = ? WHERE id = ?",
            (int(rows.seqs[0]), int(rows.seqs[-1]), self.pages.pad(pack_block(rows)), number),
        )

    def _lose(self, db: sqlite3.Connection, number: int) -> None:
        """Leave nothing of a block that cannot be read, but that it cannot; others of it keep their texts."""
        (others,) = db.execute(
            "SELECT count(*) FROM blocks b JOIN memories m ON m.namespace = b.namespace "
            "AND m.seq BETWEEN b.first AND b.last WHERE b.id = ?",
            (number,),
        ).fetchone()
        if not others:
            db.execute("DELETE FROM blocks WHERE id = ?", (number,))
            return
        db.execute("UPDATE blocks SET body = ? WHERE id = ?", (self.pages.lost, number))
        _log.warning(
            "what a recall needs of %d other memories was damaged, and is gone with what was forgotten; "
            "`nuonuo doctor` names them, and their texts can be read",
            others,
        )

    def _become(self, seq: int, become: Changed, old: Rows, place: int) -> Rows:
        timestamp, memory, traces = become
        kept = None if traces is None else [traces]
        new = unpack_rows([seq], [timestamp], [memory], kept, self.pages.lead, "")
        assert new is not None
        return new if kept else replace(new, traces=old.traces.take(np.array([place])))

    def _pack(self, db: sqlite3.Connection, epoch: int, rows: Sequence[Stored]) -> set[int]:
        """Make whole blocks of ``rows``, and return the seqs of what is in them.

        What cannot be read stays as it is: `nuonuo doctor` names it, and no checksum hides it.
        """
        source, packed = Source(self.pages, "", nobody), set[int]()
        for start in range(0, len(rows) - self.size + 1, self.size):
            part = rows[start : start + self.size]
            try:
                made = source.of_rows(part)
            except NotAStoreError as error:
                _log.debug("memories number %d to %d stay unpacked: %s", part[0][0], part[-1][0], error)
                continue
            assert made is not None
            db.execute(
                "INSERT INTO blocks (namespace, first, last, body) VALUES (?, ?, ?, ?)",
                (epoch, part[0][0], part[-1][0], self.pages.pad(pack_block(made))),
            )
            packed.update(seq for seq, *_ in part)
        db.executemany("DELETE FROM traces WHERE seq = ?", [(seq,) for seq in packed])
        return packed


def _loose(db: sqlite3.Connection, epoch: int, after: int, limit: int) -> list[Stored]:
    query = f"{LOOSE} WHERE m.namespace = ? AND m.seq > ? ORDER BY m.seq LIMIT ?"
    return db.execute(query, (epoch, after, limit)).fetchall()
