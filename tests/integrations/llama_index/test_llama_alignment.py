"""What a history and a session have in common: as long as can be, in order, and the latest."""

from __future__ import annotations

from functools import cache
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from nuonuo import Memory
from nuonuo_integrations.llama_index._alignment import aligned, repeated

LETTERS = st.text("abc", max_size=9)


def told(letters: str, who: str) -> list[Memory]:
    return [Memory(letter, role="user", id=f"{who}{at}") for at, letter in enumerate(letters)]


def longest(one: str, other: str) -> int:
    @cache
    def length(i: int, j: int) -> int:
        if i == len(one) or j == len(other):
            return 0
        if one[i] == other[j]:
            return 1 + length(i + 1, j + 1)
        return max(length(i + 1, j), length(i, j + 1))

    return length(0, 0)


@given(LETTERS, LETTERS)
def test_it_is_the_longest_in_order(history: str, session: str) -> None:
    given, stored = told(history, "g"), told(session, "s")
    found = aligned(given, stored)
    known = [memory for memory in found if memory is not None]
    assert len(known) == longest(history, session)
    assert all(memory is None or memory.text == one.text for one, memory in zip(given, found, strict=True))
    places = [stored.index(memory) for memory in known]
    assert places == sorted(set(places))


@given(st.text("abc", min_size=1, max_size=9), st.text("xyz", max_size=3), st.data())
def test_the_end_of_a_session_and_something_new(session: str, new: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(session) - 1))
    stored = told(session, "s")
    assert aligned(told(session[start:] + new, "g"), stored) == [*stored[start:], *[None] * len(new)]


def test_what_is_told_last_is_what_may_be_new() -> None:
    stored = told("a", "s")
    assert aligned(told("aa", "g"), stored) == [stored[0], None]
    stored = told("aba", "s")
    assert aligned(told("ax", "g"), stored) == [stored[2], None]
    stored = told("ab", "s")
    assert aligned(told("ba", "g"), stored) == [stored[1], None]


@given(LETTERS, LETTERS)
def test_what_a_queue_hands_on_again(queue: str, session: str) -> None:
    count = repeated(told(queue, "g"), told(session, "s"))
    if queue and queue in session:
        assert count == len(queue)
    else:
        ends = [at for at in range(len(queue)) if session.endswith(queue[:at])]
        assert count == max(ends, default=0)


def test_thousands_of_messages_with_one_changed() -> None:
    letters = [a + b + c for a, b, c in combinations("abcdefghijklmnopqrstuvwxyz", 3)]
    stored = [Memory(text, role="user", id=text) for text in letters]
    history = [*stored[:1300], Memory("new", role="user"), *stored[1301:]]
    found = aligned(history, [stored[1300], *stored])
    assert found == [*stored[:1300], None, *stored[1301:]]
