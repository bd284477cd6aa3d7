"""What stands in the columns ``body``, ``traces`` and ``name``: payloads as in a file, behind a checksum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nuonuo.records import Memory
from nuonuo.stores.codec import Digests, decode_text, pack_memory, to_microseconds, unpack_memory
from nuonuo.stores.layout import pack_traces, unpack_each
from nuonuo.stores.sums import SIZE, Sums
from nuonuo.traces import Traces

LEAD = SIZE  # bytes of a body before its payload
Written = tuple["int | None", bytes, "bytes | None", bytes]  # stamp, digest, session, body


class Bodies:
    """Makes bodies of memories and of their traces, and reads them again.

    Args:
        salt: of the store.

    Attributes:
        sums: what checks a body. digests: what ids, sessions and namespaces are looked up by.
    """

    def __init__(self, salt: bytes) -> None:
        self.sums, self.digests = Sums(salt), Digests(salt)

    def seal(self, payload: bytes) -> bytes:
        """The body of ``payload``."""
        return self.sums.of(payload) + payload

    def row(self, memory: Memory) -> Written:
        """What is written of ``memory`` beside its traces, its namespace and its seq."""
        session = None if memory.session_id is None else self.digests.of_session(memory.session_id)
        digest, body = self.digests.of_id(memory.id or ""), self.seal(pack_memory(memory))
        return to_microseconds(memory.timestamp), digest, session, body

    def of_traces(self, traces: Traces) -> bytes:
        """The body of ``traces``."""
        return self.seal(pack_traces(traces))

    def memories(self, rows: Iterable[Sequence[Any]], *, unchecked: bool = False) -> Iterator[Memory]:
        """Memories from (stamp, body, name of the namespace).

        Raises:
            NotAStoreError: one is damaged; with ``unchecked``: as far as it cannot be read at all.
        """
        for stamp, body, name in rows:
            if not unchecked:
                self.sums.check([body], LEAD)
            yield unpack_memory(body, LEAD, stamp, decode_text(name))

    def traces(self, bodies: Sequence[bytes], *, unchecked: bool = False) -> list[Traces]:
        """Traces from their bodies, which may be those of several namespaces.

        Raises:
            NotAStoreError: as `memories`.
        """
        if not unchecked:
            self.sums.check(bodies, LEAD)
        return unpack_each(bodies, LEAD)

    def ids(self, bodies: Sequence[bytes]) -> list[str]:
        """The ids of memories from their bodies.

        Raises:
            NotAStoreError: one is damaged.
        """
        self.sums.check(bodies, LEAD)
        return [unpack_memory(body, LEAD, None, "").id or "" for body in bodies]
