"""The associative walk: six right hops from a noisy cue, no item twice, the strongest first."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.associative.activation import softmax
from nuonuo.associative.chain import Association, compete, strongest, walk
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError

Float = npt.NDArray[np.float32]


def unit_rows(rng: np.random.Generator, n: int, d: int, common: float = 0.0) -> Float:
    """Random unit vectors; ``common`` is how much of one direction they share."""
    x = rng.standard_normal((n, d)) + common * rng.standard_normal(d)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def cue_at(rng: np.random.Generator, pattern: Float, cosine: float) -> Float:
    noise = rng.standard_normal(pattern.shape)
    noise -= (noise @ pattern) * pattern
    return (cosine * pattern + math.sqrt(1 - cosine**2) * noise / np.linalg.norm(noise)).astype(np.float32)


class World:
    """Patterns, their codes, and an associator that is asked with the state's code, as the engine does."""

    def __init__(self, patterns: Float, damping: float = 0.5) -> None:
        self.stored = patterns
        self.separation = WinnerTakeAll(patterns.shape[1], 4096, 40)
        self.associator = HebbianAssociator(4096, softmax(1.0), damping)
        for item, code in enumerate(self.separation.encode(patterns)):
            self.associator.add(item, code)

    def patterns(self, items: Sequence[int]) -> Float:
        return self.stored[list(items)]

    def successors(self, item: int, state: Float) -> Iterable[Association]:
        targets, activations = self.associator.next(self.separation.encode(state[None])[0])
        return [
            Association(t, a, "explicit") for t, a in zip(targets.tolist(), activations.tolist(), strict=True)
        ]

    def walk(self, cue: Float, hops: int) -> tuple[Any, ...]:
        return walk(cue, range(len(self.stored)), self.patterns, self.successors, hops)


@pytest.mark.parametrize("common", [0.0, 0.5, 1.0])
def test_six_hops_from_a_cue_at_cosine_0_6_among_2000(common: float) -> None:
    """Through codes and associator at each hop; every item also leads, more weakly, to three others."""
    rng = np.random.default_rng(0)
    world = World(unit_rows(rng, 2000, 128, common))
    routes = rng.permutation(2000).reshape(-1, 8)[:, :7]
    for route in routes.tolist():
        for source, target in itertools.pairwise(route):
            world.associator.learn(source, target, 1.0)
    for source in range(2000):
        for target in rng.integers(0, 2000, 3).tolist():
            if target not in world.associator.outgoing(source):
                world.associator.learn(source, target, 0.4)
    for route in routes[:12].tolist():
        cue = cue_at(rng, world.stored[route[0]], 0.6)
        stops = world.walk(cue, 6)
        assert [stop.item for stop in stops] == route
        assert min(stop.similarity for stop in stops) >= 0.999


def test_without_clean_up_the_walk_would_be_lost() -> None:
    """The control: the same associations, followed by the raw superposition instead of the settled state."""
    rng = np.random.default_rng(1)
    world = World(unit_rows(rng, 2000, 128), damping=0.0)
    for source in range(1999):
        world.associator.learn(source, source + 1, 1.0)
        for target in rng.integers(0, 2000, 8).tolist():
            if target not in world.associator.outgoing(source):
                world.associator.learn(source, target, 0.9)
    cue = cue_at(rng, world.stored[0], 0.6)
    assert [stop.item for stop in world.walk(cue, 6)] == list(range(7))
    state = cue
    for _ in range(6):
        raw = sum(a.weight * world.stored[a.target] for a in world.successors(0, state))
        state = np.asarray(raw, np.float32)
    assert state @ world.stored[6] / np.linalg.norm(state) < 0.2


def graph(edges: dict[int, dict[int, float]]) -> Any:
    def successors(item: int, state: Float) -> Iterable[Association]:
        return [Association(target, weight, "temporal") for target, weight in edges.get(item, {}).items()]

    return successors


