"""Cells of sketches: where in a very large namespace the nearest vectors are looked for (cluster pruning).

One memory of `SHARE`, chosen by its number, leads a cell: the first of its sketches stands for those to which
it is nearer than any other leader's (Chierichetti, Panconesi, Raghavan, Sozio, Tiberi & Upfal 2007), and a
question looks into the cells of the leaders that are nearest to it. The leaders are memories that are there,
and no means that were learned: when one is forgotten its cell is shared out among the others, and nothing of
it is left. Cells that know nothing of the data (bit sampling, random hyperplanes) are kept as strictly with
less care, but of the nearest of real sentences they miss far more at the same cost.

What holds at any time, from when a namespace was founded: each sketch is in the cell of that leader from
which it differs least, the first of those alike, of all leaders up to ``founded`` or that came before it;
in cell 0 where there is none. A leader is in its own.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.stores.postgres.connections import Database

FloatArray = npt.NDArray[np.float32]
WordArray = npt.NDArray[np.uint64]

SHARE = 256  # memories of which one leads, where a namespace is founded from now on
LEAST = 100_000  # memories that are compared one by one as quickly
GROWTH = 4  # times as many memories for which the oldest are looked at once more
PROBED = 128  # cells that a question looks into
HOMELESS = 0  # the cell of what no leader is there for
STEP = 4096  # sketches that are given their cells in one transaction
_BLOCK = 1024  # of them compared at once
_KEPT = 8  # namespaces whose leaders a process remembers
_LEADS = "place = 0 AND cell = seq"


def leading(seqs: IntArray, share: int) -> npt.NDArray[np.bool_]:
    """Which of the memories ``seqs`` lead: one of ``share``, whatever they are about (SplitMix64)."""
    x = np.asarray(seqs, np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: npt.NDArray[np.bool_] = (x ^ (x >> np.uint64(31))) % np.uint64(share) == 0
    return found


def signs(sketches: WordArray) -> FloatArray:
    """``sketches`` (F, w) as signs (F, 64 w), 1 or -1: their products tell in how many bits they differ."""
    packed = np.ascontiguousarray(sketches, "<u8").view(np.uint8)
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


def words(received: Sequence[bytes]) -> WordArray:
    """Bit strings that `nuonuo.stores.postgres.wide.bits` made, as the server sends them in binary (F,)."""
    if not received:
        return np.zeros((0, 1), np.uint64)
    width = len(received[0]) - 4  # after the number of bits
    rows = np.frombuffer(b"".join(received), np.uint8).reshape(-1, width + 4)[:, :3:-1]
    return np.ascontiguousarray(rows).view("<u8").astype(np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The leaders of a namespace.

    Shapes:
        seqs: (L,), ascending. signs: (L, 64 w) float32.
    """

    seqs: IntArray
    signs: FloatArray

    def near(self, state: FloatArray, n: int) -> list[int]:
        """The ``n`` cells that a vector (d,), d at most 64 w, is nearest to, and that of the homeless."""
        if not len(self.seqs):
            return [HOMELESS]
        closeness = self.signs[:, : len(state)] @ state
        at = np.argpartition(-closeness, n)[:n] if n < len(closeness) else np.arange(len(closeness))
        return [HOMELESS, *self.seqs[at].tolist()]

    def of(self, seqs: IntArray, sketches: WordArray, founded: int) -> IntArray:
        """The cells (F,) of ``sketches`` (F, w) of the memories ``seqs`` (F,), which do not lead."""
        found = np.full(len(seqs), HOMELESS, np.int64)
        if not len(self.seqs):
            return found
        for start in range(0, len(seqs), _BLOCK):
            part = slice(start, start + _BLOCK)
            alike = signs(sketches[part]) @ self.signs.T  # sums of integers: exact in whatever order
            bounds = np.maximum(seqs[part], founded)
            if self.seqs[-1] > bounds.min():
                alike[self.seqs[None, :] > bounds[:, None]] = -np.inf
            best = alike.argmax(axis=1)
            known = np.isfinite(alike[np.arange(len(best)), best])
            found[part] = np.where(known, self.seqs[best], HOMELESS)
        return found

    def joined(self, seqs: IntArray, sketches: WordArray) -> Cells:
        """These, and the memories ``seqs`` (M,) with their first ``sketches`` (M, w)."""
        every = np.concatenate([self.seqs, seqs])
        rows = [signs(sketches)] if not len(self.seqs) else [self.signs, signs(sketches)]
        order = every.argsort()
        return Cells(every[order], np.concatenate(rows)[order])


