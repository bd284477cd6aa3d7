"""What a namespace that no process holds is found by: its words, its sketches, and how rare each stem is.

Kept for namespaces that a reader found too large for its RAM (``namespaces.wide_seq``), by whoever writes
there, in the same transaction. A stem stands here as its key, mixed by the namespace's digest: other
namespaces have other numbers for it, and an index over all of them tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nuonuo.stores.base import may_repeat
from nuonuo.stores.codec import Digests, decode_text, unpack_rows
from nuonuo.stores.postgres import cells
from nuonuo.stores.postgres.bodies import LEAD
from nuonuo.stores.postgres.connections import Database

Item = tuple[int, "int | None", bytes, bytes]  # seq, stamp, body, traces
KeyArray = npt.NDArray[np.uint64]

Wide = Mapping[int, tuple[int, bool]]  # by epoch: the last seq that was taken in, and whether that is all

_MASK = (1 << 63) - 1
_MOST = 32767  # of a frequency: more of the same word says no more


class Mixer:
    """One-to-one from keys of stems to the numbers that stand for them in one namespace, and back.

    The lowest bit, which says whether the stem links nothing, stays.

    Args:
        digest: of the namespace.
    """

    def __init__(self, digest: bytes) -> None:
        self._add = int.from_bytes(digest[:8], "little") & _MASK
        self._times = int.from_bytes(digest[8:], "little") & _MASK | 1
        self._back = pow(self._times, -1, 1 << 63)

    def to(self, keys: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """``keys`` (n,) uint64 as the database has them."""
        keys = np.asarray(keys, np.uint64)
        x = ((keys >> np.uint64(1)) + np.uint64(self._add)) * np.uint64(self._times) & np.uint64(_MASK)
        x ^= x >> np.uint64(32)
        return (x << np.uint64(1) | keys & np.uint64(1)).view(np.int64)

    def back(self, numbers: npt.ArrayLike) -> KeyArray:
        """The keys that `to` made ``numbers`` (n,) of."""
        mixed = np.asarray(numbers, np.int64).view(np.uint64)
        x = mixed >> np.uint64(1)
        x ^= x >> np.uint64(32)
        x = x * np.uint64(self._back) - np.uint64(self._add) & np.uint64(_MASK)
        return x << np.uint64(1) | mixed & np.uint64(1)


def signed(values: Iterable[int]) -> list[int]:
    """Digests of 64 bits as a bigint has them."""
    return np.array([*values], np.uint64).view(np.int64).tolist()  # type: ignore[no-any-return]


def bits(sketches: npt.NDArray[np.uint64]) -> list[str]:
    """``sketches`` (F, w) as bit strings."""
    rows = np.ascontiguousarray(sketches, "<u8")
    width = 64 * rows.shape[1]
    return [f"{int.from_bytes(row.tobytes(), 'little'):0{width}b}" for row in rows]


def kept(db: Database, digests: Iterable[bytes]) -> Callable[[], Wide]:
    """Ask for those of the namespaces with these ``digests`` that are kept here."""
    query = (
        "SELECT id, wide_seq, wide_seq >= last_seq FROM namespaces WHERE digest = ANY(%b) AND wide_seq >= 0"
    )
    rows = db.execute(query, (list(digests),), binary=True)
    return lambda: {epoch: (seq, whole) for epoch, seq, whole in rows}


def names(db: Database, epochs: Collection[int]) -> dict[int, str]:
    """The names of those of the namespaces with these ``epochs`` that are kept here."""
    query = "SELECT id, name FROM namespaces WHERE id = ANY(%b) AND wide_seq >= 0"
    return {id: decode_text(name) for id, name in db.execute(query, (list(epochs),), binary=True)}


def follow(db: Database, digests: Digests, here: Wide, written: Iterable[tuple[str, int, Item]]) -> None:
    """Take in what was ``written`` of the namespaces ``here``: (namespace, epoch, memory as it is now).

    What is yet to be taken in, where a namespace is being made ready, is left to whoever does that.
    """
    own: dict[tuple[str, int], list[Item]] = {}
    for namespace, epoch, item in written:
        if epoch in here and (here[epoch][1] or item[0] <= here[epoch][0]):
            own.setdefault((namespace, epoch), []).append(item)
    if not own:
        return
    take(db, {item[0]: epoch for (_, epoch), items in own.items() for item in items})
    for (namespace, epoch), items in own.items():
        put(db, digests, namespace, epoch, items)
    whole = [epoch for _, epoch in own if here[epoch][1]]
    db.execute("UPDATE namespaces SET wide_seq = last_seq WHERE id = ANY(%s)", (whole,))


def extend(db: Database, digests: Digests, namespace: str, page: int) -> bool:
    """Take in the next ``page`` memories of ``namespace``, whose lock is held; True once that is all."""
    row = db.execute(
        "SELECT id, coalesce(wide_seq, 0), coalesce(wide_seq >= last_seq, FALSE) FROM namespaces "
        "WHERE digest = %b",
        (digests.of_namespace(namespace),),
        binary=True,
    ).fetchone()
    if row is None or row[2]:
        return True
    epoch, seq, _ = row
    items = db.execute(
        "SELECT seq, stamp, body, traces FROM memories WHERE namespace = %b AND seq > %b "
        "ORDER BY seq LIMIT %b",
        (epoch, seq, page),
        binary=True,
    ).fetchall()
    if items:
        put(db, digests, namespace, epoch, items)
    whole = len(items) < page
    reached = "last_seq" if whole else str(int(items[-1][0]))
    db.execute(f"UPDATE namespaces SET wide_seq = {reached} WHERE id = %b".encode(), (epoch,))
    return whole


def put(db: Database, digests: Digests, namespace: str, epoch: int, items: Sequence[Item]) -> None:
    """Take in new memories of ``namespace``, or what others became whose old words were taken out."""
    seqs, stamps, bodies, traces = zip(*items, strict=True)
    rows = unpack_rows(seqs, stamps, bodies, traces, LEAD, namespace)
    if rows is None:
        return
    mixer, words = Mixer(digests.of_namespace(namespace)), rows.traces.words
    stems, counts = mixer.to(words.stems.rows), np.minimum(words.counts.rows, _MOST)
    titles = stems[words.stems.starts.repeat(words.title.counts) + words.title.rows]
    order = np.lexsort((stems, words.stems.owners))  # ascending, so that one is found by halving
    stems, counts = stems[order], counts[order]
    totals = np.bincount(words.stems.owners, words.counts.rows, len(rows)).astype(np.int64)
    db.execute(
        "INSERT INTO wide_words "
        "(namespace, seq, session, stamp, said, repeats, total, stems, counts, titles) "
        "SELECT %b, seq, session, stamp, said, repeats, total, stems::bigint[], counts::smallint[], "
        "titles::bigint[] FROM unnest(%b::bigint[], %b::bytea[], %b::bigint[], %b::bigint[], %b::boolean[], "
        "%b::integer[], %t::text[], %t::text[], %t::text[]) "
        "AS new (seq, session, stamp, said, repeats, total, stems, counts, titles)",
        (
            epoch,
            rows.seqs.tolist(),
            [None if name is None else digests.of_session(name) for name in rows.sessions],
            list(stamps),
            words.said.view(np.int64).tolist(),
            may_repeat(rows).tolist(),
            totals.tolist(),
            _lists(stems, words.stems.counts),
            _lists(counts, words.stems.counts),
            _lists(titles, words.title.counts),
        ),
    )
    sketches = rows.traces.sketches
    seqs_of = rows.seqs.repeat(sketches.counts)
    places = np.arange(len(seqs_of)) - sketches.starts.repeat(sketches.counts)
    by, cell, leads = cells.founding(db, epoch), None, list[int]()
    if by is not None:
        cell, own = cells.assigned(db, epoch, by, seqs_of, places, sketches.rows)
        leads = seqs_of[own].tolist()
    db.execute(
        "INSERT INTO wide_sketches (namespace, seq, place, sketch, cell) "
        "SELECT %b, seq, place, sketch::varbit, cell "
        "FROM unnest(%b::bigint[], %b::integer[], %t::text[], %b::bigint[]) "
        "AS new (seq, place, sketch, cell)",
        (
            epoch,
            seqs_of.tolist(),
            places.tolist(),
            bits(sketches.rows),
            [] if cell is None else cell.tolist(),
        ),
    )
    if by is not None:
        cells.drawn(db, epoch, by, [seq for seq in leads if seq <= by.reached])
    numbers, often = np.unique(stems, return_counts=True)
    db.execute(
        "INSERT INTO wide_stems AS s (namespace, stem, memories) "
        "SELECT %b, stem, n FROM unnest(%b::bigint[], %b::bigint[]) AS new (stem, n) "
        "ON CONFLICT (namespace, stem) DO UPDATE SET memories = s.memories + EXCLUDED.memories",
        (epoch, numbers.tolist(), often.tolist()),
    )
    db.execute(
        "UPDATE namespaces SET wide_memories = wide_memories + %s, wide_words = wide_words + %s "
        "WHERE id = %s",
        (len(rows), int(totals.sum()), epoch),
    )


def _lists(values: npt.NDArray[np.integer], counts: npt.NDArray[np.int64]) -> list[str]:
    """Blocks of ``values`` as PostgreSQL writes arrays."""
    told = [*map(str, values.tolist())]
    ends = counts.cumsum()
    both = zip((ends - counts).tolist(), ends.tolist(), strict=True)
    return ["{" + ",".join(told[first:last]) + "}" for first, last in both]


def take(db: Database, homes: Mapping[int, int]) -> None:
    """Take the memories of ``homes`` (seq -> epoch) out, as far as they are here: nothing of them is left."""
    seqs, epochs = [*homes], [*set(homes.values())]
    db.execute(
        "WITH gone AS (DELETE FROM wide_words WHERE namespace = ANY(%(epochs)s) AND seq = ANY(%(seqs)s) "
        "RETURNING namespace, total, stems), "
        "less AS (SELECT namespace, stem, count(*) AS n FROM gone, unnest(stems) AS stem GROUP BY 1, 2), "
        "ended AS (DELETE FROM wide_stems s USING less l WHERE s.namespace = l.namespace "
        "AND s.stem = l.stem AND s.memories <= l.n), "
        "rarer AS (UPDATE wide_stems s SET memories = s.memories - l.n FROM less l "
        "WHERE s.namespace = l.namespace AND s.stem = l.stem AND s.memories > l.n), "
        "sums AS (SELECT namespace, count(*) AS n, sum(total) AS words FROM gone GROUP BY 1) "
        "UPDATE namespaces SET wide_memories = wide_memories - n, wide_words = wide_words - words "
        "FROM sums WHERE id = namespace",
        {"epochs": epochs, "seqs": seqs},
    )
    gone = db.execute(
        "WITH gone AS (DELETE FROM wide_sketches WHERE namespace = ANY(%b) AND seq = ANY(%b::bigint[]) "
        "RETURNING namespace, seq, place, cell) "
        "SELECT namespace, seq FROM gone WHERE place = 0 AND cell = seq",
        (epochs, seqs),
        binary=True,
    ).fetchall()
    cells.orphaned(db, gone)
