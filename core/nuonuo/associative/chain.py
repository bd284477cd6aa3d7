"""The associative walk: from a cue to a memory, and from memory to memory along learned associations.

    xi       <- settle(cue)                                  completion: the first stop
    a_j      =  A^T f(Phi code(xi))                          what follows; the caller's `successors`
    a_j      <- 0 where j was visited                        inhibition of return
    winner   =  argmax_j a_j
    xi       <- settle(a_winner x_winner + 1/2 sum_others a_j x_j)      clean-up: the next stop

Hetero-association with a clean-up at each hop is how sequences were first stored in attractor networks
(Sompolinsky & Kanter 1986; Kleinfeld 1986) and in vector-symbolic memories (Kanerva 2009); here both halves
are modern: a separated associator (`nuonuo.associative.hebbian`) and a modern Hopfield memory
(`nuonuo.associative.hopfield`). Without the clean-up, the noise of each hop is the next hop's cue, and the
walk is soon lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nuonuo.associative.hopfield import beta_for_leakage, settle
from nuonuo.associative.settling import rest
from nuonuo.errors import InvalidInputError
from nuonuo.records import AssociationKind

Array = npt.NDArray[Any]
IntArray = npt.NDArray[np.int64]

INHIBITION = 0.5
"""What is left of the other targets' activation beside the winner's: lateral inhibition."""

GREATEST_BETA = 1e5
"""Bounds beta where two patterns are all but one; beyond it, float32 similarities are noise."""

SMALLEST_GAP = 1e-9


class Association(NamedTuple):
    """What a stop leads to: the target, the activation that reaches it (> 0), and the kind that does."""

    target: int
    weight: float
    kind: AssociationKind


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop of a walk.

    Attributes:
        item: the memory.
        similarity: cosine between the settled state and the item's stored pattern.
        kind: of the association that led here; None for the first stop, which the cue evoked.
        weight: of that association; 1.0 for the first stop.
    """

    item: int
    similarity: float
    kind: AssociationKind | None
    weight: float


class Ahead(NamedTuple):
    """What lies ahead of a stop: of each target its strongest association, the strongest first.

    Attributes:
        targets: (n,), n >= 1, none of which was visited; of equally strong ones the lower items first.
        weights: (n,), the activation that reaches each (> 0). kind: of the association to the first.
    """

    targets: IntArray
    weights: npt.NDArray[np.float64]
    kind: AssociationKind


Patterns = Callable[[Sequence[int]], Array]
"""Items (n,) to their stored patterns (n, d): unit rows, float32 or float64."""

Successors = Callable[[int, Array], Iterable[Association]]
"""Where the walk stands, as item and settled state (d,), to what follows it; of several to one target,
the strongest counts. An associator answers from the state, ``next(code(state))``; a graph, from the item."""

LooksAhead = Callable[[int, Array, Collection[int]], Ahead | None]
"""Where the walk stands, as item and settled state (d,), and the items that it visited, to what lies ahead;
None where nothing does."""


def walk(
    cue: Array,
    candidates: Sequence[int],
    patterns: Patterns,
    successors: Successors,
    hops: int,
    *,
    leakage: float = 0.01,
) -> tuple[Stop, ...]:
    """Walk from the memory that ``cue`` evokes, ``hops`` associations far.

    No item comes twice, and the walk ends early where nothing new follows. Of targets equally strong, the
    lowest item wins.

    Args:
        cue: the state to start from.
        candidates: the items that it may evoke, such as its nearest neighbours.
        patterns: looks stored patterns up.
        successors: what follows a stop.
        hops: the most associations to follow; 0 only completes the cue.
        leakage: the mass that a clean-up may leave on other patterns, which sets its beta.

    Shapes:
        cue: (d,).

    Returns:
        Up to hops + 1 stops, the completed cue first; none where there are no candidates.

    Raises:
        InvalidInputError: hops < 0, a zero or non-finite cue, a shape, or leakage outside (0, 1).
    """

    def ahead(item: int, state: Array, visited: Collection[int]) -> Ahead | None:
        found = [each for each in strongest(successors(item, state)) if each.target not in visited]
        if not found:
            return None
        targets, weights, kinds = zip(*found, strict=True)
        return Ahead(np.array(targets), np.array(weights), kinds[0])

    def rows(items: IntArray) -> Array:
        return patterns(items.tolist())

    return wander(cue, np.array(candidates), rows, ahead, hops, leakage=leakage)


