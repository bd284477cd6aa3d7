"""Candidates out of a namespace that no process holds: `nuonuo.stores.exploring.Explorer` in SQL.

Bit sketches are compared one by one in a scan, in parallel where the server has processors for it; where
there are very many, those in the nearest cells, or by an index of pgvector's where there is one: on a second
connection that is idle (`nuonuo.stores.postgres.nearest`). Words are found meanwhile, by an inverted index
(`nuonuo.stores.postgres.sharing`); that takes longest, so the nearest are read as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.records import Memory
from nuonuo.stores.base import Rows
from nuonuo.stores.codec import Digests
from nuonuo.stores.exploring import Holders, Spans, Told, Vectors, Within
from nuonuo.stores.postgres import cells
from nuonuo.stores.postgres.beside import Beside
from nuonuo.stores.postgres.connections import Database, pipeline
from nuonuo.stores.postgres.fetching import Fetched
from nuonuo.stores.postgres.nearest import FOUND, Begin, Nearest, asked
from nuonuo.stores.postgres.reading import WideRow, array
from nuonuo.stores.postgres.sharing import ARRAYS, Sharing
from nuonuo.stores.postgres.wide import Mixer, signed
from nuonuo.stores.sums import Sums

OFTEN = 10_000  # tellings of one wording that are counted
_HERE = "namespace = %(id)s"


class Explored:
    """One state of one namespace, inside a transaction that reads.

    Args:
        beside: what can be asked at the same time.
        row: as `nuonuo.stores.postgres.reading.wide` gives it.
    """

    def __init__(
        self,
        db: Database,
        beside: Beside,
        digests: Digests,
        sums: Sums,
        namespace: str,
        row: WideRow,
    ) -> None:
        self._db, self._beside = db, beside
        self._digests, self._fetched = digests, Fetched(self._ask, sums, namespace)
        self._id, self.memories, self.words, self._cells, self._vectors, self._indexed = row
        self._mixer = Mixer(digests.of_namespace(namespace))
        self._frequencies: dict[int, int] = {}  # by stem, as far as they were asked for
        self._expected: tuple[tuple[Any, ...] | None, Nearest | None] = None, None
        self._shared: tuple[tuple[Any, ...] | None, list[int]] = None, []
        self._taken = False  # whether the first connection is at work on something that may last

    def _ask(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        return self._send(query, **values)()

    def _send(self, query: str, **values: Any) -> Callable[[], list[tuple[Any, ...]]]:
        """Ask the first connection, or the second where that is `_taken`; what this gives waits for it."""
        if self._taken:
            return self._begin(query, **values)
        return self._db.execute(query.encode(), self._values(values), binary=True).fetchall

    def _begin(self, query: str, **values: Any) -> Callable[[], list[tuple[Any, ...]]]:
        return self._beside.ask(query.encode(), self._values(values))

    def _at_once(self, query: str, **values: Any) -> Callable[[], list[tuple[Any, ...]]]:
        found = self._ask(query, **values)
        return lambda: found

    def _values(self, values: Mapping[str, Any]) -> dict[str, Any]:
        told = {name: array(value) if isinstance(value, list) else value for name, value in values.items()}
        return {"id": self._id, **told}

    def _keys(self, stems: Sequence[int]) -> list[int]:
        keys: list[int] = self._mixer.to(np.array(stems, np.uint64)).tolist()
        return keys

    def frequencies(self, stems: Sequence[int]) -> dict[int, int]:
        """As `Explorer.frequencies`."""
        new = [stem for stem in dict.fromkeys(stems) if stem not in self._frequencies]
        if new:
            keys = self._keys(new)
            rows = self._ask(
                f"SELECT stem, memories FROM wide_stems WHERE {_HERE} AND stem = ANY(%(stems)t::bigint[])",
                stems=keys,
            )
            known = dict(zip(keys, new, strict=True))
            self._frequencies.update(dict.fromkeys(new, 0))
            self._frequencies.update((known[stem], memories) for stem, memories in rows)
        return {stem: self._frequencies[stem] for stem in stems if self._frequencies[stem]}

    def nearest(
        self,
        sketch: npt.NDArray[np.uint64],
        n: int,
        within: Within,
        state: npt.NDArray[np.float32] | None = None,
    ) -> list[int]:
        """As `Explorer.nearest`; about so where cells or an index find them (`Nearest`)."""
        expected, search = self._expected
        self._expected = None, None
        if search is None or expected != (sketch.tolist(), n, within):
            search = self._nearest(self._at_once, sketch, n, within, state)
        found = search.found()
        if not self._taken:
            self._beside.close(failed=False)  # others may need it
        return found

    def expect_nearest(
        self,
        sketch: npt.NDArray[np.uint64],
        n: int,
        within: Within,
        state: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """As `Explorer.expect_nearest`: on another connection, where there is one."""
        expected = sketch.tolist(), n, within
        if self._expected[0] != expected:
            self._expected = expected, self._nearest(self._begin, sketch, n, within, state)

    def _nearest(
        self,
        begin: Begin,
        sketch: npt.NDArray[np.uint64],
        n: int,
        within: Within,
        state: npt.NDArray[np.float32] | None,
    ) -> Nearest:
        where, values = self._within(within)
        few = not where and asked(n) <= FOUND
        indexed, near = few and self._indexed, None
        if few and not indexed and self._cells is not None:
            leaders = cells.load(self._db, self._id, self._cells)
            near = leaders.near(cells.signs(sketch[None, :])[0] if state is None else state, cells.PROBED)
        return Nearest(begin, sketch, n, where, values, cells=near, vectors=self._vectors, indexed=indexed)

    def sharing(
        self, stems: Mapping[int, float], saturation: tuple[float, float], n: int, within: Within
    ) -> list[int]:
        """As `Explorer.sharing`, by the rarest stems (`Sharing`)."""
        (expected, found), self._shared = self._shared, (None, [])
        if expected != (stems, saturation, n, within):
            found = self._found(self._sharing(stems, saturation, n, within))
        return found

    @contextmanager
    def expect_sharing(
        self, stems: Mapping[int, float], saturation: tuple[float, float], n: int, within: Within
    ) -> Iterator[None]:
        """As `Explorer.expect_sharing`: what is asked for meanwhile goes to the second connection, if any."""
        if self._beside.alone:
            yield
            return
        with pipeline(self._db):
            search = self._sharing(stems, saturation, n, within)
            self._taken = True
            try:
                yield
            finally:
                self._taken = False
            self._beside.close(failed=False)
            self._shared = (stems, saturation, n, within), self._found(search)

    def _sharing(
        self, stems: Mapping[int, float], saturation: tuple[float, float], n: int, within: Within
    ) -> Sharing | None:
        """What looks for them, and has begun to; None where no memory has any of ``stems``."""
        frequencies = self.frequencies([*stems])
        order = sorted((df, stem) for stem, df in frequencies.items())
        if not order:
            return None
        keys, weights = self._keys([stem for _, stem in order]), [stems[stem] for _, stem in order]
        often, mean = [df for df, _ in order], max(self.words / max(self.memories, 1), 1e-9)
        return Sharing(self._send, keys, often, weights, saturation, mean, n, *self._within(within))

    def _found(self, search: Sharing | None) -> list[int]:
        found = {} if search is None else search.found()
        self._fetched.known.update((seq, said % 2**64) for seq, said in found.items())
        return [*found]

    def _within(self, within: Within) -> tuple[str, dict[str, Any]]:
        """A condition on seqs, and its values."""
        conditions, values = [], dict[str, Any]()
        if within.session_id is not None:
            conditions.append("w.session = %(session)b")
            values["session"] = self._digests.of_session(within.session_id)
        if within.spans is not None:
            conditions.append(f"({_spans('w.stamp', within.spans)})")
        if not conditions:
            return "", values
        inside = f"SELECT w.seq FROM wide_words w WHERE w.{_HERE} AND {' AND '.join(conditions)}"
        return f" AND seq IN ({inside})", values

    def called(self, names: Sequence[int], most: int) -> list[int]:
        """As `Explorer.called`."""
        rows = self._ask(
            "SELECT t.seq FROM unnest(%(keys)t::bigint[]) AS k (key), LATERAL "
            f"(SELECT seq, titles[1] = k.key AS whole FROM wide_words WHERE {_HERE} AND titles <> '{{}}' "
            "AND titles @> ARRAY[k.key] ORDER BY whole DESC, seq LIMIT %(most)s) AS t",
            keys=self._keys(names),
            most=most,
        )
        return [seq for (seq,) in rows]

    def beside(self, seqs: Sequence[int], reach: int) -> list[int]:
        """As `Explorer.beside`."""
        near = (
            f"SELECT x.seq FROM wide_words x WHERE x.{_HERE} AND x.session = w.session AND x.seq {{}} w.seq "
            "ORDER BY x.seq {} LIMIT %(reach)s"
        )
        rows = self._ask(
            f"SELECT DISTINCT o.seq FROM wide_words w, LATERAL (({near.format('<', 'DESC')}) UNION ALL "
            f"({near.format('>', 'ASC')})) AS o WHERE w.{_HERE} AND w.seq = ANY(%(seqs)t::bigint[]) "
            "AND w.session IS NOT NULL",
            seqs=list(seqs),
            reach=reach,
        )
        return [seq for (seq,) in rows]

    @contextmanager
    def told(self, said: Sequence[int], most: int) -> Iterator[Callable[[], dict[int, Told]]]:
        """As `Explorer.told`."""
        query = (
            "SELECT s.said, t.times, t.repeated, t.newest FROM unnest(%(said)t::bigint[]) AS s (said), "
            "LATERAL (SELECT count(*) AS times, count(*) FILTER (WHERE repeats) AS repeated, "
            "(array_agg(seq ORDER BY seq DESC))[:%(most)s] AS newest FROM "
            f"(SELECT seq, repeats FROM wide_words w WHERE w.{_HERE} AND w.said = s.said "
            f"ORDER BY w.seq DESC LIMIT {OFTEN}) AS each) AS t "
            "WHERE t.times > 1"
        )
        with nullcontext() if self._taken else pipeline(self._db):
            answer = self._send(query, said=signed(said), most=most)
            yield lambda: {
                each % 2**64: Told(times, repeated, newest) for each, times, repeated, newest in answer()
            }

    def holders(self, stems: Sequence[int]) -> Holders:
        """As `Explorer.holders`."""
        keys = self._keys(stems)
        rows = self._ask(
            f"WITH found AS MATERIALIZED (SELECT seq, total, {ARRAYS}, titles FROM wide_words "
            f"WHERE {_HERE} AND stems && %(stems)t::bigint[]) "
            "SELECT seq, total, stem, counts[width_bucket(stem, stems)]::integer "
            "FROM found, unnest(%(stems)t::bigint[]) AS s (stem) "
            "WHERE stems[width_bucket(stem, stems)] = stem UNION ALL "
            "SELECT seq, 0, stem, -place::integer FROM found, "
            "unnest(titles) WITH ORDINALITY AS t (stem, place) WHERE titles <> '{}'",
            stems=keys,
        )
        table = np.array(rows, np.int64).reshape(-1, 4)
        entitles = table[:, 3] < 0
        titles: dict[int, list[int]] = {}
        above = table[entitles]
        above = above[np.lexsort((-above[:, 3], above[:, 0]))]
        for seq, key in zip(above[:, 0].tolist(), self._mixer.back(above[:, 2]).tolist(), strict=True):
            titles.setdefault(seq, []).append(key)
        table = table[~entitles]
        table = table[table[:, 0].argsort(kind="stable")]
        seqs, first, at = np.unique(table[:, 0], return_index=True, return_inverse=True)
        return Holders(seqs, table[first, 1], at, self._mixer.back(table[:, 2]), table[:, 3], titles)

    def associations(self, seqs: Sequence[int]) -> dict[int, dict[int, float]]:
        """As `Explorer.associations`."""
        found: dict[int, dict[int, float]] = {}
        for source, target, weight in self._ask(
            f"SELECT source, target, weight FROM associations WHERE {_HERE} "
            "AND source = ANY(%(seqs)t::bigint[])",
            seqs=list(seqs),
        ):
            found.setdefault(source, {})[target] = weight
        return found

    def led_to(self, seqs: Sequence[int]) -> dict[int, int]:
        """As `Explorer.led_to`."""
        return dict(
            self._ask(
                f"SELECT target, count(*) FROM associations WHERE {_HERE} "
                "AND target = ANY(%(seqs)t::bigint[]) GROUP BY target",
                seqs=list(seqs),
            )
        )

    def lifetime(self) -> tuple[int, int] | None:
        """As `Explorer.lifetime`."""
        ((first, last),) = self._ask(
            f"SELECT min(stamp), max(stamp) FROM wide_words WHERE {_HERE} AND stamp IS NOT NULL"
        )
        return None if first is None else (first, last)

    def dated(self, spans: Spans) -> int:
        """As `Explorer.dated`."""
        ((count,),) = self._ask(
            f"SELECT count(*) FROM wide_words WHERE {_HERE} AND ({_spans('stamp', spans)})"
        )
        return int(count)

    def rows(self, seqs: Sequence[int]) -> Rows | None:
        """As `Explorer.rows`."""
        return self._fetched.rows(seqs)

    def vectors(self, seqs: Sequence[int]) -> Vectors | None:
        """As `Explorer.vectors`."""
        return self._fetched.vectors(seqs)

    def said(self, seqs: Sequence[int]) -> dict[int, int]:
        """As `Explorer.said`; what `sharing` found need not be read for it."""
        return self._fetched.said(seqs)

    def stored(self, seqs: Sequence[int]) -> dict[int, Memory]:
        """As `Explorer.stored`."""
        return self._fetched.stored(seqs)

    def fields(self, seqs: Sequence[int]) -> Rows | None:
        """As `Explorer.fields`."""
        return self._fetched.fields(seqs)

    def every(self, page: int, *, newest_first: bool) -> Iterator[Rows]:
        """As `Explorer.every`."""
        return self._fetched.every(page, newest_first=newest_first)


def _spans(column: str, spans: Spans) -> str:
    """That ``column`` lies in one of ``spans``, which are numbers, as SQL."""
    each = (f"({column} >= {int(since)} AND {column} < {int(until)})" for since, until in spans)
    return " OR ".join(each) or "FALSE"
