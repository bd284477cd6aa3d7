"""A store that is a way away, where each question costs more than its answer.

Beside `Store` it has `Distant`: one look gives memories and tells whether what led to them still holds, so
that a reader need ask but once (`nuonuo.index.shards.Shards.told`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from nuonuo.records import Memory
from nuonuo.stores.base import Cursor


@runtime_checkable
class Distant(Protocol):
    """A store that tells by one question what `Store.version` and `Store.get_seqs` tell by two."""

    def look(self, namespace: str, seqs: Sequence[int]) -> tuple[Cursor, list[Memory | None]]:
        """The cursor of a reader that has followed all of ``namespace``, and memories as `Store.get_seqs`.

        Both are of one state: whoever has that cursor has the namespace as it was when these were read.
        """
        ...
