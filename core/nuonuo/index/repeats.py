"""Repeats: turns in which the same words are asked, or answered to the user, again and again.

What a user tells twice happened twice, and a passage that is stored twice is the store's affair. A
question that is put again, and what an assistant says to everyone, are the same thing over again.
"""

from __future__ import annotations

from nuonuo.index.sessions import asks
from nuonuo.index.wordings import Wordings
from nuonuo.records import Memory


class Repeats(Wordings):
    """The wordings of those that can repeat each other; every other row counts as said once."""

    def put(self, row: int, memory: Memory) -> None:
        """As `Wordings.put`, for a session's turns that ask, or that another than the user says."""
        told = memory.role not in (None, "user")
        if memory.session_id is not None and (told or asks(memory.text)):
            super().put(row, memory)
