"""What the SQLite store keeps of the memories of a namespace, read for an index: in blocks and row by row.

The traces of a memory lie in one place: in a block (`nuonuo.stores.blocks`), or in a row of their own. What
a block holds are memories that follow each other in their namespace: between its first and its last there
is no other. Nothing else that reads knows of this.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from nuonuo.errors import NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import Rows
from nuonuo.stores.batches import batches
from nuonuo.stores.blocks import length_of, unpack_blocks
from nuonuo.stores.checks import check_numbers
from nuonuo.stores.codec import Pages, unpack_rows
from nuonuo.stores.layout import unpack_each
from nuonuo.traces import Traces

Stored = tuple[int, "int | None", bytes, bytes]  # seq, timestamp, the bodies of the memory and of its traces

# CROSS: SQLite looks for the memories first, of which few are to be found here.
LOOSE = "SELECT m.seq, m.timestamp, m.body, t.body FROM memories m CROSS JOIN traces t ON t.seq = m.seq"
_TWICE = "stored memories stand in more than one place: the file is damaged; restore it from a copy"


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from.

    Attributes:
        pages: how bodies lie. namespace: its name. memory: from a seq to the memory itself, which a block
            does not hold.
    """

    pages: Pages
    namespace: str
    memory: Callable[[int], Memory]

    def of_rows(self, rows: Sequence[Stored]) -> Rows | None:
        """Rows that lie by themselves; None for none."""
        if not rows:
            return None
        seqs, timestamps, memories, traces = zip(*rows, strict=True)
        self.pages.check(memories)
        self.pages.check(traces)
        return unpack_rows(seqs, timestamps, memories, traces, self.pages.lead, self.namespace)

    def of_blocks(self, bodies: Sequence[bytes]) -> Rows:
        """Those of blocks that follow each other, one at least."""
        self.pages.check(bodies)
        return unpack_blocks(bodies, self.pages.lead, self.memory)


def page(
    db: sqlite3.Connection, epoch: int, after: int, limit: int, source: Source
) -> tuple[Rows | None, bool]:
    """Up to ``limit`` memories of a namespace after the seq ``after``, and whether that is all of them."""
    parts: list[Rows] = []
    blocks: list[tuple[int, int, bytes]] = []  # those that follow each other
    room, at = limit, after
    query = "SELECT first, last, body FROM blocks WHERE namespace = ? AND last > ? ORDER BY last"
    with closing(db.execute(query, (epoch, after))) as found:  # one that stays open holds up who wipes
        for first, last, body in found:
            check_numbers(first, last)
            alone = _between(db, epoch, at, first, room, source) if first > at + 1 else None
            if alone is not None:
                parts += [*_of_blocks(blocks, source), alone]
                blocks, room = [], room - len(alone)
            length = length_of(body, source.pages.lead)
            if room <= 0 or (room < limit and length > room):
                break
            blocks.append((first, last, body))
            room, at = room - length, last
            if room <= 0:
                break
        else:
            alone = _between(db, epoch, at, None, room, source)
            parts += [*_of_blocks(blocks, source), *([] if alone is None else [alone])]
            return _cut(parts, after, limit), alone is None or len(alone) < room
    return _cut([*parts, *_of_blocks(blocks, source)], after, limit), False


def _cut(parts: Sequence[Rows], after: int, limit: int) -> Rows | None:
    """``parts`` as one, without what comes before or is too much; a block is read as a whole."""
    if not parts:
        return None
    rows = _ascending(whole(parts))
    if rows.seqs[0] <= after:
        rows = rows.take(np.flatnonzero(rows.seqs > after))
    return rows if len(rows) <= limit else rows.take(np.arange(limit))


def _of_blocks(blocks: Sequence[tuple[int, int, bytes]], source: Source) -> list[Rows]:
    """The rows of ``blocks`` (first, last, body) that follow each other; nothing for none."""
    if not blocks:
        return []
    firsts, lasts, bodies = zip(*blocks, strict=True)
    rows = source.of_blocks(bodies)
    ends = np.cumsum([length_of(body, source.pages.lead) for body in bodies])
    if rows.seqs[ends - 1].tolist() != [*lasts] or rows.seqs[[0, *ends[:-1]]].tolist() != [*firsts]:
        raise NotAStoreError("a block of stored traces is not where it belongs; restore a copy")
    return [rows]


