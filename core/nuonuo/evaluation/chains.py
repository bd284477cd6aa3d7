"""Chains: does the memory walk the associations that it learned, from a cue that is far from clean?

Sequences of memories, drawn at random, are associated one to the next among all the others, with their
sessions and shared words as competition. Each walk starts at a vector whose cosine with the first
memory's pattern is given; a memory whose pattern another one shares is no start, since no cue could
tell the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from typing import Any

import numpy as np

from nuonuo.associative.separation import PatternSeparator
from nuonuo.config import MemoryConfig
from nuonuo.encoding.embedders.base import Embedder, FloatArray
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.clock import BATCH
from nuonuo.evaluation.progress import Progress
from nuonuo.evaluation.systems.base import first_vectors
from nuonuo.memory import AssociativeMemory
from nuonuo.records import Memory

TWINS = 0.999  # cosine from which two patterns count as the same


@dataclass(frozen=True, slots=True)
class ChainResult:
    """What the walks gave.

    Attributes:
        starts_right: share of walks whose first stop is the memory that the cue was made from.
        hops_right: share of hops that lead to the next memory of the learned sequence, all before
            them being right too.
        least_cosine: the least cosine between the settled state and the stored pattern, over all stops.
    """

    memories: int
    chains: int
    hops: int
    cue_cosine: float
    starts_right: float
    hops_right: float
    least_cosine: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def noisy(patterns: FloatArray, cosine: float, rng: np.random.Generator) -> FloatArray:
    """Unit vectors at ``cosine`` to the unit vectors ``patterns``, otherwise random.

    Shapes:
        patterns: (..., d). returns: the same.

    Raises:
        InvalidInputError: a cosine outside (0, 1].
    """
    _check_cosine(cosine)
    noise = rng.standard_normal(patterns.shape)
    noise -= np.sum(noise * patterns, axis=-1, keepdims=True) * patterns
    noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
    return np.asarray(cosine * patterns + np.sqrt(1 - cosine**2) * noise, np.float32)


def agreement(found: Sequence[str | int | None], wanted: Sequence[str | int]) -> int:
    """How many stops agree before the first that does not."""
    for at, (here, there) in enumerate(zip(found, wanted, strict=False)):
        if here != there:
            return at
    return min(len(found), len(wanted))


def _check_cosine(cosine: float) -> None:
    if not 0 < cosine <= 1:
        raise InvalidInputError(f"cosine must be in (0, 1], got {cosine}")


def measure_chains(
    memories: Sequence[Memory],
    embedder: Embedder,
    config: MemoryConfig | None = None,
    *,
    chains: int = 100,
    hops: int = 6,
    cosine: float = 0.6,
    seed: int = 0,
    separator: PatternSeparator | None = None,
    progress: Progress | None = None,
) -> ChainResult:
    """Store ``memories``, whose texts are distinct, learn ``chains`` disjoint sequences and walk each.

    Raises:
        InvalidInputError: too few memories for the chains, or a cosine outside (0, 1].
    """
    needed = chains * (hops + 1)
    if chains < 1 or hops < 1 or needed > len(memories):
        raise InvalidInputError(
            f"{chains} chains of {hops} hops need {needed} memories, got {len(memories)}; "
            "ask for at least one chain of one hop, and no more than the memories give"
        )
    _check_cosine(cosine)
    tell = progress or (lambda what, count: None)
    rng = np.random.default_rng(seed)
    patterns = first_vectors(embedder, [memory.text for memory in memories], "document")
    drawn = _draw(patterns, chains, hops, rng)
    with AssociativeMemory(embedder=embedder, separator=separator, config=config) as memory:
        ids: list[str] = []
        for start in range(0, len(memories), BATCH):
            part = memories[start : start + BATCH]
            ids += memory.add(part)
            tell("memories added", len(part))
        for sequence in drawn:
            for source, target in pairwise(sequence):
                memory.associate(ids[source], ids[target])
        starts, right, least = 0, 0, 1.0
        for sequence in drawn:
            wanted = [ids[at] for at in sequence]
            pattern = patterns[sequence[0]]
            walk = memory.chain(noisy(pattern / np.linalg.norm(pattern), cosine, rng), hops)
            found = [step.memory.id for step in walk]
            agreed = agreement(found, wanted)
            starts += agreed > 0
            right += max(agreed - 1, 0)
            least = min([least, *(step.similarity for step in walk)]) if len(walk) else -1.0
            tell("chains walked", 1)
    return ChainResult(len(memories), chains, hops, cosine, starts / chains, right / (chains * hops), least)


def _draw(patterns: FloatArray, chains: int, hops: int, rng: np.random.Generator) -> list[list[int]]:
    """Disjoint sequences of memories, each from a start whose pattern no other memory shares.

    Raises:
        InvalidInputError: too few memories have a pattern of their own.
    """
    order: list[int] = rng.permutation(len(patterns)).tolist()
    starts: list[int] = []
    for item in order:
        if len(starts) < chains and np.count_nonzero(patterns @ patterns[item] >= TWINS) == 1:
            starts.append(item)
    if len(starts) < chains:
        raise InvalidInputError(
            f"only {len(starts)} of {len(patterns)} memories have a pattern of their own, {chains} are "
            "needed; ask for fewer chains, or give more varied texts"
        )
    chosen = set(starts)
    others = iter(item for item in order if item not in chosen)
    return [[start, *islice(others, hops)] for start in starts]
