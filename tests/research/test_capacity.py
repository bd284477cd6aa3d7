"""The limits of capacity, and the search for the load at which hops fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nuonuo.associative.activation import linear
from nuonuo.associative.dense_hebbian import DenseHebbian
from nuonuo.errors import InvalidInputError
from nuonuo.research.experiments import capacity
from nuonuo.research.parts.inverted import InvertedCodes, random_codes, strongest_units


def test_the_limits_are_those_of_the_papers() -> None:
    assert capacity.willshaw(16384, 50) == pytest.approx(math.log(2) * 16384**2 / 2500)
    # At its limit half of the binary weights are on: 1 - (1 - f^2)^P = 1/2.
    n, k = 1000, 20
    assert 1 - (1 - (k / n) ** 2) ** capacity.willshaw(n, k) == pytest.approx(0.5, abs=1e-3)
    f = k / n
    assert capacity.tsodyks_feigelman(n, k) == pytest.approx(n / (2 * f * abs(math.log(f))))
    for limit in (capacity.willshaw, capacity.tsodyks_feigelman):
        for k in (0, n):
            with pytest.raises(InvalidInputError, match="k must be in"):
                limit(n, k)


def test_half_of_the_weights_are_on_at_the_limit_of_willshaw() -> None:
    n, k = 128, 6
    count = round(capacity.willshaw(n, k))
    codes = random_codes(np.random.default_rng(0), 2 * count, n, k)
    weights = np.zeros((n, n), bool)
    for source, target in zip(codes[:count], codes[count:], strict=True):
        weights[np.ix_(target, source)] = True
    assert weights.mean() == pytest.approx(0.5, abs=0.03)


def test_hops_are_those_of_the_dense_matrix() -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    codes = random_codes(rng, 800, 256, 8)
    targets = capacity.cycle(rng, 800)
    dense = DenseHebbian(256)
    for item, target in enumerate(targets.tolist()):
        dense.learn(codes[item], codes[target])
    inverted = InvertedCodes(codes, 256)
    right = []
    for item in range(0, 800, 8):
        drive = dense.recall(codes[item]).numpy().astype(float)
        assert np.array_equal(
            drive, inverted.superpose(linear(inverted.overlaps(codes[item])), codes[targets])
        )
        right.append(int(np.argmax(inverted.overlaps(strongest_units(drive, 8)))) == targets[item])
    _, found = capacity.hops_right(inverted, targets, np.arange(0, 800, 8), 800)
    assert found == pytest.approx(np.mean(right)) and 0.2 < found < 1


def test_the_search_ends_where_hops_begin_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def fails_from(edge: int) -> None:
        def hops_right(inverted, targets, asked_items, count):  # type: ignore[no-untyped-def]
            asked.append(count)
            return 1.0, 1.0 if count < edge else 0.9

        monkeypatch.setattr(capacity, "hops_right", hops_right)

    codes = random_codes(np.random.default_rng(2), 5000, 64, 4)
    for edge in (3, 251, 1234, 4000):
        fails_from(edge)
        found = capacity.pairs_until_failing(lambda count: codes[:count], 64, 5000, 10, seed=0)
        assert found < edge <= max(capacity.TOLERANCE * found, found + 1) + 1
    fails_from(9999)
    assert capacity.pairs_until_failing(lambda count: codes[:count], 64, 5000, 10, seed=0) == 5000
    assert max(asked) == 5000


def test_a_cycle_leads_through_all_items() -> None:
    targets = capacity.cycle(np.random.default_rng(3), 50)
    seen, item = set(), 0
    for _ in range(50):
        item = int(targets[item])
        seen.add(item)
    assert len(seen) == 50 and item == 0
