"""Association: activation flows from the best candidates along what links them to other memories.

content:   E(j) += c  max_i V_ij (E(i) / E_best)^p (f_ij + gain_ij)
explicit:  E(j) += c' max_i A_ij (E(i) / E_best)^p E(i)
gain_ij  = sum_t w_t max(0, s_t(j) - s_t(i))            what j adds to what i leaves open
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nuonuo.index.arrays import IntArray, largest
from nuonuo.recall.scoring import Scored, extend, places_of
from nuonuo.recall.search import BoolArray, FloatArray, Search

FAINT = 0.1  # a content link that carries less than this of the best's activation moves next to nothing


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Associations that leave the best candidates; all (L,).

    Attributes:
        floor: the share of a content link's flow that needs no open word.
        strength: the source's activation. explicit: whether it was made by hand.
    """

    source: IntArray
    target: IntArray
    weight: FloatArray
    floor: FloatArray
    strength: FloatArray
    explicit: BoolArray


def associate(search: Search, scored: Scored) -> Scored:
    """Let activation flow from the best; where a question leaves nothing open, next to nothing flows."""
    config = search.config
    links = outgoing(search, scored)
    if not len(links.target):
        return scored
    scored = extend(search, scored, links.target)
    at, to = places_of(scored.rows, links.source), places_of(scored.rows, links.target)
    gain = np.maximum(scored.own[to] - scored.own[at], 0) @ search.weights
    flow = (
        links.weight
        * links.strength
        * np.where(
            links.explicit,
            np.float32(config.explicit_weight) * scored.energy[at],
            np.float32(config.content_weight) * (links.floor + gain),
        )
    )
    shares: dict[str, FloatArray] = {}
    source, link = scored.source.copy(), scored.link.copy()
    strongest = np.zeros(len(scored.rows), flow.dtype)  # it is compared with the flow
    for name, kind in (("content", ~links.explicit), ("explicit", links.explicit)):
        shares[name] = np.zeros(len(scored.rows), np.float32)
        np.maximum.at(shares[name], to[kind], flow[kind])
    np.maximum.at(strongest, to, flow)
    via = np.flatnonzero((flow == strongest[to]) & (flow > 0))[::-1]  # of equals the first one stands
    source[to[via]], link[to[via]] = links.source[via], links.weight[via]
    return replace(scored, content=shares["content"], explicit=shares["explicit"], source=source, link=link)


def outgoing(search: Search, scored: Scored) -> Links:
    """The links from the best candidates to rows of the search's mask, the strongest of them."""
    shard, config = search.shard, search.config
    energy = scored.energy
    best = energy.max(initial=0)
    sources = largest(energy, config.link_sources) if best > 0 else np.zeros(0, np.int64)
    strength = np.maximum(energy[sources] / best, 0) ** np.float32(config.content_sharpness)
    rows = scored.rows[sources]
    asked = frozenset(word.stem for word in search.question.words)
    max_df = config.content_max_df if config.content_weight else 0
    # A shared stem weighs less than 1 and a name at most its weight: other sources have faint links only.
    loud = np.flatnonzero(strength * max(config.naming_weight, 1) > FAINT)
    links = shard.postings.links(rows[loud], asked, max_df)
    number, target = loud[links.source], links.target
    weight = links.strength(config.naming_weight)
    named = weight > links.weight
    floor = np.where(named, np.float32(config.naming_floor), np.float32(config.content_floor))
    explicit = [
        (at, to, shard.codes.damped(row, to))
        for at, row in enumerate(rows.tolist() if config.explicit_weight else [])
        for to in sorted(shard.codes.outgoing(row))
    ]
    kind = np.repeat([False, True], [len(number), len(explicit)])
    if explicit:
        number = np.append(number, [at for at, _, _ in explicit])
        target = np.append(target, [to for _, to, _ in explicit])
        weight = np.append(weight, np.array([damped for _, _, damped in explicit], np.float32))
        floor = np.append(floor, np.zeros(len(explicit), np.float32))
    ranked = np.where(search.mask[target], weight * strength[number] + kind, -1)  # explicit ones first
    keep = largest(ranked, config.link_targets)
    keep = keep[ranked[keep] > FAINT]
    number = number[keep]
    return Links(rows[number], target[keep], weight[keep], floor[keep], strength[number], kind[keep])
