"""Repeats: turns in which the same words are asked, or answered to the user, again and again.

What a user tells twice happened twice, and a passage that is stored twice is the store's affair. A
question that is put again, and what an assistant says to everyone, are the same thing over again.
"""

from __future__ import annotations

from nuonuo.arrays import IntArray
from nuonuo.index.wordings import Wordings
from nuonuo.stores.base import Rows, may_repeat


class Repeats(Wordings):
    """The wordings of those that can repeat each other; every other row counts as said once."""

    def put(self, at: IntArray, rows: Rows) -> None:
        """As `Wordings.put`, for those that `may_repeat`."""
        may = may_repeat(rows)
        self._put(at[may], rows.traces.words.said[may])
