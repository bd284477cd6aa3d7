"""The lexical cue: one set of postings (stem -> memories, frequencies) for three uses.

BM25 (Robertson & Zaragoza 2009) as a cue of its own, the idf that weighs the question's words, and the
rare stems that link one memory to another. Adding and removing cost time proportional to the text.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.forms import OTHER
from nuonuo.index.arrays import Growable, IntArray, Ragged

FloatArray = npt.NDArray[np.float32]


COMMON = 5  # a stem in more than one of so many memories chooses no candidates; it only scores them


class Postings:
    """Inverted lists over the stems of one namespace's memories.

    Args:
        k1: saturation of a stem's frequency. b: normalisation by length, in [0, 1].
        stop_stems: those of function words, which are no memory's own.
    """

    def __init__(self, k1: float, b: float, stop_stems: frozenset[str] = frozenset()) -> None:
        self._k1, self._b, self._stop_stems = k1, b, stop_stems
        self._term: dict[str, int] = {}
        self._stem: list[str | None] = []
        self._rows: list[array[int]] = []  # by term: ascending rows
        self._frequencies: list[array[int]] = []  # by term: the stem's frequency in each of them
        self._df = Growable(np.int32)  # by term: in how many rows it stands
        self._stops = Growable(np.bool_)  # by term: whether it is a function word's, or another form's mark
        self._forward = Ragged(np.int32, (2,))  # by row: (term, frequency)
        self._titles = Ragged(np.int32)  # by row: the terms of its title
        self._lengths = Growable(np.float32)
        self._count = 0
        self._total = 0
        # Until something changes: k1 (1 - b + b len / mean len) by row, and what common terms give each row.
        self._norms: FloatArray | None = None
        self._common: dict[int, FloatArray] = {}

    @property
    def count(self) -> int:
        """N: memories that are indexed."""
        return self._count

    def append(self) -> None:
        """Make room for the next row; it is empty until it is `put`."""
        self._lengths.append([0])
        self._forward.append(np.zeros((0, 2), np.int32))
        self._titles.append(np.zeros(0, np.int32))

    def put(self, row: int, stems: Sequence[str], title: Iterable[str] = ()) -> None:
        """Index ``row``, which must be empty: new, or removed.

        Args:
            title: the stems, among ``stems``, by which other memories name this one.
        """
        terms = []
        for stem, frequency in Counter(stems).items():
            term = self._term.get(stem)
            if term is None:
                term = self._term[stem] = len(self._stem)
                self._stem.append(stem)
                self._rows.append(array("i"))
                self._frequencies.append(array("i"))
                self._df.append([0])
                self._stops.append([stem in self._stop_stems or stem.startswith(OTHER)])
            rows = self._rows[term]
            at = len(rows) if not rows or rows[-1] < row else bisect_left(rows, row)
            rows.insert(at, row)
            self._frequencies[term].insert(at, frequency)
            self._df.data[term] += 1
            terms.append((term, frequency))
        self._forward.replace(row, np.array(terms, np.int32).reshape(-1, 2))
        known = [self._term[stem] for stem in dict.fromkeys(title) if stem in self._term]
        self._titles.replace(row, np.array(known, np.int32))
        self._lengths.data[row] = len(stems)
        self._count += 1
        self._total += len(stems)
        self._changed()

    def remove(self, row: int) -> None:
        """Forget ``row``; a stem that no other memory has is forgotten with it."""
        for term in self._forward[row][:, 0].tolist():
            rows = self._rows[term]
            at = bisect_left(rows, row)
            del rows[at], self._frequencies[term][at]
            self._df.data[term] -= 1
            if not rows:
                stem = self._stem[term]
                if stem is not None:
                    del self._term[stem]
                self._stem[term] = None
        self._forward.clear(row)
        self._titles.clear(row)
        self._count -= 1
        self._total -= int(self._lengths.data[row])
        self._lengths.data[row] = 0
        self._changed()

    def df(self, stem: str) -> int:
        """In how many memories the stem stands."""
        term = self._term.get(stem)
        return 0 if term is None else len(self._rows[term])

    def idf(self, stem: str) -> float:
        """ln(1 + (N - df + 0.5) / (df + 0.5)), the greatest for a stem that is nowhere."""
        return self.idf_of(self.df(stem))

    def idf_of(self, df: int) -> float:
        """The idf of whatever stands in ``df`` memories."""
        return math.log1p((self._count - df + 0.5) / (df + 0.5))

    def scores(self, stems: Iterable[str]) -> Scores:
        """BM25 for the distinct ``stems``: of the rare ones at once, of the common ones where asked for."""
        terms = [self._term[stem] for stem in dict.fromkeys(stems) if stem in self._term]
        common = [term for term in terms if len(self._rows[term]) * COMMON > self._count]
        rows, given = self._given([term for term in terms if term not in common])
        scores = np.bincount(rows, given, minlength=len(self._lengths)).astype(np.float32)
        return Scores(scores, [self._everywhere(term) for term in common])

    def most(self, idf: Iterable[float]) -> float:
        """The greatest score that a memory could have for stems of these ``idf``: (k1 + 1) their sum."""
        return (self._k1 + 1) * sum(idf)

    def links(self, rows: IntArray, without: frozenset[str], max_df: int) -> StemLinks:
        """What each of ``rows`` (C,) shares rare stems with, and the strength v / (v + 1) of each link.

        v sums (ln(N / df) / ln N) / sqrt(df) * saturated frequency in the target over the shared stems
        with 2 <= df <= ``max_df`` that are not in ``without``: rare stems count most, and hubs little.
        Function words link nothing.
        """
        entries, counts = self._forward.gather(rows)
        terms, df = entries[:, 0], self._df.data[entries[:, 0]]
        links = (df >= 2) & (df <= max_df) & ~self._stops.data[terms]
        for stem in without:
            links &= terms != self._term.get(stem, -1)
        terms, df, owners = terms[links], df[links], np.repeat(np.arange(len(rows)), counts)[links]
        if not len(terms):
            none = np.zeros(0, np.int64)
            return StemLinks(none, none, np.zeros(0, np.float32), np.zeros(0, np.float32))
        rarity = np.log(self._count / df) / math.log(self._count) / np.sqrt(df)
        targets, frequencies = self._entries(terms.tolist())
        source = np.repeat(owners, df)
        values = np.repeat(rarity, df) * self._saturated(targets, frequencies)
        keep = targets != rows[source]
        keys, inverse = np.unique(source[keep] * len(self._lengths) + targets[keep], return_inverse=True)
        v = np.bincount(inverse, values[keep], minlength=len(keys))
        source, target = keys // len(self._lengths), keys % len(self._lengths)
        return StemLinks(source, target, (v / (v + 1)).astype(np.float32), self._naming(rows, source, target))

    def _naming(self, rows: IntArray, source: IntArray, targets: IntArray) -> FloatArray:
        """How surely ``rows[source]`` (L,) name their targets by the whole of the title (L,); 0 where not.

        ln(N / df) / ln N of the title's rarest stem: a name that stands in few memories is sure.
        """
        found = np.zeros(len(targets), np.float32)
        titled = np.flatnonzero(self._titles.counts(targets))
        if not len(titled):
            return found
        terms, counts = self._titles.gather(targets[titled])
        entries, lengths = self._forward.gather(rows)
        stride = len(self._stem)
        said = np.sort(np.repeat(np.arange(len(rows)), lengths) * stride + entries[:, 0])
        wanted = np.repeat(source[titled], counts) * stride + terms
        named = said[np.minimum(np.searchsorted(said, wanted), len(said) - 1)] == wanted
        starts = np.cumsum(counts) - counts
        whole = np.logical_and.reduceat(named, starts)
        rarest = np.minimum.reduceat(self._df.data[terms], starts)
        found[titled[whole]] = np.log(self._count / rarest[whole]) / math.log(max(self._count, 2))
        return found

    def shared(self, row: int, other: int, max_df: int) -> list[str]:
        """The rare stems that two rows share, the rarest first; function words are none."""
        terms = {*self._forward[row][:, 0].tolist()} & {*self._forward[other][:, 0].tolist()}
        rare = [
            (len(self._rows[term]), self._stem[term] or "")
            for term in terms
            if len(self._rows[term]) <= max_df and not self._stops.data[term]
        ]
        return [stem for _, stem in sorted(rare)]

    def standing(self, rows: IntArray, stem: str) -> npt.NDArray[np.bool_]:
        """In which of ``rows`` (C,) the stem stands."""
        term = self._term.get(stem)
        if term is None:
            return np.zeros(len(rows), bool)
        return np.isin(rows, np.frombuffer(self._rows[term], np.int32))

    def beyond(self, rows: IntArray, stems: Iterable[str]) -> FloatArray:
        """How rare the rarest stem of each of ``rows`` is that is not among ``stems`` (C,), in [0, 1].

        1 for a stem that no other memory has, 0 where ``stems`` and stop stems hold all that the row says.
        """
        entries, counts = self._forward.gather(rows)
        known = self._stops.data.copy()
        known[[self._term[stem] for stem in stems if stem in self._term]] = True
        nowhere = self._count + 1  # what is known is commoner than anything can be
        df = np.where(known[entries[:, 0]], nowhere, self._df.data[entries[:, 0]])
        rarest, full = np.full(len(rows), nowhere), np.flatnonzero(counts)
        if len(full):
            rarest[full] = np.minimum.reduceat(df, (counts.cumsum() - counts)[full])
        rarity = np.log1p((self._count - rarest + 0.5) / (rarest + 0.5)) / self.idf_of(1)
        return np.maximum(rarity, 0).astype(np.float32)

    def vocabulary(self) -> list[str]:
        """The stems that stand in at least one memory."""
        return list(self._term)

    def state(self, rows: IntArray) -> list[dict[str, int]]:
        """What is indexed of ``rows``, by stem: for comparing two states."""
        return [
            {str(self._stem[term]): count for term, count in self._forward[row].tolist()}
            for row in rows.tolist()
        ]

    def titles(self, rows: IntArray) -> list[list[str]]:
        """The stems of the title of each of ``rows``: for comparing two states."""
        return [[str(self._stem[term]) for term in self._titles[row].tolist()] for row in rows.tolist()]

    @property
    def nbytes(self) -> int:
        per_term = 400  # two arrays, a str, and their places in a dict and three lists
        entries = sum(len(rows) for rows in self._rows)
        arrays = self._forward.nbytes + self._df.nbytes + self._stops.nbytes + self._lengths.nbytes
        arrays += self._titles.nbytes + len(self._common) * 4 * len(self._lengths)
        return entries * 8 + len(self._stem) * per_term + arrays

    def _changed(self) -> None:
        self._norms = None
        self._common.clear()

    def _given(self, terms: list[int]) -> tuple[npt.NDArray[np.int32], FloatArray]:
        """The rows that have one of ``terms``, term by term, and what BM25 gives each of them for it."""
        rows, frequencies = self._entries(terms)
        idf = np.array([self.idf_of(len(self._rows[term])) for term in terms], np.float32)
        return rows, idf.repeat(self._df.data[terms]) * self._saturated(rows, frequencies)

    def _entries(self, terms: list[int]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """The postings of ``terms``, one after another: rows, and the frequency in each."""
        none = np.zeros(0, np.int32)
        rows = [np.frombuffer(self._rows[term], np.int32) for term in terms]
        frequencies = [np.frombuffer(self._frequencies[term], np.int32) for term in terms]
        return np.concatenate([*rows, none]), np.concatenate([*frequencies, none])

    def _everywhere(self, term: int) -> FloatArray:
        """What BM25 gives every row for a common ``term`` (n,); few terms are common, so it is kept."""
        if term not in self._common:
            rows, given = self._given([term])
            self._common[term] = np.zeros(len(self._lengths), np.float32)
            self._common[term][rows] = given
        return self._common[term]

    def _saturated(self, rows: npt.NDArray[np.int32], frequencies: npt.NDArray[np.int32]) -> FloatArray:
        """(k1 + 1) f / (f + k1 (1 - b + b len / mean len)) of a stem with frequency f in each of ``rows``."""
        if self._norms is None:
            mean = np.float32(max(self._total / max(self._count, 1), 1e-9))
            k1, b = np.float32(self._k1), np.float32(self._b)
            self._norms = k1 * (1 - b) + (k1 * b / mean) * self._lengths.data
        f = frequencies.astype(np.float32)
        saturated: FloatArray = np.float32(self._k1 + 1) * f / (f + self._norms[rows])
        return saturated


@dataclass(frozen=True, slots=True, eq=False)
class StemLinks:
    """What some rows share rare stems with; all (L,), by source, then target.

    Attributes:
        source: the index into the rows that were asked for. target: a row.
        weight: the strength of the shared stems, in (0, 1).
        naming: how surely the source names the target by its title, 0 where it does not.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    naming: FloatArray

    def strength(self, naming_weight: float) -> FloatArray:
        """(L,): the stronger of what the shared stems say, and the name at ``naming_weight``."""
        found: FloatArray = np.maximum(self.weight, np.float32(naming_weight) * self.naming)
        return found


class Scores:
    """BM25 of the rows of one namespace for one question.

    Attributes:
        rare: (n,) float32, the share of the stems that choose candidates.
    """

    def __init__(self, rare: FloatArray, common: list[FloatArray]) -> None:
        self.rare = rare
        self._common = common

    def of(self, rows: IntArray) -> FloatArray:
        """The whole score of each of ``rows`` (C,): (C,)."""
        scores: FloatArray = self.rare[rows]
        for given in self._common:
            scores += given[rows]
        return scores
