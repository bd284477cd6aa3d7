"""A namespace that is too large for RAM is made ready to be asked in the database, by the first to ask it."""

from __future__ import annotations

import logging

from nuonuo.stores.codec import Digests
from nuonuo.stores.postgres import cells, reading, rows, wide
from nuonuo.stores.postgres.connections import Connections, Database
from nuonuo.stores.renewal import STEP

_log = logging.getLogger(__name__)


def widened(connections: Connections, digests: Digests, namespace: str, bound: int) -> bool:
    """As `Explorable.widened`: `STEP` memories at a time, so that others may write meanwhile."""
    digest = digests.of_namespace(namespace)
    row = connections.read(lambda db: reading.size(db, digest, bound))
    if row is None or row[0] <= bound:
        return False
    if connections.read_only or (row[1] and not row[2]):
        return row[1]
    shown = connections.address.shown
    _log.info("%s has a namespace of more than %d memories, which is made ready", shown, bound)

    def step(db: Database) -> bool:
        rows.lock(db, [digest])
        return wide.extend(db, digests, namespace, STEP)

    def give(db: Database) -> bool:
        rows.lock(db, [digest])
        return cells.settle(db, digest)

    while not connections.write(step):
        pass
    while not connections.write(give):
        pass
    # That an index is enough to read, and how many there are: whose tables it is not is passed over.
    connections.upkeep("VACUUM (ANALYZE) wide_words, wide_sketches, wide_stems")
    return True