def wander(
    cue: Array,
    candidates: IntArray,
    patterns: Callable[[IntArray], Array],
    ahead: LooksAhead,
    hops: int,
    *,
    leakage: float = 0.01,
) -> tuple[Stop, ...]:
    """`walk`, for who can tell at once what lies ``ahead`` of a stop."""
    if hops < 0:
        raise InvalidInputError(f"hops must be >= 0, got {hops}; 0 only completes the cue")
    if not len(candidates):
        return ()
    if not np.any(cue):
        raise InvalidInputError("the cue is a zero vector, which resembles nothing; give it a direction")
    stored = patterns(candidates)
    if np.shape(cue) != stored.shape[1:]:
        raise InvalidInputError(
            f"the cue must have shape {stored.shape[1:]} like a pattern, got {np.shape(cue)}"
        )
    start, state = complete(stored, np.asarray(cue, stored.dtype), leakage)
    item = int(candidates[start])
    stops = [Stop(item, cosine(state, stored[start]), None, 1.0)]
    visited = {item}
    for _ in range(hops):
        found = ahead(item, state, visited)
        if found is None:
            break
        item, stored = int(found.targets[0]), patterns(found.targets)
        state = clean_up(stored, compete(stored, found.weights.astype(stored.dtype)), leakage)
        stops.append(Stop(item, cosine(state, stored[0]), found.kind, float(found.weights[0])))
        visited.add(item)
    return tuple(stops)


def complete(stored: Array, state: Array, leakage: float) -> tuple[int, Array]:
    """Settle ``state`` among the stored patterns; beta is such that only the one nearest to it keeps mass.

    Shapes:
        stored: (n, d) unit rows.
        state: (d,), not zero.
        returns: the row it settled on, and the settled state (d,).
    """
    state = state / np.sqrt(state.dot(state))
    settled = settle(stored, state, _beta(stored.dot(state), leakage))
    return int(settled.weights.argmax()), settled.state


def clean_up(stored: Array, state: Array, leakage: float) -> Array:
    """`complete`, where nobody asks on which row it settled."""
    state = state / np.sqrt(state.dot(state))
    similarities = stored.dot(state)
    settled: Array = rest(stored, state, similarities, _beta(similarities, leakage))[0]
    return settled


def _beta(similarities: Array, leakage: float) -> float:
    """Such that of the patterns only the one nearest to a state keeps mass.

    Duplicates have no gap; then beta is at its bound, and they settle together.
    """
    n, gap = len(similarities), 1.0
    if n > 1:
        greatest = similarities.copy()
        greatest.partition(n - 2)
        gap = float(greatest[-1] - greatest[-2])
    return min(beta_for_leakage(max(SMALLEST_GAP, gap), n, leakage), GREATEST_BETA)


def compete(stored: Array, activations: Array) -> Array:
    """The winner's pattern, and the losers' under lateral inhibition, superposed.

    Losers that resemble each other can add up to more than the winner; then they are silenced, so that the
    strongest association is always the one that is followed.

    Shapes:
        stored: (n, d) unit rows, the winner's first.
        activations: (n,), > 0.
        returns: (d,).
    """
    inhibited = activations * INHIBITION
    inhibited[0] = activations[0]
    drive: Array = inhibited.dot(stored)
    return drive if stored.dot(drive).argmax() == 0 else stored[0]


def strongest(associations: Iterable[Association]) -> list[Association]:
    """One association a target, the strongest; those first that are strongest, then by target."""
    best: dict[int, Association] = {}
    for association in associations:
        known = best.get(association.target)
        if association.weight > 0 and (known is None or association.weight > known.weight):
            best[association.target] = association
    return sorted(best.values(), key=lambda a: (-a.weight, a.target))


def cosine(x: Array, y: Array) -> float:
    """Cosine of two vectors, in [-1, 1]; 0.0 where one is zero."""
    lengths = float(np.sqrt(x.dot(x))) * float(np.sqrt(y.dot(y)))
    return min(1.0, max(-1.0, float(x.dot(y)) / lengths)) if lengths else 0.0
