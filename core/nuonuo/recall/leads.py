"""Where activation may flow: what links the sources to other memories, by words, by names and by hand.

Of all links of a question a bounded number is followed, those that carry most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import IntArray, largest
from nuonuo.index.links import in_room, stem_links
from nuonuo.index.names import name_links
from nuonuo.recall.scoring import EXPLICIT, NAME, WORDS
from nuonuo.recall.search import FloatArray, Search

FAINT = 0.1  # a content link that carries less than this of the best's activation moves next to nothing
COMMON = 0.2  # so does a name that carries less than this: many have it, and their words are linked as words


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The candidates from which activation flows: rows (S,), ascending, and their activation a_i (S,)."""

    rows: IntArray
    activation: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Associations that leave some sources; all (L,).

    Attributes:
        source: the number of the source. target: a row.
        weight: V_ij or A_ij.
        floor: f_ij, the share of a content link's flow that needs no open word.
        kind: `WORDS`, `NAME` or `EXPLICIT`.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    floor: FloatArray
    kind: IntArray

    @classmethod
    def joined(cls, several: Sequence[Links]) -> Links:
        """The links of ``several``, one after another."""
        return cls(*(np.concatenate([getattr(links, name) for links in several]) for name in _FIELDS))

    def of(self, at: IntArray) -> Links:
        """The links ``at`` these places, in that order."""
        return Links(*(getattr(self, name)[at] for name in _FIELDS))


_FIELDS = tuple(field.name for field in fields(Links))


def leading(search: Search, sources: Sources, most: int) -> Links:
    """The ``most`` links of every kind, from the sources to rows of the search's mask, that carry most."""
    fast, postings = kernels.loaded(), search.shard.postings
    by_hand = bool(search.config.explicit_weight and search.shard.associator.leads)
    if fast is not None and postings.complete and not postings.has_titles and not by_hand:
        return _leading(fast, search, sources, most)
    links = [links_by_words(search, sources), links_by_name(search, sources)]
    if by_hand:
        links.append(explicit_links(search, sources))
    return strongest(search, sources, Links.joined(links), most)


def _leading(fast: Any, search: Search, sources: Sources, most: int) -> Links:
    """`leading`, compiled, where no memory has a title and nothing was associated by hand."""
    config, postings = search.config, search.shard.postings
    max_df = config.content_max_df if config.content_weight else 0
    source, target, kind = np.empty((3, most), np.int64)
    weight, held = np.empty(most, np.float32), np.empty(1, np.int64)
    named = np.sort(search.named.terms)
    loudness = max(config.naming_weight, 1), max(config.naming_weight, config.sharing_weight)
    weights = np.array((*loudness, FAINT, COMMON, config.sharing_weight), np.float32)

    def fill(*room: npt.NDArray[Any]) -> None:
        fast.leading(
            postings.tables, *postings.saturation, postings.stop_terms, search.said, named,
            postings.linking(max_df), postings.rarities(max_df), weights, sources.rows, sources.activation,
            search.mask, postings.scratch, source, target, kind, weight, held, *room,
        )  # fmt: skip

    in_room(fill, np.int64, np.int64, np.float64, np.int64, np.bool_, np.float32)
    end = int(held[0])
    floor = np.full(end, config.content_floor, np.float32)
    return Links(source[:end], target[:end], weight[:end], floor, kind[:end])


def links_by_words(search: Search, sources: Sources) -> Links:
    """V_ij: whom the sources share rare words with (`stem_links`)."""
    config = search.config
    # A shared stem weighs less than 1 and a name at most its weight: other sources have faint links only.
    loud = np.flatnonzero(sources.activation * max(config.naming_weight, 1) > FAINT)
    max_df = config.content_max_df if config.content_weight else 0
    found = stem_links(search.shard.postings, sources.rows[loud], search.said, max_df)
    weight = found.strength(config.naming_weight)
    named = weight > found.weight
    floor = np.where(named, np.float32(config.naming_floor), np.float32(config.content_floor))
    return Links(loud[found.source], found.target, weight, floor, np.full(len(weight), WORDS))


def links_by_name(search: Search, sources: Sources) -> Links:
    """V_ij by name (`name_links`): whom the sources call by a name, and who speaks of one that they name.

    A name means one thing, so whoever is called by it is meant: the link is as strong as the name is rare.
    Others that have the name tell of what is meant, each the less the more they are.
    """
    config = search.config
    loud = np.flatnonzero(sources.activation * max(config.naming_weight, config.sharing_weight) > FAINT)
    max_df = config.content_max_df if config.content_weight else 0
    found = name_links(search.shard.postings, sources.rows[loud], search.named.terms, max_df)
    weight = found.strength(config.naming_weight, config.sharing_weight)
    floor = np.where(found.naming, np.float32(config.naming_floor), np.float32(config.content_floor))
    return Links(loud[found.source], found.target, weight, floor, np.full(len(weight), NAME))


def explicit_links(search: Search, sources: Sources) -> Links:
    """A_ij: what the sources were associated with by hand; in-degree dampens it."""
    followed = [search.shard.associator.follows(row) for row in sources.rows.tolist()]
    source = np.repeat(
        np.arange(len(sources.rows)), np.array([len(targets) for targets, _ in followed], np.int64)
    )
    target = np.concatenate([np.zeros(0, np.int64), *(targets for targets, _ in followed)])
    weight = np.concatenate([np.zeros(0), *(weights for _, weights in followed)]).astype(np.float32)
    return Links(source, target, weight, np.zeros(len(source), np.float32), np.full(len(source), EXPLICIT))


def strongest(search: Search, sources: Sources, links: Links, most: int) -> Links:
    """The ``most`` links to rows of the search's mask that carry most, explicit ones before all others."""
    carried = links.weight * sources.activation[links.source] + (links.kind == EXPLICIT)
    carried = np.where(search.mask[links.target], carried, -1)
    faint = np.where(links.kind == NAME, np.float32(COMMON), np.float32(FAINT))
    keep = largest(carried, most)
    return links.of(keep[carried[keep] > faint[keep]])
