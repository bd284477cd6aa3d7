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

    Both are in order, and the order holds in what is found; of several ways the one that takes the latest.
    """
    found: list[Memory | None] = [None] * len(given)
    end, last = len(given), len(stored)
    while end and last and same(given[end - 1], stored[last - 1]):  # what most histories come down to
        end, last = end - 1, last - 1
        found[end] = stored[last]
    start = 0
    while start < min(end, last) and same(given[start], stored[start]):
        found[start] = stored[start]
        start += 1
    # lengths[i][j]: how many of given[start : start + i] are among stored[start : start + j], in order
    lengths = [[0] * (last - start + 1)]
    for one in given[start:end]:
        above, row = lengths[-1], [0]
        for j, other in enumerate(stored[start:last]):
            row.append(above[j] + 1 if same(one, other) else max(above[j + 1], row[j]))
        lengths.append(row)
    i, j = end - start, last - start
    while i and j:
        if same(given[start + i - 1], stored[start + j - 1]):
            i, j = i - 1, j - 1
            found[start + i] = stored[start + j]
        elif lengths[i - 1][j] >= lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return found


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
