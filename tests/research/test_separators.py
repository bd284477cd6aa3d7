"""Learned separators: the interface of the engine's own, energy that never rises, a loss as it is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.associative.projection import LearnedProjection, strongest
from nuonuo.associative.separation import PatternSeparator, WinnerTakeAll
from nuonuo.errors import FileError, InvalidInputError, InvalidTypeError
from nuonuo.research.experiments.biohash import overlap, recalls, train
from nuonuo.research.material.source import Material
from nuonuo.research.parts import biohash, contrastive
from nuonuo.research.parts.inverted import random_codes
from nuonuo.research.parts.learned import whitened


def units(rng: np.random.Generator, count: int, dimension: int = 24) -> np.ndarray:  # type: ignore[type-arg]
    rows = rng.standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


VECTORS = units(np.random.default_rng(0), 300)
SEPARATORS = [
    WinnerTakeAll(24, 128, 9),
    biohash.train(VECTORS, 128, 9, seed=0),
    whitened(VECTORS, 128, 9, seed=0),
    LearnedProjection(units(np.random.default_rng(1), 128), 9, "none"),
]


@pytest.mark.parametrize("separator", SEPARATORS, ids=lambda separator: separator.describe().split(":")[1])
def test_separators_agree_on_shape_and_sparsity(separator: PatternSeparator) -> None:
    assert isinstance(separator, PatternSeparator)
    assert (separator.dimension, separator.n_units, separator.n_active) == (24, 128, 9)
    codes = separator.encode(VECTORS)
    assert codes.shape == (300, 9) and codes.dtype == np.int32
    assert (np.diff(codes, axis=1) > 0).all() and codes.min() >= 0 and codes.max() < 128
    assert np.array_equal(separator.encode(VECTORS), codes)
    assert np.array_equal(separator.encode(VECTORS[5:7]), codes[5:7])
    near, far = VECTORS + 0.02 * np.roll(VECTORS, 1, axis=0), np.roll(VECTORS, 7, axis=0)
    assert overlap(codes, separator.encode(near)) > 2 * overlap(codes, separator.encode(far))
    for bad, error in (
        (VECTORS[:, :3], InvalidInputError),
        (VECTORS[0], InvalidInputError),
        (VECTORS * np.nan, InvalidInputError),
        (np.array([["a"] * 24]), InvalidTypeError),
    ):
        with pytest.raises(error, match="vectors"):
            separator.encode(bad)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rate=st.floats(0.01, 1.0), n_units=st.integers(1, 60))
def test_the_energy_of_biohash_never_rises(seed: int, rate: float, n_units: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, weights = units(rng, int(rng.integers(1, 80)), 8), units(rng, n_units, 8)
    before = biohash.energy(weights, vectors)
    for _ in range(4):
        weights, told = biohash.step(weights, vectors, rate)
        assert told == pytest.approx(before, abs=1e-6)
        after = biohash.energy(weights, vectors)
        assert after <= before + 1e-6
        assert np.allclose(np.linalg.norm(weights, axis=1), 1, atol=1e-5)
        before = after


def test_a_step_is_the_published_rule() -> None:
    weights, vector = units(np.random.default_rng(2), 5), VECTORS[:1]
    new, _ = biohash.step(weights, vector, 0.1)
    winner = int(np.argmax(weights @ vector[0]))
    row = weights[winner] + 0.1 * (vector[0] - (weights[winner] @ vector[0]) * weights[winner])
    assert np.allclose(new[winner], row / np.linalg.norm(row), atol=1e-6)
    others = [at for at in range(5) if at != winner]
    assert np.array_equal(new[others], weights[others])


@pytest.mark.parametrize("rate", [0.0, 1.5, float("nan")])
def test_a_rate_at_which_energy_may_rise_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInputError, match=r"rate must be in \(0, 1\]"):
        biohash.train(VECTORS, 16, 2, 0, rate=rate)


def test_whitening_takes_away_what_all_vectors_share() -> None:
    rng = np.random.default_rng(3)
    common = units(rng, 1)
    vectors = VECTORS + 3 * common
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    halves = vectors[:150], vectors[150:]
    plain = WinnerTakeAll(24, 128, 9)
    white = whitened(halves[0], 128, 9, seed=0)
    others = np.roll(halves[1], 1, axis=0)
    shared = [overlap(each.encode(halves[1]), each.encode(others)) for each in (plain, white)]
    assert shared[1] < shared[0] / 2
    with pytest.raises(InvalidInputError, match="at least two vectors"):
        whitened(vectors[:1], 128, 9, 0)


def test_the_strongest_units_of_each_row() -> None:
    drive = np.array([[1, 3, 3, 0, 3], [5, 4, 3, 2, 1]], np.float32)
    assert strongest(drive, 2).tolist() == [[1, 2], [0, 1]]


def test_weights_are_written_and_read(tmp_path: Path) -> None:
    learned = whitened(VECTORS, 64, 5, seed=1)
    learned.save(tmp_path / "deep" / "w.npz")
    found = LearnedProjection.load(tmp_path / "deep" / "w.npz")
    assert found.describe() == learned.describe() != SEPARATORS[3].describe()
    assert np.array_equal(found.encode(VECTORS), learned.encode(VECTORS))
    (tmp_path / "other").write_text("no weights")
    for path in (tmp_path / "other", tmp_path / "missing"):
        with pytest.raises(FileError, match="holds no weights of a separator"):
            LearnedProjection.load(path)
    with pytest.raises(FileError, match="cannot be written"):
        learned.save(tmp_path)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"weights": np.zeros(3)}, "weights must have shape"),
        ({"weights": np.full((4, 3), np.inf)}, "must be finite"),
        ({"n_active": 0}, "n_active must be in"),
        ({"n_active": 5}, "n_active must be in"),
        ({"centre": np.zeros(2)}, "centre must have shape"),
    ],
)
def test_what_is_no_projection_is_told(changed: dict[str, object], says: str) -> None:
    given = {"weights": np.ones((4, 3)), "n_active": 2, "rule": "r", **changed}
    with pytest.raises(InvalidInputError, match=says):
        LearnedProjection(**given)  # type: ignore[arg-type]


def test_recalls_of_clean_cues_are_right() -> None:
    codes = random_codes(np.random.default_rng(4), 60, 512, 10)
    assert recalls(codes, codes[:20], 512, seed=0) == (1.0, 1.0)
    assert recalls(codes, codes[20:40], 512, seed=0) == (0.0, 0.0)  # they mean others


def test_a_rule_that_is_not_there() -> None:
    with pytest.raises(InvalidInputError, match="no rule 'oja'; there are biohash"):
        train("oja", Material(), 0, quick=True)


class TestContrastive:
    def setup_method(self) -> None:
        pytest.importorskip("torch")

    def test_soft_codes_sum_to_k_and_are_near_the_hard_ones(self) -> None:
        import torch

        weights = units(np.random.default_rng(5), 128)
        on = contrastive.soft_codes(torch.from_numpy(VECTORS), torch.from_numpy(weights), 9).numpy()
        assert np.allclose(on.sum(axis=1), 9, atol=1e-4)
        hard = LearnedProjection(weights, 9, "none").encode(VECTORS)
        assert np.array_equal(strongest(on, 9)[:50], hard[:50])

    def test_the_penalty_is_one_where_all_units_are_used_alike(self) -> None:
        import torch

        n, k = 40, 4
        on = torch.zeros((10, n))
        for at in range(10):
            on[at, at * k : (at + 1) * k] = 1.0
        hubs = on[:1].repeat(10, 1)  # all texts drive the same units
        for codes, expected in ((on, 1.0), (hubs, n / k)):
            with_it, without = (
                contrastive.loss_of(codes, 5, k, "hub penalty", weight) for weight in (1.0, 0.0)
            )
            assert float(with_it - without) == pytest.approx(expected, abs=1e-4)

    def test_learning_brings_paraphrases_together_and_keeps_others_apart(self) -> None:
        rng = np.random.default_rng(6)
        first = units(rng, 120)
        second = first + 0.8 * units(rng, 120)
        second /= np.linalg.norm(second, axis=1, keepdims=True)
        losses: list[float] = []
        for rule in contrastive.RULES:
            learned = contrastive.train(first[:80], second[:80], VECTORS, 256, 10, 0, rule=rule, steps=60,
                                        rate=0.005, tell=losses.append)  # fmt: skip
            assert losses[-1] < losses[0]
            losses.clear()
            held_out = learned.encode(first[80:]), learned.encode(second[80:])
            assert overlap(*held_out) > 3 * overlap(held_out[0], np.roll(held_out[1], 1, axis=0))

    @pytest.mark.parametrize(
        ("changed", "says"),
        [
            ({"rule": "triplet"}, "no rule 'triplet'"),
            ({"second": VECTORS[:3]}, "one shape"),
            ({"background": VECTORS[:, :3]}, "background must have shape"),
            ({"n_active": 64}, "n_active must be in"),
            ({"penalty": -1.0}, "penalty >= 0"),
            ({"rate": 0.0}, "rate > 0"),
        ],
    )
    def test_what_cannot_be_learned_is_told(self, changed: dict[str, object], says: str) -> None:
        given: dict[str, object] = {
            "first": VECTORS[:9], "second": VECTORS[9:18], "background": VECTORS, "n_units": 64,
            "n_active": 4, "seed": 0, **changed,
        }  # fmt: skip
        with pytest.raises(InvalidInputError, match=says):
            contrastive.train(**given)  # type: ignore[arg-type]
