"""Arrays of arrays: where their rows lie; and what rows sum to, whatever stands beside them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from nuonuo.arrays import MANY, SMALL, Growable, distinct, largest, spread, weighted


@pytest.mark.parametrize(
    "counts", [[], [0], [3, 0, 2], [0, MANY, 0, 0, 5], [1] * MANY + [0], [MANY - 1], [MANY]]
)
def test_the_numbers_of_each_row_come_one_after_another_however_many_there_are(counts: list[int]) -> None:
    starts = np.random.default_rng(0).integers(0, 1 << 40, len(counts))
    wanted = [start + at for start, count in zip(starts.tolist(), counts, strict=True) for at in range(count)]
    found = spread(starts, np.array(counts, np.int64))
    assert found.dtype == np.int64 and found.tolist() == wanted


@pytest.mark.parametrize("values", [[], [4], [7, 7], [3, 1, 2, 3, 1], [*range(9, 0, -1)]])
def test_of_values_each_stands_there_once_in_order(values: list[int]) -> None:
    found = distinct(np.array(values, np.int64))
    assert found.dtype == np.int64 and found.tolist() == sorted({*values})


@pytest.mark.parametrize("dtype", ["i1", "i4", "i8", "u1", "u8", "f4"])
@pytest.mark.parametrize("n", [9, SMALL, SMALL + 1])
def test_the_largest_are_those_of_any_numbers_the_least_of_their_kind_among_them(dtype: str, n: int) -> None:
    kind = np.finfo(dtype) if dtype == "f4" else np.iinfo(dtype)
    values = np.random.default_rng(n).choice(np.array([kind.min, 0, 1, kind.max], dtype), n)
    for k in (0, 1, n // 2, n, n + 1):
        slow = sorted(sorted(range(n), key=lambda at: (-values[at].item(), at))[:k])
        assert largest(values, k).tolist() == slow


def bits(values: np.ndarray) -> list[str]:
    return [value.hex() for value in values.tolist()]


@pytest.mark.parametrize("tokens", [0, 1, 7, 8, 9, 31, 130])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 260])
def test_what_a_row_sums_to_does_not_depend_on_the_others(n: int, tokens: int) -> None:
    rng = np.random.default_rng(n * 1000 + tokens)
    values = rng.standard_normal((n, tokens)).astype(np.float32)
    values[::3] = -0.0
    weights = rng.random(tokens).astype(np.float32)
    wanted = []
    for row in values:
        total = np.float32(0)
        for value, weight in zip(row, weights, strict=True):
            total += value * weight
        wanted.append(float(total).hex())  # where 0 is not -0
    found = weighted(values, weights)
    assert found.dtype == np.float32 and bits(found) == wanted
    assert bits(weighted(np.asfortranarray(values), weights)) == wanted
    assert [each for row in values for each in bits(weighted(row[None], weights))] == wanted


def test_what_grows_is_given_a_little_room_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuonuo.arrays.STEP", 1 << 12)
    grown, rooms = Growable(np.int64, (2,)), []
    for at in range(40_000):
        grown.append([(at, -at)])
        if not rooms or grown.nbytes != rooms[-1]:
            rooms.append(grown.nbytes)
    assert grown.data.tolist() == [[at, -at] for at in range(40_000)]
    for before, after in pairwise(rooms):
        assert after - before <= max(min(before / 2, 1 << 12), before / 64, 16 * 16)
        assert after > before * (1 + 1 / 65)  # and so not much oftener, however large it is
