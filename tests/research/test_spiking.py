"""Spiking networks: sampling meets enumeration, races are won as the softmax says, neurons fire."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.associative.hopfield import weights as mass
from nuonuo.errors import InvalidInputError
from nuonuo.research.experiments.spiking import by_sampling
from nuonuo.research.parts import sampling
from nuonuo.research.parts.lif import SpikingHopfield, two_sided
from nuonuo.research.parts.population import race, vote


def network(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    upper = np.triu(rng.normal(0, 0.8, (n, n)), 1)
    return upper + upper.T, rng.normal(-0.5, 0.5, n)


@pytest.mark.parametrize(("n", "tau"), [(1, 1), (3, 1), (3, 8), (6, 5)])
def test_sampling_meets_enumeration(n: int, tau: int) -> None:
    rng = np.random.default_rng(n)
    weights, biases = network(n, rng)
    states = sampling.sample(weights, biases, rng, chains=4000, steps=20 * tau, tau=tau, kept=4)
    assert states.shape == (16_000, n)
    exact = sampling.enumerated(weights, biases)
    found = sampling.divergence(sampling.frequencies(states), exact)
    assert found < 5 * 2**n / (2 * len(states)) + 1e-3  # of independent samples: (2^n - 1) / (2 N)
    if n > 2:
        other = sampling.enumerated(-weights, biases)
        assert sampling.divergence(sampling.frequencies(states), other) > 10 * found


def test_one_neuron_is_on_as_often_as_the_sigmoid_says() -> None:
    exact = sampling.enumerated(np.zeros((1, 1)), np.array([0.7]))
    assert exact[1] == pytest.approx(1 / (1 + np.exp(-0.7)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_enumeration_is_the_boltzmann_distribution(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, biases = network(4, rng)
    p = sampling.enumerated(weights, biases)
    assert p.sum() == pytest.approx(1)
    for one, other in rng.integers(16, size=(4, 2)):
        z, y = ((np.array([one, other])[:, None] >> np.arange(4)) & 1).astype(float)
        gap = (z @ weights @ z - y @ weights @ y) / 2 + biases @ (z - y)
        assert np.log(p[one] / p[other]) == pytest.approx(gap)
    assert sampling.divergence(p, p) == pytest.approx(0)
    assert sampling.divergence(rng.dirichlet(np.ones(16)), p) > 0


@pytest.mark.parametrize(
    ("weights", "biases", "says"),
    [
        (np.ones((2, 2)), np.zeros(2), "zero diagonal"),
        (np.array([[0.0, 1], [2, 0]]), np.zeros(2), "symmetric"),
        (np.zeros((3, 3)), np.zeros(2), "expected biases"),
        (np.zeros((2, 2)), np.array([0, np.inf]), "finite"),
    ],
)
def test_what_is_no_network_is_told(weights: np.ndarray, biases: np.ndarray, says: str) -> None:  # type: ignore[type-arg]
    for call in (sampling.enumerated, lambda w, b: sampling.sample(w, b, np.random.default_rng(0))):
        with pytest.raises(InvalidInputError, match=says):
            call(weights, biases)


def test_numbers_out_of_range_are_told() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInputError, match="tau"):
        sampling.sample(np.zeros((2, 2)), np.zeros(2), rng, tau=0)
    with pytest.raises(InvalidInputError, match="at most 12"):
        sampling.enumerated(np.zeros((13, 13)), np.zeros(13))
    for bad in (
        (np.zeros((2, 2)), 1.0, 1),
        (np.zeros(0), 1.0, 1),
        (np.zeros(2), 0.0, 1),
        (np.zeros(2), 1.0, 0),
    ):
        with pytest.raises(InvalidInputError):
            race(*bad, rng)
    patterns = np.eye(3, dtype=np.float32)
    for wrong in ({"leak": 1.0}, {"threshold": 0.0}, {"drive": -1.0}, {"recurrent": -1.0}):
        with pytest.raises(InvalidInputError, match="expected leak"):
            SpikingHopfield(patterns, **wrong)
    with pytest.raises(InvalidInputError, match="patterns"):
        SpikingHopfield(np.zeros((0, 3), np.float32))
    with pytest.raises(InvalidInputError, match="steps"):
        SpikingHopfield(patterns).rates(patterns, 0)


def test_races_are_won_as_often_as_the_softmax_says() -> None:
    rng = np.random.default_rng(1)
    similarities = rng.uniform(0.2, 0.9, 7)
    won = np.bincount(race(similarities, 5.0, 40_000, rng), minlength=7) / 40_000
    assert np.allclose(won, mass(similarities, 5.0).weights, atol=0.01)
    assert vote(np.array([3, 1, 3, 1, 0])) == 1


def test_neural_sampling_finds_the_nearest_pattern() -> None:
    similarities = np.linspace(0.0, 0.6, 40, dtype=np.float32)
    similarities[17] = 0.9
    assert by_sampling(similarities, np.random.default_rng(2)) == 17


def test_the_network_fires_and_completes_what_it_holds() -> None:
    rng = np.random.default_rng(3)
    patterns = rng.standard_normal((3, 64)).astype(np.float32)
    patterns /= np.linalg.norm(patterns, axis=1, keepdims=True)
    net = SpikingHopfield(patterns, recurrent=0.1)
    rates = net.rates(patterns, 50)
    assert rates.shape == (3, 128) and 0 < rates.mean() < 1 and rates.max() <= 1
    assert (rates.sum(axis=1) > 0).all()
    assert (patterns @ net.complete(patterns, 50).T).argmax(axis=0).tolist() == [0, 1, 2]
    assert np.allclose(net.weights, net.weights.T) and not np.diag(net.weights).any()
    assert np.linalg.eigvalsh(net.weights.astype(float))[-1] == pytest.approx(1, abs=1e-4)
    two = two_sided(np.array([[1, -2]], np.float32))
    assert two.tolist() == [[1, 0, 0, 2]]
