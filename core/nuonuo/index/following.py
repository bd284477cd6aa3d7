"""What follows a memory: by what was associated, what stands beside it, and what it shares with others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo import kernels
from nuonuo.arrays import largest
from nuonuo.associative.chain import Ahead, LooksAhead
from nuonuo.config import MemoryConfig
from nuonuo.index.links import StemLinks, stem_links
from nuonuo.index.names import NameLinks, name_links
from nuonuo.index.sessions import NOBODY
from nuonuo.index.shard import Shard
from nuonuo.records import AssociationKind

FloatArray = npt.NDArray[np.float32]

KINDS: tuple[AssociationKind, ...] = ("explicit", "temporal", "content", "name")
NOTHING = np.zeros(0, np.int64)  # names and stems that link nothing
BACKWARD = 0.9  # what came before follows less readily than what came after (Kahana 1996: forward asymmetry)
FEW = 512  # explicit associations up to which the kernel is quicker: it puts each where it belongs


def looking_ahead(shard: Shard, fanout: int, config: MemoryConfig) -> LooksAhead:
    """What tells a walk what lies ahead of a row: all that follows it, by any kind of association.

    Of kinds that are equally strong the first of `KINDS` tells how a row is reached. It serves as long as
    nothing is written: the shard's lock must be held meanwhile.

    Args:
        fanout: links by words that compete, those of the lower rows before their equals; as many by names.
    """

    def look(row: int, _: npt.NDArray[Any], visited: Collection[int]) -> Ahead | None:
        return _ahead(_following(shard, row, fanout, config), visited)

    fast, postings = kernels.loaded(), shard.postings
    # Where nobody has a title, nothing calls another by its name.
    if fast is None or not postings.complete or postings.has_titles:
        return look
    max_df, forward = config.content_max_df, config.chain_temporal
    # Gathered once: at every stop that would take as long as what is then done with it.
    fixed = (
        postings.tables, *postings.saturation, postings.stop_terms, NOTHING, postings.linking(max_df),
        postings.rarities(max_df), config.sharing_weight, config.chain_content, fanout, postings.scratch,
        forward, forward * BACKWARD,
    )  # fmt: skip

    def look_fast(row: int, state: npt.NDArray[Any], visited: Collection[int]) -> Ahead | None:
        explicit, learned = shard.associator.follows(row)
        if len(explicit) > FEW:
            return look(row, state, visited)
        most = len(explicit) + 2 + 2 * fanout
        targets, weights, kinds = np.empty(most, np.int64), np.empty(most), np.empty(most, np.int64)
        found = fast.followers(
            *fixed, row, explicit, learned, *shard.sessions.beside(row), np.fromiter(visited, np.int64),
            targets, weights, kinds,
        )  # fmt: skip
        return Ahead(targets[:found], weights[:found], KINDS[kinds[0]]) if found else None

    return look_fast


def _ahead(following: list[dict[int, float]], visited: Collection[int]) -> Ahead | None:
    """The strongest association to each row, of those that each of `KINDS` has ``following``."""
    best: dict[int, float] = {}
    for weights in following:
        for target, weight in weights.items():
            if weight > best.get(target, 0.0):
                best[target] = weight
    for target in visited:
        best.pop(target, None)
    if not best:
        return None
    # The second sort leaves those that are equally strong in the order of the first.
    targets = sorted(sorted(best), key=best.__getitem__, reverse=True)
    strongest = np.array([best[target] for target in targets])
    by_kind = [weights.get(targets[0]) for weights in following]
    return Ahead(np.array(targets), strongest, KINDS[by_kind.index(best[targets[0]])])


def _following(shard: Shard, row: int, fanout: int, config: MemoryConfig) -> list[dict[int, float]]:
    """By each of `KINDS` the rows that follow ``row``, and how strongly."""
    before, after = shard.sessions.beside(row)
    beside = {before: config.chain_temporal * BACKWARD, after: config.chain_temporal}
    beside.pop(NOBODY, None)
    rows, max_df = np.array([row]), config.content_max_df
    words = stem_links(shard.postings, rows, NOTHING, max_df)
    names = name_links(shard.postings, rows, NOTHING, max_df)
    naming, sharing = config.naming_weight, config.sharing_weight
    return [
        _by_target(*shard.associator.follows(row)),
        beside,
        _strongest(words, words.strength(naming), fanout, config),
        _strongest(names, names.strength(naming, sharing), fanout, config),
    ]


def _strongest(
    links: StemLinks | NameLinks, strength: FloatArray, fanout: int, config: MemoryConfig
) -> dict[int, float]:
    best = largest(strength, fanout)
    return _by_target(links.target[best], strength[best].astype(np.float64) * config.chain_content)


def _by_target(targets: npt.NDArray[Any], weights: npt.NDArray[Any]) -> dict[int, float]:
    return dict(zip(targets.tolist(), weights.tolist(), strict=True))
