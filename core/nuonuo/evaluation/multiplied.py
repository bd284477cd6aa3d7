"""Many more memories than there is time to encode, made in the database: for measuring speed, never quality.

Each round has the memories of a namespace once more, with numbers and sessions of its own. The bits of their
sketches are moved along by as many places as the round says, so that a round is a corpus of its own with the
same distances, and their rarer stems are renamed, since new words keep coming in a large memory. Texts and
traces are copied as they are, but for the digest of the wording, since no two say the same; the traces have
no checksum then. The tables are filled by statements of their own, and the inverted indexes
built afterwards, as a restore does.
"""

from __future__ import annotations

from typing import Any

from nuonuo.evaluation.progress import Progress

RARER = 25  # memories of one round, up to which a stem is renamed in every second round

_DIGEST = "substring(sha256({0} || int4send(%(turn)s::integer)) FROM 1 FOR octet_length({0}))"
_ROUND = (
    "INSERT INTO memories (namespace, seq, stamp, digest, session, body, traces) "
    f"SELECT namespace, seq + %(turn)s::bigint * %(span)s, stamp, {_DIGEST.format('digest')}, "
    f"{_DIGEST.format('session')}, body, '\\x00000000'::bytea || "
    "substring(sha256(substring(traces FROM 5 FOR 8) || int4send(%(turn)s::integer)) FROM 1 FOR 8) || "
    "substring(traces FROM 13) FROM memories WHERE seq <= %(last)s ORDER BY seq",
    "INSERT INTO wide_sketches (namespace, seq, place, sketch) "
    "SELECT namespace, seq + %(turn)s::bigint * %(span)s, place, "
    "(sketch << %(turn)s::integer) | (sketch >> (length(sketch) - %(turn)s::integer)) "
    "FROM wide_sketches WHERE seq <= %(last)s ORDER BY seq, place",
    # Ascending, as they must be; the lowest bit, which tells stems that link nothing, stays.
    "INSERT INTO wide_words (namespace, seq, session, stamp, said, repeats, total, stems, counts, titles) "
    f"SELECT namespace, seq + %(turn)s::bigint * %(span)s, {_DIGEST.format('session')}, stamp, "
    "said # (%(mask)s::bigint + %(turn)s), repeats, total, n.stems, n.counts, titles FROM wide_words w, "
    "LATERAL (SELECT array_agg(e.stem ORDER BY e.stem) AS stems, array_agg(e.count ORDER BY e.stem) "
    "AS counts FROM (SELECT CASE WHEN r.stem IS NULL THEN u.stem ELSE u.stem # %(mask)s::bigint END AS stem, "
    "u.count FROM unnest(w.stems, w.counts) AS u (stem, count) LEFT JOIN rarer r USING (stem)) AS e) AS n "
    "WHERE seq <= %(last)s AND n.stems IS NOT NULL ORDER BY seq",
)
_INDEXES = {
    "wide_words_stems": "ON wide_words USING gin (stems)",
    "wide_words_titles": "ON wide_words USING gin (titles) WHERE titles <> '{}'",
}


def multiply(db: Any, times: int, progress: Progress) -> None:
    """Let the one namespace of the schema, which was made ready to be asked there, have ``times`` as many.

    Args:
        db: a connection with its schema as the search path, where each statement is a transaction.
    """
    count, last, span = db.execute(
        "SELECT count(*), max(seq), max(seq) - min(seq) + 1 FROM memories"
    ).fetchone()
    db.execute("SET maintenance_work_mem = '1GB'")
    db.execute("CREATE TEMPORARY TABLE rarer AS SELECT stem FROM wide_stems WHERE memories <= %s", (RARER,))
    db.execute("ALTER TABLE rarer ADD PRIMARY KEY (stem)")
    db.execute("ANALYZE rarer, wide_words, wide_sketches")
    for name in _INDEXES:
        db.execute(f"DROP INDEX {name}")
    for turn in range(1, times):
        mask = (turn // 2 * 0x1B873593_CC9E2D51 & (1 << 62) - 1) << 1
        for statement in _ROUND:
            db.execute(statement, {"turn": turn, "span": span, "last": last, "mask": mask})
        progress("memories multiplied", count)
    for name, where in _INDEXES.items():
        db.execute(f"CREATE INDEX {name} {where}")
    db.execute("TRUNCATE wide_stems")
    db.execute(
        "INSERT INTO wide_stems (namespace, stem, memories) SELECT namespace, stem, count(*) "
        "FROM wide_words, unnest(stems) AS stem GROUP BY 1, 2"
    )
    db.execute("SELECT setval('seqs', (SELECT max(seq) FROM memories))")
    db.execute(
        "UPDATE namespaces SET last_seq = currval('seqs'), wide_seq = currval('seqs'), "
        "wide_memories = wide_memories * %(times)s::bigint, "
        "wide_words = wide_words * %(times)s::bigint",
        {"times": times},
    )
    db.execute("VACUUM (ANALYZE) memories, wide_words, wide_sketches, wide_stems")
