"""Association: activation flows from the best candidates along what links them to other memories.

content:   E(j) += c  max_i V_ij a_i (f_ij + gain_ij)              by shared words, and by names
explicit:  E(j) += c' max_i A_ij a_i E(i)
gain_ij  = sum_t w_t max(0, s_t(j) - s_t(i))                       what j adds to what i leaves open

a_i is how loud a source speaks: by how near it comes to the best, (E(i) / E_best)^p, and in full where it
opens a branch of the question (`nuonuo.recall.branches`). What a branch reaches by a name speaks once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from nuonuo.arrays import IntArray, largest
from nuonuo.index.links import stem_links
from nuonuo.index.names import name_links
from nuonuo.recall.branches import openers
from nuonuo.recall.scoring import CONTENT, EXPLICIT, NAME, WORDS, Scored, Shares, extend, places_of
from nuonuo.recall.search import FloatArray, Search

FAINT = 0.1  # a content link that carries less than this of the best's activation moves next to nothing
FURTHER = 16  # links by name that are followed from the ends of branches
COMMON = 0.2  # so does a name that carries less than this: many have it, and their words are linked as words
HEARD = 0.5  # a source that speaks at least so loud is followed further


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


def associated(search: Search, scored: Scored) -> tuple[Scored, Sources, Sources | None]:
    """Let activation flow from the best; where a question leaves nothing open, next to nothing flows.

    Returns:
        The candidates, and who spoke: at first, and from the ends of branches.
    """
    sources = loudest(search, scored)
    links = [links_by_words(search, sources), links_by_name(search, sources)]
    if search.config.explicit_weight and search.shard.associator.leads:
        links.append(explicit_links(search, sources))
    scored = spread(search, scored, sources, Links.joined(links), search.config.link_targets)
    further = ends(search, scored, sources) if len(search.named.rows) else None
    if further is None or not len(further.rows):
        return scored, sources, None
    scored = spread(search, scored, further, links_by_name(search, further), FURTHER)
    return scored, sources, further


def spread(search: Search, scored: Scored, sources: Sources, links: Links, most: int) -> Scored:
    """``scored`` with what flows along ``links``: of all that reaches a memory the greatest counts.

    Args:
        most: links that are followed.
    """
    links = strongest(search, sources, links, most)
    if not len(links.target):
        return scored
    scored = extend(search, scored, links.target)
    to = places_of(scored.rows, links.target)
    given = flow(search, scored, sources, links)
    each, by_hand = scored.shares.each.copy(), links.kind == EXPLICIT
    content, explicit = each[CONTENT:]
    before = np.maximum(content, explicit).astype(given.dtype)
    np.maximum.at(content, to[~by_hand], given[~by_hand])
    np.maximum.at(explicit, to[by_hand], given[by_hand])
    best = before.copy()  # it is compared with the flow
    np.maximum.at(best, to, given)
    via = np.flatnonzero((given == best[to]) & (given > before[to]))[::-1]  # of equals the first one stands
    source, link, kind = scored.source.copy(), scored.link.copy(), scored.kind.copy()
    source[to[via]], link[to[via]] = sources.rows[links.source[via]], links.weight[via]
    kind[to[via]] = links.kind[via]
    return Scored(scored.own, scored.places, scored.completed, Shares(each), source, link, kind)


# -- who speaks, and how loud ---------------------------------------------------------------------


def loudest(search: Search, scored: Scored) -> Sources:
    """The candidates of most energy, and those that open a branch; none where none has any energy."""
    energy = scored.shares.energy
    best = energy.max(initial=0)
    at = largest(energy, search.config.link_sources) if best > 0 else np.zeros(0, np.int64)
    activation = np.maximum(energy[at] / best, 0) ** np.float32(search.config.content_sharpness)
    if not len(search.named.rows):
        return Sources(scored.rows[at], activation)
    opening, alone = openers(search.named, energy[places_of(scored.rows, search.named.rows)], search.config)
    if not len(opening):
        return Sources(scored.rows[at], activation)
    rows = np.union1d(scored.rows[at], opening)
    loud = np.zeros(len(rows), np.float32)
    loud[places_of(rows, scored.rows[at])] = activation
    own = places_of(rows, opening)
    loud[own] = np.maximum(loud[own], alone)
    return Sources(rows, loud)


def ends(search: Search, scored: Scored, sources: Sources) -> Sources:
    """Where each branch that is heard leads to by a name: the memory of most energy that it reached so.

    It speaks too, as far as the question stays open: its end may only be named there. What was heard already
    does not speak again.

        a_j = h a_i sum_t w_t max(0, 1 - max(s_t(i), s_t(j)))
    """
    heard = np.intersect1d(sources.rows[sources.activation >= HEARD], search.named.rows)
    at = np.flatnonzero((scored.kind == NAME) & np.isin(scored.source, heard) & ~np.isin(scored.rows, heard))
    at = at[np.lexsort((-scored.shares.energy[at], scored.source[at]))]
    at = np.sort(at[np.diff(scored.source[at], prepend=-1) != 0])
    loud = sources.activation[places_of(sources.rows, scored.source[at])]
    own = scored.own.completions
    closed = np.maximum(own[places_of(scored.rows, scored.source[at])], own[at])
    loud = loud * (np.maximum(1 - closed, 0) @ search.weights)
    return Sources(scored.rows[at], np.float32(search.config.hop_weight) * loud)


# -- the links ------------------------------------------------------------------------------------


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


# -- what flows -----------------------------------------------------------------------------------


def flow(search: Search, scored: Scored, sources: Sources, links: Links) -> FloatArray:
    """The activation (L,) that each link gives its target.

    What a name leads to stands no higher than what led there: a question is read from its beginning.
    """
    config, energy = search.config, scored.shares.energy
    at, to = (places_of(scored.rows, rows) for rows in (sources.rows[links.source], links.target))
    given = np.where(
        links.kind == EXPLICIT,
        np.float32(config.explicit_weight) * energy[at],
        np.float32(config.content_weight) * (links.floor + gain(search, scored, at, to)),
    )
    found: FloatArray = links.weight * sources.activation[links.source] * given
    room = np.maximum(energy[at] - (energy - scored.shares.content)[to], 0)
    return np.where(links.kind == NAME, np.minimum(found, room), found)


def gain(search: Search, scored: Scored, at: IntArray, to: IntArray) -> FloatArray:
    """gain_ij (L,): what the candidates ``to`` (L,) complete that the candidates ``at`` (L,) leave open."""
    own = scored.own.completions
    added: FloatArray = search.worded * (np.maximum(own[to] - own[at], 0) @ search.weights)
    return added
