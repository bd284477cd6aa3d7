"""Shard: the derived state of one namespace.

Cues, codes, associations and statistics, all in RAM and all a function of the surviving records alone:
after any history of writes it equals, bit for bit, the state built afresh from what survives. What is
asked of it stands in `nuonuo.recall.pipeline` (recall) and `nuonuo.associative.chain` (walks).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks, Growable, IntArray, Ragged
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.patterns import as_words
from nuonuo.config import MemoryConfig
from nuonuo.encoding.dates import Period
from nuonuo.encoding.lexicon import Lexicon
from nuonuo.errors import NotAStoreError
from nuonuo.index.filters import Conditions, Fields
from nuonuo.index.lexical import Postings
from nuonuo.index.repeats import Repeats
from nuonuo.index.sessions import NOBODY, Sessions
from nuonuo.index.vectors import VectorIndex
from nuonuo.index.wordings import Wordings
from nuonuo.stores.ahead import pages
from nuonuo.stores.base import START, Changes, Cursor, Rows, Store
from nuonuo.traces import WordColumns

WORN = 200  # rows that may have been dropped, however few are left
CALM = 8  # questions in a row before which nobody wrote, and one is put to the shard as it stands


class Shard:
    """The derived state of one namespace; rows are numbered by order of arrival.

    Attributes:
        lexicon: by which rules words are told apart.
        cursor: how far the shard has followed the store. lock: held by whoever reads or applies.
        moved: whether the last `follow` found that somebody had written here.
        postings, vectors, fields: the lexical cue, the dense cues, and what filters see.
        sessions: which turn stands beside which, and which answers which.
        wordings: who says the same in the same words. repeats: what is asked or answered again.
        patterns: by row (T, ceil(d' / 64)) uint64, the token patterns; spans: (T, 3) int32, their characters.
        associator: over the winner-take-all codes of texts; it holds the explicit associations.
        ids: by row; None for a row that is gone. alive: (n,) bool.
    """

    def __init__(
        self, namespace: str, dimension: int, pattern_bytes: int, lexicon: Lexicon, config: MemoryConfig
    ) -> None:
        self.namespace = namespace
        self.lock = threading.RLock()
        self._dimension, self._pattern_bytes = dimension, pattern_bytes
        self.lexicon, self._config = lexicon, config
        self.size = 0  # nbytes as last measured, when the shard had grown
        self.moved = False
        self._version: int | None = None
        self._calm = CALM
        self._measured = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        config = self._config
        self.cursor: Cursor = START
        self.postings = Postings(config.bm25_k1, config.bm25_b, self.lexicon.key)
        self.vectors = VectorIndex(self._dimension, config.oversampling)
        self.fields = Fields()
        self.sessions = Sessions()
        self.wordings = Wordings()
        self.repeats = Repeats()
        self.patterns = Ragged(np.uint64, (-(-self._pattern_bytes // 8),))
        self.spans = Ragged(np.int32, (3,))
        self.associator = HebbianAssociator(config.n_units, damping=config.hub_damping)
        self.ids: list[str | None] = []
        self._row_by_id: dict[str, int] = {}
        self._seqs = Growable(np.int64)  # by row, ascending; those of rows that are gone stay
        self._alive = Growable(np.bool_)
        self._lengths = Growable(np.int32)
        self._partly = Growable(np.bool_)
        self._dropped = 0  # rows that were emptied: their room is not used again

    # -- reading ----------------------------------------------------------------------------------

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        return self._alive.data

    @property
    def count(self) -> int:
        """How many memories there are."""
        return self.postings.count

    @property
    def worn(self) -> bool:
        """Whether most of it is room of what was forgotten or rewritten: built anew it would take less."""
        return self._dropped > max(WORN, self.count)

    def seqs(self, rows: IntArray) -> list[int]:
        """The store's numbers of ``rows``."""
        found: list[int] = self._seqs.data[rows].tolist()
        return found

    def lengths(self, rows: IntArray) -> npt.NDArray[np.int32]:
        """How long the text of each of ``rows`` is, in token patterns; in words, where it has none."""
        found: npt.NDArray[np.int32] = self._lengths.data[rows]
        return found

    @property
    def turns(self) -> npt.NDArray[np.int32]:
        """`lengths`, of every row."""
        found: npt.NDArray[np.int32] = self._lengths.data
        return found

    def partly(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Which of ``rows`` are embedded in part, since they are long; the rest is known by its stems."""
        found: npt.NDArray[np.bool_] = self._partly.data[rows]
        return found

    def rows_of(self, ids: Iterable[str]) -> IntArray:
        """The rows of those ``ids`` that are here."""
        return np.array([self._row_by_id[each] for each in ids if each in self._row_by_id], np.int64)

    def meeting(self, conditions: Conditions) -> npt.NDArray[np.bool_]:
        """The rows (n,) that meet ``conditions``."""
        mask = self.fields.mask(self.alive, conditions)
        if conditions.exclude:
            mask[self.rows_of(conditions.exclude)] = False
        return mask

    def dated(self, period: Period, fade: float) -> tuple[npt.NDArray[np.float32], int] | None:
        """How near each row's time is to ``period`` (n,), and how many are more in it than out of it.

        None where nothing was stored in it or near it. As `Times.closeness`.
        """
        closeness = self.fields.closeness(period, fade)
        return (closeness, int(np.count_nonzero(closeness >= 0.5))) if closeness.max(initial=0) > 0 else None

    # -- following the store ----------------------------------------------------------------------

    def follow(self, store: Store) -> bool:
        """Take in what was written since the last time, by whichever process; True if it grew much."""
        version, before = store.version(), self.cursor
        self.moved = False
        if version == self._version:
            return False
        self._version = None
        for changes in pages(store, self.namespace, self.cursor):
            self.apply(changes)
        self._version, self.moved = version, before not in (START, self.cursor)
        if self.size and abs(len(self.ids) - self._measured) * 10 < self._measured:
            return False
        self.size, self._measured = self.nbytes, len(self.ids)
        return True

    @property
    def version(self) -> int | None:
        """Of the store when it had been followed; None where it has followed nothing, or only in part."""
        return self._version

    @property
    def trusted(self) -> bool:
        """Whether a question is worth putting to it as it stands, before it is known that it need not follow.

        Where somebody wrote that is for nothing, so it must have been calm for some time.
        """
        return self._version is not None and self._calm >= CALM

    def asked(self, *, disturbed: bool) -> None:
        """Remember of a question whether others had written here since the one before, or meanwhile."""
        self._calm = 0 if disturbed else self._calm + 1

    def apply(self, changes: Changes) -> None:
        """Take in what happened in the store."""
        if changes.reset:
            self.clear()
        for seq in changes.deleted:
            row = self._row_of(seq)
            if row is not None:
                self._remove(row)
        if changes.updated is not None:
            at = self._seqs.data.searchsorted(changes.updated.seqs)
            for row in at.tolist():
                self._empty(row)
            self._fill(at, changes.updated)
        if changes.added is not None:
            self._append(changes.added)
        for source, targets in changes.associations.items():
            at_source = self._row_of(source)
            if at_source is not None:
                self._associate(at_source, targets)
        self.cursor = changes.cursor

    def _row_of(self, seq: int) -> int | None:
        """The row of the memory with this seq; None if it is not here."""
        row = int(self._seqs.data.searchsorted(seq))
        return row if row < len(self._seqs) and self._seqs.data[row] == seq and self.alive[row] else None

    def _append(self, rows: Rows) -> None:
        n, first = len(rows), len(self.ids)
        self._seqs.append(rows.seqs)
        self._alive.extend(n, True)
        self._lengths.extend(n)
        self._partly.extend(n)
        self.ids += rows.ids
        self._row_by_id.update(zip(rows.ids, range(first, first + n), strict=True))
        for index in (
            self.postings, self.vectors, self.fields, self.sessions, self.wordings, self.repeats,
            self.patterns, self.spans,
        ):  # fmt: skip
            index.extend(n)
        self._fill(np.arange(first, first + n), rows)

    def _fill(self, at: IntArray, rows: Rows) -> None:
        """Give the rows ``at`` (N,), ascending and without anything, what ``rows`` are made of."""
        rows = self._up_to_date(rows)
        traces = rows.traces
        widths = traces.vectors.rows.shape[1], traces.sketches.rows.shape[1], traces.patterns.rows.shape[1]
        fitting = self._dimension, -(-self._dimension // 64), self._pattern_bytes
        if widths != fitting or not traces.vectors.counts.all():
            raise NotAStoreError(
                f"what is stored of a memory has no vector, or vectors, sketches and patterns of {widths} "
                f"numbers, not {fitting}: it is damaged; restore it from a copy"
            )
        self.postings.put(at, traces.words)
        self.vectors.put(at, traces)
        self.fields.put(at, rows)
        self.sessions.put(at, self.fields.sessions.numbers[at], traces.words)
        self.wordings.put(at, rows)
        self.repeats.put(at, rows)
        self.patterns.put(at, Blocks(as_words(traces.patterns.rows), traces.patterns.counts))
        self.spans.put(at, traces.spans)
        of_text = np.bincount(traces.spans.owners, traces.spans.rows[:, 0] == 0, len(rows)).astype(np.int64)
        known = np.where(of_text, of_text, traces.words.length)
        said = np.bincount(traces.words.stems.owners, traces.words.counts.rows, len(rows)).astype(np.int64)
        self._partly.data[at] = traces.partly
        self._lengths.data[at] = np.where(traces.partly, np.maximum(known, said), known)
        self.associator.put(at, traces.codes)

    def _up_to_date(self, rows: Rows) -> Rows:
        """``rows``, the words of each by the rules of this shard's language."""
        words, other = rows.traces.words, rows.traces.lexicons != self.lexicon.number
        if not other.any():
            return rows
        again = [
            self.lexicon.words(rows.memory(at)) if old else words[at] for at, old in enumerate(other.tolist())
        ]
        return replace(rows, traces=replace(rows.traces, words=WordColumns.of(again)))

    def _empty(self, row: int) -> None:
        """Leave ``row`` without anything of its memory, but for the associations made to it."""
        self._dropped += 1
        self.postings.remove(row)
        for index in (
            self.vectors, self.fields, self.patterns, self.spans, self.sessions, self.wordings, self.repeats,
        ):  # fmt: skip
            index.clear(row)

    def _remove(self, row: int) -> None:
        self._empty(row)
        self.associator.discard(row)
        self._alive.data[row] = False
        self._lengths.data[row] = 0
        self._partly.data[row] = False
        self._row_by_id.pop(str(self.ids[row]), None)
        self.ids[row] = None

    def _associate(self, source: int, targets: Mapping[int, float]) -> None:
        rows = {self._row_of(seq): weight for seq, weight in targets.items()}
        wanted = {row: weight for row, weight in rows.items() if row is not None}
        for target in set(self.associator.outgoing(source)) - set(wanted):
            self.associator.unlearn(source, target)
        for target in sorted(wanted):
            self.associator.learn(source, target, wanted[target])

    # -- the whole of it --------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Everything derived, free of the history by which it came about: for comparing two shards."""
        rows = np.flatnonzero(self.alive)
        place = {row: at for at, row in enumerate(rows.tolist())} | {NOBODY: NOBODY}
        return {
            "ids": [self.ids[row] for row in rows.tolist()],
            "seqs": self.seqs(rows),
            "lengths": self.lengths(rows).tolist(),
            "partly": self.partly(rows).tolist(),
            "told": self.wordings.times(rows).tolist(),
            "times": self.repeats.times(rows).tolist(),
            "words": self.postings.state(rows),
            "vectors": [self.vectors[row].tobytes() for row in rows.tolist()],
            "fields": [self.fields.state(row) for row in rows.tolist()],
            "patterns": [self.patterns[row].tobytes() for row in rows.tolist()],
            "spans": [self.spans[row].tobytes() for row in rows.tolist()],
            "codes": [self.associator.code_of(row).tobytes() for row in rows.tolist()],
            "associations": [
                sorted((place[target], weight) for target, weight in self.associator.outgoing(row).items())
                for row in rows.tolist()
            ],
            **self.sessions.state(place),
        }

    @property
    def nbytes(self) -> int:
        """Bytes of RAM, estimated for what is no array. The lock must be held."""
        arrays = (
            self.postings,
            self.vectors,
            self.fields,
            self.sessions,
            self.wordings,
            self.repeats,
            self.patterns,
            self.spans,
            self.associator,
            self._seqs,
            self._alive,
            self._lengths,
            self._partly,
        )
        return sum(array.nbytes for array in arrays) + len(self.ids) * 200

    def measured(self) -> int:
        """`nbytes`; where another thread is at work here, as last measured: nobody is waited for."""
        if not self.lock.acquire(blocking=False):
            return self.size
        try:
            return self.nbytes
        finally:
            self.lock.release()
