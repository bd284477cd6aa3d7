"""Who asks or tells what again."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuonuo import Memory
from nuonuo.index.repeats import Repeats
from tests.fakes import indexed, some_left


def turn(role: str | None, text: str, session: str | None = "s") -> Memory:
    return Memory(text, role=role, session_id=session)


def can_repeat(memory: Memory) -> bool:
    return memory.session_id is not None and (memory.role == "assistant" or memory.text.endswith("?"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (turn("assistant", "I do not know."), turn("assistant", " i do NOT  know", "t"), True),
        (turn("user", "Where is Rex?"), turn("user", "where is rex?", "t"), True),
        (turn("assistant", "\ud800"), turn("assistant", "\ud800"), True),
        (turn("assistant", "I like cats."), turn("assistant", "I do not like cats."), False),
        (turn("assistant", "It costs $5."), turn("assistant", "It costs \u20ac5."), False),
        (turn("assistant", "He lives in Oslo."), turn("assistant", "He lived in Oslo."), False),
        (turn("assistant", "The code is 4471."), turn("assistant", "The code is 4471?"), False),
        (turn("assistant", "Where is Rex?"), turn("user", "Where is Rex?"), False),
        (turn("user", "I took my pills."), turn("user", "I took my pills."), False),
        (turn(None, "I took my pills."), turn(None, "I took my pills."), False),
        (turn("user", "Where is Rex?", None), turn("user", "Where is Rex?", None), False),
    ],
)
def test_the_same(one: Memory, other: Memory, same: bool) -> None:
    repeats, rows = indexed(Repeats(), [one, other]), np.arange(2)
    assert repeats.times(rows).tolist() == [1 + same] * 2
    assert repeats.same(rows, 0).tolist() == [can_repeat(one), same]
    assert repeats.distinct(rows).tolist() == ([0] if same else [0, 1])


TURNS = st.lists(
    st.builds(turn, st.sampled_from(["user", "assistant"]), st.sampled_from(["yes", "no", "rex?"])),
    min_size=1,
    max_size=12,
)


@given(TURNS, st.randoms(use_true_random=False))
def test_counts_follow_what_is_left(turns: list[Memory], rng: random.Random) -> None:
    repeats = indexed(Repeats(), turns)
    left = some_left(repeats, turns, rng)
    said = [turns[row] for row in left]
    counted = [said.count(one) if can_repeat(one) else 1 for one in said]
    assert repeats.times(np.array(left, np.int64)).tolist() == counted
    assert repeats.nbytes > 0
