"""Copying a store into another one: memories with their traces as they are, and associations.

It streams, page by page in the order of arrival, embeds nothing, and goes on where it was interrupted: what
is in the target already, and equal, is passed over. Then both are read again, side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nuonuo.errors import InvalidInputError, NotAStoreError
from nuonuo.records import Memory
from nuonuo.stores.base import Store
from nuonuo.stores.codec import pack_memory, to_microseconds
from nuonuo.stores.layout import pack_traces
from nuonuo.traces import Traces

PAGE = 1000
Progress = Callable[[str, int, int], None]  # what is done, of how many memories, how many of them


@dataclass(frozen=True, slots=True)
class Migrated:
    """What `migrate` did.

    Attributes:
        copied: memories written by this call. present: those that were there already.
        associations: explicit ones that the target has of the source's.
    """

    copied: int
    present: int
    associations: int


def migrate(source: Store, target: Store, progress: Progress = lambda what, total, done: None) -> Migrated:
    """Copy all of ``source`` into ``target``, and verify it row by row.

    ``target`` may hold other memories, and those that an interrupted call has copied. Nothing that was
    there before is changed. Nobody should write in ``source`` meanwhile.

    Raises:
        InvalidInputError: ``source`` holds nothing yet; or an id of it is in ``target`` with another content.
        EmbedderMismatchError: ``target`` was made with another embedder; nothing is changed.
        NotAStoreError: what was written is not what is read again.
    """
    identity = source.identity()
    if identity is None:
        raise InvalidInputError(f"{source.path!r} holds no memories yet; there is nothing to copy")
    target.claim(identity)
    total, copied, present = source.counts().memories, 0, 0
    for page in _pages(source):
        known = target.get([str(memory.id) for _, memory, _ in page])
        new = []
        for (_, memory, traces), there in zip(page, known, strict=True):
            if there is None:
                new.append((memory, traces))
            elif _packed(there) != _packed(memory):
                raise InvalidInputError(
                    f"the id {memory.id!r} is in {target.path!r} already, with another content; forget it in "
                    "one of the two, or copy to a new one. What was copied before it stays"
                )
        target.insert(None, new)
        copied, present = copied + len(new), present + len(page) - len(new)
        progress("copied", total, copied + present)
    associations = _associate(source, target)
    _verify(source, target, lambda done: progress("verified", total, done))
    return Migrated(copied, present, associations)


def _associate(source: Store, target: Store) -> int:
    """Set in ``target`` what associations ``source`` has, and return how many those are."""
    known = {(one, other): weight for one, other, weight in target.associations()}
    count = 0
    for one, other, weight in source.associations():
        if known.get((one, other)) != weight:
            target.associate(one, other, weight)
        count += 1
    return count


def _verify(source: Store, target: Store, progress: Callable[[int], None]) -> None:
    """Raise `NotAStoreError` unless ``target`` has each row of ``source``, in the same order, and equal."""
    there = _rows(target)
    done = 0
    for memory, traces in _rows(source):
        other, kept = next((row for row in there if row[0].id == memory.id), (None, None))
        if other is None or kept is None:
            raise _differs(source, target, memory, "missing, or stands in another order")
        if _packed(other) != _packed(memory) or pack_traces(kept) != pack_traces(traces):
            raise _differs(source, target, memory, "not the same")
        done += 1
        if done % PAGE == 0:
            progress(done)
    progress(done)
    wanted, got = set(source.associations()), set(target.associations())
    if not wanted <= got:
        raise NotAStoreError(
            f"{len(wanted - got)} associations of {source.path!r} are not in {target.path!r}; were they "
            "written meanwhile? Copy again while nobody writes"
        )


def _differs(source: Store, target: Store, memory: Memory, how: str) -> NotAStoreError:
    return NotAStoreError(
        f"the memory {memory.id!r} of {source.path!r} is {how} in {target.path!r}; was it written meanwhile? "
        "Copy again while nobody writes, to a new place"
    )


def _pages(store: Store) -> Iterator[Sequence[tuple[int, Memory, Traces]]]:
    after = 0
    while page := store.scan(after, PAGE):
        yield page
        after = page[-1][0]


def _rows(store: Store) -> Iterator[tuple[Memory, Traces]]:
    return ((memory, traces) for page in _pages(store) for _, memory, traces in page)


def _packed(memory: Memory) -> tuple[str | None, int | None, bytes]:
    return memory.namespace, to_microseconds(memory.timestamp), pack_memory(memory)
