"""The lexical cue: one set of postings (stem -> memories, frequencies) for several uses.

BM25 (Robertson & Zaragoza 2009) as a cue of its own, the idf that weighs the question's words, and what
links one memory to another: rare stems (`nuonuo.index.links`) and names (`nuonuo.index.names`). Adding and
removing cost time proportional to the text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import Blocks, Growable, IntArray, Ragged, among
from nuonuo.index.lists import Lists
from nuonuo.index.scores import Scores
from nuonuo.numbering import EMPTY, Numbering
from nuonuo.traces import WordColumns

FloatArray = npt.NDArray[np.float32]


ASKED = 1 << 14  # stems whose numbers are kept ready, at most: questions have many in common
COMMON = 5  # a stem in more than one of so many memories chooses no candidates; it only scores them


class Postings:
    """Inverted lists over the stems of one namespace's memories.

    Args:
        k1: saturation of a stem's frequency. b: normalisation by length, in [0, 1].
        key: from a stem to what it is known by (`nuonuo.encoding.lexicon`).
    """

    def __init__(self, k1: float, b: float, key: Callable[[str], int]) -> None:
        self._k1, self._b, self._key = k1, b, key
        self._term = Numbering()  # by key
        self._stems = Growable(np.uint64)  # by term: its key, 0 once no row has it
        self._stops = Growable(np.bool_)  # by term: whether it is a function word's, or another form's mark
        self._entitled = Growable(np.int32)  # by term: of how many titles it is
        self._lists = Lists(2)  # by term: rows, and the stem's frequency in each
        self._newest = -1  # the last row that is, or was, indexed
        self._forward = Ragged(np.int32, (2,))  # by row: (term, frequency)
        self._titles = Ragged(np.int32)  # by row: the terms of its title
        self._lengths = Growable(np.float32)
        self._count = 0
        self._total = 0
        # Until something changes: k1 (1 - b + b len / mean len) by row, and what common terms give each row.
        self._norms: FloatArray | None = None
        self._common: dict[int, FloatArray] = {}
        self._linking: dict[int, npt.NDArray[np.float64]] = {}
        self._rarities: dict[int, FloatArray] = {}
        self._asked: dict[str, int | None] = {}  # the numbers of stems that were looked up
        self._scratch = Growable(np.float64)  # by row: -1, between two uses

    @property
    def count(self) -> int:
        """N: memories that are indexed."""
        return self._count

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they are empty until they are `put`."""
        for array in (self._lengths, self._forward, self._titles):
            array.extend(n)
        self._scratch.extend(n, -1)

    def put(self, rows: IntArray, words: WordColumns) -> None:
        """Index ``rows`` (N,), which must be empty: new, or removed."""
        stems, lengths = words.stems.rows, words.stems.counts
        terms = self._terms(stems)
        frequencies = words.counts.rows
        entries = _paired(rows.repeat(lengths), frequencies)
        if len(rows) and rows[0] > self._newest:
            self._lists.add(terms, entries)
        else:
            for term, entry in zip(terms.tolist(), entries.tolist(), strict=True):
                self._lists.insert(term, entry)
        self._newest = max(self._newest, int(rows[-1]))
        self._forward.put(rows, Blocks(_paired(terms, frequencies), lengths))
        title = words.title
        named = terms[words.stems.starts.repeat(title.counts) + title.rows]
        self._titles.put(rows, Blocks(named.astype(np.int32), title.counts))
        np.add.at(self._entitled.data, named, 1)
        sums = np.append(0, frequencies.cumsum(dtype=np.int64))
        ends = lengths.cumsum()
        totals = sums[ends] - sums[ends - lengths]
        self._lengths.data[rows] = totals
        self._count += len(rows)
        self._total += int(totals.sum())
        self._changed()

    def _terms(self, stems: npt.NDArray[np.uint64]) -> IntArray:
        """The numbers of ``stems`` (E,); new ones get the next."""
        terms, new = self._term.number(stems, len(self._stems))
        self._stems.append(new)
        self._stops.append(new & np.uint64(1))
        self._entitled.extend(len(new))
        self._lists.extend(len(new))
        return terms

    def remove(self, row: int) -> None:
        """Forget ``row``; a stem that no other memory has is forgotten with it."""
        for term in self._forward[row][:, 0].tolist():
            self._lists.remove(term, row)
            if not self._lists.counts[term]:
                self._term.remove(int(self._stems.data[term]))
                self._stems.data[term] = 0
        self._forward.clear(row)
        np.add.at(self._entitled.data, self._titles[row], -1)
        self._titles.clear(row)
        self._count -= 1
        self._total -= int(self._lengths.data[row])
        self._lengths.data[row] = 0
        self._changed()

    @property
    def size(self) -> int:
        """How many rows there are, empty ones included."""
        return len(self._lengths)

    def words(self, rows: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """What stands in ``rows`` (C,), one after another: terms, their frequencies, and how many in each."""
        entries, counts = self._forward.gather(rows)
        return entries[:, 0].astype(np.int64), entries[:, 1].astype(np.int64), counts

    def terms(self, row: int) -> npt.NDArray[np.int32]:
        """The terms that stand in ``row``."""
        found: npt.NDArray[np.int32] = self._forward[row][:, 0]
        return found

    def entitles(self, terms: IntArray) -> npt.NDArray[np.bool_]:
        """Which of ``terms`` any memory is named by."""
        found: npt.NDArray[np.bool_] = self._entitled.data[terms] > 0
        return found

    def named_by(self, row: int) -> npt.NDArray[np.int32]:
        """The terms by which others name ``row``."""
        found: npt.NDArray[np.int32] = self._titles[row]
        return found

    def name_terms(self, row: int) -> npt.NDArray[np.int32]:
        """The names that stand in ``row``: terms without a frequency."""
        entries = self._forward[row]
        found: npt.NDArray[np.int32] = entries[entries[:, 1] == 0, 0]
        return found

    def titles(self, rows: IntArray) -> tuple[IntArray, IntArray]:
        """The terms by which others name ``rows`` (C,), one after another, and how many of each."""
        terms, counts = self._titles.gather(rows)
        return terms.astype(np.int64), counts

    def keys_of(self, terms: IntArray) -> npt.NDArray[np.uint64]:
        """What each of ``terms`` (n,) is known by."""
        found: npt.NDArray[np.uint64] = self._stems.data[terms]
        return found

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """By term, `keys_of`."""
        found: npt.NDArray[np.uint64] = self._stems.data
        return found

    def holders(self, terms: IntArray) -> IntArray:
        """The rows that have each of ``terms``, one list after another."""
        return self.entries(terms)[0].astype(np.int64)

    @property
    def frequencies(self) -> IntArray:
        """In how many memories each term stands, by its number."""
        return self._lists.counts

    @property
    def complete(self) -> bool:
        """Whether the lists are as long as `frequencies` says, for which kernels take their lengths."""
        return True

    def counts(self, terms: IntArray) -> IntArray:
        """In how many memories each of ``terms`` stands."""
        return self.frequencies[terms]

    def held(self, terms: IntArray) -> IntArray:
        """How many rows here have each of ``terms``: as many as `holders` tells."""
        return self._lists.counts[terms]

    def stops(self, terms: IntArray) -> npt.NDArray[np.bool_]:
        """Which of ``terms`` are function words, names, or another form's spelling."""
        found: npt.NDArray[np.bool_] = self._stops.data[terms]
        return found

    def rarity(self, df: IntArray) -> FloatArray:
        """ln(N / df) / ln N: 1 for what stands in one memory, 0 for what stands in all."""
        rare = np.log(max(self._count, 1) / df) / math.log(max(self._count, 2))
        found: FloatArray = rare.astype(np.float32)
        return found

    def term_of(self, stem: str) -> int | None:
        """The number of ``stem``; None where no memory has it."""
        try:
            return self._asked[stem]
        except KeyError:
            return self._term.get(self._key(stem))

    def look_up(self, stems: Iterable[str]) -> None:
        """Have the numbers of ``stems`` ready until something changes: to look for all at once is quicker."""
        unknown = [stem for stem in dict.fromkeys(stems) if stem not in self._asked]
        if len(self._asked) + len(unknown) > ASKED:
            self._asked.clear()
        elif unknown:
            numbers = self._term.find(np.array([self._key(stem) for stem in unknown], np.uint64)).tolist()
            self._asked.update(
                zip(unknown, (None if number == EMPTY else number for number in numbers), strict=True)
            )

    @property
    def has_titles(self) -> bool:
        """Whether any memory has, or had, a title."""
        return len(self._titles.rows) > 0

    @property
    def lists(self) -> tuple[npt.NDArray[np.int32], IntArray, IntArray]:
        """All postings, where in them those of each term begin, and how many they are (`Lists.blocks`)."""
        return self._lists.blocks

    @property
    def tables(self) -> tuple[npt.NDArray[Any], ...]:
        """What kernels look links up in, each as (rows, where the block of each begins, how long it is).

        By term the memories that have it, by row its terms, and by row the terms of its title.
        """
        return (
            *self._lists.blocks,
            self._forward.rows,
            *self._forward.blocks,
            self._titles.rows,
            *self._titles.blocks,
        )

    @property
    def scratch(self) -> npt.NDArray[np.float64]:
        """(n,), -1 throughout; whoever writes into it leaves it so."""
        found: npt.NDArray[np.float64] = self._scratch.data
        return found

    @property
    def saturation(self) -> tuple[FloatArray, np.float32]:
        """k1 (1 - b + b len / mean len) of each row (n,), and k1 + 1: BM25's saturation."""
        return self._saturation(), np.float32(self._k1 + 1)

    @property
    def stop_terms(self) -> npt.NDArray[np.bool_]:
        """By term, `stops`."""
        found: npt.NDArray[np.bool_] = self._stops.data
        return found

    def terms_of(self, stems: Iterable[str]) -> list[int]:
        """The numbers of those of ``stems`` that some memory has, in order."""
        terms = map(self.term_of, stems)
        return [term for term in terms if term is not None]

    def known(self, stems: Iterable[str]) -> IntArray:
        """The numbers of those of ``stems`` that some memory has, ascending (N,)."""
        return np.sort(np.array(self.terms_of(stems), np.int64))

    def df(self, stem: str) -> int:
        """In how many memories the stem stands."""
        term = self.term_of(stem)
        return 0 if term is None else int(self.frequencies[term])

    def dfs(self, stems: Sequence[str]) -> list[int]:
        """`df` of each of ``stems``."""
        terms = [*map(self.term_of, stems)]
        found = iter(self.frequencies[[term for term in terms if term is not None]].tolist())
        return [0 if term is None else next(found) for term in terms]

    def idf(self, stem: str) -> float:
        """ln(1 + (N - df + 0.5) / (df + 0.5)), the greatest for a stem that is nowhere."""
        return self.idf_of(self.df(stem))

    def idfs(self, stems: Sequence[str]) -> dict[str, float]:
        """`idf` of each of ``stems``."""
        return {stem: self.idf_of(df) for stem, df in zip(stems, self.dfs(stems), strict=True)}

    def idf_of(self, df: int) -> float:
        """The idf of whatever stands in ``df`` memories."""
        return math.log1p((self._count - df + 0.5) / (df + 0.5))

    def scores(self, stems: Iterable[str]) -> Scores:
        """BM25 for the distinct ``stems``: of the rare ones at once, of the common ones where asked for."""
        terms = self.terms_of(dict.fromkeys(stems))
        often = self.frequencies[terms].tolist()
        common = [term for term, df in zip(terms, often, strict=True) if df * COMMON > self._count]
        rare = [term for term in terms if term not in common] if common else terms
        everywhere = [self._everywhere(term) for term in common]
        return Scores(*self._bm25(rare), everywhere)

    def _bm25(self, terms: list[int]) -> tuple[FloatArray, FloatArray | None]:
        """What BM25 gives each row (n,) for ``terms``; with kernels, the greatest of each `BLOCK` too."""
        numbers, fast = np.array(terms, np.int64), kernels.loaded()
        if fast is None:
            rows, given = self._given(numbers)
            return np.bincount(rows, given, self.size).astype(np.float32), None
        scores = np.empty(self.size, np.float32)
        peaks = np.empty(-(-self.size // fast.BLOCK), np.float32)
        fast.bm25(*self._lists.blocks, *self.saturation, numbers, self._idf(numbers), scores, peaks)
        return scores, peaks

    def most(self, idf: Iterable[float]) -> float:
        """The greatest score that a memory could have for stems of these ``idf``: (k1 + 1) their sum."""
        return (self._k1 + 1) * sum(idf)

    def linking(self, max_df: int) -> npt.NDArray[np.float64]:
        """How much a stem links that df memories have, df <= ``max_df``: ln(N / df) / ln N / sqrt(df)."""
        if max_df not in self._linking:
            df = np.arange(1, max_df + 1)
            rarity = np.log(max(self._count, 1) / df) / math.log(max(self._count, 2)) / np.sqrt(df)
            self._linking[max_df] = np.concatenate([[0], rarity])
        return self._linking[max_df]

    def rarities(self, max_df: int) -> FloatArray:
        """`rarity` of what stands in df memories, df <= ``max_df``, by df."""
        if max_df not in self._rarities:
            self._rarities[max_df] = np.append(np.float32(1), self.rarity(np.arange(1, max_df + 1)))
        return self._rarities[max_df]

    def rows_of(self, term: int) -> npt.NDArray[np.int32]:
        """The rows in which ``term`` stands, ascending."""
        found: npt.NDArray[np.int32] = self._lists[term][:, 0]
        return found

    def standing(self, rows: IntArray, stem: str) -> npt.NDArray[np.bool_]:
        """In which of ``rows`` (C,) the stem stands."""
        term = self.term_of(stem)
        return np.zeros(len(rows), bool) if term is None else among(rows, self.rows_of(term))

    def beyond(self, rows: IntArray, known: IntArray) -> FloatArray:
        """How rare the rarest stem of each of ``rows`` is that is not among ``known`` (C,), in [0, 1].

        1 for a stem that no other memory has, 0 where ``known`` and stop stems hold all that the row says.

        Args:
            known: terms, ascending.
        """
        nowhere = self._count + 1  # what is known is commoner than anything can be
        fast = kernels.loaded()
        rarest = np.full(len(rows), nowhere)
        if fast is not None:
            fast.rarest(
                self._forward.rows, *self._forward.blocks, rows, self.frequencies, self._stops.data, known,
                nowhere, rarest,
            )  # fmt: skip
        else:
            entries, counts = self._forward.gather(rows)
            terms = entries[:, 0]
            passed = self._stops.data[terms] | among(terms, known)
            df = np.where(passed, nowhere, self.frequencies[terms])
            full = np.flatnonzero(counts)
            if len(full):
                rarest[full] = np.minimum.reduceat(df, (counts.cumsum() - counts)[full])
        rarity = np.log1p((self._count - rarest + 0.5) / (rarest + 0.5)) / self.idf_of(1)
        return np.maximum(rarity, 0).astype(np.float32)

    def state(self, rows: IntArray) -> dict[str, Any]:
        """All that is indexed, stems by their keys, for ``rows`` and in all: for comparing two states."""
        stems = self._stems.data
        forward = [self._forward[row].tolist() for row in rows.tolist()]
        place = {row: at for at, row in enumerate(rows.tolist())}
        return {
            "stems": [[(int(stems[term]), count) for term, count in each] for each in forward],
            "titles": [stems[self._titles[row]].tolist() for row in rows.tolist()],
            "lengths": self._lengths.data[rows].tolist(),
            "lists": {
                key: [(place[row], count) for row, count in self._lists[term].tolist()]
                for key, term in self._term.items()
            },
        }

    @property
    def nbytes(self) -> int:
        arrays = (
            self._lists,
            self._forward,
            self._titles,
            self._stems,
            self._stops,
            self._entitled,
            self._lengths,
            self._scratch,
            self._term,
        )
        return sum(array.nbytes for array in arrays) + len(self._common) * 4 * len(self._lengths)

    def _changed(self) -> None:
        self._norms = None
        self._common.clear()
        self._linking.clear()
        self._rarities.clear()
        self._asked.clear()

    def _given(self, terms: IntArray) -> tuple[npt.NDArray[np.int32], FloatArray]:
        """The rows that have one of ``terms`` (E,), term by term, and what BM25 gives each of them for it."""
        rows, frequencies = self.entries(terms)
        given = self._idf(terms).repeat(self._lists.counts[terms]) * self.saturated(rows, frequencies)
        return rows, given

    def _idf(self, terms: IntArray) -> FloatArray:
        """The idf of each of ``terms`` (E,)."""
        return np.array([self.idf_of(df) for df in self.frequencies[terms].tolist()], np.float32)

    def entries(self, terms: IntArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The postings of ``terms``, one after another: rows, and the frequency in each."""
        entries, _ = self._lists.gather(terms)
        return entries[:, 0], entries[:, 1]

    def _everywhere(self, term: int) -> FloatArray:
        """What BM25 gives every row for a common ``term`` (n,); few terms are common, so it is kept."""
        if term not in self._common:
            self._common[term], _ = self._bm25([term])
        return self._common[term]

    def saturated(self, rows: npt.NDArray[np.int32], frequencies: npt.NDArray[np.int32]) -> FloatArray:
        """(k1 + 1) f / (f + k1 (1 - b + b len / mean len)) of a stem with frequency f in each of ``rows``."""
        f = frequencies.astype(np.float32)
        saturated: FloatArray = np.float32(self._k1 + 1) * f / (f + self._saturation()[rows])
        return saturated

    def _saturation(self) -> FloatArray:
        """k1 (1 - b + b len / mean len) of each row (n,)."""
        if self._norms is None:
            mean = np.float32(max(self._total / max(self._count, 1), 1e-9))
            k1, b = np.float32(self._k1), np.float32(self._b)
            self._norms = k1 * (1 - b) + (k1 * b / mean) * self._lengths.data
        return self._norms


def _paired(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """``first`` (E,) beside ``second`` (E,): (E, 2)."""
    found = np.empty((len(first), 2), np.int32)
    found[:, 0], found[:, 1] = first, second
    return found
