"""Which of a history's messages a session holds already: the longest common subsequence of the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock

from nuonuo import Memory
from nuonuo_integrations.llama_index._messages import MESSAGE_KEY, message_of, text_of

_SPEAKERS = (MessageRole.USER, MessageRole.ASSISTANT)


def aligned(given: Sequence[Memory], stored: Sequence[Memory]) -> list[Memory | None]:
    """For each of ``given`` the one of ``stored`` that it is; None where it is none of them.

    Both are in order, and the order holds in what is found. Of several ways it is the one that takes the
    latest of ``stored``, for the first of ``given``: what a history tells last is what may be new.

    The longest common subsequence, bit-parallel (Hyyrö 2004): of row i, bit j is unset where the first i + 1
    of ``given`` have one more in common with the first j + 1 of ``stored`` than with the first j.
    """
    full = (1 << len(stored)) - 1
    rows, row = [], full
    where = _Where(stored)
    for one in given:
        both = row & where.same_as(one)
        row = ((row + both) | (row - both)) & full
        rows.append(row)

    def length(i: int, j: int) -> int:
        return j - (rows[i - 1] & ((1 << j) - 1)).bit_count() if i else 0

    found: list[Memory | None] = [None] * len(given)
    i, j = len(given), len(stored)
    while i and j:
        if length(i - 1, j) == length(i, j):
            i -= 1
        elif where.same_as(given[i - 1]) >> (j - 1) & 1:
            i, j = i - 1, j - 1
            found[i] = stored[j]
        else:
            j -= 1
    return found


class _Where:
    """Where in ``stored`` each message stands, as the bits of a number."""

    def __init__(self, stored: Sequence[Memory]) -> None:
        self._stored = stored
        self._places: dict[tuple[str | None, str], list[int]] = {}
        for at, memory in enumerate(stored):
            self._places.setdefault((memory.role, memory.text), []).append(at)
        self._known: dict[tuple[str | None, str, str], int] = {}

    def same_as(self, memory: Memory) -> int:
        key = memory.role, memory.text, str(memory.metadata.get(MESSAGE_KEY))
        if key not in self._known:
            places = self._places.get((memory.role, memory.text), ())
            self._known[key] = sum(1 << at for at in places if same(memory, self._stored[at]))
        return self._known[key]


def repeated(given: Sequence[Memory], stored: Sequence[Memory]) -> int:
    """How many of the first of ``given`` the end of ``stored`` holds; all where they stand in it anywhere."""
    for start in range(len(stored)):
        if all(map(same, given, stored[start:])):
            return min(len(given), len(stored) - start)
    return 0


def same(given: Memory, stored: Memory) -> bool:
    """Whether ``given`` is the message that was stored as ``stored``, and says nothing beyond it.

    Clients that keep a history often keep its words alone: a message may come back without the images, the
    tool calls or the provider's keys that were put with it, or with keys of the client's own.
    """
    if (given.role, given.text) != (stored.role, stored.text):
        return False
    form, known = given.metadata.get(MESSAGE_KEY), stored.metadata.get(MESSAGE_KEY)
    if form == known:
        return True
    one, other = message_of(given), message_of(stored)
    if one.role not in _SPEAKERS:  # what a tool found is told by the call that it answers
        return one == other
    rest, text = _rest(one), text_of(one).strip()
    if text != text_of(other).strip() or (rest != _rest(other) and (rest or not text)):
        return False
    common = one.additional_kwargs.keys() & other.additional_kwargs.keys()
    return all(one.additional_kwargs[key] == other.additional_kwargs[key] for key in common)


def _rest(message: ChatMessage) -> list[Any]:
    return [block for block in message.blocks if not isinstance(block, TextBlock)]