def _between(
    db: sqlite3.Connection, epoch: int, after: int, before: int | None, limit: int, source: Source
) -> Rows | None:
    """Up to ``limit`` rows that lie by themselves, after the seq ``after`` and before ``before``."""
    where = f"{LOOSE} WHERE m.namespace = ? AND m.seq > ? {'' if before is None else 'AND m.seq < ?'}"
    values = (epoch, after) if before is None else (epoch, after, before)
    return source.of_rows(db.execute(f"{where} ORDER BY m.seq LIMIT {int(limit)}", values).fetchall())


def some(db: sqlite3.Connection, epoch: int, seqs: Sequence[int], source: Source) -> Rows | None:
    """The memories of a namespace with these ``seqs``, ascending, that are there; None for none."""
    blocks, loose = holding(db, epoch, seqs)
    parts = []
    for number, own in blocks.items():
        block = source.of_blocks([body_of(db, number)])
        at = np.flatnonzero(np.isin(block.seqs, own))
        if len(at):
            parts.append(block.take(at))
    for clause, part in batches("m.seq", loose):
        alone = source.of_rows(db.execute(f"{LOOSE} WHERE {clause}", part).fetchall())
        parts += [] if alone is None else [alone]
    if not parts:
        return None
    rows = whole(parts)
    return _ascending(rows.take(rows.seqs.argsort()))


def traces_of(db: sqlite3.Connection, homes: Mapping[int, int], pages: Pages) -> dict[int, Traces]:
    """seq -> traces of the memories of ``homes`` (seq -> epoch).

    Raises:
        NotAStoreError: they are damaged, or a memory has none.
    """
    found: dict[int, Traces] = {}
    bodies: dict[int, bytes] = {}
    source = Source(pages, "", nobody)
    for epoch, seqs in by_home(homes).items():
        blocks, loose = holding(db, epoch, seqs)
        for number, own in blocks.items():
            rows = source.of_blocks([body_of(db, number)])
            at = np.flatnonzero(np.isin(rows.seqs, own))
            if len(at):
                kept = rows.take(at)
                found.update((seq, kept.traces[place]) for place, seq in enumerate(kept.seqs.tolist()))
        for clause, part in batches("seq", loose):
            bodies.update(db.execute(f"SELECT seq, body FROM traces WHERE {clause}", part).fetchall())
    pages.check(bodies.values())
    found.update(zip(bodies, unpack_each([*bodies.values()], pages.lead), strict=True))
    lost = homes.keys() - found.keys()
    if lost:
        raise NotAStoreError(f"memory number {min(lost)} has no traces: the file is damaged; restore a copy")
    return found


def by_home(homes: Mapping[int, int]) -> dict[int, list[int]]:
    """From seq -> epoch to epoch -> seqs, ascending."""
    found = defaultdict[int, list[int]](list)
    for seq in sorted(homes):
        found[homes[seq]].append(seq)
    return found


def holding(
    db: sqlite3.Connection, epoch: int, seqs: Sequence[int]
) -> tuple[dict[int, Sequence[int]], Sequence[int]]:
    """Which blocks of a namespace hold which of ``seqs``, ascending; and which lie in none."""
    blocks: dict[int, Sequence[int]] = {}
    loose: list[int] = []
    query = "SELECT id, first, last FROM blocks WHERE namespace = ? AND last >= ? ORDER BY last LIMIT 1"
    at = 0
    while at < len(seqs):
        row = db.execute(query, (epoch, seqs[at])).fetchone()
        if row is None:
            return blocks, [*loose, *seqs[at:]]
        check_numbers(*row)
        number, first, last = row
        start = bisect_left(seqs, first, at)
        end = bisect_right(seqs, last, start)
        loose += seqs[at:start]
        if end > start:
            blocks[number] = seqs[start:end]
        at = end
    return blocks, loose


def body_of(db: sqlite3.Connection, number: int) -> bytes:
    """The body of the block with this number."""
    (body,) = db.execute("SELECT body FROM blocks WHERE id = ?", (number,)).fetchone()
    found: bytes = body
    return found


def whole(parts: Sequence[Rows]) -> Rows:
    """``parts``, one at least, as one."""
    if len(parts) == 1:
        return parts[0]
    try:
        return Rows.join(parts)
    except ValueError as error:
        raise NotAStoreError(f"stored traces are damaged ({error}); restore the file from a copy") from error


def _ascending(rows: Rows) -> Rows:
    """``rows``, each of which has a seq greater than the one before."""
    if (np.diff(rows.seqs) <= 0).any():
        raise NotAStoreError(_TWICE)
    return rows


def nobody(seq: int) -> Memory:
    """For a `Source` of which no memory is asked for."""
    raise LookupError(f"the memory {seq} is not read here")