@dataclass(frozen=True, slots=True)
class Founding:
    """How the cells of a namespace are given.

    Attributes:
        founded: the last seq there was. share: see `leading`. version: a number that its leaders alone have.
        reached: the last seq that was taken in.
    """

    founded: int
    share: int
    version: int
    reached: int


_known: OrderedDict[int, Cells] = OrderedDict()  # by version
_lock = threading.Lock()


def load(db: Database, epoch: int, version: int) -> Cells:
    """The leaders of a namespace that have this ``version``; read once."""
    with _lock:
        if version in _known:
            _known.move_to_end(version)
            return _known[version]
    rows = db.execute(
        f"SELECT seq, sketch FROM wide_sketches WHERE namespace = %b AND {_LEADS} ORDER BY seq".encode(),
        (epoch,),
        binary=True,
    ).fetchall()
    found = Cells(np.array([seq for seq, _ in rows], np.int64), signs(words([row for _, row in rows])))
    with _lock:
        _known[version] = found
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return found


def founding(db: Database, epoch: int) -> Founding | None:
    """How cells are given in the namespace ``epoch``; None where there are none."""
    row = db.execute(
        "SELECT cells_founded, cells_share, cells_version, coalesce(wide_seq, 0) FROM namespaces "
        "WHERE id = %b AND cells_founded IS NOT NULL",
        (epoch,),
        binary=True,
    ).fetchone()
    return None if row is None else Founding(*row)


def assigned(
    db: Database, epoch: int, by: Founding, seqs: IntArray, places: IntArray, sketches: WordArray
) -> tuple[IntArray, IntArray]:
    """The cells of new sketches (F,), and which of them lead one that was not there."""
    own = (places == 0) & leading(seqs, by.share)
    leaders = load(db, epoch, by.version)
    if own.any():
        leaders = leaders.joined(seqs[own], sketches[own])
        _renew(db, epoch)
    found = np.where(own, seqs, 0)
    found[~own] = leaders.of(seqs[~own], sketches[~own], by.founded)
    return found, np.flatnonzero(own)


def drawn(db: Database, epoch: int, by: Founding, seqs: Sequence[int]) -> None:
    """Give each of the leaders ``seqs`` that were written anew what is now nearest to it."""
    for seq in seqs:
        db.execute(
            "UPDATE wide_sketches s SET cell = new.seq FROM wide_sketches new, "
            f"(SELECT seq, sketch FROM wide_sketches WHERE namespace = %(id)s AND {_LEADS} "
            "UNION ALL SELECT 0, NULL) AS old (seq, sketch) "
            "WHERE s.namespace = %(id)s AND new.namespace = %(id)s AND new.seq = %(seq)s AND new.place = 0 "
            "AND old.seq = s.cell AND NOT (s.place = 0 AND s.cell = s.seq) "
            "AND (s.seq >= new.seq OR new.seq <= %(founded)s) AND (old.seq = 0 OR "
            "(bit_count(s.sketch # new.sketch), new.seq) < (bit_count(s.sketch # old.sketch), old.seq))",
            {"id": epoch, "seq": seq, "founded": by.founded},
        )


def orphaned(db: Database, gone: Sequence[tuple[int, int]]) -> None:
    """Share out the cells of leaders (epoch, seq) that were taken out."""
    for epoch in dict.fromkeys(epoch for epoch, _ in gone):
        by = founding(db, epoch)
        if by is None:
            continue
        version = _renew(db, epoch)
        rows = db.execute(
            "SELECT seq, place, sketch, cell FROM wide_sketches WHERE namespace = %b AND cell = ANY(%b)",
            (epoch, [seq for each, seq in gone if each == epoch]),
            binary=True,
        ).fetchall()
        _assign(db, epoch, by, load(db, epoch, version), rows)


