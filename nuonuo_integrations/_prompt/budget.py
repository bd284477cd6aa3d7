"""How much of what is recalled fits into a prompt, alone or beside the newest turns."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence, Sized
from datetime import tzinfo
from typing import NamedTuple

from nuonuo import Recall
from nuonuo_integrations._prompt.render import Shown, block, passage, whole, zone_in

TokenCounter = Callable[[str], int | Sized]  # how many tokens a text has, or the tokens themselves


class Fitted(NamedTuple):
    """What goes into a prompt: how many of the newest turns, and the text of what is recalled."""

    turns: int
    recalled: str


def fit(
    recall: Recall,
    max_tokens: float | None,
    count: TokenCounter | None = None,
    *,
    timezone: tzinfo | str | None = None,
) -> str:
    """The marked text of the hits that fit into ``max_tokens``, the best first; empty where none does.

    A memory that is too long is shown by the passage of it that answers.

    Args:
        max_tokens: the budget for the whole text with its marks; None for no limit.
        count: tokens of a text, as a number or as a list of them; `approximate_tokens` where None.
        timezone: as for `render`.
    """
    counted, zone = counter(count), zone_in(recall, timezone)

    def text_of(shown: Sequence[Shown]) -> str:
        return block(shown, recall.confidence, zone)

    wholes = [whole(hit) for hit in recall]
    text = text_of(wholes)
    if max_tokens is None or counted(text) <= max_tokens:
        return text
    kept: list[Shown] = []
    text = ""
    for each in wholes:
        for form in filter(None, (each, passage(each.hit))):
            longer = text_of([*kept, form])
            if counted(longer) <= max_tokens:
                kept, text = [*kept, form], longer
                break
    return text


def fit_turns(
    question: str,
    turns: Sequence[str],
    ids: Sequence[str],
    recall: Callable[[Collection[str]], Recall],
    *,
    max_tokens: int | None = None,
    count: TokenCounter | None = None,
    timezone: tzinfo | str | None = None,
) -> Fitted:
    """Share a token budget between the newest turns and what is recalled; the question is never cut.

    The question's own tokens come off the budget first. The newest turns have a right to half of what
    is left, what is recalled takes what they leave, and more turns take what that leaves. No memory
    is shown twice.

    Args:
        question: what the user asks now; it stands elsewhere in the prompt.
        turns: the newest turns as they will be shown, oldest first.
        ids: the id of each turn.
        recall: what is recalled beyond the turns with the ids that it is given.
        timezone: as for `render`.
    """
    counted = counter(count)
    if max_tokens is None:
        return Fitted(len(turns), fit(recall(ids), None, count, timezone=timezone))
    room = max_tokens - counted(question)
    costs = [counted(turn) for turn in turns]
    kept = _newest(costs, room / 2)
    left = room - sum(costs[len(costs) - kept :])
    shown = fit(recall(ids[len(ids) - kept :]), left, count, timezone=timezone)
    used = counted(shown) if shown else 0
    more = _newest(costs, room - used)
    if more > kept:
        # What is now shown as a turn leaves the block, and what takes its place gets no more room.
        again = fit(recall(ids[len(ids) - more :]), used, count, timezone=timezone)
        return Fitted(more, again)
    return Fitted(kept, shown)


def counter(count: TokenCounter | None) -> Callable[[str], int]:
    """``count`` as a function to a number: what it gives is a number of tokens, or the tokens."""
    if count is None:
        return approximate_tokens

    def counted(text: str) -> int:
        found = count(text)
        return found if isinstance(found, int) else len(found)

    return counted


def approximate_tokens(text: str) -> int:
    """About how many tokens a model reads in ``text``: 4 letters each, 2 of other alphabets, 1 of CJK."""
    quarters = sum(1 if char < "\u0250" else 2 if char < "\u2e80" else 4 for char in text)
    return math.ceil(quarters / 4)


def _newest(costs: Sequence[int], room: float) -> int:
    kept, spent = 0, 0
    for cost in reversed(costs):
        spent += cost
        if spent > room:
            break
        kept += 1
    return kept
