"""The small parts that several experiments share."""

from __future__ import annotations

import numpy as np
import pytest

from nuonuo.arrays import Blocks
from nuonuo.associative.activation import linear
from nuonuo.associative.hebbian import HebbianAssociator
from nuonuo.errors import InvalidInputError
from nuonuo.evaluation.chains import noisy
from nuonuo.research.parts.cues import nearest_other
from nuonuo.research.parts.inverted import InvertedCodes, random_codes, strongest_units


@pytest.mark.parametrize(("n_units", "n_active"), [(64, 1), (64, 16), (64, 40), (4096, 200), (512, 128)])
def test_random_codes_are_distinct_units_and_all_alike_likely(n_units: int, n_active: int) -> None:
    codes = random_codes(np.random.default_rng(0), 400, n_units, n_active)
    assert codes.shape == (400, n_active)
    assert n_active == 1 or (np.diff(codes, axis=1) > 0).all()
    assert codes.min() >= 0 and codes.max() < n_units
    used = np.bincount(codes.ravel(), minlength=n_units)
    expected = 400 * n_active / n_units
    assert abs(used - expected).max() < 6 * np.sqrt(expected) + 4
    with pytest.raises(InvalidInputError, match="n_active"):
        random_codes(np.random.default_rng(0), 1, n_units, n_units + 1)


def test_inverted_codes_answer_as_the_associator_does() -> None:
    rng = np.random.default_rng(1)
    codes = random_codes(rng, 120, 256, 12)
    inverted = InvertedCodes(codes, 256)
    associator = HebbianAssociator(256, linear, damping=0)
    associator.put(np.arange(120), Blocks(codes.ravel(), np.full(120, 12)))
    follows = rng.permutation(120)
    for item, target in enumerate(follows.tolist()):
        associator.learn(item, target)
    for cue in random_codes(rng, 20, 256, 12):
        items, counts = associator.overlaps(cue)
        found = inverted.overlaps(cue)
        assert np.array_equal(np.flatnonzero(found), items) and np.array_equal(found[items], counts)
        assert np.array_equal(inverted.overlaps(cue, 50), found[:50])
        answered = inverted.superpose(found.astype(float), codes[follows])
        assert np.array_equal(answered, associator.superpose(*associator.next(cue)))
    for bad, says in ((codes[0], "shape"), (codes + 250, r"in \[0, 256\)")):
        with pytest.raises(InvalidInputError, match=says):
            InvertedCodes(bad, 256)


def test_the_strongest_units_win_and_of_equals_the_lower() -> None:
    assert strongest_units(np.array([0.0, 3, 1, 3, 2, 1]), 4).tolist() == [1, 2, 3, 4]
    assert strongest_units(np.zeros(5), 2).tolist() == [0, 1]


def test_cues_lie_at_their_cosine() -> None:
    rng = np.random.default_rng(2)
    patterns = rng.standard_normal((30, 64)).astype(np.float32)
    patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    for cosine in (0.2, 0.7, 1.0):
        cues = noisy(patterns, cosine, rng)
        assert np.allclose(np.sum(cues * patterns, axis=1), cosine, atol=1e-5)
        assert np.allclose(np.linalg.norm(cues, axis=1), 1, atol=1e-5)
        alone = noisy(patterns[3], cosine, rng)
        assert alone.shape == (64,) and alone @ patterns[3] == pytest.approx(cosine, abs=1e-5)
    for cosine in (0.0, 1.1):
        with pytest.raises(InvalidInputError, match="cosine"):
            noisy(patterns, cosine, rng)


def test_the_nearest_other_pattern_is_found() -> None:
    patterns = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 1]], np.float32)
    found = nearest_other(patterns, np.arange(4), block=3)
    assert np.allclose(found, [0.8, 0.8, 1.0, 1.0])