def settle(db: Database, digest: bytes) -> bool:
    """Found the cells of the namespace, whose lock is held, or go on with that; True once that is all."""
    row = db.execute(
        "SELECT id, wide_memories, last_seq, cells_founded, cells_settled, cells_founders, "
        f"{due()} FROM namespaces WHERE digest = %b".encode(),
        (digest,),
        binary=True,
    ).fetchone()
    if row is None or not row[6]:
        return True
    epoch, memories, last, founded, settled, _, _ = row
    if founded is None or settled >= founded:
        seqs = np.array(
            db.execute("SELECT seq FROM wide_words WHERE namespace = %b", (epoch,), binary=True).fetchall(),
            np.int64,
        ).reshape(-1)
        leaders = seqs[leading(seqs, SHARE)].tolist()
        db.execute(
            f"UPDATE wide_sketches SET cell = CASE WHEN seq = ANY(%(seqs)s) THEN seq ELSE {HOMELESS} END "
            "WHERE namespace = %(id)s AND place = 0 AND (seq = ANY(%(seqs)s) OR cell = seq)".encode(),
            {"id": epoch, "seqs": leaders},
        )
        db.execute(
            "UPDATE namespaces SET cells_founded = %s, cells_settled = 0, cells_share = %s WHERE id = %s",
            (last, SHARE, epoch),
        )
        _renew(db, epoch)
        return False
    by = founding(db, epoch)
    assert by is not None
    rows = db.execute(
        "SELECT seq, place, sketch, cell FROM wide_sketches WHERE namespace = %b AND seq > %b AND seq <= %b "
        "ORDER BY seq, place LIMIT %b",
        (epoch, settled, founded, STEP),
        binary=True,
    ).fetchall()
    whole = len(rows) < STEP
    if not whole and rows[0][0] < rows[-1][0]:  # the last one may have more of them
        rows = [each for each in rows if each[0] < rows[-1][0]]
    _assign(db, epoch, by, load(db, epoch, by.version), rows)
    reached, founders = (founded, memories) if whole else (rows[-1][0], None)
    db.execute(
        "UPDATE namespaces SET cells_settled = %s, cells_founders = coalesce(%s::bigint, cells_founders) "
        "WHERE id = %s",
        (reached, founders, epoch),
    )
    return whole


def due() -> str:
    """Whether a row of ``namespaces`` is of one that is yet to be given cells, or other ones, as SQL."""
    return (
        "coalesce(wide_seq >= last_seq, FALSE) AND (cells_settled < coalesce(cells_founded, 0) OR "
        f"wide_memories >= greatest({LEAST}, {GROWTH} * cells_founders))"
    )


def _assign(db: Database, epoch: int, by: Founding, leaders: Cells, rows: Sequence[tuple[Any, ...]]) -> None:
    """Give (seq, place, sketch, cell) their cells."""
    if not rows:
        return
    seqs, places, sketches, before = (list(column) for column in zip(*rows, strict=True))
    cells = leaders.of(np.array(seqs, np.int64), words(sketches), by.founded).tolist()
    new = [
        (seq, place, cell)
        for seq, place, cell, old in zip(seqs, places, cells, before, strict=True)
        if cell != old and not (place == 0 and old == seq)
    ]
    if new:
        db.execute(
            "UPDATE wide_sketches s SET cell = new.cell "
            "FROM unnest(%b::bigint[], %b::integer[], %b::bigint[]) AS new (seq, place, cell) "
            "WHERE s.namespace = %b AND s.seq = new.seq AND s.place = new.place",
            [*map(list, zip(*new, strict=True)), epoch],
        )


def _renew(db: Database, epoch: int) -> int:
    """A version of the leaders of ``epoch``, since they change."""
    version = int.from_bytes(os.urandom(8), "little") >> 1  # no number that was undone comes again
    db.execute("UPDATE namespaces SET cells_version = %s WHERE id = %s", (version, epoch))
    return version
