"""Shard: the derived state of one namespace.

Cues, codes, associations and statistics, all in RAM and all a function of the surviving records alone:
after any history of writes it equals, bit for bit, the state built afresh from what survives. What is
asked of it stands in `nuonuo.recall.pipeline` (recall) and `nuonuo.associative.chain` (walks).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.patterns import as_words
from nuonuo.config import MemoryConfig
from nuonuo.encoding.excerpts import are_whole
from nuonuo.encoding.sentences import title
from nuonuo.encoding.words import Analyzer
from nuonuo.index.arrays import Growable, IntArray, Ragged
from nuonuo.index.filters import Conditions, Fields
from nuonuo.index.lexical import Postings
from nuonuo.index.repeats import Repeats
from nuonuo.index.sessions import NOBODY, Sessions
from nuonuo.index.vectors import VectorIndex
from nuonuo.index.wordings import Wordings
from nuonuo.stores.base import START, Changes, Cursor, Row, Store
from nuonuo.traces import SENTENCE


class Shard:
    """The derived state of one namespace; rows are numbered by order of arrival.

    Attributes:
        cursor: how far the shard has followed the store. lock: held by whoever reads or applies.
        postings, vectors, fields: the lexical cue, the dense cues, and what filters see.
        sessions: which turn stands beside which, and which answers which.
        wordings: who says the same in the same words. repeats: what is asked or answered again.
        patterns: by row (T, ceil(d' / 64)) uint64, the token patterns; spans: (T, 3) int32, their characters.
        associator: over the winner-take-all codes of texts; it holds the explicit associations.
        ids: by row; None for a row that is gone. alive: (n,) bool.
    """

    def __init__(self, namespace: str, dimension: int, pattern_bytes: int, config: MemoryConfig) -> None:
        self.namespace = namespace
        self.lock = threading.RLock()
        self._dimension, self._pattern_bytes, self._config = dimension, pattern_bytes, config
        self._analyzer = Analyzer(config.language)
        self.size = 0  # nbytes as last measured, when the shard had grown
        self._version: int | None = None
        self._measured = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        config = self._config
        self.cursor: Cursor = START
        self.postings = Postings(config.bm25_k1, config.bm25_b, self._analyzer.stop_stems)
        self.vectors = VectorIndex(self._dimension, config.oversampling)
        self.fields = Fields()
        self.sessions = Sessions()
        self.wordings = Wordings()
        self.repeats = Repeats()
        self.patterns = Ragged(np.uint64, (-(-self._pattern_bytes // 8),))
        self.spans = Ragged(np.int32, (3,))
        self.associator = HebbianAssociator(config.n_units, damping=config.hub_damping)
        self.ids: list[str | None] = []
        self._row_of: dict[int, int] = {}  # by seq
        self._row_by_id: dict[str, int] = {}
        self._seqs = Growable(np.int64)
        self._alive = Growable(np.bool_)
        self._lengths = Growable(np.int32)
        self._partly = Growable(np.bool_)

    # -- reading ----------------------------------------------------------------------------------

    @property
    def alive(self) -> npt.NDArray[np.bool_]:
        return self._alive.data

    @property
    def count(self) -> int:
        """How many memories there are."""
        return self.postings.count

    def seqs(self, rows: IntArray) -> list[int]:
        """The store's numbers of ``rows``."""
        found: list[int] = self._seqs.data[rows].tolist()
        return found

    def lengths(self, rows: IntArray) -> npt.NDArray[np.int32]:
        """How long the text of each of ``rows`` is, in token patterns; in words, where it has none."""
        found: npt.NDArray[np.int32] = self._lengths.data[rows]
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

    # -- following the store ----------------------------------------------------------------------

    def follow(self, store: Store) -> bool:
        """Take in what was written since the last time, by whichever process; True if it grew much."""
        version = store.version()
        if version == self._version:
            return False
        self.apply(store.changes(self.namespace, self.cursor))
        self._version = version
        if self.size and abs(len(self.ids) - self._measured) * 10 < self._measured:
            return False
        self.size, self._measured = self.nbytes, len(self.ids)
        return True

    def apply(self, changes: Changes) -> None:
        """Take in what happened in the store."""
        if changes.reset:
            self.clear()
        for seq in changes.deleted:
            row = self._row_of.pop(seq, None)
            if row is not None:
                self._remove(row)
        for updated in changes.updated:
            row = self._row_of[updated.seq]
            self._empty(row)
            self._fill(row, updated)
        for added in changes.added:
            self._append(added)
        for source, targets in changes.associations.items():
            if source in self._row_of:
                self._associate(self._row_of[source], targets)
        self.cursor = changes.cursor

    def _append(self, item: Row) -> None:
        row = len(self.ids)
        self._row_of[item.seq] = row
        self._seqs.append([item.seq])
        self._alive.append([True])
        self._lengths.append([0])
        self._partly.append([False])
        self.ids.append(item.memory.id)
        self._row_by_id[str(item.memory.id)] = row
        for index in (
            self.postings, self.vectors, self.fields, self.sessions, self.wordings, self.repeats,
        ):  # fmt: skip
            index.append()
        self.patterns.append(self.patterns.rows[:0])
        self.spans.append(np.zeros((0, 3), np.int32))
        self._fill(row, item)

    def _fill(self, row: int, item: Row) -> None:
        memory, traces = item.memory, item.traces
        stems = [stem for text in memory.parts for stem in self._analyzer.spellings(text)]
        name = [word.stem for word in self._analyzer.words(title(memory.text)) if word.content]
        self.postings.put(row, stems, name)
        self.vectors.put(row, traces.vectors, traces.parts != SENTENCE)
        self.fields.put(row, memory)
        self.sessions.put(row, memory)
        self.wordings.put(row, memory)
        self.repeats.put(row, memory)
        if len(traces.spans):
            self.patterns.replace(row, as_words(traces.patterns))
            self.spans.replace(row, traces.spans)
        own = np.count_nonzero(traces.spans[:, 0] == 0) or len(self._analyzer.words(memory.text))
        self._partly.data[row] = partly = not are_whole(memory.parts, self._config.embedded_bytes)
        self._lengths.data[row] = max(own, len(stems)) if partly else own
        self.associator.add(row, traces.code)

    def _empty(self, row: int) -> None:
        """Leave ``row`` without anything of its memory, but for the associations made to it."""
        self.postings.remove(row)
        self.vectors.clear(row)
        self.fields.clear(row)
        self.patterns.clear(row)
        self.spans.clear(row)
        self.sessions.clear(row)
        self.wordings.clear(row)
        self.repeats.clear(row)

    def _remove(self, row: int) -> None:
        self._empty(row)
        self.associator.discard(row)
        self._alive.data[row] = False
        self._lengths.data[row] = 0
        self._partly.data[row] = False
        self._seqs.data[row] = -1
        self._row_by_id.pop(str(self.ids[row]), None)
        self.ids[row] = None

    def _associate(self, source: int, targets: dict[int, float] | Any) -> None:
        wanted = {self._row_of[seq]: weight for seq, weight in targets.items() if seq in self._row_of}
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
            "stems": self.postings.state(rows),
            "titles": self.postings.titles(rows),
            "idf": {stem: self.postings.idf(stem) for stem in sorted(self.postings.vocabulary())},
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
        """Bytes of RAM, estimated for what is no array."""
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
        return sum(array.nbytes for array in arrays) + len(self.ids) * 250
