"""The spike encoder: it fires from the first step, at the rate that is asked for, and learns."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("snntorch")

from nuonuo.errors import InvalidInputError
from nuonuo.research.experiments.spikes import side_by_side
from nuonuo.research.parts.spike_encoder import SpikeEncoder


def units(count: int, dimension: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


VECTORS, OTHERS = units(120, 32), units(40, 32, seed=1)


def cosine(encoder: SpikeEncoder, vectors: np.ndarray) -> float:  # type: ignore[type-arg]
    return float(np.mean(np.sum(encoder.decode(encoder.counts(vectors)) * vectors, axis=1)))


@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
def test_every_pair_fires_at_the_rate_that_is_asked_for(rate: float) -> None:
    encoder = SpikeEncoder(32, 256, 64)
    encoder.fit(VECTORS, rate)
    counts = encoder.counts(VECTORS)
    assert counts.shape == (120, 256) and np.array_equal(counts, np.rint(counts))
    assert counts.min() >= 0 and counts.max() <= 64
    assert (counts.sum(axis=0) > 0).all()  # none is silent, before anything is learned
    of_pairs = (counts[:, :128] + counts[:, 128:]).mean(axis=0) / 128
    assert np.allclose(of_pairs, rate, atol=0.25 * rate)


def test_thresholds_of_one_leave_most_neurons_silent() -> None:
    encoder = SpikeEncoder(384, 256, 64, leak=0.9)
    texts = units(100, 384, seed=5)
    assert encoder.counts(texts).mean() / 64 < 0.002
    encoder.fit(texts, 0.05)
    assert encoder.counts(texts).mean() / 64 == pytest.approx(0.05, abs=0.01)


def test_held_out_vectors_come_back() -> None:
    encoder = SpikeEncoder(32, 256, 64)
    assert cosine(encoder, OTHERS) == 0  # no decoder yet
    encoder.fit(VECTORS, 0.05)
    assert cosine(encoder, OTHERS) > 0.99
    wider = SpikeEncoder(32, 1024, 64)
    wider.fit(VECTORS, 0.05)
    assert cosine(wider, OTHERS) > cosine(encoder, OTHERS)


def test_trains_are_what_is_counted() -> None:
    encoder = SpikeEncoder(32, 64, 16)
    encoder.fit(VECTORS, 0.1)
    trains = encoder.trains(OTHERS[:5])
    assert trains.shape == (16, 5, 64) and trains.dtype == bool
    assert np.array_equal(trains.sum(axis=0), encoder.counts(OTHERS[:5]))


def test_an_odd_number_of_neurons_and_a_single_one() -> None:
    for neurons in (1, 65):
        encoder = SpikeEncoder(32, neurons, 16)
        encoder.fit(VECTORS, 0.1)
        assert encoder.counts(VECTORS).mean() / 16 == pytest.approx(0.1, abs=0.03)


def test_surrogate_gradients_learn() -> None:
    import torch

    encoder = SpikeEncoder(32, 128, 32)
    encoder.fit(VECTORS, 0.05)
    with torch.no_grad():  # a decoder that is no good
        encoder.decoder += (
            0.5
            * encoder.decoder.std()
            * torch.randn(encoder.decoder.shape, generator=torch.Generator().manual_seed(0))
        )
    before, weights = cosine(encoder, OTHERS), encoder.weights.detach().clone()
    losses: list[float] = []
    encoder.learn(VECTORS, epochs=12, step=5e-3, tell=losses.append)
    assert len(losses) == 12 and losses[-1] < 0.8 * losses[0]
    assert cosine(encoder, OTHERS) > before
    assert not torch.equal(weights, encoder.weights)  # the gradient goes through the spikes
    encoder.learn(VECTORS, epochs=9, most_steps=2, tell=losses.append)
    assert len(losses) == 14


def test_patterns_side_by_side() -> None:
    rows = side_by_side(VECTORS, 64)
    assert rows.shape == (60, 64) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[3] * np.sqrt(2), np.concatenate([VECTORS[6], VECTORS[7]]), atol=1e-5)
    assert side_by_side(VECTORS, 48).shape == (60, 48)
    assert np.allclose(side_by_side(VECTORS, 32), VECTORS, atol=1e-6)


def test_what_is_out_of_range_is_told() -> None:
    for wrong in ({"n_neurons": 0}, {"n_steps": 0}, {"leak": 1.0}, {"leak": 0.0}):
        with pytest.raises(InvalidInputError):
            SpikeEncoder(32, **wrong)  # type: ignore[arg-type]
    encoder = SpikeEncoder(32, 16, 8)
    for vectors, rate in ((VECTORS, 0.0), (VECTORS, 0.9), (VECTORS[:1], 0.1)):
        with pytest.raises(InvalidInputError, match="two vectors and a rate"):
            encoder.fit(vectors, rate)
    for bad in (VECTORS[0], VECTORS[:, :3], VECTORS[:0], VECTORS * np.inf):
        with pytest.raises(InvalidInputError, match="vectors must"):
            encoder.counts(bad)
    with pytest.raises(InvalidInputError, match="step > 0"):
        encoder.learn(VECTORS, step=0.0)


def test_without_snntorch_the_pip_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from nuonuo.errors import MissingDependencyError

    monkeypatch.setitem(sys.modules, "snntorch", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "nuonuo\[research\]"'):
        SpikeEncoder(32)
