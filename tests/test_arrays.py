"""Arrays of arrays: where their rows lie."""

from __future__ import annotations

import numpy as np
import pytest

from nuonuo.arrays import MANY, SMALL, distinct, largest, spread


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
