"""Association: activation flows from the best candidates along what links them to other memories.

content:   E(j) += c  max_i V_ij (E(i) / E_best)^p (f_ij + gain_ij)
explicit:  E(j) += c' max_i A_ij (E(i) / E_best)^p E(i)
gain_ij  = sum_t w_t max(0, s_t(j) - s_t(i))            what j adds to what i leaves open
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from nuonuo.arrays import IntArray, largest
from nuonuo.recall.scoring import Scored, extend, places_of
from nuonuo.recall.search import BoolArray, FloatArray, Search

FAINT = 0.1  # a content link that carries less than this of the best's activation moves next to nothing


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """The candidates from which activation flows: rows (S,), and their activation (E(i) / E_best)^p (S,)."""

    rows: IntArray
    activation: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Associations that leave some sources; all (L,).

    Attributes:
        source: the number of the source. target: a row.
        weight: V_ij or A_ij.
        floor: f_ij, the share of a content link's flow that needs no open word.
        explicit: whether it was made by hand.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    floor: FloatArray
    explicit: BoolArray

    def joined(self, other: Links) -> Links:
        """These links, then ``other``."""
        names = [field.name for field in fields(self)]
        return Links(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))

    def of(self, at: IntArray) -> Links:
        """The links ``at`` these places, in that order."""
        return Links(*(getattr(self, field.name)[at] for field in fields(self)))


def associate(search: Search, scored: Scored) -> Scored:
    """Let activation flow from the best; where a question leaves nothing open, next to nothing flows."""
    sources = loudest(search, scored)
    links = content_links(search, sources).joined(explicit_links(search, sources))
    links = strongest(search, sources, links)
    if not len(links.target):
        return scored
    scored = extend(search, scored, links.target)
    to = places_of(scored.rows, links.target)
    given = flow(search, scored, sources, links)
    shares: dict[str, FloatArray] = {}
    for name, kind in (("content", ~links.explicit), ("explicit", links.explicit)):
        shares[name] = np.zeros(len(scored.rows), np.float32)
        np.maximum.at(shares[name], to[kind], given[kind])
    best = np.zeros(len(scored.rows), given.dtype)  # it is compared with the flow
    np.maximum.at(best, to, given)
    via = np.flatnonzero((given == best[to]) & (given > 0))[::-1]  # of equals the first one stands
    source, link = scored.source.copy(), scored.link.copy()
    source[to[via]], link[to[via]] = sources.rows[links.source[via]], links.weight[via]
    return replace(scored, shares=replace(scored.shares, **shares), source=source, link=link)


def loudest(search: Search, scored: Scored) -> Sources:
    """The candidates of most energy, and (E(i) / E_best)^p, how loud each speaks; none where none has any."""
    energy = scored.shares.energy
    best = energy.max(initial=0)
    at = largest(energy, search.config.link_sources) if best > 0 else np.zeros(0, np.int64)
    activation = np.maximum(energy[at] / best, 0) ** np.float32(search.config.content_sharpness)
    return Sources(scored.rows[at], activation)


def content_links(search: Search, sources: Sources) -> Links:
    """V_ij: whom the sources share rare words with, or name by a title (`Postings.links`)."""
    config = search.config
    # A shared stem weighs less than 1 and a name at most its weight: other sources have faint links only.
    loud = np.flatnonzero(sources.activation * max(config.naming_weight, 1) > FAINT)
    max_df = config.content_max_df if config.content_weight else 0
    found = search.shard.postings.links(sources.rows[loud], frozenset(search.question.spellings), max_df)
    weight = found.strength(config.naming_weight)
    named = weight > found.weight
    floor = np.where(named, np.float32(config.naming_floor), np.float32(config.content_floor))
    return Links(loud[found.source], found.target, weight, floor, np.zeros(len(weight), bool))


def explicit_links(search: Search, sources: Sources) -> Links:
    """A_ij: what the sources were associated with by hand; in-degree dampens it."""
    rows = sources.rows if search.config.explicit_weight else sources.rows[:0]
    followed = [search.shard.associator.follows(row) for row in rows.tolist()]
    source = np.repeat(np.arange(len(rows)), np.array([len(targets) for targets, _ in followed], np.int64))
    target = np.concatenate([np.zeros(0, np.int64), *(targets for targets, _ in followed)])
    weight = np.concatenate([np.zeros(0), *(weights for _, weights in followed)]).astype(np.float32)
    return Links(source, target, weight, np.zeros(len(source), np.float32), np.ones(len(source), bool))


def strongest(search: Search, sources: Sources, links: Links) -> Links:
    """The links to rows of the search's mask that carry most, explicit ones before all others."""
    carried = links.weight * sources.activation[links.source] + links.explicit
    carried = np.where(search.mask[links.target], carried, -1)
    keep = largest(carried, search.config.link_targets)
    return links.of(keep[carried[keep] > FAINT])


def flow(search: Search, scored: Scored, sources: Sources, links: Links) -> FloatArray:
    """The activation (L,) that each link gives its target."""
    config = search.config
    at, to = (places_of(scored.rows, rows) for rows in (sources.rows[links.source], links.target))
    given = np.where(
        links.explicit,
        np.float32(config.explicit_weight) * scored.shares.energy[at],
        np.float32(config.content_weight) * (links.floor + gain(search, scored, at, to)),
    )
    found: FloatArray = links.weight * sources.activation[links.source] * given
    return found


def gain(search: Search, scored: Scored, at: IntArray, to: IntArray) -> FloatArray:
    """gain_ij (L,): what the candidates ``to`` (L,) complete that the candidates ``at`` (L,) leave open."""
    own = scored.own.completions
    added: FloatArray = search.worded * (np.maximum(own[to] - own[at], 0) @ search.weights)
    return added
