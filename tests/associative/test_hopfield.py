"""Hopfield memory: recall against noise, capacity against load, and an energy that never rises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.associative.hopfield import beta_for_leakage, energy, settle, update, weights
from nuonuo.errors import InvalidInputError, InvalidTypeError

Float = npt.NDArray[Any]


def unit_rows(rng: np.random.Generator, n: int, d: int, dtype: npt.DTypeLike = np.float32) -> Float:
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(dtype)


def cues_at(rng: np.random.Generator, x: Float, cosine: float) -> Float:
    """Unit vectors at exactly this cosine to the unit rows of x, otherwise random."""
    noise = rng.standard_normal(x.shape)
    noise -= np.sum(noise * x, axis=1, keepdims=True) * x
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (cosine * x + math.sqrt(1 - cosine**2) * noise).astype(x.dtype)


def cosines(x: Float, y: Float) -> Float:
    found: Float = np.sum(x * y, axis=-1) / (np.linalg.norm(x, axis=-1) * np.linalg.norm(y, axis=-1))
    return found


# -- the equations ---------------------------------------------------------------------------------


def test_energy_and_update_are_their_equations() -> None:
    rng = np.random.default_rng(0)
    x, xi, beta = unit_rows(rng, 7, 5, np.float64), rng.standard_normal(5), 3.0
    lse = math.log(sum(math.exp(beta * float(row @ xi)) for row in x)) / beta
    assert energy(x, xi, beta) == pytest.approx(0.5 * float(xi @ xi) - lse, rel=1e-13)
    p = [math.exp(beta * float(row @ xi)) for row in x]
    slow = sum(p_i * row for p_i, row in zip(p, x, strict=True)) / sum(p)
    np.testing.assert_allclose(update(x, xi, beta), slow, rtol=1e-13)


def test_update_is_the_concave_convex_step_on_the_energy() -> None:
    """xi - update(xi) is the gradient of E: the two functions belong to each other."""
    rng = np.random.default_rng(1)
    x, xi, beta, h = unit_rows(rng, 9, 6, np.float64), rng.standard_normal(6), 4.0, 1e-6
    numeric = [(energy(x, xi + h * e, beta) - energy(x, xi - h * e, beta)) / (2 * h) for e in np.eye(6)]
    np.testing.assert_allclose(xi - update(x, xi, beta), numeric, atol=1e-8)


def as_torch(x: Float) -> Any:
    torch = pytest.importorskip("torch")

    return torch.from_numpy(x)


def as_numpy(x: Float) -> Any:
    return x


@pytest.mark.parametrize("library", [as_numpy, as_torch])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    d=st.integers(1, 24),
    log_beta=st.floats(-3, 5),
    scale=st.floats(0.01, 10),
    bipolar=st.booleans(),
)
def test_energy_never_rises(
    library: Any,
    dtype: npt.DTypeLike,
    seed: int,
    n: int,
    d: int,
    log_beta: float,
    scale: float,
    bipolar: bool,
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 1.0], (n, d)).astype(dtype) if bipolar else unit_rows(rng, n, d, dtype)
    patterns, state = library(x), library((scale * rng.standard_normal((3, d))).astype(dtype))
    beta = math.exp(log_beta)
    before = energy(patterns, state, beta)
    longest = float(np.linalg.norm(x, axis=1).max())
    for _ in range(6):
        length = np.linalg.norm(np.asarray(state), axis=-1).max()
        state = update(patterns, state, beta)
        after = energy(patterns, state, beta)
        # What rounding may add to terms of this size; the property itself has no slack.
        terms = max(length, longest) ** 2 + math.log(n) / beta
        slack = 8 * float(np.finfo(dtype).eps) * terms
        assert bool((after <= before + slack).all())
        before = after


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.5, 8.0, 200.0])
def test_torch_equals_numpy(dtype: npt.DTypeLike, beta: float) -> None:
    rng = np.random.default_rng(2)
    x, cues = unit_rows(rng, 200, 32, dtype), rng.standard_normal((4, 2, 32)).astype(dtype)
    here, there = settle(x, cues, beta), settle(as_torch(x), as_torch(cues), beta)
    tolerance = 2e-4 if dtype == np.float32 else 1e-10
    assert there.state.dtype == as_torch(x).dtype
    for name in ("state", "weights", "energy"):
        assert getattr(here, name).dtype == dtype
        np.testing.assert_allclose(getattr(here, name), getattr(there, name).numpy(), atol=tolerance)
    np.testing.assert_array_equal(here.converged, there.converged.numpy())


# -- settling --------------------------------------------------------------------------------------


def test_settled_is_what_its_last_state_says() -> None:
    rng = np.random.default_rng(3)
    x = unit_rows(rng, 50, 16, np.float64)
    result = settle(x, cues_at(rng, x[:4], 0.7).reshape(2, 2, 16), 20.0, tolerance=1e-9)
    assert result.state.shape == (2, 2, 16)
    assert result.weights.shape == (2, 2, 50)
    assert result.energy.shape == result.steps.shape == result.converged.shape == (2, 2)
    assert result.converged.all()
    np.testing.assert_allclose(result.weights.sum(-1), 1)
    np.testing.assert_allclose(result.energy, energy(x, result.state, 20.0))
    np.testing.assert_allclose(result.weights @ x, update(x, result.state, 20.0))
    np.testing.assert_allclose(result.state, update(x, result.state, 20.0), atol=1e-9)


def test_a_batch_settles_as_its_states_do_alone() -> None:
    rng = np.random.default_rng(4)
    x = unit_rows(rng, 60, 24, np.float64)
    cues = np.concatenate(
        [cues_at(rng, x[:3], 0.9), cues_at(rng, x[3:6], 0.4), 0.01 * rng.standard_normal((3, 24))]
    )
    together = settle(x, cues, 9.0, max_steps=200, tolerance=1e-7)
    alone = [settle(x, cue, 9.0, max_steps=200, tolerance=1e-7) for cue in cues]
    np.testing.assert_array_equal(together.steps, [int(a.steps) for a in alone])
    assert len(set(together.steps.tolist())) > 1, "the states should differ in how long they take"
    np.testing.assert_allclose(together.state, np.stack([a.state for a in alone]), atol=1e-12)


def test_not_converging_is_data() -> None:
    rng = np.random.default_rng(5)
    x = unit_rows(rng, 30, 12, np.float64)
    cue = rng.standard_normal(12)
    for max_steps in (0, 1, 2):
        result = settle(x, cue, 4.0, max_steps=max_steps, tolerance=0.0)
        assert int(result.steps) == max_steps
        assert not bool(result.converged)
    np.testing.assert_array_equal(settle(x, cue, 4.0, max_steps=0).state, cue)


def test_small_beta_settles_on_the_mean_and_great_beta_on_one() -> None:
    x = np.eye(4)
    cue = np.array([0.5, 0.3, 0.1, 0.1])
    np.testing.assert_allclose(settle(x, cue, 0.01, max_steps=100).state, np.full(4, 0.25), atol=1e-3)
    np.testing.assert_allclose(settle(x, cue, 100.0).state, x[0], atol=1e-6)


# -- recall against noise, capacity against load ---------------------------------------------------


@pytest.mark.parametrize("noise", [0.2, 0.4, 0.6, 0.8, 1.0])
def test_real_patterns_are_recalled_against_noise(noise: float) -> None:
    """Gaussian noise of norm ``noise`` times the pattern's own."""
    rng = np.random.default_rng(6)
    x = unit_rows(rng, 1000, 384)
    cues = x[:100] + noise * unit_rows(rng, 100, 384)
    result = settle(x, cues, beta_for_leakage(0.4, 1000))
    assert (cosines(result.state, x[:100]) >= 0.999).all()
    assert result.converged.all()


