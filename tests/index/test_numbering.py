"""Numbers for keys, held against a dict."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nuonuo import kernels
from nuonuo.numbering import EMPTY, Numbering


@pytest.fixture(autouse=True, params=["numpy", "numba"])
def by(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "numba":
        pytest.importorskip("numba")
    kernels.use(request.param)
    yield
    kernels.use("numpy")


def keys_of(numbers: list[int]) -> Any:
    return np.array(numbers, np.uint64)


@pytest.mark.parametrize("kinds", [30, 3000, 1 << 64])
def test_it_is_a_dict(kinds: int) -> None:
    rng, numbering, known, size = random.Random(kinds), Numbering(), dict[int, int](), 0
    for _ in range(200):
        if known and rng.random() < 0.5:
            for key in rng.sample(sorted(known), len(known) // 3):
                numbering.remove(key)
                del known[key]
        asked = [rng.randrange(kinds) for _ in range(rng.randrange(60))]
        found, new = numbering.number(keys_of(asked), size)
        fresh = [key for key in dict.fromkeys(asked) if key not in known]
        known.update(zip(fresh, range(size, size + len(fresh)), strict=True))
        size += len(fresh)
        assert new.tolist() == fresh
        assert found.tolist() == [known[key] for key in asked]
        others = [rng.randrange(kinds) for _ in range(20)]
        assert numbering.find(keys_of(others)).tolist() == [known.get(key, EMPTY) for key in others]
        assert [numbering.get(key) for key in others] == [known.get(key) for key in others]
        assert len(numbering) == len(known) and numbering.items() == sorted(known.items())


def test_the_least_and_the_greatest_key_are_keys() -> None:
    numbering, ends = Numbering(), [0, (1 << 64) - 1]
    assert [numbering.get(key) for key in ends] == [None, None]
    assert numbering.number(keys_of([*ends, 0]), 7)[0].tolist() == [7, 8, 7]
    numbering.remove(0)
    assert numbering.get(0) is None and numbering.find(keys_of(ends)).tolist() == [EMPTY, 8]
    with pytest.raises(KeyError):
        numbering.remove(0)


def test_what_was_taken_back_leaves_no_key_behind() -> None:
    numbering = Numbering()
    numbering.number(keys_of([1 << 63 | 12345]), 0)
    numbering.remove(1 << 63 | 12345)
    assert not numbering._keys.any()


def test_it_stays_small_whatever_comes_and_goes() -> None:
    numbering = Numbering()
    for step in range(500):
        several = [step * 10 + each for each in range(10)]
        numbering.number(keys_of(several), step * 10)
        for key in several:
            numbering.remove(key)
    assert numbering.nbytes < 5000


def test_keys_may_lie_anywhere() -> None:
    numbering, keys = Numbering(), keys_of([*range(100), 5, 1 << 63])
    read = np.frombuffer(b"?" + keys.tobytes(), "<u8", offset=1)  # not aligned, and nobody may write there
    every_second = np.repeat(keys, 2)[::2]
    found = [numbering.number(each, 0)[0].tolist() for each in (read, every_second)]
    assert found[0] == found[1] == [*range(100), 5, 100]
