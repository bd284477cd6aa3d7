"""The names of namespaces, sorted: those that begin alike are found without a look at the others."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import takewhile


class Names:
    """A set of names, in order; not safe for threads by itself."""

    def __init__(self) -> None:
        self._sorted: list[str] = []
        self._known: set[str] = set()

    def add(self, names: Iterable[str]) -> None:
        """Take in ``names``."""
        new = set(names) - self._known
        self._known |= new
        if len(new) > 100:
            self._sorted = sorted(self._known)
        else:
            for name in new:
                insort(self._sorted, name)

    def discard(self, names: Iterable[str]) -> None:
        """Drop ``names``; one that is not here counts for nothing."""
        for name in self._known.intersection(names):
            del self._sorted[bisect_left(self._sorted, name)]
            self._known.remove(name)

    def under(self, prefix: str) -> list[str]:
        """Those that begin with ``prefix``, sorted."""
        first = bisect_left(self._sorted, prefix)
        found = (self._sorted[at] for at in range(first, len(self._sorted)))
        return list(takewhile(lambda name: name.startswith(prefix), found))
