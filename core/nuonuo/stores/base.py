"""The store: what holds the truth. Everything else in NuoNuo is derived from it.

A store keeps records in the order in which they came, gives each a `seq` that ascends and is never
used twice, and tells what has changed since a cursor, so that the derived state of a namespace
(`nuonuo.index.shard`) can follow its own writes and those of other processes by one and the same way.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from nuonuo.arrays import IntArray
from nuonuo.records import Memory
from nuonuo.traces import Columns, Identity, Traces, Words

Revision = Callable[[Memory], Mapping[str, Any] | None]

NO_TIME = int(np.iinfo(np.int64).min)  # the stamp of a memory without a timestamp
PAGE = 4096  # new rows told of at once: some 15 MB; three pages of them are there at a time
JOURNAL_LENGTH = 10_000  # entries that a reader may lag behind before it must start afresh


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """N stored memories of one namespace, one at least, column by column.

    Attributes:
        seqs: (N,) int64, ascending: their places in the order of arrival.
        ids, roles, sessions: as in `Memory`. metadata: as JSON; "" for none.
        stamps: (N,) int64, microseconds since 1970 in UTC, `NO_TIME` for none.
        days: (N,) bool, `Memory.all_day`.
        traces: what the encoder left of them.
        memory: from a place among the N to the memory itself. A store may read it only then: as it has become
            by now, and one without an id where it is gone, of which the next changes tell.
    """

    seqs: IntArray
    ids: Sequence[str]
    roles: Sequence[str | None]
    sessions: Sequence[str | None]
    metadata: Sequence[str]
    stamps: IntArray
    days: npt.NDArray[np.bool_]
    traces: Columns
    memory: Callable[[int], Memory]

    def __len__(self) -> int:
        return len(self.seqs)

    def take(self, at: IntArray) -> Rows:
        """Those at the places ``at`` (C,), one at least."""
        places: list[int] = at.tolist()
        return Rows(
            seqs=self.seqs[at],
            ids=[self.ids[place] for place in places],
            roles=[self.roles[place] for place in places],
            sessions=[self.sessions[place] for place in places],
            metadata=[self.metadata[place] for place in places],
            stamps=self.stamps[at],
            days=self.days[at],
            traces=self.traces.take(at),
            memory=lambda place: self.memory(places[place]),
        )

    @classmethod
    def join(cls, parts: Sequence[Rows]) -> Rows:
        """All ``parts``, of which there must be one at least, one after another."""
        starts = np.cumsum([0, *map(len, parts)])

        def memory(place: int) -> Memory:
            part = int(starts.searchsorted(place, "right")) - 1
            return parts[part].memory(place - int(starts[part]))

        return cls(
            seqs=np.concatenate([part.seqs for part in parts]),
            ids=[*chain.from_iterable(part.ids for part in parts)],
            roles=[*chain.from_iterable(part.roles for part in parts)],
            sessions=[*chain.from_iterable(part.sessions for part in parts)],
            metadata=[*chain.from_iterable(part.metadata for part in parts)],
            stamps=np.concatenate([part.stamps for part in parts]),
            days=np.concatenate([part.days for part in parts]),
            traces=Columns.join([part.traces for part in parts]),
            memory=memory,
        )


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader of one namespace has come. `START` has seen nothing.

    Attributes:
        epoch: identifies the namespace's life: a namespace that was emptied and filled again has another.
        seq: the last row seen.
        change: the last entry of the journal (updates, deletions, associations) seen.
        whole: False if more rows were there, and associations with them, which are yet to be told of.
    """

    epoch: int = 0
    seq: int = 0
    change: int = 0
    whole: bool = True


