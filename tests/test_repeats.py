"""Who says what again: the same words by the same speaker."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuonuo.repeats import Repeats
from nuonuo.words import Analyzer

ANALYZER = Analyzer("english")


def filled(turns: list[tuple[str | None, str]]) -> Repeats:
    repeats = Repeats()
    for row, turn in enumerate(turns):
        repeats.append()
        put(repeats, row, turn)
    return repeats


def put(repeats: Repeats, row: int, turn: tuple[str | None, str]) -> None:
    repeats.put(row, turn[0], ANALYZER.stems(turn[1]), turn[1])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("user", "I like cats."), ("user", "i like CATS"), True),
        (("user", "I like cats."), ("user", "I do not like cats."), False),
        (("user", "I like cats."), ("assistant", "I like cats."), False),
        (("user", "I like cats."), (None, "I like cats."), False),
        (("user", "The code is 4471."), ("user", "The code is 8832."), False),
        (("user", "Ana likes Rex"), ("user", "Rex likes Ana"), False),
        ((None, "🐶"), (None, "🐱"), False),
        ((None, "\ud800"), (None, "\ud800"), True),
    ],
)
def test_the_same(one: tuple[str | None, str], other: tuple[str | None, str], same: bool) -> None:
    repeats = filled([one, other])
    first, second = repeats.wordings(np.arange(2)).tolist()
    assert (first == second) is same
    assert repeats.times(np.arange(2)).tolist() == [1 + same] * 2


TURNS = st.lists(
    st.tuples(st.sampled_from(["user", None]), st.sampled_from(["yes", "no", "rex"])), min_size=1, max_size=12
)


@given(TURNS, st.randoms(use_true_random=False))
def test_counts_follow_what_is_left(turns: list[tuple[str | None, str]], rng: random.Random) -> None:
    repeats = filled(turns)
    gone = rng.sample(range(len(turns)), rng.randint(0, len(turns)))
    back = rng.sample(gone, rng.randint(0, len(gone)))
    for row in gone:
        repeats.clear(row)
    for row in back:
        put(repeats, row, turns[row])
    left = [row for row in range(len(turns)) if row not in gone or row in back]
    rows, said = np.array(left, np.int64), [turns[row] for row in left]
    assert repeats.times(rows).tolist() == [said.count(turn) for turn in said]
    assert repeats.nbytes > 0
