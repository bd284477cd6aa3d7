"""Winner-take-all codes: equal to the slow way, the same on every machine, similar where vectors are."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuonuo.associative.separation import WinnerTakeAll, hadamard_transform, quantise, random_signs, winners
from nuonuo.errors import InvalidInputError, InvalidTypeError

ENDS = -(2**31), 2**31 - 1  # of int32


def lattice(n: int, d: int) -> npt.NDArray[np.int64]:
    """Vectors made by integer arithmetic alone (a linear congruential generator): equal on all machines."""
    state, rows = 12345, []
    for _ in range(n * d):
        state = (1103515245 * state + 12345) % 2**31
        rows.append((state >> 8) % 2001 - 1000)
    return np.array(rows, np.int64).reshape(n, d)


def digest(codes: npt.NDArray[np.int32]) -> str:
    return hashlib.sha256(codes.astype("<i4").tobytes()).hexdigest()[:16]


def pairs_at(rng: np.random.Generator, n: int, d: int, cosine: float) -> tuple[Any, Any]:
    x, y = rng.standard_normal((2, n, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    y -= np.sum(x * y, axis=1, keepdims=True) * x
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return x, cosine * x + math.sqrt(1 - cosine**2) * y


def shared(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> float:
    """How many units two codes share, on average."""
    return float(np.mean([len(np.intersect1d(x, y)) for x, y in zip(a, b, strict=True)]))


# -- determinism -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("d", "n_units", "n_active", "seed", "expected"),
    [
        (384, 16384, 50, 0, "240adca9ecbef52c"),
        (384, 16384, 50, 1, "0c87de39d90166eb"),
        (768, 16384, 50, 0, "b8144729d94c6a74"),
        (100, 1000, 20, 7, "3eef6f1f6c6d8d35"),
        (1, 64, 8, 0, "aff4b3d5c731d551"),
    ],
)
def test_codes_never_change(d: int, n_units: int, n_active: int, seed: int, expected: str) -> None:
    """Codes are stored: a change of these hashes makes every store in the world unreadable."""
    codes = WinnerTakeAll(d, n_units, n_active, seed).encode(lattice(24, d))
    assert digest(codes) == expected


def test_a_code_does_not_depend_on_its_batch_its_dtype_or_its_memory_layout() -> None:
    x, wta = lattice(50, 384), WinnerTakeAll(384)
    codes = wta.encode(x)
    np.testing.assert_array_equal(codes, np.concatenate([wta.encode(row[None]) for row in x]))
    for other in (
        x.astype(np.float32),
        x.astype(np.float64),
        x.astype(np.int16),
        np.asfortranarray(x),
        x[::-1][::-1],
    ):
        np.testing.assert_array_equal(codes, wta.encode(other))
    np.testing.assert_array_equal(codes, WinnerTakeAll(384).encode(x.tolist()))


@pytest.mark.parametrize("exponent", [-1060, -140, -20, 1, 20, 120, 1000])
def test_length_makes_no_difference(exponent: int) -> None:
    x, wta = lattice(8, 96).astype(np.float64), WinnerTakeAll(96, 2048, 20)
    np.testing.assert_array_equal(wta.encode(x), wta.encode(np.ldexp(x, exponent)))


def test_another_seed_gives_other_codes() -> None:
    x = lattice(20, 384)
    assert shared(WinnerTakeAll(384, seed=0).encode(x), WinnerTakeAll(384, seed=1).encode(x)) < 2


# -- equal to the slow way -------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(d=st.integers(1, 40), n_units=st.integers(1, 300), seed=st.integers(0, 1000), data=st.data())
def test_encode_equals_the_plain_definition(d: int, n_units: int, seed: int, data: st.DataObject) -> None:
    """The projection as a matrix of +-1, its rows applied one by one, and a full sort."""
    k = data.draw(st.integers(1, n_units))
    x = lattice(3, d) + (seed % 5 == 0)
    x[np.flatnonzero(~x.any(axis=1))] = 1
    p = 1 << (d - 1).bit_length()
    n_blocks = -(-n_units // p)
    signs = random_signs(seed, d * n_blocks).reshape(d, n_blocks)
    codes = WinnerTakeAll(d, n_units, k, seed).encode(x)
    for row, code in zip(quantise(x.astype(np.float64)).tolist(), codes.tolist(), strict=True):
        drive = []
        for unit in range(n_units):
            i, block = divmod(unit, n_blocks)
            drive.append(sum((-1) ** (i & j).bit_count() * int(signs[j, block]) * row[j] for j in range(d)))
        slow = sorted(sorted(range(n_units), key=lambda unit: (-drive[unit], unit))[:k])
        assert code == slow


@pytest.mark.parametrize("p", [1, 2, 8, 64])
def test_hadamard_transform_is_orthogonal_and_its_matrix(p: int) -> None:
    h = hadamard_transform(np.eye(p, dtype=np.int32))
    np.testing.assert_array_equal(h @ h.T, p * np.eye(p))
    np.testing.assert_array_equal(h, [[(-1) ** (i & j).bit_count() for j in range(p)] for i in range(p)])
    x = lattice(p, 6).astype(np.int32)
    np.testing.assert_array_equal(hadamard_transform(x.copy()), h @ x)


def test_quantise_rounds_the_unit_vector() -> None:
    x = np.random.default_rng(0).standard_normal((50, 384))
    exact = 4096 * x / np.linalg.norm(x, axis=1, keepdims=True)
    assert np.abs(quantise(x) - exact).max() <= 0.501


@settings(max_examples=60, deadline=None)
@given(drive=st.lists(st.integers(-3, 3) | st.sampled_from(ENDS), min_size=1, max_size=60), data=st.data())
def test_winners_break_ties_towards_the_lower_unit(drive: list[int], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(drive)))
    slow = sorted(sorted(range(len(drive)), key=lambda unit: (-drive[unit], unit))[:k])
    assert winners(np.array([drive], np.int32), k).tolist() == [slow]


# -- what codes are for ----------------------------------------------------------------------------


def test_codes_are_sparse_ascending_and_in_range() -> None:
    codes = WinnerTakeAll(384).encode(np.random.default_rng(1).standard_normal((200, 384)))
    assert codes.shape == (200, 50)
    assert codes.dtype == np.int32
    assert (np.diff(codes, axis=1) > 0).all()
    assert codes.min() >= 0
    assert codes.max() < 16384


def test_units_share_the_work() -> None:
    """Random vectors use all units alike: the busiest is within chance (Poisson, mean 6) of the others."""
    codes = WinnerTakeAll(384).encode(np.random.default_rng(2).standard_normal((2000, 384)))
    used = np.bincount(codes.ravel(), minlength=16384)
    assert (used > 0).mean() > 0.99
    assert used.max() < 30


def test_overlap_grows_with_cosine() -> None:
    rng, wta = np.random.default_rng(3), WinnerTakeAll(384)
    found = []
    for cosine in (-0.5, 0.0, 0.3, 0.6, 0.8, 0.9, 0.99, 1.0):
        x, y = pairs_at(rng, 60, 384, cosine)
        found.append(shared(wta.encode(x), wta.encode(y)))
    assert found == sorted(found)
    assert found[1] < 1, "unrelated vectors share k^2 / n = 0.15 units"
    assert 4 < found[3] < 10
    assert 20 < found[5] < 28
    assert found[-1] == 50


def test_the_structured_projection_separates_as_well_as_a_random_matrix() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.choice([-1, 1], (16384, 384)).astype(np.float64)
    for cosine in (0.5, 0.8, 0.95):
        x, y = pairs_at(rng, 120, 384, cosine)
        plain = [winners((quantise(v) @ matrix.T).astype(np.int32), 50).astype(np.int32) for v in (x, y)]
        structured = [WinnerTakeAll(384).encode(v) for v in (x, y)]
        assert shared(*structured) == pytest.approx(shared(*plain), abs=1.0)


def test_describe_and_repr() -> None:
    assert WinnerTakeAll(384).describe() == "wta:16384:50:0"
    assert WinnerTakeAll(10, 64, 5, 3).describe() == "wta:64:5:3"
    assert repr(WinnerTakeAll(10, 64, 5, 3)) == "WinnerTakeAll(10, 64, 5, 3)"


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0,), "dimension"),
        ((8, 0), "n_units"),
        ((8, 16, 0), "n_active"),
        ((8, 16, 17), "n_active must be in .* 16"),
        ((8, 16, 4, -1), "seed"),
    ],
)
def test_bad_settings_are_named(arguments: tuple[int, ...], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        WinnerTakeAll(*arguments)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.ones(8), "shape"),
        (np.ones((2, 7)), r"\(B, 8\), got \(2, 7\)"),
        (np.full((1, 8), np.nan), "NaN"),
        (np.full((1, 8), -np.inf), "NaN or infinity"),
        (np.array([[1.0] * 8, [0.0] * 8]), r"vectors\[1\] is zero"),
    ],
)
def test_bad_vectors_are_named(vectors: npt.NDArray[np.float64], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        WinnerTakeAll(8, 64, 4).encode(vectors)


def test_vectors_must_be_numbers_and_may_be_none_at_all() -> None:
    for vectors in (np.array([["a"] * 8]), np.ones((1, 8), complex), np.ones((1, 8), bool)):
        with pytest.raises(InvalidTypeError, match="dtype"):
            WinnerTakeAll(8, 64, 4).encode(vectors)
    assert WinnerTakeAll(8, 64, 4).encode(np.zeros((0, 8))).shape == (0, 4)
