"""Repeats: turns in which the same words are asked, or answered to the user, again and again.

What a user tells twice happened twice, and a passage that is stored twice is the store's affair. A
question that is put again, and what an assistant says to everyone, are the same thing over again.
"""

from __future__ import annotations

import numpy as np

from nuonuo.arrays import IntArray
from nuonuo.index.wordings import Wordings
from nuonuo.stores.base import Rows


class Repeats(Wordings):
    """The wordings of those that can repeat each other; every other row counts as said once."""

    def put(self, at: IntArray, rows: Rows) -> None:
        """As `Wordings.put`, for a session's turns that ask, or that another than the user says."""
        told = np.array([role not in (None, "user") for role in rows.roles], np.bool_)
        turns = np.array([session is not None for session in rows.sessions], np.bool_)
        words = rows.traces.words
        may = turns & (told | words.asks)
        self._put(at[may], words.said[may])
