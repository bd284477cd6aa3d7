"""Sessions: which turn stands beside which, and which one answers the one before it.

Turns of one session are neighbours in the order in which they came. Where a turn asks and another
speaker has the next one, that one is its reply: what was asked goes without saying in the answer
("How long have you lived there?" - "Since May."), so an answer is completed by the words of its question.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import numpy as np
import numpy.typing as npt

from nuonuo.encoding.sentences import label
from nuonuo.index.arrays import Growable, IntArray
from nuonuo.records import Memory

NOBODY = -1
ASKED = 60  # characters at the end of a turn, where a question that waits for its answer stands
_QUESTION = re.compile(r"[?\uff1f\u061f\u037e](?=[\W_]|$)")  # Latin, full-width, Arabic, Greek


def asks(text: str) -> bool:
    """Whether a turn ends in a question, or close to it."""
    return _QUESTION.search(text, max(len(text) - ASKED, 0)) is not None


def speaker(memory: Memory) -> str | None:
    """Who says it: the role, or the name before a colon; None where neither is there."""
    return memory.role or label(memory.text) or None


class Sessions:
    """The order of the rows within each session of a namespace."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}
        self._session: list[str | None] = []
        self._speaker: list[str | None] = []
        self._inside = Growable(np.bool_)  # by row: it stands in a session
        self._asks = Growable(np.bool_)
        self._beside = Growable(np.int64, (2,))  # by row: the row before it, the row after it
        self._replies = Growable(np.bool_)  # by row: it answers the row before it

    def append(self) -> None:
        """Make room for the next row; it stands in no session until it is `put`."""
        self._session.append(None)
        self._speaker.append(None)
        self._inside.append([False])
        self._asks.append([False])
        self._beside.append([[NOBODY, NOBODY]])
        self._replies.append([False])

    def put(self, row: int, memory: Memory) -> None:
        """Give ``row``, which must be new or cleared, its place in its session, if it has one."""
        if memory.session_id is None:
            return
        rows = self._rows.setdefault(memory.session_id, [])
        at = bisect_left(rows, row)
        rows.insert(at, row)
        self._session[row], self._speaker[row] = memory.session_id, speaker(memory)
        self._inside.data[row], self._asks.data[row] = True, asks(memory.text)
        self._tie(rows[at - 1] if at else NOBODY, row)
        self._tie(row, rows[at + 1] if at + 1 < len(rows) else NOBODY)

    def clear(self, row: int) -> None:
        """Take ``row`` out of its session; its neighbours close ranks."""
        session = self._session[row]
        if session is None:
            return
        rows = self._rows[session]
        del rows[bisect_left(rows, row)]
        if not rows:
            del self._rows[session]
        before, after = self._beside.data[row].tolist()
        self._tie(before, after)
        self._beside.data[row] = NOBODY
        self._replies.data[row] = self._asks.data[row] = self._inside.data[row] = False
        self._session[row] = self._speaker[row] = None

    def neighbours(self, rows: IntArray) -> IntArray:
        """For each of ``rows`` (C,) its neighbours in its session: (4, C), -1 for none.

        One turn before, one turn after, two turns before, two turns after.
        """
        beside, found = self._beside.data, np.empty((4, len(rows)), np.int64)
        found[:2] = beside.take(rows, axis=0).T
        # index -1 reads the last row; the mask puts the -1 back
        found[2] = np.where(found[0] >= 0, beside[found[0], 0], NOBODY)
        found[3] = np.where(found[1] >= 0, beside[found[1], 1], NOBODY)
        return found

    def named(self, row: int) -> str | None:
        """The session of ``row``."""
        return self._session[row]

    def inside(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each of ``rows`` (C,) stands in a session."""
        found: npt.NDArray[np.bool_] = self._inside.data[rows]
        return found

    def asking(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each of ``rows`` (C,) is a turn of a session that asks."""
        found: npt.NDArray[np.bool_] = self._asks.data[rows]
        return found

    def replies(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each of ``rows`` (C,) answers the turn before it; False for `NOBODY`."""
        found: npt.NDArray[np.bool_] = self._replies.data[rows] & (rows >= 0)
        return found

    def state(self, place: dict[int, int]) -> dict[str, object]:
        """What is known, rows renamed by ``place``: for comparing two states."""
        rows = np.array([row for row in place if row != NOBODY], np.int64)
        return {
            "sessions": {name: [place[row] for row in members] for name, members in self._rows.items()},
            "neighbours": [[place[row] for row in pair] for pair in self._beside.data[rows].tolist()],
            "replies": self._replies.data[rows].tolist(),
            "asking": self._asks.data[rows].tolist(),
        }

    @property
    def nbytes(self) -> int:
        arrays = (self._inside, self._asks, self._beside, self._replies)
        return sum(array.nbytes for array in arrays) + len(self._session) * 24

    def _tie(self, before: int, after: int) -> None:
        if before != NOBODY:
            self._beside.data[before, 1] = after
        if after != NOBODY:
            self._beside.data[after, 0] = before
            self._replies.data[after] = before != NOBODY and self._answers(before, after)

    def _answers(self, before: int, after: int) -> bool:
        one, other = self._speaker[before], self._speaker[after]
        return bool(self._asks.data[before]) and None not in (one, other) and one != other
