"""Bringing up what older versions stored, where it lies and step by step (`Store.refresh`).

Each step is a transaction, and whatever lies between two of them is a file like any other: where it is
interrupted, the next call goes on. Other writers need not wait long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np

from nuonuo.records import Memory
from nuonuo.stores import rows as _rows
from nuonuo.stores.base import Rows
from nuonuo.stores.batches import batches
from nuonuo.stores.codec import unpack_memory
from nuonuo.stores.layout import lexicon_of, pack_traces, unpack_traces
from nuonuo.stores.packing import Packer
from nuonuo.stores.reading import Source, nobody
from nuonuo.traces import WordColumns, Words

STEP = 500  # memories whose words are worked out anew in one transaction

Write = Callable[[], AbstractContextManager[sqlite3.Connection]]  # a transaction
Tell = Callable[[Memory], Words]


def renewed(memory: bytes, traces: bytes, lead: int, lexicon: int, words: Tell) -> bytes:
    """The payload of traces whose words are by the rules ``lexicon``, their patterns by those they had.

    Args:
        memory, traces: bodies whose payloads start at byte ``lead``.

    Raises:
        NotAStoreError: the bytes are not what `pack_memory` and `pack_traces` wrote.
    """
    made = unpack_traces([traces], lead)[0]
    told = words(unpack_memory(memory, lead, None, ""))
    return pack_traces(made.reread(told, lexicon))


def pack_all(write: Write, packer: Packer) -> None:
    """Bring what a version before blocks wrote into blocks."""
    with write() as db:
        large = "SELECT namespace FROM memories GROUP BY namespace HAVING count(*) >= ?"
        epochs = [epoch for (epoch,) in db.execute(large, (packer.size,))]
    for epoch in epochs:
        after: int | None = 0
        while after is not None:
            with write() as db:
                after = packer.pack_older(db, epoch, after)
    with write() as db:
        db.execute("DELETE FROM meta WHERE key = 'loose'")


def renew(write: Write, packer: Packer, lexicon: int, words: Tell, began: Callable[[], None]) -> int:
    """Work out the words of all memories by the rules ``lexicon``; return of how many that was needed.

    Args:
        began: called where the first of them is done.
    """
    done = 0
    # Loose rows first: what somebody packs meanwhile has a number that is yet to come.
    for step in (_rows_after, _blocks_after):
        after: int | None = 0
        while after is not None:
            with write() as db:
                after, count = step(db, packer, after, lexicon, words)
                if count and not done:  # whoever comes after an interruption must look again
                    db.execute("DELETE FROM meta WHERE key = 'lexicon'")
            if count and not done:
                began()
            done += count
    with write() as db:
        db.execute("INSERT OR REPLACE INTO meta VALUES ('lexicon', ?)", (lexicon,))
    return done


def _rows_after(
    db: sqlite3.Connection, packer: Packer, after: int, lexicon: int, words: Tell
) -> tuple[int | None, int]:
    """Where to go on after the next `STEP` rows that lie in no block, and how many of them were renewed."""
    rows = _rows.after(db, after, STEP)
    packer.pages.check(traces for _, _, traces in rows)
    old = [row for row in rows if lexicon_of(row[2], packer.pages.lead) != lexicon]
    for seq, memory, traces in old:
        packer.pages.check([memory])
        body = renewed(memory, traces, packer.pages.lead, lexicon, words)
        db.execute("UPDATE traces SET body = ? WHERE seq = ?", (packer.pages.pad(body), seq))
    return (rows[-1][0] if rows else None), len(old)


def _blocks_after(
    db: sqlite3.Connection, packer: Packer, after: int, lexicon: int, words: Tell
) -> tuple[int | None, int]:
    """As `_rows_after`, of blocks: ``after`` is the number of one."""
    query = "SELECT id, body FROM blocks WHERE id > ? ORDER BY id LIMIT ?"
    found = db.execute(query, (after, max(STEP // packer.size, 1))).fetchall()
    source, count = Source(packer.pages, "", nobody), 0
    for number, body in found:
        rows = source.of_blocks([body])
        old = rows.traces.lexicons != lexicon
        if old.any():
            packer.put(db, number, _renewed(db, packer, rows, old.tolist(), lexicon, words))
            count += int(old.sum())
    return (found[-1][0] if found else None), count


def _renewed(
    db: sqlite3.Connection, packer: Packer, rows: Rows, old: list[bool], lexicon: int, words: Tell
) -> Rows:
    """``rows``, the words of those that are ``old`` by other rules; their patterns are what they were."""
    wanted = [seq for seq, other in zip(rows.seqs.tolist(), old, strict=True) if other]
    bodies: dict[int, bytes] = {}
    for clause, part in batches("seq", wanted):
        bodies.update(db.execute(f"SELECT seq, body FROM memories WHERE {clause}", part).fetchall())
    packer.pages.check(bodies.values())
    traces = rows.traces
    told = [
        words(unpack_memory(bodies[seq], packer.pages.lead, None, ""))
        if seq in bodies and other
        else traces.words[at]
        for at, (seq, other) in enumerate(zip(rows.seqs.tolist(), old, strict=True))
    ]
    renewed = replace(
        traces,
        words=WordColumns.of(told),
        lexicons=np.where(old, lexicon, traces.lexicons),
        older=traces.older | np.array(old),
    )
    return replace(rows, traces=renewed)