@pytest.mark.parametrize("flipped", [0.05, 0.1, 0.2, 0.3])
def test_bipolar_patterns_are_recalled_against_flips(flipped: float) -> None:
    rng = np.random.default_rng(7)
    n, d = 1000, 256
    x = rng.choice([-1.0, 1.0], (n, d)).astype(np.float32)
    cues = x[:50].copy()
    for cue in cues:
        cue[rng.choice(d, round(flipped * d), replace=False)] *= -1
    # A cue overlaps its pattern in d (1 - 2 flipped), any other in about sqrt(d).
    result = settle(x, cues, beta_for_leakage(0.1 * d, n))
    np.testing.assert_array_equal(np.sign(result.state), x[:50])


@pytest.mark.parametrize(("d", "n", "flipped"), [(16, 32, 1), (32, 256, 4), (64, 4096, 12)])
def test_capacity_goes_far_beyond_the_classical_network(d: int, n: int, flipped: int) -> None:
    """Where sign(X^T X xi) of 1982, good for 0.14 d patterns, has lost them all (Demircigil et al. 2017)."""
    rng = np.random.default_rng(8)
    x = np.unique(rng.choice([-1.0, 1.0], (n, d)), axis=0)
    cues = x[:: max(1, len(x) // 64)].copy()
    wanted = cues.copy()
    cues[:, :flipped] *= -1
    settled = np.sign(settle(x, cues, 1.0).state)
    recalled = (settled == wanted).all(axis=1).mean()
    # Whatever lies nearest to the cue is the right answer; flips may carry a cue beside another pattern.
    nearest = x[np.argmax(cues @ x.T, axis=1)]
    assert (settled == nearest).all(axis=1).mean() >= 0.9
    assert recalled >= 0.8
    hebb = x.T @ x - len(x) * np.eye(d)
    assert (np.sign(wanted @ hebb) == wanted).all(axis=1).mean() <= 0.05


def test_capacity_ends_where_patterns_crowd() -> None:
    """In few dimensions many patterns share an attractor: the similarity falls with the load, and says so."""
    rng = np.random.default_rng(9)
    found = []
    for n in (10, 100, 1000):
        x = unit_rows(rng, n, 8)
        found.append(float(cosines(settle(x, x[:10], 8.0).state, x[:10]).mean()))
    assert found[0] > 0.95
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("n", [5000, 20_000])
def test_a_cue_at_cosine_0_6_is_completed_among_many(n: int) -> None:
    rng = np.random.default_rng(10)
    x = unit_rows(rng, n, 384)
    cues = cues_at(rng, x[:20], 0.6)
    np.testing.assert_allclose(cosines(cues, x[:20]), 0.6, atol=1e-5)
    overlaps = np.sort(cues @ x.T, axis=1)
    gap = float((overlaps[:, -1] - overlaps[:, -2]).min())
    result = settle(x, cues, beta_for_leakage(gap, n))
    assert (cosines(result.state, x[:20]) >= 0.999).all()
    assert result.converged.all()
    assert (result.steps <= 5).all()


# -- beta, and the null pattern --------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(gap=st.floats(0.01, 2), n=st.integers(1, 5000), leakage=st.floats(1e-6, 0.5))
def test_beta_for_leakage_keeps_its_promise_in_the_worst_case(gap: float, n: int, leakage: float) -> None:
    energies = np.full(n, 0.3)
    energies[n // 2] += gap
    mass = weights(energies, beta_for_leakage(gap, n, leakage))
    assert 1 - mass.weights[n // 2] <= leakage


@pytest.mark.parametrize("library", [as_numpy, as_torch])
def test_weights_are_a_softmax_over_candidates_and_null(library: Any) -> None:
    energies, beta, null = np.array([[1.0, 0.4, 0.9], [0.1, 0.2, 0.0]]), 3.0, 0.5
    mass = weights(library(energies), beta, null)
    e = np.exp(beta * np.append(energies, [[null], [null]], axis=1))
    expected = e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(mass.weights), expected[:, :-1])
    np.testing.assert_allclose(np.asarray(mass.confidence), 1 - expected[:, -1])
    np.testing.assert_allclose(np.asarray(weights(library(energies), beta).confidence), 1.0)


@settings(max_examples=100, deadline=None)
@given(
    energies=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9),
    null=st.floats(-1e6, 1e6),
    beta=st.floats(1e-3, 1e3),
)
def test_weights_are_stable(energies: list[float], null: float, beta: float) -> None:
    mass = weights(np.array(energies), beta, null)
    assert np.isfinite(mass.weights).all()
    assert (mass.weights >= 0).all()
    assert 0 <= float(mass.confidence) <= 1
    assert float(mass.weights.sum()) == pytest.approx(float(mass.confidence), abs=1e-12)
    assert (float(mass.confidence) >= 0.5) or max(energies) < null


def test_confidence_is_near_0_below_the_null_and_near_1_above() -> None:
    def confidence(*energies: float) -> float:
        return float(weights(np.array(energies), 20.0, 0.75).confidence)

    assert confidence(0.2, 0.3) < 1e-3
    assert confidence(0.2, 1.5) > 1 - 1e-6
    assert 0 < confidence(-30.0) < 1e-200, "a small confidence keeps its digits"
    assert confidence() == 0.0


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [energy, update, settle])
@pytest.mark.parametrize(
    ("patterns", "state", "beta", "words"),
    [
        (np.zeros(3), np.zeros(3), 1.0, "patterns must have shape"),
        (np.zeros((0, 3)), np.zeros(3), 1.0, "patterns must have shape"),
        (np.ones((2, 3)), np.zeros(4), 1.0, "state must have shape"),
        (np.ones((2, 3)), np.array(1.0), 1.0, "state must have shape"),
        (np.ones((2, 3)), np.array([1.0, np.nan, 0.0]), 1.0, "finite"),
        (np.array([[1.0, np.inf, 0.0]]), np.ones(3), 1.0, "finite"),
        (np.ones((2, 3)), np.ones(3), 0.0, "beta"),
        (np.ones((2, 3)), np.ones(3), -1.0, "beta"),
        (np.ones((2, 3)), np.ones(3), math.nan, "beta"),
        (np.ones((2, 3)), np.ones(3), math.inf, "beta"),
    ],
)
def test_bad_values_are_named(function: Any, patterns: Float, state: Float, beta: float, words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        function(patterns, state, beta)


@pytest.mark.parametrize("function", [energy, update, settle])
def test_bad_types_are_named(function: Any) -> None:
    with pytest.raises(InvalidTypeError, match="one library"):
        function(np.ones((2, 3)), as_torch(np.ones(3)), 1.0)
    with pytest.raises(InvalidTypeError, match="list"):
        function([[1.0]], [1.0], 1.0)
    with pytest.raises(InvalidTypeError, match="float32 and float64"):
        function(np.ones((2, 3), np.float32), np.ones(3), 1.0)
    with pytest.raises(InvalidTypeError, match="int64"):
        function(np.ones((2, 3), np.int64), np.ones(3, np.int64), 1.0)


def test_other_bad_input() -> None:
    x = np.eye(3)
    with pytest.raises(InvalidInputError, match="max_steps"):
        settle(x, x[0], 1.0, max_steps=-1)
    for tolerance in (-1.0, math.nan):
        with pytest.raises(InvalidInputError, match="tolerance"):
            settle(x, x[0], 1.0, tolerance=tolerance)
    for gap, n, leakage in ((0.0, 5, 0.1), (math.nan, 5, 0.1), (0.1, 0, 0.1), (0.1, 5, 0.0), (0.1, 5, 1.0)):
        with pytest.raises(InvalidInputError):
            beta_for_leakage(gap, n, leakage)
    for energies, null in ((np.array([math.nan]), 0.0), (np.array([0.0]), math.inf), (np.array(1.0), 0.0)):
        with pytest.raises(InvalidInputError):
            weights(energies, 1.0, null)
