"""What older versions wrote in PostgreSQL is brought up: its words are worked out anew (`Store.refresh`)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from nuonuo.records import Memory
from nuonuo.stores.layout import lexicon_of
from nuonuo.stores.postgres import reading, rows, wide
from nuonuo.stores.postgres.bodies import LEAD, Bodies
from nuonuo.stores.postgres.connections import Connections, Database
from nuonuo.stores.renewal import STEP, renewed
from nuonuo.traces import Words

_log = logging.getLogger(__name__)


def refresh(connections: Connections, bodies: Bodies, lexicon: int, words: Callable[[Memory], Words]) -> int:
    """As `Store.refresh`: `STEP` memories at a time, so that other writers need not wait long."""
    mark = str(lexicon).encode()
    if connections.read_only or connections.read(lambda db: reading.setting(db, "lexicon")) == mark:
        return 0
    done, after = 0, 0
    while True:
        found = connections.read(lambda db, after=after: rows.after(db, after, STEP))  # type: ignore[misc]
        if not found:
            connections.write(
                lambda db: db.execute(
                    "INSERT INTO meta VALUES ('lexicon', %b) ON CONFLICT (key) DO UPDATE SET "
                    "value = EXCLUDED.value",
                    (mark,),
                )
            )
            return done
        after = found[-1][1]
        old = [row for row in found if lexicon_of(row[3], LEAD) != lexicon]
        new = []
        for epoch, seq, body, traces in old:
            bodies.sums.check([body, traces], LEAD)
            packed = renewed(body, traces, LEAD, lexicon, words)
            new.append((epoch, seq, traces, bodies.seal(packed)))
        if new and not done:  # whoever comes after an interruption must look again
            connections.write(lambda db: db.execute("DELETE FROM meta WHERE key = 'lexicon'"))
        if new:
            connections.write(lambda db, new=new: _retrace(db, bodies, new))  # type: ignore[misc]
            if not done:
                shown = connections.address.shown
                _log.info("%s was written by an older version; its words are worked out anew", shown)
        done += len(old)


def _retrace(db: Database, bodies: Bodies, new: Sequence[tuple[int, int, bytes, bytes]]) -> None:
    """Write traces (epoch, seq, old, new) where the old ones still are."""
    digests = bodies.digests
    names = wide.names(db, {epoch for epoch, _, _, _ in new})
    rows.lock(db, map(digests.of_namespace, names.values()))
    rows.retrace(db, new)
    seqs = [seq for epoch, seq, _, _ in new if epoch in names]
    if seqs:
        here = wide.kept(db, map(digests.of_namespace, names.values()))()
        found = rows.whole(db, [*names], seqs)
        wide.follow(db, digests, here, ((names[row[0]], row[0], row[1:]) for row in found))
