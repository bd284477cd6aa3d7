"""Links by words: what memories share rare stems with, and which stems those are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, among
from nuonuo.index.lexical import Postings

FloatArray = npt.NDArray[np.float32]

ROOM = 4096  # links for which the kernels have room at first


@dataclass(frozen=True, slots=True, eq=False)
class StemLinks:
    """What some rows share rare stems with; all (L,), by source, then target.

    Attributes:
        source: the index into the rows that were asked for. target: a row.
        weight: the strength of the shared stems, in (0, 1).
        naming: how surely the source names the target by the words of its title, 0 where it does not.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    naming: FloatArray

    def strength(self, naming_weight: float) -> FloatArray:
        """(L,): the stronger of what the shared stems say, and the name at ``naming_weight``."""
        found: FloatArray = np.maximum(self.weight, np.float32(naming_weight) * self.naming)
        return found


def stem_links(postings: Postings, rows: IntArray, without: IntArray, max_df: int) -> StemLinks:
    """What each of ``rows`` (C,) shares rare stems with, and the strength v / (v + 1) of each link.

    v sums (ln(N / df) / ln N) / sqrt(df) * saturated frequency in the target over the shared stems
    with 2 <= df <= ``max_df`` that are not in ``without``: rare stems count most, and hubs little.
    Function words link nothing.

    Args:
        without: terms, ascending.
    """
    fast = kernels.loaded()
    if fast is not None and postings.complete:
        return _stem_links(fast, postings, rows, without, max_df)
    terms, _, counts = postings.words(rows)
    df = postings.counts(terms)
    links = (df >= 2) & (df <= max_df) & ~postings.stops(terms) & ~among(terms, without)
    terms, df, owners = terms[links], df[links], np.arange(len(rows)).repeat(counts)[links]
    if not len(terms):
        none = np.zeros(0, np.int64)
        return StemLinks(none, none, np.zeros(0, np.float32), np.zeros(0, np.float32))
    source, target, v = _sharing(postings, rows, terms, owners, postings.linking(max_df)[df])
    weight = (v / (v + 1)).astype(np.float32)
    return StemLinks(source, target, weight, _naming(postings, rows, source, target))


def _sharing(
    postings: Postings, rows: IntArray, terms: IntArray, owners: IntArray, rarity: npt.NDArray[np.float64]
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """What the memories that have some of the ``terms`` (E,) of a source share with it.

    v sums ``rarity`` times the saturated frequency in the target over the terms that they share.

    Args:
        owners: (E,), which of ``rows`` (C,) each term is of, ascending. rarity: (E,).

    Returns:
        By source, then target, all (L,): the source's index into ``rows``, the target's row, and v.
    """
    targets, frequencies = postings.entries(terms)
    held, size = postings.held(terms), postings.size
    source = np.repeat(owners, held)
    values = np.repeat(rarity, held) * postings.saturated(targets, frequencies)
    keep = targets != rows[source]
    keys, inverse = np.unique(source[keep] * size + targets[keep], return_inverse=True)
    v = np.bincount(inverse, values[keep], len(keys)).astype(np.float64, copy=False)
    return keys // size, keys % size, v


def _stem_links(fast: Any, postings: Postings, rows: IntArray, without: IntArray, max_df: int) -> StemLinks:
    """`stem_links`, compiled."""

    def fill(*arrays: npt.NDArray[Any]) -> None:
        fast.stem_links(
            postings.tables, *postings.saturation, postings.stop_terms, without, postings.linking(max_df),
            rows, postings.scratch, *arrays,
        )  # fmt: skip

    source, target, v, rarest = in_room(fill, np.int64, np.int64, np.float64, np.int64)
    naming = np.zeros(len(source), np.float32)
    if postings.has_titles:
        named = np.flatnonzero(rarest)
        naming[named] = postings.rarity(rarest[named])
    return StemLinks(source, target, (v / (v + 1)).astype(np.float32), naming)


def in_room(fill: Callable[..., None], *dtypes: npt.DTypeLike) -> list[npt.NDArray[Any]]:
    """What a kernel fills of which nobody knows beforehand how many links there are.

    Args:
        fill: it takes an array for each of ``dtypes``, all of one length, and ``found`` (1,) int64, where it
            says how many links there are; where there is no room for all, minus what is needed.

    Returns:
        The arrays, as far as they are filled.
    """
    found, room = np.zeros(1, np.int64), ROOM
    while True:
        arrays = [np.empty(room, dtype) for dtype in dtypes]
        fill(*arrays, found)
        end = int(found[0])
        if end >= 0:
            return [each[:end] for each in arrays]
        room = -end


def linking_stems(postings: Postings, row: int, other: int, max_df: int) -> list[tuple[int, int]]:
    """The rare stems that two rows share, as (df, key); function words are none."""
    shared = {*postings.terms(row).tolist()}.intersection(postings.terms(other).tolist())
    df, stops, keys = postings.frequencies, postings.stop_terms, postings.keys
    rare = [term for term in sorted(shared) if df[term] <= max_df and not stops[term]]
    return [(int(df[term]), int(keys[term])) for term in rare]


def _naming(postings: Postings, rows: IntArray, source: IntArray, targets: IntArray) -> FloatArray:
    """How surely ``rows[source]`` (L,) name their targets by all words of the title (L,); 0 where not.

    ln(N / df) / ln N of the title's rarest stem: a name that stands in few memories is sure.
    """
    found = np.zeros(len(targets), np.float32)
    titles, counts = postings.titles(targets)
    stem = ~postings.stops(titles)  # the others are names, which link by themselves
    counts = np.bincount(np.arange(len(counts)).repeat(counts)[stem], minlength=len(counts))
    titles, titled = titles[stem], np.flatnonzero(counts)
    if not len(titled):
        return found
    counts = counts[titled]
    terms, _, lengths = postings.words(rows)
    stride = max(int(terms.max()), int(titles.max())) + 1
    said = np.sort(np.arange(len(rows)).repeat(lengths) * stride + terms)
    named = among(source[titled].repeat(counts) * stride + titles, said)
    starts = counts.cumsum() - counts
    whole = np.logical_and.reduceat(named, starts)
    rarest = np.minimum.reduceat(postings.counts(titles), starts)
    found[titled[whole]] = postings.rarity(rarest[whole])
    return found