@settings(max_examples=60, deadline=None)
@given(
    edges=st.dictionaries(
        st.integers(0, 9), st.dictionaries(st.integers(0, 9), st.floats(0.01, 1), max_size=5)
    ),
    start=st.integers(0, 9),
    hops=st.integers(0, 12),
)
def test_a_walk_takes_the_strongest_association_to_what_it_has_not_seen(
    edges: dict[int, dict[int, float]], start: int, hops: int
) -> None:
    """The oracle is a greedy walk on the graph, with no patterns at all."""
    stored = np.eye(10, 16, dtype=np.float64)
    stops = walk(stored[start], range(10), lambda items: stored[list(items)], graph(edges), hops)
    route, weights = [start], [1.0]
    while len(route) <= hops:
        ahead = {t: w for t, w in edges.get(route[-1], {}).items() if t not in route}
        if not ahead:
            break
        target = min(ahead, key=lambda t: (-ahead[t], t))
        weights.append(ahead[target])
        route.append(target)
    assert [stop.item for stop in stops] == route
    assert [stop.weight for stop in stops] == weights
    assert [stop.kind for stop in stops] == [None] + ["temporal"] * (len(route) - 1)
    assert all(stop.similarity >= 0.999 for stop in stops)


def test_many_alike_do_not_outvote_the_strongest() -> None:
    """Ten near copies of one pattern against the lone target of a stronger association."""
    rng = np.random.default_rng(2)
    copies = np.stack([cue_at(rng, unit_rows(rng, 1, 64)[0], 1.0)] * 10) + 0.01 * unit_rows(rng, 10, 64)
    stored = np.concatenate([unit_rows(rng, 2, 64), copies / np.linalg.norm(copies, axis=1, keepdims=True)])
    edges = {0: {1: 0.6} | dict.fromkeys(range(2, 12), 0.5)}
    stops = walk(stored[0], [0], lambda items: stored[list(items)], graph(edges), 1)
    assert [stop.item for stop in stops] == [0, 1]
    assert stops[1].similarity >= 0.999
    drive = compete(stored[1:], np.array([0.6] + [0.5] * 10, stored.dtype))
    np.testing.assert_array_equal(drive, stored[1])


def test_losers_are_inhibited_not_gone() -> None:
    stored = np.eye(3)
    np.testing.assert_allclose(compete(stored, np.array([0.8, 0.4, 0.2])), [0.8, 0.2, 0.1])


def test_duplicates_settle_together() -> None:
    stored = np.repeat(np.eye(4, 8), 2, axis=0)
    cue = np.array([1.0, 0.5, 0.2, 0.1, 0.3, 0, 0, 0])
    stops = walk(cue, range(8), lambda items: stored[list(items)], graph({0: {2: 1.0, 3: 1.0}}), 1)
    assert [stop.item for stop in stops] == [0, 2]
    assert all(stop.similarity >= 0.999 for stop in stops)


def test_the_strongest_of_several_associations_to_one_target_counts() -> None:
    given_ = [
        Association(5, 0.2, "temporal"),
        Association(3, 0.5, "content"),
        Association(5, 0.7, "explicit"),
        Association(5, 0.3, "content"),
        Association(1, 0.5, "content"),
        Association(2, 0.0, "content"),
        Association(4, math.nan, "content"),
    ]
    assert strongest(given_) == [given_[2], given_[4], given_[1]]


def test_length_of_the_cue_makes_no_difference() -> None:
    rng = np.random.default_rng(3)
    stored = unit_rows(rng, 500, 64)
    cue = cue_at(rng, stored[7], 0.6)
    for length in (1e-3, 1.0, 1e3):
        (stop,) = walk(length * cue, range(500), lambda items: stored[list(items)], graph({}), 6)
        assert stop.item == 7
        assert stop.similarity >= 0.999


def test_no_candidates_no_walk() -> None:
    assert walk(np.ones(3), [], lambda items: np.zeros((0, 3)), graph({}), 6) == ()


@pytest.mark.parametrize(
    ("cue", "options", "words"),
    [
        (np.ones(3), {"hops": -1}, "hops"),
        (np.zeros(3), {"hops": 1}, "zero vector"),
        (np.ones(4), {"hops": 1}, r"shape \(3,\)"),
        (np.array([1.0, np.nan, 0.0]), {"hops": 1}, "finite"),
        (np.ones(3), {"hops": 1, "leakage": 0.0}, "leakage"),
        (np.ones(3), {"hops": 1, "leakage": 1.0}, "leakage"),
    ],
)
def test_bad_input_is_named(cue: npt.NDArray[np.float64], options: dict[str, Any], words: str) -> None:
    stored = np.eye(3)
    with pytest.raises(InvalidInputError, match=words):
        walk(cue, range(3), lambda items: stored[list(items)], graph({}), **options)
