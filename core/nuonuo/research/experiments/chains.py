"""Chains: a hundred hops among a hundred thousand associations, from a cue that is far from clean.

Sequences of memories are learned one association at a time, among others that lead astray: some memories
belong to several sequences (shared items), each has weaker associations besides (branches), some lead
strongly back to where the walk came from (loops, which inhibition of return has to stop), and the rest
join memories at random.

The way that a walk must take is that of the graph itself: from each memory along its strongest association
that leads to a memory not yet visited. A walk by codes knows no graph: it has a state, its code, and what the
associator answers to that. A hop is right where all before it were and it leads to the memory that the
graph leads to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Blocks
from nuonuo.associative.activation import Separation, linear, power, softmax
from nuonuo.associative.chain import Association, Stop, walk
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.projection import CodeArray
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.chains import agreement, noisy
from nuonuo.research.frame import Plot, Sample, Stopwatch, Table, Tell, Value, percent
from nuonuo.research.material.source import Material
from nuonuo.research.parts.cues import nearest_other

FloatArray = npt.NDArray[np.float32]

ITEMS, ASSOCIATIONS = 50_000, 100_000
SEQUENCES, HOPS, WALKS = 200, 100, 20
LINEAR_WALKS = 8  # through the linear W, which hears every memory at every hop
SHARED = 0.05  # of a sequence's items belong to one before it
FORWARD, BRANCH, LOOP = (0.8, 1.2), 0.5, 2.0  # weights; those of a sequence differ, so that none are equal
LOOPS = 10  # every so many items one leads back
BACK = 5  # so far
APART = 0.8  # a cue can mean no other pattern than its own
CANDIDATES = 20
HEARD = 50  # targets that a hop looks at, the strongest
COSINES = (0.5, 1.0)
SHOWN = (0, 1, 2, 5, 10, 20, 50, 100)
FORMS: dict[str, Separation | None] = {
    "the settled item's row (the engine's walk)": None,
    "dual, softmax, beta 2": softmax(2.0),
    "dual, softmax, beta 0.5": softmax(0.5),
    "dual, power 10": power(10),
    "W, linear": linear,
}


class Chains:
    name = "chains"
    title = "Multi-hop chains"
    question = (
        "How many hops does a walk stay on its way, among 100,000 associations with shared items, branches "
        "and loops? Walks that are still right after so many hops, in %; 0 is the completed cue."
    )
    seeds = 5
    tables = (
        Table(
            "Walks on their way after so many hops", ("cue's cosine", "form"), (percent("right", "right"),),
            "hop",
        ),
        Table(
            "The walks as a whole", ("cue's cosine", "form"),
            (Value("hops", "hops until lost", ".1f"), Value("cosine", "mean cosine to the stored pattern"),
             Value("milliseconds", "ms a hop", ".1f")),
            where={"of": "the whole walk"},
        ),
    )  # fmt: skip
    plot = Plot("hop", percent("right", "walks on their way"), "form", "cue's cosine")

    def measure(self, material: Material, seed: int, quick: bool, tell: Tell) -> Iterator[Sample]:
        items, associations = (600, 1200) if quick else (ITEMS, ASSOCIATIONS)
        sequences, hops, walks = (6, 30, 4) if quick else (SEQUENCES, HOPS, WALKS)
        n_units, n_active = (4096, 32) if quick else (16384, 50)
        rng = np.random.default_rng(seed)
        patterns = material.vectors(items)
        codes = material.codes(items, n_units, n_active)
        separation = WinnerTakeAll(patterns.shape[1], n_units, n_active)
        starts = starting_points(patterns, codes, rng, sequences)
        associator = HebbianAssociator(n_units)
        associator.put(np.arange(items), Blocks(codes.ravel(), np.full(items, n_active)))
        learn(associator, distinct_codes(codes), starts, hops, associations, rng)
        tell(f"{associations:,} associations learned")
        for cosine in (0.5,) if quick else COSINES:
            cues = noisy(patterns[starts[:walks]], cosine, rng)
            for form, f in FORMS.items():
                if f is linear and cosine == COSINES[-1]:
                    continue  # a hundred times as slow as the others, and its way is lost from either cue
                watch = Stopwatch()
                found = []
                fewer = walks if f is not linear else min(walks, LINEAR_WALKS)
                for start, cue in zip(starts[:fewer], cues[:fewer], strict=True):
                    way = way_of_the_graph(associator, start, hops)
                    stops = walked(cue, way, patterns, associator, separation, f, hops)
                    agreed = agreement([stop.item for stop in stops], way)
                    # A way may end before its time, all that follows being visited; so must the walk.
                    whole = agreed == len(way) == len(stops)
                    found.append((hops + 1 if whole else agreed, stops))
                seconds = watch.read()
                yield from _samples(form, cosine, found, hops, seconds)
                tell(f"{form}, cosine {cosine}")


def distinct_codes(codes: CodeArray) -> npt.NDArray[np.int64]:
    """The items whose code no item before them has: of twins nothing tells which is meant."""
    first: dict[bytes, int] = {}
    for item, code in enumerate(codes):
        first.setdefault(code.tobytes(), item)
    return np.fromiter(first.values(), np.int64, len(first))


def starting_points(
    patterns: FloatArray, codes: CodeArray, rng: np.random.Generator, count: int
) -> list[int]:
    """``count`` items that a noisy cue can mean: no other pattern is near.

    Raises:
        InvalidInputError: too few of the patterns stand apart.
    """
    drawn = rng.permutation(distinct_codes(codes))[: 8 * count]
    apart = drawn[nearest_other(patterns, drawn) < APART]
    if len(apart) < count:
        raise InvalidInputError(
            f"{count} chains need as many patterns that stand apart, got {len(apart)} of {len(drawn)} looked "
            "at; give more varied texts"
        )
    return [int(item) for item in apart[:count]]


def learn(
    associator: HebbianAssociator,
    items: npt.NDArray[np.int64],
    starts: list[int],
    hops: int,
    associations: int,
    rng: np.random.Generator,
) -> None:
    """Teach a sequence from each of ``starts``, its branches and loops, and others up to ``associations``."""
    fresh = iter(rng.permutation(np.setdiff1d(items, starts)).tolist())
    used: list[int] = []
    learned = 0
    for start in starts:
        sequence = [start]
        while len(sequence) <= hops:
            shared = used and rng.random() < SHARED
            item = used[rng.integers(len(used))] if shared else next(fresh, None)
            if item is None:  # more places than items: they come round again
                item = used[rng.integers(len(used))]
            if item not in sequence:
                sequence.append(item)
        for at, (source, target) in enumerate(pairwise(sequence)):
            associator.learn(source, target, rng.uniform(*FORWARD))
            learned += 1
            if at >= BACK and at % LOOPS == 0:
                associator.learn(source, sequence[at - BACK], LOOP)
                learned += 1
        used += sequence[1:]
    # No way ends: what leads nowhere yet leads somewhere, and the rest are branches of whatever there is.
    ends = [item for item in items.tolist() if not associator.outgoing(item)]
    while learned < associations:
        source = ends.pop() if ends else int(items[rng.integers(len(items))])
        target = int(items[rng.integers(len(items))])
        if source != target and target not in associator.outgoing(source):
            associator.learn(source, target, BRANCH * rng.uniform(*FORWARD))
            learned += 1


def way_of_the_graph(associator: HebbianAssociator, start: int, hops: int) -> list[int]:
    """From ``start`` along the strongest association to a memory not yet visited; of equals to the lowest."""
    way = [start]
    for _ in range(hops):
        targets, weights = associator.follows(way[-1])
        ahead = [(-weight, target) for target, weight in zip(targets.tolist(), weights, strict=True)]
        ahead = [each for each in ahead if each[1] not in way]
        if not ahead:
            break
        way.append(min(ahead)[1])
    return way


def walked(
    cue: FloatArray,
    way: list[int],
    patterns: FloatArray,
    associator: HebbianAssociator,
    separation: WinnerTakeAll,
    f: Separation | None,
    hops: int,
) -> tuple[Stop, ...]:
    """The walk from ``cue``; it is not followed any further once it has left its way."""
    similarities = patterns @ cue
    few = min(CANDIDATES, len(patterns))
    candidates = np.sort(np.argpartition(similarities, -few)[-few:]).tolist()
    at = iter(way)

    def successors(item: int, state: FloatArray) -> Iterable[Association]:
        if next(at, None) != item:
            return ()
        if f is None:
            targets, weights = associator.follows(item)
        else:
            targets, weights = associator.next(separation.encode(state[None])[0], f)
        strongest = np.argsort(-weights, kind="stable")[: HEARD + hops]  # those visited are among them
        return [Association(int(targets[one]), float(weights[one]), "explicit") for one in strongest]

    return walk(cue, candidates, lambda chosen: patterns[list(chosen)], successors, hops)


def _samples(
    form: str, cosine: float, found: list[tuple[int, tuple[Stop, ...]]], hops: int, seconds: float
) -> Iterator[Sample]:
    stops = sum(len(each) for _, each in found)
    for hop in (*(hop for hop in SHOWN if hop < hops), hops):
        right = float(np.mean([agreed > hop for agreed, _ in found]))
        yield Sample(
            {"form": form, "cue's cosine": cosine, "hop": hop}, {"right": right}, seconds / len(SHOWN)
        )
    yield Sample(
        {"form": form, "cue's cosine": cosine, "of": "the whole walk"},
        {
            "hops": float(np.mean([max(agreed - 1, 0) for agreed, _ in found])),
            "cosine": float(np.mean([stop.similarity for _, each in found for stop in each])),
            "milliseconds": 1000 * seconds / stops,
        },
        seconds,
    )


EXPERIMENT = Chains()
