"""Looking through a store for what is damaged, memory by memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nuonuo.errors import NotAStoreError
from nuonuo.stores.base import Store

PAGE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        seq: the place of the memory in the order of arrival. name: which it is, by id and namespace as far
            as they can be read. told: what is wrong with it.
    """

    seq: int
    name: str
    told: str


def examine(store: Store, progress: Callable[[int], None] = lambda done: None) -> list[Finding]:
    """Read each memory of ``store`` with its traces, and say which cannot be read as they were written.

    A page that cannot be read is read one by one, so that each damaged memory is named.
    """
    found: list[Finding] = []
    after, done = 0, 0
    while True:
        try:
            page = [seq for seq, _, _ in store.scan(after, PAGE)]
        except NotAStoreError:
            page = _one_by_one(store, after, found)
        if not page:
            return found
        after, done = page[-1], done + len(page)
        progress(done)


def _one_by_one(store: Store, after: int, found: list[Finding]) -> list[int]:
    seqs = store.seqs(after, PAGE)
    for seq in seqs:
        try:
            store.scan(seq - 1, 1)
        except NotAStoreError as error:
            found.append(Finding(seq, _name(store, seq), str(error)))
    return seqs


def _name(store: Store, seq: int) -> str:
    """What a damaged memory says that it is."""
    try:
        (memory,) = (memory for _, memory, _ in store.scan(seq - 1, 1, unchecked=True))
    except (NotAStoreError, ValueError):
        return f"memory number {seq}, whose id cannot be read"
    return f"memory {memory.id!r} of {memory.namespace!r} (number {seq})"
