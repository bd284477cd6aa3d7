"""Names in the index: who is called by a name, and what some memories share names with.

A name stands among the stems of a memory, with a frequency of 0 (`nuonuo.encoding.lexicon`): it is found and
forgotten as they are, and counts in no score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, among
from nuonuo.index.lexical import Postings
from nuonuo.index.links import in_room

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class NameLinks:
    """What some rows share names with; all (L,), one for each source and target.

    Attributes:
        source: the index into the rows that were asked for. target: a row.
        rarity: ln(N / df) / ln N of the name that links them. others: in how many other memories it stands.
        naming: whether the target is called by it.
    """

    source: IntArray
    target: IntArray
    rarity: FloatArray
    others: IntArray
    naming: npt.NDArray[np.bool_]

    def strength(self, naming_weight: float, sharing_weight: float) -> FloatArray:
        """V (L,): how rare the name is; for those that only have it too, over the root of how many.

        Args:
            naming_weight: what being called by the name counts. sharing_weight: what having it too counts.
        """
        shared = np.float32(sharing_weight) / np.sqrt(self.others.astype(np.float32))
        found: FloatArray = self.rarity * np.where(self.naming, np.float32(naming_weight), shared)
        return found


def called(postings: Postings, term: int) -> IntArray:
    """The rows (R,) whose title is the name ``term``, ascending; without any, those it is short for."""
    rows = postings.holders(np.array([term]))
    titles, counts = postings.titles(rows)
    owners, first = np.arange(len(rows)).repeat(counts), counts.cumsum() - counts
    meant = np.flatnonzero(titles == term)
    whole = meant[first[owners[meant]] == meant]
    found: IntArray = rows[owners[whole if len(whole) else meant]]
    return found


def name_links(postings: Postings, rows: IntArray, without: IntArray, max_df: int) -> NameLinks:
    """Whom each of ``rows`` (C,) shares a name with: for each the strongest, one that calls it before others.

    Args:
        without: (N,), terms of names that link nothing. max_df: nor does one that more memories have.
    """
    without, fast = np.sort(without), kernels.loaded()
    if fast is not None and postings.complete:
        return _name_links(fast, postings, rows, without, max_df)
    terms, frequencies, counts = postings.words(rows)
    df = postings.counts(terms)
    links = (frequencies == 0) & (df >= 2) & (df <= max_df)
    links &= ~among(terms, without)
    terms, df = terms[links], df[links]
    held = postings.held(terms)
    source = np.arange(len(rows)).repeat(counts)[links].repeat(held)
    target, term, df = postings.holders(terms), terms.repeat(held), df.repeat(held)
    naming = np.zeros(len(target), bool)
    may = np.flatnonzero(postings.entitles(term))
    if len(may):
        titles, counts = postings.titles(target[may])
        owners = may.repeat(counts)
        naming[owners[titles == term[owners]]] = True
    pairs = source * postings.size + target
    order = np.lexsort((df, ~naming, pairs))
    first = order[np.diff(pairs[order], prepend=-1) != 0]
    first = first[target[first] != rows[source[first]]]
    return NameLinks(source[first], target[first], postings.rarity(df[first]), df[first] - 1, naming[first])


def _name_links(fast: Any, postings: Postings, rows: IntArray, without: IntArray, max_df: int) -> NameLinks:
    """`name_links`, compiled."""

    def fill(*arrays: npt.NDArray[Any]) -> None:
        fast.name_links(postings.tables, without, max_df, rows, postings.scratch, *arrays)

    source, target, df, naming = in_room(fill, np.int64, np.int64, np.int64, np.bool_)
    return NameLinks(source, target, postings.rarities(max_df)[df], df - 1, naming)


def linking_names(postings: Postings, row: int, other: int, without: IntArray, max_df: int) -> list[int]:
    """The keys of the best name that links ``row`` to ``other``, and of its equals (as in `name_links`).

    Args:
        without, max_df: as for `name_links`.
    """
    shared = {*postings.name_terms(row).tolist()}.intersection(postings.terms(other).tolist())
    shared -= {*without.tolist()}
    titles, df = postings.named_by(other).tolist(), postings.frequencies
    linking = {term: (term not in titles, df[term]) for term in shared if df[term] <= max_df}
    best = min(linking.values(), default=None)
    return sorted(int(postings.keys[term]) for term, value in linking.items() if value == best)
