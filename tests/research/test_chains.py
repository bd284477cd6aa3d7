"""The way that the graph has, and walks along it."""

from __future__ import annotations

import numpy as np
import pytest

from nuonuo.arrays import Blocks
from nuonuo.associative.activation import softmax
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.associative.separation import WinnerTakeAll
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.chains import agreement
from nuonuo.research.experiments import chains
from nuonuo.research.material.source import Material
from nuonuo.research.parts.inverted import random_codes


def small(count: int) -> HebbianAssociator:
    associator = HebbianAssociator(256, damping=0)
    codes = random_codes(np.random.default_rng(0), count, 256, 8)
    associator.put(np.arange(count), Blocks(codes.ravel(), np.full(count, 8)))
    return associator


def test_the_way_follows_the_strongest_that_is_new_and_of_equals_the_lowest() -> None:
    associator = small(6)
    for source, target, weight in (
        (0, 1, 1.0),
        (0, 2, 2.0),
        (2, 0, 9.0),
        (2, 4, 1.0),
        (2, 3, 1.0),
        (3, 2, 5.0),
    ):
        associator.learn(source, target, weight)
    assert chains.way_of_the_graph(associator, 0, 5) == [0, 2, 3]  # 3 leads back alone: the way ends
    assert chains.way_of_the_graph(associator, 0, 1) == [0, 2]


def test_agreement_counts_stops_before_the_first_that_differs() -> None:
    assert agreement([1, 2, 3], [1, 2, 4]) == 2
    assert agreement([1, 2], [1, 2, 4]) == 2
    assert agreement([9], [1]) == agreement([], [1]) == 0


def test_what_is_learned_has_branches_loops_and_shared_items() -> None:
    associator = small(400)
    starts = [0, 1, 2, 3, 4, 5]
    chains.learn(associator, np.arange(400), starts, 40, 900, np.random.default_rng(1))
    outgoing = {item: associator.outgoing(item) for item in associator}
    assert sum(map(len, outgoing.values())) == 900
    assert all(outgoing.values())  # no way ends
    forward = [
        item
        for item, targets in outgoing.items()
        if sum(0.8 <= weight <= 1.2 for weight in targets.values()) > 1
    ]
    assert forward  # an item that leads on in two sequences
    assert sum(weight == chains.LOOP for targets in outgoing.values() for weight in targets.values()) >= 6 * 3


def test_twins_count_once() -> None:
    codes = np.array([[1, 2], [3, 4], [1, 2], [5, 6]], np.int32)
    assert chains.distinct_codes(codes).tolist() == [0, 1, 3]
    material = Material()
    vectors = np.repeat(material.vectors(1), 60, axis=0)
    with pytest.raises(InvalidInputError, match="60 chains need as many patterns"):
        chains.starting_points(vectors, np.zeros((60, 2), np.int32), np.random.default_rng(0), 60)


def test_a_walk_keeps_to_the_way_and_stops_where_it_leaves_it() -> None:
    material = Material()
    patterns, codes = material.vectors(200), material.codes(200, 1024, 16)
    associator = HebbianAssociator(1024)
    associator.put(np.arange(200), Blocks(codes.ravel(), np.full(200, 16)))
    for item in range(199):
        associator.learn(item, item + 1)
    separation = WinnerTakeAll(patterns.shape[1], 1024, 16)
    way = chains.way_of_the_graph(associator, 3, 20)
    stops = chains.walked(patterns[3], way, patterns, associator, separation, softmax(0.5), 20)
    assert [stop.item for stop in stops] == way == list(range(3, 24))
    other = [*way[:4], 0, *way[5:]]
    stops = chains.walked(patterns[3], other, patterns, associator, separation, softmax(0.5), 20)
    assert [stop.item for stop in stops] == way[:5]