START = Cursor()


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What happened in one namespace since a cursor, in the order in which to apply it.

    Attributes:
        cursor: where to go on from; at once, where it is not whole.
        reset: True if the reader must drop what it has first (the namespace began a new life, or
            the journal no longer reaches back far enough).
        deleted: seqs that are gone.
        updated: rows whose memory changed in place; the seq stays.
        added: new rows, no more than a page.
        associations: source seq -> all its explicit associations now ({target seq: weight}), for
            each source whose associations changed; an empty mapping means that it has none left. They come
            with the last page of new rows.
    """

    cursor: Cursor
    reset: bool = False
    deleted: Sequence[int] = ()
    updated: Rows | None = None
    added: Rows | None = None
    associations: Mapping[int, Mapping[int, float]] = field(default_factory=dict)


class Store(Protocol):
    """Keeps memories, their traces and their explicit associations; safe to use from many threads.

    Every write is atomic, and durable when the call returns (for a store that lasts). Errors are
    those of `nuonuo.errors`.
    """

    @property
    def path(self) -> str | None:
        """The file, or the address without its password; None for a store in RAM."""
        ...

    def claim(self, identity: Identity) -> None:
        """Write ``identity`` into a new store; compare it with that of an old one.

        Raises:
            EmbedderMismatchError: the store was made with another one; nothing is changed.
        """
        ...

    def identity(self) -> Identity | None:
        """What the store was made with; None where nobody has claimed it yet."""
        ...

    def insert(
        self, namespace: str | None, items: Sequence[tuple[Memory, Traces]], *, replace: bool = False
    ) -> list[int]:
        """Store memories, whose ids are set, and return their seqs, in order; all or none.

        Args:
            namespace: where all of them go; None for each its own.
            replace: one whose id is taken in its namespace takes the place of what is there.

        Raises:
            InvalidInputError: an id is already taken (with ``replace``: in another namespace), or stands
                twice in ``items``; or ``namespace`` is None and a memory has none of its own.
        """
        ...

    def replace(self, memory: Memory, traces: Traces) -> None:
        """Put ``memory`` in the place of the one with the same id and namespace; the seq stays.

        Raises:
            UnknownMemoryError: no such memory in ``memory.namespace``.
        """
        ...

    def revise(self, ids: Sequence[str], change: Revision) -> builtins.list[Memory]:
        """Give memories other metadata, or delete them, by what they are at that moment.

        Nobody writes between what ``change`` is shown and what becomes of it. Traces stay as they are.

        Args:
            ids: those that are not stored count for nothing.
            change: the metadata that a memory has from now on; None deletes it.

        Returns:
            Those that changed or are gone, as they were, by order of arrival.
        """
        ...

    def delete(
        self,
        *,
        namespace: str | None = None,
        ids: Sequence[str] | None = None,
        session_id: str | None = None,
        before: datetime | None = None,
    ) -> int:
        """Delete what meets every condition given and return how many memories are gone.

        ``before`` is exclusive and spares memories without a timestamp; a whole day is compared with what
        the clock of its zone shows. Ids that are not stored count for nothing. Afterwards no trace of them
        is left in the store's files, the name of a namespace or session that became empty included
        (PostgreSQL: after `PostgresStore.vacuum`).
        """
        ...

    def associate(self, source_id: str, target_id: str, weight: float) -> None:
        """Set the explicit association from one memory to another; weight 0 removes it.

        Raises:
            UnknownMemoryError: an id is not stored.
            InvalidInputError: the two are in different namespaces, or are one memory.
        """
        ...

    def changes(self, namespace: str, since: Cursor) -> Changes:
        """What happened in ``namespace`` since ``since``, from one consistent snapshot."""
        ...

    def position(self, namespace: str) -> Cursor:
        """Where a reader stands that has followed all of ``namespace``."""
        ...

    def version(self) -> int:
        """A number that changes whenever anything may have been written, by whichever process. Cheap."""
        ...

    def refresh(self, lexicon: int, words: Callable[[Memory], Words]) -> int:
        """Work out ``words`` anew of what was stored by other rules than ``lexicon``'s; return of how many.

        In steps, each of which lasts: where it is interrupted, the next call goes on. A store that cannot be
        written, or that does not last, may leave it: readers look at `Traces.lexicon`, and do it themselves.
        """
        ...

    def get(self, ids: Sequence[str], namespace: str | None = None) -> list[Memory | None]:
        """The memories with these ids, in order; None for one that is not stored (there)."""
        ...

    def traced(self, ids: Sequence[str]) -> builtins.list[tuple[Memory, Traces] | None]:
        """As `get`, with the traces of each."""
        ...

    def get_seqs(
        self, namespace: str, seqs: Sequence[int], *, epoch: int | None = None
    ) -> list[Memory | None]:
        """The memories with these seqs, in order; None for one that is gone.

        Args:
            epoch: of the reader's cursor. Who gives it asks for `version` or `position` afterwards: those
                tell whether the store is what it was, which need not be looked at twice.
        """
        ...

    def list(
        self,
        *,
        namespace: str | None = None,
        session_id: str | None = None,
        limit: int | None = None,
        offset: int = 0,
        newest_first: bool = False,
    ) -> list[Memory]:
        """Memories by order of arrival (or the reverse), in one namespace or in all."""
        ...

    def scan(
        self, after: int, limit: int, *, unchecked: bool = False
    ) -> builtins.list[tuple[int, Memory, Traces]]:
        """The first memories of any namespace that came after the seq ``after``: seq, memory and traces.

        Args:
            unchecked: the memories, whatever their checksums say; nothing is promised of their traces.
        """
        ...

    def seqs(self, after: int, limit: int) -> builtins.list[int]:
        """The seqs of the first memories of any namespace that came after the seq ``after``."""
        ...

    def associations(self, namespace: str | None = None) -> Iterator[tuple[str, str, float]]:
        """All explicit associations as (source id, target id, weight)."""
        ...

    def namespaces(self, prefix: str = "", limit: int | None = None) -> builtins.list[str]:
        """The namespaces that hold at least one memory, sorted.

        Args:
            prefix: only those whose names begin with it; others cost no time, once the names are known.
            limit: only so many, those to which a memory was added last, the latest first.
        """
        ...

    def counts(self) -> Counts:
        """How much is stored."""
        ...

    def close(self) -> None:
        """Release the file; any later call raises `StoreClosedError`. Closing twice is no error."""
        ...


@dataclass(frozen=True, slots=True)
class Counts:
    """Totals of a store: memories, namespaces, explicit associations, bytes on disk."""

    memories: int
    namespaces: int
    associations: int
    file_bytes: int


def may_repeat(rows: Rows) -> npt.NDArray[np.bool_]:
    """Which of ``rows`` (N,) can repeat each other: a session's turns that ask, or that another says."""
    told = np.array([role not in (None, "user") for role in rows.roles], np.bool_)
    turns = np.array([session is not None for session in rows.sessions], np.bool_)
    found: npt.NDArray[np.bool_] = turns & (told | rows.traces.words.asks)
    return found
