"""Association: activation flows from the best candidates along what links them to other memories.

content:   E(j) += c  max_i V_ij a_i (f_ij + gain_ij)              by shared words, and by names
explicit:  E(j) += c' max_i A_ij a_i E(i)
gain_ij  = sum_t w_t max(0, s_t(j) - s_t(i))                       what j adds to what i leaves open

a_i is how loud a source speaks: by how near it comes to the best, (E(i) / E_best)^p, and in full where it
opens a branch of the question (`nuonuo.recall.branches`). What a branch reaches by a name speaks once more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nuonuo import kernels
from nuonuo.arrays import IntArray, largest, weighted
from nuonuo.recall.branches import openers
from nuonuo.recall.leads import Links, Sources, leading, links_by_name, strongest
from nuonuo.recall.scoring import CONTENT, EXPLICIT, NAME, Scored, Shares, extend, places_of
from nuonuo.recall.search import FloatArray, Search

FURTHER = 16  # links by name that are followed from the ends of branches
HEARD = 0.5  # a source that speaks at least so loud is followed further


def associated(search: Search, scored: Scored) -> tuple[Scored, Sources, Sources | None]:
    """Let activation flow from the best; where a question leaves nothing open, next to nothing flows.

    Returns:
        The candidates, and who spoke: at first, and from the ends of branches.
    """
    sources = loudest(search, scored)
    scored = spread(search, scored, sources, leading(search, sources, search.config.link_targets))
    further = ends(search, scored, sources) if len(search.named.rows) else None
    if further is None or not len(further.rows):
        return scored, sources, None
    links = strongest(search, further, links_by_name(search, further), FURTHER)
    scored = spread(search, scored, further, links)
    return scored, sources, further


def spread(search: Search, scored: Scored, sources: Sources, links: Links) -> Scored:
    """``scored`` with what flows along ``links``: of all that reaches a memory the greatest counts."""
    if not len(links.target):
        return scored
    scored, fast = extend(search, scored, links.target), kernels.loaded()
    if fast is not None:
        return _spread(fast, search, scored, sources, links)
    to = places_of(scored.rows, links.target)
    given = flow(search, scored, sources, links) + np.float32(0)  # no -0, which a maximum may take or not
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


def _spread(fast: Any, search: Search, scored: Scored, sources: Sources, links: Links) -> Scored:
    """`spread`, compiled: to candidates that are all there."""
    config, own = search.config, scored.own
    at, to = np.empty((2, len(links.target)), np.int64)
    added = np.empty((len(to), own.completions.shape[1]), np.float32)
    fast.opened(own.rows, own.completions, sources.rows, links.source, links.target, at, to, added)
    each, source = scored.shares.each.copy(), scored.source.copy()
    link, kind = scored.link.copy(), scored.kind.copy()
    weights = np.array((search.worded, config.content_weight, config.explicit_weight), np.float32)
    fast.flow(
        added, search.weights, weights, at, to, sources.rows, sources.activation, links.source, links.weight,
        links.floor, links.kind, scored.shares.energy, each, source, link, kind,
    )  # fmt: skip
    return Scored(own, scored.places, scored.completed, Shares(each), source, link, kind)


# -- who speaks, and how loud ---------------------------------------------------------------------


def loudest(search: Search, scored: Scored) -> Sources:
    """The candidates of most energy, and those that open a branch; none where none has any energy."""
    energy = scored.shares.energy
    best = np.maximum.reduce(energy, initial=np.float32(0))
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
    loud = loud * weighted(np.maximum(1 - closed, 0), search.weights)
    return Sources(scored.rows[at], np.float32(search.config.hop_weight) * loud)


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
    added: FloatArray = search.worded * weighted(np.maximum(own[to] - own[at], 0), search.weights)
    return added
