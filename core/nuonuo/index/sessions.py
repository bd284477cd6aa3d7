"""Sessions: which turn stands beside which, and which one answers the one before it.

Turns of one session are neighbours in the order in which they came. Where a turn asks and another
speaker has the next one, that one is its reply: what was asked goes without saying in the answer
("How long have you lived there?" - "Since May."), so an answer is completed by the words of its question.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import Growable, IntArray
from nuonuo.index.columns import ABSENT
from nuonuo.traces import WordColumns

NOBODY = -1


class Sessions:
    """The order of the rows within each session of a namespace."""

    def __init__(self) -> None:
        self._session = Growable(np.int32)  # by row: the number of its session, ABSENT for none
        self._speaker = Growable(np.uint64)  # by row: who says it, 0 for nobody
        self._asks = Growable(np.bool_)
        self._beside = Growable(np.int64, (2,))  # by row: the row before it, the row after it
        self._replies = Growable(np.bool_)  # by row: it answers the row before it
        self._last = Growable(np.int64)  # by session: its last row
        self._newest = NOBODY  # the last row that stands, or stood, in any

    def extend(self, n: int) -> None:
        """Make room for ``n`` more rows; they stand in no session until they are `put`."""
        self._session.extend(n, ABSENT)
        self._speaker.extend(n)
        self._asks.extend(n)
        self._beside.extend(n, NOBODY)
        self._replies.extend(n)

    def put(self, rows: IntArray, sessions: npt.NDArray[np.int32], words: WordColumns) -> None:
        """Give ``rows`` (N,), new or cleared, their places in ``sessions`` (N,): numbers, or `ABSENT`."""
        inside = np.flatnonzero(sessions != ABSENT)
        if not len(inside):
            return
        rows, sessions = rows[inside], sessions[inside]
        self._session.data[rows] = sessions
        self._speaker.data[rows], self._asks.data[rows] = words.speaker[inside], words.asks[inside]
        self._last.extend(max(int(sessions.max()) + 1 - len(self._last), 0), NOBODY)
        if rows[0] > self._newest:
            self._append(rows, sessions)
        else:
            for row, session in zip(rows.tolist(), sessions.tolist(), strict=True):
                self._insert(row, session)
        self._newest = max(self._newest, int(rows[-1]))

    def _append(self, rows: IntArray, sessions: npt.NDArray[np.int32]) -> None:
        order = np.argsort(sessions, kind="stable")
        rows, sessions = rows[order], sessions[order]
        begins = np.diff(sessions, prepend=ABSENT) != 0
        before = np.where(begins, self._last.data[sessions], np.roll(rows, 1))
        ends = np.append(begins[1:], True)
        self._last.data[sessions[ends]] = rows[ends]
        self._beside.data[rows, 0] = before
        follows = before != NOBODY
        before, rows = before[follows], rows[follows]
        self._beside.data[before, 1] = rows
        self._replies.data[rows] = self._answers(before, rows)

    def _insert(self, row: int, session: int) -> None:
        members = np.flatnonzero(self._session.data == session)
        at = int(members.searchsorted(row))
        after = int(members[at + 1]) if at + 1 < len(members) else NOBODY
        self._tie(int(members[at - 1]) if at else NOBODY, row)
        self._tie(row, after)
        if after == NOBODY:
            self._last.data[session] = row

    def clear(self, row: int) -> None:
        """Take ``row`` out of its session; its neighbours close ranks."""
        session = int(self._session.data[row])
        if session == ABSENT:
            return
        before, after = self._beside.data[row].tolist()
        self._tie(before, after)
        if after == NOBODY:
            self._last.data[session] = before
        self._session.data[row], self._speaker.data[row] = ABSENT, 0
        self._beside.data[row] = NOBODY
        self._replies.data[row] = self._asks.data[row] = False

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

    def beside(self, row: int) -> tuple[int, int]:
        """The rows before and after ``row`` in its session, -1 for none."""
        before, after = self._beside.data[row].tolist()
        return before, after

    @property
    def order(self) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """The row before and the row after each row (n, 2), -1 for none; and whether it is a reply (n,)."""
        return self._beside.data, self._replies.data

    def inside(self, rows: IntArray) -> npt.NDArray[np.bool_]:
        """Whether each of ``rows`` (C,) stands in a session."""
        return np.asarray(self._session.data[rows] != ABSENT)

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
        sessions = self._session.data[rows].tolist()
        members: dict[int, list[int]] = {}
        for row, session in zip(rows.tolist(), sessions, strict=True):
            members.setdefault(session, []).append(place[row])
        members.pop(ABSENT, None)
        return {
            "sessions": sorted(members.values()),
            "neighbours": [[place[row] for row in pair] for pair in self._beside.data[rows].tolist()],
            "last": sorted(place[int(self._last.data[session])] for session in members),
            "replies": self._replies.data[rows].tolist(),
            "asking": self._asks.data[rows].tolist(),
        }

    @property
    def nbytes(self) -> int:
        arrays = (self._session, self._speaker, self._asks, self._beside, self._replies, self._last)
        return sum(array.nbytes for array in arrays)

    def _tie(self, before: int, after: int) -> None:
        if before != NOBODY:
            self._beside.data[before, 1] = after
        if after != NOBODY:
            self._beside.data[after, 0] = before
            self._replies.data[after] = before != NOBODY and self._answers(before, after)

    def _answers(self, before: Any, after: Any) -> Any:
        """Whether the rows ``after`` (C,) answer the rows ``before`` (C,): another speaks, who was asked."""
        one, other = self._speaker.data[before], self._speaker.data[after]
        return self._asks.data[before] & (one != 0) & (other != 0) & (one != other)
